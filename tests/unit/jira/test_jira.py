"""Issues of Jira as rows for a table: the operator on the sandbox, and its client against odd answers."""

from __future__ import annotations

import contextlib
import json
import zlib
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from support.scripted_server import ScriptedServer, reply
from workplace_provider.common.query import fill_placeholders
from workplace_provider.confluence.pages.values import from_plain, to_storage
from workplace_provider.http import errors
from workplace_provider.http.model import HttpSettings
from workplace_provider.jira.client import JiraClient, SearchResult, cell, site_of
from workplace_provider.jira.hooks import jira_client
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_JIRA_DEFAULT", json.dumps({"conn_type": "jira", **fields}))


@pytest.fixture(autouse=True)
def _connection(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host=sandbox.jira_url, password=sandbox.confluence_token)


def read(**arguments: Any) -> list[dict[str, Any]]:
    return JiraIssuesOperator(task_id="issues", **arguments).execute({})  # type: ignore[typeddict-item]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")


def test_issues_become_rows_that_a_table_takes(sandbox: Sandbox) -> None:
    store = sandbox.store
    store.add_issue("ANL", "장바구니 <이벤트> & 누락", status="완료", assignee="haruka", due=date(2026, 11, 19))
    store.add_issue("ANL", "Refresh", status="진행 중")
    rows = read(jql="project = ANL ORDER BY key")
    assert rows == [
        {
            "key": {"link": {"text": "ANL-1", "url": f"{sandbox.jira_url}/browse/ANL-1"}},
            "summary": "장바구니 <이벤트> & 누락",
            "status": {"status": {"title": "완료", "colour": "Green"}},
            "assignee": "佐藤 遥",
            "duedate": {"date": "2026-11-19"},
        },
        {
            "key": {"link": {"text": "ANL-2", "url": f"{sandbox.jira_url}/browse/ANL-2"}},
            "summary": "Refresh",
            "status": {"status": {"title": "진행 중", "colour": "Blue"}},
            "assignee": None,
            "duedate": None,
        },
    ]
    assert json.loads(json.dumps(rows)) == rows
    markup = "".join(to_storage(from_plain(value)) for value in rows[0].values())
    assert "&lt;이벤트&gt; &amp;" in markup
    assert f'<a href="{sandbox.jira_url}/browse/ANL-1">ANL-1</a>' in markup
    assert requests.get(f"{sandbox.jira_url}/browse/ANL-1", timeout=5).status_code == 200


def test_columns_may_have_other_names_and_any_field_may_be_one(sandbox: Sandbox) -> None:
    sandbox.store.add_issue(
        "ANL",
        "가",
        status="할 일",
        labels=["kpi", "japan"],
        created=at("2026-11-18T00:30"),
        priority="High",
        assignee="jimin",
    )
    fields = ["status", "labels", "created", "priority", "reporter", "resolution", "issuetype", "nosuchfield"]
    (row,) = read(jql="", fields={name: f"<{name}>" for name in fields})
    assert row == {
        "<status>": {"status": {"title": "할 일", "colour": "Grey"}},
        "<labels>": "kpi, japan",
        "<created>": {"date": "2026-11-18"},  # in Seoul; it is the day before in UTC
        "<priority>": "High",
        "<reporter>": "김지민",
        "<resolution>": None,
        "<issuetype>": "Task",
        "<nosuchfield>": None,
    }


