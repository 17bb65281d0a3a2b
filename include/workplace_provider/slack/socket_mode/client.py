"""A persistent Socket Mode connection.

One event takes this path: ``_read`` (socket) → ``_dispatch`` (by type) → ``_receive_event`` (ledger: new, open or settled) →
``receive`` (the caller) → ``ack`` or ``release``. ``_stay_connected`` replaces the socket: it requests a new URL for each
attempt, and opens the next socket before the old one closes.

The client of ``slack_sdk`` is not used: after one refused upgrade it repeats a used URL forever, it closes the old socket
before it opens the new one, and it does not report an invalid token.
Source: https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
from requests.utils import get_environ_proxies

from workplace_provider.http import metrics
from workplace_provider.http.body import parse_json
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import Conflict, Forbidden, SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import SYSTEM
from workplace_provider.slack.client.reader import BASE_URL
from workplace_provider.slack.events import SlackEvent, event_of_callback, event_of_click, event_of_command
from workplace_provider.slack.socket_mode.ledger import EventLedger
from workplace_provider.slack.socket_mode.socket_urls import SocketUrls

log = get_logger("workplace_provider.slack")

SETTINGS: Final = HttpSettings(connect_timeout=10.0, read_timeout=20.0)
# Slack counts a broken connection for a while; during that time it is not taken for another client.
_LOST_COUNTS: Final = 60.0
# Upper bound for Retry-After: a listener that sleeps for days would miss events.
_LONGEST_DELAY: Final = 3600.0
_OP_LEGACY_SERVER_CONNECT: Final = 0x4


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Timing of the connection, in seconds.

    :param heartbeat: interval between pings, which detect a dead peer
    :param first_wait: delay after the first failed attempt, approximately; doubled for each further one
    :param longest_wait: maximum delay between attempts, unless Slack asks for more
    :param settled: a connection that breaks sooner counts as a failed attempt
    :param drain: time for which a socket that Slack closes is still read while its successor is open
    :param first_pause: delay before a permanent error is raised, doubled each time for the same token. Without it, a caller
        that immediately creates a new client would send requests in a tight loop
    :param longest_pause: maximum delay before a permanent error
    """

    heartbeat: float = 10.0
    first_wait: float = 0.5
    longest_wait: float = 60.0
    settled: float = 5.0
    drain: float = 30.0
    first_pause: float = 60.0
    longest_pause: float = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Connected:
    """A new connection was opened. Earlier events may have been missed.

    :param number: number of the client's connection, starting at 1
    :param others: number of other clients of the same app; each of them receives a part of the events
    """

    number: int
    others: int


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """An event to process. Call :meth:`SocketModeClient.ack` afterwards, or ``release`` if processing failed."""

    event: SlackEvent


@dataclass(frozen=True, slots=True, eq=False)
class _Receipt:
    socket: _Socket
    envelope_id: str


_Ledger: TypeAlias = EventLedger[_Receipt]
# Consecutive failures by token. They outlive the client, since the triggerer creates a new client after each failure.
_failures: Final[dict[bytes, int]] = {}


