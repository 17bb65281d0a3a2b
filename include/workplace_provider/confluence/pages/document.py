"""A page body in storage format: an lxml tree to select elements in, and the source text that edits replace parts of."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.entities import html5
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from lxml import etree

AC: Final = "http://atlassian.com/content"
RI: Final = "http://atlassian.com/resource/identifier"
AT: Final = "http://atlassian.com/template"
NAMESPACES: Final = {"ac": AC, "ri": RI, "at": AT}

# One alternative per construct of XML 1.0 that storage format may contain. Attribute values are matched as a whole, so that
# a ">" inside one does not end the tag. No tag contains a "<", and an unclosed construct extends to the end of the text:
# both keep the time linear, even for ill-formed bodies.
_MARKUP = re.compile(
    r"""<[^\s!?<>"'](?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>"""
    r"|<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[.*?(?:\]\]>|\Z)"
    r"|<!DOCTYPE"
    r"|<\?.*?(?:\?>|\Z)",
    re.S,
)
# CDATA, comments and processing instructions come first: an "&nbsp;" inside them is text, not an entity.
_ENTITY = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|&([A-Za-z][A-Za-z0-9]*);", re.S)
_XML_ENTITIES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_QUOTED = re.compile(r"""(["']).*?\1""", re.S)
_PREFIX = re.compile(r"""[</\s]([^\s:<>/="']+):[^\s:]""")
_NAME = re.compile(r"[^\s/>]+")


class IllFormedStorage(ValueError):
    """Text that is not well-formed storage format.

    :param problem: description of the error
    :param line: line of the source, from 1
    :param column: column in that line, from 1
    :param around: the source around the error
    """

    def __init__(self, problem: str, line: int, column: int, around: str) -> None:
        super().__init__(f"{problem} (line {line}, column {column}, near {around!r})")
        self.problem = problem
        self.line = line
        self.column = column
        self.around = around


@dataclass(frozen=True, slots=True)
class Span:
    """Position of an element in the source: ``[start, end)`` with its tags, ``[inner, close)`` between them.

    For an empty-element tag, ``inner``, ``close`` and ``end`` are equal.
    """

    start: int
    inner: int
    close: int
    end: int

    @property
    def is_empty_tag(self) -> bool:
        """Return whether the element is written as one tag, such as ``<br />``."""
        return self.inner == self.end


@dataclass(frozen=True, slots=True)
class TextRun:
    """Text between two tags: ``[start, end)`` of the source, and the element that contains it.

    CDATA sections, comments and processing instructions are not text runs: their content is code or is not displayed.
    """

    start: int
    end: int
    parent: etree._Element


class DocumentEdit(Protocol):
    """Protocol of a change to a document; :mod:`workplace_provider.confluence.pages.edits` implements it."""

    def make(self, document: PageDocument) -> None:
        """Apply the change, or raise and leave the document unchanged."""


class People(Protocol):
    """Source of the display names of users, whom a page mentions by their id. Confluence clients implement it."""

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of a user; ``None`` if it is unknown.

        :param kind: the attribute with the id: ``account-id``, ``userkey`` or ``username``
        :param user: the id
        """


class PageDocument:
    """A page body that keeps every byte of its source, except where an edit changes it.

    ::

        from workplace_provider.confluence.pages import PageDocument, edits

        document = PageDocument("<h1>KPI</h1><p>old</p>")
        document.apply([edits.ReplaceSection("KPI", "new")])
        print(document.storage)  # <h1>KPI</h1><p>new</p>

    Select elements in :attr:`root`, an lxml tree with the prefixes ``ac``, ``ri`` and ``at`` bound, and change them by
    replacing their :meth:`span` of the source. Entities, CDATA, attribute order, quotes, the style of empty tags, line
    ends, comments and unknown macros outside the replaced spans stay unchanged.

    :param storage: the body in Confluence storage format
    :param people: source of the display names of mentioned users. They are looked up only if a heading has no other match
    :raises IllFormedStorage: the body is not well-formed, or contains a DOCTYPE
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
        """The parsed body below an artificial root element. Read-only: changes to the tree are not saved."""
        return self._root

    def span(self, element: etree._Element) -> Span:
        """Return the position of an element of :attr:`root` in :attr:`storage`."""
        return self._get_index().span(element)

    def outer(self, element: etree._Element) -> str:
        """Return the source of an element, including its tags."""
        span = self.span(element)
        return self._source[span.start : span.end]

    def inner(self, element: etree._Element) -> str:
        """Return the source between an element's tags."""
        span = self.span(element)
        return self._source[span.inner : span.close]

    def text_runs(self) -> Sequence[TextRun]:
        """Return all text runs in the order of the source."""
        return list(self._get_index().runs())

    def select(self, xpath: str) -> list[etree._Element]:
        """Return the elements that match an XPath 1.0 expression, in document order."""
        nodes = self._root.xpath(xpath, namespaces=NAMESPACES)
        if not isinstance(nodes, list):
            return []
        return [node for node in nodes if not isinstance(node, str | bytes | tuple) and isinstance(node.tag, str)]

    def replace(self, replacements: Iterable[tuple[int, int, str]]) -> None:
        """Replace spans of the source and parse the result once.

        :param replacements: ``(start, end, text)``; spans must not overlap
        :raises IllFormedStorage: the result is not well-formed; the document stays unchanged
        :raises ValueError: two spans overlap
        """
        ordered = sorted(replacements, key=itemgetter(0, 1))
        if not ordered:
            return
        pieces: list[str] = []
        position = 0
        for start, end, text in ordered:
            if start < position:
                raise ValueError(f"two replacements overlap at character {start}")
            pieces += (self._source[position:start], text)
            position = end
        pieces.append(self._source[position:])
        source = "".join(pieces)
        self._root = _parse(source)
        self._index = None
        self._source = source

    def apply(self, edits: Iterable[DocumentEdit]) -> PageDocument:
        """Apply edits in their order. If one fails, the document stays unchanged.

        :return: this document
        :raises EditError: the page does not have the place that an edit expects
        """
        before = self._source, self._root, self._index
        try:
            for edit in edits:
                edit.make(self)
        except BaseException:
            self._source, self._root, self._index = before
            raise
        return self

    def _get_index(self) -> _Index:
        if self._index is None:
            self._index = _Index(self._source, self._root)
        return self._index


