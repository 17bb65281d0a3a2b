"""Edits of tables: rows are filled from data, and keep the format that the table has in the editor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common.arguments import none_if_blank
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import HEADING_TAGS, heading_matches, insert_inner, names_people
from workplace_provider.confluence.pages.tables import Table, status_title, value_slot
from workplace_provider.confluence.pages.values import escape_text, from_plain, to_storage
from workplace_provider.confluence.pages.words import Identity, comparison_key, visible_text
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

log = get_logger("workplace_provider.confluence")

TableSelector = int | str | Sequence[str] | None
"""Selects a table: by its number from 0, the heading above it, some of its header cells; ``None`` for the only table."""

KeyColumns = str | int | Sequence[str | int]
"""The key column, or several of them: headers, or numbers from 0."""

# Ids that are unique on a page; a row that is copied from another one must not keep them.
_OWN_IDS = re.compile(r"""\s(?:ac:macro-id|ac:local-id|local-id)=(?:"[^"]*"|'[^']*')""")
_MARKERS = re.compile(r"</?ac:inline-comment-marker\b[^>]*>")
TABLES: Final = "//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]"
_ROW_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, kw_only=True)
class _TableEdit(Edit):
    """Base class of the edits of tables.

    :param table: the table, by number, heading or header cells; ``None`` for the only table of the page
    :param formats: column to the format of its numbers and dates, such as ``{"매출": ",.1f", "전환율": ".1%"}``
    :param header_rows: number of header rows, if the table does not mark them by ``th`` cells
    :param total_rows: number of total rows at the end, if their first cell is not one of
        :data:`~workplace_provider.confluence.pages.tables.TOTALS` (합계, Total, 合計, …)
    """

    template_fields: ClassVar[tuple[str, ...]] = ("table", "formats")

    table: TableSelector = None
    formats: Mapping[str, str] | None = None
    header_rows: int | None = None
    total_rows: int | None = None

    def find(self, document: PageDocument) -> Table:
        """Return the table that the edit changes.

        :raises PlaceMissing: no table matches
        :raises EditError: several tables match
        """
        elements = document.select(TABLES)
        matches = [element for number, element in enumerate(elements) if self._is_selected(number, element)]
        if not matches and isinstance(self.table, str):
            key = comparison_key(self.table)
            matches = [table for table in elements if any(heading_matches(over, key) for over in _headings_over(table))]
            matches = matches or [
                table for table in elements if any(names_people(document, over, key) for over in _headings_over(table))
            ]
        names = (self._name_of(number, element) for number, element in enumerate(elements))
        (match,) = self.check_count(matches, 1, self._description(), names)
        return self._read(match)

    def _read(self, element: etree._Element) -> Table:
        try:
            return Table(element, header_rows=self.header_rows, total_rows=self.total_rows)
        except ValueError as error:
            raise self.error(f"cannot read the table: {error}") from error

    def _is_selected(self, number: int, element: etree._Element) -> bool:
        if self.table is None:
            return True
        if isinstance(self.table, int):
            return number == self.table
        if isinstance(self.table, str):
            return comparison_key(self.table) in (
                comparison_key(visible_text(heading)) for heading in _headings_over(element)
            )
        return {comparison_key(header) for header in self.table} <= self._read(element).header_names

    def _name_of(self, number: int, element: etree._Element) -> str:
        heading = next(_headings_over(element), None)
        under = f" under {visible_text(heading)}" if heading is not None else ""
        return f"table {number}{under} with {', '.join(self._read(element).headers) or 'no headers'}"

    def _description(self) -> str:
        """Return the description of the selected table for messages."""
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
                raise self.error(f"no column {name}; the table has {table.width} columns, numbered from 0")
            return name
        if not table.header_count:
            raise self.error(f"no column {name!r}: the table has no header row; give column numbers, or header_rows")
        matches = table.columns_named(name)
        return self.check_count(matches, 1, f"the column {name!r}", table.headers)[0]

    def _markup(self, value: Any, table: Table, column: int) -> str:
        """Return a cell's value in storage format; numbers and dates get the format of the column."""
        header = comparison_key(table.headers[column]) if table.header_count and column < table.width else ""
        formats = {comparison_key(name): form for name, form in (self.formats or {}).items()}
        form = formats.get(header, formats.get(str(column)))
        name = table.headers[column] if column < table.width else ""
        try:
            return to_storage(from_plain(value), form, of=name)
        except ValueError as error:
            raise self.error(f"column {name or column!r}: {error}") from error

    def _fill_cell(self, document: PageDocument, cell: etree._Element, value: Any, markup: str) -> tuple[int, int, str]:
        """Return the replacement that sets a cell's value. In a cell with a status lozenge, text becomes its title."""
        title = status_title(cell) if isinstance(value, str) and value else None
        if title is not None:
            span = document.span(title)
            return span.inner, span.close, escape_text(value)
        return value_slot(document, cell, markup).replacement(markup)

    def _row_text(
        self,
        document: PageDocument,
        table: Table,
        number: int,
        values: Mapping[int, Any],
        *,
        new: bool,
        position: int | None,
    ) -> str:
        """Return the source of a row with new values.

        :param values: column to value; a cell without a value is emptied in a new row, and kept in an existing one
        :param new: the row is copied from another one; ids and comment markers are removed
        :param position: number of the row in Confluence's column of row numbers
        """
        row = table.rows[number]
        span = document.span(row.element)
        replacements = []
        for cell in row.cells:
            if cell.column in values:
                value = values[cell.column]
                markup = self._markup(value, table, cell.column)
                replacements.append(self._fill_cell(document, cell.element, value, markup))
            elif new:
                replacements.append(value_slot(document, cell.element, "").replacement(""))
        if position is not None:
            replacements += _number_row(document, row.numbers, position)
        replacements += self._missing_cells(document, table, number, values)
        text = _splice(document.storage, span.start, span.end, replacements)
        return _MARKERS.sub("", _OWN_IDS.sub("", text)) if new else text

    def _missing_cells(
        self, document: PageDocument, table: Table, number: int, values: Mapping[int, Any]
    ) -> list[tuple[int, int, str]]:
        """Return the replacement that adds the cells for the values of a row that is shorter than the table."""
        present = table.grid[number]
        last = max((column for column in values if column not in present), default=-1)
        cells = [
            f"<td><p>{self._markup(values[column], table, column) if column in values else ''}</p></td>"
            for column in range(last + 1)
            if column not in present
        ]
        row = table.rows[number].element
        return insert_inner(document, row, "".join(cells), document.span(row).close) if cells else []

    def _template(self, table: Table) -> int | None:
        """Return the number of the first complete data row, which new rows are copied from; ``None`` without data rows."""
        widest: int | None = None
        for number in table.data_range:
            cells = table.grid[number]
            if cells and all(not cell.merged for cell in cells.values()):
                if len(cells) == table.width:
                    return number
                if widest is None or len(cells) > len(table.grid[widest]):
                    widest = number
        merged = [cell for number in table.data_range for cell in table.grid[number].values() if cell.merged]
        if widest is None and merged:
            raise self.error(
                f"every data row has merged cells, such as {merged[0].text!r}; add a row without them, as a template"
            )
        return widest

    def _first_row(self, table: Table, values: Mapping[int, Any], position: int = 1) -> str:
        """Return the first data row for a table that has only headers."""
        cells = (self._markup(values[column], table, column) if column in values else "" for column in range(table.width))
        has_numbers = any(row.numbers for row in table.rows)
        number = f'<td class="numberingColumn">{position}</td>' if has_numbers else ""
        return f"<tr>{number}" + "".join(f"<td><p>{cell}</p></td>" for cell in cells) + "</tr>"

    def _insert_after_headers(self, document: PageDocument, table: Table, rows: str) -> tuple[int, int, str]:
        """Return the replacement that adds rows after the headers of a table without data rows."""
        if not table.rows:
            raise self.error("the table has no rows; add a header row in the editor")
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
            return value_slot(document, body, "<p>").replacement(rows)
        close = document.span(parent).end
        return close, close, f"<tbody>{rows}</tbody>"

    def _values(
        self, table: Table, row: Any, columns: Mapping[str, str | int] | Sequence[str | int] | None
    ) -> dict[int, Any]:
        """Return the values of one row of data by column number."""
        if isinstance(row, Mapping):
            if isinstance(columns, Mapping):
                return {self._column(table, column): self._field(row, key) for column, key in columns.items()}
            names: Sequence[Any] = columns if columns is not None else list(row)
            return {self._column(table, name): self._field(row, name) for name in names}
        if isinstance(row, str) or not isinstance(row, Sequence):
            raise self.error(f"{row!r} is not a row; it must be a mapping of columns to values, or a sequence of values")
        if isinstance(columns, Mapping):
            raise self.error("columns is a mapping of headers to keys, but the rows are sequences; give a list of headers")
        order: Sequence[str | int] = columns if columns is not None else range(table.width)
        if len(row) > len(order):
            raise self.error(f"the row {list(row)!r} has {len(row)} values for {len(order)} columns")
        return {self._column(table, name): value for name, value in zip(order, row, strict=False)}

    def _field(self, row: Mapping[str, Any], key: Any) -> Any:
        if key not in row:
            raise self.error(f"a row has no key {key!r}; it has {', '.join(map(repr, row))}")
        return row[key]

    def _row_keys(self, table: Table, key: KeyColumns) -> _RowKeys:
        """Return the data rows by their key columns."""
        names = key if isinstance(key, Sequence) and not isinstance(key, str) else [key]
        if not names:
            raise self.error("key is an empty list; give at least one column")
        return _RowKeys(self, table, [self._column(table, name) for name in names], [str(name) for name in names])

    def _warn_about_possible_total(self, table: Table) -> None:
        if self.total_rows is None and (label := table.possible_total):
            log.warning(
                "%s: the last row of the table starts with %r and counts as data; set total_rows=1 if it is a total",
                type(self).__name__,
                label,
            )

    def _check_not_merged_across(self, table: Table, first: int, last: int) -> None:
        """Check that no merged cell extends over the start or the end of the rows from ``first`` to ``last``."""
        for border in (first, last):
            if 0 < border < len(table.rows):
                for cell in table.grid[border].values():
                    if cell.row < border:
                        raise self.error(
                            f"the merged cell {cell.text!r} extends from row {cell.row + 1} into row {border + 1}; split it "
                            "in the editor"
                        )


