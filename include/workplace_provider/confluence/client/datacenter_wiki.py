"""Read a whole wiki of Confluence Data Center: REST API v1 and CQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.content_rows import (
    COMMENT_FIELDS,
    FILE_FIELDS,
    OLDEST_FIRST,
    attachment_on_datacenter,
    comment_of,
    container_of,
    content_of_pages,
    page_of_v1,
)
from workplace_provider.confluence.client.decoding import read
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.responses import Content
from workplace_provider.confluence.client.version1 import expect_attachment
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment, Page, Scope, WikiComment
    from workplace_provider.http.client import Download, HttpClient, Sink

PAGE_FIELDS: Final = "version,space,ancestors,history,metadata.labels"
LISTING: Final = 200


class DataCenterReader:
    """The reader for Confluence Data Center; see :class:`~workplace_provider.confluence.client.protocol.WikiReader`.

    :param http: client of the site
    :param site_url: base URL of links for people
    """

    def __init__(self, http: HttpClient, site_url: str) -> None:
        self._http = http
        self._site_url = site_url

    def pages(self, scope: Scope) -> Iterator[Page]:
        """Iterate over the current pages of a scope, without bodies.

        Pages of a space come from the database; those of a tree or a query come from the search index.
        """
        if scope.kind == "space" and scope.content_type == "blogpost":
            rows = self._listed(f"rest/api/space/{segment(scope.value)}/content/blogpost", {"expand": PAGE_FIELDS})
        elif scope.kind == "space":
            params = {"spaceKey": scope.value, "type": "page", "expand": PAGE_FIELDS}
            rows = self._listed("rest/api/content", params)
        else:
            rows = self._found(scope.cql, PAGE_FIELDS)
        for row in rows:
            yield self._page(row)

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[Page]:
        """Iterate over the current pages with these ids, with bodies. Pages that are gone or hidden are left out."""
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
        """Iterate over all comments and replies of a space or of some pages."""
        expand = ",".join([COMMENT_FIELDS, "ancestors", *(f"body.{form}" for form in bodies)])
        cql = f"{content_of_pages(space, page_ids)} and type = comment {OLDEST_FIRST}"
        for row in self._found(cql, expand):
            yield comment_of(row, row.parent)

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[Attachment]:
        """Iterate over all files of a space or of some pages."""
        cql = f"{content_of_pages(space, page_ids)} and type = attachment {OLDEST_FIRST}"
        for row in self._found(cql, FILE_FIELDS):
            yield attachment_on_datacenter(row, container_of(row))

    def download(self, file: Attachment, sink: IO[bytes] | Sink) -> Download:
        """Stream a file's bytes into ``sink``."""
        return self._http.download(file.download, sink, check=expect_attachment(file))

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _found(self, cql: str, expand: str) -> Iterator[Content]:
        return self._listed("rest/api/content/search", {"cql": cql, "expand": expand})

    def _page(self, row: Content) -> Page:
        # Rows of listings have no base URL and responses for one page do: both must give the same link.
        return replace(page_of_v1(row, self._site_url), url=self._site_url + row.webui)
