from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Image, Link, PageDocument, Status, Storage, User, edits
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.tables import Table
from workplace_provider.confluence.pages.words import visible_text

HEAD = (
    '<table data-layout="wide"><colgroup><col style="width: 200px;" /><col /><col /></colgroup>'
    "<tbody><tr><th><p>지표</p></th><th><p>값</p></th><th><p>상태</p></th></tr>"
)
ROW = (
    '<tr><td data-highlight-colour="#e3fcef"><p><strong>WAU</strong></p></td>'
    "<td><p style='text-align: right;'>252,518</p></td>"
    '<td><p><ac:structured-macro ac:name="status" ac:macro-id="m1"><ac:parameter ac:name="title">달성</ac:parameter>'
    '<ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro></p></td></tr>'
)
TOTAL = "<tr><td>합계</td><td>1</td><td></td></tr>"
TABLE = f"{HEAD}{ROW}{ROW.replace('WAU', 'MAU')}{TOTAL}</tbody></table>"
BEFORE, AFTER = "<h2>핵심&nbsp;지표</h2><p>앞&nbsp;글</p>\r\n", "<p>뒤 글<br/></p>"
PAGE = f"{BEFORE}{TABLE}{AFTER}"


def applied(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


def texts(page: str, number: int = 0) -> list[list[str]]:
    """The words of every cell of a table."""
    table = Table(PageDocument(page).select("//table")[number])
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_rows_are_replaced_and_the_looks_stay() -> None:
    rows = [
        {"지표": "신규 가입", "값": 11551, "상태": Status("주의", "Yellow")},
        {"지표": "매출", "값": None, "상태": "미정"},
    ]
    page = applied(PAGE, edits.ReplaceTableRows(rows))
    assert page.startswith(BEFORE + HEAD)
    assert page.endswith(f"{TOTAL}</tbody></table>{AFTER}")
    assert texts(page)[1:] == [["신규 가입", "11,551", "주의"], ["매출", "", "미정"], ["합계", "1", ""]]
    first = page[len(BEFORE + HEAD) :]
    assert first.startswith('<tr><td data-highlight-colour="#e3fcef"><p><strong>신규 가입</strong></p></td>')
    assert "<td><p style='text-align: right;'>11,551</p></td>" in first
    assert page.count("ac:macro-id") == 0  # an id belongs to one place
    # Text in place of a lozenge is the lozenge's title: its colour stays.
    assert '<ac:parameter ac:name="title">미정</ac:parameter><ac:parameter ac:name="colour">Green</ac:parameter>' in page


def test_the_columns_and_their_order_may_be_named() -> None:
    page = applied(PAGE, edits.ReplaceTableRows([[7, "DAU"]], columns=["값", "지표"]))
    assert texts(page)[1] == ["DAU", "7", ""]
    page = applied(PAGE, edits.ReplaceTableRows([{"n": 7, "name": "DAU", "x": 1}], columns={"지표": "name", "값": "n"}))
    assert texts(page)[1] == ["DAU", "7", ""]
    page = applied(PAGE, edits.ReplaceTableRows([("DAU", 7)]))
    assert texts(page)[1] == ["DAU", "7", ""]


def test_numbers_and_dates_have_formats() -> None:
    rows = [{"지표": dt.date(2026, 11, 19), "값": 0.0734}, {"지표": dt.datetime(2026, 11, 19, 9, 5), "값": Decimal("1.5")}]
    page = applied(PAGE, edits.ReplaceTableRows(rows, formats={"값": ".1%"}))
    assert texts(page)[1][:2] == ["2026-11-19", "7.3%"]
    assert '<time datetime="2026-11-19" />' in page
    assert texts(page)[2][:2] == ["2026-11-19 09:05", "150.0%"]
    with pytest.raises(EditError, match="column '값': the format '%Q!' does not fit 1"):
        applied(PAGE, edits.ReplaceTableRows([{"값": 1}], formats={"값": "%Q!"}))


def test_links_users_images_and_storage_are_cells() -> None:
    row = [Link("문서", url="https://x.example/?a=1&b=2"), User(username="jimin"), Storage("<p>a</p><p>b</p>")]
    page = applied(PAGE, edits.ReplaceTableRows([row]))
    assert '<a href="https://x.example/?a=1&amp;b=2">문서</a>' in page
    assert '<ac:link><ri:user ri:username="jimin" /></ac:link>' in page
    assert "<td><p>a</p><p>b</p></td>" in page
    plain = [
        {"link": {"text": "p", "page": "지표 정의"}},
        {"image": {"filename": "가.png", "width": 40}},
        {"date": "2026-11-19"},
    ]
    page = applied(PAGE, edits.ReplaceTableRows([plain]))
    assert '<ri:page ri:content-title="지표 정의" />' in page
    assert '<ac:image ac:width="40"><ri:attachment ri:filename="가.png" /></ac:image>' in page
    assert '<time datetime="2026-11-19" />' in page


def test_a_limit_says_how_many_more() -> None:
    page = applied(PAGE, edits.ReplaceTableRows([[str(n)] for n in range(10)], limit=2, more="외 {n}건"))
    assert [row[0] for row in texts(page)[1:]] == ["0", "1", "외 8건", "합계"]


def test_no_rows_leave_a_row_to_make_the_next_ones_of() -> None:
    empty = applied(PAGE, edits.ReplaceTableRows([]))
    assert texts(empty)[1:] == [["", "", ""], ["합계", "1", ""]]
    again = applied(empty, edits.ReplaceTableRows([["DAU", 1, "x"]]))
    assert 'data-highlight-colour="#e3fcef"><p><strong>DAU</strong>' in again


def test_with_a_key_what_a_person_wrote_in_other_columns_stays() -> None:
    page = PAGE.replace("<td><p style='text-align: right;'>252,518</p></td>", "<td><p>사람이 <em>씀</em></p></td>", 1)
    rows = [{"지표": "MAU", "상태": "주의"}, {"지표": "wau", "상태": "달성"}, {"지표": "DAU", "상태": "달성"}]
    result = applied(page, edits.ReplaceTableRows(rows, key="지표"))
    assert texts(result)[1:4] == [["MAU", "252,518", "주의"], ["wau", "사람이 씀", "달성"], ["DAU", "", "달성"]]
    assert "<em>씀</em>" in result


def test_which_table() -> None:
    table = "<table><tbody><tr><th>장치</th></tr><tr><td>PC</td></tr></tbody></table>"
    cell = f"<ac:layout-section><ac:layout-cell>{table}</ac:layout-cell></ac:layout-section>"
    other = f"<h2>장치</h2><ac:layout>{cell}</ac:layout>"
    page = PAGE + other
    for selector in (1, "장치", ["장치"]):
        assert texts(applied(page, edits.ReplaceTableRows([["모바일"]], table=selector)), 1) == [["장치"], ["모바일"]]
    assert texts(applied(page, edits.ReplaceTableRows([["x"]], table="핵심 지표")))[1][0] == "x"
    for selector, message in (
        (None, "the only table was found 2"),
        ("없음", "table 1 under 장치"),
        (5, "number 5"),
    ):
        with pytest.raises(EditError, match=message):
            applied(page, edits.ReplaceTableRows([], table=selector))
    assert applied("<p>a</p>", edits.ReplaceTableRows([["x"]], if_missing="skip")) == "<p>a</p>"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            edits.ReplaceTableRows([{"지표명": 1}]),
            "the column '지표명' was found 0 times, expected 1; the page has: '지표'",
        ),
        (edits.ReplaceTableRows([[1, 2, 3, 4]]), "has 4 values for 3 columns"),
        (edits.ReplaceTableRows(["text"]), "'text' is not a row"),
        (edits.ReplaceTableRows([{"a": 1}], columns={"지표": "b"}), "a row has no key 'b'; it has 'a'"),
        (
            edits.ReplaceTableRows([{"지표": {"colour": "x"}}]),
            "is not a value for a page; a mapping must have one key of link",
        ),
        (edits.SetCell(row={"지표": "없음"}, column="값"), "a row with '없음' in the column '지표'"),
        (edits.SetCell(row=7, column="값"), "no data row 7; the table has 2"),
        (edits.SetCell(column=9), "no column 9"),
        (edits.UpsertRow({"값": 1}, key="지표"), "no value for the key column"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(edit: Edit, message: str) -> None:
    document = PageDocument(PAGE)
    with pytest.raises(EditError, match=message):
        document.apply([edits.SetCell(value="x"), edit])
    assert document.storage == PAGE


def test_append_comes_before_the_totals() -> None:
    page = applied(PAGE, edits.AppendRow({"지표": "DAU", "값": 5}))
    assert [row[0] for row in texts(page)] == ["지표", "WAU", "MAU", "DAU", "합계"]
    assert page.replace(page[page.index(">DAU") - 60 : page.index(">DAU")], "").count("DAU") == 1


def test_upsert_changes_only_what_it_names() -> None:
    page = applied(PAGE, edits.UpsertRow({"지표": "mau", "값": 9}, key="지표"))
    assert page == PAGE.replace("252,518", "@", 1).replace("252,518", "9", 1).replace("@", "252,518")
    assert [row[0] for row in texts(applied(PAGE, edits.UpsertRow({"지표": "DAU"}, key="지표")))][3] == "DAU"
    assert applied(page, edits.UpsertRow({"지표": "MAU", "값": 9}, key="지표")) == page


def test_set_cell() -> None:
    page = applied(PAGE, edits.SetCell(row={"지표": "WAU"}, column="값", value=1))
    assert page == PAGE.replace("252,518", "1", 1)
    page = applied(PAGE, edits.SetCell(row=-1, column=2, value=Status("끝", "Blue")))
    assert texts(page)[2][2] == "끝"


MERGED = (
    "<table><tbody><tr><th rowspan='2'>지역</th><th colspan='2'>매출</th></tr><tr><th>지난주</th><th>이번 주</th></tr>"
    "<tr><td rowspan='2'>서울</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>{plain}</tbody></table>"
)
PLAIN = "<tr><td>부산</td><td>5</td><td>6</td></tr>"


def test_headers_of_several_rows_and_merged_cells() -> None:
    page = MERGED.format(plain=PLAIN)
    table = Table(PageDocument(page).select("//table")[0])
    assert table.headers == ["지역", "매출 / 지난주", "매출 / 이번 주"]
    result = applied(page, edits.ReplaceTableRows([{"지역": "대구", "이번 주": 7, "매출 / 지난주": 8}]))
    assert texts(result)[2:] == [["대구", "8", "7"]]
    assert texts(applied(page, edits.SetCell(row=1, column="지역", value="수도권")))[2][0] == "수도권"


def test_merged_cells_that_cannot_be_handled_are_refused_by_name() -> None:
    with pytest.raises(EditError, match="every data row has merged cells, such as '서울'"):
        applied(MERGED.format(plain=""), edits.ReplaceTableRows([["x"]]))
    spanning = HEAD.replace("<th><p>지표", "<th rowspan='2'><p>지표") + "<tr><td>1</td><td>2</td></tr></tbody></table>"
    with pytest.raises(EditError, match="the merged cell '지표' extends from row 1 into row 2"):
        applied(spanning, edits.ReplaceTableRows([["x"]]))


@pytest.mark.parametrize(
    "table",
    [
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody></tbody></table>",
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody /></table>",
        "<table><thead><tr><th>a</th><th>b</th></tr></thead></table>",
        "<table><tbody><tr><th>a</th><th>b</th></tr></tbody></table>",
        "<table><tr><th>a</th><th>b</th></tr><tr><td>합계</td><td>9</td></tr></table>",
    ],
)
def test_a_table_with_only_headers_gets_its_first_rows(table: str) -> None:
    for edit in (edits.ReplaceTableRows([[1, 2]]), edits.AppendRow([1, 2]), edits.UpsertRow({"a": 1, "b": 2}, key="a")):
        result = applied(table, edit)
        assert texts(result)[1] == ["1", "2"]
        assert texts(result)[0] == ["a", "b"]


def test_a_table_without_headers_goes_by_position() -> None:
    table = "<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>"
    assert texts(applied(table, edits.ReplaceTableRows([[1, 2], [3, 4]]))) == [["1", "2"], ["3", "4"]]
    with pytest.raises(EditError, match="no header row"):
        applied(table, edits.ReplaceTableRows([{"a": 1}]))
    assert texts(applied(table, edits.ReplaceTableRows([{"a": 1}], header_rows=1)))[1:] == [["1", ""]]


@pytest.mark.parametrize(
    ("cell", "filled"),
    [
        ("<td />", "<td>V</td>"),
        ("<td class='x'/>", "<td class='x'>V</td>"),
        ("<td><p /></td>", "<td><p>V</p></td>"),
        ("<td><p class='a'>x</p><p>y</p></td>", "<td><p class='a'>V</p></td>"),
        ("<td><p /><p>y</p></td>", "<td><p>V</p></td>"),
        ("<td>x <strong>y</strong></td>", "<td>V</td>"),
        ("<td><p>a<br />b</p></td>", "<td><p>V</p></td>"),
        ("<td><span style='color: red;'><em>x</em></span></td>", "<td><span style='color: red;'><em>V</em></span></td>"),
        ("<td><ul><li>x</li></ul></td>", "<td>V</td>"),
        ("<td><ac:image><ri:attachment ri:filename='a' /></ac:image></td>", "<td>V</td>"),
    ],
)
def test_a_value_goes_inside_the_tags_that_make_the_cells_looks(cell: str, filled: str) -> None:
    page = f"<table><tr><th>h</th></tr><tr>{cell}</tr></table>"
    assert applied(page, edits.SetCell(value="V")) == page.replace(cell, filled)


def test_white_space_between_rows_is_the_tables_own() -> None:
    page = "<table>\n  <tr><th>a</th></tr>\n  <tr><td>1</td></tr>\n  <tr><td>2</td></tr>\n</table>"
    result = applied(page, edits.ReplaceTableRows([["x"], ["y"]]))
    assert result == page.replace("1", "x").replace("2", "y")


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["]]>", "<script>alert(1)</script>", "&nbsp;", "\x00\x0b", "a\u0301\u202eb", "👩‍👩‍👧", "</td></tr>", "{{x}}", "\r\n"]
    ),
)


