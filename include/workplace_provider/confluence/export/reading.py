"""Read pages with bodies, comments and files, many at a time, into files of lines that a later attempt can reuse."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.export.lines import (
    JSON_LINES,
    Fingerprint,
    encode,
    fingerprint_of_line,
    line_of,
    sort_key,
)
from workplace_provider.confluence.export.listing import ListedPage, batches
from workplace_provider.http.errors import NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment, Page, WikiComment
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.folder import ExportFolder
    from workplace_provider.confluence.export.spec import ExportSpec

log = get_logger("workplace_provider.confluence")

FILES: Final = "files"
SECONDS_BETWEEN_LINES: Final = 15.0
"""Seconds between two log lines about the progress."""

_PART = re.compile(r"part-(\d+)\.jsonl")


@dataclass(frozen=True, slots=True)
class ExportedPage:
    """A page whose line is in an export, or in a part of one.

    :param fingerprint: fingerprint of its line
    :param files: paths of the bytes of its files in the export
    :param listed: fingerprint of the listing if it differs from the line's: the page was changed in between, or the site's
        search index does not contain everything on the page
    """

    title: str
    url: str
    version: int
    fingerprint: Fingerprint
    files: tuple[str, ...] = ()
    listed: Fingerprint | None = None

    def matches(self, listed: Fingerprint) -> bool:
        """Return whether the fingerprint of a listing is the same as when the page was read."""
        return listed == (self.listed or self.fingerprint)


@dataclass(slots=True)
class ReadPages:
    """The pages that were read.

    :param pages: by id
    :param parts: the file with the line of a page, by id
    :param resumed: number of pages that an earlier attempt has read
    :param downloaded: number of downloaded files
    """

    pages: dict[str, ExportedPage] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    resumed: int = 0
    downloaded: int = 0

    def add(self, part: str, pages: Mapping[str, ExportedPage]) -> None:
        """Add a part. A page of an earlier part was read again in this one."""
        for page_id, page in pages.items():
            self.pages[page_id] = page
            self.parts[page_id] = part


class Progress:
    """The progress of reading, which is logged at intervals.

    :param total: number of pages to read
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = self._logged = time.monotonic()

    def advance(self, pages: int) -> None:
        """Count pages that were read."""
        self._done += pages
        now = time.monotonic()
        if now - self._logged >= SECONDS_BETWEEN_LINES or self._done == self._total:
            self._logged = now
            log.info("%d of %d pages read in %.0f s", self._done, self._total, now - self._started)


class PageFetcher:
    """Reads pages into parts.

    A part exists completely or not at all, so a killed attempt loses only the unfinished parts. A page of a part is reused
    while the listing has the same fingerprint.

    :param reader: reader of the wiki
    :param folder: folder of the export
    :param work: path of the parts in the folder
    """

    def __init__(self, reader: WikiReader, folder: ExportFolder, spec: ExportSpec, work: str) -> None:
        self._reader = reader
        self._folder = folder
        self._spec = spec
        self._work = work
        self._downloads = count()
        self._stop = threading.Event()

    def resume(self, wanted: Mapping[str, ListedPage]) -> ReadPages:
        """Return the pages that an earlier attempt has read and that have not changed since."""
        read = ReadPages()
        for name in self._part_names():
            with self._folder.open(name) as stream:
                for raw in stream:
                    line = json.loads(raw)
                    fingerprint = fingerprint_of_line(line)
                    listed = wanted.get(line["id"])
                    if listed is not None and listed.fingerprint == fingerprint:
                        read.add(name, {line["id"]: _exported_page(line, fingerprint)})
        read.resumed = len(read.pages)
        return read

    def continue_reading(self, ids: Sequence[str], read: ReadPages, pool: Executor, progress: Progress) -> None:
        """Read pages, and add them to ``read``. Pages that are gone by now are left out."""
        used = [int(match[1]) for name in self._part_names() if (match := _PART.search(name))]
        numbers = count(max(used, default=0) + 1)
        futures: dict[Future[dict[str, ExportedPage]], tuple[str, int]] = {}
        for batch in batches(ids, self._spec.pages_per_request):
            name = f"{self._work}/part-{next(numbers):06}.jsonl"
            futures[pool.submit(self._read_part, name, batch)] = (name, len(batch))
        try:
            for future in as_completed(futures):
                name, size = futures[future]
                read.add(name, future.result())
                progress.advance(size)
        except BaseException:
            # Running parts are finished, so that a later attempt can reuse them; no other part is started.
            self._stop.set()
            for future in futures:
                future.cancel()
            raise
        read.downloaded = next(self._downloads)

    def _read_part(self, name: str, ids: Sequence[str]) -> dict[str, ExportedPage]:
        if self._stop.is_set():
            return {}
        pages = sorted(self._reader.pages_by_id(ids, self._spec.bodies), key=lambda page: sort_key(page.id))
        if not pages:
            return {}
        present = [page.id for page in pages]
        comments: dict[str, list[WikiComment]] = {}
        if self._spec.comments:
            for comment in self._reader.comments(page_ids=present, bodies=self._spec.bodies):
                comments.setdefault(comment.page_id, []).append(comment)
        files: dict[str, list[Attachment]] = {}
        if self._spec.attachments != "none":
            for file in self._reader.files(page_ids=present):
                files.setdefault(file.page_id, []).append(file)
        exported: dict[str, ExportedPage] = {}
        with self._folder.publish(name, JSON_LINES) as sink:
            for page in pages:
                with_files = list(self._with_files(page, files.get(page.id, ())))
                line = line_of(page, comments.get(page.id, ()), with_files)
                sink.write(encode(line))
                exported[page.id] = _exported_page(line, fingerprint_of_line(line))
        return exported

    def _with_files(self, page: Page, files: Sequence[Attachment]) -> Iterator[tuple[Attachment, str, str]]:
        for file in files:
            if left_out := self._spec.why_left_out(file):
                yield file, "", left_out
                continue
            # Names of files may contain a lone UTF-16 surrogate, which is not valid in the name of a file on disk.
            name = f"{file.id}-v{file.version}-{file.name}".encode("utf-8", "replace").decode()
            path = f"{FILES}/{self._folder.safe_name(page.id)}/{self._folder.safe_name(name)}"
            if self._folder.size(path) != file.size:
                try:
                    with self._folder.publish(path, file.media_type) as sink:
                        self._reader.download(file, sink)
                except NotFound:
                    yield file, "", "gone"
                    continue
                next(self._downloads)
            yield file, path, ""

    def _part_names(self) -> list[str]:
        names = self._folder.names(self._work)
        parts = [(int(match[1]), name) for name in names if (match := _PART.fullmatch(name))]
        return [f"{self._work}/{name}" for _, name in sorted(parts)]


def _exported_page(line: Mapping[str, Any], fingerprint: Fingerprint) -> ExportedPage:
    return ExportedPage(
        line["title"],
        line["url"],
        line["version"]["number"],
        fingerprint,
        tuple(file["file"] for file in line["attachments"] if file["file"]),
    )
