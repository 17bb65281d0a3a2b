"""Socket Mode: tickets, connections, and envelopes that are redelivered until acknowledged (reference section 2.8).

An app has up to ten connections; each envelope goes to one of them, they do not each get a copy. Everything in here
happens in the server's event loop; calls of other threads are handed over to it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from starlette.websockets import WebSocketDisconnect

from workplace_sandbox.slack.workspace import APP
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.websockets import WebSocket

EnvelopeKind = Literal["events_api", "slash_commands", "interactive"]
DisconnectReason = Literal["warning", "refresh_requested", "too_many_websockets", "link_disabled"]
DISCONNECT_REASONS: tuple[str, ...] = get_args(DisconnectReason)

MAX_CONNECTIONS = 10
ACK_SECONDS = 3.0
"""Slack's time limit for an acknowledgement, in seconds; after it, the person who typed a command sees an error."""
# The lifetime that Slack reports to new connections: about five hours.
_CONNECTION_SECONDS = 18060


@dataclass(slots=True)
class SocketBehaviour:
    """The settings of Socket Mode where Slack's behaviour varies.

    :param redeliver_after: seconds after which an event without an acknowledgement is sent again.
    :param redeliveries: how often it is sent again; then it is lost.
    :param refusals: how many of the next connections are refused; their tickets are used up all the same.
    """

    redeliver_after: float = ACK_SECONDS
    redeliveries: int = 3
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Transmission:
    """One transmission of an envelope: its id, and the number of the connection."""

    envelope_id: str
    connection: int
    at: datetime


