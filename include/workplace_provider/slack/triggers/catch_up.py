"""Deduplication and backfill of events for a trigger."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.triggers.progress import ChannelProgress

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors

    from workplace_provider.slack.client.names import Channel
    from workplace_provider.slack.events import SlackEvent
    from workplace_provider.slack.hooks.socket import SlackSocketModeHook
    from workplace_provider.slack.triggers.stream import StreamItem, Tick

log = get_logger("workplace_provider.slack")

REPLY_LOOKBACK: Final = timedelta(days=2)
"""Maximum age of a message, before the missed time, whose replies are found."""
RETRY_SECONDS: Final = 60.0
_REMEMBERED: Final = 5_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Slack's clock and ours differ: a message that was just posted must not be beyond the end of the window.
_AHEAD: Final = timedelta(minutes=1)


class StoppedError(Exception):
    """The trigger ended while a channel was read."""


class CatchUp:
    """Accepts each message once, and reads what was posted in channels while the trigger was not connected.

    After each new connection, the channels are read from the trigger's last position. The position is stored in the state
    store of the asset, so it survives restarts. On the first start there is nothing to read.

    :param hook: connection of the app
    :param channels: channels to read
    :param longest: maximum age of the messages to read
    :param store: state store of the trigger's asset; ``None`` keeps the positions in memory
    :param name: key of the state, unique per trigger
    """

    def __init__(
        self,
        hook: SlackSocketModeHook,
        channels: Sequence[Channel],
        *,
        longest: timedelta,
        store: AssetStateStoreAccessors | None,
        name: str,
    ) -> None:
        self._hook = hook
        self._channels = {channel.id: channel for channel in channels}
        self._longest = longest
        self._store = store
        self._name = name
        self._accepted: OrderedDict[tuple[str, str], StreamItem] = OrderedDict()
        self._progress: dict[str, ChannelProgress] = {}
        self._connections = 0
        self._to_read: dict[str, float] = {}
        self._reading: tuple[str, asyncio.Task[list[SlackEvent]]] | None = None
        self._stopped = threading.Event()

    async def start(self) -> None:
        """Load the trigger's positions. The position in a new channel is now."""
        now = (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)
        for channel_id in self._channels:
            progress = ChannelProgress.from_state(await self._load(channel_id))
            self._progress[channel_id] = progress or ChannelProgress(now, since=now)
            if progress is None:
                await self._save(channel_id)

    def accept(self, event: SlackEvent, item: StreamItem, *, wanted: bool) -> bool:
        """Return whether an event leads to a trigger event, and record it.

        :param item: stream item that brought the event
        :param wanted: whether the event matches the trigger's conditions
        :return: ``False`` if the event does not match, or was accepted before from the socket or from the channel
        """
        progress = self._progress.get(event.channel) if event.ts else None
        earlier = self._accepted.get(event.key)
        was_emitted = progress is not None and progress.was_emitted(event.ts)
        is_new = wanted and not was_emitted and (earlier is None or earlier.outcome == "failed")
        if is_new:
            self._accepted[event.key] = item
            if len(self._accepted) > _REMEMBERED:
                self._accepted.popitem(last=False)
        if progress is not None:
            progress.record(event.ts, item, emitted=is_new)
        return is_new

    async def on_tick(self, tick: Tick) -> list[SlackEvent]:
        """Store the positions. After a new connection, also read the channels one by one, and return what was read.

        :return: messages of a channel, oldest first. They may include messages that the socket has delivered too
        """
        if tick.connections > self._connections:
            self._connections = tick.connections
            self._to_read = dict.fromkeys(self._progress, 0.0)
            for progress in self._progress.values():
                progress.is_behind = True
        for channel_id, progress in self._progress.items():
            if progress.advance():
                await self._save(channel_id)
        events = self._collect()
        self._read_next()
        return events

    async def close(self) -> None:
        """Cancel the reading in progress."""
        self._stopped.set()
        if self._reading is not None:
            self._reading[1].cancel()

    def _read_next(self) -> None:
        """Start to read the next channel that is due."""
        now = time.monotonic()
        due = next((channel_id for channel_id, moment in self._to_read.items() if moment <= now), None)
        if due is not None and self._reading is None:
            del self._to_read[due]
            work = asyncio.to_thread(self._read, self._channels[due], self._progress[due].oldest)
            self._reading = (due, asyncio.create_task(work))

    def _collect(self) -> list[SlackEvent]:
        """Return the events of a channel whose reading has finished."""
        if self._reading is None or not self._reading[1].done():
            return []
        (channel_id, task), self._reading = self._reading, None
        try:
            events = task.result()
        except Exception as error:
            # A channel that cannot be read must not stop the socket and the other channels.
            self._to_read.setdefault(channel_id, time.monotonic() + RETRY_SECONDS)
            log.warning("%s could not be read, next attempt in %.0f s: %s", channel_id, RETRY_SECONDS, error)
            return []
        # If there was another connection in the meantime, the channel is due again.
        self._progress[channel_id].is_behind = channel_id in self._to_read
        return events

    # --- in a thread: reading waits for Slack's rate limit

    def _read(self, channel: Channel, oldest: int) -> list[SlackEvent]:
        from workplace_provider.slack.socket_mode import events_since

        now = datetime.now(UTC)
        start = _EPOCH + timedelta(microseconds=oldest)
        if start < now - self._longest:
            log.warning(
                "%s was last read on %s; messages older than %s are skipped", channel.shown_name, start, self._longest
            )
            start = now - self._longest
        hook = self._hook.bot(sleep=self._pause)
        try:
            owner = hook.reader.token_owner()
            return list(events_since(hook.reader, owner, channel, start, now + _AHEAD, reply_lookback=REPLY_LOOKBACK))
        finally:
            hook.close()

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise StoppedError

    # --- the state

    async def _load(self, channel_id: str) -> Any:
        if self._store is None:
            return None
        try:
            return await self._store.aget(self._key(channel_id))
        except ValueError:
            self._disable_store()
            return None

    async def _save(self, channel_id: str) -> None:
        if self._store is None:
            return
        try:
            await self._store.aset(self._key(channel_id), self._progress[channel_id].state())
        except ValueError:
            self._disable_store()

    def _disable_store(self) -> None:
        # Airflow raises ValueError for a trigger that several assets watch, since the state would belong to none of them.
        log.error(
            "several assets watch the same Slack trigger, so messages that are posted while the triggerer is down are lost:"
            " use one asset, or triggers with different arguments"
        )
        self._store = None

    def _key(self, channel_id: str) -> str:
        return f"slack_socket.{self._name}.{channel_id}"
