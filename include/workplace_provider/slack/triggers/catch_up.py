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
POLL_SECONDS: Final = 30.0
"""Interval between two readings of a channel while another client of the app receives a part of the events."""
CHECK_SECONDS: Final = 300.0
"""Interval otherwise. Slack reports other clients only at each connect; this reading finds one that connected later."""
DELIVERY_SECONDS: Final = 60.0
"""A message that the socket has not delivered after this time was delivered to another client."""
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

    Slack sends each event to only one of an app's sockets. While another client has one, the channels are read every
    :data:`POLL_SECONDS`, so that the trigger also fires for the events of the other client.

    :param hook: connection of the app
    :param channels: channels to read
    :param longest: maximum age of the messages to read
    :param store: state store of the trigger's asset; ``None`` keeps the positions in memory
    :param name: key of the state, unique per trigger
    :param unreadable: descriptions of the trigger's events that no channel in ``channels`` has, for the log
    """

    def __init__(
        self,
        hook: SlackSocketModeHook,
        channels: Sequence[Channel],
        *,
        longest: timedelta,
        store: AssetStateStoreAccessors | None,
        name: str,
        unreadable: Sequence[str] = (),
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
        self._unreadable = list(unreadable)
        self._begun: dict[str, float] = {}
        self._connected_at = 0.0
        self._is_shared = False
        self._reading: tuple[str, asyncio.Task[list[SlackEvent]]] | None = None
        self._stopped = threading.Event()

    async def start(self) -> None:
        """Load the trigger's positions. The position in a new channel is now."""
        now = _microseconds(datetime.now(UTC))
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
        if is_new and earlier is None and self._was_not_delivered(event):
            self._share(f"a message in {self._channels[event.channel].shown_name} was not delivered")
        if is_new:
            self._accepted[event.key] = item
            if len(self._accepted) > _REMEMBERED:
                self._accepted.popitem(last=False)
        if progress is not None:
            progress.record(event.ts, item, emitted=is_new)
        return is_new

    async def on_tick(self, tick: Tick) -> list[SlackEvent]:
        """Store the positions, read the channels that are due one by one, and return what was read.

        All channels are due after a new connection, and again at an interval that depends on other clients of the app.

        :return: messages of a channel, oldest first. They may include messages that the socket has delivered too
        """
        if tick.connections > self._connections:
            self._connections = tick.connections
            self._to_read = dict.fromkeys(self._progress, 0.0)
            for progress in self._progress.values():
                progress.is_behind = True
            self._connected_at = time.time()
            self._is_shared = False
            if tick.others:
                self._share(f"other connections: {tick.others}")
        self._schedule()
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

    def _was_not_delivered(self, event: SlackEvent) -> bool:
        """Return whether a message that was read is from the time of this connection, but did not arrive on the socket."""
        if event.source != "backfill" or self._is_shared:
            return False
        return self._connected_at + DELIVERY_SECONDS < float(event.ts) < time.time() - DELIVERY_SECONDS

    def _share(self, evidence: str) -> None:
        """Read the channels more often until the next connection, since another client receives a part of the events."""
        self._is_shared = True
        names = ", ".join(channel.shown_name for channel in self._channels.values())
        log.error(
            "another client of the same Slack app receives a part of the events (%s). %s%s",
            evidence,
            f"{names}: read every {POLL_SECONDS:.0f} s. " if names else "",
            f"Lost if the other client receives them: {', '.join(self._unreadable)}" if self._unreadable else "",
        )

    def _schedule(self) -> None:
        """Make the channels due whose last reading began too long ago."""
        oldest = time.monotonic() - (POLL_SECONDS if self._is_shared else CHECK_SECONDS)
        for channel_id, begun in self._begun.items():
            if begun <= oldest and not self._is_being_read(channel_id):
                self._to_read.setdefault(channel_id, 0.0)

    def _is_being_read(self, channel_id: str) -> bool:
        return self._reading is not None and self._reading[0] == channel_id

    def _read_next(self) -> None:
        """Start to read the next channel that is due."""
        now = time.monotonic()
        due = next((channel_id for channel_id, moment in self._to_read.items() if moment <= now), None)
        if due is not None and self._reading is None:
            del self._to_read[due]
            self._begun[due] = now
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
        age = time.monotonic() - self._begun[channel_id]
        self._progress[channel_id].read_until = _microseconds(datetime.now(UTC) - timedelta(seconds=age))
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


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
