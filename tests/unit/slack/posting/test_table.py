from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from support.slack_workspace import CHANNEL, SlackWorkspace, context
from workplace_provider.slack.client import text_table
from workplace_provider.slack.client.text_table import LONGEST_TABLE, WIDEST_CELL, WIDEST_TABLE, text_width
from workplace_provider.slack.operators import SlackPostOperator


def post(**arguments: Any) -> Any:
    operator = SlackPostOperator(task_id="post", **{"channel": CHANNEL, "text": "열린 이슈", **arguments})
    return operator.execute(context())


def lines(table: str) -> list[str]:
    return table.removeprefix("```\n").partition("\n```")[0].split("\n")


def test_columns_are_aligned_for_wide_characters() -> None:
    table = text_table([{"팀": "분석", "open": 3, "rate": Decimal("1.5")}, {"팀": "Data", "open": 12, "rate": None}])
    assert lines(table) == [
        "팀    open  rate",
        "----  ----  ----",
        "분석     3   1.5",
        "Data    12",
    ]


def test_rows_without_names_have_no_head() -> None:
    assert text_table([("a", 1), ("bb", 20)]) == "```\na    1\nbb  20\n```"


@pytest.mark.parametrize(
    ("text", "width"), [("ab", 2), ("한글", 4), ("日本", 4), ("ｶﾅ", 2), ("e\u0301", 1), ("a\u200bb", 2), ("", 0)]
)
def test_the_width_of_a_text(text: str, width: int) -> None:
    assert text_width(text) == width


def test_rows_above_the_limit_are_counted() -> None:
    rows = [[number] for number in range(1, 1_235)]
    assert text_table(rows, row_limit=2) == "```\n1\n2\n```\n… 1,232 more rows"
    assert text_table(rows[:3], row_limit=2).endswith("\n… 1 more row")
    assert "more" not in text_table(rows[:2], row_limit=2)


def test_no_rows_and_ragged_rows() -> None:
    assert text_table([]) == "```\n(no rows)\n```"
    assert lines(text_table([["a", "b"], ["c"], []])) == ["a  b", "c", ""]
    assert lines(text_table([{"a": 1}, {"b": 2}])) == ["a  b", "-  -", "1", "   2"]


@pytest.mark.parametrize("cell", ["한" * 5_000, "<" * 5_000, "&`\n" * 2_000, "x" * 5_000, "e\u0301" * 5_000])
def test_the_size_is_limited(cell: str) -> None:
    table = text_table([{f"column {number}": cell for number in range(50)}] * 500, row_limit=500)
    assert len(table) < LONGEST_TABLE + 60
    plain = [line.replace("&lt;", "<").replace("&amp;", "&") for line in lines(table)]
    assert max(map(text_width, plain)) <= WIDEST_TABLE
    assert table.endswith(" more rows")
    (alone,) = lines(text_table([[cell]]))
    assert text_width(alone.replace("&lt;", "<").replace("&amp;", "&")) <= WIDEST_CELL


def test_cells_are_data(workspace: SlackWorkspace) -> None:
    post(rows=[["<!channel> ``` <https://evil.example|x> \u202e {{ 7 * 7 }}\nnext"]])
    (text,) = workspace.texts
    assert text == ("열린 이슈\n```\n&lt;!channel&gt; ''' &lt;https://evil.example|x&gt;…\n```")


def test_a_secret_in_a_cell_is_masked_before_it_is_cut(workspace: SlackWorkspace) -> None:
    mask_secret("s3cret-that-is-long-enough")
    post(rows=[["x" * 30 + " s3cret-that-is-long-enough"]])
    assert "s3cret" not in workspace.texts[0]


def test_a_table_follows_the_blocks(workspace: SlackWorkspace) -> None:
    post(blocks=[{"type": "divider"}], rows=[{"a": 1}])
    blocks = workspace.said[0].payload["blocks"]
    assert blocks[1] == {"type": "section", "text": {"type": "mrkdwn", "text": "```\na\n-\n1\n```"}}


def test_a_table_needs_no_text(workspace: SlackWorkspace) -> None:
    post(text=None, rows='[{"a": 1}]')
    assert workspace.texts == ["```\na\n-\n1\n```"]


def test_rows_of_a_file(workspace: SlackWorkspace, tmp_path: Any) -> None:
    (tmp_path / "rows.csv").write_text("팀,수\n분석,1\n")
    post(rows=str(tmp_path / "rows.csv"), row_limit="5")
    assert "분석" in workspace.texts[0]


@pytest.mark.parametrize("arguments", [{"rows": 7}, {"rows": [["a"]], "row_limit": 0}, {"message": {"rows": [["a"]]}}])
def test_wrong_rows_fail(workspace: SlackWorkspace, arguments: Any) -> None:
    with pytest.raises(AirflowFailException):
        post(**arguments)
    assert not workspace.said
