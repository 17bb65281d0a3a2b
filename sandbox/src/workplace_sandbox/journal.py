"""The journal of requests to the sandbox, for tests and people."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workplace_sandbox.connection import ABORT, CLOSE
from workplace_sandbox.store import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT = 20_000
# The sandbox's own controls are not part of the systems that it imitates.
UNRECORDED = ("/_sandbox/", "/_ui/")
# Responses without a body.
BODILESS = (204, 304)
RECORDED_HEADERS = frozenset({"accept", "content-length", "content-type", "range", "user-agent", "x-atlassian-token"})


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request and its result.

    ``status`` is the status sent to the client, None when nothing was sent; ``fault`` is the kind of the applied fault.
    Of ``authorization`` only the scheme is kept.
    """

    method: str
    path: str
    query: str
    status: int | None
    headers: dict[str, str]
    request_body_bytes: int
    at: datetime
    fault: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return asdict(self) | {"at": self.at.isoformat()}


class Journal:
    """The latest requests, in the order in which they were finished."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[RecordedRequest] = deque(maxlen=KEPT)

    def add(self, record: RecordedRequest) -> None:
        """Record a request."""
        with self._lock:
            self._records.append(record)

    def requests(self, path: str | None = None) -> list[RecordedRequest]:
        """Return the requests, or those whose path matches a regular expression."""
        with self._lock:
            records = list(self._records)
        return [record for record in records if path is None or re.search(path, record.path)]

    def clear(self) -> None:
        """Remove all requests."""
        with self._lock:
            self._records.clear()


class JournalMiddleware:
    """Records requests, with the status that was really sent."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["path"].startswith(UNRECORDED):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._journal)
        # The record comes before the last byte, and before the end of a connection that is cut.
        extensions = scope.get("extensions", {})
        extensions.update({name: exchange.recording(extensions[name]) for name in (ABORT, CLOSE) if name in extensions})
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            exchange.record()


class _Exchange:
    """One request and its response on their way through the middleware.

    :param scope: the request.
    :param receive: the client's side.
    :param send: the client's side.
    :param journal: receives the record, once.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, journal: Journal) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._journal = journal
        self._at = now()
        self._body_bytes = 0
        self._status: int | None = None
        self._recorded = False

    async def receive(self) -> Message:
        """Return the next message of the request, and count its bytes."""
        message = await self._receive()
        self._body_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the response; the record is written before the last one."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            is_last = self._scope["method"] == "HEAD" or self._status in BODILESS
        else:
            is_last = not message.get("more_body", False)
        if is_last:
            # A client that has the whole response finds its request in the journal.
            self.record()
        await self._send(message)

    def recording(self, end: Callable[[], None]) -> Callable[[], None]:
        """Return ``end``, preceded by the record."""

        def record_and_end() -> None:
            self.record()
            end()

        return record_and_end

    def record(self) -> None:
        """Write the record, once."""
        if self._recorded:
            return
        self._recorded = True
        self._journal.add(
            RecordedRequest(
                method=self._scope["method"],
                path=self._scope["path"],
                query=self._scope["query_string"].decode("latin-1"),
                status=self._status,
                headers=_headers(self._scope),
                request_body_bytes=self._body_bytes,
                at=self._at,
                fault=self._scope.get("state", {}).get("fault"),
            )
        )


def _headers(scope: Scope) -> dict[str, str]:
    recorded: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in RECORDED_HEADERS:
            recorded[name] = value
        elif name == "authorization":
            recorded[name] = value.partition(" ")[0]
    return recorded
