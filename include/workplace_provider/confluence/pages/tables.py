"""A table of a page as readers see it: header rows, data rows, total rows, and merged cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, PageDocument
from workplace_provider.confluence.pages.words import Identity, comparison_key, plain_text, visible_text

if TYPE_CHECKING:
    from lxml import etree

TOTALS: Final = frozenset(
    {
        *(
            "합계",
            "총계",
            "총합계",
            "총합",
            "소계",
            "누계",
            "누적합계",
            "전체합계",
            "합",
            "계",
            "평균",
            "총평균",
            "전체평균",
        ),
        *("total", "totals", "grandtotal", "subtotal", "sub-total", "sum", "average", "averages", "avg", "mean"),
        *("전체평균", "overalltotal", "cumulative", "cumulativetotal", "runningtotal", "σ", "∑"),
        *("合計", "総計", "総合計", "小計", "累計", "計", "平均", "総平均", "全体合計"),
    }
)
"""First cells of total rows, without white space, units in brackets, and case."""

# Labels that resemble a total but are not in TOTALS: the row counts as data, and an edit logs a warning.
_LIKE_TOTAL = re.compile("^(?:{0})|(?:{0})$".format("합계|총계|소계|누계|평균|合計|総計|小計|累計|平均"))
_LIKE_TOTAL_WORDS: Final = frozenset(
    {"total", "totals", "subtotal", "sum", "average", "avg", "mean", "all", "overall", "전체", "全体"}
)
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|\{[^{}]*\}")
_LABEL_ENDS: Final = " :;.,*=-–—"
_PARTS = re.compile(r"\s*[/·|,&+\s]\s*")
# Class of the cells in which Confluence numbers the rows, an option of the editor. The column is not data.
_NUMBERING: Final = "numberingColumn"

MAX_GRID_CELLS: Final = 1_000_000
"""Limit of grid places in a table. One cell may span 1,000 rows and columns, so a few cells could fill the memory."""

# Elements that format the text of a cell. A new value is written inside them, so that the cell keeps its alignment, colour
# and weight.
_WRAPPERS: Final = frozenset(
    {"p", "div", "span", "strong", "em", "b", "i", "u", "s", "sub", "sup", "small", "code"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", f"{{{AC}}}inline-comment-marker"}
)
_BLOCK = re.compile(
    r"\s*<(p|ul|ol|table|div|h[1-6]|blockquote|pre|hr|ac:task-list|ac:layout)\b|\s*<ac:structured-macro ac:name=\"code\""
)
_OPENED = re.compile(r"\s*/>$")


@dataclass(frozen=True, eq=False, slots=True)
class TableCell:
    """A cell and the part of the grid that it covers; rows and columns are numbered from 0."""

    element: etree._Element
    row: int
    column: int
    rowspan: int
    colspan: int

    @property
    def merged(self) -> bool:
        """Return whether the cell covers more than one place of the grid."""
        return self.rowspan > 1 or self.colspan > 1

    @property
    def text(self) -> str:
        """The visible text of the cell, on one line."""
        return visible_text(self.element)

    @property
    def identity(self) -> Identity:
        """The identity of the content, by which rows are matched."""
        return Identity.of(self.element)


@dataclass(frozen=True, eq=False, slots=True)
class TableRow:
    """A row, the cells that start in it, and the cells in which Confluence numbers the rows."""

    element: etree._Element
    cells: Sequence[TableCell]
    numbers: Sequence[etree._Element] = ()

    @property
    def label(self) -> str:
        """The text of the first cell that is not empty."""
        return next((text for cell in self.cells if (text := cell.text)), "")


class Table:
    """A table with its grid, without the column of Confluence's row numbers.

    :param element: the ``table`` element
    :param header_rows: number of header rows; by default those in ``thead``, and leading rows of ``th`` only
    :param total_rows: number of total rows at the end; by default those in ``tfoot``, and those labelled as in
        :data:`TOTALS`
    :raises ValueError: the merged cells cover more than :data:`MAX_GRID_CELLS` places
    """

    def __init__(self, element: etree._Element, *, header_rows: int | None = None, total_rows: int | None = None) -> None:
        self.element = element
        self.rows = [TableRow(row, []) for row in _rows(element)]
        self.grid: list[dict[int, TableCell]] = [{} for _ in self.rows]
        self._lay_out()
        self.header_count = min(self._headers() if header_rows is None else header_rows, len(self.rows))
        self.total_count = min(self._totals() if total_rows is None else total_rows, len(self.rows) - self.header_count)

    @property
    def data_range(self) -> range:
        """Numbers of the data rows, between header and total rows."""
        return range(self.header_count, len(self.rows) - self.total_count)

    @cached_property
    def width(self) -> int:
        """Number of columns."""
        return max((max(row, default=-1) + 1 for row in self.grid), default=0)

    @cached_property
    def headers(self) -> list[str]:
        """The header of each column. The texts of several header rows are joined by `` / ``, from top to bottom."""
        return [" / ".join(text for cell in cells if (text := cell.text)) for cells in self._header_cells()]

    def columns_named(self, name: str) -> list[int]:
        """Return the columns with this header.

        The first of these that matches any column decides: the whole header, its lowest cell, the same two without emoji and
        macros.
        """
        key = comparison_key(name)
        return next((columns for names in self._names if (columns := names.get(key))), [])

    @property
    def header_names(self) -> set[str]:
        """Accepted names of the headers, normalized by :func:`~workplace_provider.confluence.pages.words.comparison_key`."""
        return set(self._names[0]) | set(self._names[2])

    @cached_property
    def _names(self) -> list[dict[str, list[int]]]:
        stacks = list(self._header_cells())
        lowest = self.grid[self.header_count - 1] if self.header_count else {}
        texts = (
            dict(enumerate(self.headers)),
            {column: cell.text for column, cell in lowest.items()},
            {
                column: " / ".join(filter(None, (plain_text(cell.element) for cell in cells)))
                for column, cells in enumerate(stacks)
            },
            {column: plain_text(cell.element) for column, cell in lowest.items()},
        )
        names: list[dict[str, list[int]]] = [{} for _ in texts]
        for index, columns in zip(names, texts, strict=True):
            for column in sorted(columns):
                index.setdefault(comparison_key(columns[column]), []).append(column)
        return names

    @property
    def possible_total(self) -> str:
        """The label of the last data row if it resembles a total without being in :data:`TOTALS`; otherwise empty."""
        rows = [self.rows[number] for number in self.data_range if self.rows[number].label]
        return rows[-1].label if rows and _is_like_total(rows[-1].label) else ""

    def _header_cells(self) -> Iterator[list[TableCell]]:
        for column in range(self.width):
            cells = [self.grid[row].get(column) for row in range(self.header_count)]
            yield [cell for cell in dict.fromkeys(cells) if cell is not None]

    def _lay_out(self) -> None:
        # The table model of HTML: a cell takes the first free place of its row, and its row span reserves places below.
        total = 0
        for number, row in enumerate(self.rows):
            places = self.grid[number]
            column = 0
            cells: list[TableCell] = []
            numbers: list[etree._Element] = []
            for element in row.element:
                if element.tag not in ("td", "th"):
                    continue
                if _NUMBERING in element.get("class", "").split():
                    numbers.append(element)
                    continue
                while column in places:
                    column += 1
                cell = TableCell(element, number, column, _span(element, "rowspan"), _span(element, "colspan"))
                covered = dict.fromkeys(range(column, column + cell.colspan), cell)
                last = min(number + cell.rowspan, len(self.rows))
                total += cell.colspan * (last - number)
                if total > MAX_GRID_CELLS:
                    raise ValueError(
                        f"the merged cells cover more than {MAX_GRID_CELLS:,} places of the grid (row {number + 1})"
                    )
                for below in range(number, last):
                    self.grid[below].update(covered)
                cells.append(cell)
            self.rows[number] = TableRow(row.element, cells, numbers)

    def _headers(self) -> int:
        count = 0
        for number, row in enumerate(self.rows):
            if not row.cells:
                continue  # readers do not see a row without cells
            in_head = _parent_tag(row) == "thead"
            if not in_head and (any(cell.element.tag != "th" for cell in row.cells) or (count and is_total(row.label))):
                break
            count = number + 1
        return count

    def _totals(self) -> int:
        count = 0
        for number in reversed(range(self.header_count, len(self.rows))):
            row = self.rows[number]
            if _parent_tag(row) == "tfoot" or is_total(row.label):
                count = len(self.rows) - number
            elif row.label or any(cell.merged or not cell.identity.is_empty for cell in row.cells):
                break
        return count


def is_total(label: str) -> bool:
    """Return whether the first cell of a row marks a total row.

    White space (``합 계``), units in brackets (``Total (KRW)``), case and punctuation at the ends do not count. Labels in
    several languages are accepted, too (``합계 / Total``).
    """
    text = _label(label)
    return "".join(text.split()) in TOTALS or (bool(text) and all(part in TOTALS for part in _PARTS.split(text)))


def _is_like_total(label: str) -> bool:
    text = _label(label)
    words = text.split()
    return bool(_LIKE_TOTAL.search("".join(words))) or any(word in _LIKE_TOTAL_WORDS for word in (words[:1] + words[-1:]))


def _label(text: str) -> str:
    plain = unicodedata.normalize("NFKC", comparison_key(text)).casefold()
    without = _BRACKETED.sub(" ", plain)
    return (without if without.strip(_LABEL_ENDS) else re.sub(r"[()\[\]<>{}]", " ", plain)).strip(_LABEL_ENDS)


@dataclass(frozen=True, slots=True)
class Slot:
    """Position of a cell's value in the source, and the tags to write around a new value."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    def replacement(self, markup: str) -> tuple[int, int, str]:
        """Return the replacement that writes a value to this position."""
        return self.start, self.end, f"{self.before}{markup}{self.after}"


def value_slot(document: PageDocument, cell: etree._Element, markup: str) -> Slot:
    """Return the position of a cell's value, such that a new value keeps the cell's format.

    Tags around the whole text of the cell stay around the value. With several paragraphs, the first one's format is kept.

    :param markup: the new value; if it consists of blocks, it replaces the whole content of the cell
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
    """Return the title of the status lozenge in a cell; ``None`` if the cell contains anything else."""
    macros = cell.findall(f".//{{{AC}}}structured-macro")
    if len(macros) != 1 or macros[0].get(f"{{{AC}}}name") != "status":
        return None
    titles = [parameter for parameter in macros[0] if parameter.get(f"{{{AC}}}name") == "title"]
    return titles[0] if len(titles) == 1 and visible_text(cell) == visible_text(macros[0]) else None


def _rows(table: etree._Element) -> list[etree._Element]:
    rows: list[etree._Element] = []
    for child in table:
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows += [row for row in child if row.tag == "tr"]
    return rows


def _parent_tag(row: TableRow) -> str:
    parent = row.element.getparent()
    return "" if parent is None else str(parent.tag)


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
