"""Days as GitHub's calendar puts them: a column for each week, from Sunday down to Saturday."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, TypeAlias

from workplace_provider.github.contributions.record import ContributionDay

# Not by strftime: the worker's locale would write them.
WEEKDAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Week: TypeAlias = list[ContributionDay | None]


def weekday(day: date) -> int:
    """The row of a day, 0 for Sunday."""
    return day.isoweekday() % 7


def weeks_of(days: Sequence[ContributionDay], most: int | None = None) -> list[Week]:
    """Days as columns.

    :param days: in their order, without a gap
    :param most: how many weeks to show, the last ones; all of them when it is ``None``
    :return: for each week seven days; ``None`` before the first day and after the last
    """
    weeks: list[Week] = []
    for day in days:
        row = weekday(day.date)
        if not weeks or row == 0:
            weeks.append([None] * 7)
        weeks[-1][row] = day
    return weeks if most is None else weeks[-most:]


def month_labels(weeks: Sequence[Week], room: int) -> dict[int, str]:
    """Which month begins at which column.

    :param room: how many columns a label takes; the first one is left out where the next would run into it
    :return: the month's short name by the column's index
    """
    months = [next(day.date.month for day in week if day) for week in weeks]
    labels = {index: MONTHS[month - 1] for index, month in enumerate(months) if index == 0 or months[index - 1] != month}
    if any(0 < index < room for index in labels):
        del labels[0]
    return labels