class _Socket:
    """A WebSocket and the state of its life cycle."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.opened = time.monotonic()
        self.ending = asyncio.Event()
        self.gone = asyncio.Event()
        self.disconnect_reason = ""

    def end(self, disconnect_reason: str = "") -> None:
        """Record that the socket will close or has closed."""
        self.disconnect_reason = self.disconnect_reason or disconnect_reason
        self.ending.set()

    async def ack(self, envelope_id: str) -> bool:
        """Acknowledge an envelope, and return whether the acknowledgement was sent."""
        try:
            await self.websocket.send_str(json.dumps({"envelope_id": envelope_id}))
        except (aiohttp.ClientError, ConnectionError):
            return False
        return True


class SocketModeClient:
    """Receives an app's events, slash commands and clicks on buttons.

    ``async for item in client`` yields :class:`Connected` and :class:`Delivery` until a permanent error is raised. An event
    is acknowledged by :meth:`ack`; until then Slack sends it again, and the copies are held back. Slash commands
    and clicks are acknowledged on arrival, since Slack allows three seconds. The app's own messages are not delivered::

        async with SocketModeClient("xapp-…") as client:
            async for item in client:
                if isinstance(item, Delivery):
                    print(item.event.text)
                    await client.ack(item)

    :param app_token: app-level token, ``xapp-…``, with the scope ``connections:write``
    :param base_url: URL of the methods, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and TLS
    :param socket_settings: timing of the connection
    :param exclusive: raise an error if another client uses the same app; by default this is only logged
    """

    def __init__(
        self,
        app_token: str,
        *,
        base_url: str = BASE_URL,
        settings: HttpSettings = SETTINGS,
        socket_settings: SocketSettings | None = None,
        exclusive: bool = False,
    ) -> None:
        self._urls = SocketUrls(app_token, base_url=base_url, settings=settings)
        self._token_digest = hashlib.sha256(app_token.encode()).digest()
        self._settings = settings
        self._socket_settings = socket_settings or SocketSettings()
        self._exclusive = exclusive
        self._ledger: _Ledger = EventLedger()
        self._arrived: asyncio.Queue[Connected | Delivery | Exception] = asyncio.Queue()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[_Socket] = set()
        self._lost: deque[float] = deque(maxlen=10)
        self._attempts_failed = 0
        self._connections = 0
        self._others = 0
        self._error: Exception | None = None

    async def __aenter__(self) -> SocketModeClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Connected | Delivery]:
        while True:
            yield await self.receive()

    async def receive(self) -> Connected | Delivery:
        """Return the next connection or event. The first call connects.

        :raises WorkplaceError: a permanent error, such as an invalid token
        """
        if self._session is None:
            self._session = aiohttp.ClientSession()
            self._start(self._supervise())
        if self._error is None:
            item = await self._arrived.get()
            if not isinstance(item, Exception):
                return item
            self._error = item
        raise self._error

    async def ack(self, delivery: Delivery) -> None:
        """Acknowledge a processed event, so that Slack does not send it again."""
        for receipt in self._ledger.settle(delivery.event.event_id):
            await receipt.socket.ack(receipt.envelope_id)

    def release(self, delivery: Delivery) -> None:
        """Report that processing failed: the event is delivered again when Slack sends it again."""
        self._ledger.release(delivery.event.event_id)

    async def close(self) -> None:
        """Close the connection and end its background tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in list(self._sockets):
            await socket.websocket.close()
        if self._session is not None:
            await self._session.close()
        self._urls.close()

    # --- the connection

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _supervise(self) -> None:
        try:
            await self._stay_connected()
        except WorkplaceError as error:
            await self._pause_before(error)
            self._arrived.put_nowait(error)
        except Exception as error:
            # No one awaits this task, so the error is passed to the caller of receive().
            log.exception("Socket Mode failed")
            self._arrived.put_nowait(error)

    async def _stay_connected(self) -> None:
        socket = await self._open()
        while True:
            await socket.ending.wait()
            if socket.disconnect_reason == "link_disabled":
                raise Forbidden(
                    "Socket Mode was disabled",
                    system=SYSTEM,
                    code=socket.disconnect_reason,
                    advice="enable it in the app's settings, under Socket Mode",
                )
            log.info("the connection to Slack ended: %s", socket.disconnect_reason or "without a reason")
            if time.monotonic() - socket.opened >= self._socket_settings.settled:
                self._attempts_failed = 0
            elif socket.disconnect_reason and self._attempts_failed == 0:
                # Slack announced the end, so the first early one is not a failure. Repeated ones are.
                self._attempts_failed = 1
            else:
                await self._wait(None, "the connection broke soon after it was opened")
            successor = await self._open()
            self._start(self._drain(socket))
            socket = successor

    async def _open(self) -> _Socket:
        """Connect, and retry until it succeeds or a permanent error occurs."""
        while True:
            try:
                return await self._attempt()
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                await self._wait(error.retry_after, str(error))

    async def _attempt(self) -> _Socket:
        url = await asyncio.to_thread(self._urls.request)
        websocket: aiohttp.ClientWebSocketResponse | None = None
        try:
            async with asyncio.timeout(self._settings.connect_timeout + self._settings.read_timeout):
                websocket = await self._connect(url)
                hello = _as_object(await websocket.receive_json(loads=parse_json))
        # aiohttp's error messages contain the URL, which is a credential; so only the class or status is shown.
        except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as error:
            if websocket is not None:
                await websocket.close()
            cause = f"status {error.status}" if isinstance(error, aiohttp.WSServerHandshakeError) else type(error).__name__
            raise SourceUnavailable(f"the WebSocket could not be opened: {cause}", system=SYSTEM) from None
        socket = _Socket(websocket)
        self._sockets.add(socket)
        metrics.gauge("slack.open_sockets", len(self._sockets))
        self._start(self._read(socket))
        if hello.get("type") == "disconnect":
            socket.end(str(hello.get("reason")))
            raise SourceUnavailable(f"Slack closed the connection immediately: {hello.get('reason')}", system=SYSTEM)
        try:
            self._accept_hello(hello)
        except WorkplaceError:
            # If it stayed open, it would receive events instead of the other clients.
            await websocket.close()
            raise
        return socket

    async def _connect(self, url: str) -> aiohttp.ClientWebSocketResponse:
        if self._session is None:
            raise RuntimeError("the client is not started")
        scheme = "https" if url.startswith("wss:") else "http"
        proxies = self._settings.proxies
        if proxies is None:
            proxies = get_environ_proxies(url.replace("ws", "http", 1))
        return await self._session.ws_connect(
            url,
            heartbeat=self._socket_settings.heartbeat,
            proxy=proxies.get(scheme),
            ssl=await asyncio.to_thread(_tls, self._settings) if scheme == "https" else True,
        )

    def _accept_hello(self, hello: dict[str, Any]) -> None:
        """Read Slack's first message, which has the number of the app's connections."""
        recently = time.monotonic() - _LOST_COUNTS
        ours = len(self._sockets) + sum(lost > recently for lost in self._lost)
        count = hello.get("num_connections")
        others = max(0, count - ours) if isinstance(count, int) else 0
        if others != self._others:
            self._others = others
            log.log(
                logging.ERROR if others else logging.INFO,
                "other connections of the same Slack app: %d%s",
                others,
                ". Each of them receives a part of the events: use one triggerer, or a separate app for each"
                if others
                else "",
            )
        if others and self._exclusive:
            raise Conflict(
                f"another client uses the same Slack app ({others} connections) and receives a part of the events",
                system=SYSTEM,
                advice="stop the other clients, or create a separate app for each",
                retryable=False,
            )
        _failures.pop(self._token_digest, None)
        self._connections += 1
        self._arrived.put_nowait(Connected(self._connections, others))

    async def _drain(self, socket: _Socket) -> None:
        """Keep reading a socket that has a successor for a while, then close it."""
        try:
            async with asyncio.timeout(self._socket_settings.drain):
                await socket.gone.wait()
        except TimeoutError:
            await socket.websocket.close()

    async def _wait(self, retry_after: float | None, reason: str) -> None:
        """Wait with exponential backoff and jitter, at least as long as Slack asks."""
        settings = self._socket_settings
        ceiling = min(settings.longest_wait, settings.first_wait * 2 ** min(self._attempts_failed, 30))
        self._attempts_failed += 1
        least = min(retry_after or 0.0, _LONGEST_DELAY)
        seconds = max(least, ceiling / 2 + random.uniform(0, ceiling / 2))  # noqa: S311 - jitter only
        log.warning("next attempt to connect to Slack in %.1f s: %s", seconds, reason)
        await asyncio.sleep(seconds)

    async def _pause_before(self, error: WorkplaceError) -> None:
        settings = self._socket_settings
        failures = _failures.get(self._token_digest, 0)
        _failures[self._token_digest] = failures + 1
        pause = min(settings.longest_pause, settings.first_pause * 2 ** min(failures, 30))
        log.error("Socket Mode ends in %.0f s: %s", pause, error)
        await asyncio.sleep(pause)

    # --- messages of the socket

    async def _read(self, socket: _Socket) -> None:
        try:
            async for message in socket.websocket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    await self._dispatch(socket, message.data)
        finally:
            self._sockets.discard(socket)
            metrics.gauge("slack.open_sockets", len(self._sockets))
            if not socket.ending.is_set():
                self._lost.append(time.monotonic())
            socket.gone.set()
            socket.end()

    async def _dispatch(self, socket: _Socket, text: str) -> None:
        """Handle one message of the socket by its type."""
        try:
            message = _as_object(parse_json(text))
            if message.get("payload"):
                metrics.count("slack.events")
            envelope_id, payload = message.get("envelope_id"), message.get("payload") or {}
            match message.get("type"):
                case "disconnect":
                    socket.end(str(message.get("reason")))
                case "events_api":
                    await self._receive_event(_Receipt(socket, str(envelope_id)), event_of_callback(payload))
                case "slash_commands":
                    await socket.ack(str(envelope_id))
                    self._arrived.put_nowait(Delivery(event_of_command(str(envelope_id), payload)))
                case "interactive":
                    await socket.ack(str(envelope_id))
                    if (click := event_of_click(str(envelope_id), payload)) is not None:
                        self._arrived.put_nowait(Delivery(click))
                case _ if envelope_id:
                    await socket.ack(envelope_id)
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            # One malformed message must not end the connection.
            log.warning("a message from Slack has an unexpected format and is skipped: %s", type(error).__name__)

    async def _receive_event(self, receipt: _Receipt, event: SlackEvent | None) -> None:
        """Deliver an event unless it is the app's own, or a copy of one that was delivered."""
        if event is None or event.own:
            await receipt.socket.ack(receipt.envelope_id)
            return
        match self._ledger.arrive(event.event_id, receipt):
            case "new":
                self._arrived.put_nowait(Delivery(event))
            case "settled":
                await receipt.socket.ack(receipt.envelope_id)
            case "open":
                log.info("Slack sent event %s again before it was processed", event.event_id)


def _as_object(message: Any) -> dict[str, Any]:
    """Return a decoded message.

    :raises TypeError: it is not a JSON object
    """
    if not isinstance(message, dict):
        raise TypeError("the message is not a JSON object")
    return message


def _tls(settings: HttpSettings) -> ssl.SSLContext | bool:
    """Return the TLS context of the WebSocket, from the settings of HTTP requests."""
    if not settings.verify:
        return False
    bundle = settings.ca_bundle
    is_folder = bundle is not None and Path(bundle).is_dir()
    context = ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
    if settings.client_cert is not None:
        certificate = settings.client_cert
        context.load_cert_chain(*((certificate,) if isinstance(certificate, str) else certificate))
    if settings.legacy_tls:
        context.options |= _OP_LEGACY_SERVER_CONNECT
    return context
