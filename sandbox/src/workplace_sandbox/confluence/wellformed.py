"""The check that a body is well-formed storage format; Confluence refuses other bodies."""

from __future__ import annotations

import html.entities

from lxml import etree

from workplace_sandbox.confluence.errors import RestError, bad_request

# HTML's named characters are legal in storage format; XML knows only five of them.
_ENTITIES = "".join(
    f'<!ENTITY {name} "&#{code};">'
    for name, code in html.entities.name2codepoint.items()
    if name not in ("amp", "lt", "gt", "quot")
)
_NAMESPACES = "".join(
    f' xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "ac": "http://www.atlassian.com/schema/confluence/4/ac/",
        "ri": "http://www.atlassian.com/schema/confluence/4/ri/",
        "at": "http://www.atlassian.com/schema/confluence/4/at/",
    }.items()
)
_PREFIX = f"<!DOCTYPE body [{_ENTITIES}]><body{_NAMESPACES}>\n"


def check_storage(body: str) -> None:
    """Check that a body parses; see :func:`parse_storage`."""
    parse_storage(body)


def parse_storage(body: str) -> etree._Element:
    """Parse a body, below a root of its own.

    :param body: storage format: a fragment without a root and without namespace declarations.
    :raises RestError: 400 with the parser's reason and place, in Confluence's words.
    """
    # A declaration inside the root is a syntax error, so a body cannot bring entities of its own.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(f"{_PREFIX}{body}</body>".encode(), parser)
    except etree.XMLSyntaxError as error:
        raise _refusal(error) from error


def _refusal(error: etree.XMLSyntaxError) -> RestError:
    line, column = error.position
    reason = (error.msg or "not well-formed").partition(", line ")[0]
    return bad_request(f"Error parsing xhtml: {reason}\n at [row,col {{unknown-source}}]: [{max(line - 1, 1)},{column}]")
