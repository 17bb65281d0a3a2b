"""Schedules that files describe: a cron expression in a time zone, and assets."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowTimetableInvalid


def check_zone(zone: str) -> None:
    """Raise an error for an unknown time zone.

    :raises ValueError: with the value and an example
    """
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timezone is {zone!r}; it must be a name such as Asia/Seoul") from None


def cron_timetable(cron: str, zone: str) -> CronTriggerTimetable:
    """Return the timetable of a cron expression, checked: Airflow finds a wrong one only when it stores the DAG.

    :raises ValueError: the expression is invalid; with the value and an example
    """
    timetable = CronTriggerTimetable(cron, timezone=zone)
    try:
        timetable.validate()
    except AirflowTimetableInvalid as error:
        raise ValueError(f"schedule is {cron!r}; it must be a cron expression such as '0 9 * * THU': {error}") from None
    return timetable


def named_asset(name: str, key: str) -> Asset:
    """Return the asset with a name; Airflow only allows ASCII: airflow.sdk.definitions.asset.

    :param key: key of the name in the file
    :raises ValueError: the name has other letters
    """
    if not name.isascii():
        raise ValueError(f"{key} is {name!r}; names of Airflow assets must be ASCII")
    return Asset(name)
