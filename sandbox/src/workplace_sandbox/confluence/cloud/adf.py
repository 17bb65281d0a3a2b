"""Conversion of storage format to the Atlassian Document Format, for ``atlas_doc_format``.

Text, headings, lists, tables, links, code, images, dates, mentions, status and tasks become their nodes; any other macro
becomes an extension, as it does on the cloud.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workplace_sandbox.ui.storage import StorageError, parse_storage

if TYPE_CHECKING:
    from lxml import etree

AdfNode = dict[str, Any]

_MARKS = {
    "strong": "strong",
    "b": "strong",
    "em": "em",
    "i": "em",
    "u": "underline",
    "s": "strike",
    "del": "strike",
    "code": "code",
}
_LISTS = {"ul": "bulletList", "ol": "orderedList"}
_CELLS = {"td": "tableCell", "th": "tableHeader"}
_BLOCKS = {"blockquote": "blockquote"}
_EMPTY = {"br": "hardBreak", "hr": "rule"}
_PANELS = ("info", "note", "tip", "warning", "panel")
_INLINE = {"text", "hardBreak", "mention", "status", "date", "inlineExtension", "emoji"}


def as_document(storage: str) -> AdfNode:
    """Convert a body.

    :param storage: storage format; a body that does not parse becomes a paragraph with its text.
    """
    try:
        content = _blocks(parse_storage(storage))
    except StorageError:
        content = [_paragraph([{"type": "text", "text": storage}])] if storage else []
    return {"type": "doc", "version": 1, "content": content}


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: etree._Element, name: str) -> str | None:
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), None)


def _all_text(element: etree._Element) -> str:
    return "".join(str(text) for text in element.itertext())


def _blocks(element: etree._Element) -> list[AdfNode]:
    """Return the blocks of an element; text between them is put into paragraphs."""
    blocks: list[AdfNode] = []
    loose: list[AdfNode] = []

    def close() -> None:
        if loose and any(node["type"] != "text" or node["text"].strip() for node in loose):
            blocks.append(_paragraph(list(loose)))
        loose.clear()

    loose += _text(element.text, [])
    for child in element:
        for node in _nodes(child, []):
            if node["type"] in _INLINE:
                loose.append(node)
            else:
                close()
                blocks.append(node)
        loose += _text(child.tail, [])
    close()
    return blocks


def _inline(element: etree._Element, marks: list[AdfNode]) -> list[AdfNode]:
    nodes = _text(element.text, marks)
    for child in element:
        nodes += [node for node in _nodes(child, marks) if node["type"] in _INLINE]
        nodes += _text(child.tail, marks)
    return nodes


def _nodes(element: etree._Element, marks: list[AdfNode]) -> list[AdfNode]:
    """Return an element as nodes."""
    name = _name(element)
    if name in _MARKS:
        return _inline(element, [*marks, {"type": _MARKS[name]}])
    if name == "a":
        return _inline(element, [*marks, {"type": "link", "attrs": {"href": element.get("href", "")}}])
    if name in _EMPTY:
        return [{"type": _EMPTY[name]}]
    if name == "p":
        # A picture in a paragraph becomes a block beside it.
        return _blocks(element) or [_paragraph([])]
    if len(name) == 2 and name[0] == "h" and name[1] in "123456":
        return [{"type": "heading", "attrs": {"level": int(name[1])}, "content": _inline(element, marks)}]
    if name in _LISTS:
        items = [{"type": "listItem", "content": _blocks(item)} for item in element if _name(item) == "li"]
        return [{"type": _LISTS[name], "content": items}]
    if name == "table":
        return [{"type": "table", "content": [_row(row) for row in _rows(element)]}]
    if name == "pre":
        return [{"type": "codeBlock", "content": _text(_all_text(element), [])}]
    if name in _BLOCKS:
        return [{"type": _BLOCKS[name], "content": _blocks(element)}]
    return _special(element, name, marks)


def _special(element: etree._Element, name: str, marks: list[AdfNode]) -> list[AdfNode]:
    """Convert an element of Confluence's own namespaces."""
    if name == "image":
        target = next((child for child in element if _name(child) in ("attachment", "url")), None)
        alt = (_attribute(target, "filename") or _attribute(target, "value") or "") if target is not None else ""
        content: list[AdfNode] = [{"type": "media", "attrs": {"type": "file", "id": alt, "alt": alt, "collection": ""}}]
        content += [{"type": "caption", "content": _caption(child)} for child in element if _name(child) == "caption"]
        return [{"type": "mediaSingle", "attrs": {"layout": "center"}, "content": content}]
    if name == "time":
        return [{"type": "date", "attrs": {"timestamp": _timestamp(_attribute(element, "datetime") or "")}}]
    if name == "link":
        user = next((child for child in element if _name(child) == "user"), None)
        if user is not None:
            account = _attribute(user, "account-id") or _attribute(user, "userkey") or ""
            return [{"type": "mention", "attrs": {"id": account, "text": ""}}]
        return _text(_all_text(element), marks)
    if name == "structured-macro":
        return [_macro(element)]
    if name == "task-list":
        return [{"type": "taskList", "attrs": {"localId": ""}, "content": [_task(task) for task in element]}]
    if name == "adf-extension":
        return [_native(node) for node in element if _name(node) == "adf-node"]
    if name in ("colgroup", "parameter"):
        return []
    # Layouts, sections, the marker of an inline comment and the like: convert their contents.
    inside = _blocks(element)
    if all(node["type"] == "paragraph" for node in inside) and not any(_name(child) == "p" for child in element):
        return _inline(element, marks)
    return inside


