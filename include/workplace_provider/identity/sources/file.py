"""People in a CSV or JSON file, such as an export of a personnel system, as a directory for account syncs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from workplace_provider.common.arguments import parse_bool
from workplace_provider.identity.directory import Directory, Identity, MemberKind
from workplace_provider.identity.source_definition import ACTIVE, ATTRIBUTES, FORMATS, KEY, check_columns

LARGEST: Final = 64 * 1024 * 1024
"""Largest file in bytes: 50,000 people take about 10 MB."""


class PeopleFile(Protocol):
    """A file with people: a local path, or an object in an object store."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    def open(self, mode: str) -> Any:
        """Open the file."""


class InvalidPeopleFile(ValueError):
    """A file that is not a complete list of people; the message names file and line."""


def read_people_file(
    path: PeopleFile,
    columns: Mapping[str, str],
    *,
    source: str,
    active_values: Iterable[str] = (),
    format: str = "",  # noqa: A002 - the key of the definition
) -> Directory:
    """Return the people in a file as a directory: all of them, or an error.

    A CSV file has a header; a JSON file has a list of objects; a JSON-lines file has one object per line::

        columns = {"사번": "key", "이메일": "email", "이름": "display_name", "부서": "attributes.department"}
        directory = read_people_file(Path("people.csv"), columns, source="file:hr")

    :param columns: the field of a person for each column that is read; ``key`` is required and must never change for a
        person, such as an employee number. ``attributes.NAME`` is a further attribute, ``groups`` has names separated by
        semicolons or a list
    :param source: prefix of the marks of accounts, such as ``file:hr``
    :param active_values: values of the column ``active`` that mean that a person is active; by default ``true``, ``yes``,
        ``on`` and ``1``. Any other value means that the person has left
    :param format: ``csv``, ``json`` or ``jsonl``; by default the extension of the file
    :raises InvalidPeopleFile: the file is damaged, two people have one key, or a column is missing
    """
    check_columns(columns)
    kind = format or path.name.rpartition(".")[2].lower()
    if kind not in FORMATS:
        raise InvalidPeopleFile(f"{path.name}: the format is {kind!r}; set format to one of {', '.join(FORMATS)}")
    text = _read(path)
    active = frozenset(value.strip().casefold() for value in active_values)
    seen: dict[str, str] = {}
    people: list[Identity] = []
    for where, row in _rows(text, kind, path.name, columns):
        person = _person(row, columns, source, active, where)
        if person.key in seen:
            raise InvalidPeopleFile(f"{where}: the key {person.key!r} is also that of {seen[person.key]}")
        seen[person.key] = where
        people.append(person)
    if not people:
        raise InvalidPeopleFile(f"{path.name} has no people. Check the job that writes it")
    return Directory.of(people, source=source, taken_at=datetime.now(UTC), complete=True)


def _read(path: PeopleFile) -> str:
    with path.open("rb") as stream:
        content: bytes = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InvalidPeopleFile(f"{path.name} has more than {LARGEST // 1024 // 1024} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPeopleFile(f"{path.name} is not UTF-8: {error}. Save it as UTF-8") from error


def _rows(text: str, kind: str, name: str, columns: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the rows of a file with their places for messages."""
    if kind == "csv":
        yield from _csv_rows(text, name, columns)
        return
    try:
        rows = json.loads(text) if kind == "json" else [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InvalidPeopleFile(f"{name} is not valid JSON, so it may be incomplete: {error}") from error
    if not isinstance(rows, list):
        raise InvalidPeopleFile(f"{name} must be a list of objects")
    for number, row in enumerate(rows, 1):
        where = f"{name}, {'line' if kind == 'jsonl' else 'object'} {number}"
        if not isinstance(row, Mapping):
            raise InvalidPeopleFile(f"{where}: this is not an object")
        if missing := [column for column in columns if column not in row and columns[column] in (KEY, ACTIVE)]:
            raise InvalidPeopleFile(f"{where}: there is no {missing[0]!r}")
        yield where, row


def _csv_rows(text: str, name: str, columns: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = list(reader.fieldnames or ())
        if missing := [column for column in columns if column not in header]:
            raise InvalidPeopleFile(f"{name} has no column {', '.join(missing)}; it has {', '.join(header)}")
        for row in reader:
            where = f"{name}, line {reader.line_num}"
            if None in row or None in row.values():
                raise InvalidPeopleFile(f"{where}: the number of cells is not that of the header; the file may be cut off")
            yield where, row
    except csv.Error as error:
        raise InvalidPeopleFile(f"{name}, line {reader.line_num}: {error}; the file may be cut off") from error


def _person(
    row: Mapping[str, Any], columns: Mapping[str, str], source: str, active_values: frozenset[str], where: str
) -> Identity:
    values: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for column, field in columns.items():
        value = row.get(column)
        if isinstance(value, Mapping) or (isinstance(value, list) and field != "groups"):
            raise InvalidPeopleFile(f"{where}: {column} must be a text or a number")
        if field == ACTIVE:
            values[field] = _is_active(value, active_values, f"{where}: {column}")
        elif field == "groups":
            values[field] = _groups(value)
        elif field == "kind":
            values[field] = _kind(value, f"{where}: {column}")
        elif field.startswith(ATTRIBUTES):
            attributes[field.removeprefix(ATTRIBUTES)] = _text(value)
        else:
            values[field] = _text(value)
    if not values[KEY]:
        raise InvalidPeopleFile(f"{where}: the person has no key")
    return Identity(**values, external_id=f"{source}:{values[KEY]}", attributes={k: v for k, v in attributes.items() if v})


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _is_active(value: Any, active_values: frozenset[str], where: str) -> bool:
    if active_values:
        return _text(value).casefold() in active_values
    try:
        return parse_bool(value, where)
    except ValueError as error:
        raise InvalidPeopleFile(f"{error}, or set active_values to the values of active people") from None


def _groups(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else _text(value).split(";")
    return tuple(sorted({_text(name) for name in names} - {""}))


def _kind(value: Any, where: str) -> MemberKind:
    try:
        return MemberKind(_text(value) or MemberKind.PERSON)
    except ValueError:
        raise InvalidPeopleFile(f"{where} is {value!r}; it must be one of {', '.join(MemberKind)}") from None
