from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from support.notice_board import FEED, TABLE, NoticeBoard
from support.scripted_server import ScriptedServer, reply
from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import AuthFailed, BadResponse, SourceUnavailable, TooLarge
from workplace_provider.notices import Reading, describe_board, read_board

EUC_KR = {**TABLE, "url": "/board/euc-kr"}
ATOM = {**FEED, "url": "/board/atom.xml"}
JSON_FEED = {**FEED, "url": "/board/feed.json"}
EVERY_FORM = pytest.mark.parametrize("form", [TABLE, EUC_KR, FEED, ATOM, JSON_FEED], ids=lambda form: form["url"])
FEEDS = pytest.mark.parametrize("form", [FEED, ATOM, JSON_FEED], ids=lambda form: form["url"])


def seen(reading: Reading | None) -> Reading:
    assert reading is not None
    return reading


@EVERY_FORM
def test_every_form_of_the_board_gives_the_same_notices(board: NoticeBoard, form: dict[str, Any]) -> None:
    board.add("세미나: A&B <필수> “따옴표” 髙橋", author="R&D 팀", body="목요일 16시\n대회의실")
    first = seen(board.read(form)).notices[0]
    assert first.title == "세미나: A&B <필수> “따옴표” 髙橋"
    assert first.url == f"{board.sandbox.url}/board/view?id=4&from=list"
    assert first.published is not None
    assert first.published.astimezone(UTC).date() in (datetime(2026, 11, 5).date(), datetime(2026, 11, 6).date())
    assert first.author == ("" if form is FEED else "R&D 팀")
    assert first.summary == ("" if form in (TABLE, EUC_KR) else "목요일 16시 대회의실")
    assert board.titles(form)[1:] == ["사내 식당 메뉴 개편", "年末年始の営業について", "개인정보 처리방침 변경"]


@EVERY_FORM
def test_a_notice_keeps_its_key_when_it_is_edited_pinned_or_moved(board: NoticeBoard, form: dict[str, Any]) -> None:
    before = {each.key for each in seen(board.read(form)).notices}
    board.sandbox.notices.edit(1, title="개인정보 처리방침 변경 (수정)")
    board.sandbox.notices.pin(2)
    board.sandbox.notices.reorder([1, 3, 2])
    assert {each.key for each in seen(board.read(form)).notices} == before


@FEEDS
def test_what_did_not_change_is_not_read_again(board: NoticeBoard, form: dict[str, Any]) -> None:
    first = seen(board.read(form))
    assert first.etag
    assert first.modified
    assert board.read(form, etag=first.etag, modified=first.modified) is None
    assert board.read(form, modified=first.modified) is None
    board.add("새 공지")
    assert board.read(form, etag=first.etag, modified=first.modified) is not None


def test_an_answer_that_nothing_changed_is_an_error_when_nobody_asked_for_that(server: ScriptedServer) -> None:
    server.will(reply(304, b""))
    with HttpClient(server.url, system="board") as client, pytest.raises(BadResponse):
        read_board(client, "/", describe_board({**FEED, "connection": "", "url": server.url}))


@EVERY_FORM
def test_a_board_that_answers_500_may_be_tried_again(board: NoticeBoard, form: dict[str, Any]) -> None:
    board.goes_wrong("status", status=500, times=None)
    with pytest.raises(SourceUnavailable) as caught:
        board.read(form)
    assert caught.value.retryable
    assert form["name"] in str(caught.value)
    board.sandbox.clear_faults()
    board.goes_wrong("truncate")
    assert len(board.titles(form)) == 3


@EVERY_FORM
@pytest.mark.parametrize("body", ["", " ", "<html><body></body></html>"])
def test_an_empty_page_is_no_board(board: NoticeBoard, form: dict[str, Any], body: str) -> None:
    board.goes_wrong("status", status=200, body=body, times=None)
    with pytest.raises(BadResponse, match=r"empty|Nothing matches select\.item|Expected RSS, Atom or JSON Feed"):
        board.read(form)


@EVERY_FORM
def test_a_board_without_notices_is_no_board(board: NoticeBoard, form: dict[str, Any]) -> None:
    for number in (1, 2, 3):
        board.sandbox.notices.remove(number)
    with pytest.raises(BadResponse, match=r"select\.item|no entries"):
        board.read(form)


