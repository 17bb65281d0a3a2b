"""Bodies on the cloud: how they are stored, and the formats for reading and writing."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from workplace_sandbox.confluence import bodies
from workplace_sandbox.confluence.cloud import CLOUD_ID
from workplace_sandbox.confluence.cloud.errors import v2_error
from workplace_sandbox.confluence.errors import RestError
from workplace_sandbox.confluence.wellformed import check_storage

if TYPE_CHECKING:
    from workplace_sandbox.confluence.cloud.call import CloudCall
    from workplace_sandbox.model import Page

LIST_FORMATS = ("storage", "atlas_doc_format")
SINGLE_FORMATS = (*LIST_FORMATS, "view", "export_view", "anonymous_export_view", "styled_view", "editor")
WRITTEN_FORMATS = ("storage", "atlas_doc_format", "wiki")
MAX_BODY_BYTES = 5 * 1024 * 1024

_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_EMPTY_TAG = re.compile(r"(<[A-Za-z][^<>]*?)\s*/>")
_MACRO = re.compile(r"<ac:structured-macro\b[^<>]*?(?=\s*/?>)")


def as_kept(storage: str) -> str:
    """Return a body as the cloud stores it.

    It writes empty elements with a space, and gives macros ``ac:schema-version`` and ``ac:macro-id``; everything else
    stays unchanged. Source: reference section 2.4.
    """
    number = 0

    def identified(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        tag = match[0]
        if "ac:schema-version=" not in tag:
            tag += ' ac:schema-version="1"'
        if "ac:macro-id=" not in tag:
            tag += f' ac:macro-id="{uuid.uuid5(uuid.UUID(CLOUD_ID), f"{number} {storage}")}"'
        return tag

    parts = _CDATA.split(storage)
    # Every second part is a CDATA section: text, even if it looks like markup.
    parts[::2] = [_MACRO.sub(identified, _EMPTY_TAG.sub(r"\1 />", part)) for part in parts[::2]]
    return "".join(parts)


def read_body(value: Any, *, kind: str = "page") -> str:
    """Return the storage format in the ``body`` of a write, as the cloud will store it.

    :param value: ``{"representation": "storage", "value": "..."}``, or that below the name of the representation.
    :param kind: the kind of content, for the error.
    :raises CloudError: 500 without a representation, 400 for another shape or a body that is not well-formed, 413 above
        5 MB.
    """
    given = value
    if isinstance(given, dict) and "representation" not in given and len(given) == 1:
        ((name, given),) = given.items()
        if isinstance(given, dict) and given.get("representation", name) != name:
            raise v2_error(400, f"The representation of the body is not {name}", "INVALID_REQUEST_PARAMETER")
    if not isinstance(given, dict):
        raise v2_error(400, f"The body of the {kind} has no value", "INVALID_REQUEST_PARAMETER")
    if "representation" not in given:
        # The site fails with 500 and does not name the missing field. Source: reference section 4, APA#1683.
        raise v2_error(500, "Internal Server Error")
    if given["representation"] not in WRITTEN_FORMATS:
        options = ", ".join(WRITTEN_FORMATS)
        raise v2_error(400, f"The body of the {kind} needs a representation of: {options}", "INVALID_REQUEST_PARAMETER")
    text = given.get("value")
    if not isinstance(text, str):
        raise v2_error(400, f"The body of the {kind} has no value", "INVALID_REQUEST_PARAMETER")
    if given["representation"] != "storage":
        why = f"A body in {given['representation']} is not part of the sandbox; send storage"
        raise v2_error(400, why, "INVALID_REQUEST_PARAMETER")
    return checked(text)


def checked(storage: str) -> str:
    """Return storage format as the cloud will store it.

    :raises CloudError: 400 when it is not well-formed, 413 above 5 MB.
    """
    if len(storage.encode()) > MAX_BODY_BYTES:
        raise v2_error(413, "Request too large: the body is over 5 MB")
    try:
        check_storage(storage)
    except RestError as error:
        why = f"Content body cannot be converted to new editor format: {error.message}"
        raise v2_error(400, why, "BAD_REQUEST") from error
    return as_kept(storage)


def body_parts(call: CloudCall, page: Page, storage: str, wanted: str | None) -> dict[str, Any]:
    """Return the ``body`` of a response: empty unless the request names a format.

    :param page: the page of the body.
    """
    if wanted is None:
        return {}
    if wanted == "atlas_doc_format":
        from workplace_sandbox.confluence.cloud.adf import as_document

        value = json.dumps(as_document(storage), ensure_ascii=False)
    else:
        value = bodies.convert(call.store, call.site.context_path, page, storage, wanted)
    return {wanted: {"representation": wanted, "value": value}}