def test_all_pages_are_read_and_no_more_than_the_limit(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(230):
        sandbox.store.add_issue("ANL", f"{number}")
    sandbox.clear_requests()
    rows = read(jql="ORDER BY key", fields=["summary"], limit=None)
    assert [row["summary"] for row in rows] == [str(number) for number in range(230)]
    assert len(sandbox.requests("/search")) == 3
    assert len(read(jql="", limit="120")) == 120
    assert "120 of 230 issues were read" in capsys.readouterr().out


def test_what_is_not_enabled_is_skipped_without_a_request(sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    for enabled in (False, "False"):
        with pytest.raises(AirflowSkipException):
            read(jql="", enabled=enabled)
    assert sandbox.requests() == []
    with pytest.raises(AirflowFailException, match="enabled is 'perhaps'"):
        read(jql="", enabled="perhaps")


def test_the_places_of_a_query_are_filled_with_one_value_each(sandbox: Sandbox) -> None:
    sandbox.store.add_issue("ANL", 'a "b" \\ c', created=at("2026-11-18T09:00"), labels=["x"])
    sandbox.store.add_issue("ANL", "later", created=at("2026-11-19T00:00"))
    rows = read(jql="created < {report_day}", values={"report_day": "2026-11-19"}, fields=["summary"])
    assert rows == [{"summary": 'a "b" \\ c'}]
    assert fill_placeholders("labels = {a} OR {b}", {"a": 'x" OR project = ANL OR labels = "'}) == (
        'labels = "x\\" OR project = ANL OR labels = \\"" OR {b}'
    )
    assert read(jql="labels = {label}", values={"label": 'x" OR project = "ANL'}) == []


def test_a_wrong_query_fails_at_once_and_is_named(sandbox: Sandbox) -> None:
    sandbox.store.add_issue("ANL", "가")
    with pytest.raises(
        AirflowFailException, match=r"'NONE' does not exist for the field 'project'.*in the query: project = NO"
    ):
        read(jql="project = NONE")


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"password": "wrong"}, "personal access token, the login must be empty.*401"),
        ({"login": "jimin", "password": "wrong"}, "Check login and password.*401"),
        ({"host": "jira.example.com"}, "the host must begin with http:// or https://"),
        ({"host": ""}, "has no host"),
        ({"host": "confluence"}, "base URL.*, 404"),
    ],
)
def test_a_wrong_connection_fails_at_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, connection: dict[str, str], message: str
) -> None:
    host = {"confluence": sandbox.confluence_url}.get(connection.get("host", "-"), connection.get("host", sandbox.jira_url))
    connect(monkeypatch, **{"password": "sandbox-token", **connection, "host": host})
    with pytest.raises(AirflowFailException, match=message) as failed:
        read(jql="")
    assert "sandbox-token" not in str(failed.value)
    assert "wrong" not in str(failed.value)


def test_login_and_password_work_and_netrc_is_not_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alex password sandbox-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    sandbox.store.add_issue("ANL", "가", assignee="jimin")
    connect(monkeypatch, host=sandbox.jira_url, login="jimin", password="sandbox-password")
    assert len(read(jql="assignee = currentUser()")) == 1
    assert jira_client("jira_default").myself()["name"] == "jimin"
    connect(monkeypatch, host=sandbox.jira_url, password="sandbox-token")
    assert jira_client("jira_default").myself()["name"] == "report-bot"
    connect(monkeypatch, host=sandbox.jira_url)
    assert read(jql="") == [], "nobody sees nothing"


def test_a_site_that_is_busy_is_asked_again_by_airflow_when_it_wishes(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.add_fault(Fault("/search", "status", status=429, headers={"Retry-After": "600"}))
    with pytest.raises(errors.RateLimited) as busy:
        read(jql="")
    assert busy.value.retry_after == 600
    # Short waits between the attempts of the client.
    connect(monkeypatch, host=sandbox.jira_url, password="sandbox-token", extra={"max_retry_wait": 0.01})
    sandbox.add_fault(Fault("/search", "status", status=503, times=4))
    with pytest.raises(errors.SourceUnavailable, match=", 503"):
        read(jql="")
    for kind, error, times in (
        ("drop_before", errors.SourceUnavailable, 4),
        ("truncate", errors.WorkplaceError, 4),
        ("html", errors.BadResponse, 1),
    ):
        sandbox.add_fault(Fault("/search", kind, times=times))
        with pytest.raises(error) as failed:
            read(jql="")
        assert failed.value.retryable
    assert read(jql="") == []


def test_a_short_failure_is_retried_by_the_client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host=sandbox.jira_url, password="sandbox-token", extra={"max_retry_wait": 0.01})
    sandbox.add_fault(Fault("/search", "status", status=503, times=2))
    assert read(jql="") == []


