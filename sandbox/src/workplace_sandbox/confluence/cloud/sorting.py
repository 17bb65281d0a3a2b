"""The ``sort`` parameter: a field, with a minus before it for descending order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.confluence.cloud.call import wrong_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from workplace_sandbox.confluence.cloud.call import CloudCall

PAGES: Mapping[str, Callable[[Any], Any]] = {
    "id": lambda page: int(page.id),
    "created-date": lambda page: page.created_at,
    "modified-date": lambda page: page.updated_at,
    "title": lambda page: page.title.lower(),
}
ATTACHMENTS: Mapping[str, Callable[[Any], Any]] = {
    "created-date": lambda file: int(file.id.removeprefix("att")),
    "modified-date": lambda file: file.created_at,
}
COMMENTS: Mapping[str, Callable[[Any], Any]] = {
    "created-date": lambda entry: entry.at,
    "modified-date": lambda entry: entry.at,
}
SPACES: Mapping[str, Callable[[Any], Any]] = {
    "id": lambda space: space.id,
    "key": lambda space: space.key,
    "name": lambda space: space.name,
}
PROPERTIES: Mapping[str, Callable[[Any], Any]] = {"key": lambda entry: entry.key}
VERSIONS: Mapping[str, Callable[[Any], Any]] = {"modified-date": lambda entry: getattr(entry, "number", 0)}


def ordered(call: CloudCall, items: Iterable[Any], fields: Mapping[str, Callable[[Any], Any]]) -> list[Any]:
    """Return ``items`` in the requested order, unchanged without one.

    :raises CloudError: 400 for a field that does not exist.
    """
    result = list(items)
    sort = call.text("sort")
    if sort is None:
        return result
    field = sort.removeprefix("-")
    if field not in fields:
        raise wrong_type(sort, "sort", "|".join(name for field in fields for name in (field, f"-{field}")))
    return sorted(result, key=fields[field], reverse=sort.startswith("-"))
