"""Operator that hands the events that started a run to what follows, and none of them twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

STATE_KEY: Final = "slack_events"
OVERLAP: Final = timedelta(minutes=10)
"""Several triggerers may store events in another order than that of their times; so long, events are known by their ids."""


class SlackEventsOperator(BaseOperator):
    """Returns the events of an asset that no run of this DAG has taken yet, oldest first.

    Airflow 3.3 gives a run only the events up to the one by which it was queued. One that comes a moment later, before the
    scheduler has made the run, starts no run of its own: it would wait for whatever comes next. This takes it along, and
    the next run does not get it again. How far the DAG is stands in the state store of the asset.

    The DAG needs ``max_active_runs=1``: two runs at the same time could take the same events. A run for which nothing is
    left is skipped. A task that is tried again returns the same events.

    :param asset: the asset that a ``SlackSocketModeTrigger`` watches, and that the DAG is scheduled on
    """

    def __init__(self, *, asset: Asset, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "inlets": [asset, *(kwargs.get("inlets") or [])]})
        self.asset = asset

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the payloads of :class:`~workplace_provider.triggers.slack_socket.SlackSocketModeTrigger`.

        :raises AirflowSkipException: there is none that was not taken before
        """
        everything = cast("dict[str, Any]", context)
        of_task, of_asset = everything["task_state_store"], everything["asset_state_store"][self.asset]
        key = f"{STATE_KEY}.{everything['dag'].dag_id}.{self.task_id}"
        known = of_asset.get(key) or {"since": self._begin(everything), "ids": []}
        # What an earlier try took, it took for this one as well.
        earlier = of_task.get(STATE_KEY) or {"since": known["since"], "ids": None}
        events = [
            event
            for event in everything["inlet_events"][self.asset].after(earlier["since"])
            if (event.extra or {}).get("payload")
        ]
        if earlier["ids"] is None:
            earlier["ids"] = [event.id for event in events if event.id not in known["ids"]]
            of_task.set(STATE_KEY, earlier)
        mine = [event for event in events if event.id in earlier["ids"]]
        if not mine:
            raise AirflowSkipException("a run before this one has taken every event")
        since = max(event.timestamp for event in mine) - OVERLAP
        done = {*known["ids"], *earlier["ids"]}
        recent = [event.id for event in events if event.id in done and event.timestamp >= since]
        of_asset.set(key, {"since": since.isoformat(), "ids": recent})
        return [event.extra["payload"] for event in mine]

    def _begin(self, context: dict[str, Any]) -> str:
        """Where the first run of all begins: with the first event that started it."""
        times: list[datetime] = [event.timestamp for event in context["triggering_asset_events"].get(self.asset, ())]
        return min(times).isoformat() if times else context["dag_run"].run_after.isoformat()
