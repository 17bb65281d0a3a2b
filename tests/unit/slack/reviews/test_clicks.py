"""Clicks on buttons in the sandbox's Slack, and the answers that Airflow receives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from support.airflow_answers import SERVICE_USER, Answers
from support.slack_workspace import BEGIN, CHANNEL, SlackWorkspace
from workplace_provider.common.airflow_api import AirflowApi, TaskKey
from workplace_provider.http.errors import Conflict, SourceUnavailable
from workplace_provider.slack.client.parts import MessagePart
from workplace_provider.slack.events import SlackEvent, event_of_click
from workplace_provider.slack.reviews import Click, ClickResult, ReviewDesk, ReviewedTask
from workplace_provider.slack.reviews.message import FACT, is_open, open_message, option_number

TASK = ReviewedTask("주간_보고", "manual__2026-12-01T00:00:00+00:00", "검토.review", 2, 1)
OPTIONS = ["Approve", "Reject"]


class Desk:
    """A message of a review, the people who click in it, and Airflow."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self.workspace = workspace
        self.airflow = Answers()
        self.slept: list[float] = []
        person = workspace.sandbox.slack.person
        self.people = {person("jimin").id: "jimin", person("alex").id: "alex", person("viewer").id: "viewer"}
        self.ts = self.post()

    def post(self, task: ReviewedTask = TASK, facts: dict[str, Any] | None = None) -> str:
        message = open_message("*발행할까요?*", "발행할까요?", task, OPTIONS, {"Approve": "승인"})
        facts = {FACT: task.as_fact()} if facts is None else facts
        return self.workspace.poster.post(
            self.workspace.channel, [message], dedupe_key=str(task), since=BEGIN, facts=facts, is_first=True
        ).ts

    def event(self, person: str, button: int = 0, ts: str = "") -> SlackEvent:
        click = self.workspace.sandbox.slack.click(CHANNEL, person, ts or self.ts, f"workplace_review.{button}")
        assert click is not None
        event = event_of_click("E1", click.payload)
        assert event is not None
        return event

    def click(self, person: str, button: int = 0, **changes: Any) -> ClickResult:
        return self.handle(Click.of(self.event(person, button).payload()), **changes)

    def handle(self, click: Click, **changes: Any) -> ClickResult:
        desk = ReviewDesk(
            cast("AirflowApi", self.airflow),
            self.workspace.reader,
            self.workspace.poster,
            self.people,
            SERVICE_USER,
            self.slept.append,
        )
        return desk.handle(replace(click, **changes))

    @property
    def text(self) -> str:
        """The last block of the message."""
        message = self.workspace.sandbox.store.message(self.workspace.channel, self.ts)
        assert message is not None
        return str(message.payload["blocks"][-1])

    @property
    def is_open(self) -> bool:
        message = self.workspace.poster.own_message(self.workspace.channel, self.ts)
        assert message is not None
        return is_open(message)

    @property
    def replies(self) -> list[str]:
        # Without the sandbox's own: no app is connected.
        whispers = self.workspace.sandbox.slack.whispers(CHANNEL)
        return [whisper.text for whisper in whispers if whisper.name != "Slackbot"]


@pytest.fixture
def desk(workspace: SlackWorkspace) -> Desk:
    return Desk(workspace)


@pytest.mark.parametrize(("button", "option", "shown"), [(0, "Approve", "*Approved*"), (1, "Reject", "*Rejected*")])
def test_the_click_of_a_reviewer_is_the_answer(desk: Desk, button: int, option: str, shown: str) -> None:
    result = desk.click("jimin", button)
    assert result == ClickResult("recorded", TASK, option, "jimin")
    assert desk.airflow.received == [(TaskKey(TASK.dag_id, TASK.run_id, TASK.task_id, 2), option)]
    jimin = desk.workspace.sandbox.slack.person("jimin").id
    assert desk.airflow.answered["params_input"] == {"decided_by": "jimin", "via": f"slack:T0SANDBOX/{jimin}", "click": "E1"}
    assert not desk.is_open
    assert f"{shown} by <@{jimin}> (jimin)" in desk.text
    assert "<!date^1796101320^{date_short_pretty} {time}|2026-12-01 05:02 UTC>" in desk.text
    assert desk.replies == []


