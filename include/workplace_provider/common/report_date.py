"""The report day of a run, and titles with its date.

Never the wall clock: a retried, cleared or backfilled run reports on the same day as at first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final

from jinja2 import pass_context

from workplace_provider.common.periods import WEEKDAYS, parse_day, round_down, shift

if TYPE_CHECKING:
    from jinja2.runtime import Context as TemplateContext

__all__ = ["WEEKDAYS", "format_date", "report_date", "report_day", "report_title", "report_window", "title_on"]

_DIRECTIVE = re.compile(r"%(-?[A-Za-z%])")
_DAY_DIRECTIVES: Final = frozenset("aAdjuwxD") | {"-d", "-j"}
_DATE_DIRECTIVES: Final = frozenset("aAbBdjmUuVwWxyYGD") | {"-d", "-m", "-j", "-V"}


def report_day(
    context: Mapping[str, Any],
    *,
    weekday: str | None = None,
    weeks: int = 0,
    months: int = 0,
    quarters: int = 0,
    years: int = 0,
) -> date:
    """Return the day that a run reports on.

    It is ``params.report_date``, else the partition key, else the end of the data interval, else the time after which the
    run was due (a manual or asset-triggered run has nothing else), in the DAG's time zone; rounded down to a weekday. Param
    and partition key are read by :func:`~workplace_provider.common.periods.parse_day`; the key of a month, quarter or year
    is its first day.

    :param context: the task's context
    :param weekday: English name of the weekday; ``params.weekday`` when it is ``None``; no rounding when both are absent
    :param weeks: whole weeks to add, -1 for the report before
    :param months: months to add; the last day of a month stays the last day
    :param quarters: quarters to add
    :param years: years to add
    :raises ValueError: a date or weekday is invalid; the message names where it came from
    """
    params = context.get("params") or {}
    if requested := params.get("report_date"):
        day = parse_day(str(requested), "params.report_date")
    elif key := context.get("partition_key"):
        day = parse_day(str(key), "the partition key")
    else:
        moment: datetime = context.get("data_interval_end") or context["dag_run"].run_after
        day = moment.astimezone(context["dag"].timezone).date()
    if name := weekday or params.get("weekday"):
        day = round_down(day, name)
    return shift(day, weeks=weeks, months=months, quarters=quarters, years=years)


def report_window(
    context: Mapping[str, Any], *, days: int | None = 7, zone: tzinfo | None = None
) -> tuple[datetime, datetime]:
    """Return start and end of the time that a run reports on; the end is exclusive.

    The window has the whole days before the :func:`report_day`, which the Params ``report_date`` and ``weekday`` may set: a
    report of Thursday the 19th with seven days covers Thursday the 12th, 00:00, to Thursday the 19th, 00:00. So consecutive
    reports neither overlap nor have gaps, and a late, retried or backfilled run reports on the same days.

    :param context: the task's context
    :param days: number of whole days before the report day; ``None`` for the run's data interval
    :param zone: time zone of the days; by default that of the DAG
    :raises ValueError: if the number of days is below 1, or the run has no data interval
    """
    if days is None:
        begin, end = context.get("data_interval_start"), context.get("data_interval_end")
        if begin is None or end is None or begin >= end:
            raise ValueError("the run has no data interval; set the number of days before the report day")
        return begin, end
    if days < 1:
        raise ValueError(f"days is {days}; a report covers at least one day")
    zone = zone or context["dag"].timezone
    day = report_day(context)
    # By the calendar: a day with a change of the clocks has 23 or 25 hours.
    return datetime.combine(day - timedelta(days=days), time(), zone), datetime.combine(day, time(), zone)


def title_on(pattern: str, day: date) -> str:
    """Return a title with the date of a day.

    ::

        title_on("%Y%m%d_주간 보고", date(2026, 11, 19))  # 20261119_주간 보고

    :param pattern: text with the directives of :meth:`datetime.date.strftime`, such as ``%Y%m%d_주간 보고``; ``%-m`` and
        ``%-d`` are without a leading zero; ``%G-W%V`` is the ISO week, whose year (``%G``) differs from ``%Y`` around new
        year
    :raises ValueError: if a directive is unknown, or the pattern has no date, so that all runs would have the same title
    """
    directives = _DIRECTIVE.findall(pattern)
    if not _DATE_DIRECTIVES.intersection(directives):
        raise ValueError(
            f"the title pattern {pattern!r} has no date, so every run would have the same title: "
            "add directives such as %Y%m%d, or %G-W%V for the ISO week"
        )
    return format_date(pattern, day)


def names_day(pattern: str) -> bool:
    """Return whether a pattern has directives for a day, not only for its week, month or year."""
    return not _DAY_DIRECTIVES.isdisjoint(_DIRECTIVE.findall(pattern))


def format_date(pattern: str, day: date) -> str:
    """Return a text with the date of a day, as :func:`title_on` does; it may also have no date.

    :raises ValueError: if a directive is unknown
    """

    def format_directive(match: re.Match[str]) -> str:
        directive = match.group(1)
        if directive == "%":
            return "%"
        if directive not in _DATE_DIRECTIVES:
            raise ValueError(f"%{directive} in the title pattern {pattern!r} is not a date directive")
        # One directive at a time: strftime of some C libraries corrupts Korean text between directives.
        text = day.strftime(f"%{directive.lstrip('-')}")
        return text.lstrip("0") if directive.startswith("-") else text

    return _DIRECTIVE.sub(format_directive, pattern)


@pass_context
def report_date(context: TemplateContext, **options: Any) -> date:
    """Macro: :func:`report_day` of the run that renders the template, with its options."""
    return report_day(context.get_all(), **options)


@pass_context
def report_title(context: TemplateContext, pattern: str, **options: Any) -> str:
    """Macro: :func:`title_on` for the day that the run reports on, with the options of :func:`report_day`."""
    return title_on(pattern, report_day(context.get_all(), **options))
