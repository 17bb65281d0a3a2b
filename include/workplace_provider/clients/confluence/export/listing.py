"""What there is now: the pages of a scope with the marks by which a change is noticed, and no body of any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from workplace_provider.clients.confluence.export.lines import Marks, comment_number, file_number, marks_of_page

if TYPE_CHECKING:
    from workplace_provider.clients.confluence.export.spec import ExportSpec
    from workplace_provider.clients.confluence.wiki import Scope, WikiPage, WikiReader

IDS_AT_ONCE: Final = 100
"""How many pages one query names; a longer address is refused by some servers and proxies."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the listing. ``marks`` is ``None`` where it has to be read to know."""

    title: str
    url: str
    version: int
    marks: Marks | None


class Tally:
    """Sums up the comments or files of each page while they pass by: in any order, and without keeping them."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, page_id: str, number: int) -> None:
        """Take one more."""
        count, total = self._sums.get(page_id, (0, 0))
        self._sums[page_id] = (count + 1, total + number)

    def mark(self, page_id: str) -> str:
        """As :func:`~workplace_provider.clients.confluence.export.lines.set_mark` makes it."""
        count, total = self._sums.get(page_id, (0, 0))
        return f"{count}:{total % 2**80:x}" if count else ""


def current_pages(reader: WikiReader, spec: ExportSpec, pool: Executor) -> dict[str, Listed]:
    """List what there is now.

    Of a space there are three listings: pages, comments, files. Of a tree or a query, comments and files are asked for by
    the ids of their pages, a hundred at a time.

    :return: by id, in no order
    """
    comments, files = Tally(), Tally()

    def count_comments(space: str, ids: Sequence[str]) -> None:
        for each in reader.comments(space=space, page_ids=ids):
            comments.add(each.page_id, comment_number(each))

    def count_files(space: str, ids: Sequence[str]) -> None:
        for each in reader.files(space=space, page_ids=ids):
            files.add(each.attachment.page_id, file_number(each))

    counts: list[Callable[[str, Sequence[str]], None]] = []
    if spec.comments:
        counts.append(count_comments)
    if spec.attachments != "none":
        counts.append(count_files)
    if spec.scope.kind == "space":
        # At the same time as the pages: a listing is waiting, for the most part.
        counting = [pool.submit(count, spec.scope.value, ()) for count in counts]
        found = {page.id: _listed(page) for page in reader.pages(spec.scope)}
    else:
        found = {page.id: _listed(page) for page in reader.pages(spec.scope)}
        counting = [pool.submit(count, "", ids) for ids in batches(found, IDS_AT_ONCE) for count in counts]
    for future in counting:
        future.result()
    return {
        page_id: replace(listed, marks=replace(marks, comments=comments.mark(page_id), attachments=files.mark(page_id)))
        for page_id, listed in found.items()
        if (marks := listed.marks)
    }


def still_there(reader: WikiReader, scope: Scope, ids: Sequence[str]) -> dict[str, Listed]:
    """Those of some pages that are there although no listing had them.

    A page that is removed while a listing is paged through shifts the rows behind it, and one of them is never seen. So what
    seems to be gone is asked for by itself before it is called so. What a query finds only the query can tell.
    """
    if scope.kind == "cql":
        return {}
    return {
        page.id: replace(_listed(page), marks=None)
        for batch in batches(ids, IDS_AT_ONCE)
        for page in reader.pages_by_id(batch, ())
        if _belongs(page, scope)
    }


def batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Ids, so many at a time."""
    left = iter(ids)
    while batch := list(islice(left, size)):
        yield batch


def _belongs(page: WikiPage, scope: Scope) -> bool:
    if scope.kind == "space":
        return page.space.casefold() == scope.value.casefold()
    return scope.value in (page.id, *(above for above, _ in page.ancestors))


def _listed(page: WikiPage) -> Listed:
    return Listed(page.title, page.url, page.version, marks_of_page(page))
