"""An export as it lies in its folder: the manifest names the files, and is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.export.lines import JSON_LINES, Marks, encoded, id_of, in_order
from workplace_provider.confluence.export.reading import Entry, Read
from workplace_provider.http.errors import BadResponse, Invalid

if TYPE_CHECKING:
    from workplace_provider.confluence.export.folder import ExportFolder, ExportSink

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_TYPE: Final = "application/json"
EXPORTS: Final = "exports"
PAGES, CHANGES, INDEX = "pages.jsonl", "changes.jsonl", "index.jsonl"


class CountedSink:
    """Counts and digests what passes through to a file."""

    def __init__(self, sink: ExportSink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._sink.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._digest.hexdigest()


class PublishedExport:
    """The exports in a folder.

    ``manifest.json`` is that of the latest. What it names is in ``exports/<number>/``, so nothing that is being read is
    written over.

    :param folder: of the exports
    """

    def __init__(self, folder: ExportFolder) -> None:
        self._folder = folder

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the latest export; ``None`` when there is none."""
        try:
            with self._folder.open(MANIFEST_NAME) as stream:
                found = json.load(stream)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._broken(f"{MANIFEST_NAME} is no JSON: {error}") from error
        if not isinstance(found, dict) or "content" not in found or "number" not in found:
            raise self._broken(f"{MANIFEST_NAME} is of something else")
        return found

    def index(self, manifest: Mapping[str, Any]) -> dict[str, Entry]:
        """What is known of the pages of an export, by id; nothing when it is gone."""
        found: dict[str, Entry] = {}
        try:
            stream = self._folder.open(name_in(manifest["number"], INDEX))
        except FileNotFoundError:
            return found
        with stream:
            try:
                for raw in stream:
                    row = json.loads(raw)
                    marks, files = Marks(*row["marks"]), tuple(row["files"])
                    listed = Marks(*row["listed"]) if row["listed"] else None
                    found[row["id"]] = Entry(row["title"], row["url"], row["version"], marks, files, listed)
            except (ValueError, TypeError, KeyError) as error:
                raise self._broken(f"{INDEX} cannot be read: {error!r}") from error
        return found

    def has_lines(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the lines of an export are still there, and as long as they were."""
        size: int = manifest["files"][0]["size"]
        return self._folder.size(name_in(manifest["number"], PAGES)) == size

    @contextmanager
    def make(self, name: str) -> Iterator[CountedSink]:
        """Make a file of lines."""
        with self._folder.publish(name, JSON_LINES) as sink:
            yield CountedSink(sink)

    def merge(self, ids: Iterable[str], read: Read, earlier: Mapping[str, Any] | None, pages: CountedSink) -> None:
        """Write the line of every page, in the order of ids: as it was read, or as it is in the export before.

        All of these files are in that order, too, so each is read once, from its beginning to its end, and a line at a time.

        :param ids: of the pages, in order
        """
        last: dict[str, str] = {}
        for page_id in sorted(read.parts, key=in_order):
            last[read.parts[page_id]] = page_id
        with ExitStack() as stack:
            before = _OrderedLines(stack.enter_context(self._opened(name_in(earlier["number"], PAGES)))) if earlier else None
            open_parts: dict[str, tuple[IO[bytes], _OrderedLines]] = {}
            for page_id in ids:
                part = read.parts.get(page_id)
                if part is None:
                    line = before.line(page_id) if before else None
                else:
                    if part not in open_parts:
                        stream = stack.enter_context(self._opened(part))
                        open_parts[part] = (stream, _OrderedLines(stream))
                    stream, lines = open_parts[part]
                    line = lines.line(page_id)
                    if last[part] == page_id:
                        stream.close()
                        del open_parts[part]
                if line is None:
                    raise self._broken(f"there is no line of page {page_id} where it should be")
                pages.write(line)

    def write_index(self, ids: Iterable[str], entries: Mapping[str, Entry], index: CountedSink) -> None:
        """Write what is known of each page."""
        for page_id in ids:
            it = entries[page_id]
            row = {
                "id": page_id,
                "title": it.title,
                "url": it.url,
                "version": it.version,
                "files": list(it.files),
                "marks": it.marks.as_list(),
                "listed": it.listed.as_list() if it.listed else None,
            }
            index.write(encoded(row))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Make an export the latest one."""
        with self._folder.publish(MANIFEST_NAME, MANIFEST_TYPE) as sink:
            sink.write(encoded(manifest, indent=2))

    def tidy(self, number: int, keep: int) -> None:
        """Remove exports that are older than so many."""
        for name in self._folder.names(EXPORTS):
            if name.isdigit() and int(name) <= number - keep:
                self._folder.remove(f"{EXPORTS}/{name}")

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            stream = self._folder.open(name)
        except FileNotFoundError as error:
            raise self._broken(f"{name} is missing") from error
        with stream:
            yield stream

    def _broken(self, found: str) -> Invalid:
        return Invalid(
            f"the export before this one is broken: {found}",
            advice="somebody changed its folder; remove it, and the export is made anew",
        )


class _OrderedLines:
    """Lines in the order of their ids, of which some are wanted, in that order."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def line(self, page_id: str) -> bytes | None:
        """The line of a page; what is before it is passed over."""
        for line in self._stream:
            if not line.endswith(b"\n"):
                raise BadResponse("a file of an export ends in the middle of a line")
            found = id_of(line)
            if found == page_id:
                return line
            if in_order(found) > in_order(page_id):
                break
        return None


def name_in(number: int, name: str) -> str:
    """Where a file of an export is."""
    return f"{EXPORTS}/{number:06}/{name}"
