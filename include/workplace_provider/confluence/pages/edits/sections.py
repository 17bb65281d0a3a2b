"""Edits of the content under a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.confluence.pages.document import AC, PageDocument
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.selectors import HEADING_TAGS, Replacement, Section, find_sections, overlaps
from workplace_provider.confluence.pages.tables import Table, value_slot
from workplace_provider.confluence.pages.values import Markdown, Storage, blocks, from_plain, is_block, to_storage

if TYPE_CHECKING:
    from lxml import etree

KEEP: Final = {
    "table header": "tables with their header rows; in a table without header rows its header cells",
    "image": "images",
    "headings": "the headings of lower levels",
    "macro": "whole macros, such as a table of contents or a list of issues",
}
"""Content that :class:`ClearSection` can keep."""

_SPACE: Final = " \t\r\n"
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_IMAGE: Final = f"{{{AC}}}image"
_MACRO: Final = f"{{{AC}}}structured-macro"
_BODY: Final = f"{{{AC}}}rich-text-body"
_LAYOUT: Final = frozenset(f"{{{AC}}}{name}" for name in ("layout", "layout-section", "layout-cell"))
# Elements of Confluence in which one part can be removed without damage to the others.
_CONTAINERS: Final = _LAYOUT | {_MACRO, _BODY} | {f"{{{AC}}}{name}" for name in ("task-list", "inline-comment-marker")}


@dataclass(frozen=True)
class ReplaceSection(Edit):
    """Replace the content under a heading; the heading stays.

    ::

        ReplaceSection("Insights", ["WAU grew by 3 %.", "Revenue is stable."])
        ReplaceSection("Insights", Storage("<p>WAU grew by <strong>3 %</strong>.</p>"))
        ReplaceSection("Insights", Markdown("- WAU grew by **3 %**"))

    :param heading: text of the heading
    :param body: text, with blank lines between paragraphs; :class:`~workplace_provider.confluence.pages.Storage` or
        :class:`~workplace_provider.confluence.pages.Markdown`; or a list of values, one paragraph each. Text is escaped.
        ``""`` empties the section. ``None`` is an error, because it is usually the missing output of a task
    :param index: which of several headings with the same text, from 0; negative counts from the last
    :param expect: expected number of sections; ``None`` for at least one
    :raises EditError: from :meth:`apply`, if the number of sections is another one, or the body is invalid or contains a
        heading that would end the section
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading", "body")

    heading: str
    body: Any
    index: int | None = None
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        sections = find_sections(self, document, self.heading, self.index, self.expect)
        if overlaps([(section.start, section.end) for section in sections]):
            raise self.error(f"one section {self.heading!r} is inside another one; select one of them with index")
        markup = self._markup()
        for section in sections:
            self._check_headings(markup, section)
        document.replace([(*_without_space(document, section), markup) for section in sections])

    def _markup(self) -> str:
        try:
            value = from_plain(self.body)
            if isinstance(value, list):
                return "".join(map(_paragraph, value))
            if isinstance(value, Storage | Markdown):
                return blocks(value).strip(_SPACE)
            if isinstance(value, str):
                return paragraphs(value)
        except ValueError as error:
            raise self.error(f"body: {error}") from error
        if value is None:
            raise self.error('body is None; give the new content, or "" to empty the section')
        return _paragraph(value)

    def _check_headings(self, markup: str, section: Section) -> None:
        """Refuse headings that would end the section: the next run would keep the rest of the body and add it again."""
        level = section.heading.level
        for element in PageDocument(markup).root:
            if element.tag in HEADING_TAGS and int(str(element.tag)[1]) <= level:
                raise self.error(
                    f"body contains a heading {element.tag}, which would end the section under the h{level}; use "
                    f"headings of a lower level, and for Markdown headings={level + 1}"
                )