@given(st.lists(st.lists(HOSTILE, min_size=1, max_size=3), max_size=4))
def test_no_text_is_ever_markup_and_nothing_around_changes(rows: list[list[str]]) -> None:
    page = applied(PAGE, edits.ReplaceTableRows(rows))
    assert page.startswith(BEFORE + HEAD)
    assert page.endswith(f"{TOTAL}</tbody></table>{AFTER}")
    shown = texts(page)[1:-1]
    assert len(shown) == max(1, len(rows))
    allowed = {each.tag for each in PageDocument(PAGE).root.iter("*")} | {"br"}
    assert {each.tag for each in PageDocument(page).root.iter("*")} <= allowed


@given(HOSTILE)
def test_no_text_is_silently_lost(text: str) -> None:
    page = applied(PAGE, edits.SetCell(column="값", value=text))
    (cell,) = [row.cells[1] for row in Table(PageDocument(page).select("//table")[0]).rows[1:2]]
    want = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\t\n\r" else c for c in text)
    want = want.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    assert cell.text == " ".join(want.split())


def test_a_cell_of_a_megabyte() -> None:
    text = "가<&>" * 250_000
    page = applied(PAGE, edits.SetCell(column="값", value=text))
    assert visible_text(PageDocument(page).select("//td")[1]) == text


