"""The deadline of a report: the time of day by which a scheduled run must have ended.

The provider's plugin registers it, so every process of Airflow imports this module.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo

from airflow.sdk.definitions.deadline import REFERENCE_TYPE_FIELD, BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OLDEST: Final = dt.timedelta(days=1)
"""An older run is not late but made up for, such as the last one before a pause of the DAG."""

UNWATCHED: Final = ("backfill", "manual")
"""Types of runs that are never late: no one waits for them."""


@dataclass(eq=False)
class ReportDeadline(BaseDeadlineReference):
    """The time of day by which a run must be finished, on the day of the run in the DAG's time zone.

    Airflow's own references are relative to the logical date, which runs by assets and partitions do not have, or to the
    time when a run was queued, which is late if the scheduler is. It is registered by the provider's plugin.

    :param by: time of day
    :param zone: time zone of the DAG
    """

    by: str = "00:00"
    zone: str = "UTC"

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def serialize_reference(self) -> dict[str, Any]:
        """Return the reference as plain data."""
        return {REFERENCE_TYPE_FIELD: self.reference_name, "by": self.by, "zone": self.zone}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> ReportDeadline:
        """Return the reference of a serialized DAG."""
        return cls(by=reference_data["by"], zone=reference_data["zone"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> dt.datetime | None:
        """Return the deadline of a run; ``None`` for one that no one waits for."""
        from airflow.models import DagRun
        from sqlalchemy import select

        query = select(DagRun.run_after, DagRun.run_type).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        row = session.execute(query).one_or_none()
        return self.deadline(row.run_after, str(getattr(row.run_type, "value", row.run_type))) if row else None

    def deadline(self, run_after: dt.datetime, run_type: str, now: dt.datetime | None = None) -> dt.datetime | None:
        """Return the deadline of a run; ``None`` for a backfill, a manual run, or one of an old day.

        A run by the clock that begins after the time of day is due on the next day. A run by assets that begins after it is
        late already.
        """
        from workplace_provider.reports.reading import parse_time

        now = now or dt.datetime.now(dt.UTC)
        if run_type in UNWATCHED or now - run_after > OLDEST:
            return None
        start = run_after.astimezone(ZoneInfo(self.zone))
        due = dt.datetime.combine(start.date(), parse_time(self.by), start.tzinfo)
        if run_type == "scheduled" and due <= start:
            due = dt.datetime.combine(start.date() + dt.timedelta(days=1), due.time(), start.tzinfo)
        return due.astimezone(dt.UTC)
