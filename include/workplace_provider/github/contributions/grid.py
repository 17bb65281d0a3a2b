"""Layout of GitHub's calendar: a column per week, with rows from Sunday to Saturday."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, TypeAlias

from workplace_provider.github.contributions.record import ContributionDay

# Not by strftime, which depends on the worker's locale.
WEEKDAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Week: TypeAlias = list[ContributionDay | None]


def weekday(day: date) -> int:
    """Return the row of a day; Sunday is 0."""
    return day.isoweekday() % 7


def weeks_of(days: Sequence[ContributionDay], most: int | None = None) -> list[Week]:
    """Return days as columns.

    :param days: consecutive days
    :param most: maximum number of weeks, the last ones; ``None`` for all
    :return: seven days per week; ``None`` before the first day and after the last
    """
    weeks: list[Week] = []
    for day in days:
        row = weekday(day.date)
        if not weeks or row == 0:
            weeks.append([None] * 7)
        weeks[-1][row] = day
    return weeks if most is None else weeks[-most:]


def month_labels(weeks: Sequence[Week], room: int) -> dict[int, str]:
    """Return the labels of the columns in which a month begins.

    :param room: width of a label in columns; the first label is omitted if the next one would overlap it
    :return: short name of the month by the column's index
    """
    months = [next(day.date.month for day in week if day) for week in weeks]
    labels = {index: MONTHS[month - 1] for index, month in enumerate(months) if index == 0 or months[index - 1] != month}
    if any(0 < index < room for index in labels):
        del labels[0]
    return labels