@pytest.mark.contract
def test_every_table_of_the_recorded_pages(recorded_pages: list[Path]) -> None:
    tables = 0
    for file in recorded_pages:
        body = file.read_bytes().decode()
        elements = PageDocument(body).select("//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]")
        for number, element in enumerate(elements):
            tables += 1
            _assert_only_the_table_changes(body, number, Table(element).width)
    assert tables > 15


def _assert_only_the_table_changes(body: str, number: int, width: int) -> None:
    document = PageDocument(body)
    span = document.span(document.select("//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]")[number])
    rows: list[Mapping[int, Any] | list[str]] = [["새 값"] * width, ["<&>"] * width]
    try:
        document.apply([edits.ReplaceTableRows(rows, table=number)])
    except EditError as error:
        assert "merged" in str(error) or "spans" in str(error)  # noqa: PT017 - refused by name
        assert document.storage == body
    else:
        assert document.storage.startswith(body[: span.start])
        assert document.storage.endswith(body[span.end :])


def test_images_as_values_are_escaped() -> None:
    page = applied(PAGE, edits.SetCell(value=Image('a"b.png', alt="<x>", caption="&")))
    assert 'ri:filename="a&quot;b.png"' in page
    assert 'ac:alt="&lt;x&gt;"' in page


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status("x", "Pink"),  # type: ignore[arg-type]
        lambda: Link("x"),
        lambda: Link("x", url="a", page="b"),
        lambda: Link("x", url="javascript:alert(1)"),
        lambda: User(),
        lambda: Storage("<p>"),
    ],
)
def test_values_that_are_none_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"the colour of a status|exactly one|must not link|never closed"):
        make()


