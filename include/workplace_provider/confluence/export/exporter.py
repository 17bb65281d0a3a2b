"""Export a wiki: list its pages, read those that have changed, and publish the export when it is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workplace_provider.confluence.export.lines import JSON_LINES, encode, sort_key
from workplace_provider.confluence.export.listing import ListedPage, WikiListing
from workplace_provider.confluence.export.outcome import CHANGED, DELETED, NEW, Change, ExportOutcome
from workplace_provider.confluence.export.published import (
    CHANGES,
    INDEX,
    PAGES,
    CountedSink,
    PublishedExports,
    path_of,
)
from workplace_provider.confluence.export.reading import FILES, ExportedPage, PageFetcher, Progress, ReadPages
from workplace_provider.confluence.export.spec import FORMAT, ExportSpec
from workplace_provider.http.errors import Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.folder import ExportFolder

log = get_logger("workplace_provider.confluence")


@dataclass(frozen=True, slots=True)
class _Base:
    """The latest export, which the next one is built on.

    :param manifest: its manifest; ``None`` before the first export
    :param pages: its pages by id
    :param reusable: its pages whose lines and files can be reused, by id
    :param is_usable: whether lines of it can be reused at all
    :param is_repeat: whether the same run has published it
    """

    manifest: Mapping[str, Any] | None
    pages: Mapping[str, ExportedPage]
    reusable: Mapping[str, ExportedPage]
    is_usable: bool
    is_repeat: bool


class WikiExporter:
    """Exports the pages of a scope into a folder.

    Each export lists all pages, comments and files without bodies, and compares the listing with the latest export. Lines of
    unchanged pages are copied. New and changed pages are read, many at a time. Only a complete export is published.

    Example::

        spec = ExportSpec(Scope("space", "TEAM"), attachments="files")
        exporter = WikiExporter(client.reader(), folder, spec)
        outcome = exporter.run("wiki_export/2026-12-01")
        print(outcome.manifest["pages"], outcome.read)

    :param reader: reader of the wiki
    :param folder: folder of the exports; each scope has its own folder
    :param spec: content of the export
    """

    def __init__(self, reader: WikiReader, folder: ExportFolder, spec: ExportSpec) -> None:
        self._reader = reader
        self._folder = folder
        self._spec = spec
        self._published = PublishedExports(folder)

    def run(self, key: str) -> ExportOutcome:
        """Export, or resume an export that was killed.

        :param key: id of the run. Repeating a run that has finished gives the same outcome
        :raises WorkplaceError: when reading fails; the pages that were read stay for the next attempt
        """
        base = self._read_base(key)
        work = self._spec.work_name(key)
        with ThreadPoolExecutor(self._spec.workers, thread_name_prefix="wiki-export") as pool:
            listing = self._list_pages(base, pool)
            wanted = self._choose_pages(base, listing)
            gone = [page_id for page_id in base.pages if page_id not in listing]
            log.info("%s: %d pages, %d of them to read, %d gone", self._spec.scope, len(listing), len(wanted), len(gone))
            if base.manifest is not None and base.is_usable and not wanted and not gone:
                manifest = base.manifest if base.is_repeat else _without_changes(base.manifest)
                return ExportOutcome(manifest, published=base.is_repeat)
            read = self._read_pages(work, wanted, pool)
        pages = _merge(base, listing, wanted, read)
        manifest = self._publish(key, base, pages, read)
        self._remove_leftovers(manifest["number"], work, base.pages, pages)
        return ExportOutcome(manifest, True, len(read.pages) - read.resumed, read.resumed, read.downloaded)

    def _read_base(self, key: str) -> _Base:
        manifest = self._published.manifest()
        if manifest is None:
            return _Base(None, {}, {}, is_usable=False, is_repeat=False)
        self._refuse_other_scope(manifest)
        pages = self._published.index(manifest) if manifest["content"].get("format") == FORMAT else {}
        is_usable = self._is_usable(manifest, pages)
        reusable = self._with_files(pages) if is_usable else {}
        return _Base(manifest, pages, reusable, is_usable, manifest.get("made_by") == key)

    def _list_pages(self, base: _Base, pool: ThreadPoolExecutor) -> dict[str, ListedPage]:
        wiki = WikiListing(self._reader, self._spec, pool)
        listing = wiki.pages()
        if not listing:
            raise Invalid(
                f"no page in {self._spec.scope}, or none that the connection's account may see",
                advice="check it, and the account's permission to view; the last export is unchanged",
            )
        return listing | wiki.filter_existing([page_id for page_id in base.pages if page_id not in listing])

    def _choose_pages(self, base: _Base, listing: Mapping[str, ListedPage]) -> dict[str, ListedPage]:
        """Return the pages to read: all in a full export, otherwise the new and changed ones."""
        if self._spec.mode == "full" and not base.is_repeat:
            return dict(listing)
        return {
            page_id: listed
            for page_id, listed in listing.items()
            if page_id not in base.reusable or not base.reusable[page_id].matches(listed.fingerprint)
        }

    def _read_pages(self, work: str, wanted: Mapping[str, ListedPage], pool: ThreadPoolExecutor) -> ReadPages:
        fetcher = PageFetcher(self._reader, self._folder, self._spec, work)
        read = fetcher.resume(wanted)
        remaining = sorted((page_id for page_id in wanted if page_id not in read.pages), key=sort_key)
        if read.resumed:
            log.info("resumed: an earlier attempt has read %d pages, %d remain", read.resumed, len(remaining))
        fetcher.continue_reading(remaining, read, pool, Progress(len(remaining)))
        return read

    def _publish(self, key: str, base: _Base, pages: Mapping[str, ExportedPage], read: ReadPages) -> dict[str, Any]:
        number = base.manifest["number"] + 1 if base.manifest else 1
        counts = dict.fromkeys((NEW, CHANGED, DELETED), 0)
        sinks: dict[str, CountedSink] = {}
        deleted: list[dict[str, Any]] = []
        with self._published.create(path_of(number, PAGES)) as sinks[PAGES]:
            self._published.merge(pages, read, base.manifest if base.is_usable else None, sinks[PAGES])
        with self._published.create(path_of(number, CHANGES)) as sinks[CHANGES]:
            for change in changes(pages, base.pages):
                counts[change.kind] += 1
                sinks[CHANGES].write(encode(change.as_dict()))
                if change.kind == DELETED:
                    deleted.append({"id": change.id, "title": change.title, "url": change.url})
        with self._published.create(path_of(number, INDEX)) as sinks[INDEX]:
            self._published.write_index(pages, sinks[INDEX])
        manifest = {
            "number": number,
            "made_by": key,
            "content": self._spec.content,
            "pages": len(pages),
            "changes": counts,
            "deleted": deleted,
            "files": [
                self._folder.describe_file(path_of(number, name), JSON_LINES, sinks[name].size, sinks[name].sha256)
                for name in (PAGES, CHANGES)
            ],
        }
        self._published.write_manifest(manifest)
        return manifest

    def _remove_leftovers(
        self, number: int, work: str, before: Mapping[str, ExportedPage], pages: Mapping[str, ExportedPage]
    ) -> None:
        """Remove files that no export refers to. An export that is killed here leaves some of them, which does no harm."""
        self._folder.remove(work)
        self._published.remove_old(number, self._spec.keep)
        used = {name for page in pages.values() for name in page.files}
        for page in before.values():
            for name in page.files:
                if name not in used:
                    self._folder.remove(name)

    def _is_usable(self, latest: Mapping[str, Any], before: Mapping[str, ExportedPage]) -> bool:
        if latest["content"] != self._spec.content:
            log.info("the settings of the export have changed since the last one, so all pages are read again")
            return False
        if len(before) != latest["pages"] or not self._published.has_lines(latest):
            log.warning("files of the last export are missing, perhaps by a rule that deletes old files: all pages are read")
            return False
        return True

    def _with_files(self, before: Mapping[str, ExportedPage]) -> Mapping[str, ExportedPage]:
        """Return the pages whose files all exist; a rule may have deleted old files."""
        if self._spec.attachments != "files":
            return before
        present = self._folder.all_names(FILES)
        complete = {page_id: page for page_id, page in before.items() if present.issuperset(page.files)}
        if len(complete) < len(before):
            log.warning("files of %d pages are missing in the export, and are exported again", len(before) - len(complete))
        return complete

    def _refuse_other_scope(self, latest: Mapping[str, Any]) -> None:
        if latest["content"].get("scope") != self._spec.content["scope"]:
            other = ", ".join(f"{kind} {value}" for kind, value in latest["content"].get("scope", {}).items())
            raise Invalid(
                f"the folder has an export of another scope: {other}",
                advice="give each scope a folder of its own",
            )


def changes(pages: Mapping[str, ExportedPage], earlier: Mapping[str, ExportedPage]) -> Iterator[Change]:
    """Iterate over the changes between two exports, in the order of ids.

    :param pages: the pages of this export
    :param earlier: the pages of the export before
    """
    for page_id in sorted({*pages, *earlier}, key=sort_key):
        page, before = pages.get(page_id), earlier.get(page_id)
        if page is None:
            if before is not None:
                yield Change(page_id, before.title, before.url, DELETED, (), before.version, before.version)
        elif before is None:
            yield Change(page_id, page.title, page.url, NEW, (), page.version)
        elif what := page.fingerprint.changed_since(before.fingerprint):
            yield Change(page_id, page.title, page.url, CHANGED, tuple(what), page.version, before.version)


def _merge(
    base: _Base, listing: Mapping[str, ListedPage], wanted: Mapping[str, ListedPage], read: ReadPages
) -> dict[str, ExportedPage]:
    """Return the pages of the new export in order: as they were read, otherwise as in the last export."""
    pages: dict[str, ExportedPage] = {}
    for page_id in sorted(listing, key=sort_key):
        if page_id in read.pages:
            page, listed = read.pages[page_id], listing[page_id].fingerprint
            pages[page_id] = page if page.fingerprint == listed else replace(page, listed=listed)
        elif page_id not in wanted:
            pages[page_id] = base.reusable[page_id]
    return pages


def _without_changes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of the latest export for a run that found no changes."""
    return {**manifest, "changes": dict.fromkeys((NEW, CHANGED, DELETED), 0), "deleted": []}
