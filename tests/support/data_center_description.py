from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from openapi_core import Config, OpenAPI


def read_description(path: Path, base_url: str) -> dict[str, Any]:
    """Return Atlassian's description of Data Center for a site, with corrections for every real one."""
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": base_url}]
    paths = description["paths"]
    # Listing attachments creates nothing: servers return 200, not the 201 of the description.
    attachments = paths["/rest/api/content/{id}/child/attachment"]["get"]["responses"]
    attachments["200"] = attachments.pop("201")
    # Trashing returns 204 like purging; the description has 200.
    paths["/rest/api/content/{id}"]["delete"]["responses"].setdefault("204", {"description": "trashed"})
    return description


def with_one_error_shape(description: dict[str, Any]) -> dict[str, Any]:
    """Return the same description with every response an error: few operations describe them, and all have one shape."""
    errors = copy.deepcopy(description)
    shape = {"$ref": "#/components/schemas/RestError"}
    for operations in errors["paths"].values():
        for operation in operations.values():
            operation["responses"] = {
                "default": {"description": "error", "content": {"application/json": {"schema": shape}}}
            }
    return errors


def with_no_unknown_fields(description: dict[str, Any]) -> dict[str, Any]:
    """Return the same description, refusing unknown fields in the bodies of requests."""
    strict = copy.deepcopy(description)
    for name in ("Content", "ContentRestriction", "JsonContentProperty", "Label", "MockAttachmentRequest"):
        strict["components"]["schemas"][name]["additionalProperties"] = False
    # In a form everything is text; the checker does not read a text part as a boolean.
    for field in ("minorEdit", "hidden"):
        form = strict["components"]["schemas"]["MockAttachmentRequest"]["properties"]
        form[field] = {"type": "string", "enum": ["true", "false"]}
    # Several labels may be added at once, according to the text beside the schema.
    label = strict["paths"]["/rest/api/content/{id}/label"]["post"]["requestBody"]["content"]["application/json"]
    label["schema"] = {"type": "array", "items": label["schema"]}
    return strict


def as_openapi(description: dict[str, Any]) -> OpenAPI:
    """Return the description ready to check with; it contains invalid defaults, so it is not checked itself."""
    return OpenAPI.from_dict(description, Config(spec_validator_cls=None))
