"""Rows for the tables of a page, from the output of a task, the result of a SQL operator, or a file."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from decimal import Decimal
from importlib import import_module
from os import PathLike
from typing import IO, Any, ClassVar, Final, TypeAlias

from workplace_provider.common.artifacts import Artifact, as_artifacts

Row: TypeAlias = dict[str, Any] | list[Any]

DELIMITERS: Final = ",\t;|"
SNIFFED_LINES: Final = 20
_WITHOUT_ROWS: Final = ("image/", "application/pdf")
_ARTIFACT_KEYS: Final = frozenset(field.name for field in fields(Artifact))
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)")
# With a larger exponent, a few letters of a file would become gigabytes when the number is written with its digits.
_DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)?\.\d+([eE][+-]?\d{1,3})?")
_LONGEST_NUMBER: Final = 400
_MOST_MISSING: Final = 5_000_000
"""Most cells that short lines of a CSV file may omit: with a million columns, each line would take a megabyte."""
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Items of a column in cursor.description (PEP 249): name, type, and five items that may be None.
_DESCRIPTION_ITEMS: Final = 7


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows with instructions for reading them.

    ::

        ReplaceTableRows(Rows(sql.output, columns=["Team", "Open"]), table="Issues")
        ReplaceTableRows(Rows("/data/issues.csv", encoding="cp949", numbers=True), table="Issues")

    :param source: a value that :func:`read_rows` reads
    :param columns: names of the columns by position, for rows without names, such as those of a SQL operator, or instead
        of a file's own names
    :param numbers: convert text in a CSV file that looks like a number. Otherwise every cell of a CSV file is text, and
        the page shows it unchanged
    :param header: the first line of a CSV file has the names of the columns
    :param encoding: encoding of a CSV file, such as ``cp949``; by default that of its byte-order mark, or UTF-8
    """

    template_fields: ClassVar[tuple[str, ...]] = ("source", "columns", "encoding")

    source: Any
    columns: Sequence[str] | None = None
    numbers: bool = False
    header: bool = True
    encoding: str = ""


def read_rows(value: Any) -> list[dict[str, Any]] | list[list[Any]]:
    """Return the rows in an argument of a task.

    :param value: a list of mappings or of sequences; what ``SQLExecuteQueryOperator``, ``DatabricksSqlOperator`` or another
        SQL operator returned, with the cursor's description or without; a data frame; an Artifact, its dict, or a path of a
        file with CSV, JSON lines, a JSON array, or Parquet (needs ``pyarrow``), or a list of such artifacts;
        or :class:`Rows`
    :return: mappings if the columns have names, otherwise lists
    :raises ValueError: if it is none of these; the message names the row or line
    :raises FileNotFoundError: if the file does not exist
    """
    options = value if isinstance(value, Rows) else _as_rows(value)
    rows: Any = _read(options)
    names = options.columns
    return [dict(zip(names, row, strict=True)) for row in _positions(rows, names)] if names else rows


def _as_rows(value: Any) -> Rows:
    names = {field.name for field in fields(Rows)}
    if isinstance(value, Mapping) and "source" in value and set(value) <= names:
        return Rows(**value)
    return Rows(value)


def _read(options: Rows) -> list[Row]:
    value = options.source
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        return _checked(_json(value, "the text"))
    if isinstance(value, Artifact | str | PathLike) or _is_file(value):
        return [row for artifact in _tables(as_artifacts(value)) for row in _from_file(artifact, options)]
    if callable(records := getattr(value, "to_pylist", None)):
        return _checked(records())
    if callable(records := getattr(value, "to_dicts", None)):
        return _checked(records())
    if hasattr(value, "columns") and callable(records := getattr(value, "to_dict", None)):
        return [{str(key): _not_nan(cell) for key, cell in row.items()} for row in records(orient="records")]
    if value is None:
        raise ValueError("there are no rows: the task before returned nothing (an empty list gives no rows)")
    return _checked(value)


def _tables(files: list[Artifact]) -> list[Artifact]:
    """Return the files that may have rows: of several files, such as those of a manifest, without pictures and PDFs."""
    tables = [file for file in files if not file.media_type.startswith(_WITHOUT_ROWS)]
    return tables or files


