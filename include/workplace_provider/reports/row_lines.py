"""Lines of a message from the rows of a source, such as the key figures of a report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.outgoing import slack_text

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ReportDefinition, RowLines

_COLUMN: Final = re.compile(r"\{([^{}]+)\}")


def row_lines(rule: RowLines, rows: Sequence[Mapping[str, Any]], formats: Mapping[str, str]) -> list[str]:
    """Return a line for each row, in Slack's mrkdwn. The values of the rows are text, never markup.

    ::

        row_lines(RowLines(source="kpis", text="{지표}: *{값}*"), [{"지표": "WAU", "값": 249044}], {"값": ",.0f"})
        # ["• WAU: *249,044*"]

    :param formats: formats of the columns, as in a table
    :raises ValueError: for a column that the rows do not have
    """
    return [f"• {_COLUMN.sub(partial(_cell, row=row, formats=formats), rule.text)}" for row in rows[: rule.limit]]


def columns_in(rule: RowLines) -> list[str]:
    """Return the columns that the lines name."""
    return _COLUMN.findall(rule.text)


def formats_of(definition: ReportDefinition, rule: RowLines) -> Mapping[str, str]:
    """Return the formats of the lines, by default those of the table that shows the same source."""
    from workplace_provider.reports.definition import TableFill

    tables = (fill for fill in definition.fill if isinstance(fill, TableFill) and fill.source == rule.source)
    return rule.formats or next((table.formats for table in tables if table.formats), {})


def _cell(match: re.Match[str], *, row: Mapping[str, Any], formats: Mapping[str, str]) -> str:
    from workplace_provider.confluence.pages.values import to_storage

    column = match[1]
    if column not in row:
        raise ValueError(f"the rows have no column {column!r}; they have {', '.join(map(str, row))}")
    value = row[column]
    return slack_text(value if isinstance(value, str) else unescape(to_storage(value, formats.get(column), of=column)))
