"""Text of a page as lines: what a reader reads in one go, mapped to its places in the source."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from html.entities import html5
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, AT

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument, TextRun

# Tags that change how words look and not which words belong together. Anything else ends a line: blocks, cells, macros,
# line breaks, images, and what stands above or below the line (sup, sub).
_INLINE: Final = (
    "a|b|big|code|del|em|font|i|ins|mark|s|small|span|strike|strong|tt|u|"  # HTML
    "ac:inline-comment-marker"
)
# Possessive: a comment that may also end at the end of the next one would be tried in all combinations.
_UNBROKEN = re.compile(rf"(?:<!--(?>.*?-->)|</?(?:{_INLINE})(?:\s(?:[^\"'>]|\"[^\"]*\"|'[^']*')*)?>)*+", re.S)
_REFERENCE = re.compile(r"&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|([A-Za-z][A-Za-z0-9]*));")


class Place(IntEnum):
    """What a text is to a reader; within nested elements the higher one counts."""

    TEXT = 0
    LINK = 1
    CODE = 2
    PARAMETER = 3
    """Of a macro: plain text, no markup."""
    HIDDEN = 4
    """Not text of the page: ids, instructions to authors, what belongs to another editor."""


_PLACES: Final = {
    "a": Place.LINK,
    f"{{{AC}}}link": Place.LINK,
    "code": Place.CODE,
    "pre": Place.CODE,
    f"{{{AC}}}parameter": Place.PARAMETER,
    **dict.fromkeys(
        (
            f"{{{AC}}}adf-extension",
            f"{{{AC}}}placeholder",
            f"{{{AC}}}plain-text-body",
            f"{{{AC}}}plain-text-link-body",
            f"{{{AC}}}task-id",
            f"{{{AC}}}task-status",
            f"{{{AC}}}task-uuid",
            f"{{{AT}}}declarations",
        ),
        Place.HIDDEN,
    ),
}


class Places:
    """Tells what the text in an element is; every element is looked at once."""

    def __init__(self) -> None:
        self._known: dict[etree._Element, Place] = {}

    def of(self, element: etree._Element) -> Place:
        """The place of the text directly in an element."""
        path = []
        node: etree._Element | None = element
        while node is not None and node not in self._known:
            path.append(node)
            node = node.getparent()
        place = Place.TEXT if node is None else self._known[node]
        for each in reversed(path):
            place = max(place, _PLACES.get(str(each.tag), Place.TEXT))
            self._known[each] = place
        return place


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a line that stands in the source as it is, or a reference such as ``&nbsp;``."""

    at: int
    length: int
    start: int
    end: int
    parent: etree._Element


class Line:
    """Text that a reader reads in one go, though inline tags and entities may cut it up in the source.

    :param source: the source of the page
    :param runs: the text runs that make up the line
    """

    def __init__(self, source: str, runs: Sequence[TextRun]) -> None:
        self._pieces: list[_Piece] = []
        texts: list[str] = []
        length = 0
        for run in runs:
            for start, end, text in _decoded(source, run.start, run.end):
                self._pieces.append(_Piece(length, len(text), start, end, run.parent))
                texts.append(text)
                length += len(text)
        self.text = "".join(texts)
        self.start = runs[0].start
        self._at = [piece.at for piece in self._pieces]

    def parents(self, start: int, end: int) -> list[etree._Element]:
        """The elements that a part of the text stands in."""
        return [piece.parent for piece in self._part(start, end)]

    def replaced(self, start: int, end: int, markup: str) -> Iterator[tuple[int, int, str]]:
        """The replacements that put markup where a part of the text begins, and take the rest of that part away.

        Tags inside that part stay, so that the page stays balanced.
        """
        spans: list[tuple[int, int]] = []
        for piece in self._part(start, end):
            first, last = piece.start, piece.end
            if piece.length == last - first:  # otherwise a reference, which is replaced as a whole
                first, last = first + max(0, start - piece.at), first + min(piece.length, end - piece.at)
            if spans and spans[-1][1] == first:
                spans[-1] = spans[-1][0], last
            else:
                spans.append((first, last))
        for number, (first, last) in enumerate(spans):
            yield first, last, "" if number else markup

    def _part(self, start: int, end: int) -> Iterator[_Piece]:
        for number in range(bisect_right(self._at, start) - 1, len(self._pieces)):
            piece = self._pieces[number]
            if piece.at >= end:
                return
            yield piece


def lines(document: PageDocument) -> Iterator[Line]:
    """The lines of a page, in the order of the source. CDATA is in none of them: it is code."""
    source = document.storage
    gathered: list[TextRun] = []
    for run in document.text_runs():
        if gathered:
            gap = gathered[-1].end
            if _UNBROKEN.fullmatch(source, gap, run.start) is None:
                yield Line(source, gathered)
                gathered = []
        gathered.append(run)
    if gathered:
        yield Line(source, gathered)


def _decoded(source: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """The pieces of a text run with the characters they stand for."""
    position = start
    for match in _REFERENCE.finditer(source, start, end):
        if match.start() > position:
            yield position, match.start(), source[position : match.start()]
        position = match.end()
        yield match.start(), position, _character(match)
    if position < end:
        yield position, end, source[position:end]


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name is not None:
        return html5.get(f"{name};", match.group())
    return chr(int(decimal or hexadecimal, 10 if decimal else 16))
