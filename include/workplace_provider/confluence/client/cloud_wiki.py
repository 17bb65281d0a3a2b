"""Reading a whole wiki of Confluence Cloud.

REST API v2 lists pages, but without labels and HTML; comments and files it lists page by page, or of the whole site. v1's
search, which stays, gives these many at a time. So what pages there are, and in which version, is v2's to say; what the
search adds is asked of v2 page by page where the index does not have the page yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.cloud_answers import attachment_on_cloud
from workplace_provider.confluence.client.cloud_tree import CloudTree
from workplace_provider.confluence.client.content_rows import (
    COMMENT_FIELDS,
    FILE_FIELDS,
    OLDEST_FIRST,
    bodies_of,
    comment_of,
    container_of,
    labels_of,
    sorted_labels,
    version_stamp,
    within,
)
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.responses import Content, Label, Version, read
from workplace_provider.confluence.client.version1 import expect_attachment
from workplace_provider.confluence.client.wiki import Person, Scope, Stamp, WikiComment, WikiFile, WikiPage
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.http.client import Download, HttpClient, Sink

LISTING: Final = 250
SEARCHING: Final = 100
# As many ids as fit into a URL that every proxy lets through.
IDS_AT_ONCE: Final = 100
LABELS: Final = "metadata.labels"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CloudSite:
    """What the client knows of its site.

    :param url: where people read, with ``/wiki``
    :param space_id: the id of a space's key
    :param space_key: the key of a space's id
    :param names: the names that people see, of account ids
    :param check: makes certain that the credential is good, before it is believed that something is not there
    """

    url: str
    space_id: Callable[[str], str]
    space_key: Callable[[str], str]
    names: Callable[[Collection[str]], Mapping[str, str]]
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search adds to a page."""

    labels: tuple[str, ...]
    version: int
    view: str | None


