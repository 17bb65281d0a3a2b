"""What a trigger does about events that it may have missed, or may get twice."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.triggers.slack_progress import ChannelProgress

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors

    from workplace_provider.clients.slack.names import Channel
    from workplace_provider.hooks.slack_socket import SlackSocketModeHook
    from workplace_provider.slack_events import SlackEvent
    from workplace_provider.triggers.slack_stream import Pulse, Raw

log = logging.getLogger("workplace_provider.slack")

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
        self._caught_up_with = 0
        self._reading: asyncio.Future[list[SlackEvent]] | None = None
        self._next_reading = 0.0
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
        """Store how far the trigger is; begin to read after a new connection, and return what was read.

        :return: messages, the oldest first in each channel; those that came over the socket may be among them
        """
        for channel_id, progress in self._progress.items():
            if progress.advance():
                await self._save(channel_id)
        loop = asyncio.get_running_loop()
        missed = bool(self._progress) and pulse.connections > self._caught_up_with
        if self._reading is None and missed and loop.time() >= self._next_reading:
            oldest = {channel_id: progress.oldest for channel_id, progress in self._progress.items()}
            self._caught_up_with = pulse.connections
            self._reading = asyncio.ensure_future(asyncio.to_thread(self._read, oldest))
        if self._reading is None or not self._reading.done():
            return []
        reading, self._reading = self._reading, None
        try:
            return reading.result()
        except Exception as error:
            # Whatever is wrong there, the socket goes on; reading is tried again.
            self._caught_up_with, self._next_reading = 0, loop.time() + RETRY_SECONDS
            log.warning("what was missed could not be read, next attempt in %.0f s: %s", RETRY_SECONDS, error)
            return []

    async def close(self) -> None:
        """End what is under way."""
        self._stopped.set()
        if self._reading is not None:
            self._reading.cancel()

    # --- in a thread: reading waits for Slack's limits

    def _read(self, oldest: dict[str, int]) -> list[SlackEvent]:
        from workplace_provider.clients.slack.socket_mode import events_since

        now = datetime.now(UTC)
        found: list[SlackEvent] = []
        hook = self._hook.bot(sleep=self._pause)
        try:
            me = hook.reader.token_owner()
            for channel_id, microseconds in oldest.items():
                start = _EPOCH + timedelta(microseconds=microseconds)
                if start < now - self._longest:
                    log.warning(
                        "%s was last looked at before %s; what is older than %s is left out",
                        channel_id,
                        start,
                        self._longest,
                    )
                    start = now - self._longest
                channel, end = self._channels[channel_id], now + _AHEAD
                for event in events_since(hook.reader, me, channel, start, end, reply_lookback=REPLY_LOOKBACK):
                    if self._stopped.is_set():
                        return []
                    found.append(event)
        finally:
            hook.close()
        return found

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
