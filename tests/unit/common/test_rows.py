from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections import namedtuple
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common import Rows
from workplace_provider.common.artifacts import Artifact
from workplace_provider.common.rows import read_rows

ROWS = [{"지표": "활성 사용자", "값": "1,234"}, {"지표": "전환율 <b>&", "값": ""}]
Pair = namedtuple("Pair", ["name", "value"])


@dataclass
class Metric:
    name: str
    value: int


def file(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


EMPTY = (None,) * 5
DESCRIPTION = [("지표", "string", *EMPTY), ("값", "bigint", *EMPTY)]
RESULT = [("활성 사용자", 1234), ("전환율", 5)]
NAMED = [{"지표": "활성 사용자", "값": 1234}, {"지표": "전환율", "값": 5}]
SEVEN = [(f"c{number}", None, None, None, None, None, None) for number in range(7)]


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([(DESCRIPTION, RESULT)], NAMED),  # DatabricksSqlOperator with a list of one statement
        ((DESCRIPTION, RESULT), NAMED),  # with one statement
        ([(RESULT, DESCRIPTION)], NAMED),
        ((RESULT, DESCRIPTION), NAMED),
        ([(DESCRIPTION, [])], []),
        ((DESCRIPTION, RESULT[0]), NAMED[:1]),  # fetch_one_handler
        ((SEVEN, [("a", 1, 2, 3, 4, 5, 6)]), [{f"c{number}": value for number, value in enumerate("a123456")}]),
        ([(SEVEN, [("a",) + (None,) * 6])], [{f"c{number}": "a" if not number else None for number in range(7)}]),
    ],
)
@pytest.mark.parametrize("through_json", [False, True])
def test_what_sql_operators_return(value: Any, rows: Any, through_json: bool) -> None:
    found = read_rows(json.loads(json.dumps(value)) if through_json else value)
    assert [{k: str(v) for k, v in row.items()} if isinstance(row, dict) else row for row in found] == [
        {k: str(v) for k, v in row.items()} if isinstance(row, dict) else row for row in rows
    ]


def test_a_tuple_of_values_is_one_row() -> None:
    assert read_rows(("활성 사용자", 1234)) == [["활성 사용자", 1234]]
    with pytest.raises(ValueError, match="row 1 is '활성 사용자'"):
        read_rows(json.loads(json.dumps(("활성 사용자", 1234))))  # a list of values may be anything


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([(DESCRIPTION, RESULT), (DESCRIPTION, RESULT)], "results of 2 SQL statements"),
        ((DESCRIPTION, None), "the statement returned none"),
        ((DESCRIPTION, [(1, 2, 3)]), "row 1 has 3 values for the 2 columns"),
        (["01b1-query-id"], "row 1 is '01b1-query-id'"),  # SnowflakeSqlApiOperator returns ids
        ("job_123", None),
    ],
)
def test_results_that_are_no_rows_are_refused_by_name(value: Any, message: str | None) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_rows(value)


# --- what tasks return ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([], []),
        ([{"a": 1}, {"a": None}], [{"a": 1}, {"a": None}]),
        ([[1, "x"], [2, "y"]], [[1, "x"], [2, "y"]]),
        ([(1, "x")], [[1, "x"]]),
        (((1, "x"), (2, "y")), [[1, "x"], [2, "y"]]),
        ([Pair("a", 1)], [["a", 1]]),
        ([Metric("a", 1)], [{"name": "a", "value": 1}]),
        ([{1: "x"}], [{"1": "x"}]),
        # A cell may be a list; a row of lists is a row.
        ([[["a", "b"], ["c"]]], [[["a", "b"], ["c"]]]),
        ('[{"a": 1}]', [{"a": 1}]),
        (" [[1, 2]]", [[1, 2]]),
        ([{"uri": "https://x.example", "n": 1}], [{"uri": "https://x.example", "n": 1}]),
        # SQL: the result of a list of one statement; with the cursor's description.
        ([[(1, "x"), (2, "y")]], [[1, "x"], [2, "y"]]),
        (([(1, "x")], [("id", 1) + (None,) * 5, ("name", 2) + (None,) * 5]), [{"id": 1, "name": "x"}]),
        ([[[1, "x"]], [["id"] + [None] * 6, ["name"] + [None] * 6]], [{"id": 1, "name": "x"}]),
        (([[(1, "x")]], [[("id",) + (None,) * 6, ("name",) + (None,) * 6]]), [{"id": 1, "name": "x"}]),
    ],
)
def test_what_tasks_return_becomes_rows(value: Any, rows: Any) -> None:
    assert read_rows(value) == rows


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the task before returned nothing"),
        (3, "3 is neither a list of rows nor a file"),
        ({"a": [1]}, "is neither a list of rows"),
        ([1, 2], "row 1 is 1; a row is a mapping"),
        (["ab"], "row 1 is 'ab'"),
        ([{"a": 1}, [1]], r"row 2 is \[1\], while row 1 is \{'a': 1\}"),
        ([[(1,)], [(2,)]], "results of 2 SQL statements"),
        ("[1, ", "the text is no JSON"),
        (([(1, 2)], [("id",) + (None,) * 6]), "row 1 has 2 values for the 1 columns id"),
        (([(1, 2)], [("id",) + (None,) * 6] * 2), "has the column 'id' more than once"),
        (Rows([(1, 2)], columns=["a"]), "row 1 has 2 values for the 1 columns a"),
    ],
)
def test_what_is_no_rows_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rows(value)