class _Index:
    """Positions of the elements of a parsed body in its source. The n-th start tag belongs to lxml's n-th element."""

    def __init__(self, source: str, root: etree._Element) -> None:
        self._root = root
        self._elements = [element for element in root.iter("*") if element is not root]
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
        # The only Python loop over a whole page. lxml has parsed the page, so the tags match.
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
    """Parse a body below an artificial root element that binds the prefixes; storage format has neither."""
    from lxml import etree  # not at the top: DAG files import edits, and must not load lxml in the DAG processor

    body = _ENTITY.sub(_expand_entity, source) if "&" in source else source
    try:
        return _parse_bound(body, NAMESPACES)
    except UnicodeEncodeError as error:
        raise _ill_formed(source, _source_offset(source, 1, error.start), "a lone surrogate") from None
    except etree.XMLSyntaxError as error:
        unknown = _prefixes(source) - set(NAMESPACES) - {"xml", "xmlns"}
        if not unknown:
            raise _locate_error(source, error) from None
    prefixes = {**NAMESPACES, **{prefix: unknown_namespace(prefix) for prefix in unknown}}
    try:
        return _parse_bound(body, prefixes)
    except etree.XMLSyntaxError as error:
        raise _locate_error(source, error) from None


def unknown_namespace(prefix: str) -> str:
    """Return a namespace for a prefix that is not one of Confluence's."""
    return f"urn:unknown-prefix:{quote(prefix)}"


def _prefixes(source: str) -> set[str]:
    """Return the prefixes of names in tags; similar text outside of tags does not count."""
    tags = (match.group() for match in _MARKUP.finditer(source) if match.group()[1] not in "!?")
    return {prefix for tag in tags for prefix in _PREFIX.findall(_QUOTED.sub("", tag))}


def _parse_bound(body: str, prefixes: Mapping[str, str]) -> etree._Element:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, strip_cdata=False, remove_blank_text=False
    )
    # The line break puts the root's tag on a line of its own, so that columns in errors are those of the body.
    bound = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in prefixes.items())
    body.encode()
    return etree.fromstring(f"<page{bound}\n>{body}</page>".encode(), parser)


def _tag_error(source: str) -> IllFormedStorage | None:
    """Return an error for unbalanced tags, clearer than lxml's; ``None`` if the tags of the body match."""
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


def _expand_entity(match: re.Match[str]) -> str:
    """Return a named HTML entity as character references; XML itself defines only five names."""
    name = match.group(1)
    if name is None or name in _XML_ENTITIES:
        return match.group()
    text = html5.get(f"{name};")
    return match.group() if text is None else "".join(f"&#{ord(character)};" for character in text)


def _locate_error(source: str, error: etree.XMLSyntaxError) -> IllFormedStorage:
    """Return the error with its position in the source. Unbalanced tags are named more precisely than by the parser."""
    message = (error.msg or "not well-formed").partition(", line ")[0]
    if "Unescaped '<'" not in message and (tag_error := _tag_error(source)):
        return tag_error
    unknown = (
        next((match for match in _ENTITY.finditer(source) if _is_unknown(match)), None) if "Entity" in message else None
    )
    if unknown is not None:
        return _ill_formed(source, unknown.start(), f"unknown entity {unknown.group()}")
    line, column = error.position
    # The first line of the parsed text is the root's tag; the second starts with its ">".
    return _ill_formed(source, _source_offset(source, line - 1, column - 1 - (line == 2)), message)


def _source_offset(source: str, line: int, column: int) -> int:
    """Return the offset in the source of a line and column of the parsed text, where entities have other lengths."""
    start = 0
    for _ in range(line - 1):
        start = source.find("\n", start) + 1
    shift = 0
    for entity in _ENTITY.finditer(source, start):
        if entity.start() - start + shift >= column:
            break
        shift += len(_expand_entity(entity)) - len(entity.group())
    return start + column - shift


def _is_unknown(match: re.Match[str]) -> bool:
    name = match.group(1)
    return name is not None and name not in _XML_ENTITIES and f"{name};" not in html5


def _ill_formed(source: str, at: int, problem: str) -> IllFormedStorage:
    at = max(0, min(at, len(source)))
    line_starts = [0, *(match.end() for match in re.finditer(r"\n", source))]
    line = bisect_right(line_starts, at)
    return IllFormedStorage(problem, line, at - line_starts[line - 1] + 1, source[max(0, at - 30) : at + 30])