@dataclass(frozen=True)
class ClearSection(Edit):
    """Empty the content under a heading, and keep its structure.

    Elements around kept content stay, too, but lose their other content: the paragraph of an image, the ``expand`` macro
    around a table, the layout. Data rows are removed, unless they contain kept content such as an image.

    ::

        ClearSection("This week", keep=("table header", "image"))

    :param heading: text of the heading
    :param keep: content to keep, by the words of :data:`KEEP`: ``table header``, ``image``, ``headings``, ``macro``
    :param index: which of several headings with the same text, from 0; negative counts from the last
    :param expect: expected number of sections; ``None`` for at least one
    :raises EditError: ``keep`` contains an unknown word; from :meth:`apply`, if the number of sections is another one
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading",)

    heading: str
    keep: tuple[str, ...] = ("table header", "image")
    index: int | None = None
    expect: int | None = 1

    def __post_init__(self) -> None:
        """Check the words of ``keep``."""
        if isinstance(self.keep, str) or not isinstance(self.keep, Sequence):
            raise EditError(f"ClearSection: keep is {self.keep!r}; it must be a list of words")
        for word in self.keep:
            if word not in KEEP:
                raise EditError(f"ClearSection: keep contains {word!r}; use {', '.join(KEEP)}")
        object.__setattr__(self, "keep", tuple(self.keep))

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        sections = find_sections(self, document, self.heading, self.index, self.expect)
        if overlaps([(section.start, section.end) for section in sections]):
            raise self.error(f"one section {self.heading!r} is inside another one; select one of them with index")
        replacements: list[Replacement] = []
        for section in sections:
            replacements += _Clearing(document, section, self.keep).replacements()
        document.replace(replacements)


class _Clearing:
    """Computes what to remove from one section."""

    def __init__(self, document: PageDocument, section: Section, keep: Sequence[str]) -> None:
        self._document = document
        self._section = section
        self._keep = keep
        self._tables: dict[etree._Element, Table] = {}
        self._kept: set[etree._Element] = set()
        self._holding: set[etree._Element] = set()
        """The kept elements, and all elements around them."""
        for element in section.elements:
            for descendant in element.iter("*"):
                if self._is_kept(descendant):
                    self._hold(descendant)

    def replacements(self) -> list[Replacement]:
        """Return the replacements that empty the section."""
        start, end = _without_space(self._document, self._section)
        return list(self._between(start, end, self._section.elements))

    def _is_kept(self, element: etree._Element) -> bool:
        if element.tag == "table":
            return self._is_kept_table(element)
        kept = (
            (element.tag == _IMAGE and "image" in self._keep)
            or (element.tag in HEADING_TAGS and "headings" in self._keep)
            or (element.tag == _MACRO and "macro" in self._keep)
        )
        if kept:
            self._kept.add(element)
        return kept or element.tag in _LAYOUT

    def _is_kept_table(self, element: etree._Element) -> bool:
        """Return whether a table has headers to keep. A table in a cell counts as content of that cell."""
        if "table header" not in self._keep or next(element.iterancestors("table"), None) is not None:
            return False
        try:
            table = Table(element)
        except ValueError as error:
            raise EditError(f"ClearSection: cannot read a table of the section: {error}") from error
        if not table.header_count and not any(cell.element.tag == "th" for row in table.rows for cell in row.cells):
            return False
        self._tables[element] = table
        return True

    def _hold(self, element: etree._Element | None) -> None:
        while element is not None and element not in self._holding:
            self._holding.add(element)
            element = element.getparent()

    def _between(self, start: int, end: int, elements: Sequence[etree._Element]) -> Iterator[Replacement]:
        """Empty a range of the source, except for the kept elements in it."""
        for element in elements:
            if element in self._holding:
                span = self._document.span(element)
                yield from self._gap(start, span.start)
                yield from self._within(element)
                start = span.end
        yield from self._gap(start, end)

    def _gap(self, start: int, end: int) -> Iterator[Replacement]:
        if self._document.storage[start:end].strip(_SPACE):
            yield start, end, ""

    def _within(self, element: etree._Element) -> Iterator[Replacement]:
        if element in self._kept:
            return
        if element in self._tables:
            yield from self._within_table(self._tables[element])
        elif element.tag == _MACRO:
            for body in element.findall(_BODY):
                yield from self._content(body)
        elif not str(element.tag).startswith("{") or element.tag in _CONTAINERS:
            yield from self._content(element)

    def _content(self, element: etree._Element) -> Iterator[Replacement]:
        span = self._document.span(element)
        yield from self._between(span.inner, span.close, [child for child in element if isinstance(child.tag, str)])

    def _within_table(self, table: Table) -> Iterator[Replacement]:
        for number, row in enumerate(table.rows):
            if number < table.header_count:
                continue
            if row.element not in self._holding and table.header_count:
                span = self._document.span(row.element)
                yield span.start, span.end, ""
                continue
            for cell in row.cells:
                if cell.element in self._holding:
                    yield from self._content(cell.element)
                elif cell.element.tag == "td":
                    yield from self._empty_cell(cell.element)

    def _empty_cell(self, cell: etree._Element) -> Iterator[Replacement]:
        """Empty a cell and keep its alignment."""
        start, end, markup = value_slot(self._document, cell, "").replacement("")
        if self._document.storage[start:end] != markup and self._document.inner(cell).strip(_SPACE):
            yield start, end, markup


def _without_space(document: PageDocument, section: Section) -> tuple[int, int]:
    """Return the span of the content under a heading, without the white space around it."""
    text = document.storage[section.start : section.end]
    start = section.start + len(text) - len(text.lstrip(_SPACE))
    return start, max(start, section.start + len(text.rstrip(_SPACE)))


def paragraphs(text: str) -> str:
    """Return text, with blank lines between its paragraphs, in storage format. It is escaped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    parts = (part.strip() for part in _BLANK_LINES.split(lines))
    return "".join(f"<p>{to_storage(part)}</p>" for part in parts if part)


def _paragraph(value: Any) -> str:
    """Return a value as a paragraph; markup that consists of blocks is returned unchanged."""
    markup = to_storage(value)
    return markup if isinstance(value, Storage | Markdown) and is_block(markup) else f"<p>{markup}</p>"
