"""Edits of tables: rows from data, with the looks that an analyst gave the table in the editor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common.arguments import none_if_blank
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import HEADING_TAGS, inserted, names_people, says
from workplace_provider.confluence.pages.tables import Table, status_title, value_slot
from workplace_provider.confluence.pages.values import escape_text, from_plain, to_storage
from workplace_provider.confluence.pages.words import Identity, same_words, visible_text
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

log = get_logger("workplace_provider.confluence")

TableSelector = int | str | Sequence[str] | None
"""Which table: its number from 0, the heading it stands under, some of its header cells, or the only one of the page."""

KeyColumns = str | int | Sequence[str | int]
"""The column by which rows are told apart, or several of them: their headers, or numbers from 0."""

# Ids that belong to one place on one page; a row that is made of another must not bring its along.
_OWN_IDS = re.compile(r"""\s(?:ac:macro-id|ac:local-id|local-id)=(?:"[^"]*"|'[^']*')""")
_MARKERS = re.compile(r"</?ac:inline-comment-marker\b[^>]*>")
TABLES: Final = "//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]"
_ROW_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, kw_only=True)
class _TableEdit(Edit):
    """What the table edits share.

    :param table: which table
    :param formats: column to the format of its numbers and dates, such as ``{"매출": ",.1f", "전환율": ".1%"}``
    :param header_rows: number of header rows, where the table does not show it by ``th`` cells
    :param total_rows: number of total rows at the end, where their first cell does not say so (합계, Total, 合計; all are in
        :data:`~workplace_provider.confluence.pages.tables.TOTALS`)
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
        elements = document.select(TABLES)
        found = [element for number, element in enumerate(elements) if self._is_meant(number, element)]
        if not found and isinstance(self.table, str):
            words = same_words(self.table)
            found = [each for each in elements if any(says(heading, words) for heading in _headings_over(each))] or [
                each for each in elements if any(names_people(document, heading, words) for heading in _headings_over(each))
            ]
        names = (self._name_of(number, element) for number, element in enumerate(elements))
        (element,) = self.expected(found, 1, self._described(), lambda: names)
        return self._read(element)

    def _read(self, element: etree._Element) -> Table:
        try:
            return Table(element, header_rows=self.header_rows, total_rows=self.total_rows)
        except ValueError as error:
            raise self.refused(f"the table cannot be read: {error}") from error

    def _is_meant(self, number: int, element: etree._Element) -> bool:
        if self.table is None:
            return True
        if isinstance(self.table, int):
            return number == self.table
        if isinstance(self.table, str):
            return same_words(self.table) in (same_words(visible_text(heading)) for heading in _headings_over(element))
        return {same_words(header) for header in self.table} <= self._read(element).header_names

    def _name_of(self, number: int, element: etree._Element) -> str:
        heading = next(_headings_over(element), None)
        under = f" under {visible_text(heading)}" if heading is not None else ""
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
        header = same_words(table.headers[column]) if table.header_count and column < table.width else ""
        formats = {same_words(name): form for name, form in (self.formats or {}).items()}
        form = formats.get(header, formats.get(str(column)))
        name = table.headers[column] if column < table.width else ""
        try:
            return to_storage(from_plain(value), form, of=name)
        except ValueError as error:
            raise self.refused(f"column {name or column!r}: {error}") from error

    def _filled(self, document: PageDocument, cell: etree._Element, value: Any, markup: str) -> tuple[int, int, str]:
        """The replacement that gives a cell its value; text in place of a lozenge becomes the lozenge's title."""
        title = status_title(cell) if isinstance(value, str) and value else None
        if title is not None:
            span = document.span(title)
            return span.inner, span.close, escape_text(value)
        return value_slot(document, cell, markup).filled(markup)

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
        """Return the source of a row with other values in it.

        :param values: column to value; a cell without one is emptied in a new row, and kept in an existing one
        :param new: the row is made of another one, which keeps its ids and comments for itself
        :param position: number of the row in the column of Confluence's row numbers
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
        if position is not None:
            replacements += _numbered(document, row.numbers, position)
        replacements += self._lacking_cells(document, table, number, values)
        text = _spliced(document.storage, span.start, span.end, replacements)
        return _MARKERS.sub("", _OWN_IDS.sub("", text)) if new else text

    def _lacking_cells(
        self, document: PageDocument, table: Table, number: int, values: Mapping[int, Any]
    ) -> list[tuple[int, int, str]]:
        """Return the replacement that gives a short row the cells that its values need."""
        there = table.grid[number]
        last = max((column for column in values if column not in there), default=-1)
        cells = [
            f"<td><p>{self._markup(values[column], table, column) if column in values else ''}</p></td>"
            for column in range(last + 1)
            if column not in there
        ]
        row = table.rows[number].element
        return inserted(document, row, "".join(cells), document.span(row).close) if cells else []

    def _template(self, table: Table) -> int | None:
        """Return the number of the first whole data row that new rows can be made of; ``None`` without data rows."""
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
            raise self.refused(
                f"every row of the table has merged cells, such as {merged[0].text!r}; add one row without, as a template"
            )
        return widest

    def _from_headers(self, table: Table, values: Mapping[int, Any], position: int = 1) -> str:
        """Return a first row for a table that has only headers."""
        cells = (self._markup(values[column], table, column) if column in values else "" for column in range(table.width))
        has_numbers = any(row.numbers for row in table.rows)
        number = f'<td class="numberingColumn">{position}</td>' if has_numbers else ""
        return f"<tr>{number}" + "".join(f"<td><p>{cell}</p></td>" for cell in cells) + "</tr>"

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

    def _row_keys(self, table: Table, key: KeyColumns) -> _RowKeys:
        """Return the data rows by what is in their key columns."""
        named = key if isinstance(key, Sequence) and not isinstance(key, str) else [key]
        if not named:
            raise self.refused("key names no column")
        return _RowKeys(self, table, [self._column(table, name) for name in named], [str(name) for name in named])

    def _log_unnoticed_total(self, table: Table) -> None:
        if self.total_rows is None and (label := table.unnoticed_total):
            log.warning(
                "%s: the last row of the table begins with %r and counts as data; give total_rows=1 if it is a total",
                type(self).__name__,
                label,
            )

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
    :param key: header of the column, or headers of the columns, by which a new row is known as one that is there: columns
        without a value then keep what a person wrote in them. Mentions, page links, emoji and Jira issues are told apart by
        what they refer to; an empty key and one that is there twice are refused. ``None`` or empty replaces all rows
    :param limit: how many rows to show at the most
    :param more: text of a last row that says how many there are beyond ``limit``
    """

    template_fields: ClassVar[tuple[str, ...]] = ("rows", "table", "columns", "key", "formats", "limit")

    rows: Sequence[Mapping[str, Any] | Sequence[Any]] = ()
    columns: Mapping[str, str | int] | Sequence[str | int] | None = None
    key: KeyColumns | None = None
    limit: int | None = None
    more: str = "… {n} more"

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        data = table.data_range
        self._refuse_merged_across(table, data.start, data.stop)
        self._log_unnoticed_total(table)
        template = self._template(table)
        shown = list(self.rows)[: self.limit]
        values = [self._values(table, row, self.columns) for row in shown]
        beyond = len(self.rows) - len(shown)
        rest = [{0: self.more.format(n=beyond)}] if beyond > 0 else []
        if template is None:
            if values or rest:
                rows = (self._from_headers(table, row, number) for number, row in enumerate([*values, *rest], 1))
                document.replace([self._after_headers(document, table, "".join(rows))])
            return
        first, last = table.rows[data.start].element, table.rows[data.stop - 1].element
        if first.getparent() is not last.getparent():
            raise self.refused("the data rows are in several parts (tbody) of the table; join them in the editor")
        space = _space_between(document, first)
        texts = list(self._rows_of(document, table, template, values, rest))
        replacement = (document.span(first).start, document.span(last).end, space.join(texts))
        document.replace([replacement, *_totals_moved(document, table, len(texts) - len(data))])

    def _rows_of(
        self,
        document: PageDocument,
        table: Table,
        template: int,
        values: Sequence[Mapping[int, Any]],
        rest: Sequence[Mapping[int, Any]],
    ) -> Iterator[str]:
        # Without rows one stays, empty: the next run needs a row to make its rows of.
        key = none_if_blank(self.key)  # a template of an empty Param gives ""
        known = [None] * len(values) if key is None else self._row_keys(table, key).of_rows(values)
        origins = [*zip(values or [{}], known or [None], strict=True), *((row, None) for row in rest)]
        start = _first_number(table)
        for number, (row, there) in enumerate(origins, start):
            origin = template if there is None else there
            yield self._row_text(document, table, origin, row, new=there is None, position=number)


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
        document.replace(self._appended(document, table, self._values(table, self.row, None)))

    def _appended(self, document: PageDocument, table: Table, values: Mapping[int, Any]) -> list[tuple[int, int, str]]:
        data = table.data_range
        self._refuse_merged_across(table, data.stop, data.stop)
        self._log_unnoticed_total(table)
        template = self._template(table)
        if template is None:
            return [self._after_headers(document, table, self._from_headers(table, values))]
        last = table.rows[data.stop - 1].element
        end = document.span(last).end
        position = _first_number(table) + len(data)
        row = self._row_text(document, table, template, values, new=True, position=position)
        space = _space_between(document, table.rows[data.start].element)
        return [(end, end, space + row), *_totals_moved(document, table, 1)]


