"""A board that is a feed: RSS, Atom or JSON Feed."""

from __future__ import annotations

import calendar
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from time import struct_time
from typing import TYPE_CHECKING, Any, Final

import feedparser
import msgspec
from lxml import etree, html

from workplace_provider.http.body import decode_json
from workplace_provider.notices.charset import check_charsets
from workplace_provider.notices.notice import (
    LONGEST_AUTHOR,
    LONGEST_SUMMARY,
    LONGEST_TITLE,
    Notice,
    absolute,
    canonical,
    one_line,
    plausible,
    short_key,
    usable_notices,
)

if TYPE_CHECKING:
    from workplace_provider.notices.response import BoardResponse

LONGEST_TITLE_OF_TEXT: Final = 80
_REFERENCE: Final = re.compile(rb"&#(?:[xX]0*([0-9a-fA-F]{1,8})|0*([0-9]{1,8}))\b;?")
_SURROGATES: Final = range(0xD800, 0xE000)
_JSON_FEED: Final = "https://jsonfeed.org/version/"


class _Author(msgspec.Struct):
    name: str | None = None


class _Item(msgspec.Struct):
    """An item of a JSON Feed; https://www.jsonfeed.org/version/1.1/#items-a-name-items-a. Its id may be a number."""

    id: str | int | float
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    summary: str | None = None
    content_text: str | None = None
    content_html: str | None = None
    date_published: str | None = None
    authors: list[_Author] | None = None
    author: _Author | None = None


class _JsonFeed(msgspec.Struct):
    version: str
    items: list[_Item]


def notices_of_feed(answer: BoardResponse) -> list[Notice]:
    """The notices of a feed, in its order.

    An entry that lacks what every notice has is left out with a warning.

    :raises BadResponse: it is no feed, there is none in it, or most of them lack what every notice has
    """
    is_json = answer.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    notices = _of_json(answer) if is_json else _of_xml(answer)
    if not notices:
        raise answer.invalid_response("the feed has no entries", "look whether its address or its format has changed")
    return notices


def _of_xml(answer: BoardResponse) -> list[Notice]:
    # As a file: text would be taken for the name of one, or for an address to fetch. Without the address of the answer:
    # ids would be made absolute by it, and be others when the feed moves.
    try:
        check_charsets(answer.body, answer.content_type)
        body = _REFERENCE.sub(_without_surrogate, answer.body)
        # Its cleaning of HTML takes the square of the length for comments that never end; only the words are used here.
        parsed = feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-type": answer.content_type},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (LookupError, UnicodeError):
        raise _no_feed(answer, " in a character set that is not known") from None
    if not parsed.get("version"):
        raise _no_feed(answer)
    return usable_notices(list(enumerate(parsed.entries, 1)), lambda row: _of_entry(answer, row[1], row[0]))


def _of_entry(answer: BoardResponse, entry: Mapping[str, Any], number: int) -> Notice:
    summary = _plain(entry.get("summary"), entry.get("summary_detail"))
    return _notice(
        answer,
        number,
        key=str(entry.get("id") or ""),
        title=_plain(entry.get("title"), entry.get("title_detail")),
        url=str(entry.get("link") or ""),
        published=_moment_of(entry.get("published_parsed") or entry.get("updated_parsed")),
        author=str(entry.get("author") or ""),
        summary=summary,
    )


def _of_json(answer: BoardResponse) -> list[Notice]:
    try:
        feed: _JsonFeed = decode_json(answer.body.removeprefix(b"\xef\xbb\xbf"), _JsonFeed)
    except msgspec.DecodeError as error:
        raise _no_feed(answer, f": {error}") from None
    if not feed.version.startswith(_JSON_FEED):
        raise _no_feed(answer)
    return usable_notices(list(enumerate(feed.items, 1)), lambda row: _of_item(answer, row[1], row[0]))


def _of_item(answer: BoardResponse, item: _Item, number: int) -> Notice:
    return _notice(
        answer,
        number,
        key=str(item.id),
        title=one_line(item.title or ""),
        url=item.url or item.external_url or "",
        published=_moment(item.date_published),
        author=", ".join(each.name for each in item.authors or filter(None, [item.author]) if each.name),
        summary=one_line(item.summary or item.content_text or _stripped(item.content_html or "")),
    )


def _notice(
    answer: BoardResponse,
    number: int,
    *,
    key: str,
    title: str,
    url: str,
    published: datetime | None,
    author: str,
    summary: str,
) -> Notice:
    url = absolute(answer.url, url) if url else ""
    # RSS and JSON Feed have entries without a title, which are short messages.
    title = title or one_line(summary, LONGEST_TITLE_OF_TEXT)
    for what, value in (("title", title), ("link", url)):
        if not value:
            raise answer.invalid_response(f"entry {number} of the feed has no {what}", "tell its author")
    return Notice(
        key=short_key(key or canonical(url)),
        title=one_line(title, LONGEST_TITLE),
        url=url,
        published=published,
        author=one_line(author, LONGEST_AUTHOR),
        summary=one_line(summary, LONGEST_SUMMARY),
    )


def _plain(value: Any, detail: Mapping[str, Any] | None) -> str:
    text = str(value or "")
    return _stripped(text) if "html" in str((detail or {}).get("type")) else one_line(text)


def _stripped(markup: str) -> str:
    """The words of a piece of HTML."""
    try:
        fragment = html.fragment_fromstring(markup, create_parent="div")
        etree.strip_elements(fragment, etree.Comment, "script", "style", with_tail=False)
        return one_line(fragment.text_content())
    except (etree.ParserError, ValueError):
        return ""


def _without_surrogate(match: re.Match[bytes]) -> bytes:
    """Replace a reference to half a character, at which feedparser would fail for all entries."""
    number = int(match[1], 16) if match[1] else int(match[2])
    return b"&#xFFFD;" if number in _SURROGATES else match[0]


def _moment(text: str | None) -> datetime | None:
    """A date of RFC 3339; ``None`` where it is something else."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return plausible(at if at.tzinfo else at.replace(tzinfo=UTC))


def _moment_of(parsed: struct_time | None) -> datetime | None:
    """A date as feedparser gives it, in UTC."""
    try:
        return plausible(datetime.fromtimestamp(calendar.timegm(parsed), UTC)) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _no_feed(answer: BoardResponse, why: str = "") -> Exception:
    return answer.invalid_response(
        f"expected RSS, Atom or JSON Feed, found {answer.described()}{why}",
        "a log-in page may stand before the feed; a page with a list is a board of kind html",
    )
