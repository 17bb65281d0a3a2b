"""Slack's conversations and their members."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import ConversationKind, SlackChannel
from workplace_sandbox.state.database import Database, as_moment, as_text
from workplace_sandbox.state.slack_ids import slack_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_COLUMNS = "c.id, c.name, c.kind, c.archived, c.created, c.creator, c.topic, c.purpose"


class ChannelTables(Database):
    """Channels, direct messages and memberships."""

    def channels(self) -> list[SlackChannel]:
        """Return the channels in the order they were made, direct messages left out."""
        return [channel for channel in self.conversations() if not channel.is_direct]

    def conversations(self) -> list[SlackChannel]:
        """Return every conversation, direct messages too, in the order they were made."""
        return [_channel(row) for row in self._rows(f"SELECT {_COLUMNS} FROM slack_channel c ORDER BY position")]  # noqa: S608

    def channel(self, which: str) -> SlackChannel | None:
        """Return the conversation of that id, or else the channel of that name with or without its ``#``; or None."""
        by = f"SELECT {_COLUMNS} FROM slack_channel c WHERE "  # noqa: S608 - the names are ours
        row = self._row(by + "id = ?", which)
        row = row or self._row(by + "name = ? AND kind NOT IN ('im', 'mpim')", channel_name(which))
        return _channel(row) if row else None

    def add_channel(
        self,
        name: str,
        *,
        kind: ConversationKind = "public_channel",
        creator: str = "",
        topic: str = "",
        purpose: str = "",
        members: Iterable[str] = (),
        at: datetime | None = None,
    ) -> SlackChannel:
        """Create a channel; an existing one stays unchanged.

        :param name: with or without its leading ``#``.
        :param members: ids of the initial members.
        :param at: when; now when None.
        :return: the channel.
        """
        plain = channel_name(name)
        made = slack_id("D" if kind == "im" else "C", f"{kind} {plain}" if kind in ("im", "mpim") else plain)
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO slack_channel (id, name, kind, archived, created, creator, topic, purpose)"
                " VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
                (made, plain, kind, as_text(at), creator, topic, purpose),
            )
            self.join(made, *members)
            return _channel(db.execute(f"SELECT {_COLUMNS} FROM slack_channel c WHERE id = ?", (made,)).fetchone())  # noqa: S608

    def set_archived(self, channel_id: str, archived: bool = True) -> None:
        """Archive a channel or restore it."""
        with self._transaction() as db:
            db.execute("UPDATE slack_channel SET archived = ? WHERE id = ?", (archived, channel_id))

    def join(self, channel_id: str, *users: str) -> int:
        """Add people to a channel.

        :param users: their ids.
        :return: the number of new members.
        """
        with self._transaction() as db:
            added = 0
            for user in users:
                row = (channel_id, user)
                sql = "INSERT OR IGNORE INTO slack_membership (channel_id, user_id) VALUES (?, ?)"
                added += db.execute(sql, row).rowcount
            return added

    def members(self, channel_id: str) -> list[str]:
        """Return the ids of the members of a channel, the first to join first."""
        sql = "SELECT user_id FROM slack_membership WHERE channel_id = ? ORDER BY position"
        return [user for (user,) in self._rows(sql, channel_id)]

    def is_member(self, channel_id: str, user_id: str) -> bool:
        """Return whether a user is in a channel."""
        sql = "SELECT 1 FROM slack_membership WHERE channel_id = ? AND user_id = ?"
        return self._row(sql, channel_id, user_id) is not None

    def conversations_of(self, user_id: str) -> list[SlackChannel]:
        """Return the conversations of a user."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM slack_channel c JOIN slack_membership m ON m.channel_id = c.id"  # noqa: S608 - ours
            " WHERE m.user_id = ? ORDER BY c.position",
            user_id,
        )
        return [_channel(row) for row in rows]


def channel_name(name: str) -> str:
    """Return a channel's name as it is stored: without its ``#``, in one Unicode form for all keyboards."""
    return unicodedata.normalize("NFC", name).removeprefix("#")


def _channel(row: tuple[Any, ...]) -> SlackChannel:
    number, name, kind, archived, created, creator, topic, purpose = row
    return SlackChannel(number, name, kind, bool(archived), as_moment(created), creator, topic, purpose)