def _is_file(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "uri" in value
    if isinstance(value, list | tuple):
        # A row may have a column "uri", but rows with exactly the fields of an artifact are artifacts.
        return bool(value) and all(
            isinstance(item, Artifact) or (isinstance(item, Mapping) and set(item) == _ARTIFACT_KEYS) for item in value
        )
    return hasattr(value, "protocol") and hasattr(value, "open")


# --- rows in memory ---------------------------------------------------------------------------------------------------


def _checked(value: Any) -> list[Row]:
    """Return the output of a task as rows that all are mappings, or all lists."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise ValueError(f"{_shown(value)} is neither a list of rows nor a file")
    described = _described_result(value)
    if described is not None:
        return described
    if isinstance(value, tuple) and value and not any(isinstance(cell, Mapping | list | tuple) for cell in value):
        return [_row(1, value)]  # one row, from ``fetch_one_handler``
    results = [_is_result(item) for item in value]
    if results and all(results):
        _refuse_several(value)
        value = value[0]
    rows = [_row(number, row) for number, row in enumerate(value, 1)]
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) is not isinstance(rows[0], dict):
            raise ValueError(
                f"row {number} is {_shown(row)}, while row 1 is {_shown(rows[0])}: name the columns in all or none"
            )
    return rows


def _row(number: int, value: Any) -> Row:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(key): cell for key, cell in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    raise ValueError(f"row {number} is {_shown(value)}; a row is a mapping of columns to values, or a list of values")


def _is_result(value: Any) -> bool:
    """Return whether a value is the result of a SQL statement, and not a row: its rows are tuples or mappings."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, tuple | Mapping) for row in value)


def _described_result(value: Sequence[Any]) -> list[Row] | None:
    """Return rows with the names of a cursor's description, if an operator has returned both.

    ``SQLExecuteQueryOperator`` with an output processor may return ``(rows, description)``, or lists of both with one for
    each statement; ``DatabricksSqlOperator`` returns ``(description, rows)``, or a list of such pairs.
    """
    pairs = [_described(item) for item in value]
    if pairs and None not in pairs:
        _refuse_several(value)
        pair = pairs[0]
    else:
        pair = _described(value)
    if pair is None:
        return None
    description, rows = pair
    names = [str(column[0]) for column in description]
    _refuse_twice(names, "the result")
    if rows is None:
        raise ValueError("there are no rows: the statement returned none (an empty list gives no rows)")
    if isinstance(rows, Sequence) and rows and not any(isinstance(row, list | tuple | Mapping) for row in rows):
        rows = [rows]  # one row, from ``fetch_one_handler``
    return [dict(zip(names, row, strict=True)) for row in _positions(_checked(rows), names)]


def _described(value: Any) -> tuple[Sequence[Any], Any] | None:
    """Return a description and the rows that it describes, which may be in any order in a pair."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    pairs = []
    for description, rows in ((value[1], value[0]), (value[0], value[1])):
        if _is_descriptions(description) and isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
            # The hook has a list of descriptions, one for each statement, and a list of results.
            if len(description) != 1:
                continue
            rows, description = rows[0] if len(rows) == 1 and _is_result(rows[0]) else rows, description[0]
        if _is_description(description):
            pairs.append((description, rows))
    # Rows of seven columns may look like a description. The description is the one with as many columns as the rows.
    return next((pair for pair in pairs if _fits(*pair)), pairs[0] if pairs else None)


def _fits(description: Sequence[Any], rows: Any) -> bool:
    return isinstance(rows, Sequence) and all(isinstance(row, Sequence) and len(row) == len(description) for row in rows[:1])


def _refuse_several(results: Sequence[Any]) -> None:
    if len(results) > 1:
        raise ValueError(
            f"these are the results of {len(results)} SQL statements; let the operator return one (return_last), or pass "
            "on one of them"
        )


def _is_description(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(
            isinstance(column, Sequence)
            and not isinstance(column, str)
            and len(column) == _DESCRIPTION_ITEMS
            and isinstance(column[0], str)
            and all(item is None or isinstance(item, int) for item in column[2:])
            for column in value
        )
    )


def _is_descriptions(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_description(item) for item in value)


def _positions(rows: Sequence[Row], names: Sequence[str]) -> Iterator[list[Any]]:
    for number, row in enumerate(rows, 1):
        cells = list(row.values()) if isinstance(row, dict) else row
        if len(cells) != len(names):
            raise ValueError(f"row {number} has {len(cells)} values for the {len(names)} columns {', '.join(names)}")
        yield cells


# --- files ------------------------------------------------------------------------------------------------------------


def _from_file(artifact: Artifact, options: Rows) -> list[Row]:
    with artifact.open() as stream:
        head = stream.read(4096)
        stream.seek(0)
        try:
            kind = _kind(artifact, head)
            if kind == "parquet":
                return _parquet(stream)
            data = stream.read()
            if kind == "csv":
                return _csv(_text(data, options.encoding), options, tab="tab-sep" in artifact.media_type)
            text = _text(data, "")
            return _json_lines(text) if kind == "jsonl" else _checked(_json(text, "the file"))
        except ValueError as error:
            raise ValueError(f"{artifact.name}: {error}") from error


def _kind(artifact: Artifact, head: bytes) -> str:
    """Return the format of a file, by its magic bytes, its media type and name, or its first character."""
    if head.startswith(b"PAR1"):
        return "parquet"
    hints = f"{artifact.media_type} {artifact.name} {artifact.uri}".lower()
    if "parquet" in hints:
        raise ValueError("its name or media type is Parquet, but its content is not")
    if re.search(r"ndjson|jsonl|json-seq|json-lines", hints):
        return "jsonl"
    if re.search(r"/csv|tab-separated|\.csv\b|\.tsv\b", hints):
        return "csv"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if "json" in hints:
        return "jsonl" if start == b"{" else "json"
    return {b"[": "json", b"{": "jsonl"}.get(start, "csv")


def _text(data: bytes, encoding: str) -> str:
    found = encoding or next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(found)
    except LookupError:
        raise ValueError(f"{found!r} is not an encoding") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} is not {found}; set the encoding, such as Rows(..., encoding='cp949') for a file of a Korean "
            "Windows"
        ) from None


def _csv(text: str, options: Rows, *, tab: bool) -> list[Row]:
    # A cell may have a megabyte; the limit of the csv module is for files that are not CSV.
    csv.field_size_limit(sys.maxsize)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tab else _delimiter(text), strict=True)
    try:
        cells = [(lines.line_num, line) for line in lines if line]
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from error
    if not options.header or options.columns:
        return [[_cell(text, options) for text in line] for _, line in cells[1 if options.header else 0 :]]
    if not cells:
        return []
    names = [name.strip() for name in cells[0][1]]
    _refuse_twice(names, "the header")
    rows: list[Row] = []
    missing = 0
    for number, line in cells[1:]:
        if len(line) > len(names):
            raise ValueError(f"line {number} has {len(line)} values for {len(names)} columns")
        missing += len(names) - len(line)
        if missing > _MOST_MISSING:
            raise ValueError(
                f"lines up to {number} have more than {_MOST_MISSING:,} values fewer than the header has columns"
            )
        line += [""] * (len(names) - len(line))
        rows.append({name: _cell(text, options) for name, text in zip(names, line, strict=True)})
    return rows


def _delimiter(text: str) -> str:
    """Return the delimiter that splits each of the first lines into the same number of columns, and into the most."""
    start = "".join(text[:100_000].splitlines(keepends=True)[:SNIFFED_LINES])

    def widths(delimiter: str) -> set[int]:
        return {len(line) for line in csv.reader(io.StringIO(start, newline=""), delimiter=delimiter) if line}

    even = {delimiter: counts.pop() for delimiter in DELIMITERS if len(counts := widths(delimiter)) == 1}
    best = max(even, key=lambda delimiter: even[delimiter], default=",")
    return best if even.get(best, 1) > 1 else ","


def _cell(text: str, options: Rows) -> Any:
    if not options.numbers:
        return text
    plain = text.strip()
    if len(plain) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(plain):
        return int(plain.replace(",", ""))
    return Decimal(plain.replace(",", "")) if _DECIMAL.fullmatch(plain) else text


def _json_lines(text: str) -> list[Row]:
    rows: list[Any] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            rows.append(_json(line, f"line {number}"))
    return _checked(rows)


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is no JSON: {error}") from error


def _parquet(stream: IO[bytes]) -> list[Row]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise ValueError("reading Parquet needs pyarrow; install it on the workers, or hand on CSV or JSON lines") from None
    return _checked(parquet.read_table(stream).to_pylist())


def _refuse_twice(names: Sequence[str], where: str) -> None:
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(
            f"{where} has the column {', '.join(map(repr, twice))} more than once; give names in Rows(..., columns=[...])"
        )


def _not_nan(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value  # only NaN differs from itself


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
