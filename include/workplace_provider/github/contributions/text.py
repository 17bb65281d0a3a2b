"""A streak as a sentence, and a calendar as text, for Slack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.common.mrkdwn import escape_code, linked
from workplace_provider.github.contributions.grid import WEEKDAYS, month_labels, weeks_of

if TYPE_CHECKING:
    from workplace_provider.github.contributions.record import ContributionDay, Contributions
    from workplace_provider.github.contributions.streak import ContributionStreak

# All squares are from one block of Unicode, since fonts give them the same width. A mix of shades and blocks has two widths
# on Korean and Japanese machines.
SQUARES: Final = "□▤▦▩■"
MARGIN: Final = 4
CELL: Final = 2


def streak_sentence(record: Contributions, streak: ContributionStreak) -> str:
    """Return a sentence in mrkdwn about the streak and today's contributions.

    :param record: calendar of the person
    :param streak: streak of the person
    """
    name = linked(record.login, record.url)
    if streak.current.days:
        return f"{name} has contributed for *{streak.current}* in a row: {today_words(streak.today)}."
    if streak.last_day is None:
        return f"{name} has no contributions since {streak.first_day}: {today_words(streak.today)}."
    return f"{name} has no streak, the last contribution was on {streak.last_day}: {today_words(streak.today)}."


def since_sentence(streak: ContributionStreak) -> str:
    """Return a sentence about the days since the start date.

    :param streak: streak with a start date
    """
    days = streak.active_days + streak.missed_days
    missed = f", {streak.missed_days:,} missed" if streak.missed_days else ", none missed"
    return f"{streak.active_days:,} of {days:,} day{'' if days == 1 else 's'} since {streak.first_day}{missed}."


def unknown_user(name: str) -> str:
    """Return a sentence about a name that does not exist.

    :param name: the name as a person typed it; it may be any text
    """
    shown = escape_code(" ".join(name.split())[:60])
    return f"GitHub has no user `{shown}`. Is the user name right?" if shown else "Which GitHub user do you mean?"


def calendar_text(days: Sequence[ContributionDay], weeks: int = 15) -> str:
    """Return the last weeks as lines of squares: a heading with months, then a line per weekday from Sunday.

    :param days: consecutive days, up to the last one to show
    :param weeks: number of weeks; 15 fit on the screen of a phone
    """
    columns = weeks_of(days, weeks)
    heading = ""
    for index, month in month_labels(columns, room=2).items():
        heading = heading.ljust(MARGIN + index * CELL) + month
    lines = [heading]
    for row, name in enumerate(WEEKDAYS):
        squares = [SQUARES[day.level] if (day := week[row]) else " " for week in columns]
        lines.append(f"{name.ljust(MARGIN)}{' '.join(squares)}".rstrip())
    return "\n".join(lines)


def today_words(count: int | None) -> str:
    """Return today's contributions in words."""
    if count is None:
        return "GitHub does not show today yet"
    if count == 0:
        return "nothing yet today"
    return f"{count:,} contribution{'s' if count != 1 else ''} today"
