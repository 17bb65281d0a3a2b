"""Jira Data Center's search and issues, as the client of the Jira provider asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from atlassian import Jira
from requests import HTTPError

from workplace_sandbox import Sandbox


def at(text: str) -> datetime:
    """A moment in Seoul."""
    return datetime.fromisoformat(f"{text}+09:00")


@pytest.fixture
def client(sandbox: Sandbox) -> Jira:
    """Three issues: ANL-1 is done, ANL-2 is open and somebody's, ANL-3 nobody has."""
    store = sandbox.store
    store.add_project("ANL", "데이터 분석")
    store.add_issue(
        "ANL", "장바구니 이벤트 누락", type="Bug", status="완료", priority="High", assignee="jimin",
        labels=["kpi", "Android"],
        created=at("2026-11-10T09:00"), resolved=at("2026-11-12T17:00"), due=date(2026, 11, 13),
    )  # fmt: skip
    store.add_issue(
        "ANL", "再購入率の定義 & <b>", description="返品 refund", status="진행 중", assignee="haruka", labels=["japan"],
        created=at("2026-11-17T09:00"), updated=at("2026-11-19T00:00"), due=date(2026, 11, 20),
    )  # fmt: skip
    store.add_issue("ANL", "Refresh the extract", created=at("2026-11-18T09:00"), priority="Low")
    store.add_issue("DATA", "Kafka", status="검토 중", assignee="jimin", created=at("2026-11-01T09:00"))
    return Jira(sandbox.jira_url, token=sandbox.confluence_token)


def keys(client: Jira, jql: str) -> list[str]:
    return [issue["key"] for issue in client.jql(jql)["issues"]]


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("", "DATA-1 ANL-3 ANL-2 ANL-1"),
        ("order by created", "DATA-1 ANL-1 ANL-2 ANL-3"),
        ("project = ANL", "ANL-3 ANL-2 ANL-1"),
        ('project = "데이터 분석" and statusCategory != Done', "ANL-3 ANL-2"),
        ("PROJECT in (anl, DATA) AND statusCategory = 'In Progress'", "DATA-1 ANL-2"),
        ("statusCategory = indeterminate", "DATA-1 ANL-2"),
        ("status = 완료", "ANL-1"),
        ("status in ('할 일', 10100)", "DATA-1 ANL-3"),
        ("assignee = jimin", "DATA-1 ANL-1"),
        ("assignee = '佐藤 遥'", "ANL-2"),
        ("assignee != jimin", "ANL-2"),  # not the one that nobody has
        ("assignee is empty or assignee not in (jimin)", "ANL-3 ANL-2"),
        ("assignee is not EMPTY", "DATA-1 ANL-2 ANL-1"),
        ("assignee in (haruka, EMPTY)", "ANL-3 ANL-2"),
        ("assignee = currentUser()", ""),
        ("labels = KPI", "ANL-1"),
        ("labels in (japan, android)", "ANL-2 ANL-1"),
        ("labels not in (kpi)", "ANL-2"),
        ("labels is EMPTY", "DATA-1 ANL-3"),
        ("labels = nobody-has-this", ""),
        ("issuetype = Bug && priority = High || key = ANL-3", "ANL-3 ANL-1"),
        ("issue in (ANL-1, anl-2) and ! key = ANL-1", "ANL-2"),
        ("key >= ANL-2", "ANL-3 ANL-2"),
        ("text ~ refund", "ANL-2"),
        ('text ~ "이벤트 장바"', "ANL-1"),
        ("summary !~ 再購入 and project = ANL", "ANL-3 ANL-1"),
        ("resolution = Unresolved and project = ANL", "ANL-3 ANL-2"),
        ("resolved is EMPTY and project = ANL", "ANL-3 ANL-2"),
        ("resolved >= 2026-11-12 and resolved < 2026-11-13", "ANL-1"),
        ('resolved <= "2026-11-12"', ""),  # a date is its midnight
        ('resolved <= "2026/11/12 17:00"', "ANL-1"),
        ('updated >= "2026-11-19"', "ANL-2"),
        ('updated = "2026-11-19"', "ANL-2"),
        ('created > "2026-11-17" and created < "2026-11-18"', "ANL-2"),
        ("due <= 2026-11-13", "ANL-1"),
        ("duedate > 2026-11-13", "ANL-2"),
        ("due is EMPTY and project = ANL", "ANL-3"),
        ("not (project = ANL or status = 완료)", "DATA-1"),
        ("project = ANL order by due", "ANL-1 ANL-2 ANL-3"),
        ("project = ANL order by due desc, key", "ANL-3 ANL-2 ANL-1"),
        ("project = ANL order by priority desc", "ANL-1 ANL-2 ANL-3"),
        ("project = ANL ORDER BY status ASC, key DESC", "ANL-3 ANL-2 ANL-1"),
        ("reporter = jimin@example.com and type = Bug", "ANL-1"),
    ],
)  # fmt: skip
def test_a_query_finds(client: Jira, jql: str, found: str) -> None:
    assert keys(client, jql) == found.split()


