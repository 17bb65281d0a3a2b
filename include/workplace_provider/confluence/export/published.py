"""Published exports in their folder. The manifest names the files of the latest export, and is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.export.lines import JSON_LINES, Fingerprint, encode, id_of, sort_key
from workplace_provider.confluence.export.reading import ExportedPage, ReadPages
from workplace_provider.http.errors import BadResponse, Invalid

if TYPE_CHECKING:
    from workplace_provider.confluence.export.folder import ExportFolder, ExportSink

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_TYPE: Final = "application/json"
EXPORTS: Final = "exports"
PAGES, CHANGES, INDEX = "pages.jsonl", "changes.jsonl", "index.jsonl"


class CountedSink:
    """A sink that counts and hashes the bytes it writes to a file."""

    def __init__(self, sink: ExportSink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Write the next bytes."""
        self._sink.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    @property
    def sha256(self) -> str:
        """The digest of the bytes written so far."""
        return self._digest.hexdigest()


class PublishedExports:
    """The exports in a folder.

    ``manifest.json`` belongs to the latest export. The files that it names are in ``exports/<number>/``, so files that are
    being read are never overwritten.

    :param folder: folder of the exports
    """

    def __init__(self, folder: ExportFolder) -> None:
        self._folder = folder

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest of the latest export; ``None`` before the first export."""
        try:
            with self._folder.open(MANIFEST_NAME) as stream:
                manifest = json.load(stream)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._broken(f"{MANIFEST_NAME} is not valid JSON: {error}") from error
        if not isinstance(manifest, dict) or "content" not in manifest or "number" not in manifest:
            raise self._broken(f"{MANIFEST_NAME} is not the manifest of an export")
        return manifest

    def index(self, manifest: Mapping[str, Any]) -> dict[str, ExportedPage]:
        """Return the pages of an export by id; empty when its index is missing."""
        pages: dict[str, ExportedPage] = {}
        try:
            stream = self._folder.open(path_of(manifest["number"], INDEX))
        except FileNotFoundError:
            return pages
        with stream:
            try:
                for raw in stream:
                    row = json.loads(raw)
                    fingerprint, files = Fingerprint(*row["marks"]), tuple(row["files"])
                    listed = Fingerprint(*row["listed"]) if row["listed"] else None
                    pages[row["id"]] = ExportedPage(row["title"], row["url"], row["version"], fingerprint, files, listed)
            except (ValueError, TypeError, KeyError) as error:
                raise self._broken(f"{INDEX} cannot be read: {error!r}") from error
        return pages

    def has_lines(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether the file of an export's lines exists with its original size."""
        size: int = manifest["files"][0]["size"]
        return self._folder.size(path_of(manifest["number"], PAGES)) == size

    @contextmanager
    def create(self, name: str) -> Iterator[CountedSink]:
        """Create a file of lines."""
        with self._folder.publish(name, JSON_LINES) as sink:
            yield CountedSink(sink)

    def merge(self, ids: Iterable[str], read: ReadPages, earlier: Mapping[str, Any] | None, pages: CountedSink) -> None:
        """Write the line of each page, in the order of ids: as it was read, otherwise from the export before.

        All these files are in the same order, so each of them is read once, line by line.

        :param ids: ids of the pages, in order
        """
        last: dict[str, str] = {}
        for page_id in sorted(read.parts, key=sort_key):
            last[read.parts[page_id]] = page_id
        with ExitStack() as stack:
            before = _OrderedLines(stack.enter_context(self._open(path_of(earlier["number"], PAGES)))) if earlier else None
            open_parts: dict[str, tuple[IO[bytes], _OrderedLines]] = {}
            for page_id in ids:
                part = read.parts.get(page_id)
                if part is None:
                    line = before.line(page_id) if before else None
                else:
                    if part not in open_parts:
                        stream = stack.enter_context(self._open(part))
                        open_parts[part] = (stream, _OrderedLines(stream))
                    stream, lines = open_parts[part]
                    line = lines.line(page_id)
                    if last[part] == page_id:
                        stream.close()
                        del open_parts[part]
                if line is None:
                    raise self._broken(f"the line of page {page_id} is missing")
                pages.write(line)

    def write_index(self, pages: Mapping[str, ExportedPage], index: CountedSink) -> None:
        """Write title, version, files and fingerprints of each page."""
        for page_id, page in pages.items():
            row = {
                "id": page_id,
                "title": page.title,
                "url": page.url,
                "version": page.version,
                "files": list(page.files),
                "marks": page.fingerprint.as_list(),
                "listed": page.listed.as_list() if page.listed else None,
            }
            index.write(encode(row))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Publish an export as the latest one."""
        with self._folder.publish(MANIFEST_NAME, MANIFEST_TYPE) as sink:
            sink.write(encode(manifest, indent=2))

    def remove_old(self, number: int, keep: int) -> None:
        """Remove all exports but the latest ones.

        :param number: number of the latest export
        :param keep: number of exports to keep
        """
        for name in self._folder.names(EXPORTS):
            if name.isdigit() and int(name) <= number - keep:
                self._folder.remove(f"{EXPORTS}/{name}")

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            stream = self._folder.open(name)
        except FileNotFoundError as error:
            raise self._broken(f"{name} is missing") from error
        with stream:
            yield stream

    def _broken(self, cause: str) -> Invalid:
        return Invalid(
            f"the last export is damaged: {cause}",
            advice="its folder was changed; remove it, and the next run creates the export again",
        )


class _OrderedLines:
    """A file of lines in the order of ids, from which some lines are read in that order."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def line(self, page_id: str) -> bytes | None:
        """Return the line of a page. Lines before it are skipped."""
        for line in self._stream:
            if not line.endswith(b"\n"):
                raise BadResponse("a file of an export ends in the middle of a line")
            line_id = id_of(line)
            if line_id == page_id:
                return line
            if sort_key(line_id) > sort_key(page_id):
                break
        return None


def path_of(number: int, name: str) -> str:
    """Return the path of a file of an export."""
    return f"{EXPORTS}/{number:06}/{name}"
