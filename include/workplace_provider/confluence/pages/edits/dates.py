"""The edit that moves the dates of a page by days, weeks, months or years, and keeps the form in which each is written."""

from __future__ import annotations

import datetime as dt
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

from workplace_provider.common.periods import MONTH_NAMES, MONTHS, month_number, shift_months
from workplace_provider.common.title_dates import read_title
from workplace_provider.confluence.pages.document import AC, RI
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.lines import Line, TextKind, TextKinds, lines
from workplace_provider.confluence.pages.selectors import change_attributes, find_sections, sections

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199
_WEEKDAYS: Final = (
    ("월", "화", "수", "목", "금", "토", "일"),
    ("月", "火", "水", "木", "金", "土", "日"),
    ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
)
_FULL_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Digits are ASCII or full-width, as Japanese input methods write them.
_D: Final = "[0-9０-９]"
_DOT: Final = r"\.\s?"
_TILDE: Final = "[~∼〜～]"
_DASH: Final = "[-‐–—]"
_YEAR: Final = rf"(?P<year>{_D}{{4}})"
_MONTH: Final = rf"(?P<month>{_D}{{1,2}})"
_DAY: Final = rf"(?P<day>{_D}{{1,2}})"
_WEEK_YEAR: Final = rf"(?P<year>{_D}{{4}}|{_D}{{2}})"
_WEEK: Final = rf"(?P<week>{_D}{{1,2}})"

# A weekday in brackets, alone or followed by a time or remark: "(목)", "(목, 오전)", "(목 10:00)". Without brackets, only
# unambiguous words count: "목요일", "木曜日".
_SHORT: Final = (
    "[월화수목금토일](?:요일)?|[月火水木金土日](?:曜日?)?"
    "|(?i:mon(?:day)?|tue(?:sday|s)?|wed(?:nesday)?|thu(?:rsday|rs|r)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_LONG: Final = "[월화수목금토일]요일|[月火水木金土日]曜日?"
_WEEKDAY: Final = (
    rf"(?:\s?(?:[(（\[]\s?(?=(?:{_SHORT})\.?\s?(?:[)）\],、·]|{_D}{{1,2}}[:시時]))|,?\s?(?={_LONG}))"
    rf"(?P<weekday>{_SHORT})(?:\.?\s?[)）\]])?)?"
)
_END_WEEKDAY: Final = _WEEKDAY.replace("<weekday>", "<end_weekday>")


def _range_end(separator: str) -> str:
    """Return the pattern of a range's end that omits the parts it shares with the start: ``~18``, ``-18``, ``~ 11.18``."""
    clean = rf"(?=까지|まで|[일日](?![가-힣])|(?!{_D}|[A-Za-z_%/\\@가-힣ぁ-んァ-ヶ一-龥]|[.,:\-]{_D}))"
    last = rf"(?:(?P<end_month>{_D}{{1,2}}){separator})?(?P<end_day>{_D}{{1,2}})"
    return rf"(?:(?:\s?{_TILDE}\s?|[-–—]){last}{clean}{_END_WEEKDAY})?"


def _spelled_out(year: str, month: str, day: str, until: str) -> str:
    """Return the pattern of a date with words for year, month and day, or of a range of such dates."""
    span = rf"(?:\s?{_TILDE}\s?|\s?{_DASH}\s?|{until}\s?)"
    end = rf"{span}(?:(?P<end_month>{_D}{{1,2}}){month}\s?)?(?P<end_day>{_D}{{1,2}}){day}(?![간間째치目])"
    first = rf"{_MONTH}{month}\s?{_DAY}(?:{day}(?![간間째치目])|(?={_without_names(end)})){_WEEKDAY}"
    return rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}}){year}\s?)?{first}(?:{end}{_END_WEEKDAY})?"


def _without_names(pattern: str) -> str:
    return re.sub(r"\?P<[a-z_]+>", "?:", pattern)


_NAME: Final = rf"(?P<name>(?i:{MONTH_NAMES}))(?![A-Za-z])\.?"
_NO_WORD: Final = "(?<![A-Za-z])"
_ORDINAL: Final = "(?:st|nd|rd|th|ST|ND|RD|TH)"
_ENGLISH_DAY: Final = rf"{_DAY}(?P<ordinal>{_ORDINAL})?"
_ENGLISH_END: Final = (
    rf"(?:(?:\s?{_TILDE}\s?|[-–—])(?P<end_day>{_D}{{1,2}})(?P<end_ordinal>{_ORDINAL})?"
    rf"(?![0-9０-９A-Za-z%/\\@]|[.,:\-]{_D}))?"
)
_ENGLISH_YEAR: Final = rf"(?:(?:,\s?|\s){_YEAR}(?!{_D}|[-./:]{_D}))?"
_BEFORE: Final = (
    r"(?:(?P<weekday_before>(?i:mon(?:day)?|tue(?:sday|s)?|wed(?:nesday)?|thu(?:rsday|rs|r)?|fri(?:day)?|sat(?:urday)?"
    r"|sun(?:day)?))\.?,?\s)?"
)

