"""The messages in Slack's channels: threads, edits, deletions, reactions."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from workplace_sandbox.model import MessageNews, MessageSource, Reaction, ReactionNews, SlackMessage, ThreadSummary
from workplace_sandbox.state.channels import ChannelTables
from workplace_sandbox.state.database import as_moment, as_text, now
from workplace_sandbox.state.errors import NotFoundError
from workplace_sandbox.state.slack_ids import SLACKBOT_ID, as_ts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

TOMBSTONE_TEXT = "This message was deleted."

_MESSAGE = """
SELECT m.ts, c.kind, c.name, m.username, m.text, m.payload, m.source, m.at, m.channel_id, m.user_id, m.thread_ts,
       m.broadcast, m.subtype, m.edited_by, m.edited_ts
FROM slack_message m JOIN slack_channel c ON c.id = m.channel_id
"""
# The messages in the channel itself: no replies but those that were sent to the channel as well.
_IN_CHANNEL = "(m.thread_ts IS NULL OR m.broadcast)"


class MessageTables(ChannelTables):
    """Messages and reactions. Every new message goes through ``post``."""

    on_message: Callable[[MessageNews], None] | None = None
    """Called for each new, changed or deleted message; not for messages with a date in the past."""
    on_reaction: Callable[[ReactionNews], None] | None = None
    """Called for each reaction that is added or removed."""

    def messages(self, channel: str | None = None) -> list[SlackMessage]:
        """Return the messages of a channel, or of all, replies included, the oldest first.

        :param channel: name with or without its ``#``, or id.
        """
        if channel is None:
            return [_message(row) for row in self._rows(f"{_MESSAGE} ORDER BY m.ts, c.position")]
        record = self.channel(channel)
        sql = f"{_MESSAGE} WHERE m.channel_id = ? ORDER BY m.ts"
        return [_message(row) for row in self._rows(sql, record.id)] if record else []

    def message(self, channel_id: str, ts: str) -> SlackMessage | None:
        """Return the message of that ``ts``, or None."""
        row = self._row(f"{_MESSAGE} WHERE m.channel_id = ? AND m.ts = ?", channel_id, ts)
        return _message(row) if row else None

    def window(
        self,
        channel_id: str,
        after: str,
        before: str,
        limit: int,
        order: Literal["newest", "oldest"],
        thread: str | None = None,
    ) -> list[SlackMessage]:
        """Return messages of a channel or of a thread between two times, both excluded.

        :param after: a ``ts``.
        :param before: a ``ts``.
        :param limit: the largest number of messages.
        :param order: the end of the window to begin with.
        :param thread: ``ts`` of the parent whose replies are meant; None for the messages in the channel itself.
        """
        which, parameters = (_IN_CHANNEL, ()) if thread is None else ("m.thread_ts = ?", (thread,))
        direction = "DESC" if order == "newest" else "ASC"
        sql = f"{_MESSAGE} WHERE m.channel_id = ? AND m.ts > ? AND m.ts < ? AND {which} ORDER BY m.ts {direction} LIMIT ?"
        return [_message(row) for row in self._rows(sql, channel_id, after, before, *parameters, limit)]

    def threads(self, channel_id: str, parents: Collection[str]) -> dict[str, ThreadSummary]:
        """Return the summaries of the replies to some messages; those without replies are left out."""
        rows = self._rows(
            "SELECT thread_ts, ts, coalesce(user_id, '') FROM slack_message"
            " WHERE channel_id = ? AND thread_ts IN (SELECT value FROM json_each(?)) ORDER BY ts",
            channel_id,
            json.dumps(list(parents)),
        )
        replies = defaultdict(list)
        for parent, ts, user in rows:
            replies[parent].append((ts, user))
        return {
            parent: ThreadSummary(
                len(thread_replies), tuple(dict.fromkeys(user for _, user in thread_replies if user)), thread_replies[-1][0]
            )
            for parent, thread_replies in replies.items()
        }

    def add_message(
        self,
        channel: str,
        username: str,
        text: str,
        payload: Mapping[str, Any],
        source: MessageSource,
        at: datetime | None = None,
    ) -> SlackMessage:
        """Post a message of a webhook; the channel is created if it does not exist.

        :param channel: with its leading ``#``.
        :param username: the visible sender.
        :param text: the text as a person reads it.
        :param payload: the JSON in the request.
        :param source: the kind of webhook.
        :param at: when; now when None.
        :return: the message.
        """
        with self._transaction():
            made = self.add_channel(channel)
            return self.post(made.id, text, username=username, payload=payload, source=source, subtype="bot_message", at=at)

    def post(
        self,
        channel_id: str,
        text: str,
        *,
        username: str,
        payload: Mapping[str, Any],
        source: MessageSource,
        user_id: str | None = None,
        thread_ts: str | None = None,
        broadcast: bool = False,
        subtype: str | None = None,
        at: datetime | None = None,
    ) -> SlackMessage:
        """Post a message.

        :param username: the visible sender.
        :param payload: its other fields: ``blocks``, ``attachments``, ``metadata`` and so on.
        :param thread_ts: the parent; a reply's own ``ts`` selects its parent, and an unknown one no parent.
        :param broadcast: whether a reply is shown in the channel too.
        :param at: when; now when None.
        :return: the message. Its ``ts`` is unique in its channel, as Slack's is: it is the id of the message.
        """
        moment = at or now()
        with self._transaction() as db:
            parent = self.message(channel_id, thread_ts) if thread_ts else None
            root = (parent.thread_ts or parent.ts) if parent else None
            micros = int(moment.timestamp()) * 1_000_000 + moment.microsecond
            while self.message(channel_id, as_ts(micros)) is not None:
                micros += 1
            ts = as_ts(micros)
            db.execute(
                "INSERT INTO slack_message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (
                    channel_id,
                    ts,
                    username,
                    text,
                    json.dumps(payload, ensure_ascii=False),
                    source,
                    as_text(moment),
                    user_id,
                    root,
                    broadcast and root is not None,
                    "thread_broadcast" if broadcast and root else subtype,
                ),
            )
            posted = self.message(channel_id, ts)
        if posted is None:
            raise NotFoundError(ts)
        if at is None:
            self._tell(MessageNews("posted", posted))
        return posted

    def edit_message(
        self, message: SlackMessage, text: str, payload: Mapping[str, Any], by: str, at: datetime | None = None
    ) -> SlackMessage:
        """Change a message and mark it as edited.

        :return: the message after the change.
        """
        moment = at or now()
        stamp = as_ts(int(moment.timestamp()) * 1_000_000)
        with self._transaction() as db:
            db.execute(
                "UPDATE slack_message SET text = ?, payload = ?, edited_by = ?, edited_ts = ?"
                " WHERE channel_id = ? AND ts = ?",
                (text, json.dumps(payload, ensure_ascii=False), by, stamp, message.channel_id, message.ts),
            )
            edited = self.message(message.channel_id, message.ts)
        if edited is None:
            raise NotFoundError(message.ts)
        if at is None:
            self._tell(MessageNews("changed", edited, message))
        return edited

    def delete_message(self, message: SlackMessage) -> None:
        """Delete a message. A parent with replies leaves a placeholder, which is removed with its last reply."""
        self._delete(message)
        self._tell(MessageNews("deleted", message, message))

    def _delete(self, message: SlackMessage) -> None:
        key = (message.channel_id, message.ts)
        with self._transaction() as db:
            db.execute("DELETE FROM slack_share WHERE channel_id = ? AND ts = ?", key)
            if self.threads(message.channel_id, [message.ts]):
                db.execute(
                    "UPDATE slack_message SET subtype = 'tombstone', text = ?, payload = '{}',"
                    " username = 'Slackbot', user_id = ? WHERE channel_id = ? AND ts = ?",
                    (TOMBSTONE_TEXT, SLACKBOT_ID, *key),
                )
                return
            db.execute("DELETE FROM slack_reaction WHERE channel_id = ? AND ts = ?", key)
            db.execute("DELETE FROM slack_message WHERE channel_id = ? AND ts = ?", key)
            if message.thread_ts and not self.threads(message.channel_id, [message.thread_ts]):
                db.execute(
                    "DELETE FROM slack_message WHERE channel_id = ? AND ts = ? AND subtype = 'tombstone'",
                    (message.channel_id, message.thread_ts),
                )

    def _tell(self, news: MessageNews) -> None:
        if self.on_message is not None:
            self.on_message(news)

    def react(self, channel_id: str, ts: str, name: str, user_id: str) -> bool:
        """Add a reaction to a message.

        :return: False when that person had added it before.
        """
        with self._transaction() as db:
            sql = "INSERT OR IGNORE INTO slack_reaction (channel_id, ts, name, user_id) VALUES (?, ?, ?, ?)"
            is_new = db.execute(sql, (channel_id, ts, name, user_id)).rowcount > 0
        if is_new:
            self._tell_reaction("added", channel_id, ts, name, user_id)
        return is_new

    def remove_reaction(self, channel_id: str, ts: str, name: str, user_id: str) -> bool:
        """Remove a reaction.

        :return: False when that person had not added it.
        """
        with self._transaction() as db:
            sql = "DELETE FROM slack_reaction WHERE channel_id = ? AND ts = ? AND name = ? AND user_id = ?"
            was_present = db.execute(sql, (channel_id, ts, name, user_id)).rowcount > 0
        if was_present:
            self._tell_reaction("removed", channel_id, ts, name, user_id)
        return was_present

    def _tell_reaction(self, kind: Literal["added", "removed"], channel_id: str, ts: str, name: str, user_id: str) -> None:
        message = self.message(channel_id, ts)
        if self.on_reaction is not None and message is not None:
            self.on_reaction(ReactionNews(kind, message, name, user_id))

    def reactions(self, channel_id: str, messages: Collection[str]) -> dict[str, list[Reaction]]:
        """Return the reactions to some messages by ``ts``; those without any are left out."""
        rows = self._rows(
            "SELECT ts, name, user_id FROM slack_reaction"
            " WHERE channel_id = ? AND ts IN (SELECT value FROM json_each(?)) ORDER BY position",
            channel_id,
            json.dumps(list(messages)),
        )
        users: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for ts, name, user in rows:
            users[ts][name].append(user)
        return {ts: [Reaction(name, tuple(who)) for name, who in found.items()] for ts, found in users.items()}


def _message(row: tuple[Any, ...]) -> SlackMessage:
    ts, kind, name, username, text, payload, source, at, *more = row
    channel_id, user_id, thread_ts, broadcast, subtype, edited_by, edited_ts = more
    return SlackMessage(
        ts,
        f"{'@' if kind in ('im', 'mpim') else '#'}{name}",
        username,
        text,
        json.loads(payload),
        source,
        as_moment(at).astimezone(UTC),
        channel_id,
        user_id,
        thread_ts,
        bool(broadcast),
        subtype,
        edited_by,
        edited_ts,
    )
