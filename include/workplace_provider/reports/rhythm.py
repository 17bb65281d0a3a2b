"""The rhythm of a report as plain data.

It is in the serialized DAG, where the page *Reports* finds it: Airflow's API server does not import DAG files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from workplace_provider.common.periods import PeriodRule
from workplace_provider.reports.holidays import HolidayRule, is_skipped, planned

if TYPE_CHECKING:
    from workplace_provider.common.periods import Period
    from workplace_provider.reports.definition import ReportDefinition

REPORT_TAG: Final = "report"
"""Tag of the DAGs that the page *Reports* shows."""

BROKEN_TAG: Final = "broken definition"

GRACE: Final = dt.timedelta(minutes=15)
"""Time after the schedule until a report without a run is late, if its definition does not say it."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The periods of a report, and the time at which each is due.

    ::

        Rhythm(PeriodRule("week", weekday="thursday"), zone="Asia/Seoul", cron="0 9 * * THU")

    :param rule: the periods
    :param zone: name of the time zone
    :param cron: the schedule; empty for a report that assets or people start
    :param late_by: time of the day, such as ``10:00``, from which an unpublished report is late
    """

    rule: PeriodRule
    zone: str = "UTC"
    cron: str = ""
    late_by: str = ""

    @classmethod
    def parse(cls, data: Any) -> Rhythm:
        """Return the rhythm of what :meth:`as_dict` has returned.

        :raises ValueError: if it is something else
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("rule"), Mapping):
            raise ValueError(f"the rhythm is {data!r}; it must be a mapping with a rule")
        try:
            rule = HolidayRule(**data["rule"]) if "calendar" in data["rule"] else PeriodRule(**data["rule"])
            ZoneInfo(str(data.get("zone")))
            return cls(rule, str(data["zone"]), str(data.get("cron") or ""), str(data.get("late_by") or ""))
        except (TypeError, AttributeError, KeyError, OSError) as error:
            raise ValueError(f"the rhythm is invalid: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """Return the rhythm as data for a serialized DAG."""
        return asdict(self)

    def current(self, now: dt.datetime) -> Period:
        """Return the period that a run at this time would report on."""
        return self.rule.at(now.astimezone(ZoneInfo(self.zone)).date())

    def newest_first(self, period: Period, skip: int, count: int) -> Iterator[Period]:
        """Yield periods in the order of the calendar, with those that have no report because of a holiday.

        :param period: the newest period
        :param skip: number of the newest periods to leave out
        """
        with suppress(ValueError):  # before the year 1900
            for number in range(skip, skip + count):
                yield self._moved(planned(period).shift(-number))

    def next(self, period: Period) -> Period:
        """Return the period after one, also if it has no report."""
        return self._moved(planned(period).shift(1))

    def _moved(self, period: Period) -> Period:
        return self.rule.moved(period) if isinstance(self.rule, HolidayRule) else period

    def late_from(self, period: Period) -> dt.datetime | None:
        """Return the time from which a period without a page is late; ``None`` if no time starts its run."""
        due = self._due(period)
        if due is None:
            return None
        if not self.late_by:
            return due + GRACE
        late_from = dt.datetime.combine(due, dt.time.fromisoformat(self.late_by), due.tzinfo)
        # As the alarm: a run that begins after this time is due on the next day.
        return late_from if late_from > due else late_from + dt.timedelta(days=1)

    def _due(self, period: Period) -> dt.datetime | None:
        """Return the first time of the schedule for a period: until the report day of the next one."""
        from croniter import croniter

        if not self.cron or is_skipped(period):
            return None
        # Without a zone, as the hands of a clock: a schedule at nine is at nine in winter and in summer.
        begin = dt.datetime.combine(period.planned_day, dt.time())
        due: dt.datetime = croniter(self.cron, begin - dt.timedelta(seconds=1)).get_next(dt.datetime)
        if due.date() >= planned(period).shift(1).day:
            return None
        if isinstance(self.rule, HolidayRule):
            due = dt.datetime.combine(self.rule.run_day(due.date(), period), due.time())
        return due.replace(tzinfo=ZoneInfo(self.zone))


def rhythm_of(definition: ReportDefinition, rule: PeriodRule) -> Rhythm:
    """Return the rhythm of a definition."""
    cron = definition.schedule if isinstance(definition.schedule, str) else ""
    return Rhythm(rule, definition.timezone, cron, definition.late.by.strip().zfill(5) if definition.late else "")
