"""Moves, groups and properties of comments are confirmed: a server that claims success is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from support.team_wiki import DIALECTS, TeamWiki
from workplace_provider.http.errors import BadResponse, NotFound, WorkplaceError
from workplace_sandbox.faults import Fault

JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("fault", [{"kind": "drop_after"}, {"kind": "status_after", "status": 500}], ids=str)
def test_a_page_is_moved_although_the_response_is_lost(wiki: TeamWiki, fault: dict[str, Any]) -> None:
    page = wiki.sandbox.store.create_page("ANALYTICS", "보관함", "<p>x</p>", author="jimin")
    wiki.sandbox.add_fault(Fault(".*", method="PUT", **fault))
    moved = wiki.client().move_page(wiki.last_week, page.id)
    assert moved.parent_id == page.id
    versions = moved.version
    assert wiki.client().move_page(wiki.last_week, page.id).version == versions, "it is there already"


def test_a_move_that_the_site_does_not_show_is_an_error(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    client = wiki.client()
    monkeypatch.setattr(client, "_send_move", lambda page, parent_id: None)
    with pytest.raises(BadResponse, match=r"Moving the page .* was sent, and the site does not show it"):
        client.move_page(wiki.last_week, "65538")


def test_a_group_is_found_by_its_whole_name(wiki: TeamWiki) -> None:
    client = wiki.client()
    assert client.find_group("analysts")
    for name in ("analyst", "nobody"):
        with pytest.raises(NotFound, match=f"No group '{name}'"):
            client.find_group(name)


def test_a_property_of_a_comment_is_written_once(wiki: TeamWiki) -> None:
    client = wiki.client()
    comment = client.create_comment(wiki.last_week, "<p>a</p>")
    wiki.sandbox.add_fault(Fault("/propert", "drop_after", method="POST"))
    client.set_comment_property(comment.id, "k", 1)
    client.set_comment_property(comment.id, "k", 1)
    stored = client.comment_property(comment.id, "k")
    assert stored is not None
    assert stored.value == 1
    wiki.sandbox.add_fault(Fault("/propert", "status", method="POST", status=403))
    with pytest.raises(WorkplaceError):
        client.set_comment_property(comment.id, "other", 1)
    client.remove_comment(comment.id)
    client.remove_comment(comment.id)
    assert list(client.comments(wiki.last_week)) == []


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_property_with_another_value_is_an_error(wiki: TeamWiki) -> None:
    client = wiki.client()
    comment = client.create_comment(wiki.last_week, "<p>a</p>")
    client.set_comment_property(comment.id, "k", 1)
    with pytest.raises(WorkplaceError):
        client.set_comment_property(comment.id, "k", 2)


def test_a_response_about_another_comment_is_not_believed(wiki: TeamWiki) -> None:
    path = "/rest/api/content$" if wiki.dialect == "datacenter" else "/footer-comments$"
    other = '{"id": "7", "type": "comment", "version": {"number": 1}, "body": {"storage": {"value": "<p>b</p>"}}}'
    wiki.sandbox.add_fault(Fault(path, "status", method="POST", status=200, headers=JSON, body=other))
    with pytest.raises(BadResponse, match="does not describe the comment that was sent"):
        wiki.client().create_comment(wiki.last_week, "<p>a</p>")