@dataclass(frozen=True)
class ReplaceTableRows(_TableEdit):
    """Replace the data rows of a table; header rows, total rows and the format of the table stay.

    New rows are copies of the first data row without merged cells, with its colours, alignment, widths and lozenges.

    ::

        ReplaceTableRows(
            [{"지표": "WAU", "값": 12345}, {"지표": "매출", "값": 67.8}],
            table="주간 지표",
            key="지표",
        )

    :param rows: mappings of column to value, or sequences of values in the order of the columns. A value is text, a number,
        a date, ``None``, one of :mod:`workplace_provider.confluence.pages.values`, or its plain form such as
        ``{"status": {...}}``
    :param columns: the columns to fill, in the order of the values; or a mapping of header to the key in a row
    :param key: header of the key column, or headers of several, by which new rows are matched with present ones. A matched
        row keeps the content that people wrote in columns without a value. Mentions, page links, emoji and Jira issues are
        compared by their targets. Empty and duplicate keys are errors. ``None`` or ``""`` replaces all rows
    :param limit: maximum number of rows to show
    :param more: text of an additional last row, with the number ``{n}`` of rows beyond ``limit``
    :raises EditError: from :meth:`apply`, if the table or a column is missing or ambiguous, a key is empty or duplicate,
        merged cells extend into other rows, or a value does not fit
    """

    template_fields: ClassVar[tuple[str, ...]] = ("rows", "table", "columns", "key", "formats", "limit")

    rows: Sequence[Mapping[str, Any] | Sequence[Any]] = ()
    columns: Mapping[str, str | int] | Sequence[str | int] | None = None
    key: KeyColumns | None = None
    limit: int | None = None
    more: str = "… {n} more"

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        table = self.find(document)
        data = table.data_range
        self._check_not_merged_across(table, data.start, data.stop)
        self._warn_about_possible_total(table)
        template = self._template(table)
        shown = list(self.rows)[: self.limit]
        values = [self._values(table, row, self.columns) for row in shown]
        beyond = len(self.rows) - len(shown)
        rest = [{0: self.more.format(n=beyond)}] if beyond > 0 else []
        if template is None:
            if values or rest:
                rows = (self._first_row(table, row, number) for number, row in enumerate([*values, *rest], 1))
                document.replace([self._insert_after_headers(document, table, "".join(rows))])
            return
        first, last = table.rows[data.start].element, table.rows[data.stop - 1].element
        if first.getparent() is not last.getparent():
            raise self.error("the data rows are in several tbody parts of the table; merge them in the editor")
        space = _space_between(document, first)
        texts = list(self._rows_of(document, table, template, values, rest))
        replacement = (document.span(first).start, document.span(last).end, space.join(texts))
        document.replace([replacement, *_renumber_totals(document, table, len(texts) - len(data))])

    def _rows_of(
        self,
        document: PageDocument,
        table: Table,
        template: int,
        values: Sequence[Mapping[int, Any]],
        rest: Sequence[Mapping[int, Any]],
    ) -> Iterator[str]:
        # Without rows, one empty row stays: the next run needs a row to copy.
        key = none_if_blank(self.key)  # a template with an empty Param renders ""
        present = [None] * len(values) if key is None else self._row_keys(table, key).rows_for(values)
        origins = [*zip(values or [{}], present or [None], strict=True), *((row, None) for row in rest)]
        start = _first_number(table)
        for position, (row, number) in enumerate(origins, start):
            origin = template if number is None else number
            yield self._row_text(document, table, origin, row, new=number is None, position=position)


