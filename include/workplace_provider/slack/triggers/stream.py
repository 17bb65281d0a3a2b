"""The one WebSocket that all triggers of an app share in a triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow.triggers.shared_stream import SharedStreamProducer

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from workplace_provider.slack.events import SlackEvent
    from workplace_provider.slack.socket_mode import Delivery, SocketModeClient

PULSE_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 60.0
"""Before an error at the start: Airflow begins a trigger that failed again at once."""

Outcome: TypeAlias = Literal["open", "settled", "failed"]


log = get_logger("workplace_provider.slack")


@asynccontextmanager
async def failing_slowly(what: str) -> AsyncIterator[None]:
    """Say at once that something failed, and let the error go on after a pause.

    :param what: what cannot be done, for the log
    """
    try:
        yield
    except Exception as error:
        log.error("%s, the error follows in %.0f s: %s", what, PAUSE_SECONDS, error)
        await asyncio.sleep(PAUSE_SECONDS)
        raise


class Heard:
    """An event that came over the socket.

    :param delivery: as the client gave it
    """

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.outcome: Outcome = "open"

    @property
    def event(self) -> SlackEvent:
        """What happened."""
        return self.delivery.event


class Pulse:
    """A moment in which triggers look after themselves: they store how far they are and pass on what they have missed.

    It comes every few seconds, and whenever there is a new connection.

    :param connections: how often the client has connected so far
    """

    def __init__(self, connections: int) -> None:
        self.connections = connections
        self.outcome: Outcome = "open"


Raw: TypeAlias = Heard | Pulse
"""What goes through the stream. ``outcome`` turns to ``settled`` once all that was made of it is in Airflow's database."""


class SlackSocketProducer(SharedStreamProducer):
    """Receives an app's events, and acknowledges each once Airflow has stored what the triggers made of it.

    :param slack_app_conn_id: connection of the app
    :param exclusive: raise when another client uses the same app
    """

    def __init__(self, slack_app_conn_id: str, *, exclusive: bool) -> None:
        self._conn_id = slack_app_conn_id
        self._exclusive = exclusive
        self._client: SocketModeClient | None = None

    async def open_stream(self) -> AsyncGenerator[tuple[Raw, Raw], None]:
        """Connect, and pass on what comes, each with itself as what is advanced."""
        from workplace_provider.slack.hooks.socket import SlackSocketModeHook
        from workplace_provider.slack.socket_mode import Delivery

        async with failing_slowly(f"the Slack triggers of {self._conn_id} cannot start"):
            client = await SlackSocketModeHook(self._conn_id).aget_client(exclusive=self._exclusive)
        self._client = client
        loop = asyncio.get_running_loop()
        connections, due = 0, loop.time() + PULSE_SECONDS
        coming = asyncio.ensure_future(client.receive())
        try:
            while True:
                await asyncio.wait({coming}, timeout=max(0.0, due - loop.time()))
                if coming.done():
                    item = coming.result()
                    coming = asyncio.ensure_future(client.receive())
                    if isinstance(item, Delivery):
                        heard = Heard(item)
                        yield heard, heard
                    else:
                        connections, due = item.number, loop.time()
                if loop.time() >= due:
                    pulse, due = Pulse(connections), loop.time() + PULSE_SECONDS
                    yield pulse, pulse
        finally:
            coming.cancel()

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Acknowledge events that every trigger is done with; give back those that one of them failed at."""
        for raw, outcome in batch:
            raw.outcome = "settled" if outcome.is_clean else "failed"
            if isinstance(raw, Pulse) or self._client is None:
                continue
            if outcome.is_clean:
                await self._client.ack(raw.delivery)
            else:
                self._client.release(raw.delivery)

    def get_advance_lane(self, broker_payload: Raw) -> Hashable:
        """A lane for each: Slack keeps no order, so none needs to wait for another."""
        return broker_payload

    async def aclose(self) -> None:
        """End the connection."""
        if self._client is not None:
            await self._client.close()
