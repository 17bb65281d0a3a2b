"""A page in storage format: an lxml tree to select in, and the source it was read from to write into."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.entities import html5
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from lxml import etree

AC: Final = "http://atlassian.com/content"
RI: Final = "http://atlassian.com/resource/identifier"
AT: Final = "http://atlassian.com/template"
NAMESPACES: Final = {"ac": AC, "ri": RI, "at": AT}

# One alternative per construct of XML 1.0 that storage format may hold. Attribute values are matched whole, so that a ">"
# inside one does not end the tag. No tag has a "<" inside, and what is never closed reaches to the end: so an
# ill-formed body takes no longer than its length either.
_MARKUP = re.compile(
    r"""<[^\s!?<>"'](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>"""
    r"|<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[.*?(?:\]\]>|\Z)"
    r"|<!DOCTYPE"
    r"|<\?.*?(?:\?>|\Z)",
    re.S,
)
# CDATA, comments and processing instructions come first: an "&nbsp;" in there is text, not an entity.
_ENTITY = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|&([A-Za-z][A-Za-z0-9]*);", re.S)
_XML_ENTITIES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_QUOTED = re.compile(r"""(["']).*?\1""", re.S)
_PREFIX = re.compile(r"""[</\s]([^\s:<>/="']+):[^\s:]""")
_NAME = re.compile(r"[^\s/>]+")


class IllFormedStorage(ValueError):
    """Text that is no well-formed storage format.

    :param problem: what is wrong
    :param line: line of the source, from 1
    :param column: column in that line, from 1
    :param around: the source around the place
    """

    def __init__(self, problem: str, line: int, column: int, around: str) -> None:
        super().__init__(f"line {line}, column {column}: {problem}, near {around!r}")
        self.problem = problem
        self.line = line
        self.column = column
        self.around = around


@dataclass(frozen=True, slots=True)
class Span:
    """Where an element stands in the source: ``[start, end)`` with its tags, ``[inner, close)`` between them.

    For an empty-element tag ``inner``, ``close`` and ``end`` are the same place.
    """

    start: int
    inner: int
    close: int
    end: int

    @property
    def is_empty_tag(self) -> bool:
        """Whether the element is written as one tag, such as ``<br />``."""
        return self.inner == self.end


@dataclass(frozen=True, slots=True)
class TextRun:
    """A stretch of text between two tags: ``[start, end)`` of the source, and the element it stands in.

    CDATA sections, comments and processing instructions are no text runs: what is in them is code or not shown.
    """

    start: int
    end: int
    parent: etree._Element


class DocumentEdit(Protocol):
    """A change of a document; the edits are in :mod:`workplace_provider.confluence.pages.edits`."""

    def make(self, document: PageDocument) -> None:
        """Make the change, or raise and leave the document as it was."""


