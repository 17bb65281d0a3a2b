"""Airflow's own trigger runner with a database that stores when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.triggers.base import BaseEventTrigger


class AssetState(dict[str, Any]):
    """The part of Airflow's asset state store that triggers use; it outlives them. ``writes`` counts what they wrote."""

    writes = 0

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))
        self.writes += 1


class Triggerer:
    """Runs triggers as the triggerer does; what they fire is stored at once unless ``stores`` is switched off."""

    def __init__(self) -> None:
        self.stores = True
        self.stored: list[tuple[int, Any]] = []
        self._runner = TriggerRunner()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, trigger: BaseEventTrigger, state: AssetState | None = None) -> int:
        """Start a trigger as Airflow does: made anew of what it was serialized to."""
        _, arguments = trigger.serialize()
        made = type(trigger)(**json.loads(json.dumps(arguments)))
        made.asset_state_store = state  # type: ignore[assignment]
        number = len(self._tasks) + 1
        self._runner.triggers[number] = {"task": None, "is_watcher": True, "name": f"{number}", "events": 0}  # type: ignore[typeddict-item]
        self._tasks[number] = asyncio.create_task(self._runner.run_trigger(number, made))
        return number

    def payloads(self, number: int = 1) -> list[Any]:
        """What a trigger fired and Airflow has stored."""
        self.sync()
        return [payload for trigger, payload in self.stored if trigger == number]

    def sync(self) -> None:
        """Store what was fired, and say so, as happens every second in a triggerer."""
        while self.stores and self._runner.events:
            entry = self._runner.events.popleft()
            self.stored.append((entry.trigger_id, json.loads(json.dumps(entry.event.payload))))
            if entry.persist_seq is not None:
                self._runner._shared_streams.confirm_persisted([entry.persist_seq])

    @property
    def fired(self) -> int:
        """How many events were fired and are not stored yet."""
        return len(self._runner.events)

    async def ended(self, number: int) -> BaseException | None:
        """Wait for a trigger to end, and return its error."""
        with contextlib.suppress(Exception):
            await self._tasks[number]
        return self._tasks[number].exception()

    async def stop(self) -> None:
        """Stop everything, as a triggerer that ends; what was fired and is not stored is lost."""
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
