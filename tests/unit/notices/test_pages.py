from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.notice_board import TABLE
from workplace_provider.http.errors import BadResponse
from workplace_provider.notices import HtmlBoard, Notice, describe_board
from workplace_provider.notices.page import notices_of_page
from workplace_provider.notices.response import BoardResponse

SEOUL = ZoneInfo("Asia/Seoul")
URL = "https://intra.example.com/bbs/list.do?board=1"
SELECT = {"item": "li", "title": "a", "date": ".date", "summary": ".text"}


def read(page: bytes | str, content_type: str = "text/html; charset=utf-8", **board: Any) -> list[Notice]:
    described = describe_board({**TABLE, "connection": "", "url": URL, "select": SELECT, "id": "", **board})
    assert isinstance(described, HtmlBoard)
    body = page.encode() if isinstance(page, str) else page
    return notices_of_page(described, BoardResponse(described.system, URL, content_type, body))


@pytest.mark.parametrize(
    ("charset", "content_type", "head"),
    [
        ("euc-kr", "text/html; charset=EUC-KR", ""),
        ("cp949", "text/html", '<meta charset="euc-kr">'),
        ("cp949", "text/html", '<META http-equiv=Content-Type content="text/html; charset=ks_c_5601-1987">'),
        ("shift_jis", "text/html", "<meta charset='Shift_JIS'>"),
        ("cp932", "text/html; charset=x-sjis", ""),
        ("euc-jp", "text/html", '<?xml version="1.0" encoding="EUC-JP"?>'),
        ("utf-8-sig", "text/html; charset=euc-kr", '<meta charset="euc-kr">'),
        ("utf-16", "text/html", ""),
        ("utf-8", "text/html", ""),
        ("utf-8", 'text/html; charset="UTF-8"', '<meta charset="euc-kr">'),
    ],
)
def test_a_page_is_read_in_its_character_set(charset: str, content_type: str, head: str) -> None:
    title = (
        "年末年始の営業" if "j" in charset or "932" in charset else "똠방각하 공지" if charset == "cp949" else "공지 안내"
    )
    page = f'{head}<html><body><ul><li><a href="v?id=1">{title}</a></li></ul></body></html>'
    assert [each.title for each in read(page.encode(charset), content_type)] == [title]


def test_a_wrong_header_is_overruled_by_the_description() -> None:
    page = '<li><a href="v?id=1">공지</a></li>'.encode("euc-kr")
    assert [each.title for each in read(page, "text/html; charset=iso-8859-1", charset="euc-kr")] == ["공지"]


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("text/html", "not UTF-8 and declares no character set"),
        ("text/html; charset=klingon", "declares an unknown character set: 'klingon'"),
        ("text/html; charset=punycode", "declares an unknown character set: 'punycode'"),
        ("text/html; charset=idna", "declares an unknown character set: 'idna'"),
    ],
)
def test_a_character_set_that_nobody_tells_is_not_guessed(content_type: str, message: str) -> None:
    with pytest.raises(BadResponse, match=f"{message}.* Set charset") as caught:
        read('<li><a href="v?id=1">공지</a></li>'.encode("euc-kr"), content_type)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("view.do?id=1", "https://intra.example.com/bbs/view.do?id=1"),
        ("/v/1#top", "https://intra.example.com/v/1#top"),
        ("//other.example.com/1", "https://other.example.com/1"),
        ("http://other.example.com/공지", "http://other.example.com/공지"),
        ("?id=1&amp;a=2", "https://intra.example.com/bbs/list.do?id=1&a=2"),
    ],
)
def test_addresses_are_made_absolute(href: str, url: str) -> None:
    assert [each.url for each in read(f'<li><a href=" {href} ">t</a></li>')] == [url]


def test_the_base_of_a_page_counts() -> None:
    assert read('<base href="/new/"><li><a href="1">t</a></li>')[0].url == "https://intra.example.com/new/1"


def test_titles_are_one_line_of_plain_text() -> None:
    page = '<li><a href="1">\n  <b>[인사]</b>&nbsp; A &amp; B &lt;3\n\t새 소식 </a><p class="text">첫 줄<br>둘째</p></li>'
    (notice,) = read(page)
    assert notice.title == "[인사] A & B <3 새 소식"


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-11-19", datetime(2026, 11, 19, tzinfo=SEOUL)),
        ("2026.11.19 09:30", datetime(2026, 11, 19, 9, 30, tzinfo=SEOUL)),
        ("등록일: 2026년 11월 19일", datetime(2026, 11, 19, tzinfo=SEOUL)),
        ("2026年11月19日 9:05:07", datetime(2026, 11, 19, 9, 5, 7, tzinfo=SEOUL)),
        ("2026/99/19", None),
        ("0001-01-01", None),
        ("어제", None),
    ],
)
def test_dates_as_boards_write_them(said: str, moment: datetime | None) -> None:
    assert read(f'<li><a href="1">t</a><span class="date"> {said} </span></li>')[0].published == moment


def test_dates_in_another_order_need_their_format() -> None:
    page = '<li><a href="1">t</a><span class="date">19/11/26</span></li>'
    assert read(page, date_format="%d/%m/%y", timezone="Asia/Tokyo")[0].published == datetime(
        2026, 11, 19, tzinfo=ZoneInfo("Asia/Tokyo")
    )


