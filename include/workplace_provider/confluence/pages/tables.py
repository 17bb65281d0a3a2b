"""A table of a page as people see it: header rows, data rows, total rows, and cells that may be merged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, PageDocument

if TYPE_CHECKING:
    from lxml import etree

TOTALS: Final = frozenset(
    {
        "합계",
        "총계",
        "총합계",
        "소계",
        "계",
        "total",
        "totals",
        "grand total",
        "sum",
        "subtotal",
        "合計",
        "総計",
        "小計",
        "計",
    }
)
"""What the first cell of a total row says."""

# Elements that wrap the words of a cell without being words themselves: a new value goes inside them, so alignment,
# colour and weight of the cell stay.
_WRAPPERS: Final = frozenset(
    {"p", "div", "span", "strong", "em", "b", "i", "u", "s", "sub", "sup", "small", "code"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", f"{{{AC}}}inline-comment-marker"}
)
_BLOCK = re.compile(r"\s*<(p|ul|ol|table|div|h[1-6]|blockquote|pre|hr|ac:task-list|ac:layout)\b")
_OPENED = re.compile(r"\s*/>$")


@dataclass(frozen=True, eq=False, slots=True)
class Cell:
    """A cell and the part of the grid that it covers; rows and columns count from 0."""

    element: etree._Element
    row: int
    column: int
    rowspan: int
    colspan: int

    @property
    def merged(self) -> bool:
        """Whether it covers more than one place."""
        return self.rowspan > 1 or self.colspan > 1

    @property
    def text(self) -> str:
        """The words in it, in one line."""
        return visible_text(self.element)


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """A row and the cells that begin in it."""

    element: etree._Element
    cells: Sequence[Cell]


class Table:
    """A table with its grid.

    :param element: the ``table`` element
    :param header_rows: number of header rows; by default those in ``thead``, and leading rows of ``th`` only
    :param total_rows: number of total rows at the end; by default those in ``tfoot``, and those that say so
    """

    def __init__(self, element: etree._Element, *, header_rows: int | None = None, total_rows: int | None = None) -> None:
        self.element = element
        self.rows = [Row(row, []) for row in _rows(element)]
        self.grid: list[dict[int, Cell]] = [{} for _ in self.rows]
        self._lay_out()
        self.header_count = min(self._headers() if header_rows is None else header_rows, len(self.rows))
        self.total_count = min(self._totals() if total_rows is None else total_rows, len(self.rows) - self.header_count)

    @property
    def data_range(self) -> range:
        """Numbers of the rows between headers and totals."""
        return range(self.header_count, len(self.rows) - self.total_count)

    @cached_property
    def width(self) -> int:
        """Number of columns."""
        return max((max(row, default=-1) + 1 for row in self.grid), default=0)

    @cached_property
    def headers(self) -> list[str]:
        """What stands over each column; of several header rows all, from top to bottom, joined by `` / ``."""
        names: list[str] = []
        for column in range(self.width):
            cells = [self.grid[row].get(column) for row in range(self.header_count)]
            texts = [cell.text for cell in dict.fromkeys(cells) if cell is not None]
            names.append(" / ".join(text for text in texts if text))
        return names

    def columns_named(self, name: str) -> list[int]:
        """The columns of a header: of its whole text, or of its lowest cell's."""
        wanted = same_words(name)
        whole = [column for column, header in enumerate(self.headers) if same_words(header) == wanted]
        if whole or not self.header_count:
            return whole
        lowest = self.grid[self.header_count - 1]
        return [column for column, cell in lowest.items() if same_words(cell.text) == wanted]

    def _lay_out(self) -> None:
        # The table model of HTML: a cell takes the first free place of its row, and keeps places of the rows below.
        for number, row in enumerate(self.rows):
            column = 0
            cells: list[Cell] = []
            for element in row.element:
                if element.tag not in ("td", "th"):
                    continue
                while column in self.grid[number]:
                    column += 1
                cell = Cell(element, number, column, _span(element, "rowspan"), _span(element, "colspan"))
                for below in range(number, min(number + cell.rowspan, len(self.rows))):
                    self.grid[below].update(dict.fromkeys(range(column, column + cell.colspan), cell))
                cells.append(cell)
            self.rows[number] = Row(row.element, cells)

    def _headers(self) -> int:
        count = 0
        for row in self.rows:
            parent = row.element.getparent()
            in_head = parent is not None and parent.tag == "thead"
            if not in_head and not (row.cells and all(cell.element.tag == "th" for cell in row.cells)):
                break
            count += 1
        return count

    def _totals(self) -> int:
        count = 0
        for number in reversed(range(self.header_count, len(self.rows))):
            row = self.rows[number]
            parent = row.element.getparent()
            first = next((cell.text for cell in row.cells if cell.text), "")
            if not (parent is not None and parent.tag == "tfoot") and first.rstrip(" :").casefold() not in TOTALS:
                break
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a cell's value is in the source, and the tags that are written around a new one."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    def filled(self, markup: str) -> tuple[int, int, str]:
        """The replacement that puts a value there."""
        return self.start, self.end, f"{self.before}{markup}{self.after}"