def test_columns_name_what_comes_without_names() -> None:
    assert read_rows(Rows([(1, "x")], columns=["id", "이름"])) == [{"id": 1, "이름": "x"}]
    assert read_rows({"source": [[1, "x"]], "columns": ["id", "이름"]}) == [{"id": 1, "이름": "x"}]


def test_a_data_frame_by_its_shape() -> None:
    class Frame:
        columns = ("a", "b")

        def to_dict(self, orient: str) -> Any:
            assert orient == "records"
            return [{"a": 1, "b": float("nan")}]

    assert read_rows(Frame()) == [{"a": 1, "b": None}]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_every_delimiter_and_unicode_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["지표", "값"])
    writer.writerows(row.values() for row in ROWS)
    assert read_rows(file(tmp_path, "표.csv", text.getvalue().encode(encoding))) == ROWS


def test_csv_in_every_form_a_file_is_handed_on(tmp_path: Path) -> None:
    path = file(tmp_path, "data", "지표,값\n가,1\n")
    artifact = Artifact(path, "표.csv", "text/csv")
    for given_ in (artifact, asdict(artifact), {"uri": path, "name": "표.csv"}, path, Path(path), ObjectStoragePath(path)):
        assert read_rows(given_) == [{"지표": "가", "값": "1"}]
    assert read_rows([asdict(artifact), asdict(artifact)]) == [{"지표": "가", "값": "1"}] * 2


def test_text_of_a_csv_stays_text_unless_numbers_are_asked_for(tmp_path: Path) -> None:
    cells = {
        "12": 12, "-3": -3, "1,234": 1234, "1.50": Decimal("1.50"), "1,234.5": Decimal("1234.5"), "1.5e3": Decimal("1.5e3"),
        "007": "007", "1,23": "1,23", "12%": "12%", "": "", "2026-11-19": "2026-11-19", "0": 0, ".5": Decimal(".5"),
        "NaN": "NaN", "1_000": "1_000", "１２": "１２", "123456789012345678901": 123456789012345678901,
    }  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["n", "값"])
    writer.writerows((cell, cell) for cell in cells)
    path = file(tmp_path, "a.csv", text.getvalue())
    assert [row["값"] for row in read_rows(path)] == list(cells)
    assert [row["값"] for row in read_rows(Rows(path, numbers=True))] == list(cells.values())


def test_a_cell_that_would_become_a_huge_number_stays_text(tmp_path: Path) -> None:
    cells = ["1.0e999999999", "9" * 5_000, "1." + "0" * 5_000]
    path = file(tmp_path, "huge.csv", "\n".join(["값", *cells]))
    assert [row["값"] for row in read_rows(Rows(path, numbers=True))] == cells


def test_a_header_that_makes_each_line_long_is_refused(tmp_path: Path) -> None:
    header = ",".join(map(str, range(30_000)))
    with pytest.raises(ValueError, match="more than 5,000,000 values fewer than the header"):
        read_rows(file(tmp_path, "wide.csv", f"{header}\n" + "1\n" * 200))


def test_csv_of_a_korean_windows_names_its_encoding(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "지표,값\n가,1\n".encode("cp949"))
    with pytest.raises(ValueError, match=r"a\.csv: line 1 is not utf-8; set the encoding, such as Rows\(.*cp949"):
        read_rows(path)
    assert read_rows(Rows(path, encoding="cp949")) == [{"지표": "가", "값": "1"}]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("", []),
        ("a,b\n", []),
        ("a,b\n1\n", [{"a": "1", "b": ""}]),
        ("a,b\n\n,\n", [{"a": "", "b": ""}]),
        ("a\nx, y\n", [{"a": "x"}]),
        ('a,b\n"x\ny","""q"""\n', [{"a": "x\ny", "b": '"q"'}]),
        ("a,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
        ("이름;금액\n가;1,5\n나;2,5\n", [{"이름": "가", "금액": "1,5"}, {"이름": "나", "금액": "2,5"}]),
    ],
)
def test_csv_at_the_edges(tmp_path: Path, content: str, rows: Any) -> None:
    if content.startswith("a\nx"):
        with pytest.raises(ValueError, match="line 2 has 2 values for 1 columns"):
            read_rows(file(tmp_path, "a.csv", content))
        return
    assert read_rows(file(tmp_path, "a.csv", content)) == rows


