from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from openapi_core import Config, OpenAPI

METHODS = ("get", "post", "put", "delete")


def read_v2(path: Path, base_url: str) -> dict[str, Any]:
    """Atlassian's description of REST v2 for a site, with what it gets wrong about every real one mended.

    :param base_url: what is before ``/wiki``; nothing for the paths alone.
    """
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": f"{base_url}/wiki/api/v2"}]
    _checkable(description)
    schemas = description["components"]["schemas"]
    # The texts beside them say "or null"; recorded answers have nulls.
    for name in ("PageSingle", "PageBulk", "FolderSingle"):
        for field in ("parentId", "parentType"):
            _nullable(schemas, name, field)
    for path, operations in description["paths"].items():
        for parameter in operations.get("parameters", []) + [
            each for method in METHODS for each in operations.get(method, {}).get("parameters", [])
        ]:
            # A "+" fell out of it: ids are not all noughts and nines.
            if "attachments/{" in path and parameter.get("schema", {}).get("pattern") == "(att)?0-9+":
                parameter["schema"]["pattern"] = "(att)?[0-9]+"
    for name in ("SpaceBulk", "SpaceSingle"):
        for field in ("description", "icon"):
            _nullable(schemas, name, field)
    _nullable(schemas, "User", "personalSpaceId")
    # Without this both kinds of body match whatever is sent.
    for kind in ("Page", "Comment"):
        write, nested = schemas[f"{kind}BodyWrite"], schemas[f"{kind}NestedBodyWrite"]
        write |= {"required": ["representation", "value"], "additionalProperties": False}
        nested |= {"additionalProperties": False, "minProperties": 1}
    return description


def read_v1(path: Path, base_url: str) -> dict[str, Any]:
    """Atlassian's description of what is left of REST v1, mended likewise."""
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": base_url}]
    _checkable(description)
    # The text beside it says "Null or content state".
    _nullable(description["components"]["schemas"], "ContentStateResponse", "contentState")
    # In a form everything is text; the checker leaves parts with a file out, and knows no text in a named media type.
    for operations in description["paths"].values():
        for method in METHODS:
            content = operations.get(method, {}).get("requestBody", {}).get("content", {})
            if "multipart/form-data" in content:
                content["multipart/form-data"]["schema"] = {
                    "type": "object",
                    "required": ["minorEdit"],
                    "properties": {
                        "minorEdit": {"type": "string", "enum": ["true", "false"]},
                        "comment": {"type": "string"},
                    },
                }
    return description


def scopes_of(description: dict[str, Any]) -> dict[tuple[str, str], set[frozenset[str]]]:
    """Return the alternatives of scopes by method and path; parts of a path that vary are ``{}``."""
    found = {}
    for path, operations in description["paths"].items():
        for method in METHODS:
            if method in operations:
                listed = operations[method].get("x-atlassian-oauth2-scopes", [])
                found[(method.upper(), plain_path(path))] = {frozenset(entry["scopes"]) for entry in listed}
    return found


def plain_path(path: str) -> str:
    """Return a path without the names of what varies in it."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def as_openapi(description: dict[str, Any]) -> OpenAPI:
    """Return the description ready to check with; it carries invalid defaults, so it is not checked itself."""
    return OpenAPI.from_dict(copy.deepcopy(description), Config(spec_validator_cls=None))


def _nullable(schemas: dict[str, Any], name: str, field: str) -> None:
    found = schemas[name]["properties"][field]
    if "$ref" in found:
        found = schemas[found["$ref"].rpartition("/")[2]]
    allowed = {"enum": [*found["enum"], None]} if "enum" in found else {}
    schemas[name]["properties"][field] = found | allowed | {"nullable": True}


def _checkable(description: dict[str, Any]) -> None:
    """Leave out what the checker cannot deal with: tokens of OAuth, and answers with no kind of content."""
    description.pop("security", None)
    for operations in description["paths"].values():
        for method in METHODS:
            operation = operations.get(method, {})
            operation.pop("security", None)
            for answer in operation.get("responses", {}).values():
                if answer.get("content") == {}:
                    del answer["content"]
