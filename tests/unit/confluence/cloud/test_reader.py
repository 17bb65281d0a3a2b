from __future__ import annotations

import io

import pytest

from support.team_wiki import BODY, FILES, LABELS, LAST_WEEK, SPACE, TeamWiki
from workplace_provider.confluence.client.model import Scope


def test_a_space_is_read_with_all_that_belongs_to_its_pages(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    comment = store.add_comment(wiki.last_week, "<p>좋네요</p>", "jimin")
    store.add_comment(wiki.last_week, "<p>그렇죠</p>", "report-bot", parent_id=comment.id)
    store.add_comment(wiki.last_week, "<p>옆</p>", "jimin", location="inline", marker_ref="1", selection="늘었다")
    reader = wiki.client().reader()
    pages = {page.title: page for page in reader.pages(Scope("space", SPACE))}
    assert {LAST_WEEK, "주간 보고"} <= set(pages)
    (page,) = reader.pages_by_id([wiki.last_week], ["storage", "view"])
    assert wiki.is_body(page.bodies["storage"], BODY)
    assert set(page.bodies) == {"storage", "view"}
    assert set(page.labels) == LABELS
    assert page.ancestors[-1] == (wiki.parent, "주간 보고")
    assert page.url.startswith(f"{wiki.url}/wiki/spaces/{SPACE}/pages/{page.id}")
    assert page.created.by.name == wiki.account("jimin")
    found = list(reader.comments(page_ids=[wiki.last_week], bodies=["storage"]))
    assert [(each.page_id, each.location, each.bodies["storage"]) for each in found] == [
        (wiki.last_week, "footer", "<p>좋네요</p>"),
        (wiki.last_week, "footer", "<p>그렇죠</p>"),
        (wiki.last_week, "inline", "<p>옆</p>"),
    ]
    assert found[1].parent_id == found[0].id
    assert (found[2].marker, found[2].selection, found[2].resolution) == ("1", "늘었다", "open")
    assert found[1].created.by.display_name == "보고봇"
    (first, *_) = reader.comments(space=SPACE, bodies=["view"])
    assert "좋네요" in first.bodies["view"]
    files = list(reader.files(page_ids=[wiki.last_week]))
    assert {file.name for file in files} == set(FILES)
    sink = io.BytesIO()
    (csv,) = [file for file in files if file.name == "표.csv"]
    reader.download(csv, sink)
    assert sink.getvalue() == FILES["표.csv"]


@pytest.mark.parametrize("scope", ["root", "cql"])
def test_a_tree_or_a_query_is_read_past_one_page_of_results(wiki: TeamWiki, scope: str) -> None:
    for number in range(230):
        wiki.sandbox.store.create_page(SPACE, f"{number}", "<p>x</p>", parent_id=wiki.parent, author="jimin")
    given = Scope("root", wiki.parent) if scope == "root" else Scope("cql", f"ancestor = {wiki.parent} order by title")
    found = {page.title for page in wiki.client().reader().pages(given)}
    assert len(found) == (232 if scope == "root" else 231)


def test_what_the_index_does_not_know_is_asked_for_by_itself(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = wiki.client().reader()
    (known,) = reader.pages_by_id([wiki.last_week], ["storage"])
    monkeypatch.setattr(reader, "_found", lambda *_: iter(()))
    (single,) = reader.pages_by_id([wiki.last_week, "999"], ["storage"])
    assert (single.title, single.labels, single.version, single.bodies) == (
        known.title,
        known.labels,
        known.version,
        known.bodies,
    )
    assert single.ancestors == known.ancestors
    assert single.url == known.url
    assert single.created.by == known.created.by