def test_a_retry_of_the_same_click_changes_nothing(desk: Desk) -> None:
    click = Click.of(desk.event("jimin").payload())
    first, again = desk.handle(click), desk.handle(click)
    assert first == again
    assert len(desk.airflow.received) == 1
    assert desk.replies == []


def test_the_second_person_is_told_who_decided(desk: Desk) -> None:
    click = Click.of(desk.event("alex", 1).payload())
    desk.click("jimin")
    assert desk.handle(click, event_id="E2").outcome == "decided"
    assert len(desk.airflow.received) == 1
    (reply,) = desk.replies
    assert reply.startswith("This review was decided before your click. *Approved* by <@")


def test_two_people_at_the_same_moment_count_once(desk: Desk) -> None:
    desk.airflow.overtaken_by = "lee"
    assert desk.click("jimin").outcome == "decided"
    assert desk.airflow.received == []
    assert "*Rejected* by lee in Airflow" in desk.text


@pytest.mark.parametrize("person", ["viewer", "haruka"])
def test_others_are_told_that_they_are_not_assigned(desk: Desk, person: str) -> None:
    assert desk.click(person).outcome == "not_assigned"
    assert desk.airflow.received == []
    assert desk.is_open
    (reply,) = desk.replies
    ids = [slack_id for slack_id, name in desk.people.items() if name != "viewer"]
    assert reply.startswith("You are not assigned to this review")
    assert reply.endswith(f"Assigned: <@{ids[0]}>, <@{ids[1]}>.")


def test_a_person_of_another_workspace_needs_the_id_of_theirs(desk: Desk) -> None:
    click = Click.of(desk.event("jimin").payload())
    assert desk.handle(click, user_team="T0OTHER").outcome == "not_assigned"
    assert desk.handle(click, user_team="").outcome == "not_assigned"
    desk.people[f"T0OTHER/{click.user}"] = "alex"
    assert desk.handle(click, user_team="T0OTHER").person == "alex"


def test_without_assigned_people_no_one_answers_from_slack(desk: Desk) -> None:
    desk.airflow.reviewers = []
    assert desk.click("jimin").outcome == "not_assigned"
    assert "Assigned:" not in desk.replies[0]


def test_forged_clicks_are_ignored(desk: Desk) -> None:
    click = Click.of(desk.event("jimin").payload())
    other = replace(TASK, run_id="another")
    unmarked = desk.post(other, facts={})
    broken = desk.post(other, facts={FACT: '["a", 1, "b", true, 2]'})
    said = desk.workspace.sandbox.slack.say(CHANNEL, "alex", "a message of a person")
    for changes in (
        {"value": other.key},
        {"value": ""},
        {"action_id": "workplace_review"},
        {"action_id": "workplace_review.x"},
        {"action_id": "other.0"},
        {"ts": "1.000000"},
        {"ts": said.ts},
        {"ts": unmarked, "value": other.key},
        {"ts": broken, "value": other.key},
    ):
        assert desk.handle(click, **changes) == ClickResult("ignored"), changes
    assert desk.handle(click, action_id="workplace_review.7").outcome == "ignored", "an option that does not exist"
    assert (desk.airflow.received, desk.replies) == ([], [])


def test_a_message_of_another_app_with_the_same_metadata_does_not_count(desk: Desk) -> None:
    desk.workspace.sandbox.slack.add_person("other-bot", kind="bot")
    buttons = open_message("x", "x", TASK, OPTIONS).blocks
    metadata = {"event_type": "airflow_post", "event_payload": {FACT: TASK.as_fact(), "dedupe_key": "x"}}
    forged = desk.workspace.sandbox.slack.say(CHANNEL, "other-bot", "x", blocks=list(buttons), metadata=metadata)
    click = Click.of(desk.event("jimin").payload())
    assert desk.handle(click, ts=forged.ts).outcome == "ignored"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exists": False}, "its task does not exist any more"),
        ({"try_number": 2}, "the task was started again"),
        ({"state": "failed"}, "its task does not wait for an answer (state failed)"),
        ({"state": "running"}, "its task does not wait for an answer (state running)"),
    ],
)
def test_a_click_after_the_end_closes_the_message(desk: Desk, changes: dict[str, Any], reason: str) -> None:
    for name, value in changes.items():
        setattr(desk.airflow, name, value)
    assert desk.click("jimin").outcome == "closed"
    assert desk.airflow.received == []
    assert not desk.is_open
    assert f"*Closed*: {reason}" in desk.text
    assert desk.replies[0].startswith(f"This review is closed: {reason}")


