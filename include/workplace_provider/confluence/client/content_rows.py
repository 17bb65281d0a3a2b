"""Content as REST API v1 lists it, on Data Center and in what is left of v1 on Cloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.responses import (
    Account,
    Content,
    Extensions,
    History,
    InlineProperties,
    Label,
)
from workplace_provider.confluence.client.wiki import Person, Stamp, WikiComment
from workplace_provider.http.errors import BadResponse

COMMENT_FIELDS: Final = "version,history,container,extensions.inlineProperties,extensions.resolution"
FILE_FIELDS: Final = "version,container"
# What is new comes last, so that a row that is added while one pages shifts none that was not read yet.
OLDEST_FIRST: Final = "order by created asc"


def within(space: str, page_ids: Sequence[str]) -> str:
    """A condition of CQL for what hangs on pages: on those of a space, or on some."""
    if space:
        return f"space = {quoted(space)}"
    return f"container in ({', '.join(quoted(each) for each in page_ids)})"


def container_of(row: Content) -> str:
    """The id of what a comment or a file hangs on.

    :raises BadResponse: when it is not told
    """
    if row.container is None or row.container.id is None:
        raise BadResponse(f"the {row.type or 'content'} {row.id} does not tell its page", system="Confluence")
    return str(row.container.id)


def bodies_of(row: Content) -> dict[str, str]:
    """Form to body, those that the row has."""
    return {name: form.value for name, form in (row.body or {}).items() if form is not None and form.value is not None}


def labels_of(row: Content) -> tuple[str, ...]:
    """The global labels, sorted."""
    labels = row.metadata.labels if row.metadata else None
    return sorted_labels(labels.results if labels else ())


def sorted_labels(labels: Iterable[Label]) -> tuple[str, ...]:
    """The names of the global ones, sorted."""
    return tuple(sorted(label.name for label in labels if (label.prefix or "global") == "global"))


def created_stamp(row: Content) -> Stamp:
    """Who wrote the first version, and when, as API v1 has it."""
    history = row.history or History()
    return stamp_of(history.created_by, history.created_date)


def version_stamp(row: Content) -> Stamp:
    """Who wrote this version, and when, as API v1 has it."""
    return stamp_of(row.version.by, row.version.when) if row.version else stamp_of(None, None)


def stamp_of(by: Account | None, at: str | None) -> Stamp:
    """Who and when."""
    who = by or Account()
    return Stamp(at or "", Person(who.name, who.shown))


def comment_of(row: Content, parent_id: str | None) -> WikiComment:
    """A comment.

    :param parent_id: the comment that it answers
    """
    extensions = row.extensions or Extensions()
    inline = extensions.inline_properties or InlineProperties()
    location = extensions.location or "footer"
    resolution = (extensions.resolution.status if extensions.resolution else None) or ""
    if location == "resolved":
        location, resolution = "inline", resolution or "resolved"
    return WikiComment(
        id=str(row.id),
        page_id=container_of(row),
        parent_id=parent_id,
        location=location,
        resolution=resolution,
        version=row.number or 1,
        created=created_stamp(row),
        updated=version_stamp(row),
        selection=inline.original_selection or "",
        marker=inline.marker_ref or "",
        bodies=bodies_of(row),
    )
