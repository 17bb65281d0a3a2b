"""Streaks: how many days in a row somebody has contributed.

The rules:

* "Today" is the day it is where the person is, not where GitHub's servers or the workers are.
* A day counts when it has at least one contribution. A streak is a run of such days without a gap.
* A day is not over before it ends: today without contributions does not break the streak that ended yesterday.
* GitHub's calendar may end a day early or a day late. Where it has no square for today yet, the count of today is unknown,
  and the streak is that up to yesterday. A square of tomorrow is left out: that day has not begun for the person.
* A calendar begins somewhere. A streak that reaches its first day may be longer, so it is told as "at least".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from workplace_provider.github.contributions.record import ContributionDay, Contributions


@dataclass(frozen=True, slots=True)
class Streak:
    """A run of days with contributions.

    :param days: how many
    :param at_least: it reaches the first day of the calendar, so that it may be longer
    """

    days: int = 0
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least ' if self.at_least else ''}{self.days:,} day{'' if self.days == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands on a day.

    :param current: the streak that goes on: it ended today, or yesterday when there is nothing of today yet
    :param longest: the longest of the calendar
    :param today: contributions of today; ``None`` when the calendar has no square for it yet
    :param last_day: the last day with contributions; ``None`` when there is none
    """

    current: Streak
    longest: Streak
    today: int | None
    last_day: date | None


def standing(record: Contributions, today: date) -> Standing:
    """How somebody stands on a day, by the rules of this module.

    :param record: the calendar
    :param today: the day it is where the person is
    :raises ValueError: the calendar does not reach from today or before up to yesterday at least
    """
    days = record.until(today)
    yesterday = today - timedelta(days=1)
    if not days or days[-1].date < yesterday:
        raise ValueError(
            f"the calendar of {record.login} is from {record.days[0].date} to {record.days[-1].date}; "
            f"it says nothing of {today}"
        )
    streaks = list(_streaks(days))
    ended, current = streaks[-1] if streaks else (None, Streak())
    return Standing(
        current=current if ended in (today, yesterday) else Streak(),
        longest=max((streak for _, streak in streaks), key=lambda streak: (streak.days, streak.at_least), default=Streak()),
        today=days[-1].count if days[-1].date == today else None,
        last_day=ended,
    )


def day_in(zone: str, moment: datetime) -> date:
    """The day it is in a time zone.

    :param zone: name of the IANA database, such as ``Asia/Seoul``
    :param moment: an aware time
    :raises ValueError: there is no such zone
    """
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except (KeyError, ValueError, OSError):
        raise ValueError(f"the time zone is {zone!r}; it must be one such as Asia/Seoul") from None


def _streaks(days: Sequence[ContributionDay]) -> Iterator[tuple[date, Streak]]:
    """Every streak with its last day, in their order."""
    length = 0
    for index, day in enumerate(days):
        length = length + 1 if day.count else 0
        goes_on = index + 1 < len(days) and days[index + 1].count
        if length and not goes_on:
            yield day.date, Streak(length, at_least=length == index + 1)
