"""The order of titles by the dates in them, for pages whose titles follow one pattern.

``Weekly 30 Nov 2026`` comes before ``Weekly 7 Dec 2026``, and ``12월 31일 주간 보고`` before ``1월 7일 주간 보고``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from workplace_provider.common.periods import MONTH_NAMES, date_of

_NAME: Final = rf"(?<![A-Za-z])(?P<name>{MONTH_NAMES})(?![A-Za-z])\.?"
_YEAR: Final = r"(?P<year>(?:19|20|21)\d\d)"
_SHORT_YEAR: Final = r"(?P<year>(?:19|20|21)?\d\d)"
_YEAR_WORD: Final = rf"{_SHORT_YEAR}\s?[년年]\s?"
_ANY_YEAR: Final = rf"(?:{_YEAR}[-\s]?|{_YEAR_WORD.replace('<year>', '<year_2>')})"
_MONTH: Final = r"(?P<month>1[0-2]|0?[1-9])"
_MONTH_WORD: Final = rf"{_MONTH}\s?[월月]"
_DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_WEEK: Final = r"(?P<week>5[0-3]|[1-4]\d|0?[1-9])"
_WEEK_WORD: Final = rf"第?\s?{_WEEK}\s?(?:주차|週)"
_WEEK_OF_MONTH: Final = r"\s?第?(?P<week_of_month>[1-6])\s?(?:주차|째\s?주|週)"
_QUARTER: Final = "(?P<quarter>[1-4])"
_QUARTER_WORD: Final = rf"第?{_QUARTER}\s?(?:분기|四半期)"
_QUARTER_CODE: Final = rf"(?:(?<![A-Za-z])Q{_QUARTER}|(?P<quarter_2>[1-4])Q(?![A-Za-z]))"
_GAP: Final = r"(?:,?[\s_-]\s?)"

# The most specific form first: "2026-11-19" is no month, and "19 Nov 2026" no day without a year.
_FORMS: Final = tuple(
    (name, rf"(?<!\d)(?:{form})(?!\d)")
    for name, form in (
        ("year month day", rf"{_YEAR}(?P<separator>[-./]\s?){_MONTH}(?P=separator){_DAY}"),
        ("year month day", rf"{_YEAR}(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"),
        ("year month day", rf"{_YEAR_WORD}{_MONTH_WORD}\s?{_DAY}\s?[일日]"),
        ("day name year", rf"{_DAY}{_GAP}{_NAME}{_GAP}{_YEAR}"),
        ("name day year", rf"{_NAME}{_GAP}{_DAY}{_GAP}{_YEAR}"),
        ("day month year", rf"{_DAY}\.\s?{_MONTH}\.\s?{_YEAR}"),
        ("month day year", rf"{_MONTH}/{_DAY}/{_YEAR}"),
        ("year week", rf"{_ANY_YEAR}{_WEEK_WORD}"),
        ("year week", rf"{_YEAR}[-\s]?(?:W|week\s?){_WEEK}"),
        ("week year", rf"(?:W|week\s?){_WEEK}{_GAP}{_YEAR}"),
        ("year quarter", rf"{_YEAR}[-\s]?(?:Q{_QUARTER}|(?P<quarter_2>[1-4])Q)"),
        ("year quarter", rf"{_ANY_YEAR}{_QUARTER_WORD}"),
        ("quarter year", rf"{_QUARTER_CODE}(?:{_GAP}|['’])?{_SHORT_YEAR}"),
        ("year month week", rf"{_YEAR_WORD}{_MONTH_WORD}{_WEEK_OF_MONTH}"),
        ("year month", rf"{_YEAR}[-./]\s?{_MONTH}"),
        ("year month", rf"{_YEAR_WORD}{_MONTH_WORD}"),
        ("name year", rf"{_NAME}{_GAP}{_YEAR}"),
        ("year name", rf"{_YEAR}{_GAP}{_NAME}"),
        ("month week", rf"{_MONTH_WORD}{_WEEK_OF_MONTH}"),
        ("month day", rf"{_MONTH_WORD}\s?{_DAY}\s?[일日]"),
        ("month day", rf"{_MONTH}/{_DAY}"),
        ("day name", rf"{_DAY}{_GAP}{_NAME}"),
        ("name day", rf"{_NAME}{_GAP}{_DAY}"),
        ("week", rf"(?<![A-Za-z])(?:W|week\s?){_WEEK}"),
        ("week", _WEEK_WORD),
        ("quarter", _QUARTER_CODE),
        ("quarter", _QUARTER_WORD),
        ("month", _MONTH_WORD),
        ("name", _NAME),
        ("year", _YEAR),
    )
)
# Without a year, dates go round: the report before that of 7 January is that of 31 December. One that is more than half a
# year back is rather one that follows. This year has a 29 February and a week 53.
_NO_YEAR: Final = "2004"
_YEAR_LENGTH: Final = 366


@dataclass(frozen=True, slots=True)
class DatedTitle:
    """A title, read as a pattern with a date and numbers in it.

    :param pattern: the title without its date, and with ``0`` for every other number
    :param day: the first day of what the date names; in the year 2004 when the title names no year
    :param has_year: the title names the year, or has no date at all
    :param numbers: the other numbers, from left to right
    :param form: the parts of the date, such as ``year month``; ``None`` without a date
    """

    pattern: str
    day: dt.date | None
    has_year: bool
    numbers: tuple[int, ...]
    form: str | None = field(default=None, repr=False)

    def distance_from(self, earlier: DatedTitle) -> tuple[int, ...] | None:
        """Return how far this title is after another one, for comparison; ``None`` when it is not after it."""
        if self.pattern != earlier.pattern:
            return None
        days = (self.day - earlier.day).days if self.day is not None and earlier.day is not None else 0
        if not self.has_year:
            days = (days + _YEAR_LENGTH // 2) % _YEAR_LENGTH - _YEAR_LENGTH // 2
        if days:
            return (days,) if days > 0 else None
        distance = tuple(own - other for own, other in zip(self.numbers, earlier.numbers, strict=True))
        return (0, *distance) if distance > (0,) * len(distance) else None


def read_title(title: str) -> DatedTitle:
    """Return a title as a pattern, its date and its other numbers.

    ::

        >>> read_title("Weekly 30 Nov 2026")
        DatedTitle(pattern='Weekly {day name year}', day=datetime.date(2026, 11, 30), has_year=True, numbers=())
    """
    title = title.strip()
    for name, form in _FORMS:
        for match in re.finditer(form, title, re.IGNORECASE):
            parts = {key.removesuffix("_2"): value for key, value in match.groupdict().items() if value is not None}
            has_year = "year" in parts
            year = parts.get("year", _NO_YEAR)
            parts["year"] = year if len(year) == 4 else f"20{year}"
            try:
                day = date_of(parts) + dt.timedelta(weeks=int(parts.get("week_of_month", 1)) - 1)
            except ValueError:  # no calendar has this day
                continue
            rest = f"{title[: match.start()]}{{{name}}}{title[match.end() :]}"
            return DatedTitle(_without_numbers(rest), day, has_year, _numbers(rest), name)
    return read_numbers(title)


def read_numbers(title: str) -> DatedTitle:
    """Return a title as a pattern and all its numbers, none of them read as a date."""
    return DatedTitle(_without_numbers(title.strip()), None, True, _numbers(title))


def latest_title_before(title: str, titles: Sequence[str]) -> str | None:
    """Return the title of the same pattern that comes last before another one.

    Titles with a date are ordered by it, then by their other numbers from left to right. Dates without a year go round:
    ``Week 53`` or ``Week 52`` comes before ``Week 1``. In ``11/12/2026`` the month is first, in ``12.11.2026`` the day.

    :param title: the title that is to follow
    :param titles: the titles to choose from
    :return: one of them; ``None`` when none is of the same pattern and before it
    """
    # Numbers may look like dates: "Part 12/31" does not, when the title that is to follow is "Part 13/31".
    for read in (read_title, read_numbers) if read_title(title).day else (read_numbers,):
        following = read(title)
        distances = {other: distance for other in titles if (distance := following.distance_from(read(other)))}
        if distances:
            return min(distances, key=distances.__getitem__)
    return None


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