PEOPLE = "<table><tbody><tr><th>팀</th><th>담당</th><th>건수</th><th>코멘트</th></tr>{rows}</tbody></table>"


def person(name: str, team: str = "A", comment: str = "", kind: str = "username") -> str:
    who = f'<ac:link><ri:user ri:{kind}="{name}" /></ac:link>'
    return f"<tr><td>{team}</td><td>{who}</td><td>1</td><td>{comment}</td></tr>"


def figures(name: str, count: int = 7, team: str = "A", kind: str = "username") -> dict[str, Any]:
    return {"팀": team, "담당": {"user": {kind: name}}, "건수": count}


def test_rows_of_mentions_are_known_by_the_person() -> None:
    page = PEOPLE.format(rows=person("haruka", comment="하루카") + person("jimin", comment="지민"))
    result = applied(page, edits.ReplaceTableRows([figures("jimin"), figures("new"), figures("haruka")], key="담당"))
    assert texts(result)[1:] == [["A", "@jimin", "7", "지민"], ["A", "@new", "7", ""], ["A", "@haruka", "7", "하루카"]]
    result = applied(page, edits.UpsertRow(figures("jimin", 9), key="담당"))
    assert texts(result)[2] == ["A", "@jimin", "9", "지민"]
    result = applied(page, edits.SetCell(row={"담당": {"user": {"username": "jimin"}}}, column="건수", value=5))
    assert texts(result)[1:3] == [["A", "@haruka", "1", "하루카"], ["A", "@jimin", "5", "지민"]]


