"""Sensor that waits until a sprint is closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, template, text
from workplace_provider.common.operator import WorkplaceSensor
from workplace_provider.jira.operators import parse_name_or_id

if TYPE_CHECKING:
    from airflow.sdk import Context


class JiraSprintClosedSensor(WorkplaceSensor):
    """Wait until a sprint of a board is closed.

    A sprint counts if it was created on the board and was closed after ``since``; its planned end does not matter. So a
    retry, or a run after a downtime, finds the same sprint, and a sprint that is reopened and closed again counts again.
    With ``deferrable`` the sensor occupies no worker while it waits.

    ::

        JiraSprintClosedSensor(task_id="closed", board="Analytics", since="{{ prev_start_date_success }}", deferrable=True)

    :param board: id or name of the board
    :param sprint: id or name of the sprint; any sprint of the board if it is missing
    :param since: the sprint must be closed after this time; by default the time from which the run may start
    :param jira_conn_id: connection of type ``jira``, for Jira Data Center or Jira Cloud
    :param deferrable: wait in the triggerer
    :param poke_interval: seconds between two checks
    """

    ui_color = "#e9f2ff"
    default_poke_interval = 300

    board: Field[str | None] = template(parse=parse_name_or_id)
    sprint: Field[str | None] = template(default=None, parse=parse_name_or_id)
    since: Field[str | datetime | None] = template(default=None)
    jira_conn_id: Field[str] = text(default="jira_default")

    def execute(self, context: Context) -> Any:
        """Wait for the sprint.

        :return: the sprint's id, name, time of its end (``completed_at``), and ``key``, which has both: the same sprint has
            another key if it was reopened and closed again
        :raises AirflowFailException: the error is permanent, so that a retry cannot help
        :raises AirflowSensorTimeout: no sprint was closed within ``timeout`` seconds
        """
        if not self.deferrable:
            return super().execute(context)
        deadline = datetime.now(UTC) + timedelta(seconds=self.timeout)
        return self.look_again(context, deadline=deadline.isoformat())

    def look_again(self, context: Context, event: Any = None, *, deadline: str) -> Any:
        """Check once, and defer again if no sprint was closed yet.

        :param event: the trigger's event, which has no content
        :param deadline: time of the sensor's time-out
        """
        result = self.poke(context)
        if result:
            return result.xcom_value
        if datetime.now(UTC) + timedelta(seconds=self.poke_interval) > datetime.fromisoformat(deadline):
            message = f"no sprint of the board {self.board} was closed within {self.timeout:g} seconds"
            raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=self.poke_interval)),
            method_name="look_again",
            kwargs={"deadline": deadline},
        )
        return None

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once. A transient error, such as a server that restarts at night, counts as "not yet"."""
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.jira.hooks import jira_client

        with fail_on_permanent_error("Jira"):
            self.parse_fields()
            if not self.board:
                raise ValueError("board is empty; set it to the name or id of the sprint's board")
            since = self._since(context)
            try:
                with jira_client(self.jira_conn_id) as client:
                    closed = client.closed_sprints(self.board, since, self.sprint)
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                self.log.warning("not yet: %s", error)
                return PokeReturnValue(is_done=False)
        if not closed:
            self.log.info("not yet: no sprint was closed after %s", since)
            return PokeReturnValue(is_done=False)
        # The earliest one: a next run with its time as `since` finds the sprint after it.
        sprint = closed[0]
        self.log.info("closed at %s: %s (%d)", sprint.completed, sprint.name, sprint.id)
        facts: Mapping[str, Any] = {
            "id": sprint.id,
            "name": sprint.name,
            "completed_at": sprint.completed,
            "key": f"{sprint.id}@{sprint.completed}",
        }
        return PokeReturnValue(is_done=True, xcom_value=facts)

    def _since(self, context: Context) -> datetime:
        since = self.since or context["dag_run"].run_after
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        return since if since.tzinfo else since.replace(tzinfo=context["dag"].timezone)
