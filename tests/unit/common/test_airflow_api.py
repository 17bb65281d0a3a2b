"""The client of Airflow's API, against a server with a script; the end-to-end tests use the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.scripted_server import ScriptedServer, reply, scripted_server
from workplace_provider.common.airflow_api import AirflowApi, TaskKey
from workplace_provider.common.airflow_connection import airflow_api
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import AuthFailed, BadResponse, Conflict, Forbidden, NotFound, SourceUnavailable

TASK = TaskKey("주간_보고", "manual__2026-12-01T00:00:00+00:00", "검토.review", 2)
PATH = (
    "/airflow/api/v2/dags/%EC%A3%BC%EA%B0%84_%EB%B3%B4%EA%B3%A0/dagRuns/manual__2026-12-01T00%3A00%3A00%2B00%3A00"
    "/taskInstances/%EA%B2%80%ED%86%A0.review/2/hitlDetails"
)
TOKEN = reply(201, b'{"access_token":"jwt","more":1}')
DETAIL: dict[str, Any] = {
    "options": ["Approve", "Reject"],
    "subject": "Publish?",
    "created_at": "2026-12-01T05:00:00.123456Z",
    "task_instance": {"state": "awaiting_input", "try_number": 1, "start_date": None},
    "assigned_users": [{"id": "jimin", "name": "김지민"}],
    "responded_by_user": None,
    "params_input": {},
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def client(server: ScriptedServer, login: str = "slack-approvals") -> AirflowApi:
    settings = HttpSettings(attempts=2, read_timeout=5)
    return AirflowApi(f"{server.url}/airflow", login=login, password="s3cr3t", settings=settings, sleep=lambda _: None)


def test_a_question_is_read_with_one_sign_in(server: ScriptedServer) -> None:
    server.will(TOKEN, reply(200, json.dumps(DETAIL).encode()))
    with client(server) as airflow:
        detail = airflow.hitl_detail(TASK)
        assert airflow.hitl_detail(TASK) == detail
    assert (detail.state, detail.try_number, detail.options) == ("awaiting_input", 1, ["Approve", "Reject"])
    assert [user.name for user in detail.assigned_users] == ["김지민"]
    sign_in, read, _ = server.asked
    assert (sign_in.method, sign_in.path) == ("POST", "/airflow/auth/token")
    assert json.loads(sign_in.body) == {"username": "slack-approvals", "password": "s3cr3t"}
    assert "Authorization" not in sign_in.headers
    assert (read.path, read.headers["Authorization"]) == (PATH, "Bearer jwt")


def test_a_token_needs_no_sign_in(server: ScriptedServer) -> None:
    server.will(reply(200, json.dumps(DETAIL).encode()))
    client(server, login="").hitl_detail(TASK)
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer s3cr3t"]


def test_an_answer_is_sent_once(server: ScriptedServer) -> None:
    server.will(TOKEN, reply(200, b"{}"))
    client(server).answer(TASK, "Approve", {"decided_by": "jimin"})
    answer = server.asked[1]
    assert (answer.method, answer.path) == ("PATCH", PATH)
    assert json.loads(answer.body) == {"chosen_options": ["Approve"], "params_input": {"decided_by": "jimin"}}
    server.asked.clear()
    server.will(TOKEN, reply(502, b"{}"))
    with pytest.raises(SourceUnavailable):
        client(server).answer(TASK, "Approve")
    assert [asked.method for asked in server.asked] == ["POST", "PATCH"], "it may have counted, so it is not sent again"


@pytest.mark.parametrize(
    ("status", "detail", "error"),
    [
        (403, "User=slack-approvals (id=slack-approvals) is not a respondent for the task.", Forbidden),
        (404, "Human-in-the-loop detail does not exist", NotFound),
        (409, "Human-in-the-loop detail has already been updated", Conflict),
    ],
)
def test_refusals_are_errors_with_airflows_reason(
    server: ScriptedServer, status: int, detail: str, error: type[Exception]
) -> None:
    server.will(TOKEN, reply(status, json.dumps({"detail": detail}).encode()))
    with pytest.raises(error):
        client(server).answer(TASK, "Approve")


def test_a_wrong_password_names_the_user(server: ScriptedServer) -> None:
    server.will(reply(401, b'{"detail":"Invalid credentials"}'))
    with pytest.raises(AuthFailed, match="Check login and password of the connection") as caught:
        client(server).hitl_detail(TASK)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'{"options":"no"}', b"[]", b""])
def test_other_responses_are_errors(server: ScriptedServer, body: bytes) -> None:
    server.will(TOKEN, reply(200, body))
    with pytest.raises(BadResponse):
        client(server).hitl_detail(TASK)


def test_the_connection(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "http", "host": f"{server.url}/airflow", "login": "slack-approvals", "password": "s3cr3t"}
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps(connection))
    server.will(TOKEN, reply(200, json.dumps(DETAIL).encode()))
    with airflow_api("airflow_api") as airflow:
        assert airflow.hitl_detail(TASK).state == "awaiting_input"
    for wrong, message in (
        ({"password": ""}, "has no password"),
        ({"conn_type": "slack"}, "must be of type http"),
        ({"host": ""}, "has no host"),
    ):
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps({**connection, **wrong}))
        with pytest.raises(ValueError, match=message):
            airflow_api("airflow_api")
