"""What changed between two versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workplace_sandbox.ui.diff import DiffRow, compare, split_blocks


def sides(rows: list[DiffRow]) -> tuple[str, str]:
    old = "\n".join("".join(t for _, t in row.old.parts) for row in rows if row.old)
    new = "\n".join("".join(t for _, t in row.new.parts) for row in rows if row.new)
    return old, new


def test_a_page_in_one_line_is_split_at_its_blocks() -> None:
    body = "<h2>a</h2><p>b</p><table><tbody><tr><td><p>c</p></td></tr></tbody></table><ul><li><p>d</p></li></ul><p />"
    assert split_blocks(body) == [
        "<h2>a</h2>", "<p>b</p>", "<table>", "<tbody>", "<tr>", "<td><p>c</p></td>", "</tr>", "</tbody>", "</table>", "<ul>",
        "<li><p>d</p></li>", "</ul>", "<p />",
    ]  # fmt: skip


def test_only_the_changed_words_are_marked() -> None:
    (row,) = compare("<p>주간 매출 31억</p>", "<p>주간 매출 32억</p>")
    assert row.kind == "changed"
    assert row.old is not None
    assert row.new is not None
    assert [text for differs, text in row.old.parts if differs] == ["31억"]
    assert [text for differs, text in row.new.parts if differs] == ["32억"]


def test_added_and_removed_lines_stand_alone() -> None:
    added = compare("<p>a</p>", "<p>a</p><p>b</p>")
    assert [(row.kind, row.old is None, row.new is None) for row in added] == [
        ("same", False, False),
        ("changed", True, False),
    ]
    removed = compare("<p>a</p><p>b</p>", "<p>b</p>")
    assert [(row.kind, row.new is None) for row in removed] == [("changed", True), ("same", False)]


def test_long_unchanged_passages_are_folded() -> None:
    lines = "".join(f"<p>{n}</p>" for n in range(100))
    rows = compare(lines + "<p>x</p>" + lines, lines + "<p>y</p>" + lines)
    assert [row.kind for row in rows] == ["gap", *["same"] * 3, "changed", *["same"] * 3, "gap"]
    assert rows[0].hidden == 97
    changed = rows[4]
    assert changed.old is not None
    assert changed.old.number == 101


def test_equal_bodies_have_no_rows() -> None:
    assert compare("<p>a</p>", "<p>a</p>") == []


@given(st.lists(st.sampled_from(["<p>a</p>", "<p>b c</p>", "<hr />", "text"]), max_size=7),
       st.lists(st.sampled_from(["<p>a</p>", "<p>b d</p>", "<hr />"]), max_size=7))  # fmt: skip
def test_nothing_gets_lost(old: list[str], new: list[str]) -> None:
    rows = compare("".join(old), "".join(new))
    if rows and not any(row.kind == "gap" for row in rows):
        assert sides(rows) == ("\n".join(split_blocks("".join(old))), "\n".join(split_blocks("".join(new))))
