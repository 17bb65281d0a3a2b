"""The client for Airflow's REST API, against a small server that answers as Airflow does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from workplace_sandbox.local.rest import AirflowApi, ApiError
from workplace_sandbox.local.settings import read_settings

SETTINGS = """
airflow:
  connections:
    - {conn_id: wiki, conn_type: confluence, conn_host: "http://localhost:8765/confluence", conn_password: hunter2}
  pools:
    - {pool_name: one, pool_slot: 1}
  variables:
    - {variable_name: v, variable_value: "1"}
"""


class Airflow:
    """Answers by a table of (method, path) -> [(status, content), ...], the last one for good; remembers the calls."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.calls: list[tuple[str, str, Any, str | None]] = []
        self.silent = 0
        self.done = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.calls.append((self.command, self.path, body, self.headers.get("Authorization")))
                if len(outer.calls) <= outer.silent:
                    outer.done.wait()
                    return
                answers = outer.answers.get((self.command, self.path), [(404, {"detail": "no such thing"})])
                status, content = answers.pop(0) if len(answers) > 1 else answers[0]
                data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    made = Airflow()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.done.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    return AirflowApi(airflow.url)


def test_log_in_and_then_carry_the_token(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST", "/auth/token"] = [(201, {"access_token": "abc"})]
    airflow.answers["GET", "/api/v2/dags/weekly_report"] = [(200, {"dag_id": "weekly_report"})]

    api.log_in("admin", "secret")
    dag = api.dag("weekly_report")

    assert dag == {"dag_id": "weekly_report"}
    assert airflow.calls[0][2] == {"username": "admin", "password": "secret"}
    assert airflow.calls[1][3] == "Bearer abc"


def test_health_is_empty_until_somebody_answers(airflow: Airflow, api: AirflowApi) -> None:
    assert AirflowApi("http://127.0.0.1:9").health() == {}
    assert api.health() == {}
    airflow.answers["GET", "/api/v2/monitor/health"] = [
        (200, {"metadatabase": {"status": "healthy"}, "scheduler": {"status": None}, "triggerer": None})
    ]
    assert api.health() == {"metadatabase": "healthy", "scheduler": "missing", "triggerer": "missing"}


def test_settings_are_created_or_changed(airflow: Airflow, api: AirflowApi, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    airflow.answers["POST", "/api/v2/connections"] = [(409, {"detail": {"reason": "Unique constraint violation"}})]
    airflow.answers["PATCH", "/api/v2/connections/wiki"] = [(200, {})]
    airflow.answers["POST", "/api/v2/pools"] = [(201, {})]
    airflow.answers["POST", "/api/v2/variables"] = [(201, {})]

    api.apply(read_settings(path, "http://127.0.0.1:1"))

    assert [call[:2] for call in airflow.calls] == [
        ("POST", "/api/v2/connections"),
        ("PATCH", "/api/v2/connections/wiki"),
        ("POST", "/api/v2/pools"),
        ("POST", "/api/v2/variables"),
    ]
    assert airflow.calls[1][2]["host"] == "http://127.0.0.1:1/confluence"


def test_a_refused_entry_is_named_and_its_password_is_not(airflow: Airflow, api: AirflowApi, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    fault = {"loc": ["body", "password"], "msg": "too short", "input": "hunter2"}
    airflow.answers["POST", "/api/v2/connections"] = [(422, {"detail": [fault]})]

    with pytest.raises(ApiError, match=r"connections 'wiki': .*422 body\.password: too short") as caught:
        api.apply(read_settings(path, "http://127.0.0.1:1"))

    assert "hunter2" not in str(caught.value)


def test_a_dag_that_is_not_parsed_is_none(api: AirflowApi) -> None:
    assert api.dag("weekly_report") is None


def test_a_run_is_triggered_without_a_logical_date(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST", "/api/v2/dags/weekly_report/dagRuns"] = [(200, {"dag_run_id": "manual__1"})]
    moment = datetime(2026, 11, 19, tzinfo=UTC)

    run = api.trigger("weekly_report", run_after=moment, conf={"report_date": "2026-11-19"})

    assert run == {"dag_run_id": "manual__1"}
    body = airflow.calls[0][2]
    assert body == {"logical_date": None, "run_after": "2026-11-19T00:00:00+00:00", "conf": {"report_date": "2026-11-19"}}


def test_ids_are_quoted(airflow: Airflow, api: AirflowApi) -> None:
    path = "/api/v2/dags/d/dagRuns/backfill__2026-11-05T00%3A00%3A00%2B00%3A00/taskInstances"
    airflow.answers["GET", path] = [(200, {"task_instances": []})]
    assert api.task_instances("d", "backfill__2026-11-05T00:00:00+00:00") == []


def test_a_return_value_that_is_not_there_is_none(api: AirflowApi) -> None:
    assert api.return_value("d", "r", "t") is None


def test_logs_become_lines(airflow: Airflow, api: AirflowApi) -> None:
    content = [
        "a plain line\nand another",
        {"event": "::group::Log message source details"},
        {
            "timestamp": "2026-11-19T00:00:00.123456Z",
            "level": "error",
            "event": "Task failed",
            "error_detail": [{"exc_type": "AuthFailed", "exc_value": "the token is not accepted"}],
        },
    ]
    airflow.answers["GET", "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/1?full_content=true"] = [
        (200, {"content": content})
    ]
    assert api.log("d", "r", "t", 1) == [
        "a plain line",
        "and another",
        "::group::Log message source details",
        "2026-11-19T00:00:00 ERROR Task failed",
        "    AuthFailed: the token is not accepted",
    ]


SERIOUS = "Serious error when handling your request. Check logs for more details - you will find it in api server when …"


@pytest.mark.parametrize(
    "detail",
    [
        "(sqlite3.OperationalError) database is locked",
        # Airflow 3.3.2, without and with [api] expose_stacktrace
        {"reason": "Database error", "statement": "hidden", "orig_error": "hidden", "message": SERIOUS},
        {"reason": "Database error", "statement": "UPDATE dag SET …", "orig_error": "database is locked", "message": "…"},
    ],
    ids=["plain", "hidden", "exposed"],
)
def test_a_locked_database_is_waited_out(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch, detail: Any
) -> None:
    monkeypatch.setattr("workplace_sandbox.local.rest.time.sleep", lambda seconds: None)
    locked = (500, {"detail": detail})
    airflow.answers["PATCH", "/api/v2/dags/d"] = [locked, locked, (200, {})]
    airflow.answers["GET", "/api/v2/importErrors"] = [locked, (200, {"import_errors": []})]

    api.unpause("d")
    assert len(airflow.calls) == 3
    assert api.import_errors() == {}


def test_a_database_that_stays_locked_is_told(airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workplace_sandbox.local.rest.LOCKED_DATABASE_PATIENCE", 0.0)
    airflow.answers["PATCH", "/api/v2/dags/d"] = [(500, {"detail": {"reason": "Database error", "message": SERIOUS}})]
    with pytest.raises(ApiError, match="500 Database error"):
        api.unpause("d")


@pytest.mark.parametrize("silent", [1, 3])
def test_a_get_that_is_not_answered_in_time_is_repeated(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    monkeypatch.setattr("workplace_sandbox.local.rest.TIMEOUT", (5.0, 0.2))
    airflow.silent = silent
    airflow.answers["GET", "/api/v2/importErrors"] = [(200, {"import_errors": []})]
    assert api.import_errors() == {}
    assert len(airflow.calls) == silent + 1


def test_a_post_that_is_not_answered_is_not_repeated(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workplace_sandbox.local.rest.TIMEOUT", (5.0, 0.2))
    airflow.silent = 1
    with pytest.raises(ApiError, match="no response from Airflow"):
        api.trigger("d", run_after=datetime(2026, 11, 19, tzinfo=UTC))
    assert len(airflow.calls) == 1


def test_health_is_empty_when_airflow_answers_late(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workplace_sandbox.local.rest.TIMEOUT", (5.0, 0.2))
    airflow.silent = 1
    assert api.health() == {}
    assert len(airflow.calls) == 1


def test_another_server_error_is_told_at_once(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["PATCH", "/api/v2/dags/d"] = [(500, "no JSON")]
    with pytest.raises(ApiError, match=r"PATCH /api/v2/dags/d: 500 Internal Server Error") as caught:
        api.unpause("d")
    assert caught.value.status == 500
    assert len(airflow.calls) == 1


def test_no_answer_is_an_error_of_ours() -> None:
    with pytest.raises(ApiError, match="no response from Airflow"):
        AirflowApi("http://127.0.0.1:9").runs("d")
