"""What there is now: the pages of a scope with the marks by which a change is noticed, and no body of any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.export.lines import Marks, comment_number, file_number, marks_of_page

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page, Scope
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.spec import ExportSpec

IDS_AT_ONCE: Final = 100
"""How many pages one query names; a longer address is refused by some servers and proxies."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the listing."""

    title: str
    url: str
    version: int
    marks: Marks


class Tally:
    """Sums up the comments or files of each page while they pass by: in any order, and without keeping them."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, page_id: str, number: int) -> None:
        """Take one more."""
        count, total = self._sums.get(page_id, (0, 0))
        self._sums[page_id] = (count + 1, total + number)

    def mark(self, page_id: str) -> str:
        """As :func:`~workplace_provider.confluence.export.lines.set_mark` makes it."""
        count, total = self._sums.get(page_id, (0, 0))
        return f"{count}:{total % 2**80:x}" if count else ""


class Listing:
    """Lists what there is now.

    Of a space there are three listings: pages, comments, files. Of a tree or a query, comments and files are asked for by
    the ids of their pages, a hundred at a time.

    :param reader: of the wiki
    :param spec: what is exported
    :param pool: for listings at the same time
    """

    def __init__(self, reader: WikiReader, spec: ExportSpec, pool: Executor) -> None:
        self._reader = reader
        self._scope = spec.scope
        self._pool = pool
        self._comments, self._files = Tally(), Tally()
        self._counts: list[Callable[[str, Sequence[str]], None]] = []
        if spec.comments:
            self._counts.append(self._count_comments)
        if spec.attachments != "none":
            self._counts.append(self._count_files)

    def pages(self) -> dict[str, Listed]:
        """The pages that the listings have, by id, in no order."""
        if self._scope.kind != "space":
            found = _by_id(self._reader.pages(self._scope))
            self._count(found)
        else:
            # At the same time as the pages: a listing is waiting, for the most part.
            counting = [self._pool.submit(count, self._scope.value, ()) for count in self._counts]
            found = _by_id(self._reader.pages(self._scope))
            for future in counting:
                future.result()
        return self._marked(found)

    def filter_existing(self, ids: Sequence[str]) -> dict[str, Listed]:
        """Those of some pages that are there although no listing had them.

        A page that is removed while a listing is paged through shifts the rows behind it, and one of them is never seen. So
        what seems to be gone is asked for by itself before it is called so. What a query finds only the query can tell.
        """
        if self._scope.kind == "cql":
            return {}
        found = _by_id(
            page
            for batch in batches(ids, IDS_AT_ONCE)
            for page in self._reader.pages_by_id(batch, ())
            if _belongs(page, self._scope)
        )
        if self._scope.kind == "root":
            self._count(found)
        return self._marked(found)

    def _count(self, ids: Iterable[str]) -> None:
        jobs = [self._pool.submit(count, "", batch) for batch in batches(ids, IDS_AT_ONCE) for count in self._counts]
        for future in jobs:
            future.result()

    def _count_comments(self, space: str, ids: Sequence[str]) -> None:
        for each in self._reader.comments(space=space, page_ids=ids):
            self._comments.add(each.page_id, comment_number(each))

    def _count_files(self, space: str, ids: Sequence[str]) -> None:
        for each in self._reader.files(space=space, page_ids=ids):
            self._files.add(each.page_id, file_number(each))

    def _marked(self, found: Mapping[str, Listed]) -> dict[str, Listed]:
        return {
            page_id: replace(listed, marks=self._with_counts(page_id, listed.marks)) for page_id, listed in found.items()
        }

    def _with_counts(self, page_id: str, marks: Marks) -> Marks:
        return replace(marks, comments=self._comments.mark(page_id), attachments=self._files.mark(page_id))


def batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Ids, so many at a time."""
    left = iter(ids)
    while batch := list(islice(left, size)):
        yield batch


def _by_id(pages: Iterable[Page]) -> dict[str, Listed]:
    """What there is to keep of pages that pass by."""
    return {page.id: Listed(page.title, page.url, page.version, marks_of_page(page)) for page in pages}


def _belongs(page: Page, scope: Scope) -> bool:
    if scope.kind == "space":
        return page.space.casefold() == scope.value.casefold()
    return scope.value in (page.id, *(above for above, _ in page.ancestors))
