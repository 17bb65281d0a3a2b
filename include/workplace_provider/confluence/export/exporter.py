"""Exports a wiki: lists what there is, reads what has changed, and publishes it when it is whole."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.export.lines import JSON_LINES, encoded, in_order
from workplace_provider.confluence.export.listing import Listed, Listing
from workplace_provider.confluence.export.outcome import CHANGED, DELETED, NEW, Change, ExportOutcome
from workplace_provider.confluence.export.published import (
    CHANGES,
    INDEX,
    PAGES,
    CountedSink,
    PublishedExport,
    name_in,
)
from workplace_provider.confluence.export.reading import FILES, Entry, PageReading, Read
from workplace_provider.confluence.export.spec import FORMAT, ExportSpec
from workplace_provider.http.errors import Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.protocol import WikiReader
    from workplace_provider.confluence.export.folder import ExportFolder

log = get_logger("workplace_provider.confluence")

SECONDS_BETWEEN_LINES: Final = 15.0
"""How often the log tells how far the reading is."""


class WikiExporter:
    """Exports the pages of a scope into a folder.

    Every export lists all pages, comments and files, without a body of any, and holds that against the export before. What
    is the same is not read again; its line is copied. What is new or different is read, many pages at a time. Nothing is
    seen of it before it is whole.

    :param reader: of the wiki
    :param folder: where the export lies; of one scope only
    :param spec: what is exported, and how
    """

    def __init__(self, reader: WikiReader, folder: ExportFolder, spec: ExportSpec) -> None:
        self._reader = reader
        self._folder = folder
        self._spec = spec
        self._published = PublishedExport(folder)

    def run(self, key: str) -> ExportOutcome:
        """Export, or go on with an export that was killed.

        :param key: which run it is: a run that is repeated after it was done gives the same outcome
        :raises WorkplaceError: reading failed; what was read so far stays for the next attempt
        """
        latest = self._published.manifest()
        self._refuse_other_scope(latest)
        repeated = latest is not None and latest.get("made_by") == key
        before = self._published.index(latest) if latest is not None and latest["content"].get("format") == FORMAT else {}
        usable = latest is not None and self._can_be_built_upon(latest, before)
        known = self._with_their_files(before) if usable else {}
        with ThreadPoolExecutor(self._spec.workers, thread_name_prefix="wiki-export") as pool:
            wiki = Listing(self._reader, self._spec, pool)
            listing = wiki.pages()
            self._refuse_empty(listing)
            listing |= wiki.filter_existing([each for each in before if each not in listing])
            gone = [page_id for page_id in before if page_id not in listing]
            anew = self._spec.mode == "full" and not repeated
            wanted = {
                page_id: listed
                for page_id, listed in listing.items()
                if anew or page_id not in known or not known[page_id].is_as(listed.marks)
            }
            log.info("%s has %d pages; %d of them to read, %d gone", self._spec.scope, len(listing), len(wanted), len(gone))
            if latest is not None and usable and not wanted and not gone:
                return ExportOutcome(latest if repeated else _unchanged(latest), published=repeated)
            work = self._spec.work_name(key)
            reading = PageReading(self._reader, self._folder, self._spec, work)
            read = reading.resume(wanted)
            left = sorted((page_id for page_id in wanted if page_id not in read.entries), key=in_order)
            if read.resumed:
                log.info("%d pages were read by an earlier attempt, %d are left", read.resumed, len(left))
            reading.continue_reading(left, read, pool, _Progress(len(left)))
        entries: dict[str, Entry] = {}
        for page_id in sorted(listing, key=in_order):
            if page_id in read.entries:
                entries[page_id] = _with_listing(read.entries[page_id], listing[page_id])
            elif page_id not in wanted:
                entries[page_id] = known[page_id]
        manifest = self._publish(key, entries, before, read, latest, usable=usable)
        self._tidy(manifest["number"], work, before, entries)
        return ExportOutcome(manifest, True, len(read.entries) - read.resumed, read.resumed, read.downloaded)

    def _publish(
        self,
        key: str,
        entries: Mapping[str, Entry],
        before: Mapping[str, Entry],
        read: Read,
        latest: Mapping[str, Any] | None,
        *,
        usable: bool,
    ) -> dict[str, Any]:
        number = latest["number"] + 1 if latest else 1
        counts = dict.fromkeys((NEW, CHANGED, DELETED), 0)
        made: dict[str, CountedSink] = {}
        deleted: list[dict[str, Any]] = []
        with self._published.make(name_in(number, PAGES)) as made[PAGES]:
            self._published.merge(entries, read, latest if usable else None, made[PAGES])
        with self._published.make(name_in(number, CHANGES)) as made[CHANGES]:
            for change in changes(entries, before):
                counts[change.kind] += 1
                made[CHANGES].write(encoded(change.as_dict()))
                if change.kind == DELETED:
                    deleted.append({"id": change.id, "title": change.title, "url": change.url})
        with self._published.make(name_in(number, INDEX)) as made[INDEX]:
            self._published.write_index(entries, entries, made[INDEX])
        manifest = {
            "number": number,
            "made_by": key,
            "content": self._spec.content,
            "pages": len(entries),
            "changes": counts,
            "deleted": deleted,
            "files": [
                self._folder.describe_file(name_in(number, name), JSON_LINES, made[name].size, made[name].sha256)
                for name in (PAGES, CHANGES)
            ],
        }
        self._published.write_manifest(manifest)
        return manifest

    def _tidy(self, number: int, work: str, before: Mapping[str, Entry], entries: Mapping[str, Entry]) -> None:
        """Remove what nothing refers to any more; an export that is killed here has a little too much, and no harm done."""
        self._folder.remove(work)
        self._published.tidy(number, self._spec.keep)
        used = {name for entry in entries.values() for name in entry.files}
        for entry in before.values():
            for name in entry.files:
                if name not in used:
                    self._folder.remove(name)

    def _can_be_built_upon(self, latest: Mapping[str, Any], before: Mapping[str, Entry]) -> bool:
        if latest["content"] != self._spec.content:
            log.info("what is exported has changed since the export before: everything is read anew")
            return False
        if len(before) != latest["pages"] or not self._published.has_lines(latest):
            log.warning("files of the export before are gone, such as by a rule that deletes old ones: all is read anew")
            return False
        return True

    def _with_their_files(self, before: Mapping[str, Entry]) -> Mapping[str, Entry]:
        """Those pages whose files are all there, for the same reason."""
        if self._spec.attachments != "files":
            return before
        there = self._folder.all_names(FILES)
        whole = {page_id: entry for page_id, entry in before.items() if there.issuperset(entry.files)}
        if len(whole) < len(before):
            log.warning("files of %d pages are gone from the export, and come anew", len(before) - len(whole))
        return whole

    def _refuse_other_scope(self, latest: Mapping[str, Any] | None) -> None:
        if latest is not None and latest["content"].get("scope") != self._spec.content["scope"]:
            other = ", ".join(f"{kind} {value}" for kind, value in latest["content"].get("scope", {}).items())
            raise Invalid(
                f"the folder has an export of another scope: {other}",
                advice="give each scope a folder of its own",
            )

    def _refuse_empty(self, listing: Mapping[str, Listed]) -> None:
        if not listing:
            raise Invalid(
                f"there is no page in {self._spec.scope}, or none that the connection's account may see",
                advice="check it, and the account's permission to view; an export is not made empty",
            )


def changes(entries: Mapping[str, Entry], known: Mapping[str, Entry]) -> Iterator[Change]:
    """What has changed between two exports, in the order of ids.

    :param entries: what is known of the pages now
    :param known: and at the export before
    """
    for page_id in sorted({*entries, *known}, key=in_order):
        now, before = entries.get(page_id), known.get(page_id)
        if now is None:
            assert before is not None  # noqa: S101 - it is in one of the two
            yield Change(page_id, before.title, before.url, DELETED, (), before.version, before.version)
        elif before is None:
            yield Change(page_id, now.title, now.url, NEW, (), now.version)
        elif what := now.marks.changed_since(before.marks):
            yield Change(page_id, now.title, now.url, CHANGED, tuple(what), now.version, before.version)


def _with_listing(entry: Entry, listed: Listed) -> Entry:
    return entry if entry.marks == listed.marks else replace(entry, listed=listed.marks)


def _unchanged(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of the latest export, as it is to a run that found nothing to do."""
    return {**manifest, "changes": dict.fromkeys((NEW, CHANGED, DELETED), 0), "deleted": []}


class _Progress:
    """Tells the log how far the reading is, now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = self._told = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES or done == self._total:
            self._told = now
            log.info("%d of %d pages read in %.0f s", done, self._total, now - self._begun)