class People(Protocol):
    """The display names of users, whom a page mentions by an id only. A Confluence client is one."""

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of a user, or ``None`` where it is unknown.

        :param kind: the attribute that has the id: ``account-id``, ``userkey`` or ``username``
        :param user: the id
        """


class PageDocument:
    """A page body that gives back its source to the byte, except where an edit was made.

    Elements are selected in :attr:`root`, an lxml tree with the prefixes ``ac``, ``ri`` and ``at`` bound, and written by
    replacing their :meth:`span` of the source. Entities, CDATA, attribute order, quotes, the style of empty tags, line
    ends, comments and unknown macros outside the replaced spans stay as they are.

    :param storage: the body in Confluence storage format
    :param people: the display names of mentioned users. They are looked up only when a heading is not found otherwise
    :raises IllFormedStorage: when it is not well-formed, or holds a DOCTYPE
    """

    def __init__(self, storage: str, people: People | None = None) -> None:
        self.people = people
        self._source = storage
        self._root = _parse(storage)
        self._index: _Index | None = None

    @property
    def storage(self) -> str:
        """The body in storage format."""
        return self._source

    @property
    def root(self) -> etree._Element:
        """The parsed body below an artificial root element. Read it only: a change to it is not written."""
        return self._root

    def span(self, element: etree._Element) -> Span:
        """Where an element of :attr:`root` stands in :attr:`storage`."""
        return self._indexed().span(element)

    def outer(self, element: etree._Element) -> str:
        """The source of an element with its tags."""
        span = self.span(element)
        return self._source[span.start : span.end]

    def inner(self, element: etree._Element) -> str:
        """The source between an element's tags."""
        span = self.span(element)
        return self._source[span.inner : span.close]

    def text_runs(self) -> Sequence[TextRun]:
        """All stretches of text in the order of the source."""
        return list(self._indexed().runs())

    def select(self, xpath: str) -> list[etree._Element]:
        """The elements that an XPath 1.0 expression finds, in document order."""
        found = self._root.xpath(xpath, namespaces=NAMESPACES)
        if not isinstance(found, list):
            return []
        return [node for node in found if not isinstance(node, str | bytes | tuple) and isinstance(node.tag, str)]

    def replace(self, replacements: Iterable[tuple[int, int, str]]) -> None:
        """Replace spans of the source and parse the result once.

        :param replacements: ``(start, end, text)``; spans must not overlap
        :raises IllFormedStorage: when the result is not well-formed; the document is then as before
        """
        ordered = sorted(replacements, key=lambda each: (each[0], each[1]))
        if not ordered:
            return
        pieces: list[str] = []
        position = 0
        for start, end, text in ordered:
            if start < position:
                raise ValueError(f"the replacements overlap at {start}")
            pieces += (self._source[position:start], text)
            position = end
        pieces.append(self._source[position:])
        source = "".join(pieces)
        self._root = _parse(source)
        self._index = None
        self._source = source

    def apply(self, edits: Iterable[DocumentEdit]) -> PageDocument:
        """Make edits one after the other; when one fails, none is made.

        :return: this document
        :raises EditError: when the page is not as an edit expects
        """
        before = self._source, self._root, self._index
        try:
            for edit in edits:
                edit.make(self)
        except BaseException:
            self._source, self._root, self._index = before
            raise
        return self

    def _indexed(self) -> _Index:
        if self._index is None:
            self._index = _Index(self._source, self._root)
        return self._index


class _Index:
    """Where the elements of a parsed body are in its source: the n-th start tag is that of lxml's n-th element."""

    def __init__(self, source: str, root: etree._Element) -> None:
        self._root = root
        self._elements = [each for each in root.iter("*") if each is not root]
        self._numbers = {element: number for number, element in enumerate(self._elements)}
        self._starts: list[int] = []
        self._inner: list[int] = []
        self._closes: list[int] = []
        self._ends: list[int] = []
        self._gaps: list[tuple[int, int, int]] = []
        self._read(source)

    def span(self, element: etree._Element) -> Span:
        number = self._numbers[element]
        return Span(self._starts[number], self._inner[number], self._closes[number], self._ends[number])

    def runs(self) -> Iterator[TextRun]:
        elements = self._elements
        return (TextRun(start, end, elements[owner] if owner >= 0 else self._root) for start, end, owner in self._gaps)

    def _read(self, source: str) -> None:
        # The one loop over a whole page; lxml has parsed it, so nothing needs to be checked here.
        starts, inner, closes, ends, gaps = self._starts, self._inner, self._closes, self._ends, self._gaps
        stack = [-1]
        position = 0
        for match in _MARKUP.finditer(source):
            start, end = match.span()
            if start > position:
                gaps.append((position, start, stack[-1]))
            position = end
            second = source[start + 1]
            if second == "/":
                number = stack.pop()
                closes[number] = start
                ends[number] = end
            elif second not in "!?":
                starts.append(start)
                inner.append(end)
                closes.append(end)
                ends.append(end)
                if source[end - 2] != "/":
                    stack.append(len(starts) - 1)
        if position < len(source):
            gaps.append((position, len(source), -1))


def _parse(source: str) -> etree._Element:
    """The tree below an artificial root that binds the prefixes; storage format has neither."""
    from lxml import etree  # not at the top: DAG files name edits, and shall not pay for what workers need

    body = _ENTITY.sub(_character, source) if "&" in source else source
    try:
        return _parse_bound(body, NAMESPACES)
    except UnicodeEncodeError as error:
        raise _ill_formed(source, _source_offset(source, 1, error.start), "a lone surrogate") from None
    except etree.XMLSyntaxError as error:
        unknown = _prefixes(source) - set(NAMESPACES) - {"xml", "xmlns"}
        if not unknown:
            raise _located(source, error) from None
    prefixes = {**NAMESPACES, **{prefix: unknown_namespace(prefix) for prefix in unknown}}
    try:
        return _parse_bound(body, prefixes)
    except etree.XMLSyntaxError as error:
        raise _located(source, error) from None


