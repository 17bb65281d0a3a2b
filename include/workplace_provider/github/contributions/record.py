"""The days of a person's contribution calendar, and what must hold between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

LEVELS: Final = 5
"""How many shades the calendar has, the one for nothing included."""


@dataclass(frozen=True, slots=True)
class ContributionDay:
    """A day of the calendar.

    :param date: the day, as GitHub counts it
    :param count: how many contributions
    :param level: the shade of its square, 0 to 4; relative to the person's other days, so it tells no number
    """

    date: date
    count: int
    level: int


@dataclass(frozen=True, slots=True)
class Contributions:
    """A person's calendar of about a year.

    :param login: the person's user name
    :param days: every day from the first to the last, in this order
    :param total: how many contributions GitHub says there are
    :param source: where it was read: ``page`` or ``graphql``
    :param url: the person's profile, for people
    """

    login: str
    days: tuple[ContributionDay, ...]
    total: int
    source: str
    url: str

    def until(self, today: date) -> tuple[ContributionDay, ...]:
        """The days up to a day, that one included: the calendar may have a day more, where the person's has not begun."""
        return tuple(day for day in self.days if day.date <= today)


def contradiction(
    days: Sequence[ContributionDay], total: int, span: tuple[date, date] | None = None
) -> tuple[str, str] | None:
    """What does not fit together in a calendar; of a page that was misread hardly anything does.

    :param days: in the order of their dates
    :param total: the sum that GitHub tells
    :param span: first and last day that GitHub tells, where it does
    :return: what was expected, and what was found; ``None`` when all of it fits
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
    found = sum(day.count for day in days)
    return None if found == total else (f"{total} contributions in all", f"{found}")