def _native(element: etree._Element) -> AdfNode:
    """Convert a node that storage format has no element for and keeps in ``ac:adf-extension``."""
    content = next((child for child in element if _name(child) == "adf-content"), None)
    return {"type": _attribute(element, "type") or "", "content": [] if content is None else _blocks(content)}


def _caption(element: etree._Element) -> list[AdfNode]:
    paragraphs = [child for child in element if _name(child) == "p"]
    return [node for paragraph in paragraphs or [element] for node in _inline(paragraph, [])]


def _timestamp(day: str) -> str:
    """Return a day as milliseconds since 1970; text that is not a day is returned unchanged."""
    try:
        at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return day
    return str(int(at.timestamp() * 1000))


def _macro(element: etree._Element) -> AdfNode:
    kind = _attribute(element, "name") or ""
    parameters = {_attribute(child, "name") or "": _all_text(child) for child in element if _name(child) == "parameter"}
    if kind == "status":
        attributes = {"text": parameters.get("title", ""), "color": parameters.get("colour", "neutral").lower()}
        return {"type": "status", "attrs": attributes}
    plain = next((child for child in element if _name(child) == "plain-text-body"), None)
    if kind == "code" and plain is not None:
        return {"type": "codeBlock", "attrs": {"language": parameters.get("language")}, "content": _text(plain.text, [])}
    rich = next((child for child in element if _name(child) == "rich-text-body"), None)
    if kind in _PANELS and rich is not None:
        return {"type": "panel", "attrs": {"panelType": kind}, "content": _blocks(rich)}
    values = {name: {"value": value} for name, value in parameters.items()}
    extension: AdfNode = {
        "extensionType": "com.atlassian.confluence.macro.core",
        "extensionKey": kind,
        "parameters": {
            "macroParams": values,
            "macroMetadata": {"macroId": {"value": _attribute(element, "macro-id") or ""}},
        },
    }
    if rich is not None:
        return {"type": "bodiedExtension", "attrs": extension, "content": _blocks(rich)}
    return {"type": "extension", "attrs": extension}


def _task(element: etree._Element) -> AdfNode:
    parts = {_name(child): child for child in element}
    done = "task-status" in parts and _all_text(parts["task-status"]) == "complete"
    content = _inline(parts["task-body"], []) if "task-body" in parts else []
    return {"type": "taskItem", "attrs": {"localId": "", "state": "DONE" if done else "TODO"}, "content": content}


def _rows(table: etree._Element) -> list[etree._Element]:
    """Return the rows of a table, without those of the tables in it."""
    parts = [part for part in table if _name(part) in ("thead", "tbody", "tfoot")]
    return [row for part in [table, *parts] for row in part if _name(row) == "tr"]


def _row(element: etree._Element) -> AdfNode:
    # The numbers of a numbered table are not stored: a client adds them when it shows the table.
    shown = [cell for cell in element if _name(cell) in _CELLS and _attribute(cell, "class") != "numberingColumn"]
    cells = [{"type": _CELLS[_name(cell)], "content": _blocks(cell)} for cell in shown]
    return {"type": "tableRow", "content": cells}


def _paragraph(content: list[AdfNode]) -> AdfNode:
    return {"type": "paragraph", "content": content}


def _text(text: str | None, marks: list[AdfNode]) -> list[AdfNode]:
    if not text:
        return []
    return [{"type": "text", "text": text} | ({"marks": marks} if marks else {})]
