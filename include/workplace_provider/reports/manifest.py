"""The manifest of a period: the rows and pictures of a report, for the next period to compare with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from workplace_provider.common.artifact_store import folders_in
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.changes import MOST_ROWS, plain_text
from workplace_provider.reports.picture_changes import KeptPicture, PictureFolder
from workplace_provider.reports.reading import STATE_FOLDER

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.checks import SourceContent
    from workplace_provider.reports.definition import ReportDefinition

log = get_logger("workplace_provider.reports")

VERSION: Final = 2
FILE_NAME: Final = "manifest.json"
LARGEST: Final = 64 * 1024 * 1024
"""Most bytes of a manifest that are read."""

Action = Literal["republish", "withdraw"]

_ANNOUNCEMENTS: Final = "announcements"
_MESSAGE: Final = "message.json"


class NewerManifest(ValueError):
    """Error: a manifest was written by a newer version of the provider."""


class PublishedPage(msgspec.Struct, frozen=True):
    """The page of a period.

    :param conn_id: connection that wrote it; empty if that is not recorded
    """

    id: str
    title: str
    url: str
    conn_id: str = ""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A correction of a published report.

    :param by: user name of the person
    :param at: its beginning, as an ISO date and time
    :param is_complete: page, notices and manifest are written
    :param lozenge: text and colour of the page's status before it was withdrawn
    """

    id: str
    action: Action
    by: str
    at: str
    reason: str
    is_complete: bool = False
    lozenge: list[str] = []


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A message about a published report.

    :param run: id of the run that posted it
    """

    task: str
    run: str
    conn_id: str
    channel: str
    ts: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, pictures and results of a published report.

    :param version: version of this format
    :param report: id of the report
    :param period: label of the period
    :param run: id of the run that published it
    :param rows: rows of each source, with plain values
    :param pictures: SHA-256 of each source's pictures
    :param kept: the pictures of the sources whose changes are described
    :param corrections: what was republished and withdrawn since, oldest first
    """

    version: int
    report: str
    period: str
    run: str
    page: PublishedPage
    rows: dict[str, list[dict[str, Any]]] = {}
    pictures: dict[str, list[str]] = {}
    kept: dict[str, list[KeptPicture]] = {}
    checks: list[dict[str, Any]] = []
    changes: list[str] = []
    corrections: list[Correction] = []

    @property
    def withdrawal(self) -> Correction | None:
        """The withdrawal of the report; ``None`` unless it is withdrawn now."""
        last = self.corrections[-1] if self.corrections else None
        if last is None:
            return None
        if last.action == "withdraw":
            return last
        # Until a republication is complete, its page may still have the warning.
        before = self.corrections[-2] if len(self.corrections) > 1 else None
        return before if not last.is_complete and before is not None and before.action == "withdraw" else None


