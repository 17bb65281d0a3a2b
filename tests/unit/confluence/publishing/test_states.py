from __future__ import annotations

from typing import Any

import pytest
import requests

from support.team_wiki import DIALECTS, TeamWiki
from workplace_provider.confluence.client.comments import is_blank
from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.publishing.states import WantedStatus, keeping_state
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.errors import Forbidden, Invalid
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


def copied_state(wiki: TeamWiki) -> Any:
    url = f"{wiki.url}/wiki/rest/api/content/{wiki.this_week().id}/state?status=current"
    return requests.get(url, auth=(wiki.sandbox.cloud_email, wiki.sandbox.cloud_token), timeout=10).json()["contentState"]


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_copy_has_the_content_status_of_its_source(wiki: TeamWiki) -> None:
    verified = state(wiki, 3)
    result = wiki.copy()
    assert copied_state(wiki) == verified
    assert result.page.version == wiki.this_week().version == 2
    wiki.sandbox.clear_requests()
    assert not wiki.copy().changed
    assert wiki.writes() == []


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_copied_status_that_the_space_does_not_allow_is_left_out(
    wiki: TeamWiki, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    state(wiki, 3)
    wiki.sandbox.add_fault(Fault("/state$", "status", status=400, method="PUT"))
    assert wiki.copy().changed
    assert copied_state(wiki) is None
    assert "the content status 'Verified' is not on the copy" in caplog.text + capsys.readouterr().out


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_an_attempt_that_ends_before_the_status_is_set_is_finished_by_the_retry(wiki: TeamWiki) -> None:
    verified = state(wiki, 3)
    wiki.sandbox.add_fault(Fault("/state$", "status", status=403, method="PUT"))
    with pytest.raises(Forbidden):
        wiki.copy(status=WantedStatus("Verified"))
    wiki.sandbox.clear_faults()
    assert copied_state(wiki) is None
    assert not wiki.copy(run="another run").changed, "another run returns the page unchanged"
    assert wiki.copy(status=WantedStatus("verified")).changed
    assert copied_state(wiki) == verified
    # A person's later decision stays.
    url = f"{wiki.url}/wiki/rest/api/content/{wiki.this_week().id}/state?status=current"
    requests.put(url, json={"id": 2}, auth=(wiki.sandbox.cloud_email, wiki.sandbox.cloud_token), timeout=10)
    assert not wiki.copy(status=WantedStatus("verified")).changed


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_status_of_the_own_account_is_set_by_name_and_color(wiki: TeamWiki) -> None:
    wiki.copy(status=WantedStatus("확정", "#57D9A3"))
    assert {key: copied_state(wiki)[key] for key in ("name", "color")} == {"name": "확정", "color": "#57d9a3"}
    wiki.sandbox.clear_requests()
    wiki.copy(status=WantedStatus("확정", "#57D9A3"), if_exists="update", run="run-2")
    assert len([path for method, path in wiki.writes() if path.endswith("/state")]) == 1, "the status that was kept is there"


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_an_update_sets_a_status_last(wiki: TeamWiki) -> None:
    state(wiki, 1)
    client = wiki.client()
    spec = UpdateSpec(edits=(), run="run-1", task="task", labels=("neu",), status=WantedStatus("Ready for review"))
    updater = PageUpdater(client, spec)
    page, changed = updater.run(updater.plan(client.get_page(wiki.last_week, body=True)))
    assert changed
    assert state(wiki)["name"] == "Ready for review"
    stored = wiki.sandbox.store.page(wiki.last_week)
    assert stored is not None
    assert page.version == stored.version
    again = updater.run(updater.plan(client.get_page(wiki.last_week, body=True)))
    assert not again[1]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (WantedStatus("Done"), "only 'Rough draft', 'In progress', 'Ready for review', 'Verified'"),
        (WantedStatus("가" * 21, "#57d9a3"), "1 to 20 characters"),
        (WantedStatus("확정", "green"), "must be like #57d9a3"),
    ],
    ids=["unknown", "long", "color"],
)
@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_a_status_that_the_page_cannot_have(wiki: TeamWiki, status: WantedStatus, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        wiki.copy(status=status)


@pytest.mark.parametrize("dialect", ["datacenter"], indirect=True)
def test_data_center_has_no_content_status(wiki: TeamWiki) -> None:
    with pytest.raises(Invalid, match="Data Center has no published API"):
        wiki.copy(status=WantedStatus("Verified"))
    assert wiki.writes() == []