def test_a_board_that_opens_notices_by_a_script() -> None:
    page = """<li data-no="x"><a href="#" onclick="fnView('NT-12/3', 1)">t</a></li>"""
    script = {"id": r"fnView\('([^']+)'", "id_from": "onclick", "link_format": "/view.do?id={id}"}
    (notice,) = read(page, **script)
    assert (notice.key, notice.url) == ("NT-12/3", "https://intra.example.com/view.do?id=NT-12%2F3")
    with pytest.raises(BadResponse, match=r"Item 1 has no link: .*select\.title \(a\); it has '#'.* link_format"):
        read(page)


def test_an_id_may_stand_at_the_item() -> None:
    assert [each.key for each in read('<li data-no="77"><a href="x">t</a></li>', id_from="data-no")] == ["77"]


@pytest.mark.parametrize(
    ("page", "more", "message"),
    [
        ('<li><a href="1">t</a></li><li></li><li></li>', {}, r"Item 2 has no title: .*select\.title \(a\)"),
        ('<li><a href="1"> </a></li>', {}, r"Item 1 has no title: .*select\.title \(a\)"),
        ("<li><a>t</a></li>", {}, r"Item 1 has no link: .*select\.title \(a\)"),
        ('<li><a href="1">t</a></li>', {"select": {**SELECT, "link": "b"}}, r"Item 1 has no link: .*select\.link \(b\)"),
        ('<li><a href="javascript:go(1)">t</a></li>', {}, "it has 'javascript:go"),
        ('<li><a href="mailto:a@example.com">t</a></li>', {}, "it has 'mailto:"),
        ('<li><a href="http://[x/1">t</a></li>', {}, r"it has 'http://\*\*\*'"),
        ('<li><a href="//x.example:port/1">t</a></li>', {}, "it has '//x.example:port/1'"),
        ('<li><a href="1">t</a></li>', {"id": "no=([0-9]+)"}, "Item 1 has no id: the attribute href is '1'"),
        ('<li><a href="1">t</a></li>', {"id_from": "data-id"}, "Item 1 has no id: the attribute data-id is ''"),
        ("<p>점검 중입니다</p>", {}, r"Nothing matches select\.item \(li\)"),
    ],
)
def test_what_is_missing_is_told_with_its_selector(page: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        read(page, **more)


def test_a_few_rows_that_are_none_do_not_fail_the_board(caplog: pytest.LogCaptureFixture) -> None:
    page = '<li><a href="1">t</a></li><li>광고</li><li><a href="javascript:x()">u</a></li><li><a href="2">v</a></li>'
    assert [each.title for each in read(page)] == ["t", "v"]
    assert caplog.text.count("an invalid row of the board was skipped") == 2


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ('<strong>장학생</strong><span class="new">새글</span>', "장학생"),
        ("장학생 <em>N</em>", "장학생"),
        ("<em>[NEW]</em> 장학생 <i>hot</i> <i>Ｎ</i>", "장학생"),
        ("<span>UP</span>장학생<!-- x -->", "장학생"),
        ("<span>New</span> <span>York</span>", "York"),
        ("장학생 <b>N</b>", "장학생 N"),
        ("<span>N</span>", "N"),
        ("Plan <span>N</span> is open", "Plan N is open"),
        ("New rules <span>2</span>", "New rules 2"),
        ('장학생 <span class="count">[3]</span> 안내', "장학생 안내"),
    ],
)
def test_badges_are_no_part_of_a_title(title: str, shown: str) -> None:
    page = f'<li><a href="1">{title}</a></li>'
    assert read(page, select={**SELECT, "drop": ".count"})[0].title == shown


def test_a_board_may_have_other_badges() -> None:
    page = '<li><a href="1">장학생<span>마감</span> <span>N</span></a></li>'
    assert read(page, badges=["마감"])[0].title == "장학생마감 N"
    assert read(page, badges=["마감", "N"])[0].title == "장학생"
    assert read(page, badges=[])[0].title == "장학생마감 N"


def test_blanks_are_no_edit() -> None:
    contents = {
        read(f'<li><a href="1">{title}</a></li>')[0].content
        for title in ("장학생  모집", "장학생 모집&nbsp;", "장학생&#8203;모집")
    }
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("view?id=1&page=1&utm_source=mail", "view?page=1&id=1"),
        ("view;jsessionid=ABC?id=1", "view?id=1#comments"),
        ("https://INTRA.example.com:443/v", "https://intra.example.com/v?PHPSESSID=1"),
    ],
)
def test_an_address_is_the_same_whoever_visits_it(one: str, other: str) -> None:
    first, second = (read(f'<li><a href="{href}">t</a></li>')[0] for href in (one, other))
    assert first.key == second.key


@given(st.binary(max_size=400), st.sampled_from(["text/html", "text/html; charset=euc-kr", "", "x; charset=utf-16"]))
def test_whatever_comes_it_is_notices_or_a_bad_answer(body: bytes, content_type: str) -> None:
    with suppress(BadResponse):
        assert read(body, content_type)
