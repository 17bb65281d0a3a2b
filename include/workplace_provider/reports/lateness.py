"""The alarm of a report: a message about a scheduled run that has not ended by a time of day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from workplace_provider.common.airflow_ui import run_url, ui_base
from workplace_provider.reports.deadline import UNWATCHED, ReportDeadline
from workplace_provider.slack.notifications.post import SlackPostNotifier

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.definitions.deadline import DeadlineAlert

    from workplace_provider.reports.definition import Late, ReportDefinition

_ENDED: Final = ("failed", "success")
_TEXT: Final = (
    ":alarm_clock: *{{ report }}* is late: it is not finished, and was due at {{ due }} (run `{{ dag_run.dag_run_id }}`)"
    "{% if run_url %}\n{{ 'Open the run' | slack_link(run_url) }}{% endif %}"
)


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
        if run.get("state") not in _ENDED and run.get("run_type") not in UNWATCHED:
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
