"""The sandbox's notice board for tests of its readers: its descriptions, and its changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.notices import Board, Reading, describe_board, read_board
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault, Kind
from workplace_sandbox.model import BoardNotice

BEGIN = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
TABLE: dict[str, Any] = {
    "kind": "html",
    "name": "company",
    "title": "사내 공지",
    "connection": "notice_board",
    "url": "/board",
    "select": {
        "item": "table.notices tbody tr",
        "title": "td.title a",
        "date": "td.date",
        "author": "td.author",
        "pinned": "tr.pinned",
    },
    "id": r"\bid=(\d+)",
}
FEED: dict[str, Any] = {"kind": "feed", "name": "news", "connection": "notice_board", "url": "/board/rss.xml"}


@dataclass
class NoticeBoard:
    """A board.

    :param waits: the waits so far, in seconds
    """

    sandbox: Sandbox
    waits: list[float] = field(default_factory=list)
    days: int = 0

    def add(self, title: str, **more: Any) -> BoardNotice:
        """Put a notice on the board, a day younger than the one before."""
        self.days += 1
        return self.sandbox.notices.add(title, at=BEGIN + timedelta(days=self.days), **more)

    def goes_wrong(self, kind: Kind, **how: Any) -> None:
        """Add a fault to the board, for one request by default."""
        self.sandbox.add_fault(Fault("^/board", kind, **how))

    def read(self, description: dict[str, Any], **conditions: str) -> Reading | None:
        """Read it as described, without waiting."""
        described: Board = describe_board(description)
        settings = HttpSettings(attempts=2)
        with HttpClient(self.sandbox.url, system=described.system, settings=settings, sleep=self.waits.append) as client:
            return read_board(client, described.url, described, **conditions)

    def titles(self, description: dict[str, Any]) -> list[str]:
        """Return its titles, from its top."""
        reading = self.read(description)
        assert reading is not None
        return [each.title for each in reading.notices]