_FORMS: Final[Mapping[str, str]] = {
    "iso": rf"{_YEAR}-{_MONTH}-{_DAY}{_WEEKDAY}{_range_end('-').replace('[-–—]', '[–—]')}",
    "slashed": rf"{_YEAR}/{_MONTH}/{_DAY}{_WEEKDAY}{_range_end('/')}",
    "dotted": rf"{_YEAR}\.\s?{_MONTH}\.\s?{_DAY}(?:\.(?!\s?{_D}))?{_WEEKDAY}{_range_end(_DOT)}",
    "compact": rf"{_YEAR}(?P<month>{_D}{{2}})(?P<day>{_D}{{2}})(?!{_D}){_WEEKDAY}",
    "korean": _spelled_out("년", "월", "일", "부터"),
    "japanese": _spelled_out("年", "月", "日", "から"),
    "iso_week": rf"(?:{_YEAR}-?)?W{_WEEK}(?!{_D}|\s?{_TILDE}\s?{_D})",
    "korean_week": (
        rf"(?:{_WEEK_YEAR}년\s?)?(?:제\s?)?"
        rf"(?:(?P<first_week>{_D}{{1,2}})(?:주차)?\s?(?:{_TILDE}|{_DASH})\s?(?:제\s?)?)?{_WEEK}\s?주차"
    ),
    "japanese_week": (rf"(?:{_WEEK_YEAR}年\s?)?第\s?(?:(?P<first_week>{_D}{{1,2}})\s?(?:{_TILDE}|{_DASH})\s?)?{_WEEK}\s?週"),
    "english": (rf"{_NO_WORD}{_BEFORE}{_NAME}\s{_ENGLISH_DAY}(?![0-9０-９A-Za-z]){_ENGLISH_END}{_ENGLISH_YEAR}{_WEEKDAY}"),
    "english_2": rf"{_NO_WORD}{_BEFORE}{_ENGLISH_DAY}{_ENGLISH_END}\s(?:of\s)?{_NAME}{_ENGLISH_YEAR}{_WEEKDAY}",
    "english_week": (
        rf"{_NO_WORD}(?:Weeks?|WEEKS?|week(?=\s?{_D}{{1,2}}(?:,?\s|\sof\s){_D}{{4}}))\s?"
        rf"(?:(?P<first_week>{_D}{{1,2}})\s?(?:{_TILDE}|{_DASH})\s?)?{_WEEK}(?!{_D})"
        rf"(?:(?:,?\s|\sof\s){_YEAR}(?!{_D}|[-./:]{_D})|(?!\sof\s))"
    ),
    "european": rf"{_DAY}\.\s?{_MONTH}\.\s?{_YEAR}(?!{_D}){_WEEKDAY}",
    "month_day": rf"{_MONTH}/{_DAY}{_WEEKDAY}{_range_end('/')}",
}
_MONTHS_UNTIL: Final = rf"(?:(?P<first_month>{_D}{{1,2}})[월月]?\s?(?:{_TILDE}|{_DASH})\s?)?"
_US_FORM: Final[dict[str, str]] = {"us": rf"{_MONTH}/{_DAY}/{_YEAR}(?!{_D}){_WEEKDAY}"}
_QUARTER: Final = "(?P<quarter>[1-4１-４])"
# Months, quarters and years. Most of them could be ordinary text ("3월 마감", "2분기"), so shifts by days leave them alone.
# They come before the forms of days: "3/4분기" is a quarter.
_PERIOD_FORMS: Final[dict[str, str]] = {
    # "May" and "March" are also verbs: "May we?", "march on". A name without a year has a capital letter.
    "english_month": (
        rf"{_NO_WORD}{_NAME}(?:,?\s{_YEAR}(?!{_D}|[-./:]{_D})|(?!,?\s?{_D}|\s(?:I|we|you|he|she|it|they|be|not|also|have)\b))"
    ),
    "iso_month": rf"{_YEAR}-(?P<month>{_D}{{2}})(?!{_D})",
    "korean_month": (
        rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}})년\s?)?{_MONTHS_UNTIL}{_MONTH}월"
        rf"(?!간|\s?{_D}{{1,2}}\s?(?:일|{_TILDE}|{_DASH}))"
    ),
    "japanese_month": (
        rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}})年\s?)?{_MONTHS_UNTIL}{_MONTH}月"
        rf"(?!間|\s?{_D}{{1,2}}\s?(?:日|{_TILDE}|{_DASH}))"
    ),
    "quarter": rf"(?:{_YEAR}[-\s]?)?Q{_QUARTER}(?!{_D}|\s{_D}{{4}}(?!{_D}|[-./]{_D}))",
    "quarter_2": rf"Q{_QUARTER}\s{_YEAR}(?!{_D}|[-./]{_D})",
    "korean_quarter": (
        rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}})년\s?)?(?:제\s?)?{_QUARTER}(?:/4)?\s?사?분기(?!\s?(?:연속|동안|간|만에))"
    ),
    "japanese_quarter": rf"(?:(?P<year>{_D}{{4}}|{_D}{{2}})年\s?)?第?\s?{_QUARTER}\s?四半期(?!\s?(?:連続|間))",
    "year": rf"{_YEAR}[년年](?!\s?[제第]?\s?{_D})",
}
DATE_FORMS: Final = tuple(form for form in (*_FORMS, *_PERIOD_FORMS) if not form.endswith("_2"))
"""Names of the supported forms of dates.

- ``iso`` 2026-11-19, ``slashed`` 2026/11/19, ``dotted`` 2026.11.19 and 2026. 11. 19., ``compact`` 20261119
- ``korean`` 2026년 11월 19일 and 11월 19일, ``japanese`` 2026年11月19日 and 11月19日, ``month_day`` 11/19
- ``iso_week`` 2026-W47 and W47, ``korean_week`` 47주차, ``japanese_week`` 第47週
- ``english`` Nov 19, 2026, 19 November 2026, November 19th and 12-18 Nov 2026, ``european`` 19.11.2026,
  ``english_week`` Week 47 and Week 47, 2026
- only in shifts by months, quarters or years: ``english_month`` November 2026 and November,
  ``iso_month`` 2026-11, ``korean_month`` 2026년 11월 and 11월,
  ``japanese_month`` 2026年11月 and 11月, ``quarter`` 2026-Q4, Q4 2026 and Q4, ``korean_quarter`` 4분기, 제4분기 and 4/4분기,
  ``japanese_quarter`` 第4四半期, ``year`` 2026년 and 2026年
"""
_SELECTABLE: Final = (*DATE_FORMS, *_US_FORM)
"""Names for ``patterns``. ``us`` 11/19/2026 moves only where it is named: 05/06/2026 is another day in other countries."""
# These forms have leading zeros by default, unless the date itself or others of its form show otherwise.
_PADDED: Final = frozenset({"iso", "slashed", "dotted", "compact", "iso_week", "iso_month", "european"})

_PERIOD_HINT: Final = re.compile(rf"{_D}|{_NO_WORD}(?i:{MONTH_NAMES})(?![A-Za-z])")


@cache
def _own_form(form: str) -> re.Pattern[str]:
    """Return the pattern of one form. It is compiled at its first use: each parsing of a DAG file imports this module."""
    return re.compile({**_PERIOD_FORMS, **_FORMS, **_US_FORM}[form])


