"""A page that rolls over to its next period: dates, tasks, links and labels."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from hypothesis import given
from hypothesis import strategies as st

from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.client.model import Page
from workplace_provider.confluence.operators import ConfluenceCopyPageOperator
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits import RetargetLinks
from workplace_provider.confluence.publishing.labels import LabelRule
from workplace_provider.confluence.publishing.series import CopiedPage, TitleSeries, link_edit
from workplace_provider.http.errors import Forbidden, NotFound

BEFORE = "20261105_데이터분석팀 주간 보고"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


def link(title: str, text: str, key: str = "") -> str:
    space = f'ri:space-key="{key}" ' if key else ""
    return f'<ac:link><ri:page {space}ri:content-title="{title}" /><ac:link-body>{text}</ac:link-body></ac:link>'


def task(status: str, day: str) -> str:
    return f"<ac:task><ac:task-status>{status}</ac:task-status><ac:task-body>{status} {day}</ac:task-body></ac:task>"


def copy(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Any:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    operator = ConfluenceCopyPageOperator(task_id="copy", **{"space": SPACE, **arguments})
    context: Any = {
        "dag": SimpleNamespace(dag_id="dag"),
        "run_id": "run-1",
        "task": operator,
        "outlet_events": OutletEventAccessors(),
        "params": {"week": "2026-W47"},
    }
    operator.render_template_fields(context)
    return operator.execute(context)


def test_a_weekly_report_rolls_over(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    store = wiki.sandbox.store
    store.create_page(SPACE, BEFORE, "<p>x</p>", author="jimin")
    other = store.create_page(SPACE, "20261105_장애", "<p>x</p>", author="jimin")
    before = wiki.client().find_page(SPACE, BEFORE)
    itself = wiki.client().get_page(wiki.last_week)
    assert before is not None
    tasks = f"<ac:task-list>{task('complete', '2026-11-13')}{task('incomplete', '2026-11-13')}</ac:task-list>"
    links = link(BEFORE, "지난주 (11월 5일)") + link(LAST_WEEK, LAST_WEEK) + link("20261105_장애", "장애")
    address = (
        f'<a href="{before.url}">지난주</a><a href="{itself.url}#top">{itself.url}</a>'
        f'<a href="{wiki.url}/x?pageId={other.id}">장애</a><a href="https://else.example.com/x?pageId={before.id}">밖</a>'
    )
    store.update_page(wiki.last_week, author="jimin", body=f"<p>2026-11-12 {links} {address}</p>{tasks}")
    store.add_labels(wiki.last_week, ["2026-w46"])
    wiki.sandbox.clear_requests()
    given = {"source_title": LAST_WEEK, "title": THIS_WEEK}
    rule = {"add": ["{{ params.week }}"], "drop": ["20??-w??"]}
    copy(wiki, monkeypatch, **given, roll=["dates", "open_tasks", "links"], labels=rule)
    page = wiki.this_week()
    moved = (
        link(LAST_WEEK, "지난주 (11월 12일)") + link(THIS_WEEK, THIS_WEEK) + link("20261105_장애", "장애"),
        link(LAST_WEEK, "지난주") + link(THIS_WEEK, THIS_WEEK).replace("<ac:link>", '<ac:link ac:anchor="top">'),
    )
    kept = f'<a href="{wiki.url}/x?pageId={other.id}">장애</a><a href="https://else.example.com/x?pageId={before.id}">밖</a>'
    expected = (
        f"<p>2026-11-19 {moved[0]} {moved[1]}{kept}</p><ac:task-list>{task('incomplete', '2026-11-13')}</ac:task-list>"
    )
    assert wiki.is_body(page.body, expected)
    assert {label.name for label in store.labels(page.id)} == {"2026-w47", "weekly-report", "주간보고"}


def test_numbered_titles_and_other_parts(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    store = wiki.sandbox.store
    body = (
        f"<p>11/12 {link('Sprint 8', 'Sprint 8')} {link('Sprint 9', 'this one', SPACE)} {link('Sprint 8', 'x', 'OPS')}</p>"
    )
    source = store.create_page(SPACE, "Sprint 9", body, author="jimin")
    page = copy(wiki, monkeypatch, source_id=source.id, title="Sprint 10", roll="links", labels=False)
    made = store.page(page["id"])
    assert made is not None
    assert made.body == (
        f"<p>11/12 {link('Sprint 9', 'Sprint 9')} {link('Sprint 10', 'this one', SPACE)} {link('Sprint 8', 'x', 'OPS')}</p>"
    )
    with pytest.raises(AirflowFailException, match="has no date with a year"):
        copy(wiki, monkeypatch, source_id=source.id, title="Sprint 11", roll=["dates"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"roll": ["links", "tasks"]}, "roll is 'tasks'; it must be one of dates, open_tasks, links"),
        ({"labels": {"remove": ["a"]}}, "labels has the key 'remove'; the keys are copy, add, drop"),
        ({"labels": {"add": [1]}}, "labels: add is .*; it must be a list of texts"),
        ({"labels": "perhaps"}, "labels is 'perhaps'; it must be true or false"),
    ],
)
def test_wrong_rules_are_named(
    wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        copy(wiki, monkeypatch, source_title=LAST_WEEK, title=THIS_WEEK, **arguments)


def test_the_rule_of_labels() -> None:
    labels = ["Weekly", "2026-w46", "2026-w4", "w46"]
    assert LabelRule.of('{"drop": "20??-W??, x*", "add": ["new", "new"]}').apply(labels) == (
        "Weekly",
        "2026-w4",
        "w46",
        "new",
    )
    assert LabelRule.of({"copy": "false", "add": "a, b"}).apply(labels) == ("a", "b")
    assert LabelRule.of(True).apply(labels) == tuple(labels)
    assert LabelRule.of(LabelRule(copy=False)).apply(labels) == ()
    assert LabelRule.of("{}").apply(labels) == tuple(labels)


@pytest.mark.parametrize(
    ("source", "title", "other", "moved"),
    [
        ("20261112_주간", "20261119_주간", "20261105_주간", "20261112_주간"),
        ("20261112_주간", "20261119_주간", "20261112_주간 - 상세", "20261119_주간 - 상세"),
        ("20261112_주간", "20261119_주간", "회의록 2026-11-13", "회의록 2026-11-20"),
        ("20261112_주간", "20261119_주간", "회의록", "회의록"),
        ("2026-10 월간", "2026-11 월간", "2026-09 월간", "2026-10 월간"),
        ("Week 9", "Week 10", "Week 8", "Week 9"),
        ("Sprint 09", "Sprint 10", "Sprint 08", "Sprint 09"),
        ("Sprint 9", "Sprint 10", "Plan", "Plan"),
        ("Plan", "Plan B", "Plan", "Plan B"),
        ("Plan", "Plan B", "Plan details", "Plan B details"),
        ("11월 26일 주간", "12월 3일 주간", "11월 19일 주간", "11월 26일 주간"),
        ("12월 31일 주간", "1월 7일 주간", "12월 24일 주간", "12월 31일 주간"),
        ("52주차 보고", "1주차 보고", "51주차 보고", "52주차 보고"),
        ("Sprint 9", "Sprint 3", "Sprint 2", "Sprint 2"),
        ("20261112_주간", "20261119_주간", "22001231_주간", "22001231_주간"),
    ],
)
def test_titles_move_on(source: str, title: str, other: str, moved: str) -> None:
    series = TitleSeries(source, title)
    assert series.move(source) == title
    assert series.move(other) == moved


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_title_can_be_read(source: str, title: str, other: str) -> None:
    TitleSeries(source, title).move(other)


PAGE = (
    "<p>" + link("A", " a ") + link("A", "<strong>x</strong>") + link("가", "text", "OPS") + "</p>"
    '<ac:link><ri:page ri:content-title="A" /><ac:plain-text-link-body><![CDATA[A]]></ac:plain-text-link-body></ac:link>'
    '<ac:image><ri:attachment ri:filename="f"><ri:page ri:content-title="A" /></ri:attachment></ac:image>'
    '<ac:link><ri:attachment ri:filename="f"><ri:page ri:content-title="A" /></ri:attachment></ac:link>'
    '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="A" /></ac:link>'
    '</ac:parameter></ac:structured-macro><a href="http://[">x</a><a href="/x/AQ"></a>'
)


def test_every_kind_of_link_and_nothing_else() -> None:
    edit = RetargetLinks(
        {"a": "B & C", "가": "나"}, ids={"1": "D"}, site="https://w", space="OPS", new_space="NEW", files=False
    )
    page = PageDocument(PAGE).apply([edit]).storage
    assert page.count('ri:content-title="B &amp; C"') == 4
    assert "<ac:link-body>B &amp; C</ac:link-body>" in page
    assert "<![CDATA[B & C]]>" in page
    assert '<ri:page ri:space-key="NEW" ri:content-title="나" />' in page
    assert page.count('ri:filename="f"><ri:page ri:content-title="A"') == 2
    assert page.endswith('<a href="http://[">x</a>' + link("D", "D"))
    assert (
        PageDocument(PAGE).apply([RetargetLinks({"a": "B"})]).storage.count('ri:filename="f"><ri:page ri:content-title="B"')
        == 1
    )
    assert PageDocument(PAGE).apply([RetargetLinks()]).storage == PAGE


def test_links_by_address_that_cannot_be_read_stay() -> None:
    pages = {"2": "20261105_주간", "3": "20261105_장애", "5": "20261105_주간"}

    class Client:
        base_url = "https://w"

        def get_page(self, page_id: str) -> Page:
            if page_id == "4":
                raise Forbidden("hidden")
            if page_id not in pages:
                raise NotFound("gone")
            space = "OPS" if page_id == "5" else SPACE
            return Page(page_id, space, pages[page_id], "current", 1, "", None)

    client: Any = Client()
    source = Page("1", SPACE, "20261112_주간", "current", 1, "", None)
    addresses = [f"https://w/x?pageId={number}" for number in range(1, 7)]
    body = "".join(f'<a href="{address}">{number}</a>' for number, address in enumerate([*addresses, "http://[", "/x"]))
    document = PageDocument(body)
    edit = link_edit(client, document, [CopiedPage(source, "20261119_주간")], ["links"])
    assert edit is not None
    assert (edit.titles, edit.ids) == ({}, {"1": "20261119_주간", "2": "20261112_주간"})
    assert link_edit(client, document, [CopiedPage(source, "20261119_주간")], ["dates"]) is None


def test_comments_in_a_link_and_links_in_code_stay() -> None:
    page = (
        '<ac:link><!-- a --><ri:page ri:content-title="A" /></ac:link><code><a href="/x?pageId=1">x</a></code>'
        '<ac:placeholder><ac:link><ri:page ri:content-title="A" /></ac:link></ac:placeholder>'
    )
    edit = RetargetLinks({"A": "B"}, ids={"1": "B"}, site="https://w")
    assert PageDocument(page).apply([edit]).storage == page.replace('"A"', '"B"', 1)