def test_two_columns_are_one_key() -> None:
    page = PEOPLE.format(rows=person("jimin", "A", "가") + person("jimin", "B", "나"))
    result = applied(page, edits.UpsertRow(figures("jimin", 9, "B"), key=["팀", "담당"]))
    assert texts(result)[1:] == [["A", "@jimin", "1", "가"], ["B", "@jimin", "9", "나"]]
    rows = [figures("jimin", 5, "B"), figures("jimin", 6, "A")]
    result = applied(page, edits.ReplaceTableRows(rows, key=("팀", "담당")))
    assert texts(result)[1:] == [["B", "@jimin", "5", "나"], ["A", "@jimin", "6", "가"]]
    result = applied(page, edits.SetCell(row={"팀": "B", "담당": "@jimin"}, column="건수", value=3))
    assert texts(result)[2][2] == "3"
    plain = edits.to_dict(edits.UpsertRow({"팀": "A"}, key=["팀", "담당"]))
    assert plain["key"] == ["팀", "담당"]
    assert edits.from_dict(plain) == edits.UpsertRow({"팀": "A"}, key=["팀", "담당"])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            edits.ReplaceTableRows([figures("a")] * 2, key="담당"),
            "rows 1 and 2 have the same key: '@a' in the column '담당'",
        ),
        (edits.ReplaceTableRows([{"담당": None}], key="담당"), "row 1 is empty in the key column '담당'"),
        (edits.ReplaceTableRows([{"건수": 1}], key="담당"), "row 1 has no value for the key column '담당'"),
        (edits.UpsertRow({"담당": "", "건수": 1}, key="담당"), "the row is empty in the key column '담당'"),
        (edits.UpsertRow(figures("twice"), key="담당"), "the data rows 2, 3 of the table have the same key: '@twice'"),
        (
            edits.UpsertRow(figures("id", kind="account_id"), key="담당"),
            "'@id' uses account-id, but the column '담당' stores mentions by username",
        ),
        (edits.UpsertRow({"팀": "A"}, key=[]), "key is an empty list"),
    ],
)  # fmt: skip
def test_keys_that_tell_nothing_apart_are_refused_by_name(edit: Edit, message: str) -> None:
    page = PEOPLE.format(rows=person("haruka") + person("twice") + person("twice"))
    with pytest.raises(EditError, match=message):
        applied(page, edit)