@lru_cache(maxsize=4)
def _any_form(periods: bool, us: bool) -> re.Pattern[str]:
    """Return the pattern of all forms, with or without those of months, quarters and years."""
    # A date such as "11월 19일" is no month, and "3/4분기" is no date.
    forms = {form: _FORMS[form] for form in _FORMS if form != "month_day"}
    forms |= (_US_FORM if us else {}) | (_PERIOD_FORMS if periods else {})
    forms["month_day"] = _FORMS["month_day"]
    alternatives = "|".join(f"(?P<{form}>{_without_names(pattern)})" for form, pattern in forms.items())
    return re.compile(rf"(?<!{_D})(?=[0-9０-９第제A-Za-z])(?:{alternatives})")


_HINT: Final = re.compile(
    rf"{_NO_WORD}(?i:{MONTH_NAMES}|weeks?)(?![A-Za-z])|"
    rf"{_D}\s?[-./~∼〜～월月년年주週]|{_D}{{8}}|W{_D}|第\s?{_D}"
)
_URL: Final = re.compile(r"(?i)(?:\b[a-z][a-z0-9]{1,9}://|\bwww\.)[^\s<>\"()（）]+")
_LEADING_WEEKDAY: Final = re.compile(_WEEKDAY)
_OF_A_MONTH: Final = re.compile(r"[월月]\s?の?\s?$")
_WORDS_OF_A_YEAR: Final = frozenset({"korean", "japanese", "korean_month", "japanese_month"})
_OF_A_YEAR: Final = re.compile(r"[년年]\s?$")
_DAY_BEFORE: Final = re.compile(rf"{_D}{_ORDINAL}?\s(?:of\s)?$")
# The start of a range without its year: "12.-18.11.2026".
_HALF_RANGE: Final = re.compile(rf"(?<![.0-9０-９]){_D}{{1,2}}\.(?:\s?{_D}{{1,2}}\.)?\s?[-‐–—~]\s?$")
# Not dates: "3/4분기" is a quarter, "3/5명" a ratio. But "11/19회의" is a meeting on a day.
_COUNTED: Final = re.compile(
    r"\s?(?:사?분기|四半期)|(?:명|건|개|회(?!의)|배|점|차|호|번|인|팀|대|쪽|장|권)(?:이|가|을|를|은|는|의|만|도|로|중)?(?![가-힣])"
    r"|[人件個回点倍枚台]"
)
_ATTRIBUTE: Final = re.compile(r"""\s(?P<name>[^\s=]+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_FULL_WIDTH: Final = str.maketrans("0123456789", "０１２３４５６７８９")

_CDATA: Final = re.compile(r"<ac:plain-text-link-body>\s*<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
# Pages in links and in macros such as "Include Page". Pictures stay: a page may show a picture of an older one for good.
_LINKED_PAGES: Final = "//ri:page[@ri:content-title and not(ancestor::ac:image)]"
_LONGEST_TITLE: Final = 255

# A page has many dates, and few different ones.
_shift_months = lru_cache(maxsize=1024)(shift_months)

_PADDABLE: Final = frozenset({"month", "day", "end_month", "end_day", "week", "first_week", "first_month"})
_SHORT_NAMES: Final = "short names"

_TextChange = tuple[int, int, str]
"""A part ``[start, end)`` of a text, and its new text."""


@dataclass(frozen=True, kw_only=True)
class ShiftDates(Edit):
    """Move the dates of a page by days, weeks, months, quarters or years, and keep the form of each date.

    The edit moves the dates of :data:`DATE_FORMS` in the text and in the titles of macros, and ``<time datetime="...">``. It
    updates the weekday after a date ("(목)", "木曜日", "(Thu)") and moves ranges as a whole ("11/12~18", "2026.11.12 ~
    11.18"). A date without a year gets the year that brings it nearest to ``around``. Week numbers follow ISO 8601 and move
    by whole weeks. A number that becomes shorter is padded with a zero if the date, or the first date of its form that
    shows it, is.

    The edit does not move: digits within a longer number, word, path, URL or file name; ``11/19/26``; ``11.19`` (could be a
    number); ``26-11-19``; ``3/4분기``; weeks of a month (``11월 3주차``); ``매년 11월 19일``; invalid dates; years before
    1900 and after 2199; links to files of the page and to URLs, with their text; code; macro parameters other than
    ``parameters``; instructions to authors. A ratio such as ``11/19`` looks like a date: omit the form ``month_day`` for
    pages with ratios. In a list such as ``11월 12일, 19일``, only the first day moves.

    The dates in the title that a link leads to move, too, and with them those in the link's text: "last week's page" of the
    copy is the page that was copied. This includes files of a page that is named by its title. On a copy, only titles that
    follow the pattern of the source's title (``series``) move; a link to ``20261001_Incident`` stays. Pictures and blog
    posts keep their page. Without ``links`` in ``within``, all links stay.

    Months are added before days. The last day of a month stays the last day: 31 January, 28 February, 31 March. A month
    without a day (``11월``), a quarter (``4분기``) and a year (``2026년``) move in shifts by months, quarters or years only,
    because they could be ordinary text; quarters move by whole quarters, and years by whole years.

    ::

        ShiftDates(weeks=1, heading="Schedule")
        ShiftDates(months=1, within=("text", "time"))
        ShiftDates(days="titles", patterns=("iso", "korean"), leave=("History",))

    :param days: days to move; negative moves back. On a copy, ``titles`` moves by the difference between the dates in the
        titles of source and copy, which is right even if the source is older than a week. Titles that name months,
        quarters or years ("2026-10 월간 보고") move by months
    :param weeks: weeks to move
    :param months: months to move
    :param quarters: quarters to move
    :param years: years to move
    :param patterns: forms of dates to move, of :data:`DATE_FORMS`; by default all
    :param within: where to move dates: in ``text``, ``time`` and ``links``
    :param series: the title of a page, or of several: links to titles of another pattern stay. On a copy by default the
        source's title; an empty text moves the links to all titles with dates
    :param heading: move only the dates in the section of this heading
    :param around: reference day for dates without a year; by default the first date of the page that has a year
    :param tasks: move dates in tasks, too; ``False`` keeps the deadlines of tasks that are carried over
    :param leave: headings whose sections stay unchanged; the page does not need to have them
    :param parameters: names of macro parameters with text for readers or with dates, such as ``jqlQuery``
    :param expect: expected number of dates, with a range counted once and links not counted; ``None`` for any number,
        including 0
    :raises EditError: from :meth:`apply`, if the number of dates is another one, the heading is missing, an option is
        invalid, a date without a year needs ``around``, or a date would leave the years 1900 to 2199
    """

    template_fields: ClassVar[tuple[str, ...]] = (
        "days", "weeks", "months", "quarters", "years", "heading", "around", "series",
    )  # fmt: skip

    days: int | str = 0
    weeks: int | str = 0
    months: int | str = 0
    quarters: int | str = 0
    years: int | str = 0
    patterns: Sequence[str] = DATE_FORMS
    within: Sequence[str] = ("text", "time", "links")
    series: str | Sequence[str] | None = None
    heading: str | None = None
    around: dt.date | str | None = None
    tasks: bool = True
    leave: Sequence[str] = ()
    parameters: Sequence[str] = ("title",)
    expect: int | None = None

    def for_copy(self, source_title: str, title: str) -> Edit:
        """Return the edit for a copy: the titles determine the series and, with ``days="titles"``, the distance."""
        edit = replace(self, series=source_title) if self.series is None else self
        if self.days != "titles":
            return edit
        us = "us" in self.patterns
        old, new = _day_in(source_title, us=us), _day_in(title, us=us)
        if old is not None and new is not None:
            return replace(edit, days=(new - old).days, around=old if self.around is None else self.around)
        months = _months_between(source_title, title)
        if months is None:
            undated = source_title if old is None else title
            raise self.error(f"the title {undated!r} has no date with a year; give a number of days instead of 'titles'")
        around = self.around
        if around is None and read_title(source_title).has_year:
            around = read_title(source_title).day
        return replace(edit, days=0, months=_whole(self.months) + months, around=around)

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        if self.days == "titles":
            raise self.error("days='titles' works only for copies of a page; give a number of days")
        within = _check_names("within", self.within, ("text", "time", "links"))
        patterns = _check_names("patterns", self.patterns, _SELECTABLE)
        forms = (patterns if "text" in within else []) + (["time"] if "time" in within else [])
        section = None if self.heading is None else find_sections(self, document, self.heading)[0]
        left = self._protected_spans(document)
        distance = _Distance.of(self.days, self.weeks, self.months, self.quarters, self.years)

        def is_in_section(position: int) -> bool:
            return section is None or section.start <= position < section.end

        dates = [
            date
            for date in _dates_of(document, self.parameters, periods=distance.months != 0, us="us" in patterns)
            if not _is_in(date.position, left)
        ]
        shift = _Shift.of(distance, self.around, dates)
        texts: list[str] = []
        replacements: list[_TextChange] = []
        for date in dates:
            if date.form in forms and is_in_section(date.position):
                changes = date.replacements(shift)
                if changes is not None:
                    texts.append(date.text)
                    replacements += changes
        if self.expect is not None:
            self.check_count(texts, self.expect, "a date", texts)
        if not distance:
            return
        if "links" in within:

            def moves(position: int) -> bool:
                return is_in_section(position) and not _is_in(position, left)

            replacements += _link_replacements(document, shift, patterns, self.series, moves)
        document.replace(change for change in replacements if document.storage[change[0] : change[1]] != change[2])

    def _protected_spans(self, document: PageDocument) -> list[tuple[int, int]]:
        """Return the parts of the source in which dates stay."""
        spans = [
            document.span(task) for task in ([] if self.tasks else document.select("//ac:task[not(ancestor::ac:task)]"))
        ]
        parts = [(span.start, span.end) for span in spans]
        return sorted([*parts, *((part.start, part.end) for name in self.leave for part in sections(document, name))])


def shift_text(
    text: str,
    *,
    days: int | str = 0,
    weeks: int | str = 0,
    months: int | str = 0,
    quarters: int | str = 0,
    years: int | str = 0,
    patterns: Sequence[str] = DATE_FORMS,
    around: dt.date | str | None = None,
) -> str:
    """Move the dates of a title by the rules of :class:`ShiftDates`. Here an underscore ends a word (``20261119_Weekly``).

    ::

        shift_text("20261119_Weekly", weeks=1)  # 20261126_Weekly
        shift_text("2026-12 Monthly", months=1)  # 2027-01 Monthly

    :param text: a title, or other plain text
    :param days: days to move
    :param weeks: weeks to move
    :param months: months to move
    :param quarters: quarters to move
    :param years: years to move
    :param patterns: forms of dates to move, of :data:`DATE_FORMS`
    :param around: reference day for dates without a year; by default the first date of the text that has a year
    :return: the text with its dates moved
    :raises EditError: a date without a year needs ``around``, or an option is invalid
    """
    forms = _check_names("patterns", patterns, _SELECTABLE)
    distance = _Distance.of(days, weeks, months, quarters, years)
    dates = [_PlainDate(date) for date in _find_dates(text, title=True, periods=distance.months != 0, us="us" in forms)]
    shift = _Shift.of(distance, around, dates)
    return _move_text(text, dates if distance else (), shift, forms)


def _move_text(text: str, dates: Iterable[_PlainDate], shift: _Shift, forms: Sequence[str]) -> str:
    pieces: list[str] = []
    position = 0
    for date in dates:
        for start, end, new in sorted(date.match.changes(shift) or () if date.form in forms else ()):
            pieces += (text[position:start], new)
            position = end
    return "".join([*pieces, text[position:]])


def _link_replacements(
    document: PageDocument,
    shift: _Shift,
    forms: Sequence[str],
    series: str | Sequence[str] | None,
    moves: Callable[[int], bool],
) -> Iterator[_TextChange]:
    """Yield the replacements of dates in the titles of linked pages, and in the text of these links.

    :param moves: returns whether the dates at a position move
    """
    kinds, shift = TextKinds(), shift.for_links()
    titles = [series] if isinstance(series, str) else list(series or ())
    patterns = {read_title(name).pattern for name in titles if name}
    bodies: set[tuple[int, int]] = set()
    for page in document.select(_LINKED_PAGES):
        title, parent = page.get(f"{{{RI}}}content-title") or "", page.getparent()
        if not moves(document.span(page).start) or kinds.of(page) == TextKind.HIDDEN:
            continue
        # With attachments="reference", the copy itself refers to files of its source, which the copy does not have.
        is_own_file = title in titles and parent is not None and parent.tag == f"{{{RI}}}attachment"
        # Confluence refuses longer titles; reading them would cost time.
        if is_own_file or len(title) > _LONGEST_TITLE or (patterns and read_title(title).pattern not in patterns):
            continue
        moved = _move_reference(title, shift, forms)
        if moved == title:
            continue
        yield from change_attributes(document, page, {"ri:content-title": moved})
        for link in page.iterancestors(f"{{{AC}}}link"):
            bodies.add((document.span(link).inner, document.span(link).close))
    if bodies:
        yield from _link_text_replacements(document, shift, forms, sorted(bodies))


def _link_text_replacements(
    document: PageDocument, shift: _Shift, forms: Sequence[str], bodies: Sequence[tuple[int, int]]
) -> Iterator[_TextChange]:
    """Yield the replacements of dates in the text of links."""
    kinds = TextKinds()
    periods = shift.distance.months != 0
    for line in lines(document):
        for date in (
            _find_dates(line.text, title=True, periods=periods, us="us" in forms) if _is_in(line.start, bodies) else ()
        ):
            if date.form in forms and all(kinds.of(parent) == TextKind.LINK for parent in line.parents(*date.match.span())):
                yield from _TextDate(date, line).replacements(shift) or ()
    texts: set[_TextChange] = set()
    for start, end in bodies:
        for body in _CDATA.finditer(document.storage, start, end):
            for date in _find_dates(body[1], title=True, periods=periods, us="us" in forms):
                changes = date.changes(shift) if date.form in forms else None
                texts |= {(body.start(1) + first, body.start(1) + last, new) for first, last, new in changes or ()}
    yield from texts


def _move_reference(title: str, shift: _Shift, forms: Sequence[str]) -> str:
    dates = [
        _PlainDate(date) for date in _find_dates(title, title=True, periods=shift.distance.months != 0, us="us" in forms)
    ]
    return _move_text(title, dates, shift, forms)


def _is_in(position: int, parts: Sequence[tuple[int, int]]) -> bool:
    if not parts:
        return False
    number = bisect_right(parts, (position, sys.maxsize))
    return any(start <= position < end for start, end in parts[max(0, number - 2) : number])


def _whole(number: int | str) -> int:
    try:
        return int(number)
    except ValueError as error:
        raise EditError(f"ShiftDates: {error}; days, weeks, months, quarters and years must be whole numbers") from None


def _whole_units(count: int, size: int) -> int:
    """Return how many whole units a count has, rounded towards zero."""
    return abs(count) // size * (-1 if count < 0 else 1)


def _months_between(source_title: str, title: str) -> int | None:
    """Return the distance between titles that name months, quarters or years; ``None`` if they do not."""
    source, copy = read_title(source_title), read_title(title)
    if source.day is None or copy.day is None or source.has_year != copy.has_year:
        return None
    if source.form is None or source.form != copy.form or {"day", "week"} & set(source.form.split()):
        return None
    months = 12 * (copy.day.year - source.day.year) + copy.day.month - source.day.month
    return months if source.has_year else (months + 5) % 12 - 5


def _day_in(title: str, *, us: bool) -> dt.date | None:
    """Return the first date with a year in a title."""
    return next((date.full for date in _find_dates(title, title=True, us=us) if date.full is not None), None)


@dataclass(frozen=True)
class _Distance:
    """A number of months, and of days after them."""

    months: int
    days: int

    @classmethod
    def of(cls, days: int | str, weeks: int | str, months: int | str, quarters: int | str, years: int | str) -> _Distance:
        return cls(_whole(months) + 3 * _whole(quarters) + 12 * _whole(years), _whole(days) + 7 * _whole(weeks))

    def __bool__(self) -> bool:
        return bool(self.months or self.days)

    def __str__(self) -> str:
        return f"{self.months} months and {self.days} days" if self.months else f"{self.days} days"


@dataclass(frozen=True)
class _Shift:
    """The distance that dates move, and the context for reading them.

    :param distance: months and days to move
    :param around: returns the reference day for dates without a year; ``None`` if there is none
    :param padded: forms of dates, to whether the page writes them with leading zeros
    :param strict: a date without a year and without a reference day is an error; otherwise it stays
    :param known: changes of dates that were read before, by form and text; positions count from the date's start
    """

    distance: _Distance
    around: Callable[[], dt.date | None]
    padded: Mapping[str, bool]
    strict: bool = True
    known: dict[tuple[str, str], list[_TextChange] | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        distance: _Distance,
        around: dt.date | str | None,
        dates: Iterable[_TextDate | _TimeDate | _PlainDate],
    ) -> _Shift:
        """Return the shift of an edit, with the context of all dates on the page."""
        try:
            reference = dt.date.fromisoformat(around[:10]) if isinstance(around, str) else around
        except ValueError as error:
            raise EditError(f"ShiftDates: {error}; around must be a date such as 2026-11-19") from None
        padded: dict[str, bool] = {}
        full: list[tuple[int, dt.date]] = []
        for date in dates:
            if (day := date.full) is not None:
                full.append((date.position, day))
            if (padding := date.padding) is not None:
                padded.setdefault(date.style, padding)
            if (short := date.short_name) is not None:
                padded.setdefault(_SHORT_NAMES, short)

        @cache
        def near() -> dt.date | None:
            if reference is not None:
                return reference
            return min(full)[1] if full else None

        return cls(distance, near, padded)

    def for_links(self) -> _Shift:
        """Return the shift for links: there a date without a year stays if the page does not show the year."""
        return replace(self, strict=False, known={})

    def move(self, day: dt.date, *, whole_weeks: bool = False) -> dt.date:
        """Return a day after the shift.

        Whole weeks are rounded towards zero, so that a shift and its opposite cancel out.
        """
        days = 7 * _whole_units(self.distance.days, 7) if whole_weeks else self.distance.days
        try:
            moved = _shift_months(day, self.distance.months) if self.distance.months else day
            moved += dt.timedelta(days=days)
        except (OverflowError, ValueError):
            moved = dt.date.max
        if not _FIRST_YEAR <= moved.year <= _LAST_YEAR:
            raise self.outside(day)
        return moved

    def outside(self, day: dt.date | int) -> EditError:
        """Return the error of a date that would leave the supported years."""
        return EditError(f"ShiftDates: {day} moved by {self.distance} is outside the years {_FIRST_YEAR} to {_LAST_YEAR}")

    def resolve(self, year: str | None, day: Callable[[int], dt.date | None]) -> dt.date | None:
        """Return a day in its year; without a year, in the year that brings it nearest to the reference day."""
        if year is not None:
            return day(_year(year))
        around = self.around()
        if around is None:
            if not self.strict:
                return None
            raise EditError(
                "ShiftDates: the dates on the page have no year; set around to a day near them, such as 2026-11-19"
            )
        candidates = [day(around.year + step) for step in (1, 0, -1)]
        days = [candidate for candidate in candidates if candidate is not None]
        return min(days, key=lambda candidate: abs(candidate - around), default=None)


class _DateMatch:
    """A date that was found in a text.

    :param form: one of :data:`DATE_FORMS`
    :param match: match of the form's pattern
    """

    def __init__(self, form: str, match: re.Match[str]) -> None:
        self.form = form
        self.match = match
        self.parts: Mapping[str, str | None] = match.groupdict()

    @property
    def style(self) -> str:
        """The style of the date. Dates of one style share their padding; "2026. 1. 5" and "2026.01.05" are two styles."""
        spaced = self.form == "dotted" and bool(re.search(r"\.\s", self._between("year", "day")))
        return "dotted, spaced" if spaced else self.form

    @cached_property
    def padding(self) -> bool | None:
        """Return whether the numbers have leading zeros; ``None`` if the date has no number below 10."""
        padding = None
        for name, number in self.parts.items():
            if number and name in _PADDABLE:
                if number[0] in "0０":
                    return True
                if len(number) == 1:
                    padding = False
        return padding

    @property
    def short_name(self) -> bool | None:
        """Return whether the name of the month is short; ``None`` if there is none, or it is May, which is both."""
        name = self.parts.get("name")
        return None if name is None or name.lower() == "may" else len(name) <= 4 and name.lower() not in MONTHS

    @property
    def full(self) -> dt.date | None:
        """The day of a date with a year; the Thursday for a week."""
        year, week = self.parts.get("year"), self.parts.get("week")
        if year is None or self.form in _PERIOD_FORMS:
            return None
        return self._day(_year(year)) if week is None else _thursday(_year(year), int(week))

    def changes(self, shift: _Shift) -> list[_TextChange] | None:
        """Return the changes of the date's parts; ``None`` if the date does not exist."""
        start, key = self.match.start(), (self.form, self.match.group())
        if key not in shift.known:
            changes = self._changes(shift)
            shift.known[key] = (
                None
                if changes is None
                else [(change[0] - start, change[1] - start, change[2]) for change in changes if change is not None]
            )
        known = shift.known[key]
        return None if known is None else [(start + first, start + last, new) for first, last, new in known]

    def _changes(self, shift: _Shift) -> list[_TextChange | None] | None:
        if self.form in _PERIOD_FORMS:
            return self._period_changes(shift)
        if self.form == "english":
            return self._english_changes(shift)
        return self._week_changes(shift) if self.parts.get("week") else self._day_changes(shift)

    def _day_changes(self, shift: _Shift) -> list[_TextChange | None] | None:
        start = shift.resolve(self.parts.get("year"), self._day)
        if start is None:
            return None
        moved = shift.move(start)
        end = self._end(start)
        return [
            self._number(shift, "year", moved.year),
            self._number(shift, "month", moved.month),
            self._number(shift, "day", moved.day),
            _weekday(self.match, "weekday", moved),
            *(() if end is None else self._end_changes(shift, moved, shift.move(end))),
        ]

    def _english_changes(self, shift: _Shift) -> list[_TextChange | None] | None:
        """Return the changes of a date with the name of a month, or of a range of days of one month.

        The year is that of the range's end.
        """
        start = shift.resolve(self.parts.get("year"), self._day)
        if start is None:
            return None
        end = start if (end_day := self.parts.get("end_day")) is None else _day(start.year, start.month, int(end_day))
        if end is None or end < start:
            return None
        moved, moved_end = shift.move(start), shift.move(end)
        changes = [self._number(shift, "year", moved_end.year), _weekday(self.match, "weekday", moved_end)]
        changes.append(_weekday(self.match, "weekday_before", moved))
        is_name_first = self.match.start("name") < self.match.start("day")
        day, last = self._number(shift, "day", moved.day), self._number(shift, "end_day", moved_end.day)
        if (moved.year, moved.month) != (moved_end.year, moved_end.month) and day is not None and last is not None:
            # "Nov 19-25" becomes "Nov 26-Dec 2", and "19-25 Nov" becomes "26 Nov-2 Dec".
            if is_name_first:
                last = last[0], last[1], f"{self._name(shift, moved_end.month)} {last[2]}"
            else:
                end_of_day = self.match.end("ordinal") if self.parts.get("ordinal") else day[1]
                suffix = self._suffix("ordinal", moved.day)
                day = day[0], end_of_day, f"{day[2]}{suffix} {self._name(shift, moved.month)}"
        name = self._name(shift, moved.month if is_name_first else moved_end.month)
        changes += [day, last, (*self.match.span("name"), name)]
        if self.parts.get("ordinal") and (day is None or day[1] <= self.match.start("ordinal")):
            changes.append((*self.match.span("ordinal"), self._suffix("ordinal", moved.day)))
        if self.parts.get("end_ordinal"):
            changes.append((*self.match.span("end_ordinal"), self._suffix("end_ordinal", moved_end.day)))
        return changes

    def _name(self, shift: _Shift, month: int) -> str:
        """Return the name of a month in the length and case of the name in the date."""
        old = self.match["name"]
        if month == month_number(old):
            return old
        short = self.short_name
        if short is None:
            short = shift.padded.get(_SHORT_NAMES, False)
        name = MONTHS[month - 1][: 3 if short else None]
        return name.upper() if old.isupper() else name if old.islower() else name.capitalize()

    def _suffix(self, part: str, number: int) -> str:
        """Return the suffix of an ordinal number; empty without one in the date."""
        old = self.parts.get(part)
        if not old:
            return ""
        suffix = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return suffix.upper() if old.isupper() else suffix

    def _end_changes(self, shift: _Shift, start: dt.date, end: dt.date) -> list[_TextChange | None]:
        day = self._number(shift, "end_day", end.day)
        if self.match["end_month"] is None and day is not None and end.month != start.month:
            # "11/19~25" becomes "11/26~12/2": the end now needs a month of its own.
            month = self._digits(shift, self.match["end_day"], end.month)
            day = day[0], day[1], f"{month}{self._between('month', 'day')}{day[2]}"
        return [self._number(shift, "end_month", end.month), day, _weekday(self.match, "end_weekday", end)]

    def _week_changes(self, shift: _Shift) -> list[_TextChange | None] | None:
        last = shift.resolve(self.parts.get("year"), lambda year: _thursday(year, int(self.match["week"])))
        if last is None:
            return None
        new = shift.move(last, whole_weeks=True).isocalendar()
        changes = [self._number(shift, "year", new.year), self._number(shift, "week", new.week)]
        if self.parts.get("first_week"):
            number, year = int(self.match["first_week"]), last.isocalendar().year
            first = _thursday(year if number <= int(self.match["week"]) else year - 1, number)
            if first is None:
                return None
            changes.append(self._number(shift, "first_week", shift.move(first, whole_weeks=True).isocalendar().week))
        return changes

    def _period_changes(self, shift: _Shift) -> list[_TextChange | None] | None:
        """Return the changes of a month, quarter or year. It moves by whole ones, rounded towards zero like weeks."""
        part, in_year = next((found for found in (("quarter", 4), ("month", 12)) if found[0] in self.parts), ("year", 1))
        if self.form == "english_month":
            part, in_year = "name", 12
        old = self._month if part in ("name", "month") else 1 if part == "year" else int(self.match[part])
        first = int(self.parts.get("first_month") or 1)
        year = None if (written := self.parts.get("year")) is None else _year(written)
        if not 1 <= old <= in_year or not 1 <= first <= 12 or not _FIRST_YEAR <= (year or _FIRST_YEAR) <= _LAST_YEAR:
            return None
        steps = _whole_units(shift.distance.months, 12 // in_year)
        years, new = divmod(old - 1 + steps, in_year)
        if year is not None and not _FIRST_YEAR <= year + years <= _LAST_YEAR:
            raise shift.outside(year)
        return [
            None if year is None else self._number(shift, "year", year + years),
            None if part in ("year", "name") else self._number(shift, part, new + 1),
            (*self.match.span("name"), self._name(shift, new + 1)) if part == "name" else None,
            self._number(shift, "first_month", (first - 1 + steps) % 12 + 1),
        ]

    def _day(self, year: int) -> dt.date | None:
        return _day(year, self._month, int(self.match["day"]))

    @property
    def _month(self) -> int:
        name = self.parts.get("name")
        return int(self.match["month"]) if name is None else month_number(name) or 0

    def _end(self, start: dt.date) -> dt.date | None:
        """Return the last day of a range; ``None`` if there is no range, or the day would be before the start."""
        month, day = self.parts.get("end_month"), self.parts.get("end_day")
        if day is None:
            return None
        end = _day(start.year, int(month or start.month), int(day))
        if end is not None and end < start:
            return _day(start.year + 1, int(month), int(day)) if month else None
        return end

    def _between(self, first: str, second: str) -> str:
        return self.match.string[self.match.end(first) : self.match.start(second)]

    def _number(self, shift: _Shift, part: str, number: int) -> _TextChange | None:
        old = self.parts.get(part)
        if old is None:
            return None
        return *self.match.span(part), self._digits(shift, old, number % 100 if part == "year" and len(old) == 2 else number)

    def _digits(self, shift: _Shift, old: str, number: int) -> str:
        padded = self.padding
        if padded is None:
            padded = shift.padded.get(self.style, self.style in _PADDED)
        digits = str(number).zfill(2 if padded else 1)
        return digits.translate(_FULL_WIDTH) if old[0] >= "０" else digits


class _PlainDate:
    """A date in plain text."""

    def __init__(self, date: _DateMatch) -> None:
        self.match = date
        self.form, self.style, self.padding, self.full = date.form, date.style, date.padding, date.full
        self.short_name = date.short_name
        self.position = date.match.start()
        self.text = date.match.group()


class _TextDate(_PlainDate):
    """A date in a line of a page."""

    def __init__(self, date: _DateMatch, line: Line) -> None:
        super().__init__(date)
        self._line = line
        self.position = next(line.replacements(*date.match.span(), ""))[0]

    def replacements(self, shift: _Shift) -> list[_TextChange] | None:
        """Return the replacements in the source of the page."""
        changes = self.match.changes(shift)
        return None if changes is None else [part for change in changes for part in _rewrite(self._line, *change)]


class _TimeDate:
    """A ``<time>`` element, and the line after it, which may start with its weekday."""

    form = style = "time"
    padding = short_name = None

    def __init__(self, position: int, day: dt.date, line: Line | None) -> None:
        self.position = position
        self.full = day
        self.text = day.isoformat()
        self._line = line

    def replacements(self, shift: _Shift) -> list[_TextChange] | None:
        """Return the replacements in the source of the page."""
        moved = shift.move(self.full)
        changes = [(self.position, self.position + len(self.text), moved.isoformat())]
        if self._line is not None:
            weekday = _weekday(_LEADING_WEEKDAY.match(self._line.text), "weekday", moved)
            changes += [] if weekday is None else _rewrite(self._line, *weekday)
        return changes


def _rewrite(line: Line, start: int, end: int, new: str) -> Iterator[_TextChange]:
    """Yield replacements of only the characters that differ, so that each character stays within its tags."""
    if len(new) == end - start:
        for at, character in enumerate(new, start):
            if line.text[at] != character:
                yield from line.replacements(at, at + 1, character)
    else:
        yield from line.replacements(start, end, new)


def _dates_of(document: PageDocument, parameters: Iterable[str], *, periods: bool, us: bool) -> list[_TextDate | _TimeDate]:
    """Return the visible dates of a page."""
    kinds = TextKinds()
    times = [element for element in document.select("//time[@datetime]") if kinds.of(element) == TextKind.TEXT]
    after: dict[int, Line | None] = {document.span(element).end: None for element in times}
    names = set(parameters)

    def is_visible(element: etree._Element) -> bool:
        kind = kinds.of(element)
        return kind == TextKind.TEXT or (kind == TextKind.PARAMETER and element.get(f"{{{AC}}}name") in names)

    dates: list[_TextDate | _TimeDate] = []
    for line in lines(document):
        if line.start in after:
            after[line.start] = line
        if (_PERIOD_HINT if periods else _HINT).search(line.text):
            dates += [
                _TextDate(date, line)
                for date in _find_dates(line.text, periods=periods, us=us)
                if all(is_visible(parent) for parent in line.parents(*date.match.span()))
            ]
    for element in times:
        span = document.span(element)
        for attribute in _ATTRIBUTE.finditer(document.storage, span.start, span.inner):
            day = _iso(attribute["value"][1:]) if attribute["name"] == "datetime" else None
            if day is not None:
                dates.append(_TimeDate(attribute.start("value") + 1, day, after[span.end]))
    return dates


def _find_dates(text: str, *, title: bool = False, periods: bool = False, us: bool = False) -> Iterator[_DateMatch]:
    """Yield the dates of a text, from left to right.

    :param title: an underscore ends a word
    :param periods: find months, quarters and years, too
    :param us: find dates with month, day and year in this order, too
    """
    any_date = _any_form(periods, us)
    text = _URL.sub(lambda url: "x" * len(url.group()), text)
    position, before = 0, -1
    while any_form := any_date.search(text, position):
        start, end = any_form.span()
        form = any_form.lastgroup or ""
        match = _own_form(form).match(text, start)
        if match is not None and _starts_clean(text, start, before, title) and _ends_clean(match, form, title):
            yield _DateMatch(form.removesuffix("_2"), match)
            position = before = end
        else:
            position = start + 1


def _starts_clean(text: str, start: int, before: int, title: bool) -> bool:
    """Return whether the text before a match allows it to be a date.

    :param before: end of the previous date
    """
    if start == 0 or start == before:
        return start != before
    previous, earlier = text[start - 1], text[start - 2] if start > 1 else " "
    if previous in "-‐–—,;":
        return start - 1 == before or not _is_word(earlier)
    if previous == ":":
        return not earlier.isdigit()
    if previous == "_":
        return title or not _is_word(earlier)
    return previous not in "./\\@#=&%+$₩¥￥€" and not _is_word(previous)


def _ends_clean(match: re.Match[str], form: str, title: bool) -> bool:
    """Return whether the text after a match, and for short forms before it, allows it to be a date."""
    text, start, end = match.string, match.start(), match.end()
    if match.groupdict().get("year") is None:
        if form in _WORDS_OF_A_YEAR and _OF_A_YEAR.search(text, max(0, start - 2), start):
            return False
        if form in ("korean_week", "japanese_week") and _OF_A_MONTH.search(text, max(0, start - 4), start):
            return False
        name = match.groupdict().get("name")
        if name is not None and (
            name[0].islower() or (form == "english_month" and _DAY_BEFORE.search(text[max(0, start - 9) : start]))
        ):
            return False
    if form == "european" and _HALF_RANGE.search(text[max(0, start - 12) : start]):
        return False
    if form == "month_day" and _COUNTED.match(text, end):
        return False
    if text[end - 1] == ".":
        end -= 1
    if not text[end - 1].isdigit():
        return True
    following, later = text[end : end + 1], text[end + 1 : end + 2]
    if following and following in "-‐–—,":
        another = _own_form(form).match(text, end + 1)
        return not _is_word(later) or (another is not None and not _is_word(text[another.end() : another.end() + 1]))
    if following and following in ".:":
        return not _is_word(later)
    if following == "_":
        return title or not _is_word(later)
    return not (following and following in "/\\@=%+$°") and not _is_word(following)


def _is_word(character: str) -> bool:
    """Return whether a digit next to the character is part of a word. Hangul, kana and Chinese characters do not count."""
    return character.isdigit() or (character.isalpha() and character < "\u1100")


def _check_names(option: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    if isinstance(names, str) or any(name not in known for name in names):
        raise EditError(f"ShiftDates: {option} is {names!r}; it must be a list of {', '.join(known)}")
    return list(names)


def _year(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _thursday(year: int, week: int) -> dt.date | None:
    """Return the Thursday of a week, which determines the week's year (ISO 8601)."""
    try:
        return dt.date.fromisocalendar(year, week, 4) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    except ValueError:
        return None


def _iso(text: str) -> dt.date | None:
    parts = re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])", text)
    return _day(*map(int, parts.groups())) if parts else None


def _weekday(match: re.Match[str] | None, part: str, day: dt.date) -> _TextChange | None:
    """Return the change of the weekday after a date. The new weekday has the same script, length and case."""
    old = match.groupdict().get(part) if match is not None else None
    if match is None or old is None:
        return None
    number = day.weekday()
    korean, japanese, english = (names[number] for names in _WEEKDAYS)
    if old[0] in "".join(_WEEKDAYS[0]):
        new = korean + old[1:]
    elif old[0] in "".join(_WEEKDAYS[1]):
        new = japanese + old[1:]
    else:
        new = _FULL_WEEKDAYS[number] if old.lower().endswith("day") else english
        new = new.upper() if old.isupper() else new.lower() if old.islower() else new
    return *match.span(part), new
