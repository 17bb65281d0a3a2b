"""Report periods: the day, week, month, quarter or year that a report is about.

A period has a report day, such as its Thursday or its last day. Periods that follow each other have no gap between them. The
arithmetic is pendulum's, which comes with Airflow.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    import pendulum

Every = Literal["day", "week", "month", "quarter", "year"]

EVERY: Final[tuple[Every, ...]] = get_args(Every)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS: Final = ("first", "second", "third", "fourth", "last")
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
MONTH_NAMES: Final = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS) + "|sept"
"""Regular expression of English month names and their abbreviations, in lower case."""
YEARS: Final = (1900, 9000)
"""The years of report days. Beyond them the weeks around a report have no dates."""

_MONTHS_OF: Final[dict[str, int]] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """The rhythm of a report, and the day in each period that gives the report its date.

    ::

        PeriodRule("week", weekday="thursday")
        PeriodRule("month", day="last")
        PeriodRule("month", day="first monday")
        PeriodRule("quarter", fiscal_start=4)

    :param every: ``day``, ``week``, ``month``, ``quarter`` or ``year``
    :param weekday: English name of the report day of a week
    :param day: report day of a month, quarter or year: its number in the first month (1 to 28), ``last`` for the last day of
        the period, or a weekday of its first month such as ``first monday`` or ``last friday``
    :param fiscal_start: number of the month in which the year begins, 1 to 12; quarters follow from it
    :raises ValueError: an argument has another value, or does not fit ``every``
    """

    every: Every
    weekday: str = "monday"
    day: int | str = 1
    fiscal_start: int = 1

    def __post_init__(self) -> None:
        if self.every not in EVERY:
            raise ValueError(f"every is {self.every!r}; it must be one of {', '.join(EVERY)}")
        if self.weekday.lower() not in WEEKDAYS:
            raise ValueError(f"weekday is {self.weekday!r}; it must be one of {', '.join(WEEKDAYS)}")
        if self.fiscal_start not in range(1, 13):
            raise ValueError(f"fiscal_start is {self.fiscal_start!r}; it must be the number of a month, 1 to 12")
        if not (isinstance(self.day, str) or self.day in range(1, 29)):
            raise ValueError(f"day is {self.day!r}; it must be 1 to 28, 'last', or a weekday such as 'first monday'")
        if isinstance(self.day, str) and self.day != "last":
            _ordinal_weekday(self.day)

    def at(self, day: dt.date) -> Period:
        """Return the period whose report day is this day, or the latest period whose report day is before it."""
        if self.every == "day":
            return Period(self, day)
        if self.every == "week":
            return Period(self, round_down(day, self.weekday))
        report_day = self._report_day(self._first_day(day))
        if report_day > day:
            report_day = self._report_day(self._first_day(day, periods=-1))
        return Period(self, report_day)

    def _first_day(self, day: dt.date, periods: int = 0) -> dt.date:
        """Return the first day of the month, quarter or year that contains a day, or of one that is ``periods`` later."""
        length = _MONTHS_OF[self.every]
        months = 12 * day.year + day.month - 1
        offset = (self.fiscal_start - 1) % length
        months = (months - offset) // length * length + offset + periods * length
        return _checked_date(months // 12, months % 12 + 1)

    def _report_day(self, first_day: dt.date) -> dt.date:
        if self.day == "last":
            return shift_months(first_day, _MONTHS_OF[self.every]) - dt.timedelta(days=1)
        if isinstance(self.day, int):
            return first_day.replace(day=self.day)
        ordinal, weekday = _ordinal_weekday(self.day)
        month = _pendulum(first_day)
        if ordinal == "last":
            report_day = month.last_of("month", weekday)
        else:
            report_day = month.nth_of("month", ORDINALS.index(ordinal) + 1, weekday)
        return dt.date(report_day.year, report_day.month, report_day.day)


@dataclass(frozen=True, slots=True)
class Period:
    """One period of a rule.

    :param rule: the rhythm
    :param day: the report day
    """

    rule: PeriodRule
    day: dt.date

    def shift(self, periods: int) -> Period:
        """Return the period that many periods later; earlier when negative."""
        if self.rule.every in ("day", "week"):
            days = periods * (7 if self.rule.every == "week" else 1)
            return Period(self.rule, shift(self.planned_day, days=days))
        return Period(self.rule, self.rule._report_day(self.rule._first_day(self.planned_day, periods)))

    @property
    def planned_day(self) -> dt.date:
        """The report day by the rule. It names the period, also if holidays have moved the report to another day."""
        return self.day

    @property
    def start(self) -> dt.date:
        """The first day of the period; of a week its Monday."""
        if self.rule.every == "day":
            return self.planned_day
        if self.rule.every == "week":
            return round_down(self.planned_day, "monday")
        return self.rule._first_day(self.planned_day)

    @property
    def end(self) -> dt.date:
        """The last day of the period."""
        if self.rule.every == "day":
            return self.planned_day
        if self.rule.every == "week":
            return self.start + dt.timedelta(days=6)
        return self.rule._first_day(self.planned_day, 1) - dt.timedelta(days=1)

    @property
    def quarter(self) -> int:
        """The quarter of the fiscal year, 1 to 4."""
        return (self.planned_day.month - self.rule.fiscal_start) % 12 // 3 + 1

    @property
    def year(self) -> int:
        """The year, named after the calendar year in which it begins; of a week the year of ISO 8601."""
        if self.rule.every == "week":
            return self.planned_day.isocalendar().year
        return self.planned_day.year - (self.planned_day.month < self.rule.fiscal_start)

    @property
    def label(self) -> str:
        """A sortable name: ``2026-11-19``, ``2026-W47``, ``2026-11``, ``2026-Q4`` or ``2026``."""
        labels: dict[Every, Callable[[], str]] = {
            "day": self.planned_day.isoformat,
            "week": lambda: f"{self.year}-W{self.planned_day.isocalendar().week:02}",
            "month": lambda: f"{self.planned_day:%Y-%m}",
            "quarter": lambda: f"{self.year}-Q{self.quarter}",
            "year": lambda: str(self.year),
        }
        return labels[self.rule.every]()


def round_down(day: dt.date, weekday: str) -> dt.date:
    """Return the last day of this weekday that is not after ``day``.

    :param weekday: English name
    :raises ValueError: the name is no weekday
    """
    name = weekday.lower()
    if name not in WEEKDAYS:
        raise ValueError(f"{weekday!r} is no weekday: use one of {', '.join(WEEKDAYS)}")
    return day - dt.timedelta(days=(day.weekday() - WEEKDAYS.index(name)) % 7)


def shift_months(day: dt.date, months: int) -> dt.date:
    """Return the same day of another month; the last day of a month stays the last day.

    ::

        >>> shift_months(date(2026, 1, 31), 1), shift_months(date(2026, 2, 28), 1)
        (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))

    :raises ValueError: the result is outside of :data:`YEARS`
    """
    count = 12 * day.year + day.month - 1 + months
    first = _checked_date(count // 12, count % 12 + 1)
    length = _pendulum(first).days_in_month
    is_last = day.day == _pendulum(day).days_in_month
    return first.replace(day=length if is_last else min(day.day, length))


def shift(day: dt.date, *, days: int = 0, weeks: int = 0, months: int = 0, quarters: int = 0, years: int = 0) -> dt.date:
    """Return a day that many days, weeks, months, quarters and years later; earlier when negative.

    Months are added first, by :func:`shift_months`.

    :raises ValueError: the result is outside of :data:`YEARS`
    """
    months += 3 * quarters + 12 * years
    shifted = shift_months(day, months) if months else day
    try:
        shifted += dt.timedelta(days=days, weeks=weeks)
    except OverflowError:
        raise ValueError(f"{day} moved by {days} days and {weeks} weeks is no date") from None
    return _checked_date(shifted.year, shifted.month, shifted.day)


def parse_day(text: str, where: str) -> dt.date:
    """Return the day that a form value, partition key or command-line argument names.

    A name of a longer period gives its first day.

    =========================  =============================================================================
    ``2026-11-19``             ISO 8601, with a time or a remark after it (``2026-11-19 (W47)``)
    ``20261119``               without hyphens
    ``2026-W47``               Monday of a week of ISO 8601; ``2026-W47-4`` is its Thursday
    ``2026-11``                a month, as Airflow's ``StartOfMonthMapper`` writes it
    ``2026-Q4``                a quarter, as Airflow's ``StartOfQuarterMapper`` writes it
    ``2026``                   a year, as Airflow's ``StartOfYearMapper`` writes it
    ``11/19/2026``             month, day, year (US)
    ``19.11.2026``             day, month, year (Europe); ``2026.11.19`` and ``2026/11/19`` are year, month, day
    ``Nov 19, 2026``           English, also ``19 November 2026``
    ``2026년 11월 19일``         Korean and Japanese (``2026年11月19日``), also without the day
    =========================  =============================================================================

    :param where: name of the field or argument, for the message
    :raises ValueError: the text names no day
    """
    for form in _FORMS:
        if match := re.match(form, text.strip()):
            try:
                day = date_of(match.groupdict())
            except ValueError:
                break
            if not YEARS[0] <= day.year <= YEARS[1]:
                raise ValueError(f"{where} is {text!r}; the year must be between {YEARS[0]} and {YEARS[1]}")
            return day
    raise ValueError(f"{where} is {text!r}, which begins with no date such as 2026-11-19")


def month_number(name: str) -> int | None:
    """Return the number of an English month name or its abbreviation; ``None`` for other words."""
    word = {"sept": "september"}.get(name.lower().rstrip("."), name.lower().rstrip("."))
    if len(word) < 3:
        return None
    return next((number for number, month in enumerate(MONTHS, 1) if month.startswith(word)), None)


_FORMS: Final = (
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)",
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)$",
    r"(?P<year>\d{4})-?W(?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?$",
    r"(?P<year>\d{4})-(?P<month>\d\d)$",
    r"(?P<year>\d{4})-?Q(?P<quarter>[1-4])$",
    r"(?P<year>\d{4})$",
    r"(?P<year>\d{4})[./]\s?(?P<month>\d{1,2})[./]\s?(?P<day>\d{1,2})\.?$",
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})$",
    r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})$",
    r"(?P<name>[A-Za-z]+)\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<year>\d{4})$",
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\s+(?P<name>[A-Za-z]+)\.?,?\s+(?P<year>\d{4})$",
    r"(?P<year>\d{4})\s?[년年]\s?(?P<month>\d{1,2})\s?[월月](?:\s?(?P<day>\d{1,2})\s?[일日])?$",
)


def date_of(parts: dict[str, str | None]) -> dt.date:
    """Return the day of the parts of a date.

    :raises ValueError: no calendar has this day, or the name is no month
    """
    year = int(parts["year"] or 0)
    if week := parts.get("week"):
        return dt.date.fromisocalendar(year, int(week), int(parts.get("weekday") or 1))
    if quarter := parts.get("quarter"):
        return dt.date(year, 3 * int(quarter) - 2, 1)
    month = month_number(name) or 0 if (name := parts.get("name")) else int(parts.get("month") or 1)
    return dt.date(year, month, int(parts.get("day") or 1))


def _ordinal_weekday(text: str) -> tuple[str, pendulum.WeekDay]:
    """Return the ordinal and the weekday of a text such as ``first monday``."""
    import pendulum

    ordinal, _, weekday = text.lower().partition(" ")
    if ordinal not in ORDINALS or weekday not in WEEKDAYS:
        raise ValueError(
            f"day is {text!r}; it must be 1 to 28, 'last', or a weekday such as 'first monday' ({', '.join(ORDINALS)})"
        )
    return ordinal, pendulum.WeekDay(WEEKDAYS.index(weekday))


def _checked_date(year: int, month: int, day: int = 1) -> dt.date:
    if not YEARS[0] <= year <= YEARS[1]:
        raise ValueError(f"the day is in the year {year}; the year must be between {YEARS[0]} and {YEARS[1]}")
    return dt.date(year, month, day)


def _pendulum(day: dt.date) -> pendulum.Date:
    import pendulum

    return pendulum.Date(day.year, day.month, day.day)
