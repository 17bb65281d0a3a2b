"""The deadline of a report: an alarm for a scheduled run that has not ended by a time of day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo

from airflow.sdk.definitions.deadline import REFERENCE_TYPE_FIELD, BaseDeadlineReference

from workplace_provider.common.airflow_ui import run_url, ui_base
from workplace_provider.reports.reading import parse_time
from workplace_provider.slack.notifications.post import SlackPostNotifier

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.definitions.deadline import DeadlineAlert
    from sqlalchemy.orm import Session

    from workplace_provider.reports.definition import Late, ReportDefinition

OLDEST: Final = dt.timedelta(days=1)
"""An older run is not late but made up for, such as the last one before a pause of the DAG."""

_ENDED: Final = ("failed", "success")
_UNWATCHED: Final = ("backfill", "manual")
_TEXT: Final = (
    ":alarm_clock: *{{ report }}* is late: it is not finished, and was due at {{ due }} (run `{{ dag_run.dag_run_id }}`)"
    "{% if run_url %}\n{{ 'Open the run' | slack_link(run_url) }}{% endif %}"
)


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
        now = now or dt.datetime.now(dt.UTC)
        if run_type in _UNWATCHED or now - run_after > OLDEST:
            return None
        start = run_after.astimezone(ZoneInfo(self.zone))
        due = dt.datetime.combine(start.date(), parse_time(self.by), start.tzinfo)
        if run_type == "scheduled" and due <= start:
            due = dt.datetime.combine(start.date() + dt.timedelta(days=1), due.time(), start.tzinfo)
        return due.astimezone(dt.UTC)


class ReportLateNotifier(SlackPostNotifier):
    """Post that a report is late, from the triggerer, unless its run has ended: a failure has its own alarm.

    ::

        ReportLateNotifier(channel="#data-alarms", report="Weekly KPIs", zone="Asia/Seoul")

    :param report: name of the report
    :param zone: time zone of the DAG
    """

    # Channel and connection are texts of the definition, which are never rendered.
    template_fields: Sequence[str] = ("text", "key")

    def __init__(self, *, report: str, zone: str, **kwargs: Any) -> None:
        super().__init__(text=_TEXT, key="late {{ dag_run.dag_id }} {{ dag_run.dag_run_id }}", **kwargs)
        self.report = report
        self.zone = zone

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the message. The context of a deadline has the run and the deadline only."""
        values: Any = {**context, "report": self.report, "due": self._due(context), "run_url": _run_url(context)}
        super().render_template_fields(values, jinja_env)

    def notify(self, context: Context) -> None:
        """Post the alarm, unless the run has ended.

        :raises WorkplaceError: Slack did not accept it
        """
        run = _run(context)
        if run.get("state") not in _ENDED and run.get("run_type") not in _UNWATCHED:
            super().notify(context)

    def _due(self, context: Context) -> str:
        moment = context["deadline"]["deadline_time"]  # type: ignore[typeddict-item]
        if isinstance(moment, str):
            moment = dt.datetime.fromisoformat(moment.replace("Z", "+00:00"))
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M} {self.zone}"


def deadline_alert(definition: ReportDefinition, late: Late) -> DeadlineAlert:
    """Return the deadline of a report's DAG."""
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert

    values = {
        "channel": late.notify,
        "slack_conn_id": late.conn_id,
        "report": definition.name or definition.id,
        "zone": definition.timezone,
    }
    return DeadlineAlert(
        name="late",
        reference=ReportDeadline(by=late.by, zone=definition.timezone),
        interval=dt.timedelta(),
        callback=AsyncCallback(ReportLateNotifier, kwargs=values),
    )


def _run(context: Context) -> Mapping[str, Any]:
    run: Any = context["dag_run"]
    return run if isinstance(run, Mapping) else {}


def _run_url(context: Context) -> str:
    """Return the address of the run in Airflow's UI; empty if ``[api] base_url`` is not set."""
    run = _run(context)
    return run_url(str(run.get("dag_id", "")), str(run.get("dag_run_id", ""))) if ui_base() else ""
