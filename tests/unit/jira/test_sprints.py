"""Issues of a sprint, on both deployments of the sandbox, and lists of boards and sprints that break the rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from support.scripted_server import ScriptedServer, reply
from workplace_provider.http import errors
from workplace_provider.http.model import HttpSettings
from workplace_provider.jira.client import JiraClient
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_provider.jira.sensors import JiraSprintClosedSensor
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_JIRA_DEFAULT", json.dumps({"conn_type": "jira", **fields}))


def connections(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    scoped = {"auth": "scoped", "api_url": sandbox.cloud_gateway_url}
    site = {"host": sandbox.cloud_url, "login": sandbox.cloud_email}
    return {
        "data center": {"host": sandbox.jira_url, "password": sandbox.confluence_token},
        "site": {**site, "password": sandbox.cloud_token, "extra": {"cloud_id": sandbox.cloud_id}},
        "gateway": {**site, "password": sandbox.cloud_scoped_token, "extra": scoped},
    }


@pytest.fixture(params=["data center", "site", "gateway"])
def team(request: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A board with two closed sprints, an active one, a future one, and a sprint of another board."""
    connect(monkeypatch, **connections(sandbox)[request.param])
    store = sandbox.store
    for number in range(6):
        store.add_issue("ANL", f"{number}", status="완료" if number % 2 else "진행 중")
    other = store.add_board("Other", "DATA")
    board = store.add_board("Analytics", "ANL")
    store.add_board("Analytics 2", "ANL")
    sprints = [store.add_sprint(board.id, f"Sprint {number + 1}", [f"ANL-{number + 1}"]) for number in range(4)]
    foreign = store.add_sprint(other.id, "Foreign", ["ANL-6"])
    for sprint, day in ((sprints[0], 14), (sprints[1], 7)):  # the second one was closed first
        store.start_sprint(sprint.id, datetime(2026, 11, 1, tzinfo=UTC))
        store.close_sprint(sprint.id, datetime(2026, 11, day, tzinfo=UTC))
    store.start_sprint(sprints[2].id)
    store.start_sprint(foreign.id)
    return sandbox


def read(**arguments: Any) -> list[str]:
    task = JiraIssuesOperator(task_id="issues", fields=["summary"], **arguments)
    return [row["summary"] for row in task.execute({})]  # type: ignore[typeddict-item]


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    ("sprint", "board", "summaries"),
    [
        ("active", "Analytics", ["2"]),
        ("closed", "Analytics", ["0"]),
        ("Sprint 2", "Analytics", ["1"]),
        ("Sprint 2", "2", ["1"]),
        (4, None, ["3"]),
        ("None", None, ["5", "4", "3", "2", "1", "0"]),
    ],
)
def test_the_issues_of_a_sprint_become_rows(sprint: Any, board: str | None, summaries: list[str]) -> None:
    assert read(jql="project = ANL", sprint=sprint, board=board) == summaries