@dataclass(frozen=True)
class AppendRow(_TableEdit):
    """Add a row after the last data row, before the total rows.

    ::

        AppendRow({"날짜": "2026-11-19", "WAU": 12345}, table="일별 지표")

    :param row: mapping of column to value, or sequence of values in the order of the columns
    :raises EditError: from :meth:`apply`, if the table or a column is missing or ambiguous, or a value does not fit
    """

    template_fields: ClassVar[tuple[str, ...]] = ("row", "table", "formats")

    row: Mapping[str, Any] | Sequence[Any] = ()

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        table = self.find(document)
        document.replace(self._append(document, table, self._values(table, self.row, None)))

    def _append(self, document: PageDocument, table: Table, values: Mapping[int, Any]) -> list[tuple[int, int, str]]:
        data = table.data_range
        self._check_not_merged_across(table, data.stop, data.stop)
        self._warn_about_possible_total(table)
        template = self._template(table)
        if template is None:
            return [self._insert_after_headers(document, table, self._first_row(table, values))]
        last = table.rows[data.stop - 1].element
        end = document.span(last).end
        position = _first_number(table) + len(data)
        row = self._row_text(document, table, template, values, new=True, position=position)
        space = _space_between(document, table.rows[data.start].element)
        return [(end, end, space + row), *_renumber_totals(document, table, 1)]


