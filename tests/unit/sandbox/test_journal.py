from __future__ import annotations

from typing import Any

import pytest

from support.event_loop import run_apart
from workplace_sandbox.journal import Journal, JournalMiddleware


@pytest.mark.parametrize(
    ("method", "status", "length"), [("DELETE", 204, 0), ("GET", 304, 0), ("HEAD", 200, 7), ("GET", 200, 7)]
)
def test_whoever_has_the_whole_answer_finds_the_request_written_down(method: str, status: int, length: int) -> None:
    journal = Journal()
    written: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * length if method != "HEAD" else b""})

    async def send(message: Any) -> None:
        written.append(len(journal.requests("/members")))

    scope = {"type": "http", "method": method, "path": "/members/1", "query_string": b"", "headers": []}
    run_apart(JournalMiddleware(app, journal)(scope, _nothing, send))  # type: ignore[arg-type]
    has_body = method != "HEAD" and status == 200
    assert written == [0 if has_body else 1, 1]
    assert [each.status for each in journal.requests()] == [status]


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}
