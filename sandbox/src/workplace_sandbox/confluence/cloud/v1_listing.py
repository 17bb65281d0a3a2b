"""Lists of REST v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.call import is_number
from workplace_sandbox.confluence.cloud.errors import v1_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workplace_sandbox.confluence.cloud.call import CloudCall

MAX_LIMIT = 250


def parse_int(call: CloudCall, name: str, default: int) -> int:
    """Return a query parameter that is a whole number.

    :raises CloudError: 400 for anything else.
    """
    value = call.text(name)
    if value is None:
        return default
    if not is_number(value):
        raise v1_error(400, f"{name} must be a whole number, not {value}")
    return int(value)


def listing(
    call: CloudCall, items: Sequence[Any], represent: Callable[[Any], dict[str, Any]], default_limit: int = 25
) -> dict[str, Any]:
    """Return one page of a list with ``start`` and ``limit``."""
    start = parse_int(call, "start", 0)
    limit = min(parse_int(call, "limit", default_limit), MAX_LIMIT)
    shown = items[start : start + limit]
    path = call.request.url.path
    below = path[path.index("/rest/") :]
    links = {"self": f"{call.base}{below}"} | v1_represent.top_links(call)
    if start + limit < len(items) and limit:
        links["next"] = f"{below}?start={start + limit}&limit={limit}"
    return {
        "results": [represent(item) for item in shown],
        "start": start,
        "limit": limit,
        "size": len(shown),
        "_links": links,
    }
