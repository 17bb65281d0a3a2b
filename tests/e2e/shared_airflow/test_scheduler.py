"""A real scheduler's actions on tasks: it retries them, people clear them, workers die while running them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from support.real_airflow import RealAirflow, until
from workplace_sandbox.faults import Fault
from workplace_sandbox.local.weeks import title_begins, week_of

pytestmark = pytest.mark.e2e

DAG = "weekly_report"
DOCUMENT = "analytics_doc"
ACCOUNTS = "identity_sync"


def week(before: int) -> date:
    """Return the Thursday of a week before this one; the seed's last report is three weeks old."""
    return week_of(datetime.now(UTC)) - timedelta(weeks=before)


class Runs(RealAirflow):
    """A real Airflow with the weekly report, and the sandbox that it works on."""

    def trigger(self, day: date) -> str:
        """Start a run for the week of a day."""
        run = self.airflow.api.trigger(DAG, run_after=datetime.now(UTC), conf={"report_date": str(day)})
        return str(run["dag_run_id"])

    def states(self, run_id: str) -> dict[str, tuple[str, int]]:
        """Task to state and try."""
        found = self.airflow.api.task_instances(DAG, run_id)
        return {each["task_id"]: (str(each["state"]), each["try_number"]) for each in found}

    def wait(self, run_id: str, state: str = "success") -> None:
        """Wait for the end of a run."""

        def ended() -> bool:
            run = next(each for each in self.airflow.api.runs(DAG) if each["dag_run_id"] == run_id)
            assert run["state"] in ("queued", "running", state), self.states(run_id)
            return bool(run["state"] == state)

        until(ended, f"the run {run_id} to end")

    def forget_syncs(self) -> None:
        """Remove the state of earlier syncs."""
        with closing(sqlite3.connect(self.work / "airflow" / "airflow.db", timeout=60)) as database, database:
            database.execute("DELETE FROM asset_state_store")

    def clear(self, run_id: str) -> None:
        """Clear every task of a run, like the button "Clear"."""
        api = self.airflow.api
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        answer = api._session.post(f"{self.airflow.url}/api/v2/dags/{DAG}/clearTaskInstances", json=body, timeout=60)
        answer.raise_for_status()

    def link(self, run_id: str, task_id: str) -> str:
        """Return the address behind the button that the UI shows for a task."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/links"
        answer = self.airflow.api._session.get(self.airflow.url + path, timeout=60)
        return str(answer.json()["extra_links"]["Open the page"])

    def pages(self, day: date) -> list[Any]:
        return [page for page in self.sandbox.store.pages("ANALYTICS") if page.title.startswith(title_begins(day))]

    def messages(self, page_id: str) -> int:
        return sum(page_id in message.payload["report_link"] for message in self.sandbox.messages("#weekly-report"))

    def assert_one_page_and_one_message(self, day: date) -> None:
        (page,) = self.pages(day)
        markers = {each.key: each.value for each in self.sandbox.store.properties(page.id)}
        assert markers["airflow.copy"]["complete"] is True
        assert page.version == 1
        versions = {each.filename: each.version for each in self.sandbox.store.attachments(page.id)}
        # Last week's graph was copied with the page, and this week's replaced it once.
        assert sorted(versions.values()) == [1, 1, 2]
        assert versions["주간활성사용자.png"] == 2
        assert self.messages(page.id) == 1


@pytest.fixture(scope="module")
def runs(shared_airflow: RealAirflow) -> Runs:
    return Runs(shared_airflow.airflow, shared_airflow.sandbox, shared_airflow.work)


def test_refusals_that_pass_are_waited_out_and_the_page_is_announced_once(runs: Runs) -> None:
    wait = {"Retry-After": "1"}
    runs.sandbox.add_fault(Fault("/triggers/", "status", method="POST", status=429, headers=wait, times=2))
    run = runs.trigger(week(3))
    runs.wait(run)
    runs.sandbox.clear_faults()
    # The seed has this week's page already: nothing is copied, and the link is posted all the same.
    (page,) = runs.pages(week(3))
    assert runs.messages(page.id) == 1
    assert runs.states(run)["announce"] == ("success", 3)


def test_a_cleared_run_makes_nothing_twice(runs: Runs) -> None:
    run = runs.trigger(week(2))
    runs.wait(run)
    runs.assert_one_page_and_one_message(week(2))
    (page,) = runs.pages(week(2))
    for task_id in ("copy_last_week", "announce"):
        assert runs.link(run, task_id) == f"{runs.sandbox.confluence_url}/pages/viewpage.action?pageId={page.id}"
    runs.clear(run)
    until(lambda: runs.states(run)["announce"] == ("success", 2), "the cleared run to end")
    runs.assert_one_page_and_one_message(week(2))


def test_a_worker_killed_after_the_page_was_made_is_followed_by_one_that_finishes_it(runs: Runs) -> None:
    run = runs.trigger(week(1))
    runs.kill_the_worker_in("/rest/api/content$", "POST")
    runs.wait(run)
    assert runs.states(run)["copy_last_week"] == ("success", 2)
    runs.assert_one_page_and_one_message(week(1))


def test_a_worker_killed_after_the_message_was_posted_is_followed_by_no_second_message(runs: Runs) -> None:
    run = runs.trigger(week(0))
    runs.kill_the_worker_in("/triggers/", "POST")
    runs.wait(run)
    assert runs.states(run)["announce"] == ("success", 2)
    runs.assert_one_page_and_one_message(week(0))


@pytest.mark.parametrize("decision", ["Approve", "Reject"])
def test_a_reviewer_sees_the_difference_and_decides(runs: Runs, decision: str) -> None:
    api, base = runs.airflow.api, f"{runs.airflow.url}/api/v2/dags/{DOCUMENT}"
    day = {"Approve": week(0), "Reject": week(1)}[decision]
    title = f"{title_begins(day)}주간 분석"
    conf = {"report_date": str(day), "review": True}
    run_id = str(api.trigger(DOCUMENT, run_after=datetime.now(UTC), conf=conf)["dag_run_id"])
    task = f"{base}/dagRuns/{quote(run_id, safe='')}/taskInstances/review/-1/hitlDetails"

    def titles() -> set[str]:
        return {page.title for page in runs.sandbox.store.pages("ANALYTICS") if page.title.endswith("주간 분석")}

    def asked() -> bool:
        return any(each["state"] == "awaiting_input" for each in api.task_instances(DOCUMENT, run_id))

    until(asked, "the review to be asked for")
    assert title not in titles()
    question = api._session.get(task, timeout=60).json()
    assert title in question["subject"]
    assert "주간 활성 사용자" in question["body"]
    until(lambda: runs.process_has_ended(DOCUMENT, "review", run_id), "the asking process to end")
    api._session.patch(task, json={"chosen_options": [decision]}, timeout=60).raise_for_status()

    def ended() -> bool:
        return all(each["state"] in ("success", "skipped") for each in api.task_instances(DOCUMENT, run_id))

    until(ended, "the run to end")
    assert (title in titles()) is (decision == "Approve")
    if decision == "Approve":
        (page,) = [page for page in runs.sandbox.store.pages("ANALYTICS") if page.title == title]
        audit = api.return_value(DOCUMENT, run_id, "publish")["audit"]
        assert (audit["triggered_by"], [each["user"] for each in audit["approvals"]]) == ("admin", ["admin"])
        assert 'triggered by "admin", approved by "admin" (review)' in page.message


@pytest.mark.parametrize("decision", ["Reject", "Approve"])
def test_a_person_decides_when_more_would_be_disabled_than_the_policy_allows(runs: Runs, decision: str) -> None:
    api, sandbox = runs.airflow.api, runs.sandbox
    runs.forget_syncs()  # a rejected plan is not asked again while it stays the same
    for name in ("minsu", "jiho", "sora", "yuna"):
        sandbox.slack.deactivate(name)
    run_id = str(api.trigger(ACCOUNTS, run_after=datetime.now(UTC))["dag_run_id"])
    base = f"{runs.airflow.url}/api/v2/dags/{ACCOUNTS}/dagRuns/{quote(run_id, safe='')}"
    task = f"{base}/taskInstances/sync.approve/0/hitlDetails"

    def states() -> dict[str, str]:
        return {each["task_id"]: str(each["state"]) for each in api.task_instances(ACCOUNTS, run_id)}

    def enabled() -> set[str]:
        return {each.user_id for each in sandbox.store.member_accounts() if each.enabled}

    until(lambda: states().get("sync.approve") == "awaiting_input", "the approval to be asked for")
    before = enabled()
    question = api._session.get(task, timeout=60).json()
    assert "The plan would disable 6 accounts; the limit is 5." in question["subject"]
    assert "박민수" in question["body"]
    until(lambda: runs.process_has_ended(ACCOUNTS, "sync.approve", run_id), "the asking process to end")
    api._session.patch(task, json={"chosen_options": [decision]}, timeout=60).raise_for_status()
    until(lambda: set(states().values()) <= {"success", "skipped"}, "the run to end")
    gone = {"minsu", "jiho", "sora", "yuna", "former.cho", "former.ito"}
    if decision == "Reject":
        assert states()["sync.apply"] == "skipped"
        assert enabled() == before
    else:
        assert before - enabled() == gone
        assert [message.text for message in sandbox.messages("#data-alarms") if "6 disabled" in message.text]
