"""Report days that are public holidays: the report moves to a working day before or after, or there is none.

The holidays come from the package ``holidays`` (extra ``reports``), which is imported only for definitions that use it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from workplace_provider.common.periods import Period, PeriodRule
from workplace_provider.common.yaml_description import closest

if TYPE_CHECKING:
    from holidays import HolidayBase

Move = Literal["previous", "next", "skip"]

_MOST_SKIPPED: Final = 20
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HolidayRule(PeriodRule):
    """The rhythm of a report whose report day moves if it is a public holiday.

    A report stays between the report days of its neighbours. If no working day is left there, the period has no report.

    ::

        HolidayRule("week", weekday="thursday", calendar="KR", move="previous")

    :param calendar: country of the package ``holidays``, such as ``KR``, or its subdivision, such as ``DE-BY``
    :param move: to the working day before (``previous``) or after (``next``), or no report in this period (``skip``)
    :raises ValueError: the calendar is unknown, or two daily reports would be on one day
    """

    calendar: str = ""
    move: Move = "previous"

    def __post_init__(self) -> None:
        PeriodRule.__post_init__(self)
        holiday_calendar(self.calendar)
        if self.every == "day" and self.move != "skip":
            raise ValueError(f"move is {self.move!r}; a daily report can only skip holidays. Use move: skip")

    def at(self, day: dt.date) -> Period:
        """Return the period whose report day is this day, or the latest period whose report day is before it.

        A skipped period keeps its planned day, so that a run on it does not report on another period.
        """
        planned = PeriodRule.at(self, day)
        after = self.moved(planned.shift(1))
        if after.day <= day:
            return after
        period = self.moved(planned)
        return period if period.day <= day else self.moved(planned.shift(-1))

    def moved(self, planned: Period) -> MovedPeriod:
        """Return a period with the day on which its report is."""
        day = self.working_day(planned.day)
        step = self._step
        neighbour = planned.shift(step).day
        if (self.move == "skip" and self.is_holiday(day)) or (day - neighbour).days * step >= 0:
            return MovedPeriod(self, planned.day, planned, is_skipped=True)
        return MovedPeriod(self, day, planned)

    def run_day(self, day: dt.date, period: Period) -> dt.date:
        """Return the day of a run that was planned for a day: it moves, too, but not before the report day."""
        return max(self.working_day(day), period.day)

    @property
    def _step(self) -> int:
        return 1 if self.move == "next" else -1

    def working_day(self, day: dt.date) -> dt.date:
        """Return the day to which a day moves: the same one unless it is a public holiday, or holidays are skipped."""
        if self.move == "skip" or not self.is_holiday(day):
            return day
        calendar = holiday_calendar(self.calendar)
        while not calendar.is_working_day(day):
            day += self._step * _DAY
        return day

    def is_holiday(self, day: dt.date) -> bool:
        """Return whether a day is a public holiday."""
        return day in holiday_calendar(self.calendar)


@dataclass(frozen=True, slots=True)
class MovedPeriod(Period):
    """A period of a :class:`HolidayRule`.

    :param planned: the period without regard to holidays
    :param is_skipped: whether there is no report in this period
    """

    planned: Period
    is_skipped: bool = False

    @property
    def planned_day(self) -> dt.date:
        """The report day without regard to holidays."""
        return self.planned.day

    def shift(self, periods: int) -> Period:
        """Return the period that many reports later; earlier when negative. Skipped periods do not count."""
        rule, period = self.rule, self
        assert isinstance(rule, HolidayRule)  # noqa: S101 - for mypy
        step = 1 if periods > 0 else -1
        for _ in range(abs(periods)):
            period = _next_report(rule, period.planned, step)
        return period


def _next_report(rule: HolidayRule, planned: Period, step: int) -> MovedPeriod:
    for distance in range(1, _MOST_SKIPPED + 1):
        period = rule.moved(planned.shift(step * distance))
        if not period.is_skipped:
            return period
    raise ValueError(f"every report day is a public holiday of {rule.calendar}; choose another day")


def planned(period: Period) -> Period:
    """Return a period without regard to holidays."""
    return period.planned if isinstance(period, MovedPeriod) else period


def is_skipped(period: Period) -> bool:
    """Return whether a period has no report because of a holiday."""
    return isinstance(period, MovedPeriod) and period.is_skipped


def skip_reason(period: Period) -> str:
    """Return why a period has no report; empty if it has one."""
    if not is_skipped(period):
        return ""
    rule = period.rule
    assert isinstance(rule, HolidayRule)  # noqa: S101 - for mypy
    name = holiday_calendar(rule.calendar).get(period.planned_day) or "a holiday"
    rest = "" if rule.move == "skip" else ", and there is no working day until the neighbouring report day"
    return f"There is no report for {period.label}: its report day {period.planned_day} is {name} in {rule.calendar}{rest}"


@cache
def holiday_calendar(name: str) -> HolidayBase:
    """Return the public holidays of a country, such as ``KR``, or of its subdivision, such as ``DE-BY``.

    :raises ValueError: if the package ``holidays`` is not installed, or does not know the calendar
    """
    try:
        from holidays import country_holidays
        from holidays.registry import COUNTRIES
    except ImportError:
        raise ValueError(
            "holidays needs the Python package 'holidays', which is not installed. Install the extra 'reports', also where "
            "the scheduler runs"
        ) from None
    country, _, subdivision = name.partition("-")
    codes = sorted(code for names in COUNTRIES.values() for code in names[1:3])
    if country not in codes:
        raise ValueError(f"calendar is {name!r}; it must be the code of a country{closest(country, codes)}")
    try:
        return country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:
        known = country_holidays(country).subdivisions
        raise ValueError(
            f"calendar is {name!r}; {country} has no subdivision {subdivision}{closest(subdivision, known)} "
            f"It has {', '.join(known) or 'none'}"
        ) from None
