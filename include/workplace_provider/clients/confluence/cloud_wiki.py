"""Reading a whole wiki of Confluence Cloud: by search, which gives a hundred pages with all that belongs to them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.clients.confluence.cloud_answers import attachment_of_v1, page_of_v2
from workplace_provider.clients.confluence.datacenter_wiki import PAGE_FIELDS, DataCenterReader
from workplace_provider.clients.confluence.listing import listed
from workplace_provider.clients.confluence.wiki import Person, Scope, Stamp, WikiComment, WikiPage, quoted
from workplace_provider.clients.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.clients.http import HttpClient

LISTING: Final = 100


class CloudReader(DataCenterReader):
    """The Cloud dialect of :class:`~workplace_provider.clients.confluence.wiki.WikiReader`.

    The search of API v1 is left on Cloud, and answers as Data Center's does. API v2 lists pages without labels and without
    what is above them: a space of a thousand pages would take two thousand requests more.

    :param http: of the client
    :param site: base URL of links for people
    :param name_of: the name that people see, by account id
    """

    def __init__(self, http: HttpClient, site: str, name_of: Callable[[str], str]) -> None:
        super().__init__(http, self._rows, attachment_of_v1)
        self._site = site
        self._name_of = name_of

    def pages(self, scope: Scope) -> Iterator[WikiPage]:
        """The current pages of a scope, without bodies, as the search index knows them."""
        for row in self._found(scope.cql, PAGE_FIELDS):
            yield self._page(row)

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[WikiPage]:
        """The current pages of those ids, with bodies; what is gone, or may not be seen, is left out."""
        expand = ",".join([PAGE_FIELDS, *(f"body.{form}" for form in bodies)])
        missing = dict.fromkeys(ids)
        for row in self._found(f"id in ({', '.join(map(quoted, ids))}) and type = page", expand):
            if row.get("id") in missing and row.get("status", "current") == "current":
                del missing[row["id"]]
                yield self._page(row)
        for page_id in missing:
            try:
                yield self._single(page_id, bodies)
            except NotFound:
                continue

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """All comments and answers: of a space, or of some pages.

        They come page by page from API v2: a search tells neither to which page a comment belongs nor what it says.
        """
        ids = [page.id for page in self.pages(Scope("space", space))] if space else page_ids
        for page_id in ids:
            for kind in ("footer", "inline"):
                try:
                    rows = list(self._rows(f"api/v2/pages/{page_id}/{kind}-comments", {"body-format": "storage"}))
                except NotFound:
                    continue
                for row in rows:
                    yield from self._thread(row, kind, page_id, None, bodies)

    def _thread(
        self, row: Mapping[str, Any], kind: str, page_id: str, parent_id: str | None, bodies: Sequence[str]
    ) -> Iterator[WikiComment]:
        comment_id, version = str(row["id"]), row.get("version") or {}
        path = f"api/v2/{kind}-comments/{comment_id}"
        marked = row.get("properties") or {}
        updated, number = self._stamp(version), int(version.get("number", 1))
        yield WikiComment(
            id=comment_id,
            page_id=page_id,
            parent_id=parent_id,
            location=kind,
            resolution=str(row.get("resolutionStatus") or ""),
            version=number,
            created=updated if number == 1 else self._stamp(self._http.get_json(f"{path}/versions/1")),
            updated=updated,
            selection=str(marked.get("inlineOriginalSelection") or ""),
            marker=str(marked.get("inlineMarkerRef") or ""),
            bodies={form: self._text(row, path, form) for form in bodies},
        )
        for reply in self._rows(f"{path}/children", {"body-format": "storage"}):
            yield from self._thread(reply, kind, page_id, comment_id, bodies)

    def _text(self, row: Mapping[str, Any], path: str, form: str) -> str:
        """A comment in one form; listings have it as it is stored only."""
        known = row if form == "storage" else self._http.get_json(path, {"body-format": form})
        return str(((known.get("body") or {}).get(form) or {}).get("value", ""))

    def _rows(self, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        return listed(self._http, path, {"limit": LISTING, **params})

    def _page(self, row: Mapping[str, Any]) -> WikiPage:
        page = super()._page(row)
        return replace(page, url=self._site + page.url.removeprefix(self._http.base_url))

    def _single(self, page_id: str, bodies: Sequence[str]) -> WikiPage:
        """A page that the search index does not know yet."""
        path, asked = f"api/v2/pages/{page_id}", {"status": "current", "include-labels": "true"}
        first, *others = bodies or ("storage",)
        data = self._http.get_json(path, {**asked, "body-format": first})
        texts = {first: data} | {form: self._http.get_json(path, {"body-format": form}) for form in others}
        page = page_of_v2(data, self._site)
        version = data.get("version") or {}
        labels = (data.get("labels") or {}).get("results") or ()
        return WikiPage(
            id=page.id,
            space=page.space,
            title=page.title,
            url=page.url,
            status=page.status,
            version=page.version,
            message=str(version.get("message") or ""),
            minor=bool(version.get("minorEdit")),
            created=self._stamp(data),
            updated=self._stamp(version),
            ancestors=self._above(page_id),
            labels=tuple(sorted(str(each["name"]) for each in labels if each.get("prefix", "global") == "global")),
            bodies={form: str(((text.get("body") or {}).get(form) or {}).get("value", "")) for form, text in texts.items()},
        )

    def _above(self, page_id: str) -> tuple[tuple[str, str], ...]:
        rows = self._http.get_json(f"api/v2/pages/{page_id}/ancestors", {"limit": LISTING}).get("results") or ()
        ids = [str(row["id"]) for row in rows if row.get("type", "page") == "page"]
        titles = {row["id"]: str(row["title"]) for row in self._rows("api/v2/pages", {"id": ids})} if ids else {}
        return tuple((each, titles.get(each, "")) for each in ids)

    def _stamp(self, data: Mapping[str, Any]) -> Stamp:
        author = str(data.get("authorId") or "")
        return Stamp(str(data.get("createdAt") or ""), Person(author, self._name_of(author)))
