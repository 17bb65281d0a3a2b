"""The syntax of a YAML file with records, for changes in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from workplace_provider.identity.targets.record_text import RecordList, Splice, TextRecord

_STEP: Final = "  "
_SAFE: Final = re.compile(r"[\w:.@/+-]+")
"""Texts that have the same form inside and outside of brackets."""


class YamlSyntax:
    """YAML: a list of mappings, or a mapping with such a list."""

    def find(self, text: str, path: Sequence[str]) -> RecordList:
        """Return the list of records; an empty text has none."""
        try:
            node = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise ValueError(" ".join(str(error).split())) from error
        if node is None:
            return RecordList()
        for name in path:
            node = self._child(node, name, path)
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return RecordList([], node)
        if not isinstance(node, yaml.SequenceNode):
            raise ValueError(f"{'.'.join(path) or 'the file'} must be a list of mappings")
        return RecordList([self._record(item, number) for number, item in enumerate(node.value, 1)], node)

    def _child(self, node: Any, name: str, path: Sequence[str]) -> Any:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = {key.value: value for key, value in pairs}
        if name not in found:
            keys = f"; the keys are {', '.join(map(str, found))}" if found else ""
            raise ValueError(f"there is no list {'.'.join(path)}{keys}")
        return found[name]

    def _record(self, node: Any, number: int) -> TextRecord:
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"record {number} is not a mapping")
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            raise ValueError(f"record {number} has a key twice")
        values = {str(key.value): _construct(value) for key, value in node.value}
        spans = {str(key.value): (value.start_mark.index, value.end_mark.index) for key, value in node.value}
        return TextRecord(values, spans, node)

    def value(self, value: Any, before: str) -> str:
        """Return a value as YAML, in double quotes where it was so."""
        # A block scalar ends with its line.
        ending = before[len(before.rstrip("\n")) :]
        if isinstance(value, str) and value.isprintable():
            if before.startswith('"'):
                return json.dumps(value, ensure_ascii=False) + ending
            if before.startswith("'"):
                return "'" + value.replace("'", "''") + "'" + ending
        return _plain(value) + ending

    def added_keys(self, text: str, record: TextRecord, values: Mapping[str, Any]) -> Splice:
        """Add keys after the last one."""
        node = record.place
        pairs = [f"{_plain(key)}: {self.value(value, '')}" for key, value in values.items()]
        if node.flow_style or not node.value:
            position = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
            return position, position, (", " if node.value else "") + ", ".join(pairs)
        indent = " " * node.value[0][0].start_mark.column
        position, newline = _line_end(text, _content_end(node))
        return position, position, newline + "".join(f"{indent}{pair}\n" for pair in pairs)

    def removed(self, text: str, listed: RecordList, numbers: Sequence[int]) -> Iterator[Splice]:
        """Remove the lines of records. An empty list stays as ``[]``."""
        nodes = [record.place for record in listed.records]
        if not numbers:
            return
        if listed.place.flow_style:
            raise ValueError("records of a list in brackets cannot be removed in place")
        if len(numbers) == len(nodes):
            start = listed.place.start_mark.index
            yield start, _content_end(nodes[-1]), "[]"
            return
        for number in numbers:
            start = text.rfind("\n", 0, nodes[number].start_mark.index) + 1
            yield start, _line_end(text, _content_end(nodes[number]))[0], ""

    def appended(self, text: str, listed: RecordList, rows: Sequence[Mapping[str, Any]], path: Sequence[str]) -> Splice:
        """Add records after the last one."""
        node = listed.place
        if node is None:
            lines = [f"{_STEP * depth}{_plain(name)}:\n" for depth, name in enumerate(path)]
            return len(text), len(text), _newline(text) + "".join(lines) + self._block(rows, _STEP * len(path))
        if listed.records and not node.flow_style:
            first = listed.records[0].place
            line = text[text.rfind("\n", 0, first.start_mark.index) + 1 : first.start_mark.index]
            position, newline = _line_end(text, _content_end(listed.records[-1].place))
            return position, position, newline + self._block(rows, line.split("-", 1)[0])
        flow = [json.dumps(dict(row), ensure_ascii=False) for row in rows]
        if listed.records:
            position = listed.records[-1].place.end_mark.index
            return position, position, "".join(f", {row}" for row in flow)
        # The list is empty: [], null or nothing.
        indent = _STEP * len(path)
        start, end = node.start_mark.index, node.end_mark.index
        rest, newline = _line_end(text, end)
        if text[end:rest].strip():
            return start, end, f"[{', '.join(flow)}]"
        return start, rest, ("" if not path else "\n") + self._block(rows, indent)

    def _block(self, rows: Sequence[Mapping[str, Any]], indent: str) -> str:
        lines: list[str] = []
        for row in rows:
            for number, (key, value) in enumerate(row.items()):
                lines.append(f"{indent}{'  ' if number else '- '}{_plain(key)}: {self.value(value, '')}\n")
        return "".join(lines)


def _construct(node: Any) -> Any:
    """Return the value of a node; dates stay texts, as they are in the file."""
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:timestamp":
        return node.value
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_object(node, deep=True)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _plain(value: Any) -> str:
    """Return a value in its shortest form that is read as the same value, also inside of brackets."""
    if isinstance(value, str) and not value.isprintable():
        return _dump(value, default_style='"', allow_unicode=False)
    in_block = _dump({"k": value})[3:]
    if isinstance(value, str) and _SAFE.fullmatch(value):
        return in_block
    return _dump([value], default_flow_style=True)[1:].removesuffix("]")


def _dump(value: Any, **options: Any) -> str:
    text: str = yaml.safe_dump(value, **{"allow_unicode": True, "width": float("inf"), **options})
    return text.rstrip("\n")


def _content_end(node: Any) -> int:
    """Return the end of the last scalar of a node: the mark of a block is after the comments that follow it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _content_end(last[1] if isinstance(last, tuple) else last)


def _line_end(text: str, position: int) -> tuple[int, str]:
    """Return the position after the line of a position, and a line break if that is missing there."""
    if position and text[position - 1] == "\n":
        return position, ""
    end = text.find("\n", position)
    return (len(text), "\n") if end < 0 else (end + 1, "")


def _newline(text: str) -> str:
    return "" if not text or text.endswith("\n") else "\n"