@pytest.mark.parametrize(
    "label",
    [
        *("합계", "합 계", "총 계", "누계", "평균", "합계 (원)", "합계(원):", "소 계", "합계 / Total", "[합계]", "（합계）"),
        *("Total", "TOTAL (KRW)", "Grand  Total", "Average", "Sub-total", "合計", "小 計", "合計（円）", "平均"),
        "<strong>합&nbsp;계</strong>",
    ],
)
def test_totals_stay_below_the_data(label: str) -> None:
    rows = f"<tr><td>q</td><td>1</td></tr><tr><td>{label}</td><td>9</td></tr>"
    table = f"<table><tr><th>지표</th><th>값</th></tr>{rows}{{}}</table>"
    for blank in ("", "<tr />", "<tr><td></td><td><p /></td></tr>"):
        page = table.format(blank)
        result = applied(page, edits.ReplaceTableRows([["A", 5], ["B", 6]]))
        assert [row[:1] for row in texts(result)[1:3]] == [["A"], ["B"]]
        assert result.endswith(page[page.index(f"<tr><td>{label}") :])
        assert texts(applied(page, edits.AppendRow(["C", 1])))[2] == ["C", "1"]


@pytest.mark.parametrize("label", ["합계 금액", "Total revenue", "전체", "매출 합계"])
def test_a_last_row_that_looks_like_a_total_is_logged(label: str, caplog: pytest.LogCaptureFixture) -> None:
    page = f"<table><tr><th>지표</th></tr><tr><td>q</td></tr><tr><td>{label}</td></tr></table>"
    applied(page, edits.ReplaceTableRows([["A"]]))
    assert f"starts with {label!r} and counts as data; set total_rows=1" in caplog.text
    caplog.clear()
    assert label in applied(page, edits.ReplaceTableRows([["A"]], total_rows=1))
    assert not caplog.text


def test_a_row_of_totals_in_header_cells_is_no_header() -> None:
    page = "<table><tr><th>지표</th><th>값</th></tr><tr><th>합계</th><th>9</th></tr></table>"
    assert [row[0] for row in texts(applied(page, edits.AppendRow(["A", 1])))] == ["지표", "A", "합계"]


RAGGED_HEAD = "<table><tbody><tr><th>a</th><th>b</th><th>c</th></tr>"