@dataclass(frozen=True)
class UpsertRow(AppendRow):
    """Update the row with the same value in the key column, or add a row.

    Only the given columns change; the others keep the content that people wrote.

    ::

        UpsertRow({"지표": "WAU", "값": 12345}, key="지표", table="주간 지표")

    :param row: mapping of column to value, including the key column
    :param key: header of the key column, or headers of several
    :raises EditError: from :meth:`apply`, if the table or a column is missing or ambiguous, several rows have the key, a
        cell to change is merged, or a value does not fit
    """

    key: KeyColumns = 0

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        table = self.find(document)
        if not isinstance(self.row, Mapping):
            raise self.error(f"row is {self.row!r}; it must be a mapping of columns to values")
        values = self._values(table, self.row, None)
        keys = self._row_keys(table, self.key)
        number = keys.row_for(values)
        if number is None:
            document.replace(self._append(document, table, values))
            return
        replacements = []
        for column, value in values.items():
            if column in keys.columns:
                continue
            cell = table.grid[number].get(column)
            if cell is None:
                raise self.error(f"row {number + 1} has no cell in column {table.headers[column] or column!r}")
            markup = self._markup(value, table, column)
            if cell.merged and cell.identity != _identity_of(markup):
                raise self.error(
                    f"the merged cell {cell.text!r} in column {table.headers[column] or column!r} belongs to several "
                    "rows or columns; split it in the editor"
                )
            if not cell.merged:
                replacements.append(self._fill_cell(document, cell.element, value, markup))
        document.replace(replacements)