def unknown_namespace(prefix: str) -> str:
    """The namespace that a prefix stands for when Confluence's own are not meant."""
    return f"urn:unknown-prefix:{quote(prefix)}"


def _prefixes(source: str) -> set[str]:
    """The prefixes of the names in the tags; what looks like one in the text is text."""
    tags = (match.group() for match in _MARKUP.finditer(source) if match.group()[1] not in "!?")
    return {prefix for tag in tags for prefix in _PREFIX.findall(_QUOTED.sub("", tag))}


def _parse_bound(body: str, prefixes: Mapping[str, str]) -> etree._Element:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, strip_cdata=False, remove_blank_text=False
    )
    # The line break keeps the first line of the body free of the root's tag, so that columns are the body's own.
    bound = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in prefixes.items())
    body.encode()
    return etree.fromstring(f"<page{bound}\n>{body}</page>".encode(), parser)


def _tag_error(source: str) -> IllFormedStorage | None:
    """What is wrong with the tags of a body that lxml refused, told better than lxml does; ``None`` when they match."""
    open_tags: list[tuple[int, int]] = []
    for match in _MARKUP.finditer(source):
        start, end = match.span()
        if source.startswith("</", start):
            if not open_tags:
                return _ill_formed(source, start, f"the closing tag {match.group()} has no opening tag")
            opening, inner = open_tags.pop()
            if _name(source, opening + 1) != _name(source, start + 2):
                opened = source[opening:inner]
                return _ill_formed(source, start, f"the closing tag {match.group()} does not match {opened}")
        elif source.startswith("<!DOCTYPE", start):
            return _ill_formed(source, start, "a DOCTYPE is not allowed")
        elif source[start + 1] not in "!?" and source[end - 2] != "/":
            open_tags.append((start, end))
    if not open_tags:
        return None
    start, end = open_tags[-1]
    return _ill_formed(source, start, f"{source[start:end]} is never closed")


def _name(source: str, at: int) -> str:
    name = _NAME.match(source, at)
    return name.group() if name else ""


def _character(match: re.Match[str]) -> str:
    """A named HTML entity as the characters it stands for; XML itself knows five of them."""
    name = match.group(1)
    if name is None or name in _XML_ENTITIES:
        return match.group()
    text = html5.get(f"{name};")
    return match.group() if text is None else "".join(f"&#{ord(character)};" for character in text)


def _located(source: str, error: etree.XMLSyntaxError) -> IllFormedStorage:
    """Where and why the source is ill-formed; our own scan tells more about tags than the parser does."""
    message = (error.msg or "not well-formed").partition(", line ")[0]
    if "Unescaped '<'" not in message and (found := _tag_error(source)):
        return found
    unknown = (
        next((match for match in _ENTITY.finditer(source) if _is_unknown(match)), None) if "Entity" in message else None
    )
    if unknown is not None:
        return _ill_formed(source, unknown.start(), f"{unknown.group()} is no known entity")
    line, column = error.position
    # The first line of the parse copy is the root's tag; the second begins with its ">".
    return _ill_formed(source, _source_offset(source, line - 1, column - 1 - (line == 2)), message)


def _source_offset(source: str, line: int, column: int) -> int:
    """Where a line and column of the parse copy are in the source; an entity is longer or shorter there."""
    start = 0
    for _ in range(line - 1):
        start = source.find("\n", start) + 1
    shift = 0
    for entity in _ENTITY.finditer(source, start):
        if entity.start() - start + shift >= column:
            break
        shift += len(_character(entity)) - len(entity.group())
    return start + column - shift


def _is_unknown(match: re.Match[str]) -> bool:
    name = match.group(1)
    return name is not None and name not in _XML_ENTITIES and f"{name};" not in html5


def _ill_formed(source: str, at: int, problem: str) -> IllFormedStorage:
    at = max(0, min(at, len(source)))
    line_starts = [0, *(match.end() for match in re.finditer(r"\n", source))]
    line = bisect_right(line_starts, at)
    return IllFormedStorage(problem, line, at - line_starts[line - 1] + 1, source[max(0, at - 30) : at + 30])
