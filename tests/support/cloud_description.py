from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from openapi_core import Config, OpenAPI

METHODS = ("get", "post", "put", "delete")


def read_v2(path: Path, base_url: str) -> dict[str, Any]:
    """Return Atlassian's description of REST v2 for a site, with corrections for every real one.

    :param base_url: the address before ``/wiki``; empty for the paths alone.
    """
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": f"{base_url}/wiki/api/v2"}]
    _checkable(description)
    schemas = description["components"]["schemas"]
    # The descriptions beside them have "or null"; recorded responses have nulls.
    for name in ("PageSingle", "PageBulk", "FolderSingle"):
        for field in ("parentId", "parentType"):
            _nullable(schemas, name, field)
    for path, operations in description["paths"].items():
        for parameter in operations.get("parameters", []) + [
            each for method in METHODS for each in operations.get(method, {}).get("parameters", [])
        ]:
            # The "+" is missing in the pattern of the description: ids have other digits than 0 and 9.
            if "attachments/{" in path and parameter.get("schema", {}).get("pattern") == "(att)?0-9+":
                parameter["schema"]["pattern"] = "(att)?[0-9]+"
    for name in ("SpaceBulk", "SpaceSingle"):
        for field in ("description", "icon"):
            _nullable(schemas, name, field)
    _nullable(schemas, "User", "personalSpaceId")
    # Without this both kinds of body match any request.
    for kind in ("Page", "BlogPost", "Comment"):
        write, nested = schemas[f"{kind}BodyWrite"], schemas[f"{kind}NestedBodyWrite"]
        write |= {"required": ["representation", "value"], "additionalProperties": False}
        nested |= {"additionalProperties": False, "minProperties": 1}
    return description


def read_v1(path: Path, base_url: str) -> dict[str, Any]:
    """Return Atlassian's description of the rest of REST v1, with corrections."""
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": base_url}]
    _checkable(description)
    # The description beside it has "Null or content state".
    _nullable(description["components"]["schemas"], "ContentStateResponse", "contentState")
    # In a form everything is text; the checker omits parts with a file, and knows no text in a named media type.
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


def read_jira(path: Path, base_url: str) -> dict[str, Any]:
    """Return Atlassian's description of Jira Cloud for a site."""
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": base_url}]
    _checkable(description)
    # "+0900" is Jira's form of an offset, which RFC 3339 does not have.
    description["components"]["schemas"]["ServerInformation"]["properties"]["serverTime"].pop("format")
    return description


def read_agile(path: Path, base_url: str) -> dict[str, Any]:
    """Return Atlassian's description of boards and sprints for a site, with schemas where it has only examples."""
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    description["servers"] = [{"url": base_url}]
    _checkable(description)
    sprint = description["paths"]["/rest/agile/1.0/sprint/{sprintId}"]["get"]["responses"]["200"]["content"]
    sprints = description["paths"]["/rest/agile/1.0/board/{boardId}/sprint"]["get"]["responses"]["200"]["content"]
    for content in (sprint, sprints):
        for kind in content.values():
            kind["schema"] = _schema_of(json.loads(kind["example"]))
    for operations in description["paths"].values():
        for parameter in operations.get("get", {}).get("parameters", []):
            # The checker reads an object from the query; the text beside it describes a list of words.
            if parameter["in"] == "query" and parameter.get("schema", {}).get("type") == "object":
                parameter["schema"] = {"type": "string"}
    return description


def _schema_of(example: Any) -> dict[str, Any]:
    """Return a schema with the keys of an example and their types; the dates and the goal of a sprint are optional."""
    if isinstance(example, dict):
        optional = {"startDate", "endDate", "completeDate", "goal", "originBoardId"}
        return {
            "type": "object",
            "properties": {name: _schema_of(value) for name, value in example.items()},
            "required": sorted(example.keys() - optional),
            "additionalProperties": False,
        }
    if isinstance(example, list):
        return {"type": "array", "items": _schema_of(example[0])}
    return {"type": "boolean" if isinstance(example, bool) else "integer" if isinstance(example, int) else "string"}


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
    """Return the description ready to check with; it contains invalid defaults, so it is not checked itself."""
    return OpenAPI.from_dict(copy.deepcopy(description), Config(spec_validator_cls=None))


def _nullable(schemas: dict[str, Any], name: str, field: str) -> None:
    found = schemas[name]["properties"][field]
    if "$ref" in found:
        found = schemas[found["$ref"].rpartition("/")[2]]
    allowed = {"enum": [*found["enum"], None]} if "enum" in found else {}
    schemas[name]["properties"][field] = found | allowed | {"nullable": True}


def _checkable(description: dict[str, Any]) -> None:
    """Remove the parts that the checker does not support: tokens of OAuth, and responses without a media type."""
    description.pop("security", None)
    for operations in description["paths"].values():
        for method in METHODS:
            operation = operations.get(method, {})
            operation.pop("security", None)
            for answer in operation.get("responses", {}).values():
                if answer.get("content") == {}:
                    del answer["content"]
