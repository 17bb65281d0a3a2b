"""Edits of tables: rows from data, with the looks that an analyst gave the table in the editor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common.arguments import given
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.tables import Table, same_words, status_title, value_slot, visible_text
from workplace_provider.confluence.pages.values import escape_text, from_plain, to_storage

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

TableSelector = int | str | Sequence[str] | None
"""Which table: its number from 0, the heading it stands under, some of its header cells, or the only one of the page."""

# Ids that belong to one place on one page; a row that is made of another must not bring its along.
_OWN_IDS = re.compile(r"""\s(?:ac:macro-id|ac:local-id|local-id)=(?:"[^"]*"|'[^']*')""")
_MARKERS = re.compile(r"</?ac:inline-comment-marker\b[^>]*>")
_ROW_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, kw_only=True)
class _TableEdit(Edit):
    """What the table edits share.

    :param table: which table
    :param formats: column to the format of its numbers and dates, such as ``{"매출": ",.1f", "전환율": ".1%"}``
    :param header_rows: number of header rows, where the table does not show it by ``th`` cells
    :param total_rows: number of total rows at the end, where their first cell does not say so (합계, Total, 合計)
    """

    template_fields: ClassVar[tuple[str, ...]] = ("table", "formats")

    table: TableSelector = None
    formats: Mapping[str, str] | None = None
    header_rows: int | None = None
    total_rows: int | None = None

    def find(self, document: PageDocument) -> Table:
        """The table it is about.

        :raises PlaceMissing: there is no such table
        :raises EditError: there are several
        """
        elements = document.select("//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]")
        found = [element for number, element in enumerate(elements) if self._is_meant(number, element)]
        names = (self._name_of(number, element) for number, element in enumerate(elements))
        (element,) = self.expected(found, 1, self._described(), lambda: names)
        return self._read(element)

    def _read(self, element: etree._Element) -> Table:
        return Table(element, header_rows=self.header_rows, total_rows=self.total_rows)

    def _is_meant(self, number: int, element: etree._Element) -> bool:
        if self.table is None:
            return True
        if isinstance(self.table, int):
            return number == self.table
        if isinstance(self.table, str):
            return same_words(self.table) in (same_words(text) for text in _headings_over(element))
        there = {same_words(header) for header in self._read(element).headers}
        return {same_words(header) for header in self.table} <= there

    def _name_of(self, number: int, element: etree._Element) -> str:
        heading = next(_headings_over(element), "")
        under = f" under {heading}" if heading else ""
        return f"table {number}{under} with {', '.join(self._read(element).headers) or 'no headers'}"

    def _described(self) -> str:
        if self.table is None:
            return "the only table"
        if isinstance(self.table, int):
            return f"the table number {self.table}"
        if isinstance(self.table, str):
            return f"a table under the heading {self.table!r}"
        return f"a table with the headers {', '.join(map(repr, self.table))}"

    def _column(self, table: Table, name: str | int) -> int:
        if isinstance(name, int):
            if not 0 <= name < table.width:
                raise self.refused(f"there is no column {name}; the table has {table.width}, counted from 0")
            return name
        if not table.header_count:
            raise self.refused(f"the table has no header row to find {name!r} in: name columns by position, or header_rows")
        found = table.columns_named(name)
        return self.expected(found, 1, f"the column {name!r}", lambda: table.headers)[0]

    def _markup(self, value: Any, table: Table, column: int) -> str:
        """A cell's value in storage format, a number or date in the format of its column."""
        header = same_words(table.headers[column]) if table.header_count else ""
        formats = {same_words(name): form for name, form in (self.formats or {}).items()}
        form = formats.get(header, formats.get(str(column)))
        try:
            return to_storage(from_plain(value), form)
        except ValueError as error:
            raise self.refused(f"column {table.headers[column]!r}: {error}") from error

    def _filled(self, document: PageDocument, cell: etree._Element, value: Any, markup: str) -> tuple[int, int, str]:
        """The replacement that gives a cell its value; text in place of a lozenge becomes the lozenge's title."""
        title = status_title(cell) if isinstance(value, str) and value else None
        if title is not None:
            span = document.span(title)
            return span.inner, span.close, escape_text(value)
        return value_slot(document, cell, markup).filled(markup)

    def _row_text(self, document: PageDocument, table: Table, number: int, values: Mapping[int, Any], *, new: bool) -> str:
        """The source of a row with other values in it.

        :param values: column to value; a cell without one is emptied in a new row, and kept in one that is there
        :param new: whether the row is made of another one, which keeps its ids and comments for itself
        """
        row = table.rows[number]
        span = document.span(row.element)
        replacements = []
        for cell in row.cells:
            if cell.column in values:
                value = values[cell.column]
                markup = self._markup(value, table, cell.column)
                replacements.append(self._filled(document, cell.element, value, markup))
            elif new:
                replacements.append(value_slot(document, cell.element, "").filled(""))
        text = _spliced(document.storage, span.start, span.end, replacements)
        return _MARKERS.sub("", _OWN_IDS.sub("", text)) if new else text

    def _template(self, table: Table) -> int | None:
        """The number of the first data row that new rows can be made of; ``None`` when there are no data rows."""
        for number in table.data_range:
            cells = table.grid[number]
            if cells and all(not cell.merged for cell in cells.values()):
                return number
        if len(table.data_range):
            merged = next(cell for number in table.data_range for cell in table.grid[number].values() if cell.merged)
            raise self.refused(
                f"every row of the table has merged cells, such as {merged.text!r}; add one row without, as a template"
            )
        return None

    def _from_headers(self, table: Table, values: Mapping[int, Any]) -> str:
        """A first row for a table that has only headers."""
        cells = (self._markup(values[column], table, column) if column in values else "" for column in range(table.width))
        return "<tr>" + "".join(f"<td><p>{cell}</p></td>" for cell in cells) + "</tr>"

    def _after_headers(self, document: PageDocument, table: Table, rows: str) -> tuple[int, int, str]:
        """The replacement that puts rows behind the headers of a table without data rows."""
        if not table.rows:
            raise self.refused("the table has no rows at all: give it a header row in the editor")
        if table.total_count:
            start = document.span(table.rows[table.data_range.stop].element).start
            return start, start, rows
        last = table.rows[-1].element
        parent = last.getparent()
        end = document.span(last).end
        if parent is None or parent.tag != "thead":
            return end, end, rows
        body = parent.getnext()
        if body is not None and body.tag == "tbody":
            return value_slot(document, body, "<p>").filled(rows)
        close = document.span(parent).end
        return close, close, f"<tbody>{rows}</tbody>"

    def _values(
        self, table: Table, row: Any, columns: Mapping[str, str | int] | Sequence[str | int] | None
    ) -> dict[int, Any]:
        """Column number to value of one row of data."""
        if isinstance(row, Mapping):
            if isinstance(columns, Mapping):
                return {self._column(table, column): self._field(row, key) for column, key in columns.items()}
            names: Sequence[Any] = columns if columns is not None else list(row)
            return {self._column(table, name): self._field(row, name) for name in names}
        if isinstance(row, str) or not isinstance(row, Sequence):
            raise self.refused(f"{row!r} is no row: give a mapping of columns to values, or a sequence of values")
        if isinstance(columns, Mapping):
            raise self.refused("columns is a mapping of headers to keys, but the rows are sequences: give the headers only")
        order: Sequence[str | int] = columns if columns is not None else range(table.width)
        if len(row) > len(order):
            raise self.refused(f"the row {list(row)!r} has {len(row)} values for {len(order)} columns")
        return {self._column(table, name): value for name, value in zip(order, row, strict=False)}

    def _field(self, row: Mapping[str, Any], key: Any) -> Any:
        if key not in row:
            raise self.refused(f"a row has no {key!r}; it has {', '.join(map(repr, row))}")
        return row[key]

    def _key_texts(self, table: Table, column: int) -> dict[str, list[int]]:
        """What is in the key column of each data row, to the numbers of the rows."""
        texts: dict[str, list[int]] = {}
        for number in table.data_range:
            cell = table.grid[number].get(column)
            texts.setdefault(same_words(cell.text) if cell else "", []).append(number)
        return texts

    def _refuse_merged_across(self, table: Table, first: int, last: int) -> None:
        """Refuse to put rows between ``first`` and ``last`` apart when a cell spans over either end."""
        for border in (first, last):
            if 0 < border < len(table.rows):
                for cell in table.grid[border].values():
                    if cell.row < border:
                        raise self.refused(
                            f"the merged cell {cell.text!r} spans from row {cell.row + 1} into row {border + 1}"
                        )