def test_another_layout_is_told_with_the_selector(board: NoticeBoard) -> None:
    board.sandbox.notices.set_layout("cards")
    with pytest.raises(BadResponse, match=r"select\.item \(table\.notices tbody tr\).* layout .* changed"):
        board.read(TABLE)
    cards = {"item": "a.nb-card", "title": "strong", "link": "a.nb-card", "date": "time", "pinned": ".nb-top"}
    board.sandbox.notices.pin(1)
    notices = seen(board.read({**TABLE, "select": cards})).notices
    assert [(each.key, each.pinned) for each in notices] == [("1", True), ("3", False), ("2", False)]
    assert notices[0].published == datetime(2026, 11, 3, 1, 0, tzinfo=UTC)


@FEEDS
def test_a_log_in_page_is_no_feed(board: NoticeBoard, form: dict[str, Any]) -> None:
    board.goes_wrong("html", times=None)
    with pytest.raises(BadResponse, match="found text/html that begins '<!DOCTYPE html>"):
        board.read(form)


@pytest.mark.parametrize("size", [1_024, 1_025])
def test_an_endless_answer_is_not_read(server: ScriptedServer, size: int) -> None:
    start = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "url": "/1", "title": "t"}]}'
    server.will(reply(200, start.ljust(size)))
    board = describe_board({**FEED, "connection": "", "url": server.url, "max_bytes": 1_024})

    def read() -> Any:
        with HttpClient(server.url, system=board.system) as client:
            return read_board(client, "/", board)

    if size == 1_024:
        assert len(seen(read()).notices) == 1
    else:
        with pytest.raises(TooLarge, match="max_bytes"):
            read()


def test_a_refused_credential_is_told_as_such(server: ScriptedServer) -> None:
    server.will(reply(401, b"no"))
    board = describe_board({**FEED, "connection": "", "url": server.url})
    with HttpClient(server.url, system=board.system) as client, pytest.raises(AuthFailed):
        read_board(client, "/", board)


@pytest.mark.parametrize("form", [TABLE, FEED], ids=["html", "feed"])
def test_notices_that_share_a_key_are_an_error_and_no_loss(
    board: NoticeBoard, form: dict[str, Any], server: ScriptedServer, read_from: Callable[..., Reading]
) -> None:
    if form is TABLE:
        with pytest.raises(BadResponse, match=r"have the same key 'id='.* fix id"):
            board.read({**TABLE, "id": "id="})
    else:
        items = "".join(f"<item><guid>same</guid><title>{n}</title><link>http://x/{n}</link></item>" for n in "12")
        with pytest.raises(BadResponse, match="'1' and '2' have the same key 'same'"):
            read_from(server, FEED, f'<rss version="2.0"><channel>{items}</channel></rss>'.encode(), "text/xml")


@pytest.fixture
def read_from() -> Callable[..., Reading]:
    def read(server: ScriptedServer, description: dict[str, Any], body: bytes, content_type: str) -> Reading:
        server.will(reply(200, body, Content_Type=content_type))
        board = describe_board({**description, "connection": "", "url": server.url})
        with HttpClient(server.url, system=board.system) as client:
            return seen(read_board(client, "/list/", board))

    return read


PINNED_TWICE = """<table><tr class="p"><td><a href="v?id=1&pin=1">[공지] 오래된 것</a></td></tr>
<tr><td><a href="v?id=2">새것</a></td></tr><tr><td><a href="v?id=1">오래된 것</a></td></tr></table>"""


def test_what_is_pinned_and_in_the_list_as_well_is_one_notice(
    server: ScriptedServer, read_from: Callable[..., Reading]
) -> None:
    select = {"item": "tr", "title": "a", "pinned": "tr.p"}
    page = PINNED_TWICE.replace("[공지] ", "")
    reading = read_from(server, {**TABLE, "select": select}, page.encode(), "text/html; charset=utf-8")
    assert [(each.key, each.pinned) for each in reading.notices] == [("2", False), ("1", False)]
    assert reading.notices[1].url.endswith("/list/v?id=1")
