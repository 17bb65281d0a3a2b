"""Base class of the sensors that wait until something in Tableau was refreshed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

    from workplace_provider.tableau.client import TableauClient
    from workplace_provider.tableau.hooks import TableauRestHook


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The content that a sensor waits for, and the time of its last refresh."""

    id: str
    name: str
    url: str
    updated_at: datetime | None


class TableauRefreshedSensor(RecheckingSensor):
    """Base class of the sensors that wait until something was refreshed.

    :param project: name of its project, or its path such as ``Parent/Team``, when several have the same name
    :param since: earliest time of the refresh, or its day (from midnight in the DAG's time zone); by default the day that
        the run reports on
    :param tableau_conn_id: connection of type ``tableau_rest``
    """

    operator_extra_links = (TableauViewLink(),)
    ui_color = "#fff1e0"

    argument_defaults: ClassVar[Mapping[str, Any]] = {**RecheckingSensor.argument_defaults, "pool": POOL}
    default_poke_interval: ClassVar[float] = 300
    system = "Tableau"

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
        """Return id, name, URL and time of the last refresh, once that is new enough."""
        since = self._since(context)
        # Sign out after each check: an idle session would block the token for other tasks.
        with self.hook.client as client:
            found = self._find(client)
        self.view_url = found.url
        done = found.updated_at is not None and found.updated_at >= since
        self.log.info("%s was refreshed at %s; waiting for %s or later", found.name, found.updated_at, since)
        updated = found.updated_at.isoformat() if found.updated_at else None
        facts = {"id": found.id, "name": found.name, "url": found.url, "updated_at": updated}
        return PokeReturnValue(is_done=done, xcom_value=facts if done else None)

    def describe_timeout(self, context: Context) -> str:
        """Return the message of a time-out."""
        return f"{self._reference()} was not refreshed since {self._since(context)} within {self.timeout:g} seconds"

    def _find(self, client: TableauClient) -> Refreshed:
        raise NotImplementedError

    def _reference(self) -> str:
        raise NotImplementedError

    def _since(self, context: Context) -> datetime:
        zone = context["dag"].timezone
        since = self.since or report_day(context)
        if isinstance(since, str):
            since = datetime.fromisoformat(since)
        if not isinstance(since, datetime):
            since = datetime.combine(since, time.min)
        return since if since.tzinfo else since.replace(tzinfo=zone)
