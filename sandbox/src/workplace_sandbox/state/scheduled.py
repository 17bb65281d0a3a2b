"""The messages that Slack will post later."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import ScheduledMessage
from workplace_sandbox.state.database import Database, now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_COLUMNS = "id, channel_id, post_at, created, text, payload, thread_ts, broadcast"


class ScheduledTable(Database):
    """Scheduled messages."""

    def schedule(
        self,
        channel_id: str,
        post_at: int,
        text: str,
        payload: Mapping[str, Any],
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
        at: datetime | None = None,
    ) -> ScheduledMessage:
        """Schedule a message.

        :param post_at: seconds since 1970.
        :param at: when it is scheduled; now when None.
        """
        made = f"Q0{secrets.token_hex(5).upper()}"
        created = int((at or now()).timestamp())
        row = (made, channel_id, post_at, created, text, json.dumps(payload, ensure_ascii=False), thread_ts, broadcast)
        with self._transaction() as db:
            db.execute(f"INSERT INTO slack_scheduled ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        return ScheduledMessage(made, channel_id, post_at, created, text, dict(payload), thread_ts, broadcast)

    def scheduled(self, channel_id: str | None = None) -> list[ScheduledMessage]:
        """Return the scheduled messages of a channel, or of all, in the order of their creation."""
        sql = f"SELECT {_COLUMNS} FROM slack_scheduled WHERE channel_id = coalesce(?, channel_id) ORDER BY position"  # noqa: S608
        return [_message(row) for row in self._rows(sql, channel_id)]

    def unschedule(self, scheduled_id: str) -> bool:
        """Remove a scheduled message.

        :return: whether it was there.
        """
        with self._transaction() as db:
            return db.execute("DELETE FROM slack_scheduled WHERE id = ?", (scheduled_id,)).rowcount > 0


def _message(row: tuple[Any, ...]) -> ScheduledMessage:
    number, channel_id, post_at, created, text, payload, thread_ts, broadcast = row
    return ScheduledMessage(number, channel_id, post_at, created, text, json.loads(payload), thread_ts, bool(broadcast))
