"""Timetable of reports whose report day moves if it is a public holiday."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow.timetables.trigger import CronTriggerTimetable

from workplace_provider.common.periods import PeriodRule

if TYPE_CHECKING:
    from pendulum import DateTime
    from pendulum.tz.timezone import FixedTimezone, Timezone

    from workplace_provider.reports.holidays import HolidayRule

_FARTHEST: Final = dt.timedelta(days=31)
"""How far a run moves at most: longer than the holidays of any country."""

_MOVES: Final = {
    "previous": "the working day before",
    "next": "the working day after",
    "skip": "no run",
}


class HolidayCronTimetable(CronTriggerTimetable):
    """Airflow's cron trigger timetable, with runs that move with the report day of their period.

    It is registered by the provider's plugin. The package ``holidays`` must be installed where the scheduler runs.

    ::

        HolidayCronTimetable("0 9 * * THU", timezone="Asia/Seoul", rule=HolidayRule("week", calendar="KR"))

    :param cron: cron expression
    :param timezone: time zone of the expression
    :param rule: rhythm of the report, with the calendar of its holidays
    """

    def __init__(self, cron: str, *, timezone: str | Timezone | FixedTimezone, rule: HolidayRule) -> None:
        super().__init__(cron, timezone=timezone)
        self._rule = rule
        self.description = f"{self.description}; on public holidays of {rule.calendar}: {_MOVES[rule.move]}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> HolidayCronTimetable:
        """Return the timetable of a serialized DAG."""
        from airflow._shared.timezones.timezone import parse_timezone

        from workplace_provider.reports.holidays import HolidayRule

        return cls(data["expression"], timezone=parse_timezone(data["timezone"]), rule=HolidayRule(**data["rule"]))

    def serialize(self) -> dict[str, Any]:
        """Return the timetable as plain data."""
        data = super().serialize()
        return {"expression": data["expression"], "timezone": data["timezone"], "rule": asdict(self._rule)}

    def _get_next(self, current: DateTime) -> DateTime:
        # Moves keep the order of runs, so the first moved run after a time is the next.
        planned = current - _FARTHEST if self._rule.move == "next" else current
        while True:
            planned = super()._get_next(planned)
            moved = self._moved(planned)
            if moved is not None and moved > current:
                return moved

    def _get_prev(self, current: DateTime) -> DateTime:
        planned = current + _FARTHEST if self._rule.move == "previous" else current
        while True:
            planned = super()._get_prev(planned)
            moved = self._moved(planned)
            if moved is not None and moved < current:
                return moved

    def _moved(self, planned: DateTime) -> DateTime | None:
        """Return the time of a run; ``None`` if its period has no report."""
        from airflow._shared.timezones.timezone import convert_to_utc, make_aware

        rule = self._rule
        local = planned.in_timezone(self._timezone)
        day = dt.date(local.year, local.month, local.day)
        period = rule.moved(PeriodRule.at(rule, day))
        if period.is_skipped:
            return None
        target = rule.run_day(day, period)
        if target == day:
            return planned
        return convert_to_utc(make_aware(dt.datetime.combine(target, local.time()), self._timezone))
