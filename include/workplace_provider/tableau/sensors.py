"""Sensor that waits until a Tableau view has new data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import PokeReturnValue

from workplace_provider.common.fields import Field, template, text
from workplace_provider.common.report_date import report_day
from workplace_provider.common.sensor import RecheckingSensor
from workplace_provider.tableau.operators.base import POOL, TableauViewLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.tableau.client import View
    from workplace_provider.tableau.hooks import TableauRestHook


class TableauViewUpdatedSensor(RecheckingSensor):
    """Wait until a view, or the extract of its workbook, was refreshed.

    With ``deferrable``, the sensor occupies no worker while it waits. Each check still runs on a worker, in the pool of the
    personal access tokens: a check from the triggerer would end the session of a task that is exporting at that moment.

    ::

        TableauViewUpdatedSensor(task_id="kpi_is_fresh", view="WeeklyKPI/WAU", since="{{ ds }}", deferrable=True)

    :param view: the view: its URL from a browser, ``Workbook/Sheet`` as in that URL, its id, or its name
    :param workbook: name of the view's workbook, when ``view`` is a name
    :param project: name of the view's project, when workbooks in several projects have the same name
    :param since: earliest time of the refresh, or its day (from midnight in the DAG's time zone); by default the day that
        the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two checks
    """

    operator_extra_links = (TableauViewLink(),)
    ui_color = "#fff1e0"

    argument_defaults: ClassVar[Mapping[str, Any]] = {**RecheckingSensor.argument_defaults, "pool": POOL}
    default_poke_interval: ClassVar[float] = 300
    system = "Tableau"

    view: Field[str] = text()
    workbook: Field[str] = text(default="")
    project: Field[str] = text(default="")
    since: Field[str | date | datetime | None] = template(default=None)
    tableau_conn_id: Field[str] = text(default="tableau_default")

    view_url = ""

    @cached_property
    def hook(self) -> TableauRestHook:
        """Return the hook of the connection."""
        from workplace_provider.tableau.hooks import TableauRestHook

        return TableauRestHook(self.tableau_conn_id)

    def check(self, context: Context) -> PokeReturnValue:
        """Return the view's id, name, URL and time of its last update, once it was refreshed."""
        since = self._since(context)
        view = self._find_view()
        self.view_url = view.url
        done = view.updated_at is not None and view.updated_at >= since
        self.log.info("%s was updated at %s; waiting for %s or later", view, view.updated_at, since)
        updated = view.updated_at.isoformat() if view.updated_at else None
        facts = {"id": view.id, "name": view.name, "url": view.url, "updated_at": updated}
        return PokeReturnValue(is_done=done, xcom_value=facts if done else None)

    def describe_timeout(self, context: Context) -> str:
        """Return the message of a time-out."""
        return f"{self.view} was not refreshed since {self._since(context)} within {self.timeout:g} seconds"

    def _find_view(self) -> View:
        # Sign out after each check: an idle session would block the token for other tasks.
        with self.hook.client as client:
            return client.find_view(self.view, workbook=self.workbook, project=self.project)

    def _since(self, context: Context) -> datetime:
        zone = context["dag"].timezone
        since = self.since or report_day(context)
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        if not isinstance(since, datetime):
            since = datetime.combine(since, time.min)
        return since if since.tzinfo else since.replace(tzinfo=zone)
