"""Every request that the sandbox got: what tests and a curious person look at afterwards."""

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
# The sandbox's own controls are not part of what it pretends to be.
UNRECORDED = ("/_sandbox/", "/_ui/")
# Answers that end with their head.
BODILESS = (204, 304)
RECORDED_HEADERS = frozenset({"accept", "content-length", "content-type", "range", "user-agent", "x-atlassian-token"})


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request and what became of it.

    ``status`` is what the client was sent, None when it was sent nothing; ``fault`` is the kind of fault that met it.
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
        """The record as JSON."""
        return asdict(self) | {"at": self.at.isoformat()}


class Journal:
    """The latest requests, in the order in which they were finished."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[RecordedRequest] = deque(maxlen=KEPT)

    def add(self, record: RecordedRequest) -> None:
        """Write a request down."""
        with self._lock:
            self._records.append(record)

    def requests(self, path: str | None = None) -> list[RecordedRequest]:
        """The requests, those whose path matches a regular expression when one is given."""
        with self._lock:
            records = list(self._records)
        return [record for record in records if path is None or re.search(path, record.path)]

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()


class JournalMiddleware:
    """Writes requests down, with the status that really went out."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"].startswith(UNRECORDED):
            await self._app(scope, receive, send)
            return
        at = now()
        body_bytes = 0
        status: int | None = None

        async def counted() -> Message:
            nonlocal body_bytes
            message = await receive()
            body_bytes += len(message.get("body", b""))
            return message

        def record() -> None:
            fault = scope.get("state", {}).get("fault")
            self._journal.add(
                RecordedRequest(
                    method=scope["method"],
                    path=scope["path"],
                    query=scope["query_string"].decode("latin-1"),
                    status=status,
                    headers=_headers(scope),
                    request_body_bytes=body_bytes,
                    at=at,
                    fault=fault,
                )
            )

        written = False

        async def noted(message: Message) -> None:
            nonlocal status, written
            if message["type"] == "http.response.start":
                status = message["status"]
                last = scope["method"] == "HEAD" or status in BODILESS
            else:
                last = not message.get("more_body", False)
            if last and not written:
                # Before the last byte goes out: whoever has the answer finds the request written down.
                written = True
                record()
            await send(message)

        def recorded_first(end: Callable[[], None]) -> Callable[[], None]:
            def end_recorded() -> None:
                nonlocal written
                if not written:
                    written = True
                    record()
                end()

            return end_recorded

        # The same holds for a connection that is about to be cut.
        extensions = scope.get("extensions", {})
        extensions.update({name: recorded_first(extensions[name]) for name in (ABORT, CLOSE) if name in extensions})
        try:
            await self._app(scope, counted, noted)
        finally:
            if not written:
                record()


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in RECORDED_HEADERS:
            found[name] = value
        elif name == "authorization":
            found[name] = value.partition(" ")[0]
    return found
