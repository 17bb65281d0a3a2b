"""Records in a JSON or YAML text that are changed in place: everything else keeps its bytes, comments and order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from workplace_provider.identity import TargetError

LARGEST: Final = 16 * 1024 * 1024
"""Largest file in bytes."""
Span = tuple[int, int]
Splice = tuple[int, int, str]
"""Start and end of a piece of text, and the new text."""


@dataclass(slots=True)
class TextRecord:
    """A record and its place in the text.

    :param values: the values of its keys
    :param spans: the places of the values
    :param place: what the syntax needs to add a key or to remove the record
    """

    values: dict[str, Any]
    spans: dict[str, Span]
    place: Any


@dataclass(slots=True)
class RecordList:
    """The list of records in a text.

    :param place: what the syntax needs to add a record
    """

    records: list[TextRecord] = field(default_factory=list)
    place: Any = None


class Syntax(Protocol):
    """The language of a file with records."""

    def find(self, text: str, path: Sequence[str]) -> RecordList:
        """Return the list of records at a path of keys.

        :raises ValueError: the text is invalid, or has no list of mappings there
        """

    def value(self, value: Any, before: str) -> str:
        """Return a value as text.

        :param before: the text that it replaces
        """

    def added_keys(self, text: str, record: TextRecord, values: Mapping[str, Any]) -> Splice:
        """Return the change that adds keys to a record."""

    def removed(self, text: str, listed: RecordList, numbers: Sequence[int]) -> Iterable[Splice]:
        """Return the changes that remove records."""

    def appended(self, text: str, listed: RecordList, rows: Sequence[Mapping[str, Any]], path: Sequence[str]) -> Splice:
        """Return the change that adds records at the end of the list."""


class RecordText:
    """The records of a text, by the values of one key.

    :param content: the file; ``None`` for a missing one
    :param path: the keys to the list of records; empty if the file is the list
    :param key: the key that identifies a record
    :param decode: makes the id of the value of that key
    :param name: name of the file in messages
    """

    def __init__(
        self,
        syntax: Syntax,
        content: bytes | None,
        path: Sequence[str],
        key: str,
        decode: Callable[[Any], str],
        name: str,
    ) -> None:
        self._syntax = syntax
        self._path = path
        self._name = name
        self._text = self._read(content)
        self._listed = self._find(self._text)
        self._original: dict[str, TextRecord] = {}
        for number, record in enumerate(self._listed.records, 1):
            account_id = decode(record.values.get(key))
            if not account_id or account_id in self._original:
                raise TargetError(f"{name}, record {number}: {key} is {account_id!r}; it must be a unique id")
            self._original[account_id] = record
        self.by_id: dict[str, dict[str, Any]] = {name: dict(record.values) for name, record in self._original.items()}

    def dump(self) -> bytes:
        """Return the text with the changed records.

        :raises TargetError: the text cannot be changed in place, such as where it has anchors
        """
        splices: list[Splice] = []
        for account_id, record in self._original.items():
            if account_id in self.by_id:
                splices += self._changes(record, self.by_id[account_id])
        gone = [number for number, account_id in enumerate(self._original) if account_id not in self.by_id]
        splices += self._syntax.removed(self._text, self._listed, gone)
        text = _apply(self._text, splices)
        new = [row for account_id, row in self.by_id.items() if account_id not in self._original]
        if new:
            text = _apply(text, [self._syntax.appended(text, self._find(text), new, self._path)])
        written = [record.values for record in self._find(text).records]
        if written != list(self.by_id.values()):
            raise TargetError(
                f"Nothing was saved: {self._name} cannot be changed in place. Write its records without anchors and aliases"
            )
        return text.encode()

    def _changes(self, record: TextRecord, values: Mapping[str, Any]) -> Iterable[Splice]:
        added = {name: value for name, value in values.items() if name not in record.spans}
        if added:
            yield self._syntax.added_keys(self._text, record, added)
        for name, (start, end) in record.spans.items():
            if values[name] != record.values[name] or type(values[name]) is not type(record.values[name]):
                yield start, end, self._syntax.value(values[name], self._text[start:end])

    def _read(self, content: bytes | None) -> str:
        if content is not None and len(content) > LARGEST:
            raise TargetError(f"{self._name} has more than {LARGEST // 1024 // 1024} MiB")
        try:
            return (content or b"").decode()
        except UnicodeDecodeError as error:
            raise TargetError(f"{self._name} is not UTF-8: {error}") from error

    def _find(self, text: str) -> RecordList:
        try:
            return self._syntax.find(text, self._path)
        except (ValueError, RecursionError) as error:
            raise TargetError(f"{self._name}: {error}") from error


def _apply(text: str, splices: Iterable[Splice]) -> str:
    """Return a text with changes, which must not overlap."""
    parts: list[str] = []
    position = 0
    for start, end, new in sorted(splices):
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])
