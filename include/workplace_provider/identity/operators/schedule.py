"""The schedules of the syncs in a folder of definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, CronTriggerTimetable, get_parsing_context

from workplace_provider.common.schedules import check_zone, cron_timetable, named_asset
from workplace_provider.common.yaml_description import read_yaml
from workplace_provider.identity.definition import DefinitionError

WITH_SNAPSHOT = "snapshot"
Schedule = CronTriggerTimetable | list[Asset]


@dataclass(frozen=True, slots=True)
class SyncFile:
    """A definition in a folder.

    :param name: the file's name
    :param key: the sync's key: the file's name without extension
    :param schedule: its own schedule; ``None`` for the schedule of the directory snapshot
    :param conn_ids: the connections of its target that a run may choose
    :param has_source: whether the people come from another source than the workspace of the DAG
    :param channels: the channels of its scope and its rules, which the directory snapshot has to read
    """

    name: str
    key: str
    schedule: Schedule | None
    channels: tuple[str, ...] = ()
    has_source: bool = False
    conn_ids: tuple[str, ...] = ()


def sync_files(folder: Path, *, dag_prefix: str = "") -> Iterator[SyncFile]:
    """Yield the definitions of a folder, for DAGs that are built from them. Reads small files and never fails.

    A file that cannot be read gets the schedule of the snapshot. Its sync then fails with the error, and the others run::

        for file in sync_files(Path("include/identity")):
            SlackUserSyncOperator(task_id=file.key, target=file.name, folder="include/identity")

    :param dag_prefix: prefix of the DAGs with a schedule of their own, whose ids end with the key. For a task of such a DAG,
        only its file is read and yielded; if there is no such file, all are
    """
    own = _own_file(folder, dag_prefix) if dag_prefix else None
    if own is not None:
        yield own
        return
    for path in sorted(folder.glob("*.yaml")):
        yield _sync_file(path)


def _own_file(folder: Path, dag_prefix: str) -> SyncFile | None:
    """Return the definition of the DAG whose task imports the file; ``None`` in the DAG processor and for other DAGs."""
    dag_id = get_parsing_context().dag_id or ""
    path = folder / f"{dag_id.removeprefix(dag_prefix)}.yaml"
    if not dag_id.startswith(dag_prefix) or not path.is_file():
        return None
    file = _sync_file(path)
    return file if file.schedule is not None else None


def _sync_file(path: Path) -> SyncFile:
    try:
        plain = read_yaml(path, DefinitionError)
        schedule = schedule_of(plain, path.name) if isinstance(plain, Mapping) else None
    except DefinitionError:
        return SyncFile(path.name, path.stem, None)
    has_source = isinstance(plain, Mapping) and plain.get("source") is not None
    return SyncFile(path.name, path.stem, schedule, _channels(plain), has_source, _conn_ids(plain))


def _conn_ids(plain: Any) -> tuple[str, ...]:
    """Return the connections that a run may choose; the sync itself reports invalid ones."""
    target = plain.get("target") if isinstance(plain, Mapping) else None
    conn_ids = target.get("conn_ids") if isinstance(target, Mapping) else None
    if not isinstance(target, Mapping) or not isinstance(conn_ids, list):
        return ()
    return tuple(dict.fromkeys(name for name in (target.get("conn_id"), *conn_ids) if isinstance(name, str)))


def _channels(plain: Any) -> tuple[str, ...]:
    """Return the channels of the scope and of rules; the sync itself reports invalid ones."""
    if not isinstance(plain, Mapping) or plain.get("source") is not None:
        return ()
    return tuple(
        dict.fromkeys(channel for key in ("scope", "groups", "mapping") for channel in _channels_in(plain.get(key)))
    )


def _channels_in(plain: Any) -> Iterator[str]:
    """Yield the channels at any depth of a part of a definition."""
    for key, value in plain.items() if isinstance(plain, Mapping) else ():
        if key == "channels" and isinstance(value, list):
            yield from (channel for channel in value if isinstance(channel, str))
        else:
            yield from _channels_in(value)


def sync_keys(folder: Path) -> set[str]:
    """Return the keys of all syncs with a definition in a folder; for unreadable files, their names without extension."""
    keys: set[str] = set()
    for path in folder.glob("*.yaml"):
        try:
            plain = read_yaml(path, DefinitionError)
        except DefinitionError:
            plain = None
        keys.add(str(plain.get("key") or path.stem) if isinstance(plain, Mapping) else path.stem)
    return keys


def schedule_of(plain: Mapping[str, Any], where: str) -> Schedule | None:
    """Return the schedule of a definition; ``None`` for the schedule of the snapshot.

    :param plain: has ``schedule``: ``snapshot``, a cron expression, or ``{asset: NAME}``; and ``timezone`` for a cron
        expression
    :param where: name of the definition in messages
    :raises DefinitionError: the schedule is invalid
    """
    schedule = plain.get("schedule") or WITH_SNAPSHOT
    if schedule == WITH_SNAPSHOT:
        return None
    if isinstance(schedule, Mapping) and list(schedule) == ["asset"] and isinstance(schedule["asset"], str):
        try:
            return [named_asset(schedule["asset"], "schedule.asset")]
        except ValueError as error:
            raise DefinitionError(f"{where}: {error}") from None
    if not isinstance(schedule, str):
        raise _invalid(schedule, where)
    zone = str(plain.get("timezone") or "UTC")
    try:
        check_zone(zone)
    except ValueError as error:
        raise DefinitionError(f"{where}: {error}") from None
    try:
        return cron_timetable(schedule, zone)
    except ValueError:
        raise _invalid(schedule, where) from None


def _invalid(schedule: Any, where: str) -> DefinitionError:
    return DefinitionError(
        f"{where}: schedule is {schedule!r}; it must be snapshot, a cron expression such as '0 7 * * MON-FRI', or "
        "{asset: NAME}"
    )
