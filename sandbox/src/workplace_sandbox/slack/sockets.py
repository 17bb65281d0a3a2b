"""Socket Mode: tickets, connections, and envelopes that come again until they are acknowledged (reference section 2.8).

An app has up to ten connections; each envelope goes to one of them, they do not each get a copy. Everything in here
happens in the server's event loop; what other threads ask for is handed over to it.
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
"""Within so many seconds Slack wants an acknowledgement; whoever typed a command then reads an error."""
# What Slack says to new connections: about five hours.
_CONNECTION_SECONDS = 18060


@dataclass(slots=True)
class SocketBehaviour:
    """How Socket Mode behaves in what Slack leaves open.

    :param redeliver_after: seconds after which an event that was not acknowledged is sent again.
    :param redeliveries: how often it is sent again, at the most; then it is lost.
    :param refusals: how many of the next connections are refused; their tickets are used up all the same.
    """

    redeliver_after: float = ACK_SECONDS
    redeliveries: int = 3
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """One time that an envelope went out: its id, and the number of the connection."""

    envelope_id: str
    connection: int
    at: datetime


@dataclass(slots=True, eq=False)
class Delivery:
    """Something that the app is told, and what became of it.

    :param sent: the times that it went out.
    :param acked_at: when it was acknowledged; None when it was not, or not yet.
    :param given_up: whether nobody acknowledged it in time, nor after all redeliveries.
    :param answered: is told what came with the acknowledgement.
    :param failed: is told that nobody took it: ``dispatch_failed`` or ``operation_timeout``.
    """

    kind: EnvelopeKind
    payload: dict[str, Any]
    redeliveries: int
    answered: Callable[[Any], None] | None = None
    failed: Callable[[str], None] | None = None
    attempts: int = 0
    sent: list[Sent] = field(default_factory=list)
    acked_at: datetime | None = None
    given_up: bool = False

    @property
    def event_id(self) -> str:
        """The id that stays the same when it is sent again."""
        return str(self.payload.get("event_id") or self.payload.get("trigger_id"))

    def to_json(self) -> dict[str, Any]:
        """What it is, as JSON; what becomes of it shows later."""
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
        """Let a message go out."""
        self._outbox.put_nowait(message)

    def close(self) -> None:
        """Let the connection end behind what was sent."""
        self._outbox.put_nowait(None)

    async def run_outbox(self, websocket: WebSocket) -> None:
        """Send what is to be sent, until the connection ends."""
        while (message := await self._outbox.get()) is not None:
            await websocket.send_text(json.dumps(message, ensure_ascii=False))
        await websocket.close()


class SocketMode:
    """The app's connections and what is under way to it."""

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
        """Begin to deliver, in the loop that serves."""
        self._loop = loop

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    @property
    def deliveries(self) -> list[Delivery]:
        """What the app was told since the start, or was to be."""
        return list(self._deliveries)

    def ticket(self) -> str:
        """Make a ticket, which is good for one connection."""
        made = secrets.token_hex(16)
        with self._lock:
            self._tickets.add(made)
        return made

    def publish(self, payload: dict[str, Any]) -> Delivery:
        """Tell the app of an event, again and again until it is acknowledged."""
        return self._begin(Delivery("events_api", payload, self.behaviour.redeliveries))

    def send_command(
        self, payload: dict[str, Any], answered: Callable[[Any], None], failed: Callable[[str], None]
    ) -> Delivery:
        """Hand a slash command over, once."""
        return self._begin(Delivery("slash_commands", payload, 0, answered, failed))

    def disconnect(self, reason: DisconnectReason = "refresh_requested", *, grace: float = 0.5) -> int:
        """Tell all connections that they are about to end, and end them.

        :param grace: seconds between the two.
        :return: how many there were.
        :raises ValueError: there is no such reason.
        """
        if reason not in DISCONNECT_REASONS:
            raise ValueError(f"unknown reason {reason!r}: one of {', '.join(DISCONNECT_REASONS)}")
        self._in_loop(self._disconnect, reason, grace)
        return self.connections

    def drop(self) -> int:
        """End all connections without a word.

        :return: how many there were.
        """
        self._in_loop(self._drop)
        return self.connections

    def reset(self) -> None:
        """End all connections, forget what is under way, and behave as at the start."""
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
            delivery.sent.append(Sent(envelope_id, connection.number, now()))
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
        staying = [each for each in self._connections if not each.leaving] or self._connections
        return staying[next(self._turns) % len(staying)] if staying else None

    def _take(self, text: str) -> None:
        """Take an acknowledgement; what is none is passed over, as it is by Slack."""
        try:
            said = json.loads(text)
        except ValueError:
            return
        delivery = self._waiting.pop(str(said.get("envelope_id")), None) if isinstance(said, dict) else None
        if delivery is None or delivery.acked_at is not None:
            return
        delivery.acked_at = now()
        if delivery.answered is not None:
            delivery.answered(said.get("payload"))

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
