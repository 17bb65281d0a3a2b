"""Reviews in Slack as people use them: asked by a real task, clicked in a browser, answered in a real Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from support.real_airflow import RealAirflow, until
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import SlackMessage

pytestmark = pytest.mark.e2e

CHANNEL = "data-분석"
PATIENCE = 180_000  # milliseconds; an answer takes six seconds, unless the machine is busy
CONNECTION = "airflow_api"


@dataclass
class Reviews:
    """A real Airflow whose task asks in the channel, and the people who click there."""

    real: RealAirflow
    browser: Browser
    _known: set[str] = field(default_factory=set)

    def ask(self, dag_id: str = "asks") -> tuple[str, SlackMessage]:
        """Start a run, and return its id and its message in the channel, once the task waits."""
        run = self.real.airflow.api._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        until(lambda: bool(self._messages()), "the message")
        (message,) = self._messages()
        self._known.add(message.ts)
        return str(run["dag_run_id"]), message

    def message(self, ts: str) -> SlackMessage:
        found = self.real.sandbox.store.message(self.real.sandbox.slack.channel(CHANNEL).id, ts)
        assert found is not None
        return found

    def is_open(self, ts: str) -> bool:
        return any(block["type"] == "actions" for block in self.message(ts).payload["blocks"])

    def detail(self, run_id: str, dag_id: str = "asks") -> dict[str, Any]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/review/-1/hitlDetails"
        detail: dict[str, Any] = self.real.airflow.api._call("GET", path)
        return detail

    def states(self, run_id: str, dag_id: str = "asks") -> dict[str, str]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return {ti["task_id"]: ti["state"] for ti in self.real.airflow.api._call("GET", path)["task_instances"]}

    def result(self, run_id: str) -> Any:
        path = f"/api/v2/dags/asks/dagRuns/{quote(run_id, safe='')}/taskInstances/review/xcomEntries/return_value"
        return self.real.airflow.api._call("GET", path)["value"]

    @contextmanager
    def channel(self) -> Iterator[Page]:
        page = self.browser.new_page()
        page.set_default_timeout(PATIENCE)
        try:
            page.goto(f"{self.real.sandbox.url}/slack/archives/{CHANNEL}")
            yield page
        finally:
            page.close()

    def click(self, page: Page, person: str, message: SlackMessage, button: str) -> None:
        """Click as a person, who is chosen below the messages."""
        page.get_by_label("as").select_option(self.real.sandbox.slack.person(person).id)
        article = page.locator(f"article[id$='{message.ts.replace('.', '')}']")
        article.get_by_role("button", name=button).click()

    def _messages(self) -> list[SlackMessage]:
        messages = self.real.sandbox.store.messages(self.real.sandbox.slack.channel(CHANNEL).id)
        reviews = [message for message in messages if "review:" in str(message.payload.get("metadata"))]
        return [message for message in reviews if message.ts not in self._known]


@pytest.fixture(scope="module")
def reviews(shared_airflow: RealAirflow, browser: Browser) -> Reviews:
    api = shared_airflow.airflow.api
    credential = {"login": "slack-approvals", "password": shared_airflow.airflow.passwords["slack-approvals"]}
    body = {"connection_id": CONNECTION, "conn_type": "http", "host": shared_airflow.airflow.url, **credential}
    api._call("PATCH", f"/api/v2/connections/{CONNECTION}", body)
    for dag_id in ("asks", "asks_briefly"):
        until(lambda dag_id=dag_id: api.dag(dag_id) is not None, "the DAGs to be parsed")
        api.unpause(dag_id)
    return Reviews(shared_airflow, browser)


def test_a_reviewer_approves_and_another_person_does_not(reviews: Reviews) -> None:
    run_id, message = reviews.ask()
    jimin, minsu = (reviews.real.sandbox.slack.person(name) for name in ("jimin", "minsu"))
    with reviews.channel() as page:
        reviews.click(page, "minsu", message, "승인")
        expect(page.get_by_text("You are not assigned to this review")).to_be_visible(timeout=PATIENCE)
        assert reviews.detail(run_id)["response_received"] is False
        reviews.click(page, "jimin", message, "승인")
        expect(page.get_by_text(f"by @{jimin.shown_name} (jimin)").first).to_be_visible(timeout=PATIENCE)
    detail = reviews.detail(run_id)
    assert detail["chosen_options"] == ["Approve"]
    assert detail["responded_by_user"]["id"] == "slack-approvals"
    assert detail["params_input"]["decided_by"] == "jimin"
    assert detail["params_input"]["via"].endswith(f"/{jimin.id}")
    until(lambda: reviews.states(run_id)["publish"] == "success", "the run to go on")
    assert reviews.result(run_id)["responded_by_user"] == {"id": "jimin", "name": "jimin"}
    assert not reviews.is_open(message.ts)
    assert [whisper.user_id for whisper in reviews.real.sandbox.slack.whispers(CHANNEL)] == [minsu.id]


def test_two_reviewers_reject_at_the_same_moment(reviews: Reviews) -> None:
    run_id, message = reviews.ask()
    ids = {name: reviews.real.sandbox.slack.person(name).id for name in ("jimin", "alex")}
    with reviews.channel() as page:
        for name in ids:
            reviews.click(page, name, message, "반려")
        # Either of them may be the first; the other one sees that.
        expect(page.get_by_text("This review was decided before your click")).to_be_visible(timeout=PATIENCE)
    until(lambda: reviews.states(run_id) == {"review": "success", "publish": "skipped"}, "the run to end")
    decided_by = reviews.detail(run_id)["params_input"]["decided_by"]
    assert reviews.result(run_id)["responded_by_user"]["id"] == decided_by
    (other,) = ids.keys() - {decided_by}
    assert reviews.real.sandbox.slack.whispers(CHANNEL)[-1].user_id == ids[other]
    assert f"by <@{ids[decided_by]}>" in str(reviews.message(message.ts).payload["blocks"])


def test_a_click_after_the_timeout_closes_the_message(reviews: Reviews) -> None:
    # The task cannot change its message, so that the buttons are still there.
    refusal = '{"ok":false,"error":"edit_window_closed"}'
    reviews.real.sandbox.add_fault(Fault("/slack/api/chat.update$", "status", times=None, status=200, body=refusal))
    try:
        run_id, message = reviews.ask("asks_briefly")
        until(lambda: reviews.states(run_id, "asks_briefly")["review"] == "failed", "the timeout")
    finally:
        reviews.real.sandbox.clear_faults()
    assert reviews.is_open(message.ts)
    with reviews.channel() as page:
        reviews.click(page, "jimin", message, "승인")
        expect(page.get_by_text("This review is closed")).to_be_visible(timeout=PATIENCE)
        until(lambda: not reviews.is_open(message.ts), "the buttons to go")
    assert "*Closed*: its task does not wait" in str(reviews.message(message.ts).payload["blocks"])
    assert reviews.states(run_id, "asks_briefly")["review"] == "failed"
    assert reviews.detail(run_id, "asks_briefly")["response_received"] is False
