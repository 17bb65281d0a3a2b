"""Rows of responses as models: pages, files and comments of API v1 and v2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.decoding import title_of
from workplace_provider.confluence.client.model import Attachment, Author, Authorship, Page, WikiComment
from workplace_provider.confluence.client.responses import (
    Account,
    Content,
    Extensions,
    History,
    InlineProperties,
    Label,
    Links,
    Metadata,
    Version,
)
from workplace_provider.http.errors import BadResponse

COMMENT_FIELDS: Final = "version,history,container,extensions.inlineProperties,extensions.resolution"
FILE_FIELDS: Final = "version,container"
# New rows come last, so that a row that is added during paging shifts no row that was not read yet.
OLDEST_FIRST: Final = "order by created asc"

_SPACE_OF_LINK = re.compile(r"/spaces/([^/?#]+)")


def content_of_pages(space: str, page_ids: Sequence[str]) -> str:
    """Return the CQL condition for comments or files: those of a space, or those of some pages."""
    if space:
        return f"space = {quoted(space)}"
    return f"container in ({', '.join(quoted(page_id) for page_id in page_ids)})"


def page_of_v1(row: Content, site: str) -> Page:
    """Return a page from content of API v1.

    :param site: base URL of links for people, where the response has no base
    """
    links, version = row.links or Links(), row.version
    return Page(
        id=str(row.id),
        space=(row.space.key if row.space else None) or _space_of_link(links.webui),
        title=title_of(row),
        status=row.status or "current",
        version=row.number,
        url=row.url(site),
        parent_id=row.parent,
        body=row.storage,
        view=row.form("view"),
        message=(version.message if version else None) or "",
        minor=bool(version and version.minor_edit),
        created=created_of(row),
        updated=updated_of(row),
        ancestors=tuple((str(above.id), above.title or "") for above in row.ancestors or ()),
        labels=labels_of(row),
    )


def page_of_v2(row: Content, site: str, *, space: str = "", base: str = "") -> Page:
    """Return a page from a row of API v2, without labels and ancestors, and with account ids as names.

    :param site: base URL of links for people, where the response has no base
    :param space: key of its space, where the page's link does not contain it
    :param base: base URL that the listing around the row gives
    """
    links, version = row.links or Links(), row.version
    return Page(
        id=str(row.id),
        space=_space_of_link(links.webui) or space,
        title=title_of(row),
        status=row.status or "current",
        version=row.number,
        url=row.url(site, base),
        parent_id=str(row.parent_id) if row.parent_id else None,
        body=row.storage,
        view=row.form("view"),
        message=(version.message if version else None) or "",
        minor=bool(version and version.minor_edit),
        created=Authorship(row.created_at or "", Author(row.author_id or "")),
        updated=updated_of(row),
    )


def attachment_of(row: Content, page_id: str, download: str) -> Attachment:
    """Return a file of a page.

    :param download: path of its bytes
    """
    extensions, metadata = row.extensions or Extensions(), row.metadata or Metadata()
    return Attachment(
        id=str(row.id),
        page_id=page_id,
        name=row.title or "",
        version=row.number or 1,
        size=extensions.file_size or row.file_size or 0,
        media_type=extensions.media_type or metadata.media_type or row.media_type or "application/octet-stream",
        comment=row.file_comment,
        download=download,
        updated=updated_of(row),
    )


def attachment_on_datacenter(row: Content, page_id: str) -> Attachment:
    """Return a file of a page of Data Center."""
    return attachment_of(row, page_id, (row.links.download if row.links else None) or "")


def attachment_on_cloud(row: Content, page_id: str) -> Attachment:
    """Return a file of a page of Cloud, from a listing of API v2 or from the response to an upload.

    Its path is not the link of the response: that leads to an endpoint that does not accept tokens.
    """
    path = f"rest/api/content/{segment(page_id)}/child/attachment/{segment(str(row.id))}/download"
    return attachment_of(row, page_id, path)


def comment_of(row: Content, parent_id: str | None) -> WikiComment:
    """Return a comment.

    :param parent_id: the comment that it replies to
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
        created=created_of(row),
        updated=updated_of(row),
        selection=inline.original_selection or "",
        marker=inline.marker_ref or "",
        bodies=bodies_of(row),
    )


def container_of(row: Content) -> str:
    """Return the id of the page of a comment or a file.

    :raises BadResponse: when the response does not contain it
    """
    if row.container is None or row.container.id is None:
        raise BadResponse(f"the response has no page for the {row.type or 'content'} {row.id}")
    return str(row.container.id)


def bodies_of(row: Content) -> dict[str, str]:
    """Return the bodies of a row by format."""
    return {name: form.value for name, form in (row.body or {}).items() if form is not None and form.value is not None}


def labels_of(row: Content) -> tuple[str, ...]:
    """Return the global labels of a row of API v1, sorted."""
    labels = row.metadata.labels if row.metadata else None
    return sorted_labels(labels.results if labels else ())


def sorted_labels(labels: Iterable[Label]) -> tuple[str, ...]:
    """Return the names of the global labels, sorted."""
    return tuple(sorted(label.name for label in labels if (label.prefix or "global") == "global"))


def created_of(row: Content) -> Authorship:
    """Return author and time of the first version, from a row of API v1."""
    history = row.history or History()
    author = history.created_by or Account()
    return Authorship(history.created_date or "", Author(author.name, author.shown))


def updated_of(row: Content) -> Authorship:
    """Return author and time of this version, from a row of either API."""
    version = row.version or Version(number=0)
    if version.by is None:
        return Authorship(version.when or version.created_at or "", Author(version.author_id or ""))
    return Authorship(version.when or version.created_at or "", Author(version.by.name, version.by.shown))


def _space_of_link(webui: str | None) -> str:
    match = _SPACE_OF_LINK.search(webui or "")
    return unquote(match.group(1)) if match else ""
