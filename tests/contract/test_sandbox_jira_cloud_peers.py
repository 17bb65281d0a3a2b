"""Jira Cloud of the sandbox, as two public clients read it: jira, and atlassian-python-api of Airflow's own Jira hook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from atlassian import Jira
from jira import JIRA
from requests import HTTPError

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract


@pytest.fixture
def client(sandbox: Sandbox) -> Jira:
    for number in range(130):
        sandbox.store.add_issue("ANL", f"{number}", description="글")
    return Jira(sandbox.cloud_url, username=sandbox.cloud_email, password=sandbox.cloud_token, cloud=True)


def test_the_pages_of_a_search_are_read(client: Jira) -> None:
    issues = client.enhanced_jql_get_list_of_tickets("project = ANL ORDER BY key", fields=["summary"], limit=1000)
    assert [issue["fields"]["summary"] for issue in issues] == [str(number) for number in range(130)]


def test_count_and_account(client: Jira, sandbox: Sandbox) -> None:
    assert client.approximate_issue_count("project = ANL")["count"] == 130
    assert client.myself()["accountId"] == sandbox.cloud.account_id("report-bot")


def test_an_issue_has_its_fields(client: Jira) -> None:
    assert client.issue("ANL-7", fields="summary")["fields"]["summary"] == "6"


def test_the_search_of_data_center_is_gone(sandbox: Sandbox) -> None:
    # Airflow's hook makes the client without ``cloud``.
    client = Jira(sandbox.cloud_url, username=sandbox.cloud_email, password=sandbox.cloud_token)
    with pytest.raises(HTTPError, match="search/jql") as gone:
        client.jql("project = ANL")
    assert gone.value.response.status_code == 410


def test_sprints_of_a_board(client: Jira, sandbox: Sandbox) -> None:
    board = sandbox.store.add_board("Analytics", "ANL")
    sandbox.store.start_sprint(sandbox.store.add_sprint(board.id, "Sprint 1", ["ANL-1"]).id)
    assert [entry["name"] for entry in client.get_all_agile_boards()["values"]] == ["Analytics"]
    (sprint,) = client.get_all_sprints_from_board(board.id)["values"]
    assert (sprint["name"], sprint["state"], sprint["originBoardId"]) == ("Sprint 1", "active", board.id)


@pytest.fixture(params=["site", "gateway"])
def pycontribs(request: Any, sandbox: Sandbox) -> Iterator[JIRA]:
    """The client ``jira``, with an API token at the site, or with the consent of a person at the gateway."""
    for number in range(130):
        sandbox.store.add_issue("ANL", f"{number}", assignee="haruka")
    if request.param == "site":
        client = JIRA(sandbox.cloud_url, basic_auth=(sandbox.cloud_email, sandbox.cloud_token))
    else:
        bearer = {"Authorization": f"Bearer {sandbox.cloud.consent()['access_token']}"}
        options = {"server": f"{sandbox.cloud_gateway_url}/ex/jira/{sandbox.cloud_id}", "headers": bearer}
        client = JIRA(options=options)
    yield client
    client.close()


def test_pycontribs_jira_reads_issues_boards_and_sprints(pycontribs: JIRA, sandbox: Sandbox) -> None:
    board = sandbox.store.add_board("분석", "ANL")
    sandbox.store.start_sprint(sandbox.store.add_sprint(board.id, "Sprint 1", ["ANL-1"]).id)
    found = pycontribs.enhanced_search_issues("project = ANL ORDER BY key", maxResults=0, fields="summary,assignee")
    assert [issue.fields.summary for issue in found] == [str(number) for number in range(130)]
    assert pycontribs.issue("ANL-7").fields.assignee.displayName == "佐藤 遥"
    assert [entry.name for entry in pycontribs.boards()] == ["분석"]
    (sprint,) = pycontribs.sprints(board.id, state="active")
    assert (sprint.name, pycontribs.sprint(sprint.id).state) == ("Sprint 1", "active")
    assert pycontribs.myself()["accountId"] == sandbox.cloud.account_id("report-bot")
