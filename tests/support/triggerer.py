"""Airflow's own trigger runner with a database that stores events when the test decides."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.triggers.base import BaseEventTrigger


class AssetState(dict[str, Any]):
    """The part of Airflow's asset state store that triggers use; it outlives them. ``writes`` counts their writes."""

    writes = 0

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))
        self.writes += 1


class Triggerer:
    """Runs triggers as the triggerer does; their events are stored at once unless ``stores`` is switched off."""

    def __init__(self) -> None:
        self.stores = True
        self.stored: list[tuple[int, Any]] = []
        self._runner = TriggerRunner()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, trigger: BaseEventTrigger, state: AssetState | None = None) -> int:
        """Start a trigger as Airflow does: from its serialized form."""
        _, arguments = trigger.serialize()
        made = type(trigger)(**json.loads(json.dumps(arguments)))
        made.asset_state_store = state  # type: ignore[assignment]
        number = len(self._tasks) + 1
        self._runner.triggers[number] = {"task": None, "is_watcher": True, "name": f"{number}", "events": 0}  # type: ignore[typeddict-item]
        self._tasks[number] = asyncio.create_task(self._runner.run_trigger(number, made))
        return number

    def payloads(self, number: int = 1) -> list[Any]:
        """Return the stored events of a trigger."""
        self.sync()
        return [payload for trigger, payload in self.stored if trigger == number]

    def sync(self) -> None:
        """Store the fired events, and confirm it, as happens every second in a triggerer."""
        while self.stores and self._runner.events:
            entry = self._runner.events.popleft()
            self.stored.append((entry.trigger_id, json.loads(json.dumps(entry.event.payload))))
            if entry.persist_seq is not None:
                self._runner._shared_streams.confirm_persisted([entry.persist_seq])

    @property
    def fired(self) -> int:
        """Return the number of fired events that are not stored yet."""
        return len(self._runner.events)

    async def ended(self, number: int) -> BaseException | None:
        """Wait for a trigger to end, and return its error."""
        with contextlib.suppress(Exception):
            await self._tasks[number]
        return self._tasks[number].exception()

    async def stop(self) -> None:
        """Stop everything, as a triggerer that ends; events that are not stored are lost."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@contextlib.asynccontextmanager
async def triggerer() -> AsyncIterator[Triggerer]:
    """Return a triggerer that is stopped at the end."""
    made = Triggerer()
    try:
        yield made
    finally:
        await made.stop()
