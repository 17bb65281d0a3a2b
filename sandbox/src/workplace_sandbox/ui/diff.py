"""The difference of two versions of a page, line by line and word by word, side by side."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

# Editors write a page as one line. A line break at every block makes the difference readable.
_BLOCK = (
    "(?:p|h[1-6]|ul|ol|li|table|tbody|thead|colgroup|tr|th|td|hr|blockquote|pre|div|ac:structured-macro|ac:image"
    "|ac:layout|ac:layout-section|ac:layout-cell|ac:task-list|ac:task|ac:task-body|ac:task-status|ac:task-id"
    "|ac:rich-text-body|ac:plain-text-body|ac:parameter|ac:caption|ac:adf-extension)"
)
_BEFORE = re.compile(rf"(?<!\n)(<{_BLOCK}(?=[\s/>]))")
_AFTER = re.compile(rf"(</{_BLOCK}>|<{_BLOCK}(?:\s[^<>]*)?/>)(?!\n)")
# A cell or an item with its one paragraph is shown as one line.
_HOLDER = "(?:li|td|th|ac:caption|ac:rich-text-body|ac:task-body)"
_OPENING = re.compile(rf"(<{_HOLDER}(?:\s[^<>]*)?>)\n(<p(?=[\s/>]))")
_CLOSING = re.compile(rf"(</p>)\n(</{_HOLDER}>)")
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 3
_LONGEST_LINE = 4000

Part = tuple[bool, str]
"""True for a text that differs from the other side, and the text."""


@dataclass(frozen=True)
class DiffLine:
    """A line of one version: its number from 1, its text in parts."""

    number: int
    parts: list[Part]


@dataclass(frozen=True)
class DiffRow:
    """Two lines beside each other; a ``gap`` row replaces that many unchanged lines."""

    kind: Literal["same", "changed", "gap"]
    old: DiffLine | None = None
    new: DiffLine | None = None
    hidden: int = 0


def split_blocks(storage: str) -> list[str]:
    """Return storage format in lines: its own, and one for every block element."""
    text = _AFTER.sub(r"\1\n", _BEFORE.sub(r"\n\1", storage))
    text = _CLOSING.sub(r"\1\2", _OPENING.sub(r"\1\2", text))
    return [line.strip("\r") for line in text.split("\n") if line.strip()]


def compare(old: str, new: str) -> list[DiffRow]:
    """Compare two bodies.

    :param old: storage format of the older version.
    :param new: storage format of the newer version.
    :return: rows in order; long unchanged passages are one ``gap`` row. Empty when nothing differs.
    """
    before, after = split_blocks(old), split_blocks(new)
    if before == after:
        return []
    rows: list[DiffRow] = []
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            rows += _context_rows(before, i, i_end, j, first=i == 0, last=i_end == len(before))
            continue
        for left, right in zip_longest(range(i, i_end), range(j, j_end)):
            old_parts, new_parts = _words(None if left is None else before[left], None if right is None else after[right])
            rows.append(
                DiffRow(
                    "changed",
                    None if left is None else DiffLine(left + 1, old_parts),
                    None if right is None else DiffLine(right + 1, new_parts),
                )
            )
    return rows


def _context_rows(lines: list[str], start: int, end: int, other: int, *, first: bool, last: bool) -> list[DiffRow]:
    rows = [
        DiffRow(
            "same",
            DiffLine(index + 1, [(False, lines[index])]),
            DiffLine(other + index - start + 1, [(False, lines[index])]),
        )
        for index in range(start, end)
    ]
    head = 0 if first else _CONTEXT
    tail = 0 if last else _CONTEXT
    if len(rows) <= head + tail + 1:
        return rows
    return [*rows[:head], DiffRow("gap", hidden=len(rows) - head - tail), *rows[len(rows) - tail :]]


def _words(old: str | None, new: str | None) -> tuple[list[Part], list[Part]]:
    if old is None or new is None or max(len(old), len(new)) > _LONGEST_LINE:
        return [(True, old or "")], [(True, new or "")]
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    left: list[Part] = []
    right: list[Part] = []
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        differs = kind != "equal"
        if i_end > i:
            left.append((differs, "".join(before[i:i_end])))
        if j_end > j:
            right.append((differs, "".join(after[j:j_end])))
    return left, right
