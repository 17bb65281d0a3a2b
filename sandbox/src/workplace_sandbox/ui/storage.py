"""Confluence storage format as a tree.

The format is XML without a root element and without namespace declarations, in which HTML's named entities are legal
(``&nbsp;``, ``&rarr;``). A DOCTYPE is not: it is the way to external entities, and no editor of Confluence writes one.
"""

from __future__ import annotations

import html.entities
import re

from lxml import etree

AC = "http://atlassian.com/content"
RI = "http://atlassian.com/resource/identifier"
AT = "http://atlassian.com/template"

_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_ROOT = f'<storage xmlns:ac="{AC}" xmlns:ri="{RI}" xmlns:at="{AT}">'


class StorageError(ValueError):
    """Storage format that cannot be read.

    :param reason: the error of the parser.
    :param line: line in the storage, from 1.
    :param column: column in that line, from 1.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


def qname(namespace: str, name: str) -> str:
    """Return the name that lxml gives to ``name`` in ``namespace``."""
    return f"{{{namespace}}}{name}"


def parse_storage(storage: str) -> etree._Element:
    """Parse storage format.

    :param storage: the body of a page or comment, exactly as stored.
    :return: an element ``storage`` around the body. Comments and processing instructions are left out, entities are
        characters.
    :raises StorageError: when the body is not well-formed XML, uses an unbound prefix or has a DOCTYPE.
    """
    source = storage.encode("utf-8", "replace")
    prolog = _declare_entities(storage) + _ROOT
    # Only the declarations above can define an entity: inside the root element a DOCTYPE is a syntax error.
    parser = etree.XMLParser(
        resolve_entities="internal",  # type: ignore[arg-type]  # the stubs know only bool
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(prolog.encode() + source + b"</storage>", parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        reason = (error.msg or "not well-formed").rpartition(", line ")[0] or str(error.msg)
        raise _explain(storage, reason, line, column - len(prolog) if line == 1 else column) from None


def _declare_entities(storage: str) -> str:
    """Return a DOCTYPE declaring the HTML entities that ``storage`` uses, on one line, so that line numbers stay true."""
    declared = []
    for name in sorted(set(_ENTITY.findall(storage)) - _XML_ENTITIES):
        characters = html.entities.html5.get(f"{name};")
        if characters is not None:
            # Doubly escaped: a declared "<" would otherwise become markup.
            value = "".join(f"&#38;#{ord(character)};" for character in characters)
            declared.append(f'<!ENTITY {name} "{value}">')
    return f"<!DOCTYPE storage [{''.join(declared)}]>" if declared else ""


def _explain(storage: str, reason: str, line: int, column: int) -> StorageError:
    """Return the parser's error in terms of the body, without the element that was put around it."""
    lines = storage.split("\n")
    if line > len(lines) or column < 1:
        line, column = len(lines), len(lines[-1]) + 1
    column = min(column, len(lines[line - 1]) + 1)
    doctype = re.search("<!DOCTYPE", storage, re.IGNORECASE)
    if doctype and storage.count("\n", 0, doctype.start()) + 1 == line:
        return StorageError(
            "a DOCTYPE is not allowed in storage format",
            line,
            doctype.start() - storage.rfind("\n", 0, doctype.start()),
        )
    if "storage" in reason and "mismatch" in reason:
        tag = re.search(r"mismatch: (\S+) line \d+ and (\S+)", reason)
        if tag and tag[2] == "storage":
            reason = f"the element <{tag[1]}> is not closed"
        elif tag and tag[1] == "storage":
            reason = f"the end tag </{tag[2]}> has no start tag"
    return StorageError(reason, line, column)
