from __future__ import annotations

import json
from typing import Any

import feedparser
import pytest
import requests
from lxml import html

from workplace_sandbox import Sandbox
from workplace_sandbox.notices.controls import NoticeControls

FEEDS = pytest.mark.parametrize("form", ["rss.xml", "atom.xml", "feed.json"])
TITLE = "공지 <b>& お知らせ"


def get(sandbox: Sandbox, path: str = "", headers: dict[str, str] | None = None) -> requests.Response:
    return requests.get(f"{sandbox.board_url}{path}", headers=headers, timeout=10)


def send(sandbox: Sandbox, path: str = "", origin: str | None = None, **form: str) -> requests.Response:
    headers = {} if origin == "" else {"Origin": origin or sandbox.url}
    return requests.post(f"{sandbox.board_url}{path}", data=form, headers=headers, timeout=10, allow_redirects=False)


def control(sandbox: Sandbox, action: str, **arguments: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/notices/{action}", json=arguments, timeout=10)


def rows(sandbox: Sandbox, path: str = "") -> list[str]:
    page = html.fromstring(get(sandbox, path).content.decode("cp949" if path else "utf-8"))
    return [" ".join(link.text_content().split()) for link in page.cssselect("table.notices td.title a")]


@pytest.fixture
def notices(sandbox: Sandbox) -> NoticeControls:
    for title in ("첫째", "둘째", TITLE):
        sandbox.notices.add(title, author="R&D", body="1줄\n2줄")
    return sandbox.notices


def test_the_newest_is_at_the_top_below_what_is_pinned(sandbox: Sandbox, notices: NoticeControls) -> None:
    assert rows(sandbox) == [TITLE, "둘째", "첫째"]
    notices.pin(1)
    assert rows(sandbox) == ["첫째", TITLE, "둘째"]
    notices.reorder([2, 1, 3])
    assert rows(sandbox) == ["첫째", "둘째", TITLE]
    notices.pin(1, pinned=False)
    assert rows(sandbox) == ["둘째", "첫째", TITLE]


def test_the_board_in_euc_kr_says_so_on_the_page_only(sandbox: Sandbox, notices: NoticeControls) -> None:
    notices.add("똠방각하 髙橋")
    answer = get(sandbox, "/euc-kr")
    assert answer.headers["Content-Type"] == "text/html"
    assert b'<meta charset="euc-kr">' in answer.content
    assert "똠방각하 &#39641;橋" in answer.content.decode("cp949")
    assert rows(sandbox, "/euc-kr") == rows(sandbox)


def test_a_notice_has_a_page_and_a_number_that_is_never_given_twice(sandbox: Sandbox, notices: NoticeControls) -> None:
    page = get(sandbox, "/view?id=3&from=list").text
    assert "공지 &lt;b&gt;&amp; お知らせ" in page
    assert "1줄\n2줄" in page
    notices.remove(3)
    assert get(sandbox, "/view?id=3").status_code == 404
    assert notices.add("넷째").id == 4


@FEEDS
def test_a_feed_has_every_notice(sandbox: Sandbox, notices: NoticeControls, form: str) -> None:
    notices.pin(1)
    answer = get(sandbox, f"/{form}")
    if form == "feed.json":
        feed = json.loads(answer.text)
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        found = [(each["id"], each["title"], each["url"]) for each in feed["items"]]
    else:
        parsed = feedparser.parse(answer.content, response_headers={**answer.headers, "content-location": answer.url})
        assert not parsed.bozo
        found = [(each.id, each.title, each.link) for each in parsed.entries]
    ids = {"rss.xml": "notice-1", "atom.xml": "urn:workplace-sandbox:notice:1", "feed.json": "1"}
    assert found[0] == (ids[form], "첫째", f"{sandbox.board_url}/view?id=1&from=list")
    assert [title for _, title, _ in found] == ["첫째", TITLE, "둘째"]


@FEEDS
def test_who_has_the_feed_gets_304_until_something_changes(sandbox: Sandbox, notices: NoticeControls, form: str) -> None:
    first = get(sandbox, f"/{form}")
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for known in ({"If-None-Match": f'"x", W/{etag}'}, {"If-Modified-Since": modified}):
        answer = get(sandbox, f"/{form}", known)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    both = {"If-None-Match": '"other"', "If-Modified-Since": modified}
    assert get(sandbox, f"/{form}", both).status_code == 200, "the tag decides"
    assert get(sandbox, f"/{form}", {"If-Modified-Since": "gestern"}).status_code == 200
    notices.remove(1)
    assert get(sandbox, f"/{form}", {"If-None-Match": etag}).status_code == 200


def test_another_layout_calls_nothing_as_before(sandbox: Sandbox, notices: NoticeControls) -> None:
    notices.set_layout("cards")
    assert rows(sandbox) == []
    assert "nb-card" in get(sandbox).text
    sandbox.reset(seed=False)
    assert sandbox.notices.layout == "table"
    with pytest.raises(ValueError, match="unknown layout 'tables'"):
        notices.set_layout("tables")  # type: ignore[arg-type]


def test_people_write_pin_edit_and_remove(sandbox: Sandbox) -> None:
    assert send(sandbox, title=TITLE, author="인사팀", body="본문", pinned="true").headers["Location"] == "/board"
    (notice,) = sandbox.store.board_notices()
    assert (notice.title, notice.author, notice.body, notice.pinned) == (TITLE, "인사팀", "본문", True)
    assert send(sandbox, "/1/pin", pinned="false").status_code == 303
    assert send(sandbox, "/1/edit", title="새 제목", body="").status_code == 303
    (changed,) = sandbox.store.board_notices()
    assert (changed.title, changed.body, changed.pinned) == ("새 제목", "", False)
    assert changed.updated > changed.published == notice.published
    assert "edited" in get(sandbox, "/view?id=1").text
    assert send(sandbox, "/1/remove").status_code == 303
    assert rows(sandbox) == []
    assert send(sandbox, "/1/remove").status_code == 404
    assert send(sandbox, title=" ").status_code == 400


@pytest.mark.parametrize("origin", ["", "https://evil.example", "null"])
def test_a_form_of_another_site_is_refused(sandbox: Sandbox, notices: NoticeControls, origin: str) -> None:
    assert send(sandbox, origin=origin, title="x").status_code == 403
    assert send(sandbox, "/1/remove", origin=origin).status_code == 403
    assert len(rows(sandbox)) == 3


def test_other_processes_do_the_same(sandbox: Sandbox) -> None:
    added = control(sandbox, "add", title="공지", at="2026-11-19T09:00:00+09:00").json()
    assert (added["id"], added["published"]) == (1, "2026-11-19T00:00:00Z")
    assert control(sandbox, "edit", notice_id=1, title="고침").json()["title"] == "고침"
    assert control(sandbox, "pin", notice_id=1).json()["pinned"] is True
    assert control(sandbox, "reorder", ids=[1]).status_code == 200
    assert control(sandbox, "set_layout", layout="cards").status_code == 200
    assert control(sandbox, "behave_well").status_code == 200
    assert control(sandbox, "remove", notice_id=1).status_code == 200
    assert control(sandbox, "remove", notice_id=1).status_code == 404
    assert control(sandbox, "run").status_code == 404
    assert control(sandbox, "add", titel="x").status_code == 400
    assert control(sandbox, "reorder", ids=[7]).status_code == 400


def test_the_board_is_found_from_the_first_page(sandbox: Sandbox) -> None:
    assert 'href="/board"' in requests.get(sandbox.url, timeout=10).text
    assert rows(sandbox) == []
    sandbox.reset(seed=True)
    assert any("お知らせ" in title for title in rows(sandbox))
    assert '<a href="/board" class="here">Notices</a>' in get(sandbox).text
