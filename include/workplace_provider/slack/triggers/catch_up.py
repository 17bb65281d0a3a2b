"""What a trigger does about events that it may have missed, or may get twice."""

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
    from workplace_provider.slack.triggers.stream import Pulse, Raw

log = get_logger("workplace_provider.slack")

REPLY_LOOKBACK: Final = timedelta(days=2)
"""So much older than what was missed may a message be for the replies to it to be found."""
RETRY_SECONDS: Final = 60.0
_REMEMBERED: Final = 5_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Slack's clock and ours differ; what was said a moment ago must not lie in the future.
_AHEAD: Final = timedelta(minutes=1)


class StoppedError(Exception):
    """The trigger ended while a channel was read."""


class CatchUp:
    """Lets each message through once, and reads what was said in channels while nobody listened.

    A channel is read with each new connection, from where the trigger got to. That is kept in the state store of the
    asset, so that it holds across restarts. The first time there is nothing to catch up with.

    :param hook: the app's connection
    :param channels: the channels to read
    :param longest: what is older than this is not told of any more
    :param store: the state store of the trigger's asset; ``None`` remembers until the trigger ends
    :param name: of the state, the same for the same trigger and another for any other
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
        self._passed: OrderedDict[tuple[str, str], Raw] = OrderedDict()
        self._progress: dict[str, ChannelProgress] = {}
        self._connections = 0
        self._to_read: dict[str, float] = {}
        self._reading: tuple[str, asyncio.Task[list[SlackEvent]]] | None = None
        self._stopped = threading.Event()

    async def start(self) -> None:
        """Find out how far the trigger is; a channel that it does not know yet begins now."""
        now = (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)
        for channel_id in self._channels:
            known = ChannelProgress.from_state(await self._stored(channel_id))
            self._progress[channel_id] = known or ChannelProgress(now, since=now)
            if known is None:
                await self._save(channel_id)

    def passes(self, event: SlackEvent, raw: Raw, *, wanted: bool) -> bool:
        """Decide whether a trigger event is made of this, and keep account of it.

        :param raw: what it came with
        :param wanted: whether the trigger waits for such events
        :return: ``False`` when it is not wanted, or came before in one way or the other
        """
        progress = self._progress.get(event.channel) if event.ts else None
        earlier = self._passed.get(event.key)
        told = progress is not None and progress.was_told(event.ts)
        new = wanted and not told and (earlier is None or earlier.outcome == "failed")
        if new:
            self._passed[event.key] = raw
            if len(self._passed) > _REMEMBERED:
                self._passed.popitem(last=False)
        if progress is not None:
            progress.begin(event.ts, raw, told=new)
        return new

    async def beat(self, pulse: Pulse) -> list[SlackEvent]:
        """Store how far the trigger is; read the channels after a new connection, one by one, and return what was read.

        :return: messages of a channel, the oldest first; those that came over the socket may be among them
        """
        if pulse.connections > self._connections:
            self._connections = pulse.connections
            self._to_read = dict.fromkeys(self._progress, 0.0)
            for progress in self._progress.values():
                progress.is_behind = True
        for channel_id, progress in self._progress.items():
            if progress.advance():
                await self._save(channel_id)
        found = self._collected()
        self._read_next()
        return found

    async def close(self) -> None:
        """End what is under way."""
        self._stopped.set()
        if self._reading is not None:
            self._reading[1].cancel()

    def _read_next(self) -> None:
        """Begin to read a channel, when that is due."""
        now = time.monotonic()
        due = next((channel_id for channel_id, moment in self._to_read.items() if moment <= now), None)
        if due is not None and self._reading is None:
            del self._to_read[due]
            work = asyncio.to_thread(self._read, self._channels[due], self._progress[due].oldest)
            self._reading = (due, asyncio.create_task(work))

    def _collected(self) -> list[SlackEvent]:
        """What was read, when the reading has come to its end."""
        if self._reading is None or not self._reading[1].done():
            return []
        (channel_id, task), self._reading = self._reading, None
        try:
            found = task.result()
        except Exception as error:
            # Whatever is wrong there, the socket and the other channels go on.
            self._to_read.setdefault(channel_id, time.monotonic() + RETRY_SECONDS)
            log.warning("%s could not be read, next attempt in %.0f s: %s", channel_id, RETRY_SECONDS, error)
            return []
        # There may have been another connection in the meantime.
        self._progress[channel_id].is_behind = channel_id in self._to_read
        return found

    # --- in a thread: reading waits for Slack's limits

    def _read(self, channel: Channel, oldest: int) -> list[SlackEvent]:
        from workplace_provider.slack.socket_mode import events_since

        now = datetime.now(UTC)
        start = _EPOCH + timedelta(microseconds=oldest)
        if start < now - self._longest:
            log.warning(
                "%s was last looked at on %s; what is older than %s is left out", channel.shown_name, start, self._longest
            )
            start = now - self._longest
        hook = self._hook.bot(sleep=self._pause)
        try:
            me = hook.reader.token_owner()
            return list(events_since(hook.reader, me, channel, start, now + _AHEAD, reply_lookback=REPLY_LOOKBACK))
        finally:
            hook.close()

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise StoppedError

    # --- the state

    async def _stored(self, channel_id: str) -> Any:
        if self._store is None:
            return None
        try:
            return await self._store.aget(self._key(channel_id))
        except ValueError:
            self._do_without_store()
            return None

    async def _save(self, channel_id: str) -> None:
        if self._store is None:
            return
        try:
            await self._store.aset(self._key(channel_id), self._progress[channel_id].state())
        except ValueError:
            self._do_without_store()

    def _do_without_store(self) -> None:
        # Airflow has no store for a trigger that several assets watch: it cannot tell whose it would be.
        log.error(
            "several assets watch the same Slack trigger, so that what is said while the triggerer is down cannot be told"
            " of: give them one asset, or triggers that differ"
        )
        self._store = None

    def _key(self, channel_id: str) -> str:
        return f"slack_socket.{self._name}.{channel_id}"