class CloudReader:
    """The Cloud dialect of :class:`~workplace_provider.confluence.client.wiki.WikiReader`.

    :param http: of the client
    :param site: what the client knows of its site
    """

    def __init__(self, http: HttpClient, site: CloudSite) -> None:
        self._http = http
        self._site = site
        self._tree = CloudTree(http, self._listed, self._rows)

    def pages(self, scope: Scope) -> Iterator[WikiPage]:
        """The current pages of a scope, without bodies.

        Those of a space and of a tree come from the database; which ones a query finds, the search index says.
        """
        self._tree.forget()
        # A site that is open to the public shows what is public to a token that has ended.
        self._site.check()
        if scope.kind == "space":
            params = {"space-id": self._site.space_id(scope.value), "status": "current", "sort": "id"}
            pages = [self._page(row) for row in self._listed("api/v2/pages", params)]
            yield from self._whole(pages, self._searched(scope.cql) if pages else {})
        elif scope.kind == "root":
            for ids in _batches(self._tree.below(scope.value)):
                yield from self.pages_by_id(ids, ())
        else:
            for rows in _batches(self._found(scope.cql, LABELS)):
                pages = [self._page(row) for row in self._rows([str(row.id) for row in rows])]
                yield from self._whole(pages, _searched(rows))

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[WikiPage]:
        """The current pages of those ids, with bodies; what is gone, or may not be seen, is left out.

        An answer of v2 has bodies as they are stored; the HTML comes with the labels from the search.
        """
        expand = f"{LABELS},version,body.view" if "view" in bodies else LABELS
        for batch in _batches(ids):
            pages = [self._page(row) for row in self._rows(batch, body="storage" in bodies)]
            if len(pages) < len(set(batch)):
                self._site.check()
            if not pages:
                continue
            found = self._searched(f"id in ({', '.join(quoted(page.id) for page in pages)})", expand)
            for page in self._whole(pages, found):
                if "view" not in bodies:
                    yield page
                elif (view := self._view(page, found.get(page.id))) is not None:
                    yield replace(page, bodies={**page.bodies, "view": view})

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """All comments and answers: of a space, or of some pages.

        A comment names its answers, not what it answers. Of some pages all are held until each is known; of a space it is
        relied on that a comment is older than the answers to it.
        """
        expand = ",".join([COMMENT_FIELDS, "children.comment", *(f"body.{form}" for form in bodies)])
        rows: Iterable[Content] = self._found(f"{within(space, page_ids)} and type = comment {OLDEST_FIRST}", expand)
        above: dict[str, str] = {}
        if not space:
            rows = list(rows)
            for row in rows:
                above.update(self._answers(row))
        for row in rows:
            if space:
                above.update(self._answers(row))
            yield comment_of(row, above.get(str(row.id)))

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[WikiFile]:
        """All files: of a space, or of some pages."""
        for row in self._found(f"{within(space, page_ids)} and type = attachment {OLDEST_FIRST}", FILE_FIELDS):
            yield WikiFile(attachment_on_cloud(row, container_of(row)), version_stamp(row))

    def download(self, file: Attachment, sink: IO[bytes] | Sink) -> Download:
        """Stream a file's bytes into ``sink``; they are elsewhere, where the credential does not follow."""
        return self._http.download(file.download, sink, check=expect_attachment(file))

    # --- how ----------------------------------------------------------------------------------------------------------

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _found(self, cql: str, expand: str) -> Iterator[Content]:
        return listed(self._http, "rest/api/content/search", {"cql": cql, "limit": SEARCHING, "expand": expand}, Content)

    def _searched(self, cql: str, expand: str = LABELS) -> dict[str, Searched]:
        return _searched(self._found(cql, expand))

    def _rows(
        self, ids: Iterable[str], statuses: tuple[str, ...] = ("current",), *, body: bool = False
    ) -> Iterator[Content]:
        shown = {"body-format": "storage"} if body else {}
        for batch in _batches(ids):
            yield from self._listed("api/v2/pages", {"id": batch, "status": statuses, **shown})

    def _page(self, row: Content) -> WikiPage:
        """A page without labels and what is above it, and with account ids in the place of names."""
        self._tree.add(row)
        version = row.version
        return WikiPage(
            id=str(row.id),
            space=self._site.space_key(str(row.space_id or "")),
            title=row.title or "",
            url=f"{self._site.url}{row.webui}",
            status=row.status or "current",
            version=row.number,
            message=(version.message if version else None) or "",
            minor=bool(version and version.minor_edit),
            created=_stamp(row),
            updated=_stamp(version),
            bodies=bodies_of(row),
        )

    def _whole(self, pages: Sequence[WikiPage], found: Mapping[str, Searched]) -> Iterator[WikiPage]:
        """Pages with their labels, with what is above them, and with names."""
        self._tree.complete([page.id for page in pages])
        names = self._site.names({stamp.by.name for page in pages for stamp in (page.created, page.updated)})
        for page in pages:
            searched = found.get(page.id)
            yield replace(
                page,
                created=_named(page.created, names),
                updated=_named(page.updated, names),
                ancestors=self._tree.above(page.id),
                labels=searched.labels if searched else self._labels(page.id),
            )

    def _labels(self, page_id: str) -> tuple[str, ...]:
        try:
            path = f"api/v2/pages/{segment(page_id)}/labels"
            return sorted_labels(listed(self._http, path, {"limit": LISTING}, Label))
        except NotFound:
            return ()

    def _view(self, page: WikiPage, searched: Searched | None) -> str | None:
        """The page's HTML; ``None`` when the page is gone by now."""
        if searched is not None and searched.view is not None and searched.version == page.version:
            return searched.view
        try:
            row = read(self._http, f"api/v2/pages/{segment(page.id)}", Content, {"body-format": "view"})
        except NotFound:
            return None
        return bodies_of(row).get("view", "")

    def _answers(self, row: Content) -> dict[str, str]:
        """The ids of the answers to a comment, each with its own: without a request where its row has them all."""
        comment_id = str(row.id)
        nested = row.children.comment if row.children else None
        if nested is not None and not nested.following:
            return {str(child.id): comment_id for child in nested.results}
        location = row.extensions.location if row.extensions else None
        kind = "inline" if location in ("inline", "resolved") else "footer"
        try:
            answers = list(self._listed(f"api/v2/{kind}-comments/{segment(comment_id)}/children", {}))
        except NotFound:
            return {}
        return {str(each.id): comment_id for each in answers}


def _searched(rows: Iterable[Content]) -> dict[str, Searched]:
    """What rows of the search add, by page; without those that do not have all labels of theirs."""
    found: dict[str, Searched] = {}
    for row in rows:
        labels = row.metadata.labels if row.metadata else None
        if labels is None or labels.following:
            continue
        found[str(row.id)] = Searched(labels_of(row), row.number, row.form("view"))
    return found


def _stamp(data: Content | Version | None) -> Stamp:
    if data is None:
        return Stamp("", Person("", ""))
    return Stamp(data.created_at or "", Person(data.author_id or "", ""))


def _named(stamp: Stamp, names: Mapping[str, str]) -> Stamp:
    return Stamp(stamp.at, Person(stamp.by.name, names.get(stamp.by.name, "")))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while batch := list(islice(left, IDS_AT_ONCE)):
        yield batch
