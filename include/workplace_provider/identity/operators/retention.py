"""Retention of sync files, which contain names and addresses of people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workplace_provider.common.artifact_store import ArtifactStore

DEFAULT_DAYS: Final = 90
# The operators of this package write RUN/TASK/FILE below a DAG's folder; mapped tasks RUN/TASK/INDEX/FILE.
_FILES: Final = re.compile(r"directory\.jsonl|plan\.jsonl|journal-[0-9a-f]{12}\.jsonl")
_JOURNAL_FOLDER: Final = re.compile(r"journal-[0-9a-f]{12}")
log = get_logger(__name__)


def retention() -> timedelta | None:
    """Return how long sync files are kept, by ``[workplace] identity_retention_days``; ``None`` for forever.

    :raises ValueError: the setting is not a number of days
    """
    from airflow.configuration import conf

    text = str(conf.get("workplace", "identity_retention_days", fallback="") or DEFAULT_DAYS).strip()
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError(
            f"[workplace] identity_retention_days is {text!r}; it must be a whole number of days, or 0 to keep all files"
        )
    return timedelta(days=int(text)) or None


def remove_old_files(store: ArtifactStore, context: Mapping[str, Any], *, now: datetime | None = None) -> int:
    """Remove directories, plans, reports and journals of earlier runs of the DAG after the retention time.

    Files of other operators are kept. An error of the store is logged and does not fail the sync::

        remove_old_files(ArtifactStore(), context)

    :param store: store of the operator's files
    :param context: the task's context
    :return: number of removed files
    :raises ValueError: the setting is not a number of days
    """
    age = retention()
    if age is None:
        return 0
    folder = store.dag_folder(context)
    path = store.path(folder)
    try:
        removed = _remove(path, (now or datetime.now(UTC)) - age)
    except Exception as error:  # every object store library has its own errors
        log.warning("Old sync files below %s could not be removed: %s", folder, error)
        return 0
    if removed:
        log.info("%d sync files were older than %d days and were removed", removed, age.days)
    return removed


def _remove(folder: Any, before: datetime) -> int:
    filesystem = folder.fs
    filesystem.invalidate_cache()
    if not filesystem.exists(folder.path):
        return 0
    removed = 0
    for paths in _by_task(str(file) for file in filesystem.find(folder.path)):
        with suppress(FileNotFoundError):  # another task may remove the same files
            # All files of a task are removed together, because a report is recognized by the plan beside it.
            if max(_aware(filesystem.modified(path)) for path in paths) < before:
                for path in paths:
                    filesystem.rm_file(path)
                    removed += 1
                if folder.protocol in ("", "file", "local"):
                    _remove_empty(Path(paths[0]).parent, Path(folder.path))
    return removed


def _by_task(files: Iterable[str]) -> Iterable[list[str]]:
    """Yield the files of syncs, grouped by task."""
    tasks: dict[str, list[str]] = defaultdict(list)
    reports: dict[str, list[str]] = defaultdict(list)
    for path in files:
        folder, _, name = path.rpartition("/")
        above, _, folder_name = folder.rpartition("/")
        if _JOURNAL_FOLDER.fullmatch(folder_name) and name.endswith(".json"):
            tasks[above].append(path)
        elif _FILES.fullmatch(name):
            tasks[folder].append(path)
        elif name.endswith(".html"):
            reports[folder].append(path)
    for folder, paths in tasks.items():
        # Other operators also write HTML. The plan is removed last, so that an interrupted removal can be continued.

        with_plan = f"{folder}/plan.jsonl" in paths
        yield [*(reports[folder] if with_plan else ()), *sorted(paths, key=lambda path: path.endswith("/plan.jsonl"))]


def _remove_empty(folder: Path, above: Path) -> None:
    while above in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
