"""The place of a page among its siblings, on Cloud, which has a published call for it."""

from __future__ import annotations

from typing import Any

import pytest

from support.team_wiki import SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.publishing.copy import CopySpec
from workplace_provider.confluence.publishing.create import PageContents, PageCreator, PageSpec
from workplace_provider.confluence.publishing.position import Place
from workplace_provider.confluence.publishing.tree import TreeCopier
from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


@pytest.fixture
def wiki(sandbox: Sandbox) -> TeamWiki:
    """The pages 가, last week's report and 나 under one parent, in this order after it is made."""
    wiki = TeamWiki(sandbox, "cloud")
    for title in ("가", "나"):
        sandbox.store.create_page(SPACE, title, "<p />", parent_id=wiki.parent, author="jimin")
    return wiki


def order(wiki: TeamWiki) -> list[str]:
    return [page.title.partition("_")[0] for page in wiki.sandbox.store.children(wiki.parent)]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place("first"), ["20261119", "20261112", "가", "나"]),
        (Place("last"), ["20261112", "가", "나", "20261119"]),
        (Place("before", "나"), ["20261112", "가", "20261119", "나"]),
        (Place("after", "가"), ["20261112", "가", "20261119", "나"]),
        (Place("after", "나"), ["20261112", "가", "나", "20261119"]),
    ],
    ids=str,
)
def test_a_copy_is_put_at_its_place(wiki: TeamWiki, place: Place, expected: list[str]) -> None:
    wiki.copy(place=place)
    assert order(wiki) == expected
    wiki.assert_one_complete_copy()
    # The order that a person has made since stays, and a repeat of the run moves nothing.
    wiki.sandbox.store.move_page(wiki.this_week().id, wiki.parent)
    wiki.sandbox.clear_requests()
    assert not wiki.copy(place=place).changed
    assert wiki.writes() == []


def test_a_sibling_may_be_an_id_and_a_lost_response_is_no_second_move(wiki: TeamWiki) -> None:
    rule = wiki.sandbox.add_fault(Fault("/move/", "drop_after"))
    wiki.copy(place=Place("before", wiki.last_week))
    assert order(wiki)[:2] == ["20261119", "20261112"]
    assert rule
    assert wiki.fault_was_met()


def test_an_interrupted_copy_is_put_at_its_place_by_the_retry(wiki: TeamWiki) -> None:
    wiki.sandbox.add_fault(Fault("/move/", "status", status=403))
    with pytest.raises(Exception, match="403"):
        wiki.copy(place=Place("first"))
    wiki.sandbox.clear_faults()
    assert wiki.copy(place=Place("first")).changed
    assert order(wiki)[0] == "20261119"
    wiki.assert_one_complete_copy()


def test_a_site_that_does_not_move_the_page_is_an_error(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workplace_provider.confluence.client.cloud.CloudClient.move_beside", lambda *_: None)
    with pytest.raises(BadResponse, match=r"Moving the page .* first"):
        wiki.copy(place=Place("first"))


@pytest.mark.parametrize(
    ("place", "more", "error", "message"),
    [
        (Place("after", "다"), {}, NotFound, "no page '다' under the parent"),
        (Place("first"), {"parent_id": None}, Invalid, "it has no parent"),
    ],
)
def test_a_place_that_does_not_exist_is_an_error_before_anything_is_written(
    wiki: TeamWiki, place: Place, more: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"(?i){message}"):
        wiki.copy(place=place, **more)
    assert wiki.writes() == []


def test_data_center_has_no_call_for_it(sandbox: Sandbox) -> None:
    wiki = TeamWiki(sandbox)
    with pytest.raises(Invalid, match="Data Center has no published API that moves a page"):
        wiki.copy(place=Place("last"))
    assert wiki.writes() == []


def test_the_first_child_of_a_page_is_at_any_place(wiki: TeamWiki) -> None:
    client = wiki.client()
    spec = PageSpec(SPACE, THIS_WEEK, wiki.last_week, "run", place=Place("first"))
    creator = PageCreator(client, spec, PageContents("<p>글</p>"))
    assert creator.run(creator.plan()).changed
    assert not any("/move/" in path for _, path in wiki.writes())


def test_only_the_page_at_the_top_of_a_tree_is_put_at_the_place(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    for title in ("20261112 상세", "20261112 부록"):
        store.create_page(SPACE, title, "<p />", parent_id=wiki.last_week, author="jimin")
    client = wiki.client()
    source = client.get_page(wiki.last_week, body=True)
    copier = TreeCopier(client, CopySpec(source, THIS_WEEK, source.parent_id, run="run", place=Place("first")))
    copier.run(copier.plan())
    assert order(wiki) == ["20261119", "20261112", "가", "나"]
    assert [page.title for page in store.children(wiki.this_week().id)] == ["20261119 상세", "20261119 부록"]
