"""A page is copied with its child pages: each exactly once, in their order, with links among them moved on."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.operators import ConfluenceCopyPageOperator
from workplace_provider.confluence.pages.edits import AppendRow, ShiftDates
from workplace_provider.confluence.publishing.copy import MARKER, CopySpec
from workplace_provider.confluence.publishing.tree import TreeCopier
from workplace_provider.http.errors import Forbidden, Invalid, WorkplaceError
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Page

BEFORE = "20261105_데이터분석팀 주간 보고"
TITLES = {
    "20261112_지표": "20261119_지표",
    "20261112_상세": "20261119_상세",
    "20261112_가": "20261119_가",
    "회의록": f"회의록 ({THIS_WEEK})",
}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


def link(title: str, text: str = "x") -> str:
    return f'<ac:link><ri:page ri:content-title="{title}" /><ac:link-body>{text}</ac:link-body></ac:link>'


@pytest.fixture
def tree(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> str:
    """Last week's page with three child pages, not in the order of their titles, one of which has another one."""
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    store = wiki.sandbox.store
    store.create_page(SPACE, BEFORE, "<p>x</p>", parent_id=wiki.parent, author="jimin")
    links = link("20261112_지표") + link("회의록", "회의록") + link(BEFORE, "지난주 (11월 5일)") + link(LAST_WEEK)
    above = wiki.last_week
    for title in TITLES:
        body = f"<p>2026-11-12 {links}</p>"
        parent = above if title == "20261112_상세" else wiki.last_week
        above = store.create_page(SPACE, title, body, parent_id=parent, author="jimin").id
    store.add_attachment(above, "a.txt", "text/plain", io.BytesIO(b"a"), "", "jimin")
    store.add_labels(above, ["2026-w46"])
    address = f'<a href="{wiki.url}/x?pageId={above}">{wiki.url}/x?pageId={above}</a>'
    store.update_page(wiki.last_week, body=f"<p>2026-11-12 {links}{address}</p>", author="jimin")
    wiki.sandbox.clear_requests()
    return above


def copier(wiki: TeamWiki, **arguments: Any) -> TreeCopier:
    client = wiki.client()
    tree = {"child_title": "{title} ({top})", "most": 200}
    tree |= {name: arguments.pop(name) for name in list(arguments) if name in tree}
    source = client.get_page(wiki.last_week, body=True)
    given: dict[str, Any] = {"title": THIS_WEEK, "parent_id": wiki.parent, "run": "run-1", "roll": ("dates", "links")}
    return TreeCopier(client, CopySpec(source=source, **{**given, **arguments}), **tree)


def copy(wiki: TeamWiki, **arguments: Any) -> int:
    tree = copier(wiki, **arguments)
    return tree.run(tree.plan())[1]


def below(wiki: TeamWiki, page_id: str) -> list[Page]:
    return [page for page in wiki.sandbox.store.children(page_id) if page.status == "current"]


def assert_one_copy(wiki: TeamWiki) -> None:
    top = wiki.this_week()
    children = below(wiki, top.id)
    assert [page.title for page in children] == ["20261119_지표", "20261119_가", TITLES["회의록"]]
    assert [page.title for page in below(wiki, children[0].id)] == ["20261119_상세"]
    assert len(wiki.sandbox.store.pages(SPACE)) == 4 + 2 * len(TITLES) + 1
    for page in (top, *children):
        assert wiki.properties(page.id)[MARKER]["complete"] is True
    assert wiki.files(children[-1].id) == {"a.txt": (1, b"a")}


@pytest.mark.usefixtures("tree")
def test_a_tree_rolls_over(wiki: TeamWiki) -> None:
    assert copy(wiki) == 5
    assert_one_copy(wiki)
    top = wiki.this_week()
    minutes = TITLES["회의록"]
    links = link("20261119_지표") + link(minutes, minutes) + link(LAST_WEEK, "지난주 (11월 12일)") + link(THIS_WEEK)
    assert wiki.is_body(top.body, f"<p>2026-11-19 {links}{link(minutes, minutes)}</p>")
    for page in below(wiki, top.id):
        assert wiki.is_body(page.body, f"<p>2026-11-19 {links}</p>")
    wiki.sandbox.clear_requests()
    assert copy(wiki, run="run-2") == 0
    assert wiki.writes() == []


@pytest.mark.usefixtures("tree")
def test_links_among_the_pages_move_without_rolling(wiki: TeamWiki) -> None:
    edits = [AppendRow(["x"], if_missing="skip", table=0), ShiftDates(days="titles", within=("text",))]
    copy(wiki, roll=(), edits=edits)
    minutes = TITLES["회의록"]
    links = link("20261119_지표") + link(minutes, minutes) + link(BEFORE, "지난주 (11월 5일)") + link(THIS_WEEK)
    assert wiki.is_body(wiki.this_week().body, f"<p>2026-11-19 {links}{link(minutes, minutes)}</p>")
    for page in below(wiki, wiki.this_week().id):
        assert wiki.is_body(page.body, f"<p>2026-11-12 {links}</p>"), "edits are of the page at the top"


