"""The page tree of Confluence Cloud: what is above pages, and what is below one.

API v2 tells of a page only what is right above it, and of folders and the like in a page tree as of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.responses import Content, read
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

DEEPEST: Final = 10
"""As deep as one listing of descendants goes."""

_PATHS: Final = {"page": "pages", "folder": "folders"}


@dataclass(frozen=True, slots=True)
class Node:
    """A page, or a folder or the like, and what is right above it."""

    title: str
    parent_id: str | None = None
    parent_type: str = "page"


class CloudTree:
    """What is known of the tree; what is not is asked for when it is needed.

    :param http: of the client
    :param listed: all rows of a listing by path and parameters
    :param rows_by_id: rows of pages by ids, of the statuses that are given
    """

    def __init__(
        self,
        http: HttpClient,
        listed: Callable[[str, Mapping[str, Any]], Iterator[Content]],
        rows_by_id: Callable[[Collection[str], tuple[str, ...]], Iterator[Content]],
    ) -> None:
        self._http = http
        self._listed = listed
        self._rows_by_id = rows_by_id
        self._nodes: dict[str, Node] = {}

    def forget(self) -> None:
        """Begin anew."""
        self._nodes = {}

    def add(self, row: Content) -> None:
        """Take in a page or a folder."""
        parent = str(row.parent_id) if row.parent_id else None
        self._nodes[str(row.id)] = Node(row.title or "", parent, row.parent_type or "page")

    def complete(self, ids: Collection[str]) -> None:
        """Make all known that is above pages that were taken in: a request for a hundred pages, one for each folder."""
        while missing := self._missing(ids):
            for row in self._rows_by_id([each for each, kind in missing.items() if kind == "page"], ("current", "archived")):
                self.add(row)
            for each in (each for each, kind in missing.items() if kind == "folder"):
                try:
                    self.add(read(self._http, f"api/v2/folders/{segment(each)}", Content))
                except NotFound:
                    continue
            for each in missing:
                # A whiteboard, a database, or out of sight: that it is there is all that is known.
                self._nodes.setdefault(each, Node(""))

    def above(self, page_id: str) -> tuple[tuple[str, str], ...]:
        """Id and title of what is above a page, the top first."""
        found = [(each, node.title) for each, _, node in self._up(page_id) if node is not None]
        return tuple(reversed(found))

    def below(self, content_id: str) -> Iterator[str]:
        """The id of a page, and those of all current pages below it; a folder is not a page itself.

        :raises NotFound: when there is neither such a page nor such a folder
        """
        try:
            read(self._http, f"api/v2/pages/{segment(content_id)}", Content)
            kind = "page"
        except NotFound as error:
            try:
                read(self._http, f"api/v2/folders/{segment(content_id)}", Content)
            except NotFound:
                raise error from None
            kind = "folder"
        if kind == "page":
            yield content_id
        waiting = [(kind, content_id)]
        seen = {content_id}
        while waiting:
            kind, at = waiting.pop()
            for row in self._listed(f"api/v2/{_PATHS[kind]}/{segment(at)}/descendants", {"depth": DEEPEST}):
                found, kind_of = str(row.id), row.type or "page"
                if found in seen:
                    continue
                seen.add(found)
                if kind_of == "page" and (row.status or "current") == "current":
                    yield found
                if row.depth == DEEPEST and kind_of in _PATHS:
                    waiting.append((kind_of, found))

    def _missing(self, ids: Collection[str]) -> dict[str, str]:
        return {each: kind for page_id in ids for each, kind, node in self._up(page_id) if node is None}

    def _up(self, page_id: str) -> Iterator[tuple[str, str, Node | None]]:
        """Id and kind of what is above a page, from its parent on; the last one may be all that is known of it."""
        seen = {page_id}
        node = self._nodes.get(page_id)
        while node is not None and node.parent_id is not None and node.parent_id not in seen:
            at, kind = node.parent_id, node.parent_type
            seen.add(at)
            node = self._nodes.get(at)
            yield at, kind, node