def test_the_default_after_the_timeout_is_shown_as_such(desk: Desk) -> None:
    desk.airflow.answer_as(None, "Reject")
    assert desk.click("jimin").outcome == "decided"
    assert "*Rejected* by default: no one answered in time" in desk.text


def test_facts_of_another_caller_name_nobody(desk: Desk) -> None:
    desk.airflow.answer_as("mallory", "Approve", decided_by="boss", via="slack:T0SANDBOX/U0BOSS")
    desk.click("jimin")
    assert "*Approved* by mallory in Airflow" in desk.text


def test_an_answer_to_a_task_that_failed_meanwhile_is_no_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    record = desk.airflow.answer

    def answer(*arguments: Any) -> None:
        record(*arguments)
        desk.airflow.state = "failed"

    monkeypatch.setattr(desk.airflow, "answer", answer)
    assert desk.click("jimin").outcome == "closed"
    assert "its task failed at the same moment" in desk.replies[0]


def test_an_answer_waits_until_airflow_can_take_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.airflow, "state", "running")
    event = Click.of(desk.event("jimin").payload())

    def sleep(seconds: float) -> None:
        desk.slept.append(seconds)
        if len(desk.slept) == 3:
            desk.airflow.state = "awaiting_input"

    desk_ = ReviewDesk(
        cast("AirflowApi", desk.airflow), desk.workspace.reader, desk.workspace.poster, desk.people, SERVICE_USER, sleep
    )
    assert desk_.handle(event).outcome == "recorded"
    assert 3 < desk.slept[0] <= 5
    assert desk.slept[1:] == [1.0, 1.0]


def test_a_lost_response_of_airflow_is_read_back_by_the_retry(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    record = desk.airflow.answer

    def lose(*arguments: Any) -> None:
        record(*arguments)
        raise SourceUnavailable("the connection broke", outcome_unknown=True)

    monkeypatch.setattr(desk.airflow, "answer", lose)
    click = Click.of(desk.event("jimin").payload())
    with pytest.raises(SourceUnavailable):
        desk.handle(click)
    assert desk.handle(click).outcome == "recorded"
    assert len(desk.airflow.received) == 1


def test_a_person_who_cannot_be_told_fails_nothing(desk: Desk) -> None:
    desk.workspace.goes_wrong("chat.postEphemeral", "status", status=200, body='{"ok":false,"error":"user_not_in_channel"}')
    assert desk.click("viewer").outcome == "not_assigned"
    desk.workspace.goes_wrong("chat.postEphemeral", "status", status=503, times=9)
    with pytest.raises(SourceUnavailable):
        desk.click("viewer")
    desk.workspace.sandbox.clear_faults()


def test_a_review_in_a_thread(desk: Desk) -> None:
    parent = desk.workspace.sandbox.slack.say(CHANNEL, "alex", "질문")
    message = open_message("x", "x", TASK, OPTIONS)
    posted = desk.workspace.poster.post(
        desk.workspace.channel, [message], dedupe_key="t", since=BEGIN, thread_ts=parent.ts, facts={FACT: TASK.as_fact()}
    )
    event = desk.event("jimin", ts=posted.ts)
    assert event.thread_ts == parent.ts
    assert desk.handle(Click.of(event.payload())).outcome == "recorded"


def test_a_text_that_is_too_long_has_no_buttons(desk: Desk) -> None:
    from workplace_provider.http.errors import TooLarge

    with pytest.raises(TooLarge, match="do not fit one message with buttons"):
        open_message("가" * 20_000, "x", TASK, OPTIONS)
    assert isinstance(open_message("가" * 9_000, "나" * 5_000, TASK, OPTIONS), MessagePart)
    assert option_number("workplace_review.100") is None


def test_a_refusal_of_airflow_is_an_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise Conflict("gone", retryable=False)

    monkeypatch.setattr(desk.airflow, "answer", refuse)
    assert desk.click("jimin").outcome == "closed", "a conflict without an answer: the task no longer waits"