@dataclass(frozen=True)
class SetCell(_TableEdit):
    """Set one cell; a merged cell is set as a whole.

    ::

        SetCell(row={"지표": "WAU"}, column="값", value=12345, table="주간 지표")
        SetCell(row=-1, column=0, value=Storage("<strong>합계</strong>"))

    :param row: number of the data row from 0 (-1 is the last), or a mapping of columns to the content of the row
    :param column: header or number of the column
    :param value: the new value
    :raises EditError: from :meth:`apply`, if the table, row or column is missing or ambiguous, or the value does not fit
    """

    template_fields: ClassVar[tuple[str, ...]] = ("row", "column", "value", "table", "formats")

    row: int | Mapping[str, Any] = 0
    column: str | int = 0
    value: Any = None

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        table = self.find(document)
        number, column = self._row(table), self._column(table, self.column)
        cell = table.grid[number].get(column)
        if cell is None:
            raise self.error(f"row {number + 1} has no cell in column {self.column!r}")
        markup = self._markup(self.value, table, column)
        document.replace([self._fill_cell(document, cell.element, self.value, markup)])

    def _row(self, table: Table) -> int:
        data = table.data_range
        if isinstance(self.row, int):
            if not -len(data) <= self.row < len(data):
                raise self.error(f"no data row {self.row}; the table has {len(data)} data rows, numbered from 0")
            return data[self.row]
        if not self.row:
            raise self.error("row is empty; give a row number, or a column and its content")
        keys = self._row_keys(table, list(self.row))
        key = [
            _identity_of(self._markup(text, table, column))
            for text, column in zip(self.row.values(), keys.columns, strict=True)
        ]
        return self.check_count(keys.find_rows(key), 1, f"a row with {keys.describe(key)}", keys.names())[0]


