"""The place, the status and the parent of a report's page, on both deployments."""

from __future__ import annotations

from typing import Any

import pytest

from support.team_wiki import LAST_WEEK, SPACE, THIS_WEEK, Dialect, TeamWiki
from workplace_provider.confluence.publishing.parents import find_parent
from workplace_provider.http.errors import Invalid, WorkplaceError
from workplace_provider.reports.definition import PageSource, PageSpec, PageStatus, PlaceAfter
from workplace_provider.reports.pages import PageRequest, page_writer
from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page

TITLE = "%Y%m%d_데이터분석팀 주간 보고"


def write(wiki: TeamWiki, **options: Any) -> Page:
    """Publish this week's page; return it as the site has it."""
    spec = PageSpec(**{"space": SPACE, "title": TITLE, "parent": "주간 보고", **options})
    request = PageRequest(spec, THIS_WEEK, LAST_WEEK, places=(), run="run-1", task="page", template="<p>새 글</p>")
    writer = page_writer(wiki.client(), request)
    writer.preview()
    writer.write()
    return wiki.this_week()


def order(wiki: TeamWiki) -> list[str]:
    return [page.title.partition("_")[0] for page in wiki.sandbox.store.children(wiki.parent)]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (None, ["20261112", "가", "20261119"]),
        ("first", ["20261119", "20261112", "가"]),
        ("last", ["20261112", "가", "20261119"]),
        (PlaceAfter("previous"), ["20261112", "20261119", "가"]),
        (PlaceAfter("가"), ["20261112", "가", "20261119"]),
    ],
)
@pytest.mark.parametrize("source", ["previous", PageSource(file="a.xhtml")])
def test_a_new_page_is_put_at_its_place(sandbox: Sandbox, source: Any, place: Any, expected: list[str]) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    sandbox.store.create_page(SPACE, "가", "<p />", parent_id=wiki.parent, author="jimin")
    write(wiki, source=source, place=place)
    assert order(wiki) == expected


def test_the_first_page_of_a_series_is_the_last_one(sandbox: Sandbox) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    sandbox.store.move_page(wiki.last_week, None)
    sandbox.store.create_page(SPACE, "가", "<p />", parent_id=wiki.parent, author="jimin")
    write(wiki, source=PageSource(file="a.xhtml"), place=PlaceAfter("previous"))
    assert order(wiki) == ["가", "20261119"]


def test_data_center_cannot_place_a_page_and_writes_nothing(sandbox: Sandbox) -> None:
    wiki = TeamWiki(sandbox)
    with pytest.raises(Invalid, match="cannot be put first: Data Center has no published API"):
        write(wiki, place="first")
    assert wiki.writes() == []


@pytest.mark.parametrize("dialect", ["datacenter", "cloud"])
def test_a_copy_of_a_published_page_is_a_draft(sandbox: Sandbox, dialect: Dialect) -> None:
    wiki = TeamWiki(sandbox, dialect)
    lozenge = '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">{}</ac:parameter></ac:structured-macro>'
    sandbox.store.update_page(wiki.last_week, body=f"<p>{lozenge.format('발행')}</p>", author="jimin")
    body = write(wiki, status=PageStatus(draft="작성 중", published="발행")).body
    assert "작성 중" in body
    assert "Yellow" in body
    assert "발행" not in body


@pytest.mark.parametrize(
    ("published", "draft", "expected"),
    [
        ("Verified", "In progress", "In progress"),
        ("verified", "아직 없는 상태", None),
        ("Ready for review", "In progress", "Verified"),
    ],
)
def test_the_content_status_on_cloud_is_a_draft_too(
    sandbox: Sandbox, published: str, draft: str, expected: str | None
) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    client: Any = wiki.client()
    (verified,) = [state for state in client.available_content_states(wiki.last_week) if state.name == "Verified"]
    client.set_content_state(wiki.last_week, verified)
    page = write(wiki, status=PageStatus(draft=draft, published=published))
    state = client.content_state(page.id)
    assert (state and state.name) == expected


@pytest.mark.parametrize("dialect", ["datacenter", "cloud"])
def test_a_parent_is_a_title_a_path_an_id_or_a_link(sandbox: Sandbox, dialect: Dialect) -> None:
    wiki = TeamWiki(sandbox, dialect)
    store, client = sandbox.store, wiki.client()
    year = store.create_page(SPACE, "2026", "<p />", parent_id=wiki.parent, author="jimin")
    slash = store.create_page(SPACE, "매출/비용", "<p />", author="jimin")
    link = client.get_page(wiki.parent).url
    for named, page_id in {
        "주간 보고": wiki.parent,
        "주간 보고/2026": year.id,
        "2026": year.id,
        "매출/비용": slash.id,
        wiki.parent: wiki.parent,
        link: wiki.parent,
    }.items():
        assert find_parent(client, SPACE, named).id == page_id, named
    assert write(wiki, parent="주간 보고/2026", source=PageSource(file="a.xhtml")).parent_id == year.id
    for named, message in {
        "없는 글": "parent page '없는 글' in the space",
        "주간 보고/2025": "page '2025' under '주간 보고'",
        "없는 글/2026": "page '없는 글' in the space",
        "999999": "999999",
    }.items():
        with pytest.raises(WorkplaceError, match=message):
            find_parent(client, SPACE, named)