@dataclass(slots=True, eq=False)
class Delivery:
    """An event, a command or an interaction for the app, and its result.

    :param sent: the transmissions.
    :param acked_at: when it was acknowledged; None without an acknowledgement.
    :param given_up: whether no acknowledgement came in time, after all redeliveries.
    :param answered: called with the content of the acknowledgement.
    :param failed: called without an acknowledgement: with ``dispatch_failed`` or ``operation_timeout``.
    """

    kind: EnvelopeKind
    payload: dict[str, Any]
    redeliveries: int
    answered: Callable[[Any], None] | None = None
    failed: Callable[[str], None] | None = None
    attempts: int = 0
    sent: list[Transmission] = field(default_factory=list)
    acked_at: datetime | None = None
    given_up: bool = False

    @property
    def event_id(self) -> str:
        """The id that stays the same when it is sent again."""
        return str(self.payload.get("event_id") or self.payload.get("trigger_id"))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; its result shows later."""
        return {"kind": self.kind, "event_id": self.event_id}


class Connection:
    """A WebSocket of the app.

    :param number: counted from 1 since the start.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.leaving = False
        self._outbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message."""
        self._outbox.put_nowait(message)

    def close(self) -> None:
        """End the connection after the queued messages."""
        self._outbox.put_nowait(None)

    async def run_outbox(self, websocket: WebSocket) -> None:
        """Send the queued messages, until the connection ends."""
        while (message := await self._outbox.get()) is not None:
            await websocket.send_text(json.dumps(message, ensure_ascii=False))
        await websocket.close()


class SocketMode:
    """The app's connections and the deliveries under way."""

    def __init__(self) -> None:
        self.behaviour = SocketBehaviour()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._numbers = itertools.count(1)
        self._turns = itertools.count()
        self._deliveries: list[Delivery] = []
        self._waiting: dict[str, Delivery] = {}

    # --- from any thread

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to deliver, in the loop of the server."""
        self._loop = loop

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._connections)

    @property
    def deliveries(self) -> list[Delivery]:
        """Return the deliveries since the start."""
        return list(self._deliveries)

    def ticket(self) -> str:
        """Create a ticket, which is valid for one connection."""
        made = secrets.token_hex(16)
        with self._lock:
            self._tickets.add(made)
        return made

    def publish(self, payload: dict[str, Any]) -> Delivery:
        """Deliver an event to the app, repeatedly until it is acknowledged."""
        return self._begin(Delivery("events_api", payload, self.behaviour.redeliveries))

    def send_command(
        self, payload: dict[str, Any], answered: Callable[[Any], None], failed: Callable[[str], None]
    ) -> Delivery:
        """Deliver a slash command, once."""
        return self._begin(Delivery("slash_commands", payload, 0, answered, failed))

    def send_interaction(
        self, payload: dict[str, Any], answered: Callable[[Any], None], failed: Callable[[str], None]
    ) -> Delivery:
        """Deliver a click or the submission of a view, once."""
        return self._begin(Delivery("interactive", payload, 0, answered, failed))

    def disconnect(self, reason: DisconnectReason = "refresh_requested", *, grace: float = 0.5) -> int:
        """Announce the end of all connections, and end them.

        :param grace: seconds between the two.
        :return: the number of connections.
        :raises ValueError: there is no such reason.
        """
        if reason not in DISCONNECT_REASONS:
            raise ValueError(f"unknown reason {reason!r}: one of {', '.join(DISCONNECT_REASONS)}")
        self._in_loop(self._disconnect, reason, grace)
        return self.connections

    def drop(self) -> int:
        """End all connections without an announcement.

        :return: the number of connections.
        """
        self._in_loop(self._drop)
        return self.connections

    def reset(self) -> None:
        """End all connections, drop the deliveries, and restore the initial settings."""
        self.behaviour = SocketBehaviour()
        with self._lock:
            self._tickets.clear()
        self._deliveries.clear()
        self._in_loop(self._forget)

    # --- in the loop

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a connection from its upgrade to its end."""
        if not self._admits(websocket.query_params.get("ticket", "")):
            # Before it is accepted, this refuses the upgrade.
            await websocket.close()
            return
        await websocket.accept()
        if self.connections >= MAX_CONNECTIONS:
            await websocket.send_text(json.dumps(_goodbye("too_many_websockets")))
            await websocket.close()
            return
        connection = Connection(next(self._numbers))
        self._connections.append(connection)
        connection.send(self._hello())
        outbox = asyncio.create_task(connection.run_outbox(websocket))
        try:
            while True:
                self._take(await websocket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self._connections.remove(connection)
            outbox.cancel()
            await asyncio.gather(outbox, return_exceptions=True)

    def _admits(self, ticket: str) -> bool:
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        if known and self.behaviour.refusals > 0:
            self.behaviour.refusals -= 1
            return False
        return known

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": self.connections,
            "debug_info": {
                "host": "applink-sandbox",
                "build_number": 1,
                "approximate_connection_time": _CONNECTION_SECONDS,
            },
            "connection_info": {"app_id": APP},
        }

    def _in_loop(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action, *arguments)

    def _begin(self, delivery: Delivery) -> Delivery:
        self._deliveries.append(delivery)
        self._in_loop(self._attempt, delivery)
        return delivery

    def _attempt(self, delivery: Delivery) -> None:
        if self._loop is None or delivery not in self._deliveries:
            return
        number, delivery.attempts = delivery.attempts, delivery.attempts + 1
        connection = self._receiver()
        if connection is None and delivery.failed is not None:
            delivery.given_up = True
            delivery.failed("dispatch_failed")
            return
        if connection is not None:
            envelope_id = str(uuid.uuid4())
            self._waiting[envelope_id] = delivery
            delivery.sent.append(Transmission(envelope_id, connection.number, now()))
            envelope = {
                "envelope_id": envelope_id,
                "type": delivery.kind,
                "accepts_response_payload": delivery.kind != "events_api",
                "payload": delivery.payload,
            }
            if delivery.kind == "events_api":
                envelope |= {"retry_attempt": number, "retry_reason": "timeout" if number else ""}
            connection.send(envelope)
        wait = self.behaviour.redeliver_after if delivery.kind == "events_api" else ACK_SECONDS
        self._loop.call_later(wait, self._check, delivery)

    def _check(self, delivery: Delivery) -> None:
        if delivery.acked_at is not None:
            return
        if delivery.attempts <= delivery.redeliveries:
            self._attempt(delivery)
            return
        delivery.given_up = True
        if delivery.failed is not None:
            delivery.failed("operation_timeout")

    def _receiver(self) -> Connection | None:
        staying = [connection for connection in self._connections if not connection.leaving] or self._connections
        return staying[next(self._turns) % len(staying)] if staying else None

    def _take(self, text: str) -> None:
        """Process an acknowledgement; any other message is ignored, as by Slack."""
        try:
            acknowledgement = json.loads(text)
        except ValueError:
            return
        delivery = (
            self._waiting.pop(str(acknowledgement.get("envelope_id")), None) if isinstance(acknowledgement, dict) else None
        )
        if delivery is None or delivery.acked_at is not None:
            return
        delivery.acked_at = now()
        if delivery.answered is not None:
            delivery.answered(acknowledgement.get("payload"))

    def _disconnect(self, reason: str, grace: float) -> None:
        for connection in self._connections:
            connection.leaving = True
            connection.send(_goodbye(reason))
            if self._loop is not None:
                self._loop.call_later(grace, connection.close)

    def _drop(self) -> None:
        for connection in self._connections:
            connection.close()

    def _forget(self) -> None:
        self._waiting.clear()
        self._drop()


def _goodbye(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}}
