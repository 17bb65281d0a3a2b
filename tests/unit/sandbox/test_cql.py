from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from workplace_sandbox import Sandbox
from workplace_sandbox.confluence.cql import CqlError, parse_cql
from workplace_sandbox.confluence.search_index import IndexedContent
from workplace_sandbox.model import Page

AT = datetime(2026, 11, 19, 0, 30, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def finding(**change) -> IndexedContent:
    page = Page("1", "ANALYTICS", "t", None, "current", 1, "", "", False, AT, "jimin", AT, "jimin", 0)
    facts = {
        "id": "1",
        "type": "page",
        "title": "주간 보고",
        "storage": "<p>지표 <b>그래프</b></p>",
        "page": page,
        "space_name": "데이터분석팀",
        "parent_id": "5",
        "ancestor_ids": frozenset({"5", "4"}),
        "labels": frozenset({"주간", "weekly-report"}),
        "created": AT,
        "modified": AT + timedelta(days=2),
        "creator": "jimin",
        "contributors": frozenset({"jimin", "report-bot"}),
    }
    return IndexedContent(**(facts | change))


def matches(query: str, **change) -> bool:
    return bool(parse_cql(query, "jimin").run([finding(**change)]))


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@pytest.mark.parametrize(
    "query",
    [
        "space = analytics",
        'space in ("OTHER", ANALYTICS) and type = page',
        'title = "주간 보고"',
        "title ~ 보고",
        'text ~ "그래프 지표"',
        "ancestor = 4 and parent = 5",
        'label = "weekly-report"',
        "label in (주간, other)",
        "not label = other and space not in (OTHER)",
        "label != other",
        'created = "2026-11-19"',
        'created >= "2026/11/19" and lastmodified < "2026-11-22"',
        'created > "2026-11-19 09:00" and created < "2026-11-19 09:31"',
        'created <= now() and created > now("-4000w")',
        "creator = currentUser()",
        "contributor = report-bot",
        "(space = OTHER or type = page) and (id = 1)",
        "type = comment OR type = PAGE",
        'title !~ "없는 말"',
    ],
)
def test_what_matches(query):
    assert matches(query)


@pytest.mark.parametrize(
    "query",
    [
        "space = OTHER",
        'title = "주간"',
        "space = ANALYTICS and type = comment",
        "not (space = ANALYTICS)",
        "space != ANALYTICS",
        "ancestor = 1",
        'created < "2026-11-19"',
        'created > "2026-11-19"',
        "label not in (주간)",
        "space = OTHER or type = page and label = other",
    ],
)
def test_what_does_not_match(query):
    assert not matches(query)


@given(TEXT)
@example('"')
@example("\\")
@example('\\" or title != "x')
@example('주간" or space = "ANALYTICS')
@example("it's")
def test_an_escaped_title_finds_exactly_its_page(title):
    query = f"space = ANALYTICS and title = {quoted(title)}"
    assert matches(query, title=title)
    assert not matches(query, title=title + "x")


@given(st.text(max_size=60))
@example("(" * 5000)
@example("not " * 5000 + "type = page")
@example("now(" * 5000)
@example('title = "open')
@example('title = "a\\')
@example("title =")
@example("title")
@example("order by title")
@example('created = "yesterday"')
@example('created > now("99999y")')
def test_whatever_is_asked_it_is_a_query_or_a_clear_refusal(text):
    with contextlib.suppress(CqlError):
        parse_cql(text).run([finding()])


def test_order():
    titles = [finding(id=str(n), title=title) for n, title in enumerate("나가다")]
    found = parse_cql("type = page order by title desc").run(titles)
    assert [entry.title for entry in found] == ["다", "나", "가"]
    assert [e.id for e in parse_cql("type=page order by type, id asc").run(titles)] == ["0", "1", "2"]


def test_refusals_name_the_query_or_the_field(api):
    assert api.refused("GET", "/content/search", params={"cql": "title ="}) == (
        400,
        "Could not parse cql : title =",
    )
    status, message = api.refused("GET", "/content/search", params={"cql": "colour = red"})
    assert (status, message) == (400, "No field exists with name: colour")
    assert api.refused("GET", "/content/search")[0] == 400


def test_both_searches(api, home):
    made = api.create("주간 보고 11/19", "<p>이번 주 <b>지표</b></p>", parent=home)
    api.attach(made["id"], "지표.png")
    assert api.get("/content/search", cql="text ~ 지표 and type = page")["results"][0]["id"] == made["id"]
    everything = api.get("/search", cql=f"ancestor = {home} or container = {made['id']}")
    assert [result["content"]["type"] for result in everything["results"]] == ["page", "attachment"]
    assert everything["totalSize"] == 2
    assert everything["results"][0]["title"] == "주간 보고 11/19"


def test_a_search_index_may_lag_behind():
    with Sandbox(seed=False, search_lag=timedelta(hours=1)) as sandbox:
        sandbox.store.create_page("ANALYTICS", "새 쪽", "", author="jimin")
        headers = {"Authorization": f"Bearer {sandbox.confluence_token}"}
        address = f"{sandbox.confluence_url}/rest/api/content"
        by_cql = requests.get(f"{address}/search", params={"cql": "type = page"}, headers=headers, timeout=30)
        by_title = requests.get(address, params={"title": "새 쪽"}, headers=headers, timeout=30)
        assert by_cql.json()["size"] == 0
        assert by_title.json()["size"] == 1
