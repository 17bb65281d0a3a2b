"""Read a whole wiki of Confluence Cloud.

API v2 lists pages without labels and HTML, and comments and files only per page or for the whole site. The search of API v1,
which stays, returns all of these for many pages at a time. So v2 decides which pages exist and in which version. The search
adds labels, HTML, comments and files; where its index does not contain a page yet, v2 is asked for that page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.content_rows import (
    COMMENT_FIELDS,
    FILE_FIELDS,
    OLDEST_FIRST,
    attachment_on_cloud,
    bodies_of,
    comment_of,
    container_of,
    content_of_pages,
    labels_of,
    page_of_v2,
    sorted_labels,
)
from workplace_provider.confluence.client.decoding import read
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.model import Author, Authorship, ContentType
from workplace_provider.confluence.client.responses import Content, Label
from workplace_provider.confluence.client.version1 import expect_attachment
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.cloud_connection import CloudConnection
    from workplace_provider.confluence.client.cloud_directory import CloudDirectory
    from workplace_provider.confluence.client.model import Attachment, Page, Scope, WikiComment
    from workplace_provider.http.client import Download, HttpClient, Sink

LISTING: Final = 250
SEARCHING: Final = 100
# As many ids as fit into a URL that every proxy accepts.
IDS_AT_ONCE: Final = 100
LABELS: Final = "metadata.labels"
DEPTH: Final = 10
"""Levels that one listing of descendants contains at most."""

_PATHS: Final = {"page": "pages", "folder": "folders"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SearchedPage:
    """The part of a page that the search adds."""

    labels: tuple[str, ...]
    version: int
    view: str | None


class CloudReader:
    """The reader for Confluence Cloud; see :class:`~workplace_provider.confluence.client.protocol.WikiReader`.

    :param connection: to the site
    :param directory: names and ids of the site
    :param content_type: lists pages or blog posts
    """

    def __init__(self, connection: CloudConnection, directory: CloudDirectory, content_type: ContentType = "page") -> None:
        self._collection = f"api/v2/{content_type}s"
        self._connection = connection
        self._directory = directory
        self._http = connection.http
        self._tree = CloudTree(self._http)

    def pages(self, scope: Scope) -> Iterator[Page]:
        """Iterate over the current pages of a scope, without bodies.

        Pages of a space or a tree come from the database; results of a query come from the search index.
        """
        self._tree.forget()
        # A site that is open to the public shows only its public pages to a token that has expired.
        self._connection.access.verify()
        if scope.kind == "space":
            params = {"space-id": self._directory.space_id(scope.value), "status": "current", "sort": "id"}
            pages = [self._page(row) for row in _list_content(self._http, self._collection, params)]
            yield from self._complete(pages, self._search(scope.cql) if pages else {})
        elif scope.kind == "root":
            for ids in _batches(self._tree.below(scope.value)):
                yield from self.pages_by_id(ids, ())
        else:
            for rows in _batches(self._found(scope.cql, LABELS)):
                pages = [self._page(row) for row in self._list_pages([str(row.id) for row in rows])]
                yield from self._complete(pages, _searched_pages(rows))

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[Page]:
        """Iterate over the current pages with these ids, with bodies. Pages that are gone or hidden are left out.

        Responses of v2 contain bodies in storage format; the HTML comes with the labels from the search.
        """
        expand = f"{LABELS},version,body.view" if "view" in bodies else LABELS
        for batch in _batches(ids):
            pages = [self._page(row) for row in self._list_pages(batch, body="storage" in bodies)]
            if len(pages) < len(set(batch)):
                self._connection.access.verify()
            if not pages:
                continue
            searched = self._search(f"id in ({', '.join(quoted(page.id) for page in pages)})", expand)
            for page in self._complete(pages, searched):
                if "view" not in bodies:
                    yield page
                elif (view := self._view(page, searched.get(page.id))) is not None:
                    yield replace(page, view=view)

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """Iterate over all comments and replies of a space or of some pages.

        A comment lists its replies, not the comment that it replies to. For some pages, all comments are held until each
        parent is known. For a space, it is assumed that a comment is older than its replies.
        """
        expand = ",".join([COMMENT_FIELDS, "children.comment", *(f"body.{form}" for form in bodies)])
        cql = f"{content_of_pages(space, page_ids)} and type = comment {OLDEST_FIRST}"
        rows: Iterable[Content] = self._found(cql, expand)
        parents: dict[str, str] = {}
        if not space:
            rows = list(rows)
            for row in rows:
                parents.update(self._replies(row))
        for row in rows:
            if space:
                parents.update(self._replies(row))
            yield comment_of(row, parents.get(str(row.id)))

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[Attachment]:
        """Iterate over all files of a space or of some pages."""
        cql = f"{content_of_pages(space, page_ids)} and type = attachment {OLDEST_FIRST}"
        for row in self._found(cql, FILE_FIELDS):
            yield attachment_on_cloud(row, container_of(row))

    def download(self, file: Attachment, sink: IO[bytes] | Sink) -> Download:
        """Stream a file's bytes into ``sink``. They are on another host, which never gets the credential."""
        return self._http.download(file.download, sink, check=expect_attachment(file))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _list_pages(self, ids: Iterable[str], *, body: bool = False) -> Iterator[Content]:
        return _list_pages(self._http, ids, collection=self._collection, body=body)

    def _found(self, cql: str, expand: str) -> Iterator[Content]:
        return listed(self._http, "rest/api/content/search", {"cql": cql, "limit": SEARCHING, "expand": expand}, Content)

    def _search(self, cql: str, expand: str = LABELS) -> dict[str, SearchedPage]:
        return _searched_pages(self._found(cql, expand))

    def _page(self, row: Content) -> Page:
        """Return a page without labels and ancestors, and with account ids as names."""
        self._tree.add(row)
        # Rows of listings have no base URL and responses for one page do: both must give the same link.
        url = f"{self._connection.base_url}{row.webui}"
        space = self._directory.space_key(str(row.space_id or ""))
        return replace(page_of_v2(row, self._connection.base_url), url=url, space=space)

    def _complete(self, pages: Sequence[Page], searched: Mapping[str, SearchedPage]) -> Iterator[Page]:
        """Add labels, ancestors and names to pages."""
        self._tree.complete([page.id for page in pages])
        names = self._directory.names_of({who.by.name for page in pages for who in (page.created, page.updated)})
        for page in pages:
            found = searched.get(page.id)
            yield replace(
                page,
                created=_with_name(page.created, names),
                updated=_with_name(page.updated, names),
                ancestors=self._tree.above(page.id),
                labels=found.labels if found else self._labels(page.id),
            )

    def _labels(self, page_id: str) -> tuple[str, ...]:
        try:
            path = f"{self._collection}/{segment(page_id)}/labels"
            return sorted_labels(listed(self._http, path, {"limit": LISTING}, Label))
        except NotFound:
            return ()

    def _view(self, page: Page, searched: SearchedPage | None) -> str | None:
        """Return the page's HTML; ``None`` when the page is gone by now."""
        if searched is not None and searched.view is not None and searched.version == page.version:
            return searched.view
        try:
            row = read(self._http, f"{self._collection}/{segment(page.id)}", Content, {"body-format": "view"})
        except NotFound:
            return None
        return bodies_of(row).get("view", "")

    def _replies(self, row: Content) -> dict[str, str]:
        """Return the id of each reply to a comment, with the comment's id; a request is sent only if the row is cut."""
        comment_id = str(row.id)
        nested = row.children.comment if row.children else None
        if nested is not None and not nested.following:
            return {str(child.id): comment_id for child in nested.results}
        location = row.extensions.location if row.extensions else None
        kind = "inline" if location in ("inline", "resolved") else "footer"
        try:
            replies = list(_list_content(self._http, f"api/v2/{kind}-comments/{segment(comment_id)}/children", {}))
        except NotFound:
            return {}
        return {str(reply.id): comment_id for reply in replies}


