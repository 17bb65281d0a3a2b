"""Markdown as storage format: CommonMark with tables, strikethrough and task lists. The result is always well-formed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from workplace_provider.confluence.pages.values import (
    Image,
    code_macro,
    escape_text,
    from_plain,
    image_storage,
    quote_attribute,
    to_storage,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

LONGEST: Final = 300_000
"""Characters of a Markdown text."""

DEEPEST: Final = 100
"""Levels of lists and quotations. The parser drops text below its limit, so reaching it is an error."""

MOST_BRACKETS: Final = 100
"""Open brackets in one paragraph. For each of them, the parser reads the paragraph to its end."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LINKED: Final = frozenset({"http", "https", "mailto", "ftp", "tel", "slack", "page"})
"""Schemes of links; ``page`` is a page by its title. With another scheme, the source of the link stays text."""

_TASK: Final = re.compile(r"\[([ xX])\](?:\s+|$)")
_BRACKETS: Final = re.compile(r"[\[\]]")
_BREAK: Final = re.compile(r"&lt;br\s*/?&gt;", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9+#.-]{1,30}")
_INSERTED: Final = re.compile("\ue000([0-9]{1,9})\ue001")

_SIMPLE: Final[Mapping[str, str]] = {
    "paragraph_close": "</p>",
    "bullet_list_open": "<ul>",
    "bullet_list_close": "</ul>",
    "ordered_list_close": "</ol>",
    "list_item_open": "<li>",
    "list_item_close": "</li>",
    "blockquote_open": "<blockquote>",
    "blockquote_close": "</blockquote>",
    "hr": "<hr />",
    # Confluence has the header row in the same body as the others.
    "table_open": "<table><tbody>",
    "table_close": "</tbody></table>",
    "thead_open": "",
    "thead_close": "",
    "tbody_open": "",
    "tbody_close": "",
    "tr_open": "<tr>",
    "tr_close": "</tr>",
    "th_close": "</p></th>",
    "td_close": "</p></td>",
    "softbreak": "\n",
    "hardbreak": "<br />",
    "em_open": "<em>",
    "em_close": "</em>",
    "strong_open": "<strong>",
    "strong_close": "</strong>",
    "s_open": "<s>",
    "s_close": "</s>",
}
_LIST_ENDS: Final[Mapping[str, str]] = {"bullet_list_open": "bullet_list_close", "ordered_list_open": "ordered_list_close"}


def markdown_to_storage(text: str, *, headings: int = 1, inserted: Sequence[Any] = (), inline: bool = False) -> str:
    """Return Markdown in storage format.

    CommonMark with tables, ``~~strikethrough~~`` and task lists. A fenced block becomes a ``code`` macro. The target of a
    link or picture without a scheme is an attachment by its name, ``#heading`` a place on the page, and ``page:Title`` a
    page. HTML is text, except ``<br>``.

    ::

        markdown_to_storage("- [ ] check ![WAU](wau.png)")

    :param text: Markdown
    :param headings: level of the headings with one ``#``; the others follow, down to 6
    :param inserted: values for the places that :func:`insertion` has marked in the text; they are never parsed as Markdown
    :param inline: omit the paragraph around a text that is only one paragraph
    :raises ValueError: the text is too long, is nested too deeply, or has too many open brackets
    """
    if len(text) > LONGEST:
        raise ValueError(f"the Markdown has {len(text):,} characters, more than {LONGEST:,}; split it into several pages")
    tokens = _parser().parse(text)
    if inline and [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]:
        tokens = tokens[1:2]
    return _Converter(headings, inserted).convert(tokens)


def insertion(number: int) -> str:
    """Return the mark of a place in Markdown where a value is inserted.

    :param number: index of the value in ``inserted`` of :func:`markdown_to_storage`
    """
    return f"\ue000{number}\ue001"


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    parser.validateLink = _is_link  # type: ignore[method-assign]
    # Names of attachments are compared by character; the storage format has no percent-encoding.
    parser.normalizeLink = str  # type: ignore[method-assign, assignment]
    parser.core.ruler.before("inline", "limits", _check_limits)
    return parser


def _check_limits(state: StateCore) -> None:
    for token in state.tokens:
        if token.level >= DEEPEST - 1:
            raise ValueError(f"the Markdown has more than {DEEPEST - 2} levels of lists and quotations; reduce them")
        if token.type == "inline" and _open_brackets(token.content) > MOST_BRACKETS:
            raise ValueError(f"a paragraph of the Markdown has more than {MOST_BRACKETS} open brackets; close them")


def _open_brackets(text: str) -> int:
    """Return the largest number of brackets that are open at one place of a text."""
    most = opened = 0
    for bracket in _BRACKETS.findall(text):
        opened = opened + 1 if bracket == "[" else max(0, opened - 1)
        most = max(most, opened)
    return most


def _is_link(url: str) -> bool:
    scheme = _SCHEME.match(url.strip())
    return scheme is None or scheme[1].lower() in _LINKED


class _Converter:
    """Converts the tokens of one text."""

    def __init__(self, headings: int, inserted: Sequence[Any]) -> None:
        self._headings = headings
        self._inserted = inserted
        self._closing: list[str] = []
        """End tags of the open links, lists and items."""
        self._special: Mapping[str, Callable[[Token], str]] = {
            "inline": lambda token: self._children(token.children or []),
            "text": lambda token: self._text(token.content),
            "code_inline": lambda token: f"<code>{escape_text(self._plain(token.content))}</code>",
            "fence": self._code,
            "code_block": self._code,
            "image": self._image,
            "paragraph_open": lambda token: "" if token.hidden else "<p>",
            "paragraph_close": lambda token: "" if token.hidden else "</p>",
            "heading_open": lambda token: f"<h{self._level(token)}>",
            "heading_close": lambda token: f"</h{self._level(token)}>",
            "ordered_list_open": _ordered_list,
            "th_open": _cell,
            "td_open": _cell,
        }

    def convert(self, tokens: Sequence[Token]) -> str:
        """Return blocks in storage format."""
        tasks = _mark_tasks(tokens)
        pieces: list[str] = []
        for number, token in enumerate(tokens):
            tag = tasks.get(number)
            pieces.append(self._token(token) if tag is None else tag)
        return "".join(pieces)

    def _token(self, token: Token) -> str:
        special = self._special.get(token.type)
        # An unknown token would be one of a later version of the parser; its text is kept.
        return special(token) if special else _SIMPLE.get(token.type, escape_text(token.content))

    def _children(self, tokens: Sequence[Token]) -> str:
        pieces: list[str] = []
        for number, token in enumerate(tokens):
            if token.type == "link_open":
                is_empty = tokens[number + 1].type == "link_close"
                start, end = self._link(str(token.attrGet("href") or ""), is_empty=is_empty)
                self._closing.append(end)
                pieces.append(start)
            elif token.type == "link_close":
                pieces.append(self._closing.pop())
            else:
                pieces.append(self._token(token))
        return "".join(pieces)

    def _link(self, written: str, *, is_empty: bool) -> tuple[str, str]:
        """Return what is before and after the text of a link."""
        url = self._plain(written).strip()
        shown = escape_text(url) if is_empty else ""
        if not url or not _is_link(url):  # an inserted value
            return shown, ""
        scheme = _SCHEME.match(url)
        if (scheme and scheme[1].lower() != "page") or url.startswith(("/", "?")):
            return f"<a href={quote_attribute(url)}>{shown}", "</a>"
        if url.startswith("#"):
            return f"<ac:link ac:anchor={quote_attribute(url[1:])}><ac:link-body>{shown}", "</ac:link-body></ac:link>"
        if scheme:
            target = f"<ri:page ri:content-title={quote_attribute(unquote(url[len('page:') :]))} />"
        else:
            target = f"<ri:attachment ri:filename={quote_attribute(_file_name(url))} />"
        return f"<ac:link>{target}<ac:link-body>{shown}", "</ac:link-body></ac:link>"

    def _image(self, token: Token) -> str:
        url = self._plain(str(token.attrGet("src") or "")).strip()
        alt = self._plain("".join(" " if child.type == "softbreak" else child.content for child in token.children or ()))
        if scheme := _SCHEME.match(url):
            if scheme[1].lower() not in ("http", "https"):
                return escape_text(alt)
            description = f" ac:alt={quote_attribute(alt)}" if alt else ""
            return f"<ac:image{description}><ri:url ri:value={quote_attribute(url)} /></ac:image>"
        caption = self._plain(str(token.attrGet("title") or ""))
        name = _file_name(url)
        return image_storage(Image(name, alt=alt, caption=caption)) if name else escape_text(alt)

    def _code(self, token: Token) -> str:
        language = _LANGUAGE.match(token.info.strip())
        code = self._plain(token.content)
        return code_macro(code.removesuffix("\n"), language[0] if language else "")

    def _level(self, token: Token) -> int:
        return min(6, max(1, int(token.tag[1:]) + self._headings - 1))

    def _text(self, written: str) -> str:
        pieces: list[str] = []
        position = 0
        for mark in _INSERTED.finditer(written):
            pieces += (_BREAK.sub("<br />", escape_text(written[position : mark.start()])), self._markup(mark))
            position = mark.end()
        return "".join([*pieces, _BREAK.sub("<br />", escape_text(written[position:]))])

    def _markup(self, mark: re.Match[str]) -> str:
        number = int(mark[1])
        return to_storage(from_plain(self._inserted[number])) if number < len(self._inserted) else escape_text(mark[0])

    def _plain(self, written: str) -> str:
        """Return a text with the inserted values as text: for code and attributes."""

        def replace(mark: re.Match[str]) -> str:
            number = int(mark[1])
            return str(self._inserted[number]) if number < len(self._inserted) else mark[0]

        return _INSERTED.sub(replace, written)


def _ordered_list(token: Token) -> str:
    start = token.attrGet("start")
    return "<ol>" if start is None else f'<ol start="{int(start)}">'


def _cell(token: Token) -> str:
    aligned = str(token.attrGet("style") or "").removeprefix("text-align:")
    return f"<{token.tag}><p>" if not aligned else f'<{token.tag}><p style="text-align: {aligned};">'


def _file_name(path: str) -> str:
    return unquote(path).rpartition("/")[2]


def _mark_tasks(tokens: Sequence[Token]) -> Mapping[int, str]:
    """Return the tags of lists in which every item is a task, by the number of the token.

    Items of other lists that are tasks get a symbol for their box.
    """
    tags: dict[int, str] = {}
    lists: list[tuple[int, list[int]]] = []
    for number, token in enumerate(tokens):
        if token.type in _LIST_ENDS:
            lists.append((number, []))
        elif token.type == "list_item_open":
            lists[-1][1].append(number)
        elif token.type in _LIST_ENDS.values():
            start, items = lists.pop()
            boxes = [_take_box(tokens, item) for item in items]
            if not all(boxes):
                for item, box in zip(items, boxes, strict=True):
                    if box:
                        _inline_of(tokens, item).insert(0, _symbol(box))
                continue
            tags |= {start: "<ac:task-list>", number: "</ac:task-list>"}
            tags |= dict(zip(items, map(_task_start, boxes), strict=True))
            ends = (end for end in range(start, number) if _is_item_end(tokens[end], tokens[start].level))
            tags |= dict.fromkeys(ends, "</ac:task-body></ac:task>")
    return tags


def _is_item_end(token: Token, list_level: int) -> bool:
    return token.type == "list_item_close" and token.level == list_level + 1


def _inline_of(tokens: Sequence[Token], item: int) -> list[Token]:
    """Return the parts of the first line of an item; empty if the item starts with something else."""
    line = tokens[item + 2] if tokens[item + 1].type == "paragraph_open" else None
    return [] if line is None or line.children is None else line.children


def _take_box(tokens: Sequence[Token], item: int) -> str:
    """Remove the box ``[ ]`` or ``[x]`` at the start of an item and return its content; empty text without a box."""
    parts = _inline_of(tokens, item)
    box = _TASK.match(parts[0].content) if parts and parts[0].type == "text" else None
    if box is None:
        return ""
    parts[0].content = parts[0].content[box.end() :]
    return box[1]


def _task_start(box: str) -> str:
    # The ids of tasks are optional; Confluence assigns them when it saves the page ("Task lists" of its documentation).
    status = "incomplete" if box == " " else "complete"
    return f"<ac:task><ac:task-status>{status}</ac:task-status><ac:task-body>"


def _symbol(box: str) -> Token:
    from markdown_it.token import Token

    return Token("text", "", 0, content="☐ " if box == " " else "☑ ")