class ManifestStore:
    """The manifests of a report in the artifact store, one folder for each period.

    :param store: the store
    :param report_id: id of the report
    :param formerly: earlier ids of the report, whose periods are read, too
    """

    def __init__(self, store: ArtifactStore, report_id: str, formerly: Sequence[str] = ()) -> None:
        self._store = store
        self._report_id = report_id
        self._ids = (report_id, *formerly)

    def folder(self, period: str, report_id: str = "") -> str:
        """Return the folder of a period."""
        return f"{self._store.base}/{STATE_FOLDER}/{report_id or self._report_id}/{period}"

    def pictures(self, period: str) -> PictureFolder:
        """Return the pictures beside the manifest of a period."""
        return PictureFolder(self._store, self.folder(period))

    def read(self, period: str) -> Manifest | None:
        """Return the manifest of a period; ``None`` if there is none, or it cannot be used.

        :raises NewerManifest: if a newer version of the provider has written it
        """
        return next((manifest for each in self._ids if (manifest := self._read(each, period)) is not None), None)

    def _read(self, report_id: str, period: str) -> Manifest | None:
        path = self._store.path(self.folder(period, report_id)) / FILE_NAME
        try:
            manifest = msgspec.convert(migrated(_load(path)), Manifest)
            if (manifest.report, manifest.period) != (report_id, period):
                raise ValueError(f"it is of {manifest.report} {manifest.period}")
        except FileNotFoundError:
            return None
        except NewerManifest as error:
            raise NewerManifest(f"the manifest of {report_id} {period} cannot be used: {error}") from None
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("the manifest of %s %s is not used: %s", report_id, period, error)
            return None
        return msgspec.structs.replace(manifest, report=self._report_id)

    def write(self, manifest: Manifest) -> None:
        """Write a manifest; it replaces that of an earlier run."""
        with self._store.publish(self.folder(manifest.period), FILE_NAME, "application/json") as sink:
            sink.write(json.dumps(msgspec.to_builtins(manifest), ensure_ascii=False).encode())

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest of a run; the corrections before it stay."""
        before = self.read(manifest.period)
        corrections = before.corrections if before else []
        self.write(msgspec.structs.replace(manifest, corrections=corrections))

    def periods(self) -> list[str]:
        """Return the labels of the published periods, oldest first."""
        return sorted({period for each in self._ids for period in _names_in(self._store.path(self._reports(each)))})

    def record_announcement(self, period: str, announcement: Announcement) -> None:
        """Write which message announces a period; it replaces that of the same task in an earlier run.

        Each task has a folder of its own, because announcements are posted at the same time.
        """
        folder = f"{self.folder(period)}/{_ANNOUNCEMENTS}/{announcement.task}"
        with self._store.publish(folder, _MESSAGE, "application/json") as sink:
            sink.write(msgspec.json.encode(announcement))

    def announcements(self, period: str) -> list[Announcement]:
        """Return the messages that announce a period."""
        found = []
        for report_id in self._ids:
            folder = self._store.path(f"{self.folder(period, report_id)}/{_ANNOUNCEMENTS}")
            for task in _names_in(folder):
                try:
                    found.append(msgspec.convert(_load(folder / task / _MESSAGE), Announcement))
                except (FileNotFoundError, ValueError, msgspec.MsgspecError) as error:
                    log.warning("an announcement of %s %s is not used: %s", report_id, period, error)
        return found

    def _reports(self, report_id: str) -> str:
        return f"{self._store.base}/{STATE_FOLDER}/{report_id}"


def manifests_of(definition: ReportDefinition, store: ArtifactStore) -> ManifestStore:
    """Return the manifests of a report."""
    return ManifestStore(store, definition.id, definition.formerly)


def reports_with_state(store: ArtifactStore) -> list[str]:
    """Return the ids of all reports that have manifests."""
    return sorted(_names_in(store.path(f"{store.base}/{STATE_FOLDER}")))


def migrated(plain: Any) -> Any:
    """Return the content of a manifest in the present format.

    :raises NewerManifest: if its format is newer
    """
    version = plain.get("version") if isinstance(plain, dict) else None
    if not isinstance(version, int):
        raise ValueError("it has no version")
    if version > VERSION:
        raise NewerManifest(
            f"its format has the version {version}, and this provider knows {VERSION}. Update the provider on this worker"
        )
    while version < VERSION:
        plain = _MIGRATIONS[version](plain)
        version = plain["version"]
    return plain


def _without_corrections(plain: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no corrections, and did not know the connection of the page. Both have defaults."""
    return {**plain, "version": 2}


_MIGRATIONS: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {1: _without_corrections}
"""For each older version, the function that makes the next one of it. Manifests are migrated when they are read."""


def _load(path: ObjectStoragePath) -> Any:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    with path.open("rb") as stream:  # type: ignore[no-untyped-call]
        return msgspec.json.decode(stream.read(LARGEST + 1))


def plain_rows(content: SourceContent) -> list[dict[str, Any]]:
    """Return the rows of a source with the values that JSON has, at most as many as can be compared."""
    return [{column: _plain_value(value) for column, value in row.items()} for row in list(content.rows or ())[:MOST_ROWS]]


def picture_digests(contents: Mapping[str, SourceContent]) -> dict[str, list[str]]:
    """Return the SHA-256 of the pictures of each source."""
    digests = {name: [file.sha256 for file in content.pictures if file.sha256] for name, content in contents.items()}
    return {name: listed for name, listed in digests.items() if listed}


def _plain_value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    return plain_text(value) if isinstance(value, Mapping) else str(value)


def compared_rows(manifest: Manifest | None) -> dict[str, Sequence[Mapping[str, Any]]] | None:
    """Return the rows of a manifest for comparisons; ``None`` without a manifest."""
    return None if manifest is None else dict(manifest.rows)


def _names_in(folder: ObjectStoragePath) -> list[str]:
    """Return the names of the folders in a folder, as they are now."""
    folder.fs.invalidate_cache()
    return [path.rpartition("/")[2] for path in folders_in(folder.fs, folder.path)]
