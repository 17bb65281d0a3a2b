"""Responses as XML, and as the JSON that Tableau makes of the same elements.

In JSON attributes and numbers are strings, a list is under the singular name of its elements, and an empty list is
missing. Source: reference section 2.1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from fastapi.responses import Response
from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from workplace_sandbox.tableau.errors import TableauError

NAMESPACE = "http://tableau.com/api"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = f"{NAMESPACE} https://help.tableau.com/samples/en-us/rest_api/ts-api_3_29.xsd"
_LISTS = {"workbooks", "views", "projects", "tags", "customViews", "datasources", "flows", "backgroundJobs"}

Element = etree._Element
_ROOT = f"{{{NAMESPACE}}}tsResponse"
# The stubs of lxml do not know that the default namespace has no prefix.
_NAMES = cast("dict[str, str]", {None: NAMESPACE, "xsi": _XSI})


def element(name: str, attributes: dict[str, str] | None = None, *children: Element, text: str | None = None) -> Element:
    """Create an element in Tableau's namespace.

    :param attributes: the attributes; they keep their order.
    :param children: the elements in it.
    :param text: the text in it.
    """
    made = etree.Element(f"{{{NAMESPACE}}}{name}", attributes, _NAMES)
    made.text = text
    made.extend(children)
    return made


def wants_json(request: Request) -> bool:
    """Return whether the ``Accept`` header of a request names JSON."""
    return "application/json" in request.headers.get("accept", "")


def write(elements: Iterable[Element], *, as_json: bool) -> bytes:
    """Return the body of a response.

    :param elements: the content of ``tsResponse``.
    :param as_json: whether it is JSON, otherwise XML.
    """
    if as_json:
        return json.dumps({_name(entry): _json(entry) for entry in elements}, ensure_ascii=False).encode()
    root = etree.Element(_ROOT, {f"{{{_XSI}}}schemaLocation": _SCHEMA}, _NAMES)
    root.extend(elements)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def send(content: bytes, status: int = 200, *, as_json: bool) -> Response:
    """Return a response with the body from ``write``."""
    media_type = "application/json;charset=UTF-8" if as_json else "application/xml;charset=utf-8"
    return Response(content, status, media_type=media_type)


def respond(request: Request, elements: Iterable[Element], status: int = 200) -> Response:
    """Return the response in the format that the request accepts.

    :param elements: the content of ``tsResponse``.
    """
    as_json = wants_json(request)
    return send(write(elements, as_json=as_json), status, as_json=as_json)


def error_response(request: Request, error: TableauError) -> Response:
    """Return an error response."""
    inside = element("summary", text=error.summary), element("detail", text=error.detail)
    return respond(request, [element("error", {"code": error.code}, *inside)], error.status)


def _json(node: Element) -> Any:
    name = _name(node)
    if name in _LISTS:
        members = [_json(child) for child in node]
        return {_name(node[0]): members} if members else {}
    values: dict[str, Any] = {str(key): str(value) for key, value in node.attrib.items()}
    for child in node:
        values[_name(child)] = _json(child)
    if node.text is not None:
        return {"value": node.text, **values} if values else node.text
    return values


def _name(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]
