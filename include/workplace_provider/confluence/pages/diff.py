"""Diffs of two page bodies for people: the visible changes of a page, and a line diff of its storage format."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.compare import TASK_UUID, VOLATILE, same_trees
from workplace_provider.confluence.pages.document import AC, AT, NAMESPACES, RI, PageDocument
from workplace_provider.confluence.pages.values import escape_text
from workplace_provider.confluence.pages.words import emoji_of

if TYPE_CHECKING:
    from lxml import etree

_BREAKS = re.compile(r"(?=<(?:p|h[1-6]|table|tr|ul|ol|li|ac:structured-macro|ac:task|ac:image|ac:layout)\b)")


def storage_diff(old: str, new: str, *, context: int = 2) -> str:
    """Return a unified diff of two bodies in storage format; an empty string if they are equal.

    Storage format is one long line, and a diff of its real lines would show the whole page. The bodies are therefore split
    into lines at paragraphs, rows, tasks and macros.

    :param context: number of unchanged lines around a change
    """
    return "\n".join(difflib.unified_diff(_lines(old), _lines(new), "before", "after", lineterm="", n=context))


def _lines(storage: str) -> list[str]:
    return [line for part in storage.splitlines() for line in _BREAKS.split(part) if line]


@dataclass(frozen=True)
class PageDiff:
    """The visible changes of a page.

    :param changed: whether the bodies differ, by the rules of
        :func:`~workplace_provider.confluence.pages.compare.same_content`
    :param text: the changes as text for a log; empty if nothing changed
    :param html: the changes as a self-contained HTML fragment; all text is escaped, so a page may include it
    """

    changed: bool
    text: str
    html: str

    def __str__(self) -> str:
        return self.text


def page_diff(old: str, new: str, *, limit: int = 500) -> PageDiff:
    """Return the visible changes between two bodies.

    Each changed paragraph, list item, table row, task, heading, image, macro and line of code has one line below its
    heading: removed (``-``), added (``+``), or with another format or target (``~``, followed by the difference, such as
    ``image width: 600 → 760``). Images appear as their file name, status lozenges as ``[TITLE]``, links as their text, dates
    as 2026-11-19.

    ::

        diff = page_diff("<h1>KPI</h1><p>WAU 12,000</p>", "<h1>KPI</h1><p>WAU 12,345</p>")
        print(diff.text)

    :param old: the body before, in storage format
    :param new: the body after
    :param limit: maximum number of changes to show; the rest is only counted
    :raises IllFormedStorage: one of the bodies is not well-formed
    """
    if old == new:
        return PageDiff(False, "", "")
    before, after = PageDocument(old).root, PageDocument(new).root
    if same_trees(before, after):
        return PageDiff(False, "", "")
    changes = _changes(_read_blocks(before), _read_blocks(after)) or [_Change(_HeadingPath(), note="only white space")]
    hidden = len(changes) - limit
    rest = f"… and {hidden:,} more changes" if hidden > 0 else ""
    groups = _by_heading(changes[:limit])
    return PageDiff(True, _as_text(groups, rest), _as_html(groups, rest))


TOP: Final = "(top of the page)"
_LINE: Final = 400
_CONTEXT: Final = 60
_SMALL: Final = 10_000
_FEW: Final = 400
_MIN_SIMILARITY: Final = 0.5
_HEADING = re.compile("h[1-6]")
_PARAMETER: Final = f"{{{AC}}}parameter"
_CODE: Final = f"{{{AC}}}plain-text-body"
_TASK_ID: Final = f"{{{AC}}}task-id"
_TASK_STATUS: Final = f"{{{AC}}}task-status"
_WORDS = re.compile(r"\w+|\W")
_HEAVY: Final = (
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    f"{{{AC}}}task",
    f"{{{AC}}}rich-text-body",
    f"{{{AC}}}plain-text-body",
)
_BLOCKS: Final = frozenset(
    {"p", "li", "tr", "hr", "pre", "blockquote", "div", "table", "tbody", "thead", "tfoot", "colgroup", "ul", "ol"}
    | {f"h{level}" for level in range(1, 7)}
    | {
        f"{{{AC}}}{name}"
        for name in (
            "adf-extension", "image", "layout", "layout-cell", "layout-section", "plain-text-body", "rich-text-body",
            "structured-macro", "task", "task-list",
        )
    }
)  # fmt: skip
# A paragraph at the start of one of these is not a block of its own; nor is an image or macro in one of _WITH_TEXT.
_BEGUN_BY_PARAGRAPH: Final = frozenset({"li", "blockquote", f"{{{AC}}}task"})
_WITH_TEXT: Final = _BEGUN_BY_PARAGRAPH | {"p", "div", "pre", "tr", "text", *(f"h{level}" for level in range(1, 7))}
_NAMED: Final = {"table": "[table]", f"{{{AC}}}layout-section": "[columns]", "hr": "[line]"}


@dataclass(frozen=True, slots=True)
class _HeadingPath:
    """A heading with the headings above it; an empty path is the top of the page.

    :param path: texts of the headings, from the highest level
    :param number: number among several headings with the same path
    """

    path: tuple[str, ...] = ()
    number: int = 0


@dataclass(slots=True)
class _Block:
    """A unit of a page to readers, such as a paragraph or row: its text, and all of its markup.

    :param kind: the tag that starts the block
    :param depth: depth of nesting
    :param heading: the heading above the block; a heading is its own heading
    :param everything: the elements as (depth, tag, attributes), and the texts as their depth, a NUL and the text. A page has
        tens of thousands of texts; they are not tuples, because the garbage collector would scan these again and again
    """

    kind: str
    depth: int
    heading: _HeadingPath
    words: list[str] = field(default_factory=list)
    everything: list[Hashable] = field(default_factory=list)
    details: list[tuple[str, str]] | tuple[()] = ()
    cells: int = 0
    line: str | None = None

    @property
    def text(self) -> str:
        """The text on one line, with a mark for headings and list items. Read it only after the block has ended."""
        if self.line is None:
            self.line = self._as_line()
        return self.line

    @property
    def tags(self) -> list[str]:
        """The names of the elements in the block."""
        return [_local(part[1]) for part in self.everything if isinstance(part, tuple)]

    def add_details(self, details: list[tuple[str, str]]) -> None:
        """Add values that are not visible as text."""
        if isinstance(self.details, list):
            self.details += details
        else:
            self.details = details

    def _as_line(self) -> str:
        words = " ".join("".join(self.words).split())
        if _HEADING.fullmatch(self.kind):
            return f"{'#' * int(self.kind[1])} {words}"
        if self.kind == "li":
            return f"• {words}"
        return words or _NAMED.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class _Change:
    """One line that was removed, added, or changed; or a note on a line with the same text."""

    heading: _HeadingPath
    old: str | None = None
    new: str | None = None
    note: str = ""


class _Reader:
    """Splits a page into blocks."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self._open: _Block | None = None
        self._row: etree._Element | None = None
        self._openers: list[tuple[etree._Element, _Block]] = []
        self._headings: list[tuple[int, str]] = []
        self._place = _HeadingPath()
        self._paths: Counter[tuple[str, ...]] = Counter()
        self._depth = 0
        self._parameter: list[str] = []
        self._plain: dict[tuple[int, str], Hashable] = {}

    def start(self, element: etree._Element) -> None:
        tag = str(element.tag)
        self._depth += 1
        if self._starts_block(tag):
            self._start_block(tag)
            self._openers.append((element, self.blocks[-1]))
            if tag == "tr" and next(element.iterdescendants(*_HEAVY), None) is None:
                self._row = element
        block = self._current_block()
        if element.attrib:
            attributes = [(str(key), str(value)) for key, value in element.attrib.items() if key not in VOLATILE]
            block.everything.append((self._depth - block.depth, tag, tuple(sorted(attributes))))
            local = _local(tag)
            block.add_details([(f"{local} {_local(key)}", value) for key, value in attributes])
        else:
            depth = self._depth - block.depth
            block.everything.append(self._plain.setdefault((depth, tag), (depth, tag, ())))
        if tag == _PARAMETER:
            macro = element.getparent()
            name = "" if macro is None else macro.get(f"{{{AC}}}name", "")
            self._parameter.append(f"{name} {element.get(f'{{{AC}}}name', '')}")
        if tag in ("td", "th"):
            block.cells += 1
        if tag not in _SILENT:
            block.words.append(_token(element, block))
        if text := element.text:
            self.text(tag, text)

    def end(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == _PARAMETER:
            self._parameter.pop()
        if tag in ("p", "div", "li", "br"):
            self._current_block().words.append(" ")
        if element is self._row:
            self._row = None
        if self._openers and self._openers[-1][0] is element:
            block = self._openers.pop()[1]
            self._open = None
            if _HEADING.fullmatch(block.kind):
                self._headings.append((int(block.kind[1]), block.text.lstrip("# ")[:_LINE]))
                path = tuple(text for _, text in self._headings)
                self._place = block.heading = _HeadingPath(path, self._paths[path])
                self._paths[path] += 1
        self._depth -= 1

    def text(self, tag: str, text: str) -> None:
        """Add text within an element.

        :param tag: tag of the element
        """
        if text.isspace() and (self._open is None or not any(word.strip() for word in self._open.words)):
            return
        if self._open is None:
            self._start_block("text")
        if tag == _CODE and self._row is None:
            first, *rest = text.split("\n")
            self._add_text(tag, first)
            for line in rest:
                self._start_block("code")
                self._add_text(tag, line)
        else:
            self._add_text(tag, text)

    def _add_text(self, tag: str, text: str) -> None:
        block = self._current_block()
        block.everything.append(f"{self._depth + 1 - block.depth}\0{text}")
        if self._parameter:
            block.add_details([(self._parameter[-1], text)])
        elif tag == _TASK_ID:
            block.add_details([("task id", text)])
        elif tag == _TASK_STATUS:
            block.words.append("[x] " if text.strip() == "complete" else "[ ] ")
        else:
            block.words.append(text)

    def _starts_block(self, tag: str) -> bool:
        if tag not in _BLOCKS or self._row is not None or self._parameter:
            return False
        if tag in ("p", "div") and self._open is not None and self._open.kind in _BEGUN_BY_PARAGRAPH:
            return bool("".join(self._open.words).strip(" []x"))
        inline = tag in (f"{{{AC}}}image", f"{{{AC}}}structured-macro")
        return not (inline and self._open is not None and self._open.kind in _WITH_TEXT)

    def _start_block(self, kind: str) -> None:
        level = int(kind[1]) if _HEADING.fullmatch(kind) else 7
        while self._headings and self._headings[-1][0] >= level and level < 7:
            self._headings.pop()
        self._open = _Block(kind, self._depth, self._place)
        self.blocks.append(self._open)

    def _current_block(self) -> _Block:
        if self._open is None:
            self._start_block("text")
        return self.blocks[-1]


def _read_blocks(root: etree._Element) -> list[_Block]:
    from lxml import etree

    reader = _Reader()
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if node is root:
            if event == "start" and root.text:
                reader.text("", root.text)
            continue
        if event in ("start", "end") and node.tag != TASK_UUID:
            (reader.start if event == "start" else reader.end)(node)
        if event != "start" and (tail := node.tail):
            parent = node.getparent()
            reader.text("" if parent is None else str(parent.tag), tail)
    return reader.blocks


def _token(element: etree._Element, block: _Block) -> str:
    """Return the visible part of an element besides its text."""
    tag = element.tag
    if tag == "time":
        return element.get("datetime", "")
    if tag in ("td", "th"):
        return " | " if block.cells > 1 else ""
    if tag == "br":
        return " "
    if tag == "li":
        return " • " if block.kind != "li" else ""
    if tag == f"{{{AC}}}image":
        return f"[image: {_target(element)}] "
    if tag == f"{{{AC}}}emoticon":
        return emoji_of(element)
    if tag == f"{{{AT}}}var":
        return f"{{{{{element.get(f'{{{AT}}}name', '')}}}}}"
    if tag == f"{{{AC}}}link":
        bodies = element.xpath("ac:link-body | ac:plain-text-link-body", namespaces=NAMESPACES)
        return "" if bodies else _target(element)
    if tag == f"{{{AC}}}structured-macro":
        name = element.get(f"{{{AC}}}name", "")
        title = str(element.xpath("string(ac:parameter[@ac:name='title'])", namespaces=NAMESPACES))
        return f"[{title}]" if name == "status" else f"[{name}: {title}] " if title else f"[{name}] "
    return ""


def _target(element: etree._Element) -> str:
    """Return the file, page, user or URL of an image or link."""
    for child in element:
        if isinstance(child.tag, str) and child.tag.startswith(f"{{{RI}}}"):
            name = next((child.get(f"{{{RI}}}{key}") for key in _TARGETS if child.get(f"{{{RI}}}{key}")), None)
            return f"@{name or ''}" if child.tag == f"{{{RI}}}user" else name or ""
    return ""


_SILENT: Final = frozenset(
    {"p", "div", "span", "strong", "em", "tr", _TASK_ID, _TASK_STATUS, f"{{{AC}}}task", f"{{{AC}}}task-body"}
)
_TARGETS: Final = ("filename", "content-title", "username", "account-id", "userkey", "value", "space-key", "content-id")


def _changes(old: Sequence[_Block], new: Sequence[_Block]) -> list[_Change]:
    changes: list[_Change] = []
    moved = 0
    places: dict[_HeadingPath, _HeadingPath] = {}
    old_keys = [(block.kind, block.text) for block in old]
    new_keys = [(block.kind, block.text) for block in new]
    for first, last, start, stop in _align(old_keys, new_keys):
        if old_keys[first:last] == new_keys[start:stop]:
            for left, right in zip(old[first:last], new[start:stop], strict=True):
                places.setdefault(left.heading, right.heading)
                if left.everything != right.everything:
                    changes.append(
                        _Change(right.heading, new=right.text or f"[{_local(right.kind)}]", note=_note(left, right))
                    )
                moved += left.everything == right.everything and left.depth != right.depth
        else:
            changes += _diff_blocks(old[first:last], new[start:stop], places)
    if moved and not changes:
        changes.append(_Change(_HeadingPath(), note=f"{moved} blocks moved within their layout, list or macro"))
    return changes


def _diff_blocks(
    old: Sequence[_Block], new: Sequence[_Block], places: dict[_HeadingPath, _HeadingPath]
) -> Iterator[_Change]:
    """Yield the changes of one place: removed and added lines, and pairs of similar lines as changed lines.

    :param places: headings of the old page, to the corresponding headings of the new page
    """
    removed = [block for block in old if block.text]
    added = [block for block in new if block.text]
    next_removed, next_added = 0, 0
    pairs = _pair(removed, added)
    for one, other in pairs:
        if removed[one].kind == added[other].kind and _HEADING.fullmatch(removed[one].kind):
            places[removed[one].heading] = added[other].heading
    for one, other in [*pairs, (len(removed), len(added))]:
        unpaired = removed[next_removed:one]
        yield from (_Change(places.get(block.heading, block.heading), old=block.text) for block in unpaired)
        yield from (_Change(block.heading, new=block.text) for block in added[next_added:other])
        if one < len(removed):
            yield _Change(added[other].heading, removed[one].text, added[other].text)
        next_removed, next_added = one + 1, other + 1
    if not removed and not added:
        for blocks, sign in ((old, "without"), (new, "with")):
            yield from (
                _Change(places.get(block.heading, block.heading), note=f"{sign} an empty {_local(block.kind)}")
                for block in blocks
            )


def _pair(old: Sequence[_Block], new: Sequence[_Block]) -> list[tuple[int, int]]:
    """Return the pairs of old and new lines that share most words, in order.

    With too many lines to compare, they are paired by position if their number is equal.
    """
    if len(old) == len(new) == 1 or len(old) * len(new) > _FEW:
        return [(number, number) for number in range(len(old))] if len(old) == len(new) else []
    words = [[Counter(re.findall(r"\w+", block.text[:_LINE])) for block in blocks] for blocks in (old, new)]
    best: list[list[tuple[float, list[tuple[int, int]]]]] = [[(0.0, [])] * (len(new) + 1) for _ in range(len(old) + 1)]
    for one in reversed(range(len(old))):
        for other in reversed(range(len(new))):
            similarity = _similarity(words[0][one], words[1][other]) if old[one].kind == new[other].kind else 0.0
            score, pairs = best[one + 1][other + 1]
            paired = (score + similarity, [(one, other), *pairs]) if similarity >= _MIN_SIMILARITY else (0.0, [])
            best[one][other] = max(best[one + 1][other], best[one][other + 1], paired, key=itemgetter(0))
    return best[0][0][1]


def _similarity(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / max(1, one.total() + other.total())


def _note(old: _Block, new: _Block) -> str:
    """Return the differences between two blocks with the same text."""
    notes = []
    removed, added = Counter(old.details) - Counter(new.details), Counter(new.details) - Counter(old.details)
    for label in dict.fromkeys(label for label, _ in [*removed, *added]):
        values = ([value for name, value in side.elements() if name == label] for side in (removed, added))
        for left, right in zip_longest(*values):
            notes.append(f"{label}: {_quote(left)} → {_quote(right)}")
    tags, other_tags = Counter(old.tags), Counter(new.tags)
    notes += [f"+{tag}" for tag in (other_tags - tags)] + [f"-{tag}" for tag in (tags - other_tags)]
    if notes:
        return ", ".join(notes)
    return (
        "white space"
        if list(map(_without_space, old.everything)) == list(map(_without_space, new.everything))
        else "formatting"
    )


def _quote(value: str | None) -> str:
    return "none" if value is None else _cut(" ".join(value.split()) or "empty", 80)


def _without_space(part: object) -> object:
    return "".join(part.split()) if isinstance(part, str) else part


def _align(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int, int, int]]:
    """Return corresponding ranges ``[first, last)`` of the old and ``[start, stop)`` of the new page, equal or replaced.

    The ranges lie between blocks that are unique on both pages ("patience diff"), so that the time does not grow with the
    square of the page size. Small ranges without a unique block are compared by difflib; large ones count as replaced.
    """
    ranges: list[tuple[int, int, int, int]] = []
    todo = [(0, len(old), 0, len(new))]
    while todo:
        first, last, start, stop = todo.pop()
        head = _common(old[first:last], new[start:stop])
        tail = _common(old[first + head : last][::-1], new[start + head : stop][::-1])
        ranges += [(first, first + head, start, start + head), (last - tail, last, stop - tail, stop)]
        first, last, start, stop = first + head, last - tail, start + head, stop - tail
        anchors = _anchors(old[first:last], new[start:stop])
        if anchors:
            edges = [(0, 0), *anchors, (last - first, stop - start)]
            todo += [
                (first + one, first + other, start + left, start + right) for (one, left), (other, right) in pairwise(edges)
            ]
        elif first < last and start < stop and (last - first) * (stop - start) <= _SMALL:
            matcher = difflib.SequenceMatcher(None, old[first:last], new[start:stop], autojunk=False)
            ranges += [(first + a, first + b, start + c, start + d) for _, a, b, c, d in matcher.get_opcodes()]
        elif first < last or start < stop:
            ranges.append((first, last, start, stop))
    return sorted((first, last, start, stop) for first, last, start, stop in ranges if first < last or start < stop)


def _common(old: Sequence[Hashable], new: Sequence[Hashable]) -> int:
    return next(
        (number for number, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return the positions of items that are unique on both sides, as the longest sequence in the same order."""
    once, other_once = Counter(old), Counter(new)
    where = {key: number for number, key in enumerate(new) if other_once[key] == 1}
    pairs = [(number, where[key]) for number, key in enumerate(old) if once[key] == 1 and key in where]
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, position) in enumerate(pairs):
        at = bisect_left(ends, position)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [position]
        last[at : at + 1] = [number]
    chain: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


_Groups = Sequence[tuple[str, Sequence["_Change"]]]
"""The headings with the changes below them."""


def _by_heading(changes: Iterable[_Change]) -> _Groups:
    """Group changes by their headings. A heading whose text is not unique includes the headings above it."""
    groups: dict[_HeadingPath, list[_Change]] = {}
    for change in changes:
        groups.setdefault(change.heading, []).append(change)
    texts = Counter(place.path[-1] for place in groups if place.path)
    return [
        (_cut(" / ".join(place.path if texts[place.path[-1]] > 1 else place.path[-1:]), _LINE) if place.path else TOP, group)
        for place, group in groups.items()
    ]


def _as_text(groups: _Groups, rest: str) -> str:
    lines: list[str] = []
    for heading, group in groups:
        lines.append(f"== {heading}")
        for change in group:
            if change.note:
                lines.append(f"  ~ {': '.join(filter(None, (_cut(change.new or '', _LINE), change.note)))}")
                continue
            for sign, parts in zip("-+", _parts(change), strict=True):
                if parts is not None:
                    lines.append(f"  {sign} {''.join(parts)}")
    return "\n".join([*lines, *([rest] if rest else [])])


def _as_html(groups: _Groups, rest: str) -> str:
    paragraphs: list[str] = []
    for heading, group in groups:
        paragraphs.append(f"<p><strong>{escape_text(heading)}</strong></p>")
        for change in group:
            if change.note:
                text = escape_text(_cut(change.new or "", _LINE))
                paragraphs.append(f"<p>{text} <em>{escape_text(change.note)}</em></p>")
                continue
            old, new = _parts(change)
            common, tail = (old or new or ("", "", ""))[::2]
            removed = f'<del style="background-color: #ffebe6;">{escape_text(old[1])}</del>' if old and old[1] else ""
            added = f'<ins style="background-color: #e3fcef;">{escape_text(new[1])}</ins>' if new and new[1] else ""
            paragraphs.append(f"<p>{escape_text(common)}{removed}{added}{escape_text(tail)}</p>")
    return f"<div>{''.join(paragraphs)}{f'<p>{escape_text(rest)}</p>' if rest else ''}</div>"


_Parts = tuple[str, str, str]


def _parts(change: _Change) -> tuple[_Parts | None, _Parts | None]:
    """Return both lines, each as the common start, the difference, and the common end; long texts are cut."""
    if change.old is None or change.new is None:
        old, new = (None if line is None else ("", _cut(line, _LINE), "") for line in (change.old, change.new))
        return old, new
    left, right = _WORDS.findall(change.old), _WORDS.findall(change.new)
    head = _common(left, right)
    tail = _common(left[head:][::-1], right[head:][::-1])
    front, back = "".join(left[:head]), "".join(left[len(left) - tail :])
    if max(len(change.old), len(change.new)) > _LINE:
        front = f"…{front[-_CONTEXT:]}" if len(front) > _CONTEXT else front
        back = f"{back[:_CONTEXT]}…" if len(back) > _CONTEXT else back
    middle = ("".join(words[head : len(words) - tail]) for words in (left, right))
    old_parts, new_parts = ((front, _cut(words, _LINE), back) for words in middle)
    return old_parts, new_parts


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    return name.rpartition("}")[2]
