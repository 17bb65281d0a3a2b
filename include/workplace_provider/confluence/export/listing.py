"""List the pages of a scope without bodies, with the fingerprints that show their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.export.lines import (
    MODULUS,
    Fingerprint,
    comment_number,
    file_number,
    fingerprint_of_page,
)

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page, Scope
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.spec import ExportSpec

IDS_AT_ONCE: Final = 100
"""Pages that one query names; some servers and proxies refuse longer URLs."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page of the listing."""

    title: str
    url: str
    version: int
    fingerprint: Fingerprint


class RunningFingerprints:
    """The fingerprints of each page's comments or files, updated one by one without keeping them."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, page_id: str, number: int) -> None:
        """Add a comment or a file."""
        count, total = self._sums.get(page_id, (0, 0))
        self._sums[page_id] = (count + 1, total + number)

    def fingerprint(self, page_id: str) -> str:
        """Return the same as :func:`~workplace_provider.confluence.export.lines.set_fingerprint`."""
        count, total = self._sums.get(page_id, (0, 0))
        return f"{count}:{total % MODULUS:x}" if count else ""


class WikiListing:
    """Lists the current pages of a scope.

    A space takes three listings: pages, comments and files. For a tree or a query, comments and files are requested by the
    ids of their pages, a hundred at a time.

    :param reader: reader of the wiki
    :param spec: content of the export
    :param pool: runs several listings at once
    """

    def __init__(self, reader: WikiReader, spec: ExportSpec, pool: Executor) -> None:
        self._reader = reader
        self._spec = spec
        self._scope = spec.scope
        self._pool = pool
        self._comments, self._files = RunningFingerprints(), RunningFingerprints()

    def pages(self) -> dict[str, ListedPage]:
        """Return the pages of the listings by id, in no order."""
        if self._scope.kind != "space":
            pages = _by_id(self._reader.pages(self._scope))
            self._count(pages)
        else:
            # Started before the pages are listed: most of the time a listing waits for the site.
            jobs = self._start_counting(self._scope.value, ())
            pages = _by_id(self._reader.pages(self._scope))
            for job in jobs:
                job.result()
        return self._with_counts(pages)

    def filter_existing(self, ids: Sequence[str]) -> dict[str, ListedPage]:
        """Return those pages that exist although no listing contained them.

        When a page is removed during paging, the following rows move up, and one of them is on no page of the listing. So a
        page that seems to be gone is requested by its id. Only the query itself knows which pages it finds.
        """
        if self._scope.kind == "cql":
            return {}
        pages = _by_id(
            page
            for batch in batches(ids, IDS_AT_ONCE)
            for page in self._reader.pages_by_id(batch, ())
            if _belongs(page, self._scope)
        )
        if self._scope.kind == "root":
            self._count(pages)
        return self._with_counts(pages)

    def _count(self, ids: Iterable[str]) -> None:
        jobs = [job for batch in batches(ids, IDS_AT_ONCE) for job in self._start_counting("", batch)]
        for job in jobs:
            job.result()

    def _start_counting(self, space: str, ids: Sequence[str]) -> list[Future[None]]:
        jobs = []
        if self._spec.comments:
            jobs.append(self._pool.submit(self._count_comments, space, ids))
        if self._spec.attachments != "none":
            jobs.append(self._pool.submit(self._count_files, space, ids))
        return jobs

    def _count_comments(self, space: str, ids: Sequence[str]) -> None:
        for comment in self._reader.comments(space=space, page_ids=ids):
            self._comments.add(comment.page_id, comment_number(comment))

    def _count_files(self, space: str, ids: Sequence[str]) -> None:
        for file in self._reader.files(space=space, page_ids=ids):
            self._files.add(file.page_id, file_number(file))

    def _with_counts(self, pages: Mapping[str, ListedPage]) -> dict[str, ListedPage]:
        return {
            page_id: replace(page, fingerprint=self._complete(page_id, page.fingerprint)) for page_id, page in pages.items()
        }

    def _complete(self, page_id: str, fingerprint: Fingerprint) -> Fingerprint:
        comments, files = self._comments.fingerprint(page_id), self._files.fingerprint(page_id)
        return replace(fingerprint, comments=comments, attachments=files)


def batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Iterate over ids in batches."""
    remaining = iter(ids)
    while batch := list(islice(remaining, size)):
        yield batch


def _by_id(pages: Iterable[Page]) -> dict[str, ListedPage]:
    return {page.id: ListedPage(page.title, page.url, page.version, fingerprint_of_page(page)) for page in pages}


def _belongs(page: Page, scope: Scope) -> bool:
    if scope.kind == "space":
        return page.space.casefold() == scope.value.casefold()
    return scope.value in (page.id, *(above for above, _ in page.ancestors))
