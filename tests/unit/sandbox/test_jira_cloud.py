"""Jira Cloud of the sandbox: where it differs from Data Center, and what a client must not rely on."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from workplace_sandbox import Sandbox


@pytest.fixture(params=["site", "gateway"])
def way(request: Any, sandbox: Sandbox) -> tuple[str, str]:
    sandbox.store.add_issue("ANL", "가", description="글", assignee="jimin")
    sandbox.store.add_issue("ANL", "나")
    if request.param == "site":
        return f"{sandbox.cloud_url}/rest/api/3", sandbox.cloud_token
    return f"{sandbox.cloud_gateway_url}/ex/jira/{sandbox.cloud_id}/rest/api/3", sandbox.cloud_scoped_token


def call(sandbox: Sandbox, way: tuple[str, str], path: str, body: Any = None, *, token: str = "") -> requests.Response:
    auth = (sandbox.cloud_email, token or way[1])
    method = "GET" if body is None else "POST"
    return requests.request(method, f"{way[0]}/{path}", json=body, auth=auth, timeout=5)


def test_a_search_without_fields_has_ids_only_and_no_total(sandbox: Sandbox, way: tuple[str, str]) -> None:
    response = call(sandbox, way, "search/jql", {"jql": "project = ANL"}).json()
    assert [set(issue) for issue in response["issues"]] == [{"id"}, {"id"}]
    assert set(response) == {"issues", "isLast"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"jql": "project = ANL", "startAt": 0}, "Invalid request payload"),
        ({"jql": ""}, "Unbounded"),
        ({"jql": "ORDER BY key"}, "Unbounded"),
        ({"jql": "project = ANL ORDER BY key, due, status, project, created, updated, summary, priority"}, "maximum of 7"),
        ({"jql": "project = ANL", "maxResults": 0}, "between 1 and 5000"),
        ({"jql": "project = ANL", "maxResults": 5001}, "between 1 and 5000"),
        ({"jql": "", "maxResults": 0, "nextPageToken": "x"}, "token is invalid"),
        ({"jql": "project = NONE"}, "does not exist"),
        ({"jql": "assignee = jimin"}, "does not exist"),
    ],
)
def test_invalid_searches(sandbox: Sandbox, way: tuple[str, str], body: Any, message: str) -> None:
    response = call(sandbox, way, "search/jql", body)
    assert response.status_code == 400
    assert message in response.json()["errorMessages"][0]


def test_a_token_belongs_to_its_query(sandbox: Sandbox, way: tuple[str, str]) -> None:
    first = call(sandbox, way, "search/jql", {"jql": "project = ANL", "maxResults": 1}).json()
    other = {"jql": "project = ANL ORDER BY key", "nextPageToken": first["nextPageToken"]}
    assert call(sandbox, way, "search/jql", other).status_code == 400


def test_people_are_found_by_account_id(sandbox: Sandbox, way: tuple[str, str]) -> None:
    jql = f'assignee = "{sandbox.cloud.account_id("jimin")}"'
    (issue,) = call(sandbox, way, "search/jql", {"jql": jql, "fields": ["assignee"]}).json()["issues"]
    assert not {"name", "key", "emailAddress"} & set(issue["fields"]["assignee"])
    assert call(sandbox, way, "search/jql", {"jql": "assignee = currentUser()"}).json()["issues"] == []


def test_the_old_search_is_gone(sandbox: Sandbox, way: tuple[str, str]) -> None:
    for body in (None, {"jql": ""}):
        response = call(sandbox, way, "search", body)
        assert response.status_code == 410
        assert "/rest/api/3/search/jql" in response.json()["errorMessages"][0]


def test_a_wrong_token_at_the_site_is_an_anonymous_caller(sandbox: Sandbox) -> None:
    sandbox.store.add_issue("ANL", "가")
    way = (f"{sandbox.cloud_url}/rest/api/3", "wrong")
    response = call(sandbox, way, "search/jql", {"jql": "project = ANL"})
    assert (response.status_code, response.json()) == (200, {"issues": [], "isLast": True})
    assert call(sandbox, way, "issue/ANL-1").status_code == 404
    assert call(sandbox, way, "myself").status_code == 401
    assert call(sandbox, way, "serverInfo").json()["deploymentType"] == "Cloud"
    assert call(sandbox, way, "myself", token=sandbox.cloud_scoped_token).status_code == 401


def test_the_gateway_checks_token_scope_and_site(sandbox: Sandbox) -> None:
    base = f"{sandbox.cloud_gateway_url}/ex/jira/{sandbox.cloud_id}/rest/api/3"
    assert call(sandbox, (base, "wrong"), "serverInfo").status_code == 401
    user_only = sandbox.cloud.make_api_token(scopes=["read:jira-user"])
    assert call(sandbox, (base, user_only), "myself").status_code == 200
    refused = call(sandbox, (base, user_only), "search/jql", {"jql": "project = ANL"})
    assert refused.json() == {"code": 401, "message": "Unauthorized; scope does not match"}
    other = base.replace(sandbox.cloud_id, "0" * 36)
    assert call(sandbox, (other, sandbox.cloud_scoped_token), "myself").status_code == 404


def test_version_2_has_text_and_version_3_documents(sandbox: Sandbox, way: tuple[str, str]) -> None:
    body = {"jql": 'summary ~ "가"', "fields": ["description"]}
    old = (way[0].replace("/api/3", "/api/2"), way[1])
    (issue,) = call(sandbox, way, "search/jql", body).json()["issues"]
    assert issue["fields"]["description"]["type"] == "doc"
    (issue,) = call(sandbox, old, "search/jql", body).json()["issues"]
    assert issue["fields"]["description"] == "글"
