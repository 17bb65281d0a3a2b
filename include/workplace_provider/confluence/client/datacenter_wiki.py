"""Reading a whole wiki of Confluence Data Center: REST API v1 and CQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.content_rows import (
    COMMENT_FIELDS,
    FILE_FIELDS,
    OLDEST_FIRST,
    bodies_of,
    comment_of,
    container_of,
    created_stamp,
    labels_of,
    version_stamp,
    within,
)
from workplace_provider.confluence.client.responses import Content, read
from workplace_provider.confluence.client.version1 import expect_attachment
from workplace_provider.confluence.client.wiki import Scope, WikiComment, WikiFile, WikiPage
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.http.client import Download, HttpClient, Sink

PAGE_FIELDS: Final = "version,space,ancestors,history,metadata.labels"

Listed = Callable[[str, Mapping[str, Any]], Iterator[Content]]


class DataCenterReader:
    """The Data Center dialect of :class:`~workplace_provider.confluence.client.wiki.WikiReader`.

    :param http: of the client
    :param listed: all rows of a listing by path and parameters
    :param attachment: reads a row about a file
    """

    def __init__(self, http: HttpClient, listed: Listed, attachment: Callable[[Content, str], Attachment]) -> None:
        self._http = http
        self._listed = listed
        self._attachment = attachment

    def pages(self, scope: Scope) -> Iterator[WikiPage]:
        """The current pages of a scope, without bodies.

        Those of a space come from the database; those of a tree or a query come from the search index.
        """
        if scope.kind == "space":
            rows = self._listed("rest/api/content", {"spaceKey": scope.value, "type": "page", "expand": PAGE_FIELDS})
        else:
            rows = self._found(scope.cql, PAGE_FIELDS)
        for row in rows:
            yield self._page(row)

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[WikiPage]:
        """The current pages of those ids, with bodies; what is gone, or may not be seen, is left out."""
        expand = ",".join([PAGE_FIELDS, *(f"body.{form}" for form in bodies)])
        missing = dict.fromkeys(ids)
        if len(ids) > 1:
            params = {"ids": list(ids), "limit": len(ids), "expand": expand}
            for row in self._listed("rest/api/content", params):
                if str(row.id) in missing and (row.status or "current") == "current":
                    del missing[str(row.id)]
                    yield self._page(row)
                if not missing:
                    return
        for page_id in missing:
            try:
                yield self._page(read(self._http, f"rest/api/content/{page_id}", Content, {"expand": expand}))
            except NotFound:
                continue

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """All comments and answers: of a space, or of some pages."""
        expand = ",".join([COMMENT_FIELDS, "ancestors", *(f"body.{form}" for form in bodies)])
        for row in self._found(f"{within(space, page_ids)} and type = comment {OLDEST_FIRST}", expand):
            yield comment_of(row, row.parent)

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[WikiFile]:
        """All files: of a space, or of some pages."""
        for row in self._found(f"{within(space, page_ids)} and type = attachment {OLDEST_FIRST}", FILE_FIELDS):
            yield WikiFile(self._attachment(row, container_of(row)), version_stamp(row))

    def download(self, file: Attachment, sink: IO[bytes] | Sink) -> Download:
        """Stream a file's bytes into ``sink``."""
        return self._http.download(file.download, sink, check=expect_attachment(file))

    def _found(self, cql: str, expand: str) -> Iterator[Content]:
        return self._listed("rest/api/content/search", {"cql": cql, "expand": expand})

    def _page(self, row: Content) -> WikiPage:
        version = row.version
        return WikiPage(
            id=str(row.id),
            space=(row.space.key if row.space else None) or "",
            title=row.title or "",
            # Not the base that a response names: only single responses and listings as a whole have it.
            url=self._http.base_url + row.webui,
            status=row.status or "current",
            version=row.number,
            message=(version.message if version else None) or "",
            minor=bool(version and version.minor_edit),
            created=created_stamp(row),
            updated=version_stamp(row),
            ancestors=tuple((str(above.id), above.title or "") for above in row.ancestors or ()),
            labels=labels_of(row),
            bodies=bodies_of(row),
        )
