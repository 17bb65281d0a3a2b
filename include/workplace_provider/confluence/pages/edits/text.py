"""Words of a page: the lines that a reader reads, and the placeholders in them that values go into."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from html.entities import html5
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workplace_provider.confluence.pages.document import AC, AT
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.reading import same_words
from workplace_provider.confluence.pages.values import escape_text, from_plain, to_storage

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
_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")


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


@dataclass(frozen=True)
class FillText(Edit):
    """Put values where the page says ``{{name}}``, and where a Confluence template has a variable of that name.

    A placeholder may be cut up by inline tags (``{{<strong>na</strong>me}}``) and entities; it never spans two blocks. The
    value goes where the placeholder begins; the tags stay. White space, case and composition of the name do not count.
    Code in CDATA, attributes, instructions to authors (``ac:placeholder``) and the inside of ``ac:adf-extension`` are left
    alone. In the parameter of a macro the value is plain text. What a value brings is never filled again. The declaration
    of a template variable goes when the variable is filled.

    https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, "Template variables".

    :param values: name to value: all that a cell can hold
    :param formats: name to the format of its number or date, such as ``,.1f`` or ``%m/%d``
    :param expect: how often each name must be on the page; ``None`` for at least once
    :param optional: names that may be missing
    :param missing: what to do when the page has no place for a value: ``fail``, or ``keep`` the page without it
    :param unfilled: what to do with placeholders that no value was given for: ``keep`` them, or ``fail``
    """

    template_fields: ClassVar[tuple[str, ...]] = ("values", "formats")

    values: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    expect: int | None = None
    optional: Sequence[str] = ()
    missing: Literal["fail", "keep"] = "fail"
    unfilled: Literal["keep", "fail"] = "keep"

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        if self.missing not in ("fail", "keep") or self.unfilled not in ("fail", "keep"):
            raise self.refused(f"missing is {self.missing!r}, unfilled is {self.unfilled!r}: they are 'fail' or 'keep'")
        values = _Values(self)
        there: dict[str, str] = {}
        counts: Counter[str] = Counter()
        replacements: list[tuple[int, int, str]] = []
        for name, place, spans in _slots(document):
            key = same_words(name)
            there.setdefault(key, " ".join(name.split()))
            counts[key] += 1
            if key in values:
                markup = values.markup(key, place)
                replacements += [(start, end, markup if not number else "") for number, (start, end) in enumerate(spans)]
        self._check(counts, there, values)
        document.replace([*replacements, *_declarations(document, {key for key in counts if key in values})])

    def _check(self, counts: Counter[str], there: Mapping[str, str], values: _Values) -> None:
        names = [f"{{{{{name}}}}}" for name in there.values()]
        optional = {same_words(name) for name in self.optional}
        for key, name in values.names.items():
            if counts[key] or not (self.missing == "keep" or key in optional):
                self.expected([name] * counts[key], self.expect, f"{{{{{name}}}}}", lambda: names)
        left = [f"{{{{{name}}}}}" for key, name in there.items() if key not in values]
        if left and self.unfilled == "fail":
            raise self.refused(f"no value was given for {', '.join(left)}")


class _Values:
    """The values of an edit as markup, each written once."""

    def __init__(self, edit: FillText) -> None:
        self._edit = edit
        self.names = {same_words(name): name for name in edit.values}
        if len(self.names) < len(edit.values):
            raise edit.refused(f"two of the names are the same: {', '.join(edit.values)}")
        self._formats = {same_words(name): form for name, form in edit.formats.items()}
        if unknown := [name for name in edit.formats if same_words(name) not in self.names]:
            raise edit.refused(f"there is a format for {', '.join(map(repr, unknown))} and no value")
        self._written: dict[tuple[str, bool], str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def markup(self, key: str, place: Place) -> str:
        plain = place == Place.PARAMETER
        if (key, plain) not in self._written:
            name = self.names[key]
            try:
                value = from_plain(self._edit.values[name])
                self._written[key, plain] = (_plain_text if plain else to_storage)(value, self._formats.get(key), of=name)
            except ValueError as error:
                raise self._edit.refused(f"{{{{{name}}}}}: {error}") from error
        return self._written[key, plain]


def _plain_text(value: Any, form: str | None, *, of: str = "") -> str:
    """A value as the text of a macro's parameter, which holds no markup."""
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(each, form, of=of) for each in value)
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime) and not form:
        return value.isoformat()
    markup = to_storage(value, form, of=of)
    if "<" in markup:
        raise ValueError(f"the parameter of a macro holds plain text, and this is {value!r}")
    return markup


def _slots(document: PageDocument) -> Iterator[tuple[str, Place, list[tuple[int, int]]]]:
    """Name, place and source spans of every placeholder and template variable."""
    places = Places()
    for line in lines(document):
        for match in _PLACEHOLDER.finditer(line.text) if "{{" in line.text else ():
            place = places.of(line.parents(*match.span())[0])
            if place != Place.HIDDEN and match.group(1).strip():
                yield match.group(1), place, [(start, end) for start, end, _ in line.replaced(*match.span(), "")]
    for variable in document.select("//at:var[@at:name]"):
        place = places.of(variable)
        if place != Place.HIDDEN:
            span = document.span(variable)
            yield variable.get(f"{{{AT}}}name", ""), place, [(span.start, span.end)]


def _declarations(document: PageDocument, filled: set[str]) -> Iterator[tuple[int, int, str]]:
    """Take away the declarations of variables that are filled; a page has no use for them."""
    for block in document.select("//at:declarations"):
        declared = [each for each in block if isinstance(each.tag, str)]
        done = [each for each in declared if same_words(each.get(f"{{{AT}}}name", "")) in filled]
        for element in [block] if done and len(done) == len(declared) else done:
            span = document.span(element)
            yield span.start, span.end, ""


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
