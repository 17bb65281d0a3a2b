"""A board that is a page of HTML."""

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
    one_line,
    plausible,
    short_key,
    usable_notices,
)

if TYPE_CHECKING:
    from workplace_provider.notices.board import HtmlBoard
    from workplace_provider.notices.response import BoardResponse

_DATE = re.compile(r"(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})(?:\D{1,4}(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_LAYOUT: Final = "the layout of the board seems to have changed: correct the selectors in its description"


def notices_of_page(board: HtmlBoard, answer: BoardResponse) -> list[Notice]:
    """The notices of a page, in its order.

    A row that lacks what every notice has is left out with a warning; with most rows like that, the layout has changed.

    :raises BadResponse: there is none, or most of them lack what every notice has
    """
    root = _parsed(board, answer)
    select = {key: CSSSelector(css, translator="html") for key, css in board.select.given().items()}
    items = _found(select["item"], root)
    if not items:
        raise answer.invalid_response(f"nothing matches select.item ({board.select.item})", _LAYOUT)
    bases = root.xpath("//base/@href")
    base = (absolute(answer.url, str(bases[0])) if bases else "") or answer.url
    rows = [_Item(board, answer, select, base, element, number) for number, element in enumerate(items, 1)]
    return usable_notices(rows, lambda row: row.notice())


def _parsed(board: HtmlBoard, answer: BoardResponse) -> html.HtmlElement:
    try:
        text = decode(answer.body, answer.content_type, board.charset)
    except UnicodeDecodeError:
        message = "the page is not UTF-8, and does not tell what it is"
        raise answer.invalid_response(message, "give charset in the board's description", retryable=False) from None
    except LookupError as error:
        message = f"the character set that the page names is not known: {answer.quote(str(error))}"
        raise answer.invalid_response(message, "give charset in the board's description", retryable=False) from None
    try:
        # As bytes in a known encoding: text that names its own encoding is refused by lxml.
        parser = html.HTMLParser(encoding="utf-8")
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        raise answer.invalid_response("the page is empty", _LAYOUT) from None


def _found(select: CSSSelector, element: html.HtmlElement) -> list[html.HtmlElement]:
    found = select(element)
    return [each for each in found if isinstance(each, html.HtmlElement)] if isinstance(found, list) else []


def _pieces(element: html.HtmlElement, dropped: Collection[html.HtmlElement]) -> Iterator[tuple[str, bool]]:
    """The texts in an element, in their order, and whether each is all that stands in an element of its own."""
    left: list[tuple[str, bool] | html.HtmlElement] = [element]
    while left:
        part = left.pop()
        if isinstance(part, tuple):
            yield part
            continue
        if part is not element and part.tail:
            left.append((part.tail, False))
        # Comments and the like have a function as their tag, and nothing that readers see.
        if part in dropped or not isinstance(part.tag, str):
            continue
        left += reversed(part)
        if part.text:
            is_badge = part is not element and not len(part) and part.tag not in ("b", "strong", "a")
            left.append((part.text, is_badge))


def _without_badges(pieces: Sequence[tuple[str, bool]], badges: Sequence[str]) -> list[str]:
    """The texts without badges before the first and behind the last other one; all of them where nothing else is left."""
    words = {_folded(badge) for badge in badges}
    marks = [own and _folded(text) in words for text, own in pieces]
    others = [number for number, (text, _) in enumerate(pieces) if text.strip() and not marks[number]]
    if not others:
        return [text for text, _ in pieces]
    return [
        text
        for number, (text, _) in enumerate(pieces)
        if not (marks[number] and (number < others[0] or number > others[-1]))
    ]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", one_line(text)).strip("[]()<> ").casefold()


class _Item:
    """One item of the list.

    :param base: what its addresses are relative to
    :param number: its place, for messages
    """

    def __init__(
        self,
        board: HtmlBoard,
        answer: BoardResponse,
        select: dict[str, CSSSelector],
        base: str,
        element: html.HtmlElement,
        number: int,
    ) -> None:
        self._board = board
        self._answer = answer
        self._select = select
        self._base = base
        self._element = element
        self._number = number

    def notice(self) -> Notice:
        title = self._text("title")
        if not title:
            raise self._lacks("title", "title")
        url, found = self._url_and_id()
        return Notice(
            key=short_key(found or canonical(url)),
            title=one_line(title, LONGEST_TITLE),
            url=url,
            published=self._published(),
            author=one_line(self._text("author"), LONGEST_AUTHOR),
            summary=one_line(self._text("summary"), LONGEST_SUMMARY),
            pinned=self._first("pinned") is not None,
        )

    def _url_and_id(self) -> tuple[str, str]:
        key = "link" if self._board.select.link else "title"
        element = self._first(key)
        if element is None:
            raise self._lacks("link", key)
        found = self._id(element) if self._board.has_ids else ""
        if self._board.link_format:
            href = self._board.link_format.replace("{id}", quote(found, safe=""))
        else:
            href = (element.get("href") or "".join(element.xpath("(.//a/@href)[1]"))).strip()
        url = absolute(self._base, href) if href and not href.startswith("#") else ""
        if not url:
            raise self._lacks("link", key, f"; it has {self._answer.quote(href)}" if href else "")
        return url, found

    def _id(self, link: html.HtmlElement) -> str:
        board = self._board
        value = (link.get(board.id_from) or self._element.get(board.id_from) or "").strip()
        found = value
        if board.id:
            match = re.search(board.id, value)
            found = match.group(min(match.re.groups, 1)) or "" if match else ""
        if not found:
            raise self._answer.invalid_response(
                f"item {self._number} has no id: the attribute {board.id_from} is {self._answer.quote(value)}, "
                f"id is {board.id!r}",
                _LAYOUT,
            )
        return found

    def _published(self) -> datetime | None:
        element = self._first("date")
        if element is None:
            return None
        machine_readable = element.get("datetime")
        said = one_line(element.text_content())
        try:
            if machine_readable:
                at = datetime.fromisoformat(machine_readable.strip())
            elif self._board.date_format:
                at = datetime.strptime(said, self._board.date_format)
            elif match := _DATE.search(said):
                at = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
            else:
                return None
        except ValueError:
            return None
        return plausible(at if at.tzinfo else at.replace(tzinfo=ZoneInfo(self._board.timezone)))

    def _first(self, key: str) -> html.HtmlElement | None:
        found = _found(self._select[key], self._element) if key in self._select else []
        return found[0] if found else None

    def _text(self, key: str) -> str:
        element = self._first(key)
        if element is None:
            return ""
        dropped = set(_found(self._select["drop"], self._element)) if "drop" in self._select else set()
        pieces = list(_pieces(element, dropped))
        return one_line("".join(_without_badges(pieces, self._board.badges)))

    def _lacks(self, what: str, key: str, found: str = "") -> Exception:
        selector = self._board.select.given()[key]
        message = f"item {self._number} has no {what}: nothing usable matches select.{key} ({selector}) in it{found}"
        advice = f"{_LAYOUT}; a board that opens notices by a script needs id and link_format" if what == "link" else _LAYOUT
        return self._answer.invalid_response(message, advice)