def test_no_server_is_an_error_that_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host="http://127.0.0.1:1/jira", password="sandbox-token", extra={"max_retry_wait": 0.01})
    with pytest.raises(errors.SourceUnavailable, match="No connection to Jira") as gone:
        read(jql="")
    assert gone.value.retryable


def issues(*keys: str) -> list[dict[str, Any]]:
    return [{"key": key, "fields": {}} for key in keys]


def client_of(server: ScriptedServer) -> JiraClient:
    return JiraClient(server.url, auth=None, settings=HttpSettings(attempts=1))


def search(server: ScriptedServer, *pages: Any, **options: Any) -> SearchResult:
    """Search on a server that responds with these pages."""
    if pages:
        server.will(*(reply(200, json.dumps(page).encode()) for page in pages))
    return client_of(server).search("", ["key"], **options)


def starts(server: ScriptedServer) -> list[int]:
    return [int(parse_qs(urlsplit(request.path).query)["startAt"][0]) for request in server.asked]


def test_the_number_of_issues_may_change_while_they_are_read(server: ScriptedServer) -> None:
    grew = search(server, {"total": 3, "issues": issues("A-3", "A-2")}, {"total": 4, "issues": issues("A-2", "A-1")})
    assert [issue["key"] for issue in grew.issues] == ["A-3", "A-2", "A-1"]
    assert starts(server) == [0, 2]
    shrank = search(server, {"total": 3, "issues": issues("A-3", "A-2")}, {"total": 2, "issues": []})
    assert [issue["key"] for issue in shrank.issues] == ["A-3", "A-2"]


def test_a_site_with_smaller_pages_is_read_whole(server: ScriptedServer) -> None:
    pages = ({"total": 5, "maxResults": 2, "issues": issues(*keys)} for keys in (("1", "2"), ("3", "4"), ("5",)))
    assert len(search(server, *pages).issues) == 5
    assert starts(server) == [0, 2, 4]


def test_a_part_is_never_taken_for_the_whole(server: ScriptedServer) -> None:
    with pytest.raises(errors.BadResponse, match="The search reports 5 issues, and returned none after 2"):
        search(server, {"total": 5, "issues": issues("1", "2")}, {"total": 5, "issues": []})


def test_a_server_that_repeats_a_page_is_not_read_for_ever(server: ScriptedServer) -> None:
    same = {"total": 10**12, "issues": issues("1", "2")}
    with pytest.raises(errors.BadResponse, match="repeated 2 issues"):
        search(server, same, same)


def test_a_total_that_grows_with_every_page_is_not_read_for_ever(server: ScriptedServer) -> None:
    def grow(handler: BaseHTTPRequestHandler) -> None:
        start = int(parse_qs(urlsplit(handler.path).query)["startAt"][0])
        page = {"total": start + 4, "issues": issues(str(start), str(start + 1))}
        reply(200, json.dumps(page).encode())(handler)

    server.will(grow)
    with pytest.raises(errors.BadResponse, match=r"does not end: the total was 4 issues and is 30 after 14 pages"):
        search(server)
    assert len(server.asked) == 14
    assert len(search(server, limit=7).issues) >= 7


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "<html>",
        [],
        {},
        {"issues": []},
        {"issues": None, "total": 0},
        {"issues": [], "total": "many"},
        {"issues": [], "total": -1},
        {"issues": ["A-1"], "total": 1},
        {"issues": [{"fields": {}}], "total": 1},
        {"issues": [{"key": 7, "fields": {}}], "total": 1},
        {"issues": [{"key": "A-1", "fields": None}], "total": 1},
    ],
)
def test_json_of_another_shape_is_an_error_of_the_provider(server: ScriptedServer, odd: Any) -> None:
    with pytest.raises(errors.BadResponse):
        search(server, odd)