@dataclass(frozen=True)
class UpsertRow(AppendRow):
    """Change the row that has a certain value in the key column, or add it.

    Only the columns that are named change; the others keep what a person wrote.

    :param row: mapping of column to value; the key column is among them
    :param key: header of the key column, or headers of several
    """

    key: KeyColumns = 0

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        table = self.find(document)
        if not isinstance(self.row, Mapping):
            raise self.refused("give the row as a mapping of columns to values")
        values = self._values(table, self.row, None)
        keys = self._row_keys(table, self.key)
        there = keys.of_row(values)
        if there is None:
            document.replace(self._appended(document, table, values))
            return
        replacements = []
        for column, value in values.items():
            if column in keys.columns:
                continue
            cell = table.grid[there].get(column)
            if cell is None:
                raise self.refused(f"row {there + 1} has no cell in column {table.headers[column] or column!r}")
            markup = self._markup(value, table, column)
            if cell.merged and cell.identity != _identity_of(markup):
                raise self.refused(
                    f"the merged cell {cell.text!r} in column {table.headers[column] or column!r} belongs to several "
                    "rows or columns; split it in the editor"
                )
            if not cell.merged:
                replacements.append(self._filled(document, cell.element, value, markup))
        document.replace(replacements)


@dataclass(frozen=True)
class SetCell(_TableEdit):
    """Set one cell; of merged cells the whole.

    :param row: number of the data row from 0 (-1 is the last), or a mapping of columns to what the row has there
    :param column: header or number of the column
    :param value: the value
    """

    template_fields: ClassVar[tuple[str, ...]] = ("row", "column", "value", "table", "formats")

    row: int | Mapping[str, Any] = 0
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
        if not self.row:
            raise self.refused("name a row by a column and its text")
        keys = self._row_keys(table, list(self.row))
        wanted = [
            _identity_of(self._markup(text, table, column))
            for text, column in zip(self.row.values(), keys.columns, strict=True)
        ]
        what = f"a row with {keys.described(wanted)}"
        return self.expected(keys.found(wanted), 1, what, keys.names)[0]


