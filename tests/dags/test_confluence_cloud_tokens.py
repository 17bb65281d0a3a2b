"""The weekly report and the document on Cloud, with tokens in a Variable, by Airflow's own way to its database."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from airflow.models.variable import Variable
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.jira.client import SCOPES as JIRA_SCOPES
from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

VARIABLE = "confluence_default_oauth_token"
LEASE = f"{VARIABLE}_lease"
NOV_05 = datetime(2026, 11, 5, 0, 0, tzinfo=UTC)
NOV_19 = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A connection with a consent whose access token is at its end."""
    client_id, secret = sandbox.cloud_oauth_client
    extra = {"auth": "oauth", "api_url": sandbox.cloud_gateway_url, "auth_url": sandbox.atlassian_auth_url}
    connection = {"conn_type": "confluence", "login": client_id, "password": secret, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))
    Variable.set(VARIABLE, json.dumps(sandbox.cloud.consent()))
    Variable.delete(LEASE)
    sandbox.clear_requests()
    return sandbox


@pytest.fixture
def dag(repository: Path) -> Any:
    dag = project_dag(repository, "weekly_report")
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def run(dag: Any) -> Any:
    return dag.test(logical_date=NOV_05, run_after=NOV_05)


def reports(sandbox: Sandbox) -> list[str]:
    return [page.title for page in sandbox.store.pages("ANALYTICS") if page.title.startswith("20261105_")]


def refreshes(sandbox: Sandbox) -> int:
    return len([asked for asked in sandbox.requests() if asked.path.endswith("/oauth/token")])


@pytest.fixture
def _connected_jira(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to Jira with a consent of its own."""
    connection = json.loads(os.environ["AIRFLOW_CONN_CONFLUENCE_DEFAULT"]) | {"conn_type": "jira"}
    monkeypatch.setenv("AIRFLOW_CONN_JIRA_DEFAULT", json.dumps(connection))
    Variable.set("jira_default_oauth_token", json.dumps(connected.cloud.consent([*JIRA_SCOPES, "offline_access"])))


@pytest.mark.usefixtures("_connected_jira")
def test_the_report_is_made_and_each_consent_is_refreshed_once(
    connected: Sandbox, dag: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    first = json.loads(Variable.get(VARIABLE))
    assert run(dag).state == DagRunState.SUCCESS
    (made,) = [page for page in connected.store.pages("ANALYTICS") if page.title.startswith("20261105_")]
    assert [message.payload["report_link"] for message in connected.messages("#weekly-report")][-1].startswith(
        f"{connected.cloud_url}/wiki/spaces/ANALYTICS/pages/{made.id}"
    )
    kept = json.loads(Variable.get(VARIABLE))
    assert kept["refresh_token"] not in ("", first["refresh_token"])
    assert f'href="{connected.cloud_url}/browse/ANL-' in made.body
    assert refreshes(connected) == 2
    assert Variable.get(LEASE) == ""
    logged = caplog.text + capsys.readouterr().out
    assert f"refreshed the tokens in the Variable {VARIABLE}" in logged
    for secret in (kept["refresh_token"], kept["access_token"], first["refresh_token"]):
        assert secret not in logged


def test_the_document_is_made_though_the_access_token_ends_in_the_middle(connected: Sandbox, repository: Path) -> None:
    def end_it_at_the_first_write() -> None:
        while not any(asked.method == "POST" and asked.path.endswith("/v2/pages") for asked in connected.requests()):
            time.sleep(0.02)
        connected.cloud.expire_access_tokens()

    Thread(target=end_it_at_the_first_write, daemon=True).start()
    first = json.loads(Variable.get(VARIABLE))
    dag = project_dag(repository, "analytics_doc")
    drun = dag.test(logical_date=NOV_19, run_after=NOV_19, run_conf={"channels": ["data-분석"]})
    assert drun.state == DagRunState.SUCCESS
    (made,) = [page for page in connected.store.pages("ANALYTICS") if page.title == "20261119_주간 분석"]
    files = {each.filename for each in connected.store.attachments(made.id)}
    assert {f"주간활성사용자_{device}.png" for device in ("PC", "모바일", "태블릿")} <= files
    assert "주간 활성 사용자" in made.body
    assert refreshes(connected) == 2
    assert json.loads(Variable.get(VARIABLE))["refresh_token"] != first["refresh_token"]


def test_a_consent_that_was_taken_back_fails_the_task_for_good(
    connected: Sandbox, dag: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    connected.cloud.revoke_consents()
    kept = Variable.get(VARIABLE)
    run_of_dag = run(dag)
    assert run_of_dag.state == DagRunState.FAILED
    (failed,) = [each for each in run_of_dag.get_task_instances() if each.state == "failed"]
    assert failed.try_number == 1
    assert Variable.get(VARIABLE) == kept
    assert "consent again with workplace-confluence-login" in caplog.text + capsys.readouterr().out
    assert reports(connected) == []


def test_a_variable_of_the_environment_is_refused(
    connected: Sandbox,
    dag: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{VARIABLE.upper()}", json.dumps(connected.cloud.consent()))
    assert run(dag).state == DagRunState.FAILED
    assert "does not change when it is written" in caplog.text + capsys.readouterr().out


def test_the_lease_of_another_machine_is_waited_for(connected: Sandbox, dag: Any) -> None:
    until = time.time() + 8
    Variable.set(LEASE, json.dumps({"owner": "another", "until": until}))
    assert run(dag).state == DagRunState.SUCCESS
    (refreshed,) = [asked for asked in connected.requests() if asked.path.endswith("/oauth/token")]
    assert refreshed.at.timestamp() >= until


def test_the_connection_test_outside_of_a_task_uses_up_no_token(
    connected: Sandbox, dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the API server is, where the button is pressed.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    works, message = ConfluenceHook().test_connection()
    assert not works
    assert "Run a task that uses the connection" in message
    assert refreshes(connected) == 0
    Variable.set(VARIABLE, json.dumps({**connected.cloud.consent(), "expires_at": time.time() + 3000}))
    works, message = ConfluenceHook().test_connection()
    assert works, message
    assert "on Confluence Cloud" in message
    Variable.delete(VARIABLE)
    works, message = ConfluenceHook().test_connection()
    assert not works
    assert f"No tokens in the Variable {VARIABLE}" in message
