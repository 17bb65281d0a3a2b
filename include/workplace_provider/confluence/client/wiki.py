"""Reading a whole wiki: listings of many pages, comments and files, each answer with as many as the site gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final, Literal, Protocol

from workplace_provider.common.query import quoted
from workplace_provider.http.errors import Invalid

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.http.client import Download
    from workplace_provider.http.client import Sink as DownloadSink

BODIES: Final = ("storage", "view")
"""The forms in which a body is read: as it is stored, and as HTML."""

_ORDER = re.compile(r"""\border\s+by\b[^"']*$""", re.I)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pages: those of a space, a page with all pages below it, or what a CQL query finds.

    :param kind: ``space``, ``root`` or ``cql``
    :param value: key of the space, id of the page at the top, or the query
    """

    kind: Literal["space", "root", "cql"]
    value: str

    @classmethod
    def of(cls, *, space: str | None = None, root: str | None = None, cql: str | None = None) -> Scope:
        """The scope of three arguments, of which one is given.

        :raises ValueError: none is, or several are
        """
        kinds: tuple[tuple[Literal["space", "root", "cql"], str | None], ...] = (
            ("space", space),
            ("root", root),
            ("cql", cql),
        )
        given = [cls(kind, value.strip()) for kind, value in kinds if value is not None and value.strip()]
        if len(given) != 1:
            found = ", ".join(each.kind for each in given) or "none"
            raise ValueError(f"give one of space, root and cql; {found} was given")
        return given[0]

    def __str__(self) -> str:
        words = {"space": "the space", "root": "the tree of page", "cql": "the query"}
        return f"{words[self.kind]} {self.value}"

    @property
    def cql(self) -> str:
        """The pages as a CQL query; an order in a query of the caller is left out, because it cannot stand in another."""
        if self.kind == "space":
            return f"space = {quoted(self.value)} and type = page"
        if self.kind == "root":
            return f"(id = {quoted(self.value)} or ancestor = {quoted(self.value)}) and type = page"
        query = _ORDER.sub("", self.value).strip()
        if not query:
            raise Invalid("the CQL query has no condition", system="Confluence", advice="say which pages it is about")
        return f"({query}) and type = page"


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something: the name of the account (on Cloud its id), and the name that people see."""

    name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something was written, as the site tells it (ISO 8601 with zone), and by whom."""

    at: str
    by: Person


@dataclass(frozen=True, slots=True)
class WikiPage:
    """A page of a listing.

    :param ancestors: id and title of the pages above it, the top one first
    :param labels: global labels, sorted
    :param updated: of this version
    :param bodies: form (see :data:`BODIES`) to body, those that were asked for
    """

    id: str
    space: str
    title: str
    url: str
    status: str
    version: int
    message: str
    minor: bool
    created: Stamp
    updated: Stamp
    ancestors: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    bodies: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class WikiComment:
    """A comment, or an answer to one.

    :param parent_id: the comment that it answers
    :param location: ``footer``, or ``inline`` beside a passage of the page
    :param resolution: of an inline comment, as the site calls it: ``open``, ``resolved``, ``reopened``, ``dangling``
    :param selection: the passage
    :param marker: ``ac:ref`` of the passage's marker in the body
    """

    id: str
    page_id: str
    parent_id: str | None
    location: str
    resolution: str
    version: int
    created: Stamp
    updated: Stamp
    selection: str = ""
    marker: str = ""
    bodies: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class WikiFile:
    """A file on a page, at its latest version."""

    attachment: Attachment
    updated: Stamp


class WikiReader(Protocol):
    """What reading a whole wiki takes of a dialect.

    Listings follow the paging to its end or raise; they are iterated, never collected. They may lag behind what was written
    a moment ago, as the site's search index does.
    """

    def pages(self, scope: Scope) -> Iterator[WikiPage]:
        """The current pages of a scope, without bodies."""

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[WikiPage]:
        """The current pages of those ids, with bodies, many in one answer, in any order.

        What is gone, or may not be seen, is left out; for that each page that the listing does not have is asked for by
        itself.
        """

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """All comments and answers, open and resolved: of a space, or of some pages (a hundred at the most)."""

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[WikiFile]:
        """All files: of a space, or of some pages (a hundred at the most)."""

    def download(self, file: Attachment, sink: IO[bytes] | DownloadSink) -> Download:
        """Stream a file's bytes into ``sink``."""