def test_json_that_is_too_deep_or_none_is_an_error_of_the_provider(server: ScriptedServer) -> None:
    for body in (b"[" * 200_000, b'{"issues": [', b"<html>log in</html>"):
        server.will(reply(200, body, Content_Type="application/json"))
        with pytest.raises(errors.WorkplaceError) as error:
            client_of(server).search("project = A", ["key"])
        assert "log in" not in str(error.value)


def test_refusals_of_other_kinds(server: ScriptedServer) -> None:
    def refused(status: int, **headers: str) -> errors.WorkplaceError:
        server.will(reply(status, b'{"errorMessages": ["no"]}', **headers))
        with pytest.raises(errors.WorkplaceError) as error:
            client_of(server).search("project = A", ["key"])
        assert "project" not in error.value.url
        return error.value

    assert isinstance(refused(403), errors.Forbidden)
    assert isinstance(refused(414), errors.TooLarge)
    assert "Jira Cloud" in str(refused(410))
    assert isinstance(refused(500), errors.SourceUnavailable)
    captcha = refused(403, X_Authentication_Denied_Reason="CAPTCHA_CHALLENGE; login-url=https://x/login.jsp")
    assert isinstance(captcha, errors.AuthFailed)
    assert not captcha.retryable


def test_links_are_to_the_site_that_people_know() -> None:
    issue = {"self": "https://jira.example.com/rest/api/2/issue/10001"}
    assert site_of(issue, "http://jira.internal:8080/") == "https://jira.example.com"
    assert site_of({}, "http://jira.internal:8080/") == "http://jira.internal:8080"
    hostile = {"self": "javascript:alert(1)//rest/api/2/issue/10001"}
    assert site_of(hostile, "http://jira.internal:8080/") == "http://jira.internal:8080"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("duedate", "2026-02-31", "2026-02-31"),
        ("created", "2026-11-19T08:00:00.000+0900", {"date": "2026-11-19"}),
        ("duedate", "soon", "soon"),
        ("status", {}, {"status": {"title": "", "colour": "Grey"}}),
        ("status", {"name": "완료", "statusCategory": "done"}, {"status": {"title": "완료", "colour": "Grey"}}),
        ("customfield_1", [[["deep"]]], ""),
    ],
)
def test_a_field_that_is_odd_spoils_no_other(field: str, value: Any, shown: Any) -> None:
    assert cell({"key": "A-1", "fields": {field: value}}, field, "") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.5, 3.5),
        ("글", "글"),
        ({"value": "선택"}, "선택"),
        ([{"name": "1.0"}, {"name": "1.1"}], "1.0, 1.1"),
        ([{"displayName": "김지민", "name": "jimin"}], "김지민"),
        ([], ""),
        ({"id": "7"}, None),
    ],
)
def test_fields_of_a_sites_own(value: Any, shown: Any) -> None:
    assert cell({"key": "A-1", "fields": {"customfield_10010": value}}, "customfield_10010", "") == shown


@pytest.mark.parametrize("status", [200, 400])
def test_a_response_that_swells_is_an_error_of_ours(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(40)) + packer.flush()
    server.will(reply(status, body, Content_Encoding="gzip"))
    connect(monkeypatch, host=server.url, password="t0k", extra={"max_response_bytes": 1_000_000})
    with pytest.raises(AirflowFailException, match="max_response_bytes" if status == 200 else "400"):
        read(jql="project = ANL")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"issues": [], "total": 0, "x": ' + b"[" * 500 + b"]" * 500 + b"}"])
def test_deep_json_of_jira_is_no_error_of_pythons(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    server.will(reply(200, body))
    connect(monkeypatch, host=server.url, password="t0k", extra={"max_retry_wait": 0.01})
    with contextlib.suppress(errors.WorkplaceError, AirflowFailException, AirflowSkipException):
        read(jql="project = ANL")
