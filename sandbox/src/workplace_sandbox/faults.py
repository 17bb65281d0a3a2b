"""Faults that can be switched on per route: failures between a client and a real system.

The interesting ones are those where the server did the work and the client never learns of it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, get_args

from workplace_sandbox.connection import ABORT, CLOSE, GONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["status", "status_after", "drop_before", "drop_after", "slow", "truncate", "html", "hang_after"]
KINDS: tuple[str, ...] = get_args(Kind)
NO_FAULTS = ("/_sandbox/", "/_ui/")

LOGIN_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><title>Log in</title></head>'
    '<body><form method="post" action="/login"><input name="user"><input name="password" type="password">'
    "<button>Log in</button></form></body></html>"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that selects requests, and their fault.

    :param path: regular expression that is searched in the path of a request, context path included.
    :param kind: the fault.
        ``status``: respond with ``status`` instead of processing the request.
        ``status_after``: process the request, then respond with ``status``.
        ``drop_before``: close the connection without processing the request.
        ``drop_after``: process the request, then close the connection without a response.
        ``slow``: wait ``delay`` seconds, then process the request and respond.
        ``truncate``: declare the whole length, send half of the body, close the connection.
        ``html``: respond 200 with a log-in page, without processing the request.
        ``hang_after``: process the request, then wait ``delay`` seconds before the response.
    :param method: HTTP method, ``*`` for all.
    :param times: the number of requests; None for all.
    :param skip: the number of matching requests that pass before the first fault.
    :param status: the status of the response.
    :param headers: headers of that response, e.g. ``Retry-After``.
    :param body: body of that response; a short page of HTML when None.
    :param delay: seconds.
    """

    path: str
    kind: Kind
    method: str = "*"
    times: int | None = 1
    skip: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a rule that can never match.

        :raises ValueError: unknown kind, invalid expression or number.
        """
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(KINDS)}")
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"the path is not a regular expression: {error}") from error
        if not 200 <= self.status <= 599:
            raise ValueError("the status must be between 200 and 599")
        if self.delay < 0 or self.skip < 0 or (self.times is not None and self.times < 1):
            raise ValueError("delay and skip must not be negative, and times must be at least 1 or None")


@dataclass(slots=True)
class FaultRule:
    """A fault that was switched on, with its counts."""

    id: int
    fault: Fault
    seen: int = 0
    hits: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the rule with its counts, as JSON."""
        names = Fault.__dataclass_fields__
        values = {name: getattr(self.fault, name) for name in names}
        return {"id": self.id, **values, "seen": self.seen, "hits": self.hits}


class FaultBoard:
    """The active rules. The first rule that matches a request applies; used-up rules are skipped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._ids = itertools.count(1)

    def add(self, fault: Fault) -> int:
        """Switch a fault on.

        :return: the id of the rule.
        """
        with self._lock:
            rule = FaultRule(next(self._ids), fault)
            self._rules.append(rule)
            return rule.id

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their counts, as JSON."""
        with self._lock:
            return [rule.to_json() for rule in self._rules]

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, None for no fault; counts it."""
        with self._lock:
            for rule in self._rules:
                fault = rule.fault
                if fault.method not in ("*", method) or not re.search(fault.path, path):
                    continue
                if fault.times is not None and rule.hits >= fault.times:
                    continue
                rule.seen += 1
                if rule.seen <= fault.skip:
                    continue
                rule.hits += 1
                return fault
        return None


class FaultMiddleware:
    """Applies the active faults to requests."""

    def __init__(self, app: ASGIApp, board: FaultBoard) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, with its fault."""
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith(NO_FAULTS):
            fault = self._board.take(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["fault"] = fault.kind
        await self._run(fault, scope, receive, send)

    async def _run(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "status":
                await _respond(fault, send)
            case "html":
                await _send_html(send, 200, {}, LOGIN_PAGE)
            case "drop_before":
                await _hang_up(scope, receive, ABORT)
            case "slow":
                await _wait(scope, fault.delay)
                await self._app(scope, receive, send)
            case "status_after":
                await self._app(scope, receive, _drop)
                await _respond(fault, send)
            case "drop_after":
                await self._app(scope, receive, _drop)
                await _hang_up(scope, receive, CLOSE)
            case "hang_after":
                await self._app(scope, receive, _Late(scope, send, fault.delay))
            case "truncate":
                await self._app(scope, receive, _Half(scope, receive, send))


class _Late:
    """Delays a response."""

    def __init__(self, scope: Scope, send: Send, delay: float) -> None:
        self._scope = scope
        self._send = send
        self._delay = delay

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await _wait(self._scope, self._delay)
        await self._send(message)


class _Half:
    """Sends the declared length and half of the body, then closes the connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left: int | None = None
        self._closed = False

    async def __call__(self, message: Message) -> None:
        if self._closed:
            return
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            # A response without a declared length is chunked: it ends before its last chunk.
            self._left = int(headers.get(b"content-length", b"2")) // 2
            await self._send(message)
            return
        body = message.get("body", b"")[: self._left]
        self._left = (self._left or 0) - len(body)
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
        if self._left <= 0 or not message.get("more_body", False):
            self._closed = True
            await _hang_up(self._scope, self._receive, CLOSE)


async def _drop(_: Message) -> None:
    """Drop a message of a response that is not sent."""


async def _respond(fault: Fault, send: Send) -> None:
    reason = HTTPStatus(fault.status).phrase if fault.status in {entry.value for entry in HTTPStatus} else ""
    heading = f"{fault.status} {reason}".strip()
    page = f"<html><head><title>{heading}</title></head><body><h1>{heading}</h1></body></html>"
    await _send_html(send, fault.status, fault.headers, page if fault.body is None else fault.body)


async def _send_html(send: Send, status: int, headers: dict[str, str], text: str) -> None:
    body = text.encode()
    own_headers = {name.lower(): value for name, value in headers.items()}
    all_headers = {"content-type": "text/html; charset=utf-8"} | own_headers | {"content-length": str(len(body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _wait(scope: Scope, delay: float) -> None:
    """Wait, but not for a client that has disconnected: a test that gave up must not delay the end of the server."""
    gone: Callable[[], bool] = scope["extensions"][GONE]
    end = asyncio.get_running_loop().time() + delay
    # A transport reports its end only to its protocol, so this loop polls.
    while not gone() and (left := end - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, 0.1))


async def _hang_up(scope: Scope, receive: Receive, how: str) -> None:
    """End the connection; returns when it is closed, so that nothing writes to it."""
    end: Callable[[], None] = scope["extensions"][how]
    end()
    while (await receive())["type"] != "http.disconnect":
        pass