def test_dates_relative_to_now(sandbox: Sandbox, client: Jira) -> None:
    now = datetime.now(UTC)
    for hours in (1, 30, 24 * 8):
        sandbox.store.add_issue("NOW", f"{hours}", created=now - timedelta(hours=hours), assignee="report-bot")
    assert keys(client, "project = NOW and created >= -7d") == ["NOW-2", "NOW-1"]
    assert keys(client, "project = NOW and created > '-1d 2h' and created <= now()") == ["NOW-1"]
    assert keys(client, "project = NOW and created < startOfDay(-7d)") == ["NOW-3"]
    assert keys(client, "project = NOW and created < endOfWeek(1) and assignee = currentUser() and key = NOW-3") == ["NOW-3"]


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("project = NONE", "The value 'NONE' does not exist for the field 'project'."),
        ("status = Doing", "The value 'Doing' does not exist for the field 'status'."),
        ("assignee = nobody", "The value 'nobody' does not exist for the field 'assignee'."),
        ("key = ANL-99", "An issue with key 'ANL-99' does not exist for field 'key'."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("project ~ ANL", "The operator '~' is not supported by the 'project' field."),
        ("status is 완료", "The operator 'is' only takes EMPTY or NULL."),
        ("updated > yesterday", "Date value 'yesterday' for field 'updated' is invalid."),
        ("updated > tomorrow()", "Unable to find JQL function 'tomorrow()'."),
        ("order by colour", "Not able to sort using field 'colour'."),
        ("project ANL", "Expecting operator but got 'ANL'."),
        ("project = ANL AND", "Expecting a field name before the end of the query."),
        ("project =", "Expecting either a value, list or function before the end"),
        ("project = ANL status = 완료", "Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 15)"),
        ("project = ANL and\n(key = ANL-1", "Expecting ')' before the end of the query."),
        ('summary ~ "half', "The quoted string 'half' has not been completed."),
        ("(" * 150 + "key = ANL-1" + ")" * 150, "nested too deep"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused_with_the_reason(client: Jira, jql: str, message: str) -> None:
    with pytest.raises(HTTPError) as refused:
        client.jql(jql)
    assert refused.value.response.status_code == 400
    assert message in str(refused.value)
    assert refused.value.response.json()["errors"] == {}


def test_an_issue_looks_as_jira_sends_it(sandbox: Sandbox, client: Jira) -> None:
    (issue,) = client.jql("key = ANL-1")["issues"]
    assert issue["self"] == f"{sandbox.jira_url}/rest/api/2/issue/{issue['id']}"
    fields = issue["fields"]
    assert fields["status"]["name"] == "완료"
    assert fields["status"]["statusCategory"]["key"] == "done"
    assert (fields["assignee"]["name"], fields["assignee"]["displayName"]) == ("jimin", "김지민")
    assert fields["created"] == "2026-11-10T09:00:00.000+0900"
    assert (fields["resolutiondate"], fields["duedate"]) == ("2026-11-12T17:00:00.000+0900", "2026-11-13")
    assert (fields["resolution"]["name"], fields["priority"]["name"], fields["issuetype"]["name"]) == ("Done", "High", "Bug")
    assert client.issue("anl-1")["fields"]["description"] is None
    assert client.issue(issue["id"], fields="summary")["fields"] == {"summary": "장바구니 이벤트 누락"}


def test_only_the_fields_asked_for_are_sent(client: Jira) -> None:
    def sent(fields: str | None) -> set[str]:
        return set(client.jql("key = ANL-2", fields=fields)["issues"][0]["fields"])

    assert sent("summary,status,nosuchfield") == {"summary", "status"}
    assert {"summary", "duedate"} <= sent(None)
    assert "description" not in sent(None)
    assert "description" in sent("*all")
    assert sent("*all") - sent("*all,-summary") == {"summary"}


def test_a_long_result_comes_in_pages(sandbox: Sandbox, client: Jira) -> None:
    for number in range(130):
        sandbox.store.add_issue("MANY", f"{number}")
    first = client.jql("project = MANY ORDER BY key")
    assert (first["startAt"], first["maxResults"], first["total"], len(first["issues"])) == (0, 50, 130, 50)
    second = client.jql("project = MANY ORDER BY key", start=50, limit=1000)
    assert (second["maxResults"], second["issues"][0]["key"], second["issues"][-1]["key"]) == (100, "MANY-51", "MANY-130")
    assert client.jql("project = MANY", limit=0)["total"] == 130
    assert client.jql("project = MANY", start=200)["issues"] == []
    with pytest.raises(HTTPError, match="maxResults"):
        client.get("rest/api/2/search", params={"jql": "", "maxResults": "-1"})


def test_a_query_may_be_posted(client: Jira) -> None:
    answer: Any = client.post("rest/api/2/search", data={"jql": "project = ANL", "fields": ["summary"], "maxResults": 1})
    assert (answer["total"], len(answer["issues"]), answer["issues"][0]["fields"]) == (
        3,
        1,
        {"summary": "Refresh the extract"},
    )
    for body in ([], {"fields": "summary"}):
        with pytest.raises(HTTPError):
            client.post("rest/api/2/search", data=body)


def test_who_is_asking(sandbox: Sandbox, client: Jira) -> None:
    assert client.myself()["name"] == "report-bot"
    assert Jira(sandbox.jira_url, username="jimin", password="sandbox-password").myself()["displayName"] == "김지민"
    info = client.get_server_info()
    assert (info["baseUrl"], info["deploymentType"]) == (sandbox.jira_url, "Server")
    assert [project["key"] for project in client.projects()] == ["ANL", "DATA"]
    with pytest.raises(HTTPError, match="Issue Does Not Exist"):
        client.issue("ANL-99")


def test_wrong_credentials_are_a_page_and_none_see_nothing(sandbox: Sandbox, client: Jira) -> None:
    del client
    wrong = requests.get(f"{sandbox.jira_url}/rest/api/2/search", headers={"Authorization": "Bearer x"}, timeout=5)
    assert (wrong.status_code, wrong.headers["content-type"]) == (401, "text/html; charset=utf-8")
    nobody = Jira(sandbox.jira_url)
    assert nobody.jql("")["total"] == 0
    with pytest.raises(HTTPError, match="does not exist for the field 'project'"):
        nobody.jql("project = ANL")
    with pytest.raises(HTTPError) as refused:
        nobody.myself()
    assert refused.value.response.status_code == 401
    with pytest.raises(HTTPError, match="Issue Does Not Exist"):
        nobody.issue("ANL-1")


def test_people_can_open_an_issue_and_the_board(sandbox: Sandbox, client: Jira) -> None:
    del client

    def page(path: str, status: int = 200) -> str:
        answer = requests.get(f"{sandbox.url}{path}", timeout=5)
        assert answer.status_code == status
        return answer.text

    issue = page("/jira/browse/ANL-2")
    assert "再購入率の定義 &amp; &lt;b&gt;" in issue
    assert "佐藤 遥" in issue
    board = page("/jira/secure/RapidBoard.jspa")
    assert board.count("board-card") == 4
    assert page("/jira/projects/anl").count("board-card") == 3
    assert page("/jira/browse/DATA").count("board-card") == 1
    assert 'href="/jira/secure/RapidBoard.jspa"' in page("/")
    page("/jira/browse/ANL-99", 404)
    page("/jira/browse/NONE", 404)


@pytest.fixture(scope="module")
def seeded() -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 11, 22)) as sandbox:
        yield sandbox


