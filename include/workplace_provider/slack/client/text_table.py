"""Rows as a table of monospace text in a code block."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from workplace_provider.http.redaction import remove_invisible

WIDEST_TABLE: Final = 100
"""Maximum columns of text in a line. A wider line is wrapped in Slack, which breaks the alignment."""
WIDEST_CELL: Final = 40
LONGEST_TABLE: Final = 2_800
"""Maximum characters of a table. A section block has up to 3,000."""
_GAP: Final = "  "
_CUT: Final = "…"


def text_table(rows: Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]], *, row_limit: int = 20) -> str:
    """Return rows as mrkdwn: a code block with aligned columns, in which wide characters count as two.

    ::

        text_table([{"team": "분석", "open": 3}, {"team": "Data", "open": 12}])

    Numbers are aligned to the right. Cells are cut after 40 columns of text, lines after 100. Rows above ``row_limit``, or
    above the length of a section block, are counted in a last line ``… n more rows``.

    :param rows: mappings, whose keys are the head of the table, or sequences
    :param row_limit: maximum number of rows
    """
    shown = rows[:row_limit]
    names, values = columns_of(shown)
    cells = [[_cell(value) for value in row] for row in values]
    head = [[_cell(name) for name in names]] if names else []
    widths = _widths([*head, *cells])
    lines = [_line(row, row_values, widths) for row, row_values in zip(cells, values, strict=True)]
    if head:
        lines = [_line(head[0], [0 if is_numeric(values, column) else "" for column in range(len(names))], widths), *lines]
        lines.insert(1, _GAP.join("-" * width for width in widths))
    return _in_code_block(lines, fixed=2 if head else 0, more=len(rows) - len(shown))


def columns_of(rows: Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns, none for sequences, and the values of each row in their order."""
    names = list(dict.fromkeys(str(name) for row in rows if isinstance(row, Mapping) for name in row))
    return names, [[row.get(name) for name in names] if isinstance(row, Mapping) else list(row) for row in rows]


def more_rows(count: int) -> str:
    """Return the line about the rows that a table does not show."""
    return f"… {count:,} more row{'s' if count > 1 else ''}"


def cell_text(value: Any, longest: int) -> str:
    """Return a value in one line, composed, without invisible characters."""
    text = "" if value is None else remove_invisible(str(value)[:longest], " ")
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_numeric(values: Sequence[Sequence[Any]], column: int) -> bool:
    """Return whether a column has a number."""
    return any(_is_number(row[column]) for row in values if column < len(row))


def _in_code_block(lines: Sequence[str], *, fixed: int, more: int) -> str:
    """Return the lines that fit, and the number of the other rows.

    :param fixed: number of lines that are no rows
    :param more: number of rows that have no line
    """
    kept, length = [], 0
    for line in lines:
        escaped = _escape(line)
        length += len(escaped) + 1
        if length > LONGEST_TABLE:
            break
        kept.append(escaped)
    more += len(lines) - max(len(kept), fixed)
    block = "```\n" + "\n".join(kept or ["(no rows)"]) + "\n```"
    return f"{block}\n{more_rows(more)}" if more else block


def _escape(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(value: Any) -> str:
    """Return a value in one line, without backticks, which would end the code block."""
    return _cut(cell_text(value, 10 * WIDEST_CELL).replace("`", "'"), WIDEST_CELL)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of the columns that fit into a line; the last may be narrower than its cells."""
    count = max(map(len, rows), default=0)
    widths: list[int] = []
    room = WIDEST_TABLE
    for column in range(count):
        if room < 1:
            break
        width = max(1, *(text_width(row[column]) for row in rows if column < len(row)))
        widths.append(min(width, room))
        room -= widths[-1] + len(_GAP)
    return widths


def _line(cells: Sequence[str], values: Sequence[Any], widths: Sequence[int]) -> str:
    padded = []
    for cell, value, width in zip(cells, values, widths, strict=False):
        text = _cut(cell, width)
        blanks = " " * (width - text_width(text))
        padded.append(blanks + text if _is_number(value) else text + blanks)
    return _GAP.join(padded).rstrip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cut(text: str, width: int) -> str:
    """Return the start of a text that is not wider than a number of columns."""
    if text_width(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += text_width(character)
        if used > width - 1:
            break
        kept += character
    return kept.rstrip() + _CUT


def text_width(text: str) -> int:
    """Return the number of columns of a text in a monospace font.

    ::

        text_width("분석 ok")  # 7

    Korean, Japanese and Chinese characters take two, combining marks none. Source: Unicode Standard Annex 11.
    """
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
