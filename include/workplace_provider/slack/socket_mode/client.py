"""A connection of Socket Mode that stays: a new ticket for each attempt, the next socket before the last one ends.

slack_sdk's own client asks with a used ticket for ever after one refused upgrade, closes the old socket before it opens
the new one, and never says that a token is wrong; so this is our own. Source: Slack's description of Socket Mode.
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

from workplace_provider.http.body import parse_json
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import Conflict, Forbidden, SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import SYSTEM
from workplace_provider.slack.client.reader import BASE_URL
from workplace_provider.slack.events import SlackEvent, event_of_callback, event_of_command
from workplace_provider.slack.socket_mode.ledger import EventLedger
from workplace_provider.slack.socket_mode.tickets import Tickets

log = get_logger("workplace_provider.slack")

SETTINGS: Final = HttpSettings(connect_timeout=10.0, read_timeout=20.0)
# Slack counts a connection for a while after it broke; so long, one more than ours is no stranger.
_LOST_COUNTS: Final = 60.0
# A listener that sleeps for days hears nothing: however long Slack asks to wait, it asks again after an hour.
_LONGEST_DELAY: Final = 3600.0
_OP_LEGACY_SERVER_CONNECT: Final = 0x4


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """How a connection is kept; all in seconds.

    :param heartbeat: between two pings; a socket whose other end went away without a word is noticed by them
    :param first_wait: about so long after the first failure until the next attempt, doubled for each further one
    :param longest_wait: at the most between two attempts, unless Slack asks for more
    :param settled: a connection that breaks sooner counts as a failed attempt
    :param drain: how long a socket that Slack takes back is still read beside its successor
    :param first_pause: before an error is raised that no further attempt cures, doubled each time with the same token:
        whoever starts a client anew at once would otherwise ask Slack without end
    :param longest_pause: at the most before such an error
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
    """There is a new connection; what was said before it may have been missed.

    :param number: counts the connections of a client from 1
    :param others: how many further clients use the same app; each of them takes a part of the events
    """

    number: int
    others: int


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """An event that is to be taken care of: :meth:`SocketModeClient.ack` it then, or ``release`` it when that failed."""

    event: SlackEvent


@dataclass(frozen=True, slots=True, eq=False)
class _Receipt:
    socket: _Socket
    envelope_id: str


_Ledger: TypeAlias = EventLedger[_Receipt]
# Failures in a row by token, for whoever makes a new client after each: the triggerer does.
_failures: Final[dict[bytes, int]] = {}


