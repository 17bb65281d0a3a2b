"""The contribution calendar of a person, and the check of its consistency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

LEVELS: Final = 5
"""Number of colour levels of the calendar, including the one for no contributions."""


@dataclass(frozen=True, slots=True)
class ContributionDay:
    """A day of the calendar.

    :param date: the day, by GitHub's count
    :param count: number of contributions
    :param level: colour level of the square, 0 to 4, relative to the person's other days
    """

    date: date
    count: int
    level: int


@dataclass(frozen=True, slots=True)
class Contributions:
    """A person's calendar of about a year.

    :param login: user name
    :param days: all days from the first to the last, in order
    :param total: number of contributions, as reported by GitHub
    :param source: source of the calendar: ``page`` or ``graphql``
    :param url: URL of the person's profile
    """

    login: str
    days: tuple[ContributionDay, ...]
    total: int
    source: str
    url: str

    def until(self, today: date) -> tuple[ContributionDay, ...]:
        """Return the days up to and including a day. The calendar may have one day more, in the person's future."""
        return tuple(day for day in self.days if day.date <= today)


def contradiction(
    days: Sequence[ContributionDay], total: int, span: tuple[date, date] | None = None
) -> tuple[str, str] | None:
    """Return the first inconsistency of a calendar. A page that was misread is hardly ever consistent.

    :param days: days in the order of their dates
    :param total: number of contributions, as reported by GitHub
    :param span: first and last day, if GitHub reports them
    :return: the expected and the actual value; ``None`` if the calendar is consistent
    """
    if not days:
        return "at least one day", "none"
    for before, after in pairwise(days):
        if after.date != before.date + timedelta(days=1):
            return f"{before.date + timedelta(days=1)} after {before.date}", str(after.date)
    if span is not None and (days[0].date, days[-1].date) != span:
        length = (span[1] - span[0]).days + 1
        return f"{length} days from {span[0]} to {span[1]}", f"{len(days)} from {days[0].date} to {days[-1].date}"
    for day in days:
        if (day.level == 0) != (day.count == 0) or not 0 <= day.level < LEVELS:
            return f"level 0 for days without contributions, 1 to {LEVELS - 1} for others", f"{day.level} for {day.count}"
    count = sum(day.count for day in days)
    return None if count == total else (f"{total} contributions in all", f"{count}")
