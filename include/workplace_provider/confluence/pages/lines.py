"""Text of a page as lines: consecutive text to a reader, mapped to its positions in the source."""

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

# Tags that change only the looks of text. Every other tag ends a line: blocks, cells, macros, line breaks, images, and
# raised or lowered text (sup, sub).
_INLINE: Final = (
    "a|b|big|code|del|em|font|i|ins|mark|s|small|span|strike|strong|tt|u|"  # HTML
    "ac:inline-comment-marker"
)
# Possessive, to avoid exponential backtracking over comments that could end at several places.
_UNBROKEN = re.compile(rf"(?:<!--(?>.*?-->)|</?(?:{_INLINE})(?:\s(?:[^\"'>]|\"[^\"]*\"|'[^']*')*)?>)*+", re.S)
_REFERENCE = re.compile(r"&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|([A-Za-z][A-Za-z0-9]*));")


class TextKind(IntEnum):
    """Kind of a text to a reader. In nested elements, the highest value counts."""

    TEXT = 0
    LINK = 1
    CODE = 2
    PARAMETER = 3
    """Parameter of a macro: plain text without markup."""
    HIDDEN = 4
    """Not displayed: ids, instructions to authors, the copy of the content for the other editor."""


_KINDS: Final = {
    "a": TextKind.LINK,
    f"{{{AC}}}link": TextKind.LINK,
    "code": TextKind.CODE,
    "pre": TextKind.CODE,
    f"{{{AC}}}parameter": TextKind.PARAMETER,
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
        TextKind.HIDDEN,
    ),
}


class TextKinds:
    """Determines the kind of text in an element. Each element is examined only once."""

    def __init__(self) -> None:
        self._known: dict[etree._Element, TextKind] = {}

    def of(self, element: etree._Element) -> TextKind:
        """Return the kind of the text directly in an element."""
        path = []
        node: etree._Element | None = element
        while node is not None and node not in self._known:
            path.append(node)
            node = node.getparent()
        kind = TextKind.TEXT if node is None else self._known[node]
        for ancestor in reversed(path):
            kind = max(kind, _KINDS.get(str(ancestor.tag), TextKind.TEXT))
            self._known[ancestor] = kind
        return kind


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line: literal text of the source, or one reference such as ``&nbsp;``."""

    at: int
    length: int
    start: int
    end: int
    parent: etree._Element


class Line:
    """Text on one line of the page. In the source, inline tags and entities may split it.

    :param source: the source of the page
    :param runs: the text runs of the line
    """

    def __init__(self, source: str, runs: Sequence[TextRun]) -> None:
        self._pieces: list[_Piece] = []
        texts: list[str] = []
        length = 0
        for run in runs:
            for start, end, text in _decode(source, run.start, run.end):
                self._pieces.append(_Piece(length, len(text), start, end, run.parent))
                texts.append(text)
                length += len(text)
        self.text = "".join(texts)
        self.start = runs[0].start
        self._at = [piece.at for piece in self._pieces]

    def parents(self, start: int, end: int) -> list[etree._Element]:
        """Return the elements that contain a part of the text."""
        return [piece.parent for piece in self._pieces_in(start, end)]

    def replacements(self, start: int, end: int, markup: str) -> Iterator[tuple[int, int, str]]:
        """Yield the replacements that put markup at the start of a part of the text, and remove the rest of that part.

        Tags inside the part stay, so that the page stays well-formed.
        """
        piece = self._pieces[bisect_right(self._at, start) - 1]
        if start < end <= piece.at + piece.length == piece.at + piece.end - piece.start:  # almost all parts, and quickly
            yield piece.start + start - piece.at, piece.start + end - piece.at, markup
            return
        spans: list[tuple[int, int]] = []
        for piece in self._pieces_in(start, end):
            first, last = piece.start, piece.end
            if piece.length == last - first:  # otherwise a reference, which is replaced as a whole
                first, last = first + max(0, start - piece.at), first + min(piece.length, end - piece.at)
            if spans and spans[-1][1] == first:
                spans[-1] = spans[-1][0], last
            else:
                spans.append((first, last))
        for number, (first, last) in enumerate(spans):
            yield first, last, "" if number else markup

    def _pieces_in(self, start: int, end: int) -> Iterator[_Piece]:
        for number in range(bisect_right(self._at, start) - 1, len(self._pieces)):
            piece = self._pieces[number]
            if piece.at >= end:
                return
            yield piece


def lines(document: PageDocument) -> Iterator[Line]:
    """Yield the lines of a page, in the order of the source. They do not include CDATA, which is code."""
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


def _decode(source: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Yield the pieces of a text run, with references replaced by their characters."""
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
