"""Parser for feeds: RSS, Atom and JSON Feed."""

from __future__ import annotations

import calendar
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    notices_of_rows,
    one_line,
    plausible,
    short_key,
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


def notices_of_feed(response: BoardResponse) -> list[Notice]:
    """Return the notices of a feed, in its order. A few invalid entries are skipped with a warning.

    :raises BadResponse: the response is not a feed, the feed is empty, or most of its entries are invalid
    """
    is_json = response.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    entries = _json_entries(response) if is_json else _xml_entries(response)
    if not entries:
        raise response.invalid_response("the feed has no entries", "check whether its URL or its format has changed")
    return notices_of_rows(entries)


@dataclass(frozen=True, slots=True)
class _FeedEntry:
    """An entry of any feed format.

    :param number: position in the feed, for error messages
    """

    response: BoardResponse
    number: int
    key: str
    title: str
    url: str
    published: datetime | None
    author: str
    summary: str

    def notice(self) -> Notice:
        url = absolute(self.response.url, self.url) if self.url else ""
        # RSS and JSON Feed allow entries without a title, which are short messages.
        title = self.title or one_line(self.summary, LONGEST_TITLE_OF_TEXT)
        for part, value in (("title", title), ("link", url)):
            if not value:
                raise self.response.invalid_response(
                    f"entry {self.number} of the feed has no {part}", "report it to the feed's author"
                )
        return Notice(
            key=short_key(self.key or canonical(url)),
            title=one_line(title, LONGEST_TITLE),
            url=url,
            published=self.published,
            author=one_line(self.author, LONGEST_AUTHOR),
            summary=one_line(self.summary, LONGEST_SUMMARY),
        )


def _xml_entries(response: BoardResponse) -> list[_FeedEntry]:
    # The body is passed as a file, since feedparser takes a text for a file name or a URL to fetch. The URL of the response
    # is not passed: feedparser would make ids absolute with it, and they would change when the feed moves.
    try:
        check_charsets(response.body, response.content_type)
        body = _REFERENCE.sub(_without_surrogate, response.body)
        # feedparser's sanitizing of HTML takes quadratic time for unclosed comments; only plain text is used here.
        parsed = feedparser.parse(
            io.BytesIO(body),
            response_headers={"content-type": response.content_type},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (LookupError, UnicodeError):
        raise _not_a_feed(response, " in an unknown character set") from None
    if not parsed.get("version"):
        raise _not_a_feed(response)
    return [
        _FeedEntry(
            response,
            number,
            key=str(entry.get("id") or ""),
            title=_plain(entry.get("title"), entry.get("title_detail")),
            url=str(entry.get("link") or ""),
            published=_moment_of(entry.get("published_parsed") or entry.get("updated_parsed")),
            author=str(entry.get("author") or ""),
            summary=_plain(entry.get("summary"), entry.get("summary_detail")),
        )
        for number, entry in enumerate(parsed.entries, 1)
    ]


def _json_entries(response: BoardResponse) -> list[_FeedEntry]:
    try:
        feed: _JsonFeed = decode_json(response.body.removeprefix(b"\xef\xbb\xbf"), _JsonFeed)
    except msgspec.DecodeError as error:
        raise _not_a_feed(response, f": {error}") from None
    if not feed.version.startswith(_JSON_FEED):
        raise _not_a_feed(response)
    return [
        _FeedEntry(
            response,
            number,
            key=str(item.id),
            title=one_line(item.title or ""),
            url=item.url or item.external_url or "",
            published=_moment(item.date_published),
            author=", ".join(author.name for author in item.authors or filter(None, [item.author]) if author.name),
            summary=one_line(item.summary or item.content_text or _strip_markup(item.content_html or "")),
        )
        for number, item in enumerate(feed.items, 1)
    ]


def _plain(value: Any, detail: Mapping[str, Any] | None) -> str:
    text = str(value or "")
    return _strip_markup(text) if "html" in str((detail or {}).get("type")) else one_line(text)


def _strip_markup(markup: str) -> str:
    """Return the text of an HTML fragment."""
    try:
        fragment = html.fragment_fromstring(markup, create_parent="div")
        etree.strip_elements(fragment, etree.Comment, "script", "style", with_tail=False)
        return one_line(fragment.text_content())
    except (etree.ParserError, ValueError):
        return ""


def _without_surrogate(match: re.Match[bytes]) -> bytes:
    """Replace a reference to a surrogate, which makes feedparser fail for the whole feed."""
    number = int(match[1], 16) if match[1] else int(match[2])
    return b"&#xFFFD;" if number in _SURROGATES else match[0]


def _moment(text: str | None) -> datetime | None:
    """Parse a date of RFC 3339; return ``None`` for any other text."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return plausible(at if at.tzinfo else at.replace(tzinfo=UTC))


def _moment_of(parsed: struct_time | None) -> datetime | None:
    """Convert a date of feedparser, which is in UTC."""
    try:
        return plausible(datetime.fromtimestamp(calendar.timegm(parsed), UTC)) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _not_a_feed(response: BoardResponse, detail: str = "") -> Exception:
    return response.invalid_response(
        f"expected RSS, Atom or JSON Feed, found {response.summary()}{detail}",
        "the URL may lead to a log-in page; for a page with a list, use a board of kind html",
    )