def test_a_restricted_tree_stays_restricted(wiki: TeamWiki, tree: str) -> None:
    store = wiki.sandbox.store
    few = {"read": {"user": ["jimin", "report-bot"], "group": []}, "update": {"user": [], "group": []}}
    store.set_restrictions(wiki.last_week, few)
    copy(wiki)
    assert_one_copy(wiki)
    assert store.restrictions(wiki.this_week().id)["read"]["user"] == ["jimin", "report-bot"]
    store.set_restrictions(wiki.this_week().id, {"read": {"user": [], "group": []}})
    store.trash_page(below(wiki, wiki.this_week().id)[-1].id)
    with pytest.raises(Forbidden, match="a copy elsewhere would not be"):
        copy(wiki)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("write", [0, 3, 7, 12])
@pytest.mark.parametrize("fault", [{"kind": "drop_after"}, {"kind": "status", "status": 500}], ids=str)
def test_an_interrupted_copy_is_continued(wiki: TeamWiki, write: int, fault: dict[str, Any]) -> None:
    wiki.sandbox.add_fault(Fault(".*", method="POST", skip=write, **fault))
    try:
        copy(wiki)
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    assert wiki.fault_was_met()
    copy(wiki)
    assert_one_copy(wiki)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"child_title": ""}, "the copies of 1 pages would have titles that pages of the tree have: '회의록'"),
        ({"child_title": "x {title}", "title": "20261112_지표"}, "would have titles that pages of the tree have"),
        ({"most": 4}, "has more than 4 pages"),
        ({"edits": [ShiftDates(days="titles")]}, "would move links among the copied pages twice"),
    ],
)
def test_what_cannot_be_copied_completely_is_refused(wiki: TeamWiki, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=f"(?i){message}"):
        copier(wiki, **arguments).plan()
    assert wiki.writes() == []


def test_a_copy_inside_the_tree_or_with_a_title_twice_is_refused(wiki: TeamWiki, tree: str) -> None:
    with pytest.raises(Invalid, match="inside the page tree"):
        copier(wiki, parent_id=tree).plan()
    wiki.sandbox.store.create_page(SPACE, "다른 회의록", "<p/>", parent_id=tree, author="jimin")
    with pytest.raises(Invalid, match="Two copies would have the title 'same'"):
        copier(wiki, child_title="same").plan()


@pytest.mark.usefixtures("tree")
def test_a_copy_to_another_space_keeps_titles(wiki: TeamWiki) -> None:
    wiki.sandbox.store.add_space("OPS", "Operations")
    copy(wiki, space="OPS", parent_id=None, title=LAST_WEEK, roll=(), child_title="")
    pages = {page.title: page for page in wiki.sandbox.store.pages("OPS")}
    assert set(pages) == {LAST_WEEK, *TITLES, "Operations Home"}
    assert '<ri:page ri:content-title="회의록" ri:space-key="OPS" />' in pages["20261112_가"].body
    assert f'ri:content-title="{BEFORE}" ri:space-key="{SPACE}"' in pages["20261112_가"].body


def test_folders_are_named_and_the_operator_rolls_labels(
    wiki: TeamWiki, tree: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if wiki.dialect == "cloud":
        wiki.sandbox.cloud.add_folder("자료", wiki.last_week)

    def run(**arguments: Any) -> Any:
        given: dict[str, Any] = {"space": SPACE, "source_id": wiki.last_week, "title": THIS_WEEK, "children": True}
        operator = ConfluenceCopyPageOperator(task_id="copy", **{**given, **arguments})
        context: Any = {"dag": SimpleNamespace(dag_id="dag"), "run_id": "r", "outlet_events": OutletEventAccessors()}
        return operator.execute(context)

    rule = {"add": ["2026-w47"], "drop": ["20??-w??"]}
    given: dict[str, Any] = {"child_title": "{title} ({top})", "roll": ["dates", "links"], "labels": rule}
    with pytest.raises(AirflowFailException, match="child_title, such as"):
        run()
    assert run(**given, dry_run=True)["changed"] is False
    assert wiki.writes() == []
    assert run(**given)["title"] == THIS_WEEK
    assert run(**given)["changed"] is False
    minutes = below(wiki, wiki.this_week().id)[-1]
    assert {label.name for label in wiki.sandbox.store.labels(minutes.id)} == {"2026-w47"}
    assert ("not copied, because they are no pages: '자료'" in caplog.text) is (wiki.dialect == "cloud")