@pytest.mark.parametrize(
    "rows",
    [
        "<tr><td>1</td></tr><tr><td>1</td><td>2</td><td>3</td></tr>",
        "<tr><td>1</td></tr>",
        "<tr></tr><tr><td>1</td><td>2</td></tr>",
        "<tr /><tr><td /></tr>",
        "<tr />",
        "",
    ],
)
def test_short_rows_and_rows_without_cells_lose_no_values(rows: str) -> None:
    page = f"{RAGGED_HEAD}{rows}</tbody></table>"
    for edit in (
        edits.ReplaceTableRows([["A", "B", "C"]]),
        edits.AppendRow(["A", "B", "C"]),
        edits.AppendRow({"c": "C", "a": "A", "b": "B"}),
    ):
        assert ["A", "B", "C"] in texts(applied(page, edit))


def test_a_short_row_that_stays_gets_the_cells_it_needs() -> None:
    page = f"{RAGGED_HEAD}<tr><td>x</td></tr><tr><td>y</td><td>2</td><td>3</td></tr></tbody></table>"
    result = applied(page, edits.ReplaceTableRows([{"a": "x", "c": 9}, {"a": "y", "b": 8}], key="a"))
    assert texts(result)[1:] == [["x", "", "9"], ["y", "8", "3"]]


NUMBERED = (
    '<table class="wrapped"><tbody><tr><th class="numberingColumn"> </th><th>지표</th><th>값</th></tr>'
    '<tr><td class="numberingColumn">1</td><td>WAU</td><td>1</td></tr>'
    '<tr><td class="numberingColumn">2</td><td>합계</td><td>1</td></tr></tbody></table>'
)


def test_the_column_of_row_numbers_is_no_data() -> None:
    result = applied(NUMBERED, edits.ReplaceTableRows([["A", 1], ["B", 2]]))
    assert [PageDocument(result).select("//td[@class]")[n].text for n in range(3)] == ["1", "2", "3"]
    assert texts(result) == [["지표", "값"], ["A", "1"], ["B", "2"], ["합계", "1"]]
    result = applied(NUMBERED, edits.AppendRow({"지표": "DAU", "값": 5}))
    assert [each.text for each in PageDocument(result).select("//td[@class]")] == ["1", "2", "3"]
    assert texts(result)[2] == ["DAU", "5"]
    empty = NUMBERED[: NUMBERED.index('<tr><td class="numberingColumn">1')] + "</tbody></table>"
    assert '<tr><td class="numberingColumn">1</td><td><p>A</p></td>' in applied(empty, edits.AppendRow(["A", 1]))


def test_merged_cells_that_people_share_are_not_overwritten() -> None:
    rows = "<tr><td rowspan='2'>A</td><td>a</td></tr><tr><td>b</td></tr><tr><td>C</td><td>c</td></tr>"
    page = f"<table><tr><th>팀</th><th>이름</th></tr>{rows}</table>"
    with pytest.raises(EditError, match="the merged cell 'A' in column '팀' belongs to several"):
        applied(page, edits.UpsertRow({"이름": "b", "팀": "X"}, key="이름"))
    assert applied(page, edits.UpsertRow({"이름": "b", "팀": "A"}, key="이름")) == page
    with pytest.raises(EditError, match="the row with 'b' in the column '이름' has the merged cell 'A'"):
        applied(page, edits.ReplaceTableRows([{"이름": "b"}], key="이름"))


def test_a_column_is_found_with_and_without_its_emoji() -> None:
    page = '<table><tr><th><ac:emoticon ac:name="tick" /> 값</th></tr><tr><td>1</td></tr></table>'
    for name in ("값", "✅ 값"):
        assert texts(applied(page, edits.ReplaceTableRows([{name: 5}], table=[name])))[1] == ["5"]


BOMB = '<tr><td rowspan="1000" colspan="1000">x</td></tr>'


def test_a_table_that_covers_too_much_is_refused_by_name() -> None:
    page = f"<table>{BOMB * 300}</table>"
    with pytest.raises(EditError, match="merged cells cover more than 1,000,000 places"):
        applied(page, edits.ReplaceTableRows([["x"]]))
