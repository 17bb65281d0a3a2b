"""Streaks: the number of consecutive days with contributions.

The rules:

* "Today" is the date in the person's time zone, not that of GitHub's servers or the workers.
* A day counts if it has at least one contribution. A streak is a run of such days without a gap.
* Today without contributions does not break a streak that ended yesterday, since the day is not over.
* GitHub's calendar may end a day early or a day late. If it has no entry for today yet, today's count is unknown and the
  streak is that up to yesterday. An entry for tomorrow is ignored: that day has not begun for the person.
* A streak that reaches the first day of the calendar may be longer, so it is shown as "at least".
* With a start date, only the days from it on count, so a streak that reaches it is exact.
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

    :param days: number of days
    :param at_least: the run reaches the first day of the calendar, so it may be longer
    """

    days: int = 0
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least ' if self.at_least else ''}{self.days:,} day{'' if self.days == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class ContributionStreak:
    """The streaks of a person on a day.

    :param current: current streak, up to today, or up to yesterday if there are no contributions today
    :param longest: longest streak of the calendar
    :param today: number of today's contributions; ``None`` if the calendar has no entry for today yet
    :param last_day: last day with contributions; ``None`` if there is none
    :param first_day: start date, or the first day of the calendar
    :param active_days: number of days with contributions
    :param missed_days: number of days without contributions, except today, which is not over
    """

    current: Streak
    longest: Streak
    today: int | None
    last_day: date | None
    first_day: date
    active_days: int
    missed_days: int


def contribution_streak(record: Contributions, today: date, since: date | None = None) -> ContributionStreak:
    """Return the streaks of a person by the rules of this module.

    :param record: calendar of the person
    :param today: today's date in the person's time zone
    :param since: start date; by default all days of the calendar count
    :raises ValueError: the calendar does not include yesterday or the start date, or the start date is in the future
    """
    days = record.until(today)
    yesterday = today - timedelta(days=1)
    if not days or days[-1].date < yesterday:
        raise ValueError(
            f"the calendar of {record.login} is from {record.days[0].date} to {record.days[-1].date} "
            f"and does not include {today}"
        )
    if since is not None:
        if since > today:
            raise ValueError(f"the start date {since} is after {today}")
        if days[0].date > since:
            raise ValueError(
                f"the calendar of {record.login} begins on {days[0].date}, after the start date {since}; "
                "use a connection with a token, which reads earlier years too"
            )
        days = tuple(day for day in days if day.date >= since)
    streaks = list(_streaks(days, is_exact=since is not None))
    active = sum(1 for day in days if day.count)
    ended, current = streaks[-1] if streaks else (None, Streak())
    return ContributionStreak(
        current=current if ended in (today, yesterday) else Streak(),
        longest=max((streak for _, streak in streaks), key=lambda streak: (streak.days, streak.at_least), default=Streak()),
        today=days[-1].count if days and days[-1].date == today else None,
        last_day=ended,
        first_day=since or days[0].date,
        active_days=active,
        missed_days=sum(1 for day in days if not day.count and day.date != today),
    )


def day_in(zone: str, moment: datetime) -> date:
    """Return the date in a time zone.

    :param zone: name in the IANA database, such as ``Asia/Seoul``
    :param moment: aware time
    :raises ValueError: the zone does not exist
    """
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {zone!r}; use a name such as Asia/Seoul") from None


def _streaks(days: Sequence[ContributionDay], *, is_exact: bool) -> Iterator[tuple[date, Streak]]:
    """Yield each streak with its last day, in order.

    :param is_exact: no streak can have started before the first day
    """
    length = 0
    for index, day in enumerate(days):
        length = length + 1 if day.count else 0
        continues = index + 1 < len(days) and days[index + 1].count
        if length and not continues:
            yield day.date, Streak(length, at_least=length == index + 1 and not is_exact)