@pytest.mark.parametrize("report", ["2026-11-05", "2026-11-12", "2026-11-19"])
def test_each_week_has_open_and_done_issues_of_its_own(seeded: Sandbox, report: str) -> None:
    client = Jira(seeded.jira_url, token=seeded.confluence_token)
    before = date.fromisoformat(report) - timedelta(weeks=1)
    done = client.jql(f"project = ANL AND resolved >= {before} AND resolved < {report}")["issues"]
    made = client.jql(f"project = ANL AND created >= {before} AND created < {report}")["issues"]
    assert len(done) >= 3
    assert len(made) == 5
    assert {issue["fields"]["status"]["statusCategory"]["key"] for issue in made} > {"done"}


def test_the_seeded_board_has_every_category_several_pages_and_three_languages(seeded: Sandbox) -> None:
    client = Jira(seeded.jira_url, token=seeded.confluence_token)
    assert client.jql("project = ANL")["total"] > 50
    for category in ("To Do", "In Progress", "Done"):
        assert client.jql(f'project = ANL AND statusCategory = "{category}"')["total"] >= 3
    summaries = " ".join(issue["fields"]["summary"] for issue in client.jql("project = ANL", limit=100)["issues"])
    assert all(word in summaries for word in ("장바구니", "Refresh the revenue", "週次レポート", "<목표 & 실적>"))
    assert client.jql("updated >= 2026-11-23")["total"] == 0