class _RowKeys:
    """The data rows of a table by the content of their key columns.

    :param edit: the edit that looks for rows
    :param columns: numbers of the key columns
    :param names: their names, for messages
    """

    def __init__(self, edit: _TableEdit, table: Table, columns: Sequence[int], names: Sequence[str]) -> None:
        self.columns = columns
        self._edit = edit
        self._table = table
        self._names = names
        self._keys: dict[int, tuple[Identity, ...]] = {}
        self._exact: dict[tuple[str, ...], list[int]] = {}
        self._anywhere: dict[tuple[str, ...], list[int]] = {}
        self._texts: dict[tuple[str, ...], list[int]] = {}
        for number in table.data_range:
            cells = [table.grid[number].get(column) for column in columns]
            key = tuple(_EMPTY_CELL if cell is None else cell.identity for cell in cells)
            if all(identity.is_empty for identity in key):
                continue
            self._keys[number] = key
            self._exact.setdefault(tuple(identity.content for identity in key), []).append(number)
            self._anywhere.setdefault(tuple(identity.anywhere for identity in key), []).append(number)
            self._texts.setdefault(tuple(identity.bare_text for identity in key), []).append(number)

    def find_rows(self, wanted: Sequence[Identity]) -> list[int]:
        """Return the numbers of the rows with this key."""
        if exact := self._exact.get(tuple(identity.content for identity in wanted)):
            return exact
        candidates = {
            *self._anywhere.get(tuple(identity.anywhere for identity in wanted), ()),
            *self._texts.get(tuple(identity.bare_text for identity in wanted), ()),
        }
        return sorted(
            number
            for number in candidates
            if all(present.is_like(want) for present, want in zip(self._keys[number], wanted, strict=True))
        )

    def row_for(self, values: Mapping[int, Any], where: str = "the row") -> int | None:
        """Return the number of the row with the key of new values; ``None`` if the table does not have it yet.

        :param where: name of the new row, for messages
        :raises EditError: the key is empty, or several rows have it
        """
        wanted = self.key_of(values, where)
        rows = self.find_rows(wanted)
        if len(rows) > 1:
            numbers = ", ".join(str(number - self._table.header_count + 1) for number in rows)
            raise self._edit.error(
                f"the data rows {numbers} of the table have the same key: {self.describe(wanted)}; change it in the editor"
            )
        if not rows:
            self._check_user_kinds(wanted)
        return rows[0] if rows else None

    def rows_for(self, values: Sequence[Mapping[int, Any]]) -> list[int | None]:
        """Return the number of the present row for each new row, ``None`` for keys that the table does not have.

        :raises EditError: a key is empty or duplicate, or a row has merged cells
        """
        seen: dict[tuple[str, ...], int] = {}
        taken: dict[int, int] = {}
        numbers: list[int | None] = []
        for position, row in enumerate(values, 1):
            wanted = self.key_of(row, f"row {position}")
            before = seen.setdefault(tuple(identity.content for identity in wanted), position)
            number = self.row_for(row, f"row {position}")
            if number is not None and before == position:
                before = taken.setdefault(number, position)
            if before != position:
                raise self._edit.error(f"rows {before} and {position} have the same key: {self.describe(wanted)}")
            if number is not None:
                self._check_not_merged(number, wanted)
            numbers.append(number)
        return numbers

    def key_of(self, values: Mapping[int, Any], where: str) -> list[Identity]:
        """Return the key of new values."""
        for column, name in zip(self.columns, self._names, strict=True):
            if column not in values:
                raise self._edit.error(f"{where} has no value for the key column {name!r}")
        key = [_identity_of(self._edit._markup(values[column], self._table, column)) for column in self.columns]
        if all(identity.is_empty for identity in key):
            raise self._edit.error(f"{where} is empty in the key column {', '.join(map(repr, self._names))}")
        return key

    def describe(self, wanted: Sequence[Identity]) -> str:
        """Return the description of a key for messages."""
        pairs = zip(wanted, self._names, strict=True)
        return " and ".join(f"{str(identity)!r} in the column {name!r}" for identity, name in pairs)

    def names(self) -> Iterator[str]:
        """Return the keys of the rows for messages."""
        return (" / ".join(map(str, key)) for key in self._keys.values())

    def _check_not_merged(self, number: int, wanted: Sequence[Identity]) -> None:
        merged = next((cell for cell in self._table.grid[number].values() if cell.merged), None)
        if merged is not None:
            raise self._edit.error(
                f"the row with {self.describe(wanted)} has the merged cell {merged.text!r}; split it in the editor, so "
                "that the content that people wrote in the row can be kept"
            )

    def _check_user_kinds(self, wanted: Sequence[Identity]) -> None:
        """Check that mentions use the same kind of name as the column; otherwise a user would get a second row."""
        for position, want in enumerate(wanted):
            present = frozenset[str]().union(*(key[position].user_kinds for key in self._keys.values()))
            if want.user_kinds and present and not want.user_kinds & present:
                raise self._edit.error(
                    f"the mention {str(want)!r} uses {', '.join(sorted(want.user_kinds))}, but the column "
                    f"{self._names[position]!r} stores mentions by {', '.join(sorted(present))}; "
                    f"use {' or '.join(sorted(present))}"
                )


