"""The calendar of a person: a square for each day, shaded by its share of their best day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workplace_sandbox.model import GithubUser


@dataclass(frozen=True, slots=True)
class Square:
    """A day. ``level`` is its shade, 0 to 4."""

    date: date
    count: int
    level: int

    @property
    def weekday(self) -> int:
        """The row, 0 for Sunday."""
        return self.date.isoweekday() % 7


def squares(contributor: GithubUser, first: date, last: date) -> list[Square]:
    """Return the days from the first to the last."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    counts = [contributor.counts.get(day, 0) for day in days]
    most = max(counts, default=0)
    # In quarters of the best day: a day with one contribution never has the shade of a day without.
    return [Square(day, count, -(-4 * count // most) if count else 0) for day, count in zip(days, counts, strict=True)]


def page_range(today: date) -> tuple[date, date]:
    """Return the first and the last day of the public page: it begins on the Sunday before the same day a year ago."""
    # A year before the 29th of February is the 28th.
    year_ago = today.replace(year=today.year - 1, day=28 if (today.month, today.day) == (2, 29) else today.day)
    return year_ago - timedelta(days=year_ago.isoweekday() % 7), today


def weeks(days: list[Square]) -> list[list[Square]]:
    """Return days in weeks that begin on Sunday; the first and the last may be shorter."""
    result: list[list[Square]] = []
    for day in days:
        if not result or day.weekday == 0:
            result.append([])
        result[-1].append(day)
    return result
