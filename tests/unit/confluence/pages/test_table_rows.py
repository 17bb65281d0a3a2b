from __future__ import annotations

import pytest

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits import EditError
from workplace_provider.confluence.pages.edits.tables import table_rows

PAGE = (
    "<h2>분기 목표</h2><table><tbody><tr><th>지표</th><th>목표</th></tr>"
    "<tr><td>WAU &amp; MAU</td><td><strong>50,000</strong></td></tr><tr><td>전환율</td><td></td></tr>"
    "<tr><td>합계</td><td>1</td></tr></tbody></table><h2>기타</h2><table><tbody><tr><td>x</td></tr></tbody></table>"
)


def test_rows_of_a_table_are_mappings_of_headers_to_texts() -> None:
    rows = [{"지표": "WAU & MAU", "목표": "50,000"}, {"지표": "전환율", "목표": ""}]
    for selector in ("분기 목표", ["지표", "목표"], 0):
        assert table_rows(PageDocument(PAGE), selector) == rows


def test_a_table_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(EditError, match="a table under the heading '없음'"):
        table_rows(PageDocument(PAGE), "없음")
    with pytest.raises(EditError, match="each column needs a header of its own"):
        table_rows(PageDocument(PAGE), "기타")
    twice = PAGE.replace("<th>목표</th>", "<th>지표</th>")
    with pytest.raises(EditError, match="the headers of the table are"):
        table_rows(PageDocument(twice), "분기 목표")