class _Socket:
    """One WebSocket."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.opened = time.monotonic()
        self.ending = asyncio.Event()
        self.gone = asyncio.Event()
        self.farewell = ""

    def end(self, farewell: str = "") -> None:
        """Note that it will end, or has."""
        self.farewell = self.farewell or farewell
        self.ending.set()

    async def ack(self, envelope_id: str) -> bool:
        """Acknowledge an envelope; whether that could be sent."""
        try:
            await self.websocket.send_str(json.dumps({"envelope_id": envelope_id}))
        except (aiohttp.ClientError, ConnectionError):
            return False
        return True


class SocketModeClient:
    """Receives an app's events and slash commands.

    ``async for item in client`` gives :class:`Connected` and :class:`Delivery` until it raises what no further attempt
    cures. An event is acknowledged when :meth:`ack` says that it is taken care of; until then Slack sends it again, and the
    copies are held back. Slash commands are acknowledged as they come, since Slack gives them three seconds. What the
    app itself said never comes out.

    :param app_token: app-level token, ``xapp-…``, with the scope ``connections:write``
    :param base_url: where the methods are, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and TLS
    :param keeping: how the connection is kept
    :param exclusive: raise when another client uses the same app; otherwise that is only logged
    """

    def __init__(
        self,
        app_token: str,
        *,
        base_url: str = BASE_URL,
        settings: HttpSettings = SETTINGS,
        keeping: SocketSettings | None = None,
        exclusive: bool = False,
    ) -> None:
        self._tickets = Tickets(app_token, base_url=base_url, settings=settings)
        self._token_digest = hashlib.sha256(app_token.encode()).digest()
        self._settings = settings
        self._keeping = keeping or SocketSettings()
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
        """The next thing that happens; connects when it is called first.

        :raises WorkplaceError: what no further attempt cures, such as a token that Slack refuses
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
        """Say that an event is taken care of: Slack need not send it again."""
        for receipt in self._ledger.settle(delivery.event.event_id):
            await receipt.socket.ack(receipt.envelope_id)

    def release(self, delivery: Delivery) -> None:
        """Say that an event could not be taken care of: it comes out again when Slack sends it again."""
        self._ledger.release(delivery.event.event_id)

    async def close(self) -> None:
        """End the connection and everything that goes on for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for socket in list(self._sockets):
            await socket.websocket.close()
        if self._session is not None:
            await self._session.close()
        self._tickets.close()

    # --- keeping a connection

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
            # Nobody awaits this task; the error belongs to who receives.
            log.exception("Socket Mode failed")
            self._arrived.put_nowait(error)

    async def _stay_connected(self) -> None:
        socket = await self._open()
        while True:
            await socket.ending.wait()
            if socket.farewell == "link_disabled":
                raise Forbidden(
                    "Socket Mode was switched off",
                    system=SYSTEM,
                    code=socket.farewell,
                    advice="switch it on in the app's settings, under Socket Mode",
                )
            log.info("the connection to Slack ends: %s", socket.farewell or "without a word")
            if time.monotonic() - socket.opened >= self._keeping.settled:
                self._attempts_failed = 0
            elif socket.farewell and self._attempts_failed == 0:
                # An end that was announced is no failure, unless it comes again and again.
                self._attempts_failed = 1
            else:
                await self._wait(None, "it did not last")
            successor = await self._open()
            self._start(self._drain(socket))
            socket = successor

    async def _open(self) -> _Socket:
        """Connect, and try again as long as that can help."""
        while True:
            try:
                return await self._attempt()
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                await self._wait(error.retry_after, str(error))

    async def _attempt(self) -> _Socket:
        url = await asyncio.to_thread(self._tickets.take)
        websocket: aiohttp.ClientWebSocketResponse | None = None
        try:
            async with asyncio.timeout(self._settings.connect_timeout + self._settings.read_timeout):
                websocket = await self._connect(url)
                hello = await websocket.receive_json(loads=parse_json)
        # The errors of aiohttp name the address with its ticket, which is a secret; so only their kind is told.
        except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as error:
            if websocket is not None:
                await websocket.close()
            what = f"status {error.status}" if isinstance(error, aiohttp.WSServerHandshakeError) else type(error).__name__
            raise SourceUnavailable(f"the WebSocket could not be opened: {what}", system=SYSTEM) from None
        socket = _Socket(websocket)
        self._sockets.add(socket)
        self._start(self._read(socket))
        if hello.get("type") == "disconnect":
            socket.end(str(hello.get("reason")))
            raise SourceUnavailable(f"Slack ended the connection at once: {hello.get('reason')}", system=SYSTEM)
        try:
            self._greet(hello)
        except WorkplaceError:
            # Open, it would go on taking events from the others.
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
            heartbeat=self._keeping.heartbeat,
            proxy=proxies.get(scheme),
            ssl=await asyncio.to_thread(_tls, self._settings) if scheme == "https" else True,
        )

    def _greet(self, hello: dict[str, Any]) -> None:
        """Take what Slack says first: how many connections the app has now."""
        recently = time.monotonic() - _LOST_COUNTS
        ours = len(self._sockets) + sum(lost > recently for lost in self._lost)
        others = max(0, int(hello.get("num_connections") or 0) - ours)
        if others != self._others:
            self._others = others
            log.log(
                logging.ERROR if others else logging.INFO,
                "connections of others that use the same Slack app: %d%s",
                others,
                ". Each takes a part of the events: use one triggerer, or an app of its own for each" if others else "",
            )
        if others and self._exclusive:
            raise Conflict(
                f"the same Slack app is used elsewhere ({others} connections), where a part of the events goes",
                system=SYSTEM,
                advice="end the others, or make an app of its own for each",
                retryable=False,
            )
        _failures.pop(self._token_digest, None)
        self._connections += 1
        self._arrived.put_nowait(Connected(self._connections, others))

    async def _drain(self, socket: _Socket) -> None:
        """Read on what comes over a socket that has a successor, and close it."""
        try:
            async with asyncio.timeout(self._keeping.drain):
                await socket.gone.wait()
        except TimeoutError:
            await socket.websocket.close()

    async def _wait(self, asked: float | None, why: str) -> None:
        keeping = self._keeping
        ceiling = min(keeping.longest_wait, keeping.first_wait * 2 ** min(self._attempts_failed, 30))
        self._attempts_failed += 1
        asked = min(asked or 0.0, _LONGEST_DELAY)
        seconds = max(asked, ceiling / 2 + random.uniform(0, ceiling / 2))  # noqa: S311 - spreads attempts only
        log.warning("waiting %.1f s before the next attempt to connect to Slack: %s", seconds, why)
        await asyncio.sleep(seconds)

    async def _pause_before(self, error: WorkplaceError) -> None:
        failures = _failures.get(self._token_digest, 0)
        _failures[self._token_digest] = failures + 1
        pause = min(self._keeping.longest_pause, self._keeping.first_pause * 2 ** min(failures, 30))
        log.error("Socket Mode ends in %.0f s: %s", pause, error)
        await asyncio.sleep(pause)

    # --- what comes over it

    async def _read(self, socket: _Socket) -> None:
        try:
            async for message in socket.websocket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    await self._take(socket, message.data)
        finally:
            self._sockets.discard(socket)
            if not socket.ending.is_set():
                self._lost.append(time.monotonic())
            socket.gone.set()
            socket.end()

    async def _take(self, socket: _Socket, text: str) -> None:
        try:
            said = parse_json(text)
            envelope_id, payload = said.get("envelope_id"), said.get("payload") or {}
            if said.get("type") == "disconnect":
                socket.end(str(said.get("reason")))
            elif said.get("type") == "events_api":
                await self._take_event(_Receipt(socket, envelope_id), event_of_callback(payload))
            elif said.get("type") == "slash_commands":
                await socket.ack(envelope_id)
                self._arrived.put_nowait(Delivery(event_of_command(envelope_id, payload)))
            elif envelope_id:
                await socket.ack(envelope_id)
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            # One message that is not as Slack describes it must not end the connection.
            log.warning("a message from Slack could not be read: %s", type(error).__name__)

    async def _take_event(self, receipt: _Receipt, event: SlackEvent | None) -> None:
        if event is None or event.own:
            await receipt.socket.ack(receipt.envelope_id)
            return
        match self._ledger.arrive(event.event_id, receipt):
            case "new":
                self._arrived.put_nowait(Delivery(event))
            case "settled":
                await receipt.socket.ack(receipt.envelope_id)
            case "open":
                log.info("event %s came again before it was taken care of", event.event_id)


def _tls(settings: HttpSettings) -> ssl.SSLContext | bool:
    """The TLS of the WebSocket by the settings that hold for requests."""
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