@dataclass(frozen=True)
class ReplaceTableRows(_TableEdit):
    """Replace the data rows of a table; header rows, total rows and the table's looks stay.

    New rows are made of the first data row without merged cells: its colours, alignment, widths and lozenges are theirs.

    :param rows: mappings of column to value, or sequences of values in the order of the columns. A value is text, a number,
        a date, ``None``, one of :mod:`workplace_provider.confluence.pages.values`, or its plain form such as
        ``{"status": {...}}``
    :param columns: the columns that are filled and their order; or a mapping of header to the key in a row
    :param key: header of a column by which a new row is known as one that is there: columns without a value then keep what
        a person wrote in them. ``None`` or empty replaces all rows
    :param limit: how many rows to show at the most
    :param more: text of a last row that says how many there are beyond ``limit``
    """

    template_fields: ClassVar[tuple[str, ...]] = ("rows", "table", "columns", "key", "formats", "limit")

    rows: Sequence[Mapping[str, Any] | Sequence[Any]] = ()
    columns: Mapping[str, str | int] | Sequence[str | int] | None = None
    key: str | int | None = None
    limit: int | None = None
    more: str = "… {n} more"

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        data = table.data_range
        self._refuse_merged_across(table, data.start, data.stop)
        template = self._template(table)
        shown = list(self.rows)[: self.limit]
        values = [self._values(table, row, self.columns) for row in shown]
        if len(shown) < len(self.rows):
            values.append({0: self.more.format(n=len(self.rows) - len(shown))})
        if template is None:
            if values:
                document.replace([self._after_headers(document, table, "".join(self._first_rows(table, values)))])
            return
        first, last = table.rows[data.start].element, table.rows[data.stop - 1].element
        if first.getparent() is not last.getparent():
            raise self.refused("the data rows are in several parts (tbody) of the table; join them in the editor")
        space = _space_between(document, first)
        texts = list(self._rows_of(document, table, template, values))
        document.replace([(document.span(first).start, document.span(last).end, space.join(texts))])

    def _rows_of(
        self, document: PageDocument, table: Table, template: int, values: Sequence[Mapping[int, Any]]
    ) -> Iterator[str]:
        if not values:
            # The next run needs a row to make its rows of.
            yield self._row_text(document, table, template, {}, new=True)
            return
        header = given(self.key)  # a template of an empty Param gives ""
        key = -1 if header is None else self._column(table, header)
        known = {} if header is None else self._key_texts(table, key)
        for row in values:
            numbers = known.get(same_words(_text_of(self._markup(row[key], table, key)))) if key in row else None
            there = numbers.pop(0) if numbers else None
            if there is not None and all(not cell.merged for cell in table.grid[there].values()):
                yield self._row_text(document, table, there, row, new=False)
            else:
                yield self._row_text(document, table, template, row, new=True)

    def _first_rows(self, table: Table, values: Sequence[Mapping[int, Any]]) -> Iterator[str]:
        return (self._from_headers(table, row) for row in values)


