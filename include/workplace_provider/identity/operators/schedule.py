"""When the syncs of a folder of definitions run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronTriggerTimetable

from workplace_provider.common.yaml_description import read_yaml
from workplace_provider.identity.definition import DefinitionError

WITH_SNAPSHOT = "snapshot"
Schedule = CronTriggerTimetable | list[Asset]


@dataclass(frozen=True, slots=True)
class SyncFile:
    """A definition in a folder.

    :param name: of the file
    :param key: of the sync: the file's name without extension
    :param schedule: its own schedule; ``None`` when it follows the snapshot of the directory
    """

    name: str
    key: str
    schedule: Schedule | None


def sync_files(folder: Path) -> Iterator[SyncFile]:
    """The definitions of a folder, told while DAGs are read: from small files, and without failing.

    A file that cannot be read follows the snapshot: its sync then fails and says why, and no other does.
    """
    for path in sorted(folder.glob("*.yaml")):
        try:
            plain = read_yaml(path, DefinitionError)
            own = schedule_of(plain, path.name) if isinstance(plain, Mapping) else None
        except DefinitionError:
            own = None
        yield SyncFile(path.name, path.stem, own)


def sync_keys(folder: Path) -> set[str]:
    """Return the keys of the syncs that a folder has definitions of; those of files that cannot be read by their names."""
    keys: set[str] = set()
    for path in folder.glob("*.yaml"):
        try:
            plain = read_yaml(path, DefinitionError)
        except DefinitionError:
            plain = None
        keys.add(str(plain.get("key") or path.stem) if isinstance(plain, Mapping) else path.stem)
    return keys


def schedule_of(plain: Mapping[str, Any], where: str) -> Schedule | None:
    """The schedule of a definition.

    :param plain: has ``schedule``: ``snapshot``, a cron expression, or ``{asset: NAME}``; and the expression's ``timezone``
    :param where: what the definition is called in messages
    :return: ``None`` for with the snapshot
    :raises DefinitionError: it is none of them
    """
    from croniter import croniter

    given = plain.get("schedule") or WITH_SNAPSHOT
    if given == WITH_SNAPSHOT:
        return None
    if isinstance(given, Mapping) and list(given) == ["asset"] and isinstance(given["asset"], str):
        if not given["asset"].isascii():
            raise DefinitionError(f"{where}: schedule.asset is {given['asset']!r}; Airflow's assets have names in ASCII")
        return [Asset(given["asset"])]
    if not isinstance(given, str) or not croniter.is_valid(given):
        raise DefinitionError(
            f"{where}: schedule is {given!r}; it must be snapshot, a cron expression such as '0 7 * * MON-FRI', or "
            "{asset: NAME}"
        )
    zone = str(plain.get("timezone") or "UTC")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise DefinitionError(f"{where}: timezone is {zone!r}; it must be one such as Asia/Seoul") from None
    return CronTriggerTimetable(given, timezone=zone)
