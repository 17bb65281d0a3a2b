"""The Atlassian Document Format (ADF), in which Jira Cloud sends formatted text, as plain text or as storage format.

Source: "Atlassian Document Format" in Atlassian's developer documentation. Stored documents also contain nodes beyond its
list, so an unknown node is replaced by its content, and its type is reported. Documents come from other people: depth and
number of nodes are limited, text is escaped, and links have one of three schemes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

MAX_DEPTH: Final = 60
MAX_NODES: Final = 50_000
SCHEMES: Final = ("http", "https", "mailto")

Node = Mapping[str, Any]

_MARKS: Final = {"strong": "strong", "em": "em", "underline": "u", "strike": "s", "code": "code"}
_PANELS: Final = {"info": "info", "note": "note", "warning": "warning", "success": "tip", "error": "warning", "tip": "tip"}
_COLOURS: Final = {"neutral": "Grey", "purple": "Purple", "blue": "Blue", "red": "Red", "yellow": "Yellow", "green": "Green"}
_BLOCKS: Final = frozenset(
    {
        *("paragraph", "heading", "blockquote", "rule", "codeBlock", "panel", "expand", "nestedExpand", "bulletList"),
        *("orderedList", "listItem", "taskList", "taskItem", "decisionList", "decisionItem", "table", "tableRow"),
        *("mediaSingle", "mediaGroup", "blockCard", "embedCard", "layoutSection", "layoutColumn"),
    }
)
# Apps render these; the document does not contain what they show.
_DROPPED: Final = frozenset({"extension", "bodiedExtension", "inlineExtension", "placeholder", "syncBlock"})
# XML 1.0 cannot represent these characters.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_document(value: Any) -> bool:
    """Return whether a field's value is a document in this format."""
    return isinstance(value, Mapping) and value.get("type") == "doc" and isinstance(value.get("content"), list)


def plain_text(document: Any) -> str:
    """Return the text of a document, one line for each block.

    >>> bold = {"type": "text", "text": "안녕", "marks": [{"type": "strong"}]}
    >>> plain_text({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [bold]}]})
    '안녕'

    :param document: a document, or plain text, which is returned unchanged
    :raises ValueError: it is neither, or exceeds :data:`MAX_DEPTH` or :data:`MAX_NODES`
    """
    if isinstance(document, str):
        return document
    lines = _Text(_checked(document)).blocks()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def storage_format(document: Any) -> tuple[str, list[str]]:
    """Return a document in Confluence's storage format, and the types of its nodes without a counterpart there.

    Mentions keep their account id. Pictures become their alternative text: the id of a media node is not that of an
    attachment.

    >>> text = {"type": "text", "text": "<b>", "marks": [{"type": "em"}]}
    >>> storage_format({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [text]}]})
    ('<p><em>&lt;b&gt;</em></p>', [])

    :param document: a document, or plain text, whose lines become paragraphs
    :raises ValueError: it is neither, or exceeds :data:`MAX_DEPTH` or :data:`MAX_NODES`
    """
    if isinstance(document, str):
        return "".join(f"<p>{_escape(line)}</p>" for line in document.splitlines()), []
    storage = _Storage(_checked(document))
    return storage.content(storage.root), sorted(storage.unknown)


def _checked(document: Any) -> Node:
    if not is_document(document):
        raise ValueError("the value is not in the Atlassian Document Format: its type is not 'doc'")
    # Level by level, so that a deep document is refused before anything recurses into it.
    level, depth, nodes = [document], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError(f"the document has more than {MAX_DEPTH} levels or {MAX_NODES:,} nodes")
        level = [child for node in level for child in _children(node)]
    checked: Node = document
    return checked


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list) else []


def _attributes(node: Node) -> Node:
    attributes = node.get("attrs")
    return attributes if isinstance(attributes, Mapping) else {}


def _attribute(node: Node, name: str) -> str:
    value = _attributes(node).get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _marks(node: Node) -> Iterator[tuple[str, Node]]:
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, Mapping) and isinstance(mark.get("type"), str):
            yield mark["type"], mark


def _url(node: Node, name: str = "url") -> str:
    """Return the URL of a link or card; empty for a scheme such as ``javascript``."""
    url = _attribute(node, name)
    try:
        return url if urlsplit(url).scheme.lower() in SCHEMES else ""
    except ValueError:
        return ""


