"""Arguments for the content status of a page, and for its place among its siblings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from workplace_provider.common.arguments import none_if_blank, parse_choice

if TYPE_CHECKING:
    from workplace_provider.confluence.publishing.position import Place
    from workplace_provider.confluence.publishing.states import WantedStatus

CONTENT_TYPES: Final = ("page", "blogpost")
POSITIONS: Final = ("first", "last", "before", "after")


def parse_position(value: Any, where: str) -> str | None:
    """Return a position, or ``None`` for a blank value."""
    return None if none_if_blank(value) is None else parse_choice(value, where, POSITIONS)


def parse_status(value: Any, where: str) -> Mapping[str, str] | None:
    """Return name and color of a content status, given as its name or as a mapping; ``None`` for a blank value."""
    value = none_if_blank(value)
    if value is None:
        return None
    if isinstance(value, str):
        return {"name": value.strip()}
    if not isinstance(value, Mapping) or not value.get("name") or not set(value) <= {"name", "color"}:
        raise ValueError(f"{where} is {value!r}; it must be a name, or a mapping with name and color")
    return {key: str(part) for key, part in value.items()}


def wanted_status(status: Mapping[str, str] | None) -> WantedStatus | None:
    """Return the content status of :func:`parse_status` for the use cases."""
    from workplace_provider.confluence.publishing.states import WantedStatus

    return WantedStatus(status["name"], status.get("color", "")) if status else None


def wanted_place(position: str | None, sibling: str | None) -> Place | None:
    """Return the place of a page; ``None`` without a position."""
    from workplace_provider.confluence.publishing.position import Place

    if position is None:
        return None
    return Place(cast("Literal['first', 'last', 'before', 'after']", position), sibling or "")


def check_blog_post(**arguments: Any) -> None:
    """Check that no argument needs a place in the page tree, which a blog post does not have.

    :raises ValueError: if one does
    """
    if names := [name for name, value in arguments.items() if value]:
        raise ValueError(
            f"a blog post is in no page tree, so {' and '.join(names)} cannot be used with content_type=blogpost"
        )


def check_place(position: str | None, sibling: str | None) -> None:
    """Check that a sibling is given exactly if the position needs one.

    :raises ValueError: if it is not
    """
    if position in ("before", "after") and not sibling:
        raise ValueError(f"position is {position!r}; set sibling to the title or the id of the page beside it")
    if sibling and position not in ("before", "after"):
        raise ValueError("sibling is set; set position to before or after, too")