@dataclass(frozen=True, slots=True)
class Node:
    """A page, a folder or other content of the page tree, and the content right above it."""

    title: str
    parent_id: str | None = None
    parent_type: str = "page"


class CloudTree:
    """The page tree of a site. Missing parts are requested when they are needed.

    Rows of API v2 contain only the content right above a page. Folders and other content are part of the tree like pages.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._nodes: dict[str, Node] = {}

    def forget(self) -> None:
        """Forget all content, to read it again."""
        self._nodes = {}

    def add(self, row: Content) -> None:
        """Add a page or a folder."""
        parent = str(row.parent_id) if row.parent_id else None
        self._nodes[str(row.id)] = Node(row.title or "", parent, row.parent_type or "page")

    def complete(self, ids: Collection[str]) -> None:
        """Read everything above some pages: one request for a hundred pages, and one for each folder."""
        while missing := self._missing(ids):
            page_ids = [content_id for content_id, kind in missing.items() if kind == "page"]
            for row in _list_pages(self._http, page_ids, ("current", "archived")):
                self.add(row)
            for content_id in (content_id for content_id, kind in missing.items() if kind == "folder"):
                try:
                    self.add(read(self._http, f"api/v2/folders/{segment(content_id)}", Content))
                except NotFound:
                    continue
            for content_id in missing:
                # A whiteboard, a database, or hidden content: only its existence is known.
                self._nodes.setdefault(content_id, Node(""))

    def above(self, page_id: str) -> tuple[tuple[str, str], ...]:
        """Return id and title of everything above a page, from the top."""
        ancestors = [(content_id, node.title) for content_id, _, node in self._walk_up(page_id) if node is not None]
        return tuple(reversed(ancestors))

    def below(self, content_id: str) -> Iterator[str]:
        """Iterate over the ids of a page and all current pages below it; a folder itself is not a page.

        :raises NotFound: when neither a page nor a folder has the id
        """
        kind = self._kind_of(content_id)
        if kind == "page":
            yield content_id
        waiting = [(kind, content_id)]
        seen = {content_id}
        while waiting:
            kind, top = waiting.pop()
            path = f"api/v2/{_PATHS[kind]}/{segment(top)}/descendants"
            for row in _list_content(self._http, path, {"depth": DEPTH}):
                row_id, row_kind = str(row.id), row.type or "page"
                if row_id in seen:
                    continue
                seen.add(row_id)
                if row_kind == "page" and (row.status or "current") == "current":
                    yield row_id
                if row.depth == DEPTH and row_kind in _PATHS:
                    waiting.append((row_kind, row_id))

    def _kind_of(self, content_id: str) -> str:
        try:
            read(self._http, f"api/v2/pages/{segment(content_id)}", Content)
        except NotFound as error:
            try:
                read(self._http, f"api/v2/folders/{segment(content_id)}", Content)
            except NotFound:
                raise error from None
            return "folder"
        return "page"

    def _missing(self, ids: Collection[str]) -> dict[str, str]:
        walks = (self._walk_up(page_id) for page_id in ids)
        return {content_id: kind for walk in walks for content_id, kind, node in walk if node is None}

    def _walk_up(self, page_id: str) -> Iterator[tuple[str, str, Node | None]]:
        """Iterate over id, kind and node of everything above a page, from its parent; the last node may be unknown."""
        seen = {page_id}
        node = self._nodes.get(page_id)
        while node is not None and node.parent_id is not None and node.parent_id not in seen:
            content_id, kind = node.parent_id, node.parent_type
            seen.add(content_id)
            node = self._nodes.get(content_id)
            yield content_id, kind, node


def _list_content(http: HttpClient, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
    return listed(http, path, {"limit": LISTING, **params}, Content)


def _list_pages(
    http: HttpClient,
    ids: Iterable[str],
    statuses: tuple[str, ...] = ("current",),
    *,
    collection: str = "api/v2/pages",
    body: bool = False,
) -> Iterator[Content]:
    form = {"body-format": "storage"} if body else {}
    for batch in _batches(ids):
        yield from _list_content(http, collection, {"id": batch, "status": statuses, **form})


def _searched_pages(rows: Iterable[Content]) -> dict[str, SearchedPage]:
    """Return what the search adds to each page, without rows that have only some of their labels."""
    pages: dict[str, SearchedPage] = {}
    for row in rows:
        labels = row.metadata.labels if row.metadata else None
        if labels is None or labels.following:
            continue
        pages[str(row.id)] = SearchedPage(labels_of(row), row.number, row.form("view"))
    return pages


def _with_name(authorship: Authorship, names: Mapping[str, str]) -> Authorship:
    account_id = authorship.by.name
    return Authorship(authorship.at, Author(account_id, names.get(account_id, "")))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, IDS_AT_ONCE)):
        yield batch
