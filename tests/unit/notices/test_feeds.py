from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.http.errors import BadResponse
from workplace_provider.notices import Notice
from workplace_provider.notices.feed import notices_of_feed
from workplace_provider.notices.response import BoardResponse

URL = "https://news.example.com/feeds/all"


def read(body: bytes | str, content_type: str = "application/xml") -> list[Notice]:
    return notices_of_feed(
        BoardResponse("Notice board news", URL, content_type, body.encode() if isinstance(body, str) else body)
    )


def rss(*items: str, head: str = "") -> str:
    return f'{head}<rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'


def json_feed(*items: Any, version: str = "https://jsonfeed.org/version/1.1") -> str:
    return json.dumps({"version": version, "title": "t", "items": items}, ensure_ascii=False)


def test_a_title_is_plain_text_however_it_is_escaped() -> None:
    titles = ["A &amp; B &lt;3", "<![CDATA[<b>굵은</b> 제목 &amp; 더]]>", "&lt;b&gt;공지&lt;/b&gt;"]
    found = read(
        rss(*(f"<item><title>{each}</title><link>https://x.example/{n}</link></item>" for n, each in enumerate(titles)))
    )
    assert [each.title for each in found] == ["A & B <3", "굵은 제목 & 더", "공지"]


def test_an_id_stays_as_the_feed_gives_it_and_addresses_become_absolute() -> None:
    found = read(
        rss(
            "<item><guid>12</guid><title>a</title><link>/n/12</link></item>",
            "<item><guid>https://x.example/p/1</guid><title>b</title></item>",
            "<item><title>c</title><link>n/13?utm_source=rss</link></item>",
        )
    )
    assert [(each.key, each.url) for each in found] == [
        ("12", "https://news.example.com/n/12"),
        ("https://x.example/p/1", "https://x.example/p/1"),
        ("https://news.example.com/feeds/n/13", "https://news.example.com/feeds/n/13?utm_source=rss"),
    ]


@pytest.mark.parametrize("charset", ["euc-kr", "utf-8", "utf-16"])
def test_a_feed_is_read_in_its_character_set(charset: str) -> None:
    text = rss(
        "<item><title>공지</title><link>https://x.example/1</link></item>",
        head=f'<?xml version="1.0" encoding="{charset}"?>',
    )
    assert [each.title for each in read(text.encode(charset), "application/rss+xml")] == ["공지"]


def test_dates_are_moments() -> None:
    found = read(
        rss(
            "<item><title>a</title><link>https://x.example/1</link><pubDate>Thu, 19 Nov 2026 09:00:00 +0900</pubDate></item>"
        )
    )
    assert found[0].published == datetime(2026, 11, 19, tzinfo=UTC)
    item = {"id": "1", "url": "/1", "title": "a"}
    said = ["2026-11-19T09:00:00+09:00", "어제", "0001-01-01T00:00:00Z"]
    found = read(json_feed(*({**item, "date_published": each} for each in said)))
    assert [each.published for each in found] == [datetime(2026, 11, 19, tzinfo=UTC), None, None]


def test_a_json_feed_of_either_version() -> None:
    old = {
        "id": 7,
        "external_url": "https://y.example/7",
        "content_html": "<p>첫 <b>글</b></p>",
        "author": {"name": "김지민"},
    }
    new = {"id": "8", "url": "https://x.example/8", "title": " 새 글\n", "authors": [{"name": "a"}, {"name": "佐藤"}]}
    found = read("\ufeff" + json_feed(old, new), "application/json")
    assert [(each.key, each.title, each.url, each.author) for each in found] == [
        ("7", "첫 글", "https://y.example/7", "김지민"),
        ("8", "새 글", "https://x.example/8", "a, 佐藤"),
    ]


