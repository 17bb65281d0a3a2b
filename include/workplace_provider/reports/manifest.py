"""The manifest of a period: the rows and pictures of a report, for the next period to compare with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.changes import MOST_ROWS, plain_text
from workplace_provider.reports.picture_changes import KeptPicture, PictureFolder

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.checks import SourceContent

log = get_logger("workplace_provider.reports")

VERSION: Final = 1
FILE_NAME: Final = "manifest.json"
LARGEST: Final = 64 * 1024 * 1024
"""Most bytes of a manifest that are read."""

_FOLDER: Final = "reports"


class PublishedPage(msgspec.Struct, frozen=True):
    """The page of a period."""

    id: str
    title: str
    url: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, pictures and results of a published report.

    :param version: version of this format
    :param report: id of the report
    :param period: label of the period
    :param run: id of the run that published it
    :param rows: rows of each source, with plain values
    :param pictures: SHA-256 of each source's pictures
    :param kept: the pictures of the sources whose changes are described
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


class ManifestStore:
    """The manifests of a report in the artifact store, one folder for each period.

    :param store: the store
    :param report_id: id of the report
    """

    def __init__(self, store: ArtifactStore, report_id: str) -> None:
        self._store = store
        self._report_id = report_id

    def folder(self, period: str) -> str:
        """Return the folder of a period."""
        return f"{self._store.base}/{_FOLDER}/{self._report_id}/{period}"

    def pictures(self, period: str) -> PictureFolder:
        """Return the pictures beside the manifest of a period."""
        return PictureFolder(self._store, self.folder(period))

    def read(self, period: str) -> Manifest | None:
        """Return the manifest of a period; ``None`` if there is none, or it cannot be used."""
        path: ObjectStoragePath = self._store.path(self.folder(period)) / FILE_NAME
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"it has more than {LARGEST:,} bytes")
            with path.open("rb") as stream:  # type: ignore[no-untyped-call]
                manifest = msgspec.json.decode(stream.read(LARGEST + 1), type=Manifest)
            if manifest.version > VERSION:
                raise ValueError(f"its format has the version {manifest.version}, and this provider knows {VERSION}")
            if (manifest.report, manifest.period) != (self._report_id, period):
                raise ValueError(f"it is of {manifest.report} {manifest.period}")
        except FileNotFoundError:
            return None
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("the manifest of %s %s is not used: %s", self._report_id, period, error)
            return None
        return manifest

    def write(self, manifest: Manifest) -> None:
        """Write a manifest; it replaces that of an earlier run."""
        with self._store.publish(self.folder(manifest.period), FILE_NAME, "application/json") as sink:
            sink.write(json.dumps(msgspec.to_builtins(manifest), ensure_ascii=False).encode())


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
