"""Issues of Jira Cloud as rows: the operator on the sandbox, and its client against a server that breaks the rules."""

from __future__ import annotations

import json
from datetime import date
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import AirflowFailException

from support.consented import atlassian, first_tokens, refreshes
from support.scripted_server import ScriptedServer, reply
from workplace_provider.common.atlassian.credentials import OAuthApp, ScopedToken
from workplace_provider.common.atlassian.sites import Atlassian
from workplace_provider.common.atlassian.token_store import MemoryTokenStore
from workplace_provider.http import errors
from workplace_provider.http.auth import Basic
from workplace_provider.http.model import HttpSettings
from workplace_provider.jira.client import SCOPES, JiraClient, is_cloud
from workplace_provider.jira.hooks import jira_client
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_JIRA_DEFAULT", json.dumps({"conn_type": "jira", **fields}))


def cloud_connection(sandbox: Sandbox, way: str) -> dict[str, Any]:
    """Return the fields of a connection for one way to the site of the sandbox."""
    token = {"login": sandbox.cloud_email, "password": sandbox.cloud_token}
    scoped = {"login": sandbox.cloud_email, "password": sandbox.cloud_scoped_token}
    service = dict(zip(("login", "password"), sandbox.cloud_service_client, strict=True))
    auth_url = {"auth_url": sandbox.atlassian_auth_url}
    gateway = f"{sandbox.cloud_gateway_url}/ex/jira/{sandbox.cloud_id}"
    extra = {"auth": "scoped", "api_url": sandbox.cloud_gateway_url}
    return {
        "host": {"host": sandbox.cloud_url, **token},  # the site reports to be on Cloud
        "cloud_id": {"host": sandbox.cloud_url, **token, "extra": {"cloud_id": sandbox.cloud_id}},
        "scoped": {"host": sandbox.cloud_url, **scoped, "extra": extra},
        "scoped, no host": {**scoped, "extra": {**extra, "cloud_id": sandbox.cloud_id}},
        "gateway as host": {"host": gateway, **scoped},
        "service account": {"host": sandbox.cloud_url, **service, "extra": extra | {"auth": "service_account"} | auth_url},
        "service account, no host": {**service, "extra": extra | {"auth": "service_account"} | auth_url},
    }[way]


WAYS = ("host", "cloud_id", "scoped", "scoped, no host", "gateway as host", "service account", "service account, no host")


