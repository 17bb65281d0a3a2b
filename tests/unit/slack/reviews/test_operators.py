"""The operators of reviews: the message of the question, the person behind an answer, and the end of the message."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from support.airflow_answers import SERVICE_USER, Answers
from support.slack_workspace import CHANNEL, SlackWorkspace, State, context
from workplace_provider.common import airflow_connection
from workplace_provider.slack.operators import SlackReviewAnswerOperator, SlackReviewOperator
from workplace_provider.slack.operators.review import parse_people
from workplace_provider.slack.reviews import ReviewedTask
from workplace_provider.slack.reviews.message import FACT
from workplace_sandbox.model import SlackMessage

AT = datetime(2026, 12, 1, 5, 2, tzinfo=UTC)
REVIEWERS = ["jimin", "alex"]


class Review:
    """A task that asks, in a run of its own."""

    def __init__(self, workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> None:
        self.workspace = workspace
        self.state = State()
        self.assigned: list[str] | None = None
        with DAG("주간_보고", schedule=None):
            self.task = SlackReviewOperator(
                task_id="review",
                **{"subject": "발행할까요?", "reviewers": REVIEWERS, "channel": CHANNEL, **arguments},
            )

        def park(task: Any, context: Any) -> None:
            self.assigned = task.assigned_users and [user["id"] for user in task.assigned_users]
            for notifier in task.notifiers:
                notifier(context)

        monkeypatch.setattr(HITLOperator, "execute", park)

    def context(self, try_number: int = 1) -> Any:
        ti = SimpleNamespace(dag_id="주간_보고", run_id="run", task_id="review", map_index=-1, try_number=try_number)
        return context("run", state=self.state, ti=ti, task=self.task)

    def ask(self, try_number: int = 1) -> SlackMessage:
        self.task.execute(self.context(try_number))
        return self.workspace.said[-1]

    def complete(self, user: str | None, option: str = "Approve", **params_input: Any) -> Any:
        event = {
            "chosen_options": [option],
            "params_input": params_input,
            "responded_at": AT,
            "responded_by_user": {"id": user, "name": user} if user else None,
        }
        return self.task.execute_complete(self.context(), event)

    @property
    def last_line(self) -> str:
        return str(self.workspace.said[-1].payload["blocks"][-1])


@pytest.fixture
def review(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch) -> Review:
    return Review(workspace, monkeypatch, labels={"Approve": "승인"})


def by_click(person: str = "jimin", via: str = "slack:T0/U0JIMIN") -> dict[str, str]:
    return {"decided_by": person, "via": via, "click": "E1"}


def test_the_question_is_posted_once_with_buttons_for_the_task(review: Review) -> None:
    message = review.ask()
    review.ask()
    assert len(review.workspace.said) == 1
    assert review.assigned == [*REVIEWERS, SERVICE_USER]
    section, actions = message.payload["blocks"]
    assert section["text"]["text"].startswith("*발행할까요?*")
    task = ReviewedTask("주간_보고", "run", "review", -1, 1)
    assert ReviewedTask.of(message.payload["metadata"]["event_payload"][FACT]) == task
    shown = [(button["text"]["text"], button["style"], button["value"]) for button in actions["elements"]]
    assert shown == [("승인", "primary", task.key), ("Reject", "danger", task.key)]


def test_a_new_try_asks_in_a_new_message(review: Review) -> None:
    first = review.ask()
    second = review.ask(try_number=2)
    assert first.ts != second.ts
    old, new = review.workspace.said
    assert "asks in a new message" in str(old.payload["blocks"][-1])
    assert new.payload["blocks"][-1]["type"] == "actions"


def test_a_text_and_a_link_to_airflow(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Review(workspace, monkeypatch, text="*새 글* <https://wiki.example.com|초안>").ask()
    assert message.payload["blocks"][0]["text"]["text"] == "*새 글* <https://wiki.example.com|초안>"
    review = Review(workspace, monkeypatch, subject="<!channel> R&D?", reviewers=["lee"])
    monkeypatch.setattr(review.task, "generate_link_to_ui", lambda **_: "https://airflow.example.com/x")
    text = review.task._default_text(review.context())
    assert text == "*&lt;!channel&gt; R&amp;D?*\n<https://airflow.example.com/x|Open in Airflow>"

    def fail(**_: Any) -> None:
        raise ValueError("no base_url")

    monkeypatch.setattr(review.task, "generate_link_to_ui", fail)
    assert review.task._default_text(review.context()) == "*&lt;!channel&gt; R&amp;D?*"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reviewers": []}, "reviewers is empty; a review in Slack needs them"),
        ({"reviewers": [SERVICE_USER]}, "is a reviewer and service_user"),
        ({"params": {"reason": "x"}}, "params cannot be filled in with a button"),
        ({"only": "mallory"}, "mallory may not review this"),
        ({"channel": "#없는-채널"}, "없는-채널"),
    ],
)
def test_arguments_that_do_not_fit(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    review = Review(workspace, monkeypatch, **arguments)
    with pytest.raises(AirflowFailException, match=message):
        review.ask()
    assert workspace.said == []


def test_without_a_channel_it_asks_in_airflow_only(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    review = Review(workspace, monkeypatch, channel="", reviewers=[], params={"reason": "x"})
    review.task.execute(review.context())
    assert (review.assigned, workspace.said) == (None, [])
    assert review.complete("lee", reason="good")["params_input"] == {"reason": "good"}


def test_the_answer_of_a_click_is_that_of_the_person(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    review.ask()
    result = review.complete(SERVICE_USER, **by_click())
    assert result["responded_by_user"] == {"id": "jimin", "name": "jimin"}
    assert result["params_input"]["via"] == "slack:T0/U0JIMIN"
    assert "*Approved* by <@U0JIMIN> (jimin)" in review.last_line
    before = len(review.workspace.sandbox.requests("chat.update"))
    again = Review(review.workspace, monkeypatch)
    again.state = review.state
    again.complete("alex")
    assert len(review.workspace.sandbox.requests("chat.update")) == before, "the message shows the end already"


def test_an_answer_in_airflow_names_its_author_alone(review: Review) -> None:
    review.ask()
    result = review.complete("alex", "Reject", **by_click("boss"))
    assert result["responded_by_user"]["name"] == "alex"
    assert result["params_input"] == {}
    assert "*Rejected* by alex in Airflow" in review.last_line


@pytest.mark.parametrize(
    "facts", [{}, by_click("mallory"), by_click(via=""), by_click(via="slack:T0/<!channel>"), {"decided_by": "jimin"}]
)
def test_the_service_user_alone_approves_nothing(review: Review, facts: dict[str, str]) -> None:
    review.ask()
    with pytest.raises(AirflowFailException, match="answered without the name of a reviewer"):
        review.complete(SERVICE_USER, **facts)
    assert "Approved" not in review.last_line


def test_a_run_that_asks_one_reviewer_takes_no_answer_of_another(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = Review(workspace, monkeypatch, only="alex")
    review.ask()
    with pytest.raises(AirflowFailException):
        review.complete(SERVICE_USER, **by_click("jimin"))


def test_the_timeout_is_shown(review: Review) -> None:
    review.ask()
    with pytest.raises(HITLTimeoutError):
        review.task.execute_complete(review.context(), {"error": "late", "error_type": "timeout"})
    assert "*Closed*: no one answered in time" in review.last_line


def test_the_default_after_the_timeout_is_shown(review: Review) -> None:
    review.ask()
    review.complete(None, "Reject")
    assert "*Rejected* by default: no one answered in time" in review.last_line


def test_slack_does_not_fail_an_answered_review(review: Review) -> None:
    review.ask()
    review.workspace.goes_wrong("chat.update", "status", status=200, body='{"ok":false,"error":"edit_window_closed"}')
    assert review.complete("alex")["chosen_options"] == ["Approve"]
    review.workspace.sandbox.store.delete_message(review.workspace.said[-1])
    assert review.complete("alex")["chosen_options"] == ["Approve"]
    review.state.clear()
    assert review.complete("alex")["chosen_options"] == ["Approve"]


def test_a_rejection_that_skips_others_has_a_result_too(review: Review) -> None:
    review.task >> BaseOperator(task_id="publish", dag=review.task.dag)
    pushed: dict[str, Any] = {}
    ctx = review.context()
    ctx["ti"].xcom_push = lambda key, value: pushed.update({key: value})
    review.ask()
    user = {"id": SERVICE_USER, "name": SERVICE_USER}
    event = {"chosen_options": ["Reject"], "params_input": by_click(), "responded_at": AT, "responded_by_user": user}
    with pytest.raises(DownstreamTasksSkipped):
        review.task.execute_complete(ctx, event)
    assert pushed["return_value"]["responded_by_user"] == {"id": "jimin", "name": "jimin"}
    assert "*Rejected* by <@U0JIMIN>" in review.last_line


def test_the_rejection_that_fails_the_task_is_shown(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    review = Review(workspace, monkeypatch, fail_on_reject=True, response_timeout=timedelta(hours=1))
    review.ask()
    with pytest.raises(HITLRejectException):
        review.complete("alex", "Reject")
    assert "*Rejected* by alex in Airflow" in review.last_line


def test_a_click_is_answered_by_the_operator(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    message = review.ask()
    jimin = review.workspace.sandbox.slack.person("jimin").id
    button = message.payload["blocks"][1]["elements"][0]
    click = {
        "type": "block_actions",
        "event_id": "E1",
        "channel": review.workspace.channel,
        "user": jimin,
        "user_team": "T0SANDBOX",
        "ts": message.ts,
        "action_id": button["action_id"],
        "value": button["value"],
    }
    airflow = Answers()
    monkeypatch.setattr(airflow_connection, "airflow_api", lambda conn_id: _Opened(airflow, conn_id))
    monkeypatch.setattr("workplace_provider.slack.reviews.clicks.SETTLING", timedelta(0))

    def answer(event: dict[str, Any]) -> Any:
        task = SlackReviewAnswerOperator(task_id="answer", click=event, people={jimin: "jimin"})
        return json.loads(json.dumps(task.execute(context())))

    result = answer(click)
    assert (result["outcome"], result["person"], result["option"]) == ("recorded", "jimin", "Approve")
    assert result["task"]["run_id"] == "run"
    with pytest.raises(AirflowSkipException, match="does not belong to a review"):
        answer({**click, "value": "x"})
    with pytest.raises(AirflowSkipException, match="clicks more often than the rate limit"):
        answer({**click, "over_limit": 1})


class _Opened:
    def __init__(self, airflow: Answers, conn_id: str) -> None:
        assert conn_id == "airflow_api"
        self._airflow = airflow

    def __enter__(self) -> Answers:
        return self._airflow

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("jimin", "must map Slack ids to users"),
        ({"@jimin": "jimin"}, "'@jimin' is not a Slack id"),
        ({1: "jimin"}, "1 is not a Slack id"),
        ({"U024BE7LH": ""}, "must be the id of a user"),
        ({"U024BE7LH": 7}, "must be the id of a user"),
    ],
)
def test_a_mapping_of_people_that_is_wrong(people: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_people(people, "people")
    assert parse_people({"T024/U024BE7LH": "7"}, "people") == {"T024/U024BE7LH": "7"}
