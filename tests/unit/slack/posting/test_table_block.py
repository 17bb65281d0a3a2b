from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slack_sdk.models.blocks import TableBlock

from support.slack_workspace import CHANNEL, SlackWorkspace, context
from workplace_provider.slack.client import split_message
from workplace_provider.slack.client.table_block import table_blocks
from workplace_provider.slack.operators import SlackPostOperator
from workplace_sandbox.faults import Fault

ROWS = [{"팀": "분석 <!channel>", "open": 3}, {"팀": "", "open": 12}]


def post(**arguments: Any) -> Any:
    operator = SlackPostOperator(task_id="post", **{"channel": CHANNEL, "row_style": "block", **arguments})
    return operator.execute(context(run_id=uuid4().hex))


def texts(cells: Any) -> list[str]:
    """Return the texts of a block, in their order."""
    if isinstance(cells, dict):
        return [value for key, value in cells.items() if key == "text" and isinstance(value, str)] + [
            text for value in cells.values() for text in texts(value)
        ]
    return [text for cell in cells for text in texts(cell)] if isinstance(cells, list) else []


def test_rows_become_a_table_block() -> None:
    blocks = table_blocks(ROWS)
    assert blocks is not None
    (block,) = blocks
    assert [texts(row) for row in block["rows"]] == [["팀", "open"], ["분석 <!channel>", "3"], [" ", "12"]]
    assert block["column_settings"] == [{"align": "left"}, {"align": "right"}]
    TableBlock(**{name: value for name, value in block.items() if name != "type"}).validate_json()


def test_rows_without_names_and_of_different_lengths() -> None:
    blocks = table_blocks([["a", "b"], ["c"], ["d", "e"], ["f", "g"]], row_limit=2)
    assert blocks is not None
    assert [texts(row) for row in blocks[0]["rows"]] == [["a", "b"], ["c", " "]]
    assert texts(blocks[1]) == ["… 2 more rows"]


@pytest.mark.parametrize(
    "rows",
    [[], [[]], [["x"] * 21], [["x"]] * 101, [{"a": 1}] * 100, [["x" * 10_001]], [["한" * 400] * 5] * 6],
)
def test_rows_that_do_not_fit_are_no_block(rows: Any) -> None:
    assert table_blocks(rows, row_limit=500) is None


@pytest.mark.parametrize("rows", [[["x"] * 20] * 100, [{"a": 1}] * 99, [["x" * 10_000]]])
def test_the_largest_tables(workspace: SlackWorkspace, rows: Any) -> None:
    post(rows=rows, row_limit=500)
    assert workspace.said[0].payload["blocks"][0]["type"] == "table"


def test_a_message_with_a_table_block(workspace: SlackWorkspace) -> None:
    post(text="*열린 이슈*", rows=ROWS, row_limit=1)
    (message,) = workspace.said
    assert message.text == "*열린 이슈*"
    blocks = message.payload["blocks"]
    assert [block["type"] for block in blocks] == ["section", "table", "context"]
    assert (texts(blocks[0]), texts(blocks[2])) == (["*열린 이슈*"], ["… 1 more row"])
    post(text="알림", blocks=[{"type": "divider"}], rows=ROWS)
    assert [block["type"] for block in workspace.said[-1].payload["blocks"]] == ["divider", "table"]


def test_rows_that_do_not_fit_are_a_text_table(workspace: SlackWorkspace) -> None:
    post(rows=[["x" * 30] * 20] * 20)
    table = table_blocks(ROWS)
    post(blocks=table, rows=[["a", 1]])
    first, second = workspace.said
    assert first.text.startswith("```\nxxx")
    assert "blocks" not in first.payload
    assert [block["type"] for block in second.payload["blocks"]] == ["table", "section"]


def test_a_table_that_slack_refuses_is_a_text_table(workspace: SlackWorkspace) -> None:
    refusal = '{"ok":false,"error":"invalid_attachments"}'
    workspace.sandbox.add_fault(Fault("chat.postMessage", "status", status=200, body=refusal))
    post(rows=ROWS)
    assert workspace.texts[0].startswith("```")
    workspace.sandbox.add_fault(Fault("chat.postMessage", "status", status=200, body=refusal))
    with pytest.raises(AirflowFailException, match="invalid_attachments"):
        post(rows=ROWS, row_style="text")


def test_two_tables_are_two_messages(workspace: SlackWorkspace) -> None:
    tables = [*(table_blocks(ROWS) or []), *(table_blocks(ROWS) or [])]
    assert [len(part.blocks) for part in split_message("x", tables)] == [1, 1]
    post(blocks=tables)
    assert [message.thread_ts for message in workspace.said] == [None, workspace.said[0].ts]
