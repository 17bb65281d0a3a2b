"""The JSON Schema of a definition, for editors that complete and check YAML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from workplace_provider.reports.definition import ANNOUNCEMENTS, FILLS, SOURCES, WAITS, Check, ReportDefinition
from workplace_provider.reports.reading import MOST_SOURCES

_REFERENCE: Final = "#/$defs/{name}"
_LISTS: Final[dict[str, dict[str, Any]]] = {"fill": FILLS, "announce": ANNOUNCEMENTS, "wait_for": WAITS}


def json_schema() -> dict[str, Any]:
    """Return the schema as plain data.

    ::

        json.dumps(json_schema(), ensure_ascii=False)
    """
    fields = [field for field in msgspec.structs.fields(ReportDefinition) if field.name != "id"]
    plain = [field.type for field in fields if field.name not in (*_LISTS, "sources", "checks")]
    kinds = [*SOURCES.values(), *FILLS.values(), *ANNOUNCEMENTS.values(), *WAITS.values(), Check]
    schemas, definitions = msgspec.json.schema_components([*plain, *kinds], ref_template=_REFERENCE)
    of_type = iter(schemas)
    properties: dict[str, Any] = {}
    for field in fields:
        if field.name == "sources":
            properties[field.name] = {
                "type": "object",
                "maxProperties": MOST_SOURCES,
                "additionalProperties": {"anyOf": _references(SOURCES.values())},
            }
        elif field.name in _LISTS:
            properties[field.name] = {"type": "array", "items": {"anyOf": _references(_LISTS[field.name].values())}}
        elif field.name == "checks":
            properties[field.name] = {"type": "array", "items": _references([Check])[0]}
        else:
            properties[field.name] = next(of_type)
    for definition in definitions.values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report",
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _references(kinds: Iterable[type]) -> list[dict[str, str]]:
    return [{"$ref": _REFERENCE.format(name=kind.__name__)} for kind in kinds]
