"""The messages in Slack's channels that only one person sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import EphemeralMessage
from workplace_sandbox.state.database import Database, as_moment, as_text, now
from workplace_sandbox.state.slack_ids import as_ts

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = "ts, channel_id, user_id, name, text, payload, thread_ts, at"


class EphemeralTable(Database):
    """Ephemeral messages. They have no reactions, replies, edits or files."""

    def whisper(
        self,
        channel_id: str,
        user_id: str,
        text: str,
        *,
        name: str,
        payload: Mapping[str, Any] | None = None,
        thread_ts: str | None = None,
    ) -> EphemeralMessage:
        """Show a message to one person.

        :param user_id: the person.
        :param name: the visible sender.
        :param payload: its other fields.
        :return: the message, whose ``ts`` is unique among those of its channel.
        """
        moment = now()
        micros = int(moment.timestamp()) * 1_000_000 + moment.microsecond
        with self._transaction() as db:
            while self.ephemeral_message(channel_id, as_ts(micros)) is not None:
                micros += 1
            row = (channel_id, as_ts(micros), user_id, name, text, _json(payload), thread_ts, as_text(moment))
            db.execute(
                "INSERT INTO slack_ephemeral (channel_id, ts, user_id, name, text, payload, thread_ts, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return EphemeralMessage(as_ts(micros), channel_id, user_id, name, text, dict(payload or {}), thread_ts, moment)

    def whispers(self, channel_id: str) -> list[EphemeralMessage]:
        """Return the messages in a channel that only one person sees, the oldest first."""
        sql = f"SELECT {_COLUMNS} FROM slack_ephemeral WHERE channel_id = ? ORDER BY position"  # noqa: S608 - ours
        return [_message(row) for row in self._rows(sql, channel_id)]

    def ephemeral_message(self, channel_id: str, ts: str) -> EphemeralMessage | None:
        """Return the message of that ``ts`` that only one person sees, or None."""
        sql = f"SELECT {_COLUMNS} FROM slack_ephemeral WHERE channel_id = ? AND ts = ?"  # noqa: S608 - ours
        row = self._row(sql, channel_id, ts)
        return _message(row) if row else None

    def replace_whisper(self, channel_id: str, ts: str, text: str, payload: Mapping[str, Any]) -> None:
        """Replace the content of a message that only one person sees."""
        with self._transaction() as db:
            db.execute(
                "UPDATE slack_ephemeral SET text = ?, payload = ? WHERE channel_id = ? AND ts = ?",
                (text, _json(payload), channel_id, ts),
            )

    def remove_whisper(self, channel_id: str, ts: str) -> None:
        """Remove a message that only one person sees."""
        with self._transaction() as db:
            db.execute("DELETE FROM slack_ephemeral WHERE channel_id = ? AND ts = ?", (channel_id, ts))


def _json(payload: Mapping[str, Any] | None) -> str:
    return json.dumps(payload or {}, ensure_ascii=False)


def _message(row: tuple[Any, ...]) -> EphemeralMessage:
    ts, channel_id, user_id, name, text, payload, thread_ts, at = row
    return EphemeralMessage(ts, channel_id, user_id, name, text, json.loads(payload), thread_ts, as_moment(at))
