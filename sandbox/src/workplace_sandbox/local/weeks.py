"""The three weeks of the demonstration, and their dates in Airflow.

The sandbox shares no code with the provider, so this computes the Thursdays in Seoul a second time; a mistake in either
shows as a page with an unexpected title.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Seoul")
THURSDAY = 3  # as date.weekday() counts
WEEK = timedelta(weeks=1)
DUE = time(9)  # as in the DAG's schedule


def week_of(moment: datetime) -> date:
    """Return the Thursday in Seoul that a run for this moment reports on: that day's own, else the latest before."""
    day = moment.astimezone(ZONE).date()
    return day - timedelta(days=(day.weekday() - THURSDAY) % 7)


def due(week: date) -> datetime:
    """Return when the schedule makes the run of that Thursday: nine in the morning in Seoul."""
    return datetime.combine(week, DUE, ZONE)


def backfill_range(first: date, last: date) -> tuple[str, str]:
    """Return --from-date and --to-date for the weekly runs of these Thursdays, both included.

    A date alone means its midnight in Airflow, and a Thursday's run is at nine: `--to-date` with the Thursday itself
    leaves that run out. So both ends are moments, midnight before the first and midnight after the last, in Seoul.
    """
    midnight = datetime.min.time()
    ends = (datetime.combine(first, midnight, ZONE), datetime.combine(last + timedelta(days=1), midnight, ZONE))
    return ends[0].isoformat(), ends[1].isoformat()


def title_begins(week: date) -> str:
    """Return the beginning of the title of that week's report."""
    return f"{week:%Y%m%d}_"
