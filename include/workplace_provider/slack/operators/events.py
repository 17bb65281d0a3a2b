"""Operator that passes each Slack event to exactly one run of a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot_access import RATE_LIMIT, RATE_WINDOW, RateLimiter, rate_limit_key

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from workplace_provider.common.fields import Field

STATE_KEY: Final = "slack_events"
OVERLAP: Final = timedelta(minutes=10)
"""Several triggerers may store events out of order. Within this time, events are identified by their ids."""
REMEMBERED_EVENTS: Final = 300
"""Number of Slack's ids that are remembered: two triggerers with a socket each may store one event twice."""
REMEMBERED_RUNS: Final = 50
"""Number of runs whose events are remembered for retries of their task."""


class SlackEventsOperator(WorkplaceOperator):
    """Return the events of an asset that no run of this DAG has processed yet, oldest first.

    ::

        events = SlackEventsOperator(task_id="events", asset=questions)
        SlackCommandOperator(task_id="read", events=events.output, command=COMMITS)

    Airflow 3.3 passes a run only the events up to the one that queued it. An event that arrives a moment later, before the
    scheduler has created the run, does not start another run and would wait for the next event. This operator includes it,
    and the next run does not receive it again. The DAG's position and the events of each run are kept in the state store of
    the asset, so that a retry returns the same events.

    One task instance runs at a time (``max_active_tis_per_dag=1``), so that no two take the same events; downstream tasks of
    several runs may run in parallel. A run without remaining events is skipped.

    An event above its author's rate limit has ``over_limit``: 1 for the first one above it, then 2 and so on. The operators
    of a bot do not answer these events; other tasks may use the value.

    :param asset: asset with a ``SlackSocketModeTrigger`` as its watcher, which schedules the DAG
    :param rate_limit: maximum events of one person within the window, over all runs
    :param rate_window: length of the window
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"max_active_tis_per_dag": 1}

    asset: Field[Asset] = fields.option()
    rate_limit: Field[int] = fields.option(default=RATE_LIMIT)
    rate_window: Field[timedelta] = fields.option(default=RATE_WINDOW)

    def __post_init__(self) -> None:
        self.inlets = [self.asset, *(self.inlets or [])]

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the payloads of :class:`~workplace_provider.slack.triggers.socket.SlackSocketModeTrigger`.

        :raises AirflowSkipException: earlier runs have processed all events
        """
        values = cast("dict[str, Any]", context)
        store = values["asset_state_store"][self.asset]
        key, run_id = f"{STATE_KEY}.{values['dag'].dag_id}.{self.task_id}", values["run_id"]
        state = store.get(key) or {"since": self._first_position(values), "ids": [], "runs": {}}
        run_state = state["runs"].get(run_id)
        events = [
            event
            for event in values["inlet_events"][self.asset].after((run_state or state)["since"])
            if (event.extra or {}).get("payload")
        ]
        if run_state is not None:
            mine = [event for event in events if event.id in run_state["ids"]]
        else:
            mine = _without_copies([event for event in events if event.id not in state["ids"]], state.get("seen") or ())
        if not mine:
            raise AirflowSkipException("no new events: earlier runs have processed all of them")
        if run_state is None:
            state = self._next_state(state, run_id, events, mine)
            store.set(key, state)
            run_state = state["runs"][run_id]
        # Keys of JSON objects are texts.
        over = run_state.get("over") or {}
        return [{**event.extra["payload"], "over_limit": over.get(str(event.id)) or 0} for event in mine]

    def _next_state(self, state: dict[str, Any], run_id: str, events: list[Any], mine: list[Any]) -> dict[str, Any]:
        """Return the state after a run has taken its events."""
        ids = [event.id for event in mine]
        since = max(event.timestamp for event in mine) - OVERLAP
        processed = {*state["ids"], *ids}
        limiter = RateLimiter(self.rate_limit, self.rate_window, state.get("asked") or {})
        counts = {str(event.id): _count(limiter, event) for event in mine}
        over = {id_: count for id_, count in counts.items() if count}
        runs = {**state["runs"], run_id: {"since": state["since"], "ids": ids, "over": over}}
        seen = [*(state.get("seen") or ()), *filter(None, map(_slack_id, mine))]
        return {
            "asked": limiter.times(),
            "seen": seen[-REMEMBERED_EVENTS:],
            "since": since.isoformat(),
            "ids": [event.id for event in events if event.id in processed and event.timestamp >= since],
            "runs": dict(list(runs.items())[-REMEMBERED_RUNS:]),
        }

    def _first_position(self, context: dict[str, Any]) -> str:
        """Return the position of the DAG's first run: the first event that triggered it."""
        times: list[datetime] = [event.timestamp for event in context["triggering_asset_events"].get(self.asset, ())]
        return min(times).isoformat() if times else context["dag_run"].run_after.isoformat()


def _slack_id(event: Any) -> str | None:
    return cast("str | None", event.extra["payload"].get("event_id"))


def _without_copies(events: Iterable[Any], seen: Iterable[str]) -> list[Any]:
    """Return the events without those that have the Slack id of an earlier one."""
    known = set(seen)
    kept = []
    for event in events:
        slack_id = _slack_id(event)
        if slack_id not in known:
            kept.append(event)
        if slack_id is not None:
            known.add(slack_id)
    return kept


def _count(limiter: RateLimiter, event: Any) -> int:
    key = rate_limit_key(event.extra["payload"])
    return limiter.count(key, event.timestamp.timestamp()) if key else 0