def test_the_query_restricts_and_orders_the_sprint(team: Sandbox) -> None:
    board = team.store.boards()[1]
    everything = team.store.add_sprint(board.id, "Everything", [f"ANL-{number}" for number in range(1, 7)])
    assert read(jql="", sprint=everything.id) == ["0", "1", "2", "3", "4", "5"], "in the order of the board"
    assert read(jql="status = 완료 or key = ANL-1 order by key desc", sprint="Everything", board="Analytics") == [
        "5",
        "3",
        "1",
        "0",
    ]
    assert read(jql="summary ~ 'order by 3'", sprint=everything.id) == []


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    ("sprint", "board", "message"),
    [
        ("active", None, "'active' needs its board"),
        ("active", "Analytic", "No board named 'Analytic'.*may see the board"),
        ("active", "Analytics 2", "No active sprint on the board 'Analytics 2'"),
        ("Sprint 9", "Analytics", "No sprint named 'Sprint 9' on the board"),
        ("Foreign", "Analytics", "No sprint named 'Foreign'"),
        (99, None, "does not exist.*404"),
        ("active", "99", "does not exist.*404"),
    ],
)
def test_a_sprint_that_does_not_exist_fails_at_once(sprint: Any, board: str | None, message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        read(jql="", sprint=sprint, board=board)


def test_names_that_repeat_are_listed_with_their_ids(team: Sandbox) -> None:
    store = team.store
    store.start_sprint(4)
    with pytest.raises(AirflowFailException, match=r"2 sprints .* are active: Sprint 3 \(3\), Sprint 4 \(4\)"):
        read(jql="", sprint="active", board="Analytics")
    store.add_board("Analytics", "ANL")
    with pytest.raises(AirflowFailException, match=r"2 boards are named 'Analytics': Analytics \(2\), Analytics \(4\)"):
        read(jql="", sprint="active", board="Analytics")
    store.add_board("Flow", "ANL", "kanban")
    with pytest.raises(AirflowFailException, match=r"does not support sprints.*name the sprint in the query"):
        read(jql="", sprint="active", board="Flow")


def test_all_pages_of_boards_and_sprints_are_read(team: Sandbox) -> None:
    board = team.store.boards()[1]
    for number in range(120):
        team.store.add_board(f"Analytics of team {number}", "DATA")
        team.store.add_sprint(board.id, f"Later {number}")
    last = team.store.add_sprint(board.id, "Last", ["ANL-1"])
    assert read(jql="", sprint="Last", board="Analytics") == ["0"]
    assert last.id > 100


def test_a_wrong_token_is_not_a_missing_board(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.store.add_board("Analytics", "ANL")
    connect(monkeypatch, **connections(sandbox)["site"] | {"password": "wr0ng"})
    for board in ("Analytics", "1"):
        with pytest.raises(AirflowFailException, match="did not accept the credential"):
            read(jql="", sprint="active", board=board)


def test_a_token_without_the_scope_of_sprints(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sandbox.cloud.make_api_token(scopes=["read:jira-work", "read:jira-user"])
    connect(monkeypatch, **connections(sandbox)["gateway"] | {"password": token})
    with pytest.raises(AirflowFailException, match=r"does not have the scope.*read:sprint:jira-software"):
        read(jql="", sprint="1")


NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def sensor(**arguments: Any) -> JiraSprintClosedSensor:
    defaults: dict[str, Any] = {"board": "Analytics", "since": NOVEMBER, "poke_interval": 60, "timeout": 600}
    return JiraSprintClosedSensor(task_id="closed", **{**defaults, **arguments})


def poke(**arguments: Any) -> Any:
    result = sensor(**arguments).poke({"dag": SimpleNamespace(timezone=UTC)})  # type: ignore[typeddict-item]
    return result.xcom_value["name"] if result else None


@pytest.mark.usefixtures("team")
def test_the_first_sprint_that_was_closed_after_a_time_ends_the_wait() -> None:
    assert poke() == "Sprint 2"
    assert poke(since="2026-11-07T00:00:00+00:00") == "Sprint 1", "after the other one"
    assert poke(since="2026-11-14 00:00") is None
    assert poke(since="2026-11-01", sprint="Sprint 1") == "Sprint 1"
    assert poke(sprint=2) == "Sprint 2"
    assert poke(sprint=3) is None, "it is active"
    assert poke(board="Analytics 2") is None, "it lists the sprints of the other board too"


def test_a_sprint_that_is_reopened_and_closed_again_counts_again(team: Sandbox) -> None:
    since = "2026-11-14T00:00:00Z"
    assert poke(since=since) is None
    team.store.start_sprint(1)
    assert poke(since=since) is None
    team.store.close_sprint(1, datetime(2026, 11, 20, tzinfo=UTC))
    context: Any = {"dag": SimpleNamespace(timezone=UTC)}
    closed = sensor(since=since).poke(context).xcom_value
    assert (closed["id"], closed["name"]) == (1, "Sprint 1")
    assert datetime.fromisoformat(closed["completed_at"]) == datetime(2026, 11, 20, tzinfo=UTC)
    assert closed["key"] == f"1@{closed['completed_at']}"


def test_it_defers_until_a_sprint_is_closed(team: Sandbox) -> None:
    now = datetime.now(UTC)
    context: Any = {"dag": SimpleNamespace(timezone=UTC), "dag_run": SimpleNamespace(run_after=now)}
    task = sensor(since=None, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    resume = getattr(sensor(since=None, deferrable=True), deferred.value.method_name)
    with pytest.raises(TaskDeferred):
        resume(context, None, **deferred.value.kwargs)
    team.store.close_sprint(3, now + timedelta(seconds=1))
    assert resume(context, None, **deferred.value.kwargs)["name"] == "Sprint 3"


@pytest.mark.usefixtures("team")
def test_the_time_out_fails_or_skips() -> None:
    context: Any = {"dag": SimpleNamespace(timezone=UTC)}
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    waiting: dict[str, Any] = {"since": "2999-01-01", "deferrable": True}
    with pytest.raises(AirflowSensorTimeout, match="no sprint of the board Analytics was closed"):
        sensor(**waiting).look_again(context, deadline=past)
    with pytest.raises(AirflowSkipException):
        sensor(**waiting, soft_fail=True).look_again(context, deadline=past)


def test_failures_that_pass_mean_not_yet_and_others_fail(team: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    team.add_fault(Fault("/rest/agile/", "status", status=429, headers={"Retry-After": "600"}))
    assert poke() is None
    for arguments, message in (
        ({"board": "None"}, "board is empty"),
        ({"board": "Missing"}, "No board named 'Missing'"),
        ({"since": "soon"}, "soon"),
    ):
        with pytest.raises(AirflowFailException, match=message):
            poke(**arguments)


def find(server: ScriptedServer, *bodies: Any) -> Any:
    server.will(*(reply(200, json.dumps(body).encode()) for body in bodies))
    client = JiraClient(server.url, auth=None, deployment="datacenter", settings=HttpSettings(attempts=1))
    with client:
        return client.find_sprint("closed", "7")


BOARD = {"id": 7, "name": "A"}


@pytest.mark.parametrize(
    "content",
    [None, [], {}, {"values": None}, {"values": [{"id": "1"}]}, {"values": [{"id": 1, "name": 2, "state": "closed"}]}],
)
def test_json_of_another_shape_is_an_error_of_the_provider(server: ScriptedServer, content: Any) -> None:
    with pytest.raises(errors.BadResponse):
        find(server, BOARD, content)


def test_a_list_without_an_end_is_an_error(server: ScriptedServer) -> None:
    endless = {"values": [{"id": 1, "name": "x", "state": "closed"}], "isLast": False}
    with pytest.raises(errors.BadResponse, match="more than 200 pages"):
        find(server, BOARD, endless)


def test_dates_that_cannot_be_read_are_no_dates(server: ScriptedServer) -> None:
    def sprint(number: int, completed: str | None) -> dict[str, Any]:
        return {"id": number, "name": "s", "state": "closed", "completeDate": completed}

    days = [
        None,
        "",
        "soon",
        "2026-11-19T10:00:00.000+09:00",
        "2026-11-19T02:00:00.000Z",
        "2026-11-19T10:30:00.600+0900",
        "2026-11-19",
    ]
    values = [sprint(number, day) for number, day in enumerate(days)]
    assert find(server, BOARD, {"values": values, "isLast": True}).id == 4