class _RowKeys:
    """The data rows of a table by what is in their key columns.

    :param edit: the edit that looks for rows
    :param columns: numbers of the key columns
    :param names: their names, for messages
    """

    def __init__(self, edit: _TableEdit, table: Table, columns: Sequence[int], names: Sequence[str]) -> None:
        self.columns = columns
        self._edit = edit
        self._table = table
        self._columns_named = names
        self._keys: dict[int, tuple[Identity, ...]] = {}
        self._exact: dict[tuple[str, ...], list[int]] = {}
        self._anywhere: dict[tuple[str, ...], list[int]] = {}
        self._texts: dict[tuple[str, ...], list[int]] = {}
        for number in table.data_range:
            cells = [table.grid[number].get(column) for column in columns]
            key = tuple(_NOTHING if cell is None else cell.identity for cell in cells)
            if all(each.is_empty for each in key):
                continue
            self._keys[number] = key
            self._exact.setdefault(tuple(each.content for each in key), []).append(number)
            self._anywhere.setdefault(tuple(each.anywhere for each in key), []).append(number)
            self._texts.setdefault(tuple(each.bare_text for each in key), []).append(number)

    def found(self, wanted: Sequence[Identity]) -> list[int]:
        """Return the numbers of the rows that have a key."""
        if exact := self._exact.get(tuple(each.content for each in wanted)):
            return exact
        alike = {
            *self._anywhere.get(tuple(each.anywhere for each in wanted), ()),
            *self._texts.get(tuple(each.bare_text for each in wanted), ()),
        }
        return sorted(
            number
            for number in alike
            if all(have.is_like(want) for have, want in zip(self._keys[number], wanted, strict=True))
        )

    def of_row(self, values: Mapping[int, Any], where: str = "the row") -> int | None:
        """Return the number of the row that has the key of new values; ``None`` when there is none yet.

        :param where: the new row, for messages
        :raises EditError: the key is empty, or several rows have it
        """
        wanted = self.key_of(values, where)
        rows = self.found(wanted)
        if len(rows) > 1:
            numbers = ", ".join(str(number - self._table.header_count + 1) for number in rows)
            raise self._edit.refused(
                f"the data rows {numbers} of the table all have {self.described(wanted)}; make them differ"
            )
        if not rows:
            self._refuse_other_names(wanted)
        return rows[0] if rows else None

    def of_rows(self, values: Sequence[Mapping[int, Any]]) -> list[int | None]:
        """Return for each new row the number of the row that has its key.

        :raises EditError: a key is empty or is there twice, or the row has merged cells
        """
        seen: dict[tuple[str, ...], int] = {}
        taken: dict[int, int] = {}
        numbers: list[int | None] = []
        for position, row in enumerate(values, 1):
            wanted = self.key_of(row, f"row {position}")
            before = seen.setdefault(tuple(each.content for each in wanted), position)
            number = self.of_row(row, f"row {position}")
            if number is not None and before == position:
                before = taken.setdefault(number, position)
            if before != position:
                raise self._edit.refused(f"the rows {before} and {position} both have {self.described(wanted)}")
            if number is not None:
                self._refuse_merged(number, wanted)
            numbers.append(number)
        return numbers

    def key_of(self, values: Mapping[int, Any], where: str) -> list[Identity]:
        """Return the key of new values."""
        for column, name in zip(self.columns, self._columns_named, strict=True):
            if column not in values:
                raise self._edit.refused(f"{where} has no value for the key column {name!r}")
        key = [_identity_of(self._edit._markup(values[column], self._table, column)) for column in self.columns]
        if all(each.is_empty for each in key):
            raise self._edit.refused(f"{where} has nothing in the key column {', '.join(map(repr, self._columns_named))}")
        return key

    def described(self, wanted: Sequence[Identity]) -> str:
        """Return a key for messages."""
        pairs = zip(wanted, self._columns_named, strict=True)
        return " and ".join(f"{str(each)!r} in the column {name!r}" for each, name in pairs)

    def names(self) -> Iterator[str]:
        """Return the keys of the rows for messages."""
        return (" / ".join(map(str, key)) for key in self._keys.values())

    def _refuse_merged(self, number: int, wanted: Sequence[Identity]) -> None:
        merged = next((cell for cell in self._table.grid[number].values() if cell.merged), None)
        if merged is not None:
            raise self._edit.refused(
                f"the row with {self.described(wanted)} has the merged cell {merged.text!r}; split it in the editor, so "
                "that what people wrote in the row can be kept"
            )

    def _refuse_other_names(self, wanted: Sequence[Identity]) -> None:
        """Refuse a mention by another kind of name than the column has: the same person would get a second row."""
        for position, want in enumerate(wanted):
            there = frozenset[str]().union(*(key[position].user_kinds for key in self._keys.values()))
            if want.user_kinds and there and not want.user_kinds & there:
                raise self._edit.refused(
                    f"the mentions in the column {self._columns_named[position]!r} are stored by "
                    f"{', '.join(sorted(there))}, and {str(want)!r} is given by "
                    f"{', '.join(sorted(want.user_kinds))}; give {' or '.join(sorted(there))}"
                )


