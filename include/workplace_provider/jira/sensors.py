"""Sensor that waits until a sprint is closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue

from workplace_provider.common.fields import Field, template, text
from workplace_provider.common.sensor import RecheckingSensor
from workplace_provider.jira.operators import parse_name_or_id

if TYPE_CHECKING:
    from airflow.sdk import Context


class JiraSprintClosedSensor(RecheckingSensor):
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
    system = "Jira"

    board: Field[str | None] = template(parse=parse_name_or_id)
    sprint: Field[str | None] = template(default=None, parse=parse_name_or_id)
    since: Field[str | datetime | None] = template(default=None)
    jira_conn_id: Field[str] = text(default="jira_default")

    def check(self, context: Context) -> PokeReturnValue:
        """Return the closed sprint's id, name, time of its end (``completed_at``), and ``key``.

        The key has id and time: the same sprint has another key if it was reopened and closed again.
        """
        from workplace_provider.jira.hooks import jira_client

        if not self.board:
            raise ValueError("board is empty; set it to the name or id of the sprint's board")
        since = self._since(context)
        with jira_client(self.jira_conn_id) as client:
            closed = client.closed_sprints(self.board, since, self.sprint)
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

    def describe_timeout(self, context: Context) -> str:
        """Return the message of a time-out."""
        return f"no sprint of the board {self.board} was closed within {self.timeout:g} seconds"

    def _since(self, context: Context) -> datetime:
        since = self.since or context["dag_run"].run_after
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        return since if since.tzinfo else since.replace(tzinfo=context["dag"].timezone)