def test_a_long_text_is_cut() -> None:
    (notice,) = read(json_feed({"id": "1", "url": "/1", "content_text": "가" * 900}))
    assert notice.title == "가" * 79 + "…"
    assert len(notice.summary) == 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (rss(), "has no entries"),
        (json_feed(), "has no entries"),
        (rss("<item><title>a</title></item>"), "Entry 1 of the feed has no link"),
        (rss("<item><link>https://x.example/1</link></item>"), "Entry 1 of the feed has no title"),
        (json_feed({"id": "1", "url": "/1"}), "Entry 1 of the feed has no title"),
        (json_feed({"id": "1", "title": "a", "url": "javascript:1"}), "Entry 1 of the feed has no link"),
        (json_feed({"url": "/1", "title": "a"}), r"Expected RSS.*missing required field `id`"),
        (json_feed({"id": "1"}, version="2"), "Expected RSS, Atom or JSON Feed"),
        ('{"error": "점검 중"}', "Expected RSS, Atom or JSON Feed"),
        ("{", "Expected RSS, Atom or JSON Feed"),
        ("점검 중입니다", "found application/xml that begins '점검 중입니다'"),
    ],
)
def test_what_is_no_feed_of_notices_is_told(body: str, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        read(body)


def test_a_body_that_looks_like_a_file_or_an_address_opens_neither(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(rss("<item><title>secret</title><link>https://x.example/1</link></item>"))
    for body in (str(file), f"file://{file}"):
        with pytest.raises(BadResponse):
            read(body)


def test_entities_of_a_document_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    doctype = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    found = read(rss("<item><title>a &x;</title><link>https://x.example/1</link></item>", head=doctype))
    assert "secret" not in found[0].title


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: ("{" + text).encode())))
def test_whatever_comes_it_is_notices_or_a_bad_answer(body: bytes) -> None:
    with suppress(BadResponse):
        assert read(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"version":' + b"[" * 100_000,
        b'{"version": "https://jsonfeed.org/version/1", "items": [' + b"[" * 900 + b"]" * 900 + b"]}",
        b"<rss version='2.0'><channel>" + b"<item>" * 20_000,
        b"<rss version='2.0'><channel><item><title>" + b"<b>" * 20_000,
    ],
    ids=["endless JSON", "deep JSON", "endless items", "endless title"],
)
def test_a_feed_that_is_nested_too_deeply_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(BadResponse):
        read(body)


def test_a_link_to_a_notice_has_no_credential() -> None:
    (notice,) = read(
        rss("<item><title>a</title><link>https://ann:pw@x.example/n?no=1&amp;access_token=S3CRET#c</link></item>")
    )
    assert notice.url == "https://x.example/n?no=1#c"
    assert "S3CRET" not in notice.key


@pytest.mark.parametrize("charset", ["punycode", "Puny-Code", "idna", "undefined", "unicode_escape", "utf-7"])
def test_an_encoding_that_is_not_of_the_web_is_refused(charset: str) -> None:
    """Python takes the square of the length to decode punycode, so that a feed of a few megabytes stopped the worker."""
    item = "<item><title>a</title><link>/1</link></item>"
    with pytest.raises(BadResponse, match="an unknown character set"):
        read(rss(item, head=f"<?xml version='1.0' encoding='{charset}'?>"))
    with pytest.raises(BadResponse, match="an unknown character set"):
        read(rss(item), f"application/rss+xml; charset={charset}")


@pytest.mark.parametrize("sign", ["&#xD800;", "&#0056320;", "&#0;", "\u202e"])
def test_a_notice_has_no_character_that_the_memory_cannot_keep(sign: str) -> None:
    (notice,) = read(rss(f"<item><guid>1{sign}</guid><title>a{sign}b</title><link>/1</link></item>"))
    assert notice.title.replace("\ufffd", "") == "ab"
    assert msgspec.json.decode(msgspec.json.encode(notice), type=Notice) == notice


def test_nothing_of_a_notice_is_longer_than_a_message_can_hold() -> None:
    entry = {"id": "k" * 9_000, "url": "/" + "u" * 9_000, "title": "t" * 9_000, "authors": [{"name": "a\nb " * 9_000}]}
    (notice,) = read(json_feed(entry))
    assert (len(notice.title), len(notice.author), len(notice.key)) == (500, 100, 39)
    assert notice.author.startswith("a b a b")
    (other,) = read(json_feed({**entry, "id": "k" * 8_999 + "l"}))
    assert other.key != notice.key


def test_a_date_at_the_end_of_all_calendars_is_none() -> None:
    """It could not be shown in the board's time zone, and its notice would hold back all that follow."""
    (notice,) = read(json_feed({"id": "1", "url": "/1", "title": "a", "date_published": "9999-12-31T23:00:00Z"}))
    assert notice.published is None


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<b>", "<![CDATA", "&lt;!--"])
def test_markup_that_never_ends_is_read_once(piece: str) -> None:
    """feedparser's cleaning of HTML took hours for a description of a few megabytes."""
    description = f"<![CDATA[words {piece * 50_000}]]>"
    (notice,) = read(rss(f"<item><title>a</title><link>/1</link><description>{description}</description></item>"))
    assert notice.title == "a"
    assert notice.summary.startswith("words")


def test_scripts_and_comments_are_no_words() -> None:
    markup = "<p>one <script>evil()</script>two<!-- three --><style>p {}</style></p>"
    (notice,) = read(json_feed({"id": "1", "url": "/1", "title": "a", "content_html": markup}))
    assert notice.summary == "one two"
