"""Sensor that waits for fresh data in Tableau."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.report_date import report_day
from workplace_provider.tableau.operators.base import InTokenPool, TableauViewLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.tableau.client import View
    from workplace_provider.tableau.hooks import TableauRestHook


class TableauViewUpdatedSensor(InTokenPool, WorkplaceOperator, BaseSensorOperator):
    """Wait until a view, or the extract of its workbook, was refreshed.

    With ``deferrable`` no worker is taken while it waits. It looks on a worker all the same, in the pool of the personal
    access tokens: looking from the triggerer would end the session of a task that exports at that moment.

    :param view: the view: its URL from a browser, ``Workbook/Sheet`` as in that URL, its id, or its name
    :param workbook: name of its workbook, when ``view`` is a name
    :param project: name of its project, to tell workbooks of the same name apart
    :param since: moment, or day (its midnight in the DAG's time zone), at or after which the refresh must have been; by
        default the day that the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two looks
    """

    template_fields: Sequence[str] = ("tableau_conn_id", "view", "workbook", "project", "since")
    operator_extra_links = (TableauViewLink(),)
    ui_color = "#fff1e0"

    def __init__(
        self,
        *,
        view: str,
        workbook: str = "",
        project: str = "",
        since: str | date | datetime | None = None,
        tableau_conn_id: str = "tableau_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 300,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("mode", "reschedule")
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.view = view
        self.workbook = workbook
        self.project = project
        self.since = since
        self.tableau_conn_id = tableau_conn_id
        self.deferrable = deferrable
        self.view_url = ""

    @cached_property
    def hook(self) -> TableauRestHook:
        """The hook of the connection."""
        from workplace_provider.tableau.hooks import TableauRestHook

        return TableauRestHook(self.tableau_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait.

        :return: the view's id, name and URL, and when it was updated
        :raises AirflowFailException: when a retry cannot help
        :raises AirflowSensorTimeout: when it was not refreshed within ``timeout`` seconds
        """
        if not self.deferrable:
            return super().execute(context)
        deadline = datetime.now(UTC) + timedelta(seconds=self.timeout)
        return self.look_again(context, deadline=deadline.isoformat())

    def look_again(self, context: Context, event: Any = None, *, deadline: str) -> Any:
        """Look, and go on waiting in the triggerer when there is nothing new.

        :param event: what the trigger said, which is only that the time is up
        :param deadline: moment to give up at
        """
        found = self.poke(context)
        if found:
            return found.xcom_value
        if datetime.now(UTC) + timedelta(seconds=self.poke_interval) > datetime.fromisoformat(deadline):
            message = f"{self.view} was not refreshed since {self._since(context)} within {self.timeout:g} seconds"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=self.poke_interval)),
            method_name="look_again",
            kwargs={"deadline": deadline},
        )
        return None

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; what passes by itself, such as a server that is restarted at night, counts as "not yet"."""
        from workplace_provider.http.errors import WorkplaceError

        since = self._since(context)
        with fail_on_permanent_error():
            try:
                view = self._found()
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                self.log.warning("not yet: %s", error)
                return PokeReturnValue(is_done=False)
        self.view_url = view.url
        done = view.updated_at is not None and view.updated_at >= since
        self.log.info("%s was updated at %s; waiting for %s or later", view, view.updated_at, since)
        updated = view.updated_at.isoformat() if view.updated_at else None
        facts = {"id": view.id, "name": view.name, "url": view.url, "updated_at": updated}
        return PokeReturnValue(is_done=done, xcom_value=facts if done else None)

    def _found(self) -> View:
        # Sign out at once: a session that waits would be in the way of the next task.
        with self.hook.client as client:
            return client.find_view(self.view, workbook=self.workbook, project=self.project)

    def _since(self, context: Context) -> datetime:
        zone = context["dag"].timezone
        given = self.since or report_day(context)
        if isinstance(given, str):
            with fail_on_permanent_error():
                given = datetime.fromisoformat(given)
        if not isinstance(given, datetime):
            given = datetime.combine(given, time.min)
        return given if given.tzinfo else given.replace(tzinfo=zone)
