"""Refreshes of extracts: started once per task, joined, resumed, and ended with the reason of the job."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from support.bi_site import BiSite
from support.slack_workspace import State
from workplace_provider.http.errors import Conflict, SourceUnavailable, WorkplaceError
from workplace_provider.tableau.client import DataSource, Workbook
from workplace_provider.tableau.operators import TableauRefreshOperator
from workplace_provider.tableau.operators.refresh import STATE_KEY
from workplace_provider.tableau.sensors import (
    TableauDataSourceUpdatedSensor,
    TableauFlowUpdatedSensor,
)
from workplace_sandbox import Fault


@pytest.fixture(autouse=True)
def _connection(bi: BiSite, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {
        "conn_type": "tableau_rest",
        "host": bi.sandbox.tableau_url,
        "login": bi.token.name,
        "password": bi.token.secret,
        "extra": {"site": bi.sandbox.tableau_site},
    }
    monkeypatch.setenv("AIRFLOW_CONN_TABLEAU_DEFAULT", json.dumps(connection))


def context(state: State | None = None) -> Any:
    return {
        "dag": SimpleNamespace(dag_id="weekly", timezone=UTC),
        "run_id": "run-1",
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 19, tzinfo=UTC)),
        "ti": SimpleNamespace(map_index=-1),
        "task_state_store": State() if state is None else state,
    }


def refresh(**more: Any) -> TableauRefreshOperator:
    given = {"workbook": "WeeklyKPI", "deferrable": True, **more}
    return TableauRefreshOperator(task_id="refresh", **given)


def deferred(operator: TableauRefreshOperator, state: State) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context(state))
    return caught.value


def resumed(operator: TableauRefreshOperator, state: State, waiting: TaskDeferred) -> Any:
    return getattr(operator, waiting.method_name)(context(state), event={}, **(waiting.kwargs or {}))


def started(bi: BiSite) -> int:
    return len(bi.sandbox.requests("/refresh$"))


def test_a_refresh_waits_in_the_triggerer_and_checks_on_a_worker(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    operator, state = refresh(), State()
    waiting = deferred(operator, state)
    assert type(waiting.trigger).__module__.startswith("airflow.providers.standard"), "it knows no password"
    assert operator.pool == "tableau_pat"
    assert bi.controls.sessions == [], "it signs out while it waits"
    with pytest.raises(TaskDeferred):
        resumed(operator, state, waiting)
    bi.controls.clock.advance(timedelta(hours=1))
    result = resumed(operator, state, waiting)
    assert json.loads(json.dumps(result))["name"] == "주간 지표"
    assert result["completed_at"]
    assert result["joined"] is False
    assert started(bi) == 1
    assert operator.view_url == result["url"]
    assert dict(state) == {}, "a cleared task refreshes again"
    assert bi.controls.sessions == []


def test_a_retry_waits_for_the_job_of_the_first_try(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    state = State()
    deferred(refresh(), state)
    waiting = deferred(refresh(), state)
    assert started(bi) == 1
    bi.controls.clock.advance(timedelta(hours=1))
    resumed(refresh(), state, waiting)
    assert started(bi) == 1
    deferred(refresh(workbook="Checks"), state)
    deferred(refresh(), State({STATE_KEY: {"wanted": ["WeeklyKPI", "", ""], "job": "0" * 8}}))
    assert started(bi) == 3, "another workbook, and a job that Tableau has deleted"


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_a_lost_response_starts_no_second_refresh(bi: BiSite, kind: Any) -> None:
    bi.controls.jobs.run_seconds = 600
    bi.sandbox.add_fault(Fault("/refresh$", kind))
    state = State()
    deferred(refresh(), state)
    assert started(bi) == 1
    assert state[STATE_KEY]["job"] == bi.controls.jobs.of_site("analytics")[0].luid


def test_a_lost_response_that_cannot_be_looked_up_is_looked_up_by_the_retry(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    bi.sandbox.add_fault(Fault("/refresh$", "drop_after"))
    bi.sandbox.add_fault(Fault("/jobs$", "status", status=429, headers={"Retry-After": "3000"}))
    state = State()
    with pytest.raises(WorkplaceError):
        refresh(if_running="fail").execute(context(state))
    deferred(refresh(if_running="fail"), state)
    assert started(bi) == 1
    del state[STATE_KEY]["job"]
    bi.sandbox.add_fault(Fault("/jobs$", "status", status=403))
    deferred(refresh(if_running="fail"), state)
    assert started(bi) == 2, "Tableau reports the refresh as its own duplicate, and the task joins it"
    assert len(bi.controls.jobs.of_site("analytics")) == 1


def test_a_refresh_that_runs_is_joined_skipped_or_an_error(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    with bi.client() as client:
        client.jobs.start(client.find_content(Workbook, "WeeklyKPI"))
    with pytest.raises(AirflowSkipException, match="already queued or running"):
        refresh(if_running="skip").execute(context())
    with pytest.raises(AirflowFailException, match="already queued or running"):
        refresh(if_running="fail").execute(context())
    state = State()
    waiting = deferred(refresh(), state)
    bi.controls.clock.advance(timedelta(hours=1))
    assert resumed(refresh(), state, waiting)["joined"] is True
    assert len(bi.controls.jobs.of_site("analytics")) == 1
    bi.controls.jobs.run_seconds = 600
    deferred(refresh(), State())
    bi.sandbox.add_fault(Fault("/jobs$", "status", status=403, times=None))
    with pytest.raises(Conflict, match="its job cannot be found") as caught:
        refresh().execute(context())
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("reason", "error"),
    [("no route to the database", SourceUnavailable), ("OAuth refresh token is expired", AirflowFailException)],
)
def test_a_failed_job_fails_the_task_with_its_reason_and_a_retry_refreshes_again(
    bi: BiSite, reason: str, error: type[Exception]
) -> None:
    bi.controls.jobs.failures.append(reason)
    operator, state = refresh(datasource="SalesSource", workbook=""), State()
    waiting = deferred(operator, state)
    with pytest.raises(error, match=f"'매출 원천' failed: {reason}"):
        resumed(operator, state, waiting)
    again = deferred(operator, state)
    assert resumed(operator, state, again)["name"] == "매출 원천"
    assert started(bi) == 2


def test_a_cancelled_job_is_not_retried(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    state = State()
    waiting = deferred(refresh(), state)
    bi.controls.jobs.cancel("analytics", state[STATE_KEY]["job"])
    with pytest.raises(AirflowFailException, match="was cancelled in Tableau"):
        resumed(refresh(), state, waiting)


def test_a_worker_waits_in_one_session_through_short_failures(bi: BiSite, monkeypatch: pytest.MonkeyPatch) -> None:
    bi.controls.jobs.run_seconds = 150
    monkeypatch.setattr("time.sleep", lambda seconds: bi.controls.clock.advance(timedelta(seconds=seconds)))
    bi.sandbox.add_fault(Fault("/jobs/", "status", status=429, headers={"Retry-After": "3000"}))
    result = refresh(deferrable=False, incremental=True).execute(context())
    assert result is not None
    assert result["completed_at"]
    assert bi.sign_ins() == 1
    assert bi.controls.jobs.of_site("analytics")[0].incremental


def test_a_job_that_takes_too_long_is_waited_for_by_the_retry(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    state = State()
    deferred(refresh(), state)
    with pytest.raises(SourceUnavailable, match="has not ended within 1 seconds"):
        refresh(timeout=1).check_again(context(state), deadline="2020-01-01T00:00:00+00:00")
    assert state[STATE_KEY]["job"]
    assert refresh(wait=False).execute(context(state)) is not None
    assert dict(state) == {}


def test_what_cannot_be_refreshed_is_an_error(bi: BiSite) -> None:
    state = State()
    with pytest.raises(AirflowFailException, match="refresh the data sources"):
        refresh(workbook="", datasource="LiveOrders").execute(context(state))
    assert dict(state) == {}
    for given in ({"workbook": ""}, {"datasource": "SalesSource"}):
        with pytest.raises(AirflowFailException, match="give either workbook or datasource"):
            refresh(**given).execute(context())
    with bi.client(api_version="3.24") as client, pytest.raises(WorkplaceError, match=r"needs version 3\.25"):
        client.jobs.start(client.find_content(Workbook, "WeeklyKPI"), incremental=True)


def test_a_job_that_cannot_be_read_by_id_is_read_from_the_list(bi: BiSite) -> None:
    error = '<error code="400031"><summary>a</summary><detail>b</detail></error>'
    body = f'<tsResponse xmlns="http://tableau.com/api">{error}</tsResponse>'
    with bi.client() as client:
        job = client.jobs.start(client.find_content(Workbook, "WeeklyKPI"))
        bi.sandbox.add_fault(Fault("/jobs/", "status", status=400, body=body, times=2))
        assert client.jobs.get(job.id).succeeded
        with pytest.raises(WorkplaceError, match="No job"):
            client.jobs.get("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    "body", ["<job/>", '<job id="1"><extractRefreshJob><workbook id="other"/></extractRefreshJob></job>']
)
def test_a_response_about_something_else_is_no_started_refresh(bi: BiSite, body: str) -> None:
    response = f'<tsResponse xmlns="http://tableau.com/api">{body}</tsResponse>'
    bi.sandbox.add_fault(Fault("/refresh$", "status", status=200, body=response))
    state = State()
    with pytest.raises(WorkplaceError, match="does not describe a refresh") as caught:
        refresh().execute(context(state))
    assert caught.value.outcome_unknown
    assert state[STATE_KEY]["requested_at"], "the retry looks for the job first"


def test_a_job_is_not_guessed(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    with bi.client() as client:
        book, other = client.find_content(Workbook, "WeeklyKPI"), client.find_content(Workbook, "Checks")
        assert client.jobs.find_running(book) is None
        job = client.jobs.start(book)
        assert client.jobs.find_running(other) is None
        found = client.jobs.find_running(book)
        assert found is not None
        assert found.id == job.id
        bi.sandbox.add_fault(Fault("/jobs/", "status", status=403))
        assert client.jobs.find_running(book) is None
        bi.controls.clock.advance(timedelta(hours=1))
        assert client.jobs.find_running(book) is None, "it has ended"
        assert job.created_at is not None
        assert client.jobs.find_running(book, since=job.created_at) is not None
        assert client.jobs.find_running(book, since=job.created_at + timedelta(minutes=1)) is None
        ended = f'<job id="{job.id}" completedAt="2026-11-19T00:00:00Z" finishCode="9"/>'
        response = f'<tsResponse xmlns="http://tableau.com/api">{ended}</tsResponse>'
        bi.sandbox.add_fault(Fault("/jobs/", "status", status=200, body=response))
        with pytest.raises(WorkplaceError, match="unknown code '9'"):
            client.jobs.get(job.id)


def test_a_token_without_the_right_to_read_jobs_fails_the_check(bi: BiSite) -> None:
    bi.controls.jobs.run_seconds = 600
    state = State()
    waiting = deferred(refresh(), state)
    error = '<error code="401002"><summary>a</summary><detail>b</detail></error>'
    body = f'<tsResponse xmlns="http://tableau.com/api">{error}</tsResponse>'
    bi.sandbox.add_fault(Fault("/jobs/", "status", status=401, body=body, times=None))
    with pytest.raises(WorkplaceError, match="The session was ended 3 times"):
        resumed(refresh(), state, waiting)
    assert bi.sign_ins() == 1 + 3


# --- freshness


def test_a_refreshed_source_lets_the_dag_go_on(bi: BiSite) -> None:
    with bi.client() as client:
        source = client.find_content(DataSource, "SalesSource")
        before = client.metadata.extract_time(source)
    assert before is not None
    later = (before + timedelta(seconds=1)).isoformat()
    sensor = TableauDataSourceUpdatedSensor(task_id="wait", datasource="SalesSource", since=later)
    assert not sensor.poke(context())
    bi.controls.refresh_datasource(source.id)
    assert sensor.poke(context()).xcom_value["name"] == "매출 원천"
    assert sensor.view_url == source.url
    live = TableauDataSourceUpdatedSensor(task_id="wait", datasource="LiveOrders")
    with pytest.raises(AirflowFailException, match="has no extract: its data is live"):
        live.poke(context())
    bi.controls.metadata_enabled = False
    with pytest.raises(AirflowFailException, match="Metadata API is not available"):
        sensor.poke(context())


@pytest.mark.parametrize(
    "body",
    [
        '{"data": {"publishedDatasources": []}}',
        '{"data": null, "errors": [{"message": "the index is being built"}]}',
        '{"data": {"publishedDatasources": [{"luid": "other", "hasExtracts": true}]}}',
        "[]",
    ],
)
def test_an_index_that_lags_behind_is_waited_for(bi: BiSite, body: str) -> None:
    bi.sandbox.add_fault(Fault("/graphql$", "status", status=200, body=body, times=None))
    sensor = TableauDataSourceUpdatedSensor(task_id="wait", datasource="SalesSource")
    assert not sensor.poke(context())


def test_a_page_in_place_of_metadata_is_an_error(bi: BiSite) -> None:
    with bi.client() as client:
        source = client.find_content(DataSource, "SalesSource")
        bi.sandbox.add_fault(Fault("/graphql$", "html"))
        with pytest.raises(WorkplaceError, match="JSON"):
            client.metadata.extract_time(source)
        dashboard = client.find_view("WeeklyKPI/Overview")
        for sheets in ("null", "[1]"):
            body = f'{{"data": {{"dashboards": [{{"luid": "{dashboard.id}", "sheets": {sheets}}}]}}}}'
            bi.sandbox.add_fault(Fault("/graphql$", "status", status=200, body=body))
            with pytest.raises(WorkplaceError, match="no valid list of sheets"):
                client.metadata.sheets_of(dashboard)


def test_a_wait_that_ends_names_what_it_waited_for() -> None:
    source = TableauDataSourceUpdatedSensor(task_id="wait", datasource="매출 원천", since="2026-11-19")
    flow = TableauFlowUpdatedSensor(task_id="wait", flow="정리", since="2026-11-19")
    assert source.describe_timeout(context()).startswith("매출 원천 was not refreshed since 2026-11-19")
    assert flow.describe_timeout(context()).startswith("정리 was not refreshed since 2026-11-19")


def test_a_flow_that_has_run_lets_the_dag_go_on(bi: BiSite) -> None:
    sensor = TableauFlowUpdatedSensor(task_id="wait", flow="주간 지표 정리", since="2020-01-01")
    found = sensor.poke(context())
    assert found.is_done
    later = datetime.fromisoformat(found.xcom_value["updated_at"]) + timedelta(seconds=1)
    sensor = TableauFlowUpdatedSensor(task_id="wait", flow=found.xcom_value["url"], since=later)
    assert not sensor.poke(context())
    bi.controls.jobs.failures.append("no data")
    flow = found.xcom_value["id"]
    bi.controls.jobs.start("analytics", "flow", flow, "주간 지표 정리", "jimin")
    assert not sensor.poke(context()), "a failed run is no refresh"
    bi.controls.jobs.start("analytics", "flow", flow, "주간 지표 정리", "jimin")
    assert sensor.poke(context())