def value_slot(document: PageDocument, cell: etree._Element, markup: str) -> Slot:
    """Where a new value of a cell goes, so that the cell keeps its looks.

    Tags that wrap all of the cell's words stay around the value. Of several paragraphs the first gives its looks.

    :param markup: the value; one that is made of blocks goes into the cell itself
    """
    element = cell
    while not _BLOCK.match(markup):
        children = list(element)
        if _own_words(element) or not children:
            break
        if len(children) > 1:
            paragraphs = all(child.tag == "p" for child in children)
            return _around_first(document, element, children[0]) if paragraphs else _inside(document, element)
        if children[0].tag not in _WRAPPERS:
            break
        element = children[0]
    return _inside(document, element)


def status_title(cell: etree._Element) -> etree._Element | None:
    """The title of the status lozenge that is all there is in a cell."""
    macros = cell.findall(f".//{{{AC}}}structured-macro")
    if len(macros) != 1 or macros[0].get(f"{{{AC}}}name") != "status":
        return None
    titles = [each for each in macros[0] if each.get(f"{{{AC}}}name") == "title"]
    return titles[0] if len(titles) == 1 and visible_text(cell) == visible_text(macros[0]) else None


def visible_text(element: etree._Element) -> str:
    """The words that a reader sees in an element, in one line; of a macro's parameters only the title of a status."""
    return " ".join("".join(_words(element)).split())


def same_words(text: str) -> str:
    """Text in the form in which names are compared: white space, case and composition aside."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def _words(element: etree._Element) -> Iterator[str]:
    if not isinstance(element.tag, str):
        return
    if element.tag == f"{{{AC}}}parameter" and element.get(f"{{{AC}}}name") != "title":
        return
    if element.tag == "time":
        yield element.get("datetime", "")
    yield element.text or ""
    for child in element:
        yield from _words(child)
        if child.tag in ("p", "br", "li", "div"):
            yield " "
        yield child.tail or ""


def _rows(table: etree._Element) -> list[etree._Element]:
    rows: list[etree._Element] = []
    for child in table:
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows += [row for row in child if row.tag == "tr"]
    return rows


def _span(element: etree._Element, name: str) -> int:
    value = element.get(name, "1").strip()
    return max(1, min(int(value), 1000)) if value.isdigit() else 1


def _own_words(element: etree._Element) -> bool:
    return bool((element.text or "").strip() or any((child.tail or "").strip() for child in element))


def _inside(document: PageDocument, element: etree._Element) -> Slot:
    span = document.span(element)
    if not span.is_empty_tag:
        return Slot(span.inner, span.close)
    tag = document.storage[span.start : span.end]
    return Slot(span.start, span.end, _OPENED.sub(">", tag), f"</{tag[1:].split()[0].rstrip('/>')}>")


def _around_first(document: PageDocument, element: etree._Element, first: etree._Element) -> Slot:
    outer, inner = document.span(element), _inside(document, first)
    opening, closing = document.span(first), document.storage
    if inner.before:
        return Slot(outer.inner, outer.close, inner.before, inner.after)
    return Slot(outer.inner, outer.close, closing[opening.start : opening.inner], closing[opening.close : opening.end])