@dataclass(frozen=True)
class AppendRow(_TableEdit):
    """Add a row behind the last data row, before the total rows.

    :param row: mapping of column to value, or sequence of values in the order of the columns
    """

    template_fields: ClassVar[tuple[str, ...]] = ("row", "table", "formats")

    row: Mapping[str, Any] | Sequence[Any] = ()

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        document.replace([self._appended(document, table, self._values(table, self.row, None))])

    def _appended(self, document: PageDocument, table: Table, values: Mapping[int, Any]) -> tuple[int, int, str]:
        data = table.data_range
        self._refuse_merged_across(table, data.stop, data.stop)
        template = self._template(table)
        if template is None:
            return self._after_headers(document, table, self._from_headers(table, values))
        last = table.rows[data.stop - 1].element
        end = document.span(last).end
        row = self._row_text(document, table, template, values, new=True)
        return end, end, _space_between(document, table.rows[data.start].element) + row


@dataclass(frozen=True)
class UpsertRow(AppendRow):
    """Change the row that has a certain value in the key column, or add it.

    Only the columns that are named change; the others keep what a person wrote.

    :param row: mapping of column to value; the key column is among them
    :param key: header of the key column
    """

    key: str | int = 0

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        if not isinstance(self.row, Mapping):
            raise self.refused("give the row as a mapping of columns to values")
        values = self._values(table, self.row, None)
        key = self._column(table, self.key)
        if key not in values:
            raise self.refused(f"the row has no value for the key column {self.key!r}")
        wanted = _text_of(self._markup(values[key], table, key))
        rows = self._key_texts(table, key).get(same_words(wanted), [])
        if not rows:
            document.replace([self._appended(document, table, values)])
            return
        self.expected(rows, 1, f"a row with {wanted!r} in the column {self.key!r}", list)
        replacements = []
        for column, value in values.items():
            cell = table.grid[rows[0]].get(column)
            if cell is None:
                raise self.refused(f"the row of {wanted!r} has no cell in column {table.headers[column]!r}")
            if column != key:
                replacements.append(self._filled(document, cell.element, value, self._markup(value, table, column)))
        document.replace(replacements)


