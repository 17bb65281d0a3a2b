"""Parser for HTML pages with a list of notices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lxml import etree, html
from lxml.cssselect import CSSSelector

from workplace_provider.notices.charset import decode
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
    from workplace_provider.notices.board import HtmlBoard
    from workplace_provider.notices.response import BoardResponse

_DATE = re.compile(r"(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})(?:\D{1,4}(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_LAYOUT: Final = "the layout of the board seems to have changed: fix the selectors in its description"


def notices_of_page(board: HtmlBoard, response: BoardResponse) -> list[Notice]:
    """Return the notices of a page, in its order. A few invalid rows are skipped with a warning.

    :raises BadResponse: the page has no notices, or most rows are invalid, so the layout has changed
    """
    root = _parse_html(board, response)
    select = {key: CSSSelector(css, translator="html") for key, css in board.select.defined().items()}
    items = _find(select["item"], root)
    if not items:
        raise response.invalid_response(f"nothing matches select.item ({board.select.item})", _LAYOUT)
    bases = root.xpath("//base/@href")
    base = (absolute(response.url, str(bases[0])) if bases else "") or response.url
    rows = [_Item(board, response, select, base, element, number) for number, element in enumerate(items, 1)]
    return notices_of_rows(rows)


def _parse_html(board: HtmlBoard, response: BoardResponse) -> html.HtmlElement:
    try:
        text = decode(response.body, response.content_type, board.charset)
    except UnicodeDecodeError:
        message = "the page is not UTF-8 and declares no character set"
        raise response.invalid_response(message, "set charset in the board's description", retryable=False) from None
    except LookupError as error:
        message = f"the page declares an unknown character set: {response.quote(str(error))}"
        raise response.invalid_response(message, "set charset in the board's description", retryable=False) from None
    try:
        # As bytes in a known encoding: lxml rejects a text that declares its own encoding.
        parser = html.HTMLParser(encoding="utf-8")
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        raise response.invalid_response("the page is empty", _LAYOUT) from None


def _find(select: CSSSelector, element: html.HtmlElement) -> list[html.HtmlElement]:
    matches = select(element)
    return [match for match in matches if isinstance(match, html.HtmlElement)] if isinstance(matches, list) else []


def _pieces(element: html.HtmlElement, dropped: Collection[html.HtmlElement]) -> Iterator[tuple[str, bool]]:
    """Yield the texts in an element, in order, each with whether it is the whole content of a child element."""
    stack: list[tuple[str, bool] | html.HtmlElement] = [element]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            yield part
            continue
        if part is not element and part.tail:
            stack.append((part.tail, False))
        # Comments and processing instructions have a function as their tag, and no visible text.
        if part in dropped or not isinstance(part.tag, str):
            continue
        stack += reversed(part)
        if part.text:
            is_badge = part is not element and not len(part) and part.tag not in ("b", "strong", "a")
            stack.append((part.text, is_badge))


def _without_badges(pieces: Sequence[tuple[str, bool]], badges: Sequence[str]) -> list[str]:
    """Return the texts without badges at the beginning and at the end; all texts if there are only badges."""
    badge_texts = {_fold(badge) for badge in badges}
    marks = [own and _fold(text) in badge_texts for text, own in pieces]
    others = [number for number, (text, _) in enumerate(pieces) if text.strip() and not marks[number]]
    if not others:
        return [text for text, _ in pieces]
    return [
        text
        for number, (text, _) in enumerate(pieces)
        if not (marks[number] and (number < others[0] or number > others[-1]))
    ]


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", one_line(text)).strip("[]()<> ").casefold()


class _Item:
    """An item of the list.

    :param base: base of relative URLs
    :param number: position in the list, for error messages
    """

    def __init__(
        self,
        board: HtmlBoard,
        response: BoardResponse,
        select: dict[str, CSSSelector],
        base: str,
        element: html.HtmlElement,
        number: int,
    ) -> None:
        self._board = board
        self._response = response
        self._select = select
        self._base = base
        self._element = element
        self._number = number

    def notice(self) -> Notice:
        title = self._text("title")
        if not title:
            raise self._missing("title", "title")
        url, notice_id = self._url_and_id()
        return Notice(
            key=short_key(notice_id or canonical(url)),
            title=one_line(title, LONGEST_TITLE),
            url=url,
            published=self._publication_time(),
            author=one_line(self._text("author"), LONGEST_AUTHOR),
            summary=one_line(self._text("summary"), LONGEST_SUMMARY),
            pinned=self._first("pinned") is not None,
        )

    def _url_and_id(self) -> tuple[str, str]:
        key = "link" if self._board.select.link else "title"
        element = self._first(key)
        if element is None:
            raise self._missing("link", key)
        notice_id = self._id(element) if self._board.has_ids else ""
        if self._board.link_format:
            href = self._board.link_format.replace("{id}", quote(notice_id, safe=""))
        else:
            href = (element.get("href") or "".join(element.xpath("(.//a/@href)[1]"))).strip()
        url = absolute(self._base, href) if href and not href.startswith("#") else ""
        if not url:
            raise self._missing("link", key, f"; it has {self._response.quote(href)}" if href else "")
        return url, notice_id

    def _id(self, link: html.HtmlElement) -> str:
        board = self._board
        value = (link.get(board.id_from) or self._element.get(board.id_from) or "").strip()
        notice_id = value
        if board.id:
            match = re.search(board.id, value)
            notice_id = match.group(min(match.re.groups, 1)) or "" if match else ""
        if not notice_id:
            raise self._response.invalid_response(
                f"item {self._number} has no id: the attribute {board.id_from} is {self._response.quote(value)}, "
                f"id is {board.id!r}",
                _LAYOUT,
            )
        return notice_id

    def _publication_time(self) -> datetime | None:
        element = self._first("date")
        if element is None:
            return None
        machine_readable = element.get("datetime")
        text = one_line(element.text_content())
        try:
            if machine_readable:
                at = datetime.fromisoformat(machine_readable.strip())
            elif self._board.date_format:
                at = datetime.strptime(text, self._board.date_format)
            elif match := _DATE.search(text):
                at = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
            else:
                return None
        except ValueError:
            return None
        return plausible(at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self._board.timezone)))

    def _first(self, key: str) -> html.HtmlElement | None:
        matches = _find(self._select[key], self._element) if key in self._select else []
        return matches[0] if matches else None

    def _text(self, key: str) -> str:
        element = self._first(key)
        if element is None:
            return ""
        dropped = set(_find(self._select["drop"], self._element)) if "drop" in self._select else set()
        pieces = list(_pieces(element, dropped))
        return one_line("".join(_without_badges(pieces, self._board.badges)))

    def _missing(self, part: str, key: str, detail: str = "") -> Exception:
        selector = self._board.select.defined()[key]
        message = f"item {self._number} has no {part}: no valid element matches select.{key} ({selector}){detail}"
        advice = f"{_LAYOUT}; a board that opens notices by a script needs id and link_format" if part == "link" else _LAYOUT
        return self._response.invalid_response(message, advice)