def _day(node: Node) -> str:
    """Return the day of a date node, whose timestamp is in milliseconds of UTC."""
    try:
        return datetime.fromtimestamp(int(_attribute(node, "timestamp")) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _mention(node: Node) -> str:
    name = _attribute(node, "text") or _attribute(node, "id")
    return name if name.startswith("@") else f"@{name}"


def _is_block(node: Node) -> bool:
    """Return whether a node is on lines of its own: a known block, or an unknown node that contains one."""
    return node.get("type") in _BLOCKS or any(_is_block(child) for child in _children(node))


@dataclass
class _Text:
    """The plain text of a document."""

    root: Node

    def blocks(self) -> list[str]:
        """Return the lines of the document."""
        return self.inner(self.root)

    def lines(self, node: Node) -> list[str]:
        """Return the lines of a block."""
        kind = node.get("type")
        if kind in _DROPPED:
            return []
        if kind in ("bulletList", "decisionList", "taskList"):
            return [line for item in _children(node) for line in self.item(item, _bullet(item))]
        if kind == "orderedList":
            first = _attribute(node, "order")
            start = int(first) if first.isdecimal() and len(first) < 10 else 1
            return [line for number, item in enumerate(_children(node), start) for line in self.item(item, f"{number}. ")]
        if kind == "rule":
            return ["---"]
        if kind == "tableRow":
            return ["\t".join(" ".join(self.inner(cell)) for cell in _children(node))]
        if kind in ("expand", "nestedExpand") and _attribute(node, "title"):
            return [_attribute(node, "title"), *self.inner(node)]
        return self.inner(node)

    def inner(self, node: Node) -> list[str]:
        """Return the lines of the nodes in a node."""
        lines: list[str] = []
        inline = ""
        children = _children(node)
        for child in children:
            if not _is_block(child):
                inline += self.inline(child)
                continue
            lines += [*inline.split("\n"), *self.lines(child)] if inline else self.lines(child)
            inline = ""
        if inline or not children:
            lines += (inline or self.inline(node) if not children else inline).split("\n")
        return lines

    def item(self, item: Node, bullet: str) -> list[str]:
        """Return the lines of an item of a list; the lines after the first are indented."""
        is_list = item.get("type") in ("bulletList", "orderedList", "taskList")
        lines = self.lines(item) if is_list else self.inner(item)
        return [f"{bullet if number == 0 else ' ' * len(bullet)}{line}" for number, line in enumerate(lines)]

    def inline(self, node: Node) -> str:
        """Return the text of an inline node."""
        kind = node.get("type")
        if kind == "text":
            text = _text(node)
            link = next((_url(mark, "href") for name, mark in _marks(node) if name == "link"), "")
            return f"{text} ({link})" if link and link != text else text
        if isinstance(kind, str) and kind in _INLINE:
            return _INLINE[kind](node)
        return "" if kind in _DROPPED else "".join(self.inline(child) for child in _children(node))


def _bullet(item: Node) -> str:
    """Return the mark of an item of a list."""
    if item.get("type") == "taskItem":
        return "[x] " if _attribute(item, "state") == "DONE" else "[ ] "
    return "- "


def _text(node: Node) -> str:
    text = node.get("text")
    return text if isinstance(text, str) else ""


def _alternative(node: Node) -> str:
    """Return the alternative text of a picture in brackets."""
    return f"[{alternative}]" if (alternative := _attribute(node, "alt")) else ""


_INLINE: Final[Mapping[str, Callable[[Node], str]]] = {
    "hardBreak": lambda _: "\n",
    "mention": _mention,
    "emoji": lambda emoji: _attribute(emoji, "text") or _attribute(emoji, "shortName"),
    "status": lambda status: _attribute(status, "text"),
    "date": _day,
    "inlineCard": _url,
    "blockCard": _url,
    "embedCard": _url,
    "media": _alternative,
    "mediaInline": _alternative,
}


def _escape(text: str) -> str:
    return escape(_UNWRITABLE.sub("\ufffd", text))


@dataclass
class _Storage:
    """The storage format of a document.

    :param unknown: types of nodes that were replaced by their content
    """

    root: Node
    unknown: set[str] = field(default_factory=set)

    def content(self, node: Node) -> str:
        """Return the markup of the nodes in a node."""
        return "".join(self.markup(child) for child in _children(node))

    def markup(self, node: Node) -> str:
        """Return the markup of a node."""
        kind = node.get("type")
        writer = _WRITERS.get(kind) if isinstance(kind, str) else None
        if writer is not None:
            return writer(self, node)
        self.unknown.add(str(kind)[:40])
        return "" if kind in _DROPPED else self.content(node)

    def text(self, node: Node) -> str:
        """Return a text with its marks."""
        markup = _escape(_text(node))
        for name, mark in _marks(node):
            if name in _MARKS:
                markup = f"<{_MARKS[name]}>{markup}</{_MARKS[name]}>"
            elif name == "subsup":
                tag = "sub" if _attribute(mark, "type") == "sub" else "sup"
                markup = f"<{tag}>{markup}</{tag}>"
            elif name == "link" and (url := _url(mark, "href")):
                markup = f'<a href="{_escape(url)}">{markup}</a>'
        return markup

    def element(self, node: Node, tag: str) -> str:
        """Return a node as an element."""
        return f"<{tag}>{self.content(node)}</{tag}>"

    def heading(self, node: Node) -> str:
        """Return a heading; a level that does not exist is level 3."""
        level = _attribute(node, "level")
        return self.element(node, f"h{level if level in tuple('123456') else 3}")

    def card(self, node: Node) -> str:
        """Return the link of a card; Jira shows the title of its target instead."""
        url = _escape(_url(node))
        link = f'<a href="{url}">{url}</a>' if url else ""
        return f"<p>{link}</p>" if link and node.get("type") != "inlineCard" else link

    def cell(self, node: Node) -> str:
        """Return a cell of a table."""
        tag = "th" if node.get("type") == "tableHeader" else "td"
        spans = ((name, _attribute(node, name)) for name in ("colspan", "rowspan"))
        attributes = "".join(
            f' {name}="{int(span)}"' for name, span in spans if span.isdecimal() and len(span) < 4 and int(span) > 1
        )
        return f"<{tag}{attributes}>{self.content(node)}</{tag}>"

    def table(self, node: Node) -> str:
        """Return a table."""
        return f"<table><tbody>{self.content(node)}</tbody></table>"

    def items(self, node: Node, tag: str) -> str:
        """Return a list; a list directly inside of it becomes an item."""
        items = (
            self.content(item) if item.get("type") in ("listItem", "decisionItem") else self.markup(item)
            for item in _children(node)
        )
        return f"<{tag}>{''.join(f'<li>{item}</li>' for item in items)}</{tag}>"

    def tasks(self, node: Node) -> str:
        """Return a list of tasks; the tasks of a list in it follow those before."""
        tasks = "".join(self.tasks_of(item) for item in _children(node))
        return f"<ac:task-list>{tasks}</ac:task-list>" if tasks else ""

    def tasks_of(self, node: Node) -> str:
        """Return one task, or those of a nested list. Confluence assigns the ids."""
        if node.get("type") == "taskList":
            return "".join(self.tasks_of(item) for item in _children(node))
        status = "complete" if _attribute(node, "state") == "DONE" else "incomplete"
        return (
            f"<ac:task><ac:task-status>{status}</ac:task-status><ac:task-body>{self.content(node)}</ac:task-body></ac:task>"
        )

    def code(self, node: Node) -> str:
        """Return a block of code."""
        code = _UNWRITABLE.sub("\ufffd", "".join(_text(child) for child in _children(node)))
        body = f"<ac:plain-text-body><![CDATA[{code.replace(']]>', ']]]]><![CDATA[>')}]]></ac:plain-text-body>"
        return _macro("code", {"language": _attribute(node, "language")}, body)

    def panel(self, node: Node) -> str:
        """Return a panel."""
        name = _PANELS.get(_attribute(node, "panelType"), "info")
        return _macro(name, {}, f"<ac:rich-text-body>{self.content(node)}</ac:rich-text-body>")

    def expand(self, node: Node) -> str:
        """Return a part that readers can fold."""
        body = f"<ac:rich-text-body>{self.content(node)}</ac:rich-text-body>"
        return _macro("expand", {"title": _attribute(node, "title")}, body)

    def mention(self, node: Node) -> str:
        """Return a mention; the name of a person without an id."""
        account = _attribute(node, "id")
        return f'<ac:link><ri:user ri:account-id="{_escape(account)}" /></ac:link>' if account else _escape(_mention(node))

    def status(self, node: Node) -> str:
        """Return a status lozenge."""
        colour = _COLOURS.get(_attribute(node, "color"), "Grey")
        return _macro("status", {"title": _attribute(node, "text"), "colour": colour}, "")

    def date(self, node: Node) -> str:
        """Return a date."""
        return f'<time datetime="{day}" />' if (day := _day(node)) else ""


def _macro(name: str, parameters: Mapping[str, str], body: str) -> str:
    markup = "".join(
        f'<ac:parameter ac:name="{key}">{_escape(value)}</ac:parameter>' for key, value in parameters.items() if value
    )
    return f'<ac:structured-macro ac:name="{name}">{markup}{body}</ac:structured-macro>'


def _element(tag: str) -> Callable[[_Storage, Node], str]:
    return lambda storage, node: storage.element(node, tag)


def _list(tag: str) -> Callable[[_Storage, Node], str]:
    return lambda storage, node: storage.items(node, tag)


def _inline(_: _Storage, node: Node) -> str:
    return _escape(_INLINE[node["type"]](node))


_WRITERS: Final[Mapping[str, Callable[[_Storage, Node], str]]] = {
    "paragraph": _element("p"),
    "heading": _Storage.heading,
    "blockquote": _element("blockquote"),
    "rule": lambda _, __: "<hr />",
    "hardBreak": lambda _, __: "<br />",
    "text": _Storage.text,
    "bulletList": _list("ul"),
    "orderedList": _list("ol"),
    "decisionList": _list("ul"),
    "taskList": _Storage.tasks,
    "codeBlock": _Storage.code,
    "panel": _Storage.panel,
    "expand": _Storage.expand,
    "nestedExpand": _Storage.expand,
    "table": _Storage.table,
    "tableRow": _element("tr"),
    "tableHeader": _Storage.cell,
    "tableCell": _Storage.cell,
    "layoutSection": _Storage.content,
    "layoutColumn": _Storage.content,
    "mention": _Storage.mention,
    "emoji": _inline,
    "status": _Storage.status,
    "date": _Storage.date,
    "inlineCard": _Storage.card,
    "blockCard": _Storage.card,
    "embedCard": _Storage.card,
    "mediaSingle": _element("p"),
    "mediaGroup": _element("p"),
    "media": _inline,
    "mediaInline": _inline,
}
