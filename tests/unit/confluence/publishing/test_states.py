from __future__ import annotations

from typing import Any

import pytest
import requests

from support.team_wiki import DIALECTS, TeamWiki
from workplace_provider.confluence.client.comments import is_blank
from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.errors import Invalid
from workplace_sandbox.faults import Fault


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


def update(wiki: TeamWiki, *wanted: edits.Edit) -> Any:
    client = wiki.client()
    updater = PageUpdater(client, UpdateSpec(edits=wanted, run="run-1", task="task"))
    return updater.run(updater.plan(client.get_page(wiki.last_week, body=True)))


def state(wiki: TeamWiki, number: int | None = None) -> Any:
    """The content status of last week's page, set before when there is a number."""
    url = f"{wiki.url}/wiki/rest/api/content/{wiki.last_week}/state?status=current"
    auth = (wiki.sandbox.cloud_email, wiki.sandbox.cloud_token)
    method = "GET" if number is None else "PUT"
    return requests.request(method, url, json={"id": number}, auth=auth, timeout=10).json()["contentState"]


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_the_content_status_survives_writes(wiki: TeamWiki) -> None:
    verified = state(wiki, 3)
    page, changed = update(wiki, edits.ReplaceSection("주간 보고", "새 글"))
    assert changed
    assert state(wiki) == verified
    stored = wiki.sandbox.store.page(wiki.last_week)
    assert stored is not None
    assert page.version == stored.version
    with keeping_state(wiki.client(), wiki.last_week):
        wiki.client().set_property(wiki.last_week, "k", lambda _: 1)
    assert state(wiki) == verified


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_the_content_status_survives_an_error(wiki: TeamWiki) -> None:
    state(wiki, 2)

    def write_and_fail() -> None:
        with keeping_state(wiki.client(), wiki.last_week):
            wiki.client().set_property(wiki.last_week, "k", lambda _: 1)
            raise RuntimeError("the worker gives up")

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert state(wiki)["id"] == 2


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_status_that_cannot_be_set_again_is_logged(wiki: TeamWiki, caplog: pytest.LogCaptureFixture) -> None:
    state(wiki, 2)
    wiki.sandbox.add_fault(Fault("/state$", "status", method="PUT", status=403, times=None))
    page, changed = update(wiki, edits.ReplaceSection("주간 보고", "새 글"))
    assert changed
    assert f"the content status 'Ready for review' of the page {page.id} is lost" in caplog.text


def test_a_page_without_a_status_gets_no_further_version(wiki: TeamWiki) -> None:
    page, _ = update(wiki, edits.ReplaceSection("주간 보고", "새 글"))
    stored = wiki.sandbox.store.page(wiki.last_week)
    assert stored is not None
    assert (page.version, stored.version) == (2, 2)


def test_an_edit_that_orphans_an_open_comment_is_reported(wiki: TeamWiki, caplog: pytest.LogCaptureFixture) -> None:
    store = wiki.sandbox.store
    store.add_comment(wiki.last_week, "<p>왜 늘었나요?</p>", "haruka", location="inline", marker_ref="1", selection="늘었다")
    update(wiki, edits.ReplaceSection("주간 보고", "새 글"))
    assert "the edit removes the passage of an open comment by" in caplog.text
    assert "왜 늘었나요?" in caplog.text


def test_an_edit_that_keeps_the_passages_reports_nothing(wiki: TeamWiki, caplog: pytest.LogCaptureFixture) -> None:
    store = wiki.sandbox.store
    store.add_comment(wiki.last_week, "<p>왜?</p>", "haruka", location="inline", marker_ref="1", selection="늘었다")
    update(wiki, edits.SetImage("표.png", index=0))
    assert "passage" not in caplog.text


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_live_doc_that_is_empty_now_is_not_copied(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    store.update_page(wiki.last_week, author="jimin", body="<p></p>")
    copy = wiki.copy(title="a page that somebody emptied")
    assert copy.changed
    wiki.sandbox.cloud.make_live_doc(wiki.last_week)
    with pytest.raises(Invalid, match="is empty in its current version, and has text in version 1"):
        wiki.copy()


@pytest.mark.parametrize(
    ("body", "blank"),
    [
        ("", True),
        ("<p></p><p>&nbsp;</p>\n<p />", True),
        ("<p>a</p>", False),
        ("<ac:image><ri:attachment ri:filename='a' /></ac:image>", False),
        ('<p><time datetime="2026-11-19" /></p>', False),
        ("<ac:structured-macro ac:name='toc' />", False),
    ],
)
def test_what_shows_nothing(body: str, blank: bool) -> None:
    assert is_blank(body) is blank