def _headings_over(element: etree._Element) -> Iterator[etree._Element]:
    """The headings whose sections an element is in, from the nearest to the highest."""
    level = 7
    node: etree._Element | None = element
    while node is not None:
        # lxml looks for the tags in C: a page may have thousands of tables, each with thousands of elements before it.
        for before in node.itersiblings(*HEADING_TAGS, preceding=True):
            if int(str(before.tag)[1]) < level:
                level = int(str(before.tag)[1])
                yield before
        node = node.getparent()


_NOTHING: Final = Identity("", "")


def _identity_of(markup: str) -> Identity:
    """Return the identity that a cell with this markup has."""
    from workplace_provider.confluence.pages.document import PageDocument

    return Identity.of(PageDocument(markup).root)


def _numbered(document: PageDocument, numbers: Sequence[etree._Element], position: int) -> Iterator[tuple[int, int, str]]:
    """Return the replacements that number a row, where Confluence numbers the rows of the table."""
    for element in numbers:
        if visible_text(element).isdigit():
            yield value_slot(document, element, "").filled(str(position))


def _first_number(table: Table) -> int:
    """Return the number of the first data row in the column of row numbers."""
    cells = table.rows[table.data_range.start].numbers if table.data_range else ()
    text = visible_text(cells[0]) if cells else ""
    return int(text) if text.isdigit() else 1


def _totals_moved(document: PageDocument, table: Table, by: int) -> Iterator[tuple[int, int, str]]:
    """Return the replacements that number the total rows again after rows were added or removed before them."""
    for row in table.rows[table.data_range.stop :]:
        for element in row.numbers:
            if by and (text := visible_text(element)).isdigit():
                yield from _numbered(document, [element], int(text) + by)


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
