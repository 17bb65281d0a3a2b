"""Pages with bodies, comments and files, many at a time, into files of lines that a later attempt takes up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.export.lines import (
    JSON_LINES,
    Marks,
    encoded,
    in_order,
    line_of,
    marks_of_line,
)
from workplace_provider.confluence.export.listing import Listed, batches
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment, Page, WikiComment
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.folder import ExportFolder
    from workplace_provider.confluence.export.spec import ExportSpec

FILES: Final = "files"
_PART = re.compile(r"part-(\d+)\.jsonl")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a page whose line is in an export, or in a part of one.

    :param marks: of its line
    :param files: where the bytes of its files are in the export
    :param listed: what the listing said when it was read, where that is something else: a page was changed in between, or
        the site's index does not have all that the page has
    """

    title: str
    url: str
    version: int
    marks: Marks
    files: tuple[str, ...] = ()
    listed: Marks | None = None

    def is_as(self, listed: Marks) -> bool:
        """Whether a listing says the same as when the page was read."""
        return listed == (self.listed or self.marks)


@dataclass(slots=True)
class Read:
    """The pages that were read.

    :param entries: by id
    :param parts: the file with the line of a page, by id
    :param resumed: how many of them an earlier attempt had read
    :param downloaded: how many files were downloaded
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    resumed: int = 0
    downloaded: int = 0

    def add(self, part: str, entries: Mapping[str, Entry]) -> None:
        """Take in a part; a page that is in an earlier one, too, was read again since."""
        for page_id, entry in entries.items():
            self.entries[page_id] = entry
            self.parts[page_id] = part


class PageReading:
    """Reads pages into parts.

    Each part is whole or not there, so what is killed half way has lost no more than the parts in the making. A part holds
    as long as the listing tells the same of its pages.

    :param reader: of the wiki
    :param folder: of the export
    :param work: where the parts are in it
    """

    def __init__(self, reader: WikiReader, folder: ExportFolder, spec: ExportSpec, work: str) -> None:
        self._reader = reader
        self._folder = folder
        self._spec = spec
        self._work = work
        self._downloads = count()
        self._stop = threading.Event()

    def resume(self, wanted: Mapping[str, Listed]) -> Read:
        """What an earlier attempt has read, as far as it is still so."""
        read = Read()
        for name in self._part_names():
            with self._folder.open(name) as stream:
                for raw in stream:
                    line = json.loads(raw)
                    marks = marks_of_line(line)
                    listed = wanted.get(line["id"])
                    if listed is not None and listed.marks == marks:
                        read.add(name, {line["id"]: _entry(line, marks)})
        read.resumed = len(read.entries)
        return read

    def continue_reading(self, ids: Sequence[str], read: Read, pool: Executor, progress: Callable[[int], None]) -> None:
        """Read pages, and add them to what was read. Those that are gone by now are left out.

        :param progress: told how many pages are done, after each part
        """
        taken = [int(found[1]) for name in self._part_names() if (found := _PART.search(name))]
        numbers = count(max(taken, default=0) + 1)
        futures: dict[Future[dict[str, Entry]], tuple[str, int]] = {}
        for batch in batches(ids, self._spec.pages_per_request):
            name = f"{self._work}/part-{next(numbers):06}.jsonl"
            futures[pool.submit(self._read_part, name, batch)] = (name, len(batch))
        done = 0
        try:
            for future in as_completed(futures):
                name, size = futures[future]
                read.add(name, future.result())
                done += size
                progress(done)
        except BaseException:
            # The parts that are being made are finished, which a later attempt is glad of; no other is begun.
            self._stop.set()
            for future in futures:
                future.cancel()
            raise
        read.downloaded = next(self._downloads)

    def _read_part(self, name: str, ids: Sequence[str]) -> dict[str, Entry]:
        if self._stop.is_set():
            return {}
        pages = sorted(self._reader.pages_by_id(ids, self._spec.bodies), key=lambda page: in_order(page.id))
        if not pages:
            return {}
        there = [page.id for page in pages]
        comments: dict[str, list[WikiComment]] = {}
        if self._spec.comments:
            for comment in self._reader.comments(page_ids=there, bodies=self._spec.bodies):
                comments.setdefault(comment.page_id, []).append(comment)
        files: dict[str, list[Attachment]] = {}
        if self._spec.attachments != "none":
            for file in self._reader.files(page_ids=there):
                files.setdefault(file.page_id, []).append(file)
        entries: dict[str, Entry] = {}
        with self._folder.publish(name, JSON_LINES) as sink:
            for page in pages:
                with_files = list(self._with_files(page, files.get(page.id, ())))
                line = line_of(page, comments.get(page.id, ()), with_files)
                sink.write(encoded(line))
                entries[page.id] = _entry(line, marks_of_line(line))
        return entries

    def _with_files(self, page: Page, files: Sequence[Attachment]) -> Iterator[tuple[Attachment, str, str]]:
        for file in files:
            if left_out := self._spec.why_left_out(file):
                yield file, "", left_out
                continue
            it = file
            # Names come from outside: half a character of UTF-16 has no place in a file name.
            whole = f"{it.id}-v{it.version}-{it.name}".encode("utf-8", "replace").decode()
            path = f"{FILES}/{self._folder.safe_name(page.id)}/{self._folder.safe_name(whole)}"
            if self._folder.size(path) != it.size:
                try:
                    with self._folder.publish(path, it.media_type) as sink:
                        self._reader.download(it, sink)
                except NotFound:
                    yield file, "", "gone"
                    continue
                next(self._downloads)
            yield file, path, ""

    def _part_names(self) -> list[str]:
        found = [(int(part[1]), name) for name in self._folder.names(self._work) if (part := _PART.fullmatch(name))]
        return [f"{self._work}/{name}" for _, name in sorted(found)]


def _entry(line: Mapping[str, Any], marks: Marks) -> Entry:
    return Entry(
        line["title"],
        line["url"],
        line["version"]["number"],
        marks,
        tuple(each["file"] for each in line["attachments"] if each["file"]),
    )
