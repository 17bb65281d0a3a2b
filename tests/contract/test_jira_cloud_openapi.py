"""Atlassian's published description of Jira Cloud: the responses of the sandbox, and the requests of the provider."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from support.cloud_description import as_openapi, read_agile, read_jira, scopes_of
from workplace_provider.http.auth import Basic
from workplace_provider.http.session import Session
from workplace_provider.jira.client import SCOPES, JiraClient
from workplace_sandbox import Sandbox
from workplace_sandbox.jira.agile import BOARD_SCOPE, ISSUE_SCOPE, SPRINT_SCOPE
from workplace_sandbox.jira.cloud import USER_SCOPE, WORK_SCOPE

pytestmark = pytest.mark.contract


class DescribedSite:
    """A session that checks every exchange against the description.

    :param base: the site, or its place behind the gateway.
    """

    def __init__(self, description: OpenAPI, base: str, auth: tuple[str, str]) -> None:
        self.description, self.base = description, base
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = auth

    def call(self, method: str, path: str, expected: int = 200, **options: Any) -> requests.Response:
        response = self.session.request(method, f"{self.base}/rest/api/3/{path}", timeout=30, **options)
        assert response.status_code == expected, response.text
        if expected < 400:
            described = RequestsOpenAPIRequest(response.request)
            self.description.validate_request(described)
            self.description.validate_response(described, RequestsOpenAPIResponse(response))
        return response


@pytest.fixture(params=["site", "gateway"])
def site(request: Any, sandbox: Sandbox, jira_cloud_description: Any) -> DescribedSite:
    sandbox.store.add_issue("ANL", "가", description="첫\n줄\n\n둘", assignee="jimin", due=date(2026, 11, 19), status="완료")
    sandbox.store.add_issue("ANL", "나", labels=["kpi"])
    sandbox.store.add_issue("ANL", "다")
    base, token = sandbox.cloud_url, sandbox.cloud_token
    if request.param == "gateway":
        base, token = f"{sandbox.cloud_gateway_url}/ex/jira/{sandbox.cloud_id}", sandbox.cloud_scoped_token
    return DescribedSite(as_openapi(read_jira(jira_cloud_description, base)), base, (sandbox.cloud_email, token))


def test_the_check_can_fail(site: DescribedSite) -> None:
    response = site.call("GET", "search/jql?jql=project=ANL&fields=summary")
    described = RequestsOpenAPIRequest(response.request)
    for wrong in ({"total": 3}, {"isLast": "no"}, {"issues": [{"id": 7}]}, {"issues": {}}):
        response._content = json.dumps(response.json() | wrong).encode()
        with pytest.raises(OpenAPIError):
            site.description.validate_response(described, RequestsOpenAPIResponse(response))


@pytest.mark.parametrize(
    "path",
    [
        "search/jql?jql=project = ANL",
        "search/jql?jql=project = ANL ORDER BY key&fields=*all&maxResults=2",
        "search/jql?jql=project = ANL&fields=summary,description&fields=assignee",
        "myself",
        "serverInfo",
        "field",
        "issue/ANL-1",
    ],
)
def test_reads_are_as_described(site: DescribedSite, path: str) -> None:
    assert site.call("GET", path).json()


def test_posts_are_as_described(site: DescribedSite) -> None:
    body = {"jql": "project = ANL ORDER BY key", "fields": ["summary"], "maxResults": 2}
    first = site.call("POST", "search/jql", json=body).json()
    assert [issue["key"] for issue in first["issues"]] == ["ANL-1", "ANL-2"]
    assert first["isLast"] is False
    second = site.call("POST", "search/jql", json=body | {"nextPageToken": first["nextPageToken"]}).json()
    assert [issue["key"] for issue in second["issues"]] == ["ANL-3"]
    assert second["isLast"] is True
    assert "nextPageToken" not in second
    assert site.call("POST", "search/approximate-count", json={"jql": "project = ANL"}).json() == {"count": 3}


def test_the_scopes_are_those_of_the_description(jira_cloud_description: Any) -> None:
    scopes = scopes_of(read_jira(jira_cloud_description, ""))
    for call in (
        ("GET", "/rest/api/3/search/jql"),
        ("POST", "/rest/api/3/search/jql"),
        ("POST", "/rest/api/3/search/approximate-count"),
        ("GET", "/rest/api/3/field"),
    ):
        assert frozenset({WORK_SCOPE}) in scopes[call]
    assert frozenset({USER_SCOPE}) in scopes["GET", "/rest/api/3/myself"]
    assert scopes["GET", "/rest/api/3/serverInfo"] <= {frozenset()}


def test_the_requests_of_the_provider_are_as_described(site: DescribedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    send, checked = Session.send, []

    def send_and_check(session: Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(session, request, **options)
        described = RequestsOpenAPIRequest(request)
        site.description.validate_request(described)
        site.description.validate_response(described, RequestsOpenAPIResponse(response))
        checked.append(f"{request.method} {request.path_url.partition('/rest/api/3/')[2]}")
        return response

    monkeypatch.setattr(Session, "send", send_and_check)
    with JiraClient(site.base, auth=Basic(*site.session.auth), deployment="cloud") as client:
        assert len(client.search("project = ANL", ["summary", "description"], limit=2).issues) == 2
        assert len(client.search("project = ANL", ["summary"]).issues) == 3
        assert client.search("project = ANL AND summary ~ none", ["summary"]).issues == []
    assert checked == [
        "POST search/jql",
        "POST search/approximate-count",
        "POST search/jql",
        "POST search/jql",
        "GET myself",
    ]


def test_boards_and_sprints_are_as_described(
    site: DescribedSite, sandbox: Sandbox, jira_agile_description: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sandbox.store
    board = store.add_board("Analytics", "ANL")
    for name in ("Sprint 1", "Sprint 2"):
        store.start_sprint(store.add_sprint(board.id, name, ["ANL-1"], goal="지표").id)
    store.close_sprint(1)
    store.add_sprint(board.id, "Sprint 3")
    description = as_openapi(read_agile(jira_agile_description, site.base))
    send, checked = Session.send, []

    def send_and_check(session: Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(session, request, **options)
        described = RequestsOpenAPIRequest(request)
        description.validate_request(described)
        description.validate_response(described, RequestsOpenAPIResponse(response))
        checked.append(request.path_url.partition("/rest/agile/1.0/")[2])
        return response

    monkeypatch.setattr(Session, "send", send_and_check)
    with JiraClient(site.base, auth=Basic(*site.session.auth), deployment="cloud") as client:
        assert client.find_sprint("active", "Analytics").name == "Sprint 2"
        assert client.find_sprint("closed", str(board.id)).name == "Sprint 1"
        assert client.find_sprint("Sprint 3", "Analytics").state == "future"
        assert client.find_sprint("1").state == "closed"
    assert [call.partition("?")[0] for call in checked] == [
        *("board", "board/1/sprint", "board/1", "board/1/sprint", "board", "board/1/sprint", "sprint/1"),
    ]


def test_the_scopes_of_sprints_are_those_of_the_description(jira_agile_description: Any) -> None:
    description = json.loads(jira_agile_description.read_text("utf-8"))

    def scopes(path: str) -> set[str]:
        (entry,) = description["paths"][f"/rest/agile/1.0/{path}"]["get"]["security"]
        return set(entry["OAuth2"])

    assert scopes("sprint/{sprintId}") == scopes("board/{boardId}/sprint") == {SPRINT_SCOPE}
    assert scopes("board/{boardId}") == {BOARD_SCOPE, ISSUE_SCOPE}


def test_the_scopes_of_the_provider_suffice(jira_cloud_description: Any, jira_agile_description: Any) -> None:
    """The scopes that a consent requests are those of all calls, and no others."""
    needed = {scope for call in JIRA_CALLS for scope in min(scopes_of(read_jira(jira_cloud_description, ""))[call], key=len)}
    agile = json.loads(jira_agile_description.read_text("utf-8"))
    for path in ("board", "board/{boardId}", "board/{boardId}/sprint", "sprint/{sprintId}"):
        (entry,) = agile["paths"][f"/rest/agile/1.0/{path}"]["get"]["security"]
        needed |= set(entry["OAuth2"])
    # The description has no scopes for the list of boards; Atlassian's page on it names this one beside the others.
    assert needed | {"read:project:jira"} == set(SCOPES)


JIRA_CALLS = (
    ("POST", "/rest/api/3/search/jql"),
    ("POST", "/rest/api/3/search/approximate-count"),
    ("GET", "/rest/api/3/myself"),
)
