"""Content as REST API v1 lists it, on Data Center and in what is left of v1 on Cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from workplace_provider.confluence.client.wiki import Person, Stamp, WikiComment, quoted
from workplace_provider.http.errors import BadAnswer

COMMENT_FIELDS: Final = "version,history,container,extensions.inlineProperties,extensions.resolution"
FILE_FIELDS: Final = "version,container"
# What is new comes last, so that a row that is added while one pages shifts none that was not read yet.
OLDEST_FIRST: Final = "order by created asc"


def within(space: str, page_ids: Sequence[str]) -> str:
    """A condition of CQL for what hangs on pages: on those of a space, or on some."""
    if space:
        return f"space = {quoted(space)}"
    return f"container in ({', '.join(quoted(each) for each in page_ids)})"


def container_of(row: Mapping[str, Any]) -> str:
    """The id of what a comment or a file hangs on.

    :raises BadAnswer: when it is not told
    """
    container = row.get("container") or {}
    if "id" not in container:
        raise BadAnswer(f"the {row.get('type', 'content')} {row.get('id')} does not tell its page", system="Confluence")
    return str(container["id"])


def bodies_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Form to body, those that the row has."""
    return {
        form: str(body["value"])
        for form, body in (row.get("body") or {}).items()
        if isinstance(body, Mapping) and body.get("value") is not None
    }


def labels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The global labels, sorted."""
    labels = (row.get("metadata") or {}).get("labels") or ()
    listed = labels.get("results") or () if isinstance(labels, Mapping) else labels
    return tuple(sorted(str(each["name"]) for each in listed if each.get("prefix", "global") == "global"))


def stamp_of(data: Mapping[str, Any] | None, by: str, at: str) -> Stamp:
    """Who and when.

    :param by: name of the field with the person
    :param at: name of the field with the time
    """
    known = data or {}
    who = known.get(by) or {}
    name = str(who.get("username") or who.get("userKey") or who.get("accountId") or "")
    return Stamp(str(known.get(at) or ""), Person(name, str(who.get("displayName") or who.get("publicName") or "")))


def comment_of(row: Mapping[str, Any], parent_id: str | None) -> WikiComment:
    """A comment.

    :param parent_id: the comment that it answers
    """
    extensions = row.get("extensions") or {}
    inline = extensions.get("inlineProperties") or {}
    location = str(extensions.get("location") or "footer")
    resolution = str((extensions.get("resolution") or {}).get("status") or "")
    if location == "resolved":
        location, resolution = "inline", resolution or "resolved"
    return WikiComment(
        id=str(row["id"]),
        page_id=container_of(row),
        parent_id=parent_id,
        location=location,
        resolution=resolution,
        version=int((row.get("version") or {}).get("number", 1)),
        created=stamp_of(row.get("history"), "createdBy", "createdDate"),
        updated=stamp_of(row.get("version"), "by", "when"),
        selection=str(inline.get("originalSelection") or ""),
        marker=str(inline.get("markerRef") or ""),
        bodies=bodies_of(row),
    )