@pytest.fixture(params=WAYS)
def way(request: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    connect(monkeypatch, **cloud_connection(sandbox, request.param))
    return str(request.param)


@pytest.fixture
def cloud(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The site, by an API token, whose short failures are retried at once."""
    fields = cloud_connection(sandbox, "cloud_id")
    fields["extra"]["max_retry_wait"] = 0.01
    connect(monkeypatch, **fields)
    return sandbox


def read(**arguments: Any) -> list[dict[str, Any]]:
    return JiraIssuesOperator(task_id="issues", **arguments).execute({})  # type: ignore[typeddict-item]


@pytest.mark.usefixtures("way")
def test_issues_become_the_same_rows_as_on_data_center(sandbox: Sandbox) -> None:
    sandbox.store.add_issue("ANL", "장바구니 <이벤트>", status="완료", assignee="haruka", due=date(2026, 11, 19))
    sandbox.store.add_issue("ANL", "Refresh", status="진행 중")
    rows = read(jql="project = ANL ORDER BY key")
    assert rows == [
        {
            "key": {"link": {"text": "ANL-1", "url": f"{sandbox.cloud_url}/browse/ANL-1"}},
            "summary": "장바구니 <이벤트>",
            "status": {"status": {"title": "완료", "colour": "Green"}},
            "assignee": "佐藤 遥",
            "duedate": {"date": "2026-11-19"},
        },
        {
            "key": {"link": {"text": "ANL-2", "url": f"{sandbox.cloud_url}/browse/ANL-2"}},
            "summary": "Refresh",
            "status": {"status": {"title": "진행 중", "colour": "Blue"}},
            "assignee": None,
            "duedate": None,
        },
    ]
    assert requests.get(f"{sandbox.cloud_url}/browse/ANL-1", timeout=5).status_code == 200


def consented_jira(sandbox: Sandbox, store: MemoryTokenStore, host: str = "") -> JiraClient:
    client_id, secret = sandbox.cloud_oauth_client
    credential = OAuthApp(client_id, secret, store, atlassian=atlassian(sandbox))
    return JiraClient(host, credential=credential, sleep=lambda _: None)


def test_the_consent_of_a_person_reads_issues_and_sprints(sandbox: Sandbox) -> None:
    sandbox.store.add_issue("ANL", "장바구니")
    board = sandbox.store.add_board("분석", "ANL")
    sandbox.store.start_sprint(sandbox.store.add_sprint(board.id, "Sprint 1", ["ANL-1"]).id)
    store = MemoryTokenStore(first_tokens(sandbox, [*SCOPES, "offline_access"]))
    sandbox.clear_requests()
    with consented_jira(sandbox, store) as client:
        (issue,) = client.search("project = ANL", ["summary"]).issues
        assert client.site_of(issue) == sandbox.cloud_url
        assert client.find_sprint("active", "분석").name == "Sprint 1"
        assert len(refreshes(sandbox)) == 1
        # An access token that ends in the middle is replaced, and the request sent again.
        sandbox.cloud.expire_access_tokens()
        assert len(client.search("project = ANL", ["summary"]).issues) == 1
    assert len(refreshes(sandbox)) == 2
    tokens = store.load()
    assert tokens is not None
    assert tokens.refresh_token
    sandbox.cloud.revoke_consents()
    with consented_jira(sandbox, store) as client, pytest.raises(errors.AuthFailed, match="consent again"):
        client.search("project = ANL", ["summary"])


def test_a_consent_without_the_scopes_of_sprints_is_named(sandbox: Sandbox) -> None:
    store = MemoryTokenStore(first_tokens(sandbox, ["read:jira-work", "read:jira-user", "offline_access"]))
    with consented_jira(sandbox, store, sandbox.cloud_url) as client:
        assert client.myself()["accountId"] == sandbox.cloud.account_id("report-bot")
        assert client.site_url == sandbox.cloud_url
        with pytest.raises(errors.Forbidden, match="read:sprint:jira-software"):
            client.find_sprint("active", "분석")


def test_all_pages_are_read_in_order(cloud: Sandbox) -> None:
    for number in range(230):
        cloud.store.add_issue("ANL", f"{number}")
    cloud.clear_requests()
    rows = read(jql="project = ANL ORDER BY key", fields=["summary"], limit=None)
    assert [row["summary"] for row in rows] == [str(number) for number in range(230)]
    assert [request.method for request in cloud.requests("/search")] == ["POST"] * 3


def test_the_limit_is_exact_and_the_log_has_an_estimate(cloud: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(230):
        cloud.store.add_issue("ANL", f"{number}")
    assert len(read(jql="project = ANL", limit=120)) == 120
    assert "120 of about 230 issues were read" in capsys.readouterr().out
    cloud.add_fault(Fault("/approximate-count", "status", status=403))
    assert len(read(jql="project = ANL", limit=120)) == 120
    assert "120 issues were read: the limit is 120, and there are more" in capsys.readouterr().out
    cloud.clear_requests()
    assert len(read(jql="project = ANL", limit=230)) == 230
    assert cloud.requests("/approximate-count") == [], "there is nothing more to count"


def test_formatted_text_is_plain_or_in_storage_format(cloud: Sandbox) -> None:
    panel = {"type": "panel", "attrs": {"panelType": "info"}, "content": [{"type": "extension"}]}
    content = [
        {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "재현 <1>"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "로그인"}]},
        panel,
    ]
    rich = json.dumps({"type": "doc", "version": 1, "content": content}).replace('{"type": "doc"', '{"type":"doc"', 1)
    cloud.store.add_issue("ANL", "a", description=rich)
    cloud.store.add_issue("ANL", "b")
    query: dict[str, Any] = {"jql": "project = ANL ORDER BY key", "fields": ["description"]}
    assert read(**query) == [{"description": "재현 <1>\n로그인"}, {"description": None}]
    storage = (
        '<h2>재현 &lt;1&gt;</h2><p>로그인</p><ac:structured-macro ac:name="info"><ac:rich-text-body></ac:rich-text-body>'
        "</ac:structured-macro>"
    )
    assert read(**query, rich_text="storage") == [{"description": {"storage": storage}}, {"description": None}]
    with pytest.raises(AirflowFailException, match="rich_text is 'html'; it must be one of text, storage"):
        read(**query, rich_text="html")


def test_a_harmful_document_leaves_its_cell_empty(cloud: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    deep = '{"type":"doc","version":1,"content":[' + '{"type":"blockquote","content":[' * 70 + "]}" * 70 + "]}"
    cloud.store.add_issue("ANL", "a", description=deep)
    assert read(jql="project = ANL", fields=["summary", "description"]) == [{"summary": "a", "description": None}]


@pytest.mark.parametrize("jql", ["project = ANL", "project = NONE"])
def test_a_wrong_token_is_an_error_and_not_an_empty_table(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, jql: str
) -> None:
    sandbox.store.add_issue("ANL", "가")
    for way in ("host", "cloud_id"):
        connect(monkeypatch, **cloud_connection(sandbox, way) | {"password": "wr0ng"})
        with pytest.raises(AirflowFailException, match=r"did not accept the credential.*expires.*/myself, 401") as failed:
            read(jql=jql)
        assert "wr0ng" not in str(failed.value)


@pytest.mark.usefixtures("way")
def test_an_empty_result_with_a_good_token_is_no_rows(sandbox: Sandbox) -> None:
    sandbox.store.add_project("ANL", "데이터")
    sandbox.clear_requests()
    assert read(jql="project = ANL") == []
    assert len(sandbox.requests("/myself")) == 1


@pytest.mark.parametrize(
    ("way", "fields", "message"),
    [
        ("scoped", {"password": "wr0ng"}, "Unauthorized.*e-mail address.*401"),
        ("cloud_id", {"password": "sandbox-cloud-scoped-token"}, '"auth": "scoped".*401'),
        ("scoped", {"login": ""}, "no credential: login and password must be"),
        ("cloud_id", {"login": ""}, "no credential: login and password must be the account's e-mail address"),
        ("scoped, no host", {"extra": {"auth": "scoped"}}, "has no host"),
        ("scoped", {"extra": {"auth": "scoped", "cloud_id": "../x"}}, "letters, digits and hyphens"),
        ("scoped", {"extra": {"auth": "scoped", "api_url": "ftp://x"}}, "extra api_url must begin"),
        ("host", {"extra": {"auth": "consent"}}, "auth is 'consent'; it must be one of token, scoped, oauth, service_acc"),
        ("host", {"extra": {"auth": "oauth"}, "login": ""}, "login and password must be client id and secret"),
    ],
)
def test_a_wrong_connection_fails_at_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, way: str, fields: dict[str, Any], message: str
) -> None:
    connect(monkeypatch, **cloud_connection(sandbox, way) | fields)
    with pytest.raises(AirflowFailException, match=message):
        read(jql="project = ANL")


def test_a_token_without_the_scope_is_named(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.store.add_project("ANL", "데이터")
    fields = cloud_connection(sandbox, "scoped")
    connect(monkeypatch, **fields | {"password": sandbox.cloud.make_api_token(scopes=["read:jira-user"])})
    with pytest.raises(AirflowFailException, match=r"does not have the scope.*read:jira-work"):
        read(jql="project = ANL")
    connect(monkeypatch, **fields | {"password": sandbox.cloud.make_api_token(scopes=["read:jira-work"])})
    assert read(jql="project = ANL") == [], "the gateway knows the token, so no rows are no rows"


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("ORDER BY key", "Unbounded JQL.*in the query: ORDER BY key.*needs a restriction"),
        ("project = NONE", "'NONE' does not exist for the field 'project'.*in the query: project = NONE"),
        ("assignee = jimin", "'jimin' does not exist"),
    ],
)
def test_a_wrong_query_fails_at_once_and_is_named(cloud: Sandbox, jql: str, message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        read(jql=jql)


def test_short_failures_and_bursts_are_retried(cloud: Sandbox) -> None:
    cloud.store.add_issue("ANL", "가")
    cloud.add_fault(Fault("/search/jql", "status", status=503, times=2))
    assert len(read(jql="project = ANL")) == 1
    cloud.add_fault(Fault("/search/jql", "status", status=429, headers={"Retry-After": "0"}))
    assert len(read(jql="project = ANL")) == 1
    cloud.add_fault(Fault("/search/jql", "drop_after"))
    assert len(read(jql="project = ANL")) == 1
    quota = {"Retry-After": "1800", "RateLimit-Reason": "jira-quota-tenant-based"}
    cloud.add_fault(Fault("/search/jql", "status", status=429, headers=quota))
    with pytest.raises(errors.RateLimited, match="jira-quota-tenant-based") as busy:
        read(jql="project = ANL")
    assert busy.value.retry_after == 1800


def test_a_site_with_its_own_domain_reports_to_be_on_cloud(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, **cloud_connection(sandbox, "host"))
    sandbox.store.add_issue("ANL", "가")
    sandbox.clear_requests()
    assert len(read(jql="project = ANL")) == 1
    assert [request.path.partition("/rest/api/")[2] for request in sandbox.requests()] == [
        "2/search",
        "2/serverInfo",
        "3/search/jql",
    ]


def test_hosts() -> None:
    for cloud_host in (
        "https://team.atlassian.net",
        "https://TEAM.ATLASSIAN.NET/jira",
        "https://api.atlassian.com/ex/jira/1",
    ):
        assert is_cloud(cloud_host)
    for other in (
        "https://jira.example.com/jira",
        "https://team.atlassian.net.example.com",
        "https://example.com/atlassian.net",
    ):
        assert not is_cloud(other)


def test_a_products_path_is_not_part_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host="https://team.atlassian.net/jira/", login="a@example.com", password="t")
    client = jira_client("jira_default")
    assert (client.base_url, client.deployment) == ("https://team.atlassian.net", "cloud")
    assert client.site_of({"self": "https://api.atlassian.com/ex/jira/1/rest/api/3/issue/1"}) == "https://team.atlassian.net"


# --- servers that break the rules


def page(*keys: str, **more: Any) -> bytes:
    return json.dumps({"issues": [{"id": key, "key": key, "fields": {}} for key in keys], **more}).encode()


def search(server: ScriptedServer, **options: Any) -> Any:
    settings = HttpSettings(attempts=1)
    with JiraClient(server.url, auth=Basic("a", "b"), deployment="cloud", settings=settings) as client:
        return client.search("project = A", ["key"], **options)


def keys(result: Any) -> list[str]:
    return [issue["key"] for issue in result.issues]


@pytest.mark.parametrize(
    "last", [{}, {"nextPageToken": None}, {"isLast": True, "nextPageToken": "b"}, {"nextPageToken": ""}]
)
def test_the_last_page_has_no_token_or_says_so(server: ScriptedServer, last: dict[str, Any]) -> None:
    server.will(reply(200, page("A-1", nextPageToken="a")), reply(200, page("A-2", **last)), reply(500))
    assert keys(search(server)) == ["A-1", "A-2"]
    bodies = [json.loads(request.body) for request in server.asked]
    assert bodies[0] == {"jql": "project = A", "fields": ["key"], "maxResults": 100}
    assert bodies[1] == {**bodies[0], "nextPageToken": "a"}


def test_an_empty_page_before_the_last_is_not_the_end(server: ScriptedServer) -> None:
    server.will(reply(200, page(nextPageToken="a")), reply(200, page("A-1", "A-1", isLast=True)))
    assert keys(search(server)) == ["A-1"]


def test_a_repeated_token_is_an_error(server: ScriptedServer) -> None:
    server.will(reply(200, page("A-1", nextPageToken="a")), reply(200, page("A-2", nextPageToken="a")))
    with pytest.raises(errors.BadResponse, match="does not end: the server repeated a page token"):
        search(server)


def test_pages_without_new_issues_end_the_search(server: ScriptedServer) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        reply(200, page("A-1", nextPageToken=str(len(server.asked))))(handler)

    server.will(respond)
    with pytest.raises(errors.BadResponse, match=r"does not end: 12 pages, and no last one"):
        search(server)


def test_more_issues_than_requested_are_cut(server: ScriptedServer) -> None:
    server.will(reply(200, page("A-1", "A-2", "A-3", nextPageToken="a")), reply(200, b'{"count": 1}'))
    result = search(server, limit=2)
    assert keys(result) == ["A-1", "A-2"]
    assert result.has_more
    assert result.total is None, "the estimate is less than what was read"


def test_a_login_that_only_a_header_refuses_is_an_error(server: ScriptedServer) -> None:
    server.will(reply(200, page("A-1"), X_Seraph_LoginReason="AUTHENTICATED_FAILED"))
    with pytest.raises(errors.AuthFailed, match="anonymous user"):
        search(server)


SHAPES = [b"null", b"[]", b"{}", b'{"issues": null}', b'{"issues": [{"id": "1"}]}', b'{"issues": [], "nextPageToken": 7}']


@pytest.mark.parametrize("body", [*SHAPES, b"<html>log in</html>", b"[" * 200_000, b'{"issues": ['])
def test_json_of_another_shape_is_an_error_of_the_provider(server: ScriptedServer, body: bytes) -> None:
    server.will(reply(200, body))
    with pytest.raises(errors.BadResponse) as failed:
        search(server)
    assert "log in" not in str(failed.value)


def test_a_gateway_whose_site_has_no_cloud_id(server: ScriptedServer) -> None:
    credential = ScopedToken("a", "b", atlassian=Atlassian(server.url))
    for body, error in ((b'{"cloudId": "../../x"}', errors.BadResponse), (b"<html>", errors.NotFound)):
        server.will(reply(200, body))
        client = JiraClient(server.url, credential=credential, settings=HttpSettings(attempts=1))
        with client, pytest.raises(error, match="cloud id"):
            client.search("project = A", ["key"])
    assert all("Authorization" not in request.headers for request in server.asked), "the credential is for the gateway"
