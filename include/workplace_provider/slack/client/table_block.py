"""Rows as Slack's table block.

A table has up to 100 rows of 20 cells and 10,000 characters, and a message one table. Slack refuses the whole message
otherwise, so rows that do not fit become a text table.
Sources: https://docs.slack.dev/reference/block-kit/blocks/table-block, getnao/nao PR 1178, netclaw-dev/netclaw#55
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from workplace_provider.slack.client.text_table import cell_text, columns_of, is_numeric, more_rows

MOST_ROWS: Final = 100
MOST_COLUMNS: Final = 20
MOST_CHARACTERS: Final = 10_000
"""Limit for the cells of a table together."""
REFUSALS: Final = frozenset({"invalid_blocks", "invalid_attachments", "msg_blocks_too_long"})
"""Slack's error codes for a message whose table it does not accept."""
# Slack refuses empty cells.
_EMPTY: Final = " "

Object = dict[str, Any]


def table_blocks(rows: Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]], *, row_limit: int = 20) -> list[Object] | None:
    """Return rows as a table block, and a line with the number of the others; ``None`` if they do not fit.

    ::

        table_blocks([{"team": "분석", "open": 3}, {"team": "Data", "open": 12}])

    The names of the columns are in bold, and columns with numbers are aligned to the right. Cells are plain text, so
    mentions and markup in them have no effect.

    :param rows: mappings, whose keys are the head of the table, or sequences
    :param row_limit: maximum number of rows
    """
    shown = rows[:row_limit]
    names, values = columns_of(shown)
    count = max((len(row) for row in values), default=0)
    texts = [[cell_text(value, MOST_CHARACTERS + 1) or _EMPTY for value in row] for row in values]
    head = [cell_text(name, MOST_CHARACTERS + 1) or _EMPTY for name in names]
    size = sum(len(text) for row in [head, *texts] for text in row)
    if not texts or not count or len(texts) + bool(head) > MOST_ROWS or count > MOST_COLUMNS or size > MOST_CHARACTERS:
        return None
    # Rows of different lengths are filled up, so that each column keeps its place.
    table = [[_text_cell(text) for text in [*row, *[_EMPTY] * (count - len(row))]] for row in texts]
    settings = [{"align": "right" if is_numeric(values, column) else "left"} for column in range(count)]
    block: Object = {
        "type": "table",
        "column_settings": settings,
        "rows": [[_bold_cell(name) for name in head], *table] if head else table,
    }
    more = len(rows) - len(shown)
    return [block, {"type": "context", "elements": [{"type": "plain_text", "text": more_rows(more)}]}] if more else [block]


def has_table(blocks: Sequence[Object]) -> bool:
    """Return whether blocks have a table."""
    return any(block.get("type") == "table" for block in blocks)


def _text_cell(text: str) -> Object:
    return {"type": "raw_text", "text": text}


def _bold_cell(text: str) -> Object:
    element = {"type": "text", "text": text, "style": {"bold": True}}
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [element]}]}