@dataclass(frozen=True)
class SetCell(_TableEdit):
    """Set one cell; of merged cells the whole.

    :param row: number of the data row from 0 (-1 is the last), or a mapping of one column to the text that the row has there
    :param column: header or number of the column
    :param value: the value
    """

    template_fields: ClassVar[tuple[str, ...]] = ("row", "column", "value", "table", "formats")

    row: int | Mapping[str, str] = 0
    column: str | int = 0
    value: Any = None

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        number, column = self._row(table), self._column(table, self.column)
        cell = table.grid[number].get(column)
        if cell is None:
            raise self.refused(f"row {number + 1} has no cell in column {self.column!r}")
        markup = self._markup(self.value, table, column)
        document.replace([self._filled(document, cell.element, self.value, markup)])

    def _row(self, table: Table) -> int:
        data = table.data_range
        if isinstance(self.row, int):
            if not -len(data) <= self.row < len(data):
                raise self.refused(f"there is no data row {self.row}; the table has {len(data)}, counted from 0")
            return data[self.row]
        if len(self.row) != 1:
            raise self.refused("name a row by exactly one column and its text")
        ((name, text),) = self.row.items()
        column = self._column(table, name)
        texts = self._key_texts(table, column)
        cells = [table.grid[number].get(column) for number in data]
        found = texts.get(same_words(text), [])
        what = f"a row with {text!r} in the column {name!r}"
        return self.expected(found, 1, what, lambda: [cell.text for cell in cells if cell])[0]


def _headings_over(element: etree._Element) -> Iterator[str]:
    """The headings whose sections an element is in, from the nearest to the highest."""
    level = 7
    node: etree._Element | None = element
    while node is not None:
        for before in node.itersiblings(preceding=True):
            tag = before.tag if isinstance(before.tag, str) else ""
            if re.fullmatch("h[1-6]", tag) and int(tag[1]) < level:
                level = int(tag[1])
                yield visible_text(before)
        node = node.getparent()


def _text_of(markup: str) -> str:
    from workplace_provider.confluence.pages.document import PageDocument

    return visible_text(PageDocument(markup).root)


def _spliced(source: str, start: int, end: int, replacements: Sequence[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    position = start
    for begin, close, text in sorted(replacements):
        pieces += (source[position:begin], text)
        position = close
    return "".join((*pieces, source[position:end]))


def _space_between(document: PageDocument, row: etree._Element) -> str:
    """The white space behind a row, which new rows have between them, too."""
    space = _ROW_SPACE.match(document.storage, document.span(row).end)
    following = row.getnext()
    return space.group() if space and following is not None else ""
