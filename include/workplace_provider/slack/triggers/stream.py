"""The WebSocket that all triggers of an app share in a triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow.triggers.shared_stream import SharedStreamProducer

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from workplace_provider.slack.events import SlackEvent
    from workplace_provider.slack.socket_mode import Delivery, SocketModeClient

TICK_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 60.0
"""Delay before an error at the start: Airflow restarts a failed trigger immediately."""

Outcome: TypeAlias = Literal["open", "settled", "failed"]


log = get_logger("workplace_provider.slack")


@asynccontextmanager
async def delay_failure(what: str) -> AsyncIterator[None]:
    """Log an error immediately, and raise it after a pause.

    :param what: description of the failure, for the log
    """
    try:
        yield
    except Exception as error:
        log.error("%s, the error is raised in %.0f s: %s", what, PAUSE_SECONDS, error)
        await asyncio.sleep(PAUSE_SECONDS)
        raise


class ReceivedEvent:
    """An event from the socket.

    :param delivery: delivery of the client

    ``is_wanted`` becomes true when the event matches a trigger.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.outcome: Outcome = "open"
        self.is_wanted = False

    @property
    def event(self) -> SlackEvent:
        """The event."""
        return self.delivery.event


class Tick:
    """A signal for triggers to store their positions and to emit events that were missed.

    It is sent every few seconds, and after each new connection.

    :param connections: number of connections that the client has opened
    :param others: number of other clients of the app, as of the last connection
    """

    def __init__(self, connections: int, others: int = 0) -> None:
        self.connections = connections
        self.others = others
        self.outcome: Outcome = "open"


StreamItem: TypeAlias = ReceivedEvent | Tick
"""An item of the stream. Its ``outcome`` becomes ``settled`` when all its trigger events are in Airflow's database."""


class SlackSocketProducer(SharedStreamProducer):
    """Receives an app's events, and acknowledges each after Airflow has stored the trigger events.

    :param slack_app_conn_id: connection of the app
    :param exclusive: raise an error if another client uses the same app
    """

    def __init__(self, slack_app_conn_id: str, *, exclusive: bool) -> None:
        self._conn_id = slack_app_conn_id
        self._exclusive = exclusive
        self._client: SocketModeClient | None = None

    async def open_stream(self) -> AsyncGenerator[tuple[StreamItem, StreamItem], None]:
        """Connect, and yield each item; its second element is the key that :meth:`advance` receives."""
        async with aclosing(self._items(await self._connect())) as items:
            async for item in items:
                yield item, item

    async def _connect(self) -> SocketModeClient:
        from workplace_provider.slack.hooks.socket import SlackSocketModeHook

        async with delay_failure(f"the Slack triggers of {self._conn_id} cannot start"):
            self._client = await SlackSocketModeHook(self._conn_id).aget_client(exclusive=self._exclusive)
        return self._client

    async def _items(self, client: SocketModeClient) -> AsyncGenerator[StreamItem, None]:
        """Yield received events, and a tick every few seconds and after each new connection."""
        from workplace_provider.slack.socket_mode import Delivery

        loop = asyncio.get_running_loop()
        connections, others, tick_due = 0, 0, loop.time() + TICK_SECONDS
        next_item = asyncio.ensure_future(client.receive())
        try:
            while True:
                await asyncio.wait({next_item}, timeout=max(0.0, tick_due - loop.time()))
                if next_item.done():
                    item = next_item.result()
                    next_item = asyncio.ensure_future(client.receive())
                    if isinstance(item, Delivery):
                        yield ReceivedEvent(item)
                    else:
                        connections, others, tick_due = item.number, item.others, loop.time()
                if loop.time() >= tick_due:
                    tick_due = loop.time() + TICK_SECONDS
                    yield Tick(connections, others)
        finally:
            next_item.cancel()

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Acknowledge events that all triggers have processed; release those that failed in one of them."""
        for item, outcome in batch:
            item.outcome = "settled" if outcome.is_clean else "failed"
            if isinstance(item, Tick) or self._client is None:
                continue
            if outcome.is_clean:
                await self._client.ack(item.delivery)
                if item.event.command and not item.is_wanted:
                    # With several clients of an app, Slack may send a command to one whose triggers do not wait for it.
                    log.warning(
                        "the slash command %s matches no trigger of this triggerer, so no DAG runs. If a trigger on "
                        "another triggerer waits for it, move both to one",
                        item.event.command,
                    )
            else:
                self._client.release(item.delivery)

    def get_advance_lane(self, broker_payload: StreamItem) -> Hashable:
        """Return a separate lane for each item: Slack does not keep an order, so no item needs to wait for another."""
        return broker_payload

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
