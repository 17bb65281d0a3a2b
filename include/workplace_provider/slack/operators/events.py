"""Operator that hands the events that started a run to what follows, and none of them twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot_access import RATE_LIMIT, RATE_WINDOW, RateLimiter, asker_of

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

STATE_KEY: Final = "slack_events"
OVERLAP: Final = timedelta(minutes=10)
"""Several triggerers may store events in another order than that of their times; so long, events are known by their ids."""
REMEMBERED_RUNS: Final = 50
"""For so many runs it is known what they took, in case their task is tried again."""


class SlackEventsOperator(WorkplaceOperator):
    """Returns the events of an asset that no run of this DAG has taken yet, oldest first.

    Airflow 3.3 gives a run only the events up to the one by which it was queued. One that comes a moment later, before the
    scheduler has made the run, starts no run of its own: it would wait for whatever comes next. This takes it along, and
    the next run does not get it again. How far the DAG is stands in the state store of the asset, with what each run has
    taken, so that a task that is tried again returns the same events.

    One task of it runs at a time (``max_active_tis_per_dag=1``), so that no two take the same events; what follows may run
    beside that of other runs. A run for which nothing is left is skipped.

    An event that is above its person's rate limit has ``over_limit``: 1 for the first one above it, then 2 and so on. The
    operators of a bot do not answer these; other tasks may look at it.

    :param asset: the asset that a ``SlackSocketModeTrigger`` watches, and that the DAG is scheduled on
    :param rate_limit: how many events of one person are within the limit, in all runs together
    :param rate_window: in how long a time
    """

    def __init__(
        self, *, asset: Asset, rate_limit: int = RATE_LIMIT, rate_window: timedelta = RATE_WINDOW, **kwargs: Any
    ) -> None:
        kwargs.setdefault("max_active_tis_per_dag", 1)
        super().__init__(**{**kwargs, "inlets": [asset, *(kwargs.get("inlets") or [])]})
        self.asset = asset
        self.rate_limit = rate_limit
        self.rate_window = rate_window

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the payloads of :class:`~workplace_provider.slack.triggers.socket.SlackSocketModeTrigger`.

        :raises AirflowSkipException: there is none that was not taken before
        """
        everything = cast("dict[str, Any]", context)
        store = everything["asset_state_store"][self.asset]
        key, run_id = f"{STATE_KEY}.{everything['dag'].dag_id}.{self.task_id}", everything["run_id"]
        known = store.get(key) or {"since": self._begin(everything), "ids": [], "runs": {}}
        earlier = known["runs"].get(run_id)
        events = [
            event
            for event in everything["inlet_events"][self.asset].after((earlier or known)["since"])
            if (event.extra or {}).get("payload")
        ]
        if earlier is not None:
            mine = [event for event in events if event.id in earlier["ids"]]
        else:
            mine = [event for event in events if event.id not in known["ids"]]
        if not mine:
            raise AirflowSkipException("a run before this one has taken every event")
        if earlier is None:
            state = self._taken(known, run_id, events, mine)
            store.set(key, state)
            earlier = state["runs"][run_id]
        # JSON has no numbers as keys.
        over = earlier.get("over") or {}
        return [_marked(event.extra["payload"], over.get(str(event.id))) for event in mine]

    def _taken(self, known: dict[str, Any], run_id: str, events: list[Any], mine: list[Any]) -> dict[str, Any]:
        """What to remember when a run takes some of the events."""
        taken = [event.id for event in mine]
        since = max(event.timestamp for event in mine) - OVERLAP
        done = {*known["ids"], *taken}
        limiter = RateLimiter(self.rate_limit, self.rate_window, known.get("asked") or {})
        counts = {str(event.id): _count(limiter, event) for event in mine}
        over = {id_: count for id_, count in counts.items() if count}
        runs = {**known["runs"], run_id: {"since": known["since"], "ids": taken, "over": over}}
        return {
            "asked": limiter.times(),
            "since": since.isoformat(),
            "ids": [event.id for event in events if event.id in done and event.timestamp >= since],
            "runs": dict(list(runs.items())[-REMEMBERED_RUNS:]),
        }

    def _begin(self, context: dict[str, Any]) -> str:
        """Where the first run of all begins: with the first event that started it."""
        times: list[datetime] = [event.timestamp for event in context["triggering_asset_events"].get(self.asset, ())]
        return min(times).isoformat() if times else context["dag_run"].run_after.isoformat()


def _count(limiter: RateLimiter, event: Any) -> int:
    asker = asker_of(event.extra["payload"])
    return limiter.count(asker, event.timestamp.timestamp()) if asker else 0


def _marked(payload: dict[str, Any], over_limit: int | None) -> dict[str, Any]:
    return {**payload, "over_limit": over_limit or 0}
