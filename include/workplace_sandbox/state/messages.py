"""Slack channels and their messages."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Message, MessageSource
from workplace_sandbox.state.database import Database, as_moment, as_text, now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class MessageTables(Database):
    """Channels and messages."""

    def channels(self) -> list[str]:
        """The channels with their leading ``#``, in the order they were made."""
        return [name for (name,) in self._rows("SELECT name FROM channel ORDER BY created")]

    def add_channel(self, name: str) -> None:
        """Make a channel; one that is there stays as it is."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO channel SELECT ?, count(*) FROM channel", (name,))

    def messages(self, channel: str | None = None) -> list[Message]:
        """The messages of a channel, or of all, the oldest first."""
        if channel is None:
            rows = self._rows("SELECT * FROM message ORDER BY ts")
        else:
            rows = self._rows("SELECT * FROM message WHERE channel = ? ORDER BY ts", channel)
        return [_message(row) for row in rows]

    def add_message(
        self,
        channel: str,
        username: str,
        text: str,
        payload: Mapping[str, Any],
        source: MessageSource,
        at: datetime | None = None,
    ) -> Message:
        """Post a message; the channel is made when it is not there.

        :param channel: with its leading ``#``.
        :param username: who it is shown from.
        :param text: the text as a person reads it.
        :param payload: the JSON that was sent.
        :param source: which kind of webhook brought it.
        :param at: when; now when None.
        :return: the message. Its ``ts`` is unique, as Slack's is: the id of a message within a channel.
        """
        moment = at or now()
        with self._transaction() as db:
            self.add_channel(channel)
            micros = int(moment.timestamp()) * 1_000_000 + moment.microsecond
            while db.execute("SELECT 1 FROM message WHERE ts = ?", (_ts(micros),)).fetchone():
                micros += 1
            ts = _ts(micros)
            db.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    ts,
                    channel,
                    username,
                    text,
                    json.dumps(payload, ensure_ascii=False),
                    source,
                    as_text(moment),
                ),
            )
        return Message(ts, channel, username, text, dict(payload), source, moment.astimezone(UTC))


def _ts(micros: int) -> str:
    seconds, rest = divmod(micros, 1_000_000)
    return f"{seconds}.{rest:06d}"


def _message(row: tuple[Any, ...]) -> Message:
    ts, channel, username, text, payload, source, at = row
    return Message(ts, channel, username, text, json.loads(payload), source, as_moment(at))