def test_no_cell_of_a_csv_is_lost_silently(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.csv: line 3 has 3 values for 2 columns"):
        read_rows(file(tmp_path, "a.csv", "a,b\n1,2\n1,2,3\n"))
    with pytest.raises(ValueError, match=r"the header has the column 'a' more than once; give names in Rows"):
        read_rows(file(tmp_path, "a.csv", "a,a\n1,2\n"))
    path = file(tmp_path, "a.csv", "a,a\n1,2\n")
    assert read_rows(Rows(path, columns=["a", "b"])) == [{"a": "1", "b": "2"}]
    assert read_rows(Rows(path, header=False)) == [["a", "a"], ["1", "2"]]


def test_a_cell_of_a_megabyte(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", f"a,b\n{'가' * 1_000_000},1\n")
    assert len(read_rows(path)[0]["a"]) == 1_000_000  # type: ignore[call-overload]


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=20)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=5))
def test_csv_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["첫째", "둘째"])
    writer.writerows(rows)
    path = file(tmp_path_factory.getbasetemp(), "written.csv", text.getvalue())
    assert read_rows(Rows({"uri": path, "media_type": "text/csv"})) == [
        {"첫째": first, "둘째": second} for first, second in rows
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a"])
def test_json_lines_and_arrays(tmp_path: Path, name: str) -> None:
    lines = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    assert read_rows(file(tmp_path, name, f"\ufeff{lines}\n")) == ROWS
    if "l" not in name and "nd" not in name:
        assert read_rows(file(tmp_path, name, json.dumps(ROWS))) == ROWS


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl: line 2 is no JSON"):
        read_rows(file(tmp_path, "a.jsonl", '{"a": 1}\n{"a": \n'))
    with pytest.raises(ValueError, match="row 1 is 'a'"):
        read_rows(file(tmp_path, "b.jsonl", '"a"\n'))


def test_parquet(tmp_path: Path) -> None:
    parquet = parquet_or_skip()
    import pyarrow

    path = str(tmp_path / "a")
    parquet.write_table(pyarrow.table({"지표": ["가", None], "값": [1, 2]}), path)
    assert read_rows(path) == [{"지표": "가", "값": 1}, {"지표": None, "값": 2}]
    assert read_rows(pyarrow.table({"a": [1]})) == [{"a": 1}]


def parquet_or_skip() -> Any:
    if not os.environ.get("CI"):
        pytest.importorskip("pyarrow", reason="reading Parquet needs pyarrow")
    from pyarrow import parquet

    return parquet


def test_parquet_without_pyarrow_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"a\.parquet: reading Parquet needs pyarrow"):
        read_rows(file(tmp_path, "a.parquet", b"PAR1...."))
    with pytest.raises(ValueError, match="its name or media type is Parquet, but its content is not"):
        read_rows(file(tmp_path, "b.parquet", b"a,b\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="없다"):
        read_rows(str(tmp_path / "없다.csv"))


# --- SQL --------------------------------------------------------------------------------------------------------------


class SqliteFile(DbApiHook):
    """A database hook of Airflow on a file."""

    conn_name_attr = "path"
    supports_autocommit = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def get_conn(self) -> Any:
        return sqlite3.connect(self.path)

    def get_autocommit(self, conn: Any) -> bool:
        return True

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """It is always on."""


def with_description(results: list[Any], descriptions: list[Any]) -> Any:
    return list(zip(results, descriptions, strict=True))


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ({"sql": "SELECT 1 AS id, '가' AS name UNION SELECT 2, NULL"}, [[1, "가"], [2, None]]),
        ({"sql": ["SELECT 1 AS id, '가' AS name"]}, [[1, "가"]]),
        ({"sql": "SELECT 1 AS id, '가' AS name WHERE 1 = 0"}, []),
        ({"sql": "SELECT 1 AS id, '가' AS name", "output_processor": with_description}, [{"id": 1, "name": "가"}]),
    ],
)
def test_what_the_sql_operator_returns(tmp_path: Path, arguments: Any, rows: Any) -> None:
    class Query(SQLExecuteQueryOperator):
        def get_db_hook(self) -> DbApiHook:
            return SqliteFile(str(tmp_path / "db"))

    output = Query(task_id="query", **arguments).execute({})
    assert read_rows(output) == rows


def test_importing_it_costs_nothing() -> None:
    code = (
        "import sys, workplace_provider.common.rows; "
        "print([m for m in ('lxml', 'pandas', 'pyarrow', 'requests', 'airflow') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
