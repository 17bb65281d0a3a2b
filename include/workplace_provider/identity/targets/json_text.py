"""The syntax of a JSON file with records, for changes in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from json.decoder import JSONDecoder
from typing import Any, Final

from workplace_provider.identity.targets.record_text import RecordList, Span, Splice, TextRecord

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = JSONDecoder()


class JsonSyntax:
    """JSON: a list of objects, or an object with such a list."""

    def find(self, text: str, path: Sequence[str]) -> RecordList:
        """Return the list of records; an empty text has none."""
        if not text.strip():
            return RecordList()
        start = _skip(text, 0)
        _, end = _DECODER.raw_decode(text, start)
        if text[end:].strip():
            raise ValueError(f"there is text after the value, at character {end}")
        for name in path:
            if text[start] != "{":
                raise ValueError(f"there is no list {'.'.join(path)}")
            places = {key: value_start for key, _, (value_start, _) in _members(text, start)}
            if name not in places:
                raise ValueError(f"there is no list {'.'.join(path)}; the keys are {', '.join(places)}")
            start = places[name]
        if text[start] != "[":
            raise ValueError(f"{'.'.join(path) or 'the file'} must be a list of objects")
        spans = list(_elements(text, start))
        records = [self._record(text, span, number) for number, span in enumerate(spans, 1)]
        return RecordList(records, (start, _DECODER.raw_decode(text, start)[1]))

    def _record(self, text: str, span: Span, number: int) -> TextRecord:
        if text[span[0]] != "{":
            raise ValueError(f"record {number} is not an object")
        members = list(_members(text, span[0]))
        if len({key for key, _, _ in members}) < len(members):
            raise ValueError(f"record {number} has a key twice")
        return TextRecord({key: value for key, value, _ in members}, {key: place for key, _, place in members}, span)

    def value(self, value: Any, before: str) -> str:
        """Return a value as JSON; non-ASCII letters stay escaped where they were."""
        return json.dumps(value, ensure_ascii="\\u" in before)

    def added_keys(self, text: str, record: TextRecord, values: Mapping[str, Any]) -> Splice:
        """Add keys after the last one, with the same white space."""
        start, end = record.place
        spans = list(record.spans.values())
        if not spans:
            return start, end, json.dumps(dict(values), ensure_ascii=False)
        position = spans[-1][1]
        first = re.compile(r"\{([ \t\r\n]*)").match(text, start)
        space = first[1] if first and "\n" in first[1] else " "
        added = "".join(f",{space}{json.dumps(key)}: {self.value(value, '')}" for key, value in values.items())
        return position, position, added

    def removed(self, text: str, listed: RecordList, numbers: Sequence[int]) -> Iterator[Splice]:
        """Remove each record with the comma after it, or before it at the end of the list."""
        spans = [record.place for record in listed.records]
        kept = [number for number in range(len(spans)) if number not in set(numbers)]
        if not kept and spans:
            yield listed.place[0] + 1, listed.place[1] - 1, ""
            return
        for number in numbers:
            if number < kept[-1]:
                yield spans[number][0], spans[number + 1][0], ""
        if kept and kept[-1] < len(spans) - 1:
            yield spans[kept[-1]][1], spans[-1][1], ""

    def appended(self, text: str, listed: RecordList, rows: Sequence[Mapping[str, Any]], path: Sequence[str]) -> Splice:
        """Add records after the last one, in its layout."""
        if listed.place is None:
            whole: Any = [dict(row) for row in rows]
            for name in reversed(path):
                whole = {name: whole}
            return 0, len(text), json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
        spans = [record.place for record in listed.records]
        start, end = listed.place
        outer = _indent(text, start)
        space = text[_line(text, spans[0][0]) : spans[0][0]] if spans and _starts_line(text, spans[0][0]) else None
        if not spans:
            space = f"{outer}  "
        last = text[spans[-1][0] : spans[-1][1]] if spans else "\n"
        separator = f"\n{space}" if space is not None else " "
        added = [separator + self._layout(row, space, last) for row in rows]
        if not spans:
            return start + 1, end - 1, ",".join(added) + f"\n{outer}"
        return spans[-1][1], spans[-1][1], "".join(f",{row}" for row in added)

    def _layout(self, row: Mapping[str, Any], space: str | None, like: str) -> str:
        """Return a record on one line, or on several like another one."""
        if space is None or "\n" not in like:
            return json.dumps(dict(row), ensure_ascii=False)
        inner = re.search(r"\n([ \t]+)\"", like)
        step = inner[1].removeprefix(space) if inner else "  "
        return json.dumps(dict(row), ensure_ascii=False, indent=step or "  ").replace("\n", f"\n{space}")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _members(text: str, start: int) -> Iterator[tuple[str, Any, Span]]:
    """Yield key, value and the value's place for each member of an object. The text is valid JSON."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        value, end = _DECODER.raw_decode(text, position)
        yield key, value, (position, end)
        position = _after_comma(text, end)


def _elements(text: str, start: int) -> Iterator[Span]:
    """Yield the places of the elements of an array."""
    position = _skip(text, start + 1)
    while text[position] != "]":
        _, end = _DECODER.raw_decode(text, position)
        yield position, end
        position = _after_comma(text, end)


def _after_comma(text: str, position: int) -> int:
    position = _skip(text, position)
    return _skip(text, position + 1) if text[position] == "," else position


def _line(text: str, position: int) -> int:
    """Return the start of the line of a position."""
    return text.rfind("\n", 0, position) + 1


def _starts_line(text: str, position: int) -> bool:
    return not text[_line(text, position) : position].strip()


def _indent(text: str, position: int) -> str:
    """Return the white space at the start of the line of a position."""
    line = text[_line(text, position) : position]
    return line[: len(line) - len(line.lstrip())]
