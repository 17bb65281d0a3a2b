"""Edits of random pages: nested, merged, ragged and headerless tables, layouts, macros, code."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument, edits, page_diff, same_content
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.tables import Table

TOP_TABLES = "//table[not(ancestor::table)]"
WORDS = st.sampled_from(["", "a", "지표", "1,234", "합 계", "&nbsp;", "a &amp; b"])
MENTION = '<ac:link><ri:user ri:username="jimin" /></ac:link>'
MACRO = '<ac:structured-macro ac:name="{}">{}</ac:structured-macro>'
INLINE = st.one_of(
    WORDS,
    WORDS.map(lambda text: f"<strong>{text}</strong>"),
    st.sampled_from(
        [
            MENTION,
            '<ac:emoticon ac:name="tick" />',
            '<ac:link><ri:page ri:content-title="A" /></ac:link>',
            '<time datetime="2026-11-19" />',
            MACRO.format("status", '<ac:parameter ac:name="title">OK</ac:parameter>'),
            MACRO.format("jira", '<ac:parameter ac:name="key">DATA-1</ac:parameter>'),
            '<ac:image><ri:attachment ri:filename="a.png" /></ac:image>',
            "<br/>",
        ]
    ),
)
CODE = WORDS.map(
    lambda text: MACRO.format("code", f"<ac:plain-text-body><![CDATA[<table><tr><td>{text}]]></ac:plain-text-body>")
)


def _cell(content: str, kind: str, rowspan: int, colspan: int) -> str:
    spans = "".join(f' {name}="{span}"' for name, span in (("rowspan", rowspan), ("colspan", colspan)) if span > 1)
    return f"<{kind}{spans}>{content}</{kind}>"


def _tables(blocks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    spans = st.sampled_from([1, 1, 1, 1, 2, 3])
    cells = st.builds(_cell, st.one_of(INLINE, blocks), st.sampled_from(["td", "td", "th"]), spans, spans)
    rows = st.lists(cells, max_size=4).map(lambda row: f"<tr>{''.join(row)}</tr>")
    header = st.sampled_from(["", "<tr><th>a</th><th>b</th></tr>", "<tr><th>a</th></tr>"])
    total = st.sampled_from(["", "<tr><td>합 계</td><td>9</td></tr>"])
    return st.builds(
        lambda head, body, tail: f"<table><tbody>{head}{''.join(body)}{tail}</tbody></table>",
        header,
        st.lists(rows, max_size=4),
        total,
    )


def _around(blocks: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(blocks, max_size=2).map("".join)
    return st.one_of(
        _tables(blocks),
        body.map(lambda inner: MACRO.format("info", f"<ac:rich-text-body>{inner}</ac:rich-text-body>")),
        body.map(lambda inner: f"<ul><li>{inner}</li></ul>"),
    )


BLOCKS = st.recursive(st.one_of(INLINE.map(lambda text: f"<p>{text}</p>"), CODE), _around, max_leaves=6)
HEADINGS = st.builds(lambda level, text: f"<h{level}>{text}</h{level}>", st.integers(1, 4), INLINE)
LAYOUT = '<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>{}</ac:layout-cell></ac:layout-section></ac:layout>'
PAGES = st.builds(
    lambda blocks, table, more, layout: (LAYOUT if layout else "{}").format("".join([*blocks, table, *more])),
    st.lists(st.one_of(BLOCKS, HEADINGS), max_size=3),
    _tables(BLOCKS),
    st.lists(st.one_of(BLOCKS, HEADINGS), max_size=3),
    st.booleans(),
)


@given(PAGES, st.integers(0, 3), st.lists(st.lists(st.sampled_from(["x1", "x2", "x3"]), min_size=1, max_size=3), max_size=3))
def test_rows_are_written_whole_or_refused_by_name(page: str, number: int, rows: list[list[str]]) -> None:
    document = PageDocument(page)
    tables = document.select(TOP_TABLES)
    number %= len(tables)
    span = document.span(tables[number])
    before, after = page[: span.start], page[span.end :]
    for edit in (edits.ReplaceTableRows(rows, table=number), edits.AppendRow(rows[0] if rows else ["x1"], table=number)):
        changed = PageDocument(page)
        try:
            changed.apply([edit])
        except EditError as error:
            assert changed.storage == page
            assert str(error).startswith(type(edit).__name__)  # noqa: PT017 - refused by name
            continue
        assert changed.storage.startswith(before)
        assert changed.storage.endswith(after)
        written = [edit.row] if isinstance(edit, edits.AppendRow) else rows
        table = Table(changed.select(TOP_TABLES)[number])
        shown = [[cell.text for cell in row.cells] for row in table.rows]
        for row in written:
            assert any(cells[: len(row)] == list(row) for cells in shown), (row, shown)


@given(PAGES, st.data())
def test_every_other_edit_changes_its_place_alone(page: str, data: Any) -> None:
    edit: Edit = data.draw(
        st.sampled_from(
            [
                edits.ClearSection("a", if_missing="skip"),
                edits.ReplaceSection("a", "new", if_missing="skip"),
                edits.ReplaceSection("✅", "new", if_missing="skip"),
                edits.ReplaceSection("@jimin", "new", if_missing="skip"),
                edits.ShiftDates(days=7, if_missing="skip"),
                edits.QualifyReferences("S"),
                edits.SetCell(row={"a": "a"}, column="b", value="v", table=0, if_missing="skip"),
                edits.UpsertRow({"a": "a", "b": "v"}, key="a", table=0, if_missing="skip"),
            ]
        )
    )
    document = PageDocument(page)
    try:
        document.apply([edit])
    except EditError:
        assert document.storage == page
        return
    once = document.storage
    PageDocument(once)
    for code in PageDocument(page).select("//ac:plain-text-body[not(ancestor::table)]"):
        if not isinstance(edit, edits.ClearSection | edits.ReplaceSection):
            assert (code.text or "") in once
    if isinstance(edit, edits.QualifyReferences):
        assert document.apply([edit]).storage == once


@given(PAGES, PAGES)
def test_differences_are_found_and_each_heading_is_there_once(one: str, other: str) -> None:
    assert not page_diff(one, one).changed
    assert page_diff(one, other).changed is not same_content(one, other)


@pytest.mark.parametrize("nested", [50, 500])
def test_deeply_nested_tables(nested: int) -> None:
    page = "<table><tr><th>h</th></tr><tr><td>" * nested + "x" + "</td></tr></table>" * nested
    assert ">v<" in PageDocument(page).apply([edits.ReplaceTableRows([["v"]])]).storage
    assert page_diff(page, page.replace(">x<", ">y<")).changed
