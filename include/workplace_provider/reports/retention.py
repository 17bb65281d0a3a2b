"""Retention of artifacts: files of old runs, and manifests of old periods, are removed from the artifact store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.artifact_store import ArtifactStore, changed_at, folder_name, folders_in
from workplace_provider.common.dag_files import resolve_in_task
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.reading import STATE_FOLDER, ReportError, parse_retention, read_definition

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

NEWEST_KEPT: Final = 2
"""Manifests of a report that are never removed: the next period compares with the last one, which may be republished."""

# Airflow's run types begin the ids of runs. Other folders beside those of runs, such as the state of account syncs and
# exports of wikis, are not touched, nor are runs whose id a person has chosen freely.
_RUN: Final = re.compile(r"(scheduled|manual|backfill|operator_triggered|asset_triggered|asset_materialization)__.+")
_PERIOD: Final = re.compile(r"\d{4}(-(\d\d(-\d\d)?|W\d\d|Q[1-4]))?")
# RUN/TASK/FILE or RUN/TASK/INDEX/FILE, and folders in a task's folder.
_LEAST_DEPTH: Final = 2

log = get_logger("workplace_provider.reports")


class RetentionResult(TypedDict):
    """The output of :class:`ArtifactRetentionOperator`."""

    runs: int
    periods: int
    files: int
    bytes: int


class ArtifactRetentionOperator(WorkplaceOperator):
    """Remove the files of old runs from the artifact store. Pages and messages are not touched.

    Runs of reports are kept as long as their definition states (``retention: 400d``), those of other DAGs as long as the
    setting ``[workplace] artifacts_retention`` does. Without both, everything is kept, and the task is skipped.

    ::

        ArtifactRetentionOperator(task_id="remove", folder="include/reports")

    :param folder: folder of the definitions of reports
    :param dry_run: log what would be removed, and remove nothing
    """

    argument_defaults = {"multiple_outputs": True}  # noqa: RUF012 - as the base class declares it

    folder: Field[str] = text(default="include/reports")
    is_dry_run: Field[bool] = boolean(default=False, alias="dry_run")

    def execute(self, context: Context) -> RetentionResult:
        """Remove the files.

        :return: numbers of runs, periods of reports, files and bytes
        :raises AirflowSkipException: no retention is set
        """
        with fail_on_permanent_error("the artifact store"):
            self.parse_fields()
            default = configured_retention()
            reports = report_retentions(resolve_in_task(self.folder))
        if default is None and not any(reports.values()):
            raise AirflowSkipException("no retention is set: neither [workplace] artifacts_retention nor in a report")
        now = min(context["dag_run"].run_after, datetime.now(UTC))
        result = Retention(ArtifactStore(), default, reports, now, is_dry_run=self.is_dry_run).remove()
        self.log.info(
            "%s: %d files (%d bytes) of %d runs and %d periods",
            "dry run, nothing was removed" if self.is_dry_run else "removed",
            result["files"],
            result["bytes"],
            result["runs"],
            result["periods"],
        )
        return result


def configured_retention() -> timedelta | None:
    """Return how long artifacts are kept, by ``[workplace] artifacts_retention``; ``None`` for forever.

    :raises ValueError: the setting is no duration
    """
    from airflow.configuration import conf

    value = str(conf.get("workplace", "artifacts_retention", fallback="") or "").strip()
    try:
        return parse_retention(value) if value else None
    except ValueError as error:
        raise ValueError(f"[workplace] artifacts_retention: {error}") from None


def report_retentions(folder: Path) -> dict[str, timedelta | None]:
    """Return how long the artifacts of reports are kept, by their present and earlier ids; ``None`` for forever.

    Reports without a retention of their own are not in it. What a broken definition states is not known: all is kept.
    """
    ages: dict[str, timedelta | None] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            definition = read_definition(path)
        except ReportError as error:
            log.warning("the artifacts of %s are kept: %s", path.stem, error)
            ages[path.stem] = None
            continue
        if definition.retention:
            ages |= dict.fromkeys([definition.id, *definition.formerly], parse_retention(definition.retention))
    return ages


@dataclass
class Retention:
    """Removes old files from a store, folder by folder, so that only one run's files are in memory.

    :param default: age for runs of all DAGs but those in ``reports``; ``None`` keeps them
    :param reports: age for each report, by its id
    """

    store: ArtifactStore
    default: timedelta | None
    reports: Mapping[str, timedelta | None]
    now: datetime
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        self._root: ObjectStoragePath = self.store.path(self.store.base)
        self._fs = self._root.fs
        self._is_local = self._root.protocol in ("", "file", "local")
        self._counts: RetentionResult = {"runs": 0, "periods": 0, "files": 0, "bytes": 0}

    def remove(self) -> RetentionResult:
        """Remove what is too old."""
        self._fs.invalidate_cache()
        of_dags = {folder_name(report): age for report, age in self.reports.items()}
        for dag in self._folders(self._root.path):
            age = of_dags.get(_name(dag), self.default)
            if _name(dag) == STATE_FOLDER or age is None:
                continue
            for run in self._folders(dag):
                if _RUN.fullmatch(_name(run)):
                    self._counts["runs"] += self._remove(run, age, least_depth=_LEAST_DEPTH)
        for report in self._folders(f"{self._root.path.rstrip('/')}/{STATE_FOLDER}"):
            age = self.reports.get(_name(report), self.default)
            if age is not None:
                periods = sorted(folder for folder in self._folders(report) if _PERIOD.fullmatch(_name(folder)))
                for period in periods[:-NEWEST_KEPT]:
                    self._counts["periods"] += self._remove(period, age, least_depth=1)
        return self._counts

    def _folders(self, path: str) -> list[str]:
        return folders_in(self._fs, path)

    def _remove(self, folder: str, age: timedelta, *, least_depth: int) -> bool:
        """Remove the files of a folder if the newest of them is too old; return whether that is so."""
        files = dict(self._files(folder))
        depths = [path.removeprefix(folder).count("/") for path in files]
        if not files or min(depths) < least_depth:
            return False
        moments = [changed_at(entry) or self._fs.modified(path) for path, entry in files.items()]
        if max(moments) > self.now - age:
            return False
        log.info("%s%s: %d files", "dry run, would remove " if self.is_dry_run else "", folder, len(files))
        for path, entry in files.items():
            if not self.is_dry_run:
                with suppress(FileNotFoundError):  # an earlier try, or another task, was faster
                    self._fs.rm_file(path)
            self._counts["files"] += 1
            self._counts["bytes"] += int(entry.get("size") or 0)
        if self._is_local and not self.is_dry_run:
            _remove_empty_folders(folder)
        return True

    def _files(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in self._folders(folder):
            yield from self._files(path)
        with suppress(FileNotFoundError):
            for entry in self._fs.ls(folder, detail=True):
                if entry["type"] == "file" and entry["name"].rstrip("/") != folder:
                    yield entry["name"], entry


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _remove_empty_folders(folder: str) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # not empty: another task has just written a file
            Path(path).rmdir()