def _headings_over(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the headings whose sections contain an element, from the nearest to the highest."""
    level = 7
    node: etree._Element | None = element
    while node is not None:
        # lxml filters the tags in C: a page may have thousands of tables, each after thousands of elements.
        for before in node.itersiblings(*HEADING_TAGS, preceding=True):
            if int(str(before.tag)[1]) < level:
                level = int(str(before.tag)[1])
                yield before
        node = node.getparent()


_EMPTY_CELL: Final = Identity("", "")


def _identity_of(markup: str) -> Identity:
    """Return the identity of a cell with this markup."""
    from workplace_provider.confluence.pages.document import PageDocument

    return Identity.of(PageDocument(markup).root)


def _number_row(document: PageDocument, numbers: Sequence[etree._Element], position: int) -> Iterator[tuple[int, int, str]]:
    """Yield the replacements that set the number of a row, if Confluence numbers the rows of the table."""
    for element in numbers:
        if visible_text(element).isdigit():
            yield value_slot(document, element, "").replacement(str(position))


def _first_number(table: Table) -> int:
    """Return the number of the first data row in Confluence's column of row numbers."""
    cells = table.rows[table.data_range.start].numbers if table.data_range else ()
    text = visible_text(cells[0]) if cells else ""
    return int(text) if text.isdigit() else 1


def _renumber_totals(document: PageDocument, table: Table, by: int) -> Iterator[tuple[int, int, str]]:
    """Yield the replacements that renumber the total rows after rows were added or removed before them."""
    for row in table.rows[table.data_range.stop :]:
        for element in row.numbers:
            if by and (text := visible_text(element)).isdigit():
                yield from _number_row(document, [element], int(text) + by)


def _splice(source: str, start: int, end: int, replacements: Sequence[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    position = start
    for begin, close, text in sorted(replacements):
        pieces += (source[position:begin], text)
        position = close
    return "".join((*pieces, source[position:end]))


def _space_between(document: PageDocument, row: etree._Element) -> str:
    """Return the white space after a row, to write it between new rows, too."""
    space = _ROW_SPACE.match(document.storage, document.span(row).end)
    following = row.getnext()
    return space.group() if space and following is not None else ""


@dataclass(frozen=True, kw_only=True)
class _ReadTable(_TableEdit):
    """A table that is only read."""

    def apply(self, document: PageDocument) -> None:
        """Check that the table exists; nothing is changed."""
        self.find(document)


def table_rows(document: PageDocument, table: TableSelector = None) -> list[dict[str, str]]:
    """Return the data rows of a table as mappings of header to visible text.

    ::

        table_rows(PageDocument(page.body), "분기 목표")  # [{"지표": "WAU", "목표": "50,000"}]

    :param table: the table, as in the edits
    :raises EditError: if no table or several match, or the table has no header row, or a header twice
    """
    reader = _ReadTable(table=table)
    found = reader.find(document)
    headers = found.headers
    if not found.header_count or len(set(headers)) < len(headers):
        raise reader.error(f"the headers of the table are {headers}; each column needs a header of its own")
    return [
        {header: cell.text if (cell := found.grid[row].get(column)) else "" for column, header in enumerate(headers)}
        for row in found.data_range
    ]
