"""What was said while nobody listened, read from a channel in the form in which it would have come over the socket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workplace_provider.slack.client.messages import iter_messages
from workplace_provider.slack.events import APP_MENTION, MESSAGE, SlackEvent, team_of_author

if TYPE_CHECKING:
    from workplace_provider.slack.client.messages import Message
    from workplace_provider.slack.client.names import Channel
    from workplace_provider.slack.client.reader import SlackReader, TokenOwner


def events_since(
    reader: SlackReader,
    me: TokenOwner,
    channel: Channel,
    oldest: datetime,
    latest: datetime,
    *,
    reply_lookback: timedelta,
) -> Iterator[SlackEvent]:
    """The messages of ``[oldest, latest)`` as events, oldest first, replies in threads included.

    A message that mentions the app is two events, as it is over the socket: an ``app_mention``, and a ``message``.

    :param reader: reads with the token of the app's bot user, which must be in the channel
    :param me: whom that token belongs to
    :param reply_lookback: how much older than the window a message may be for replies to it to be found
    :raises WorkplaceError: a page could not be had
    """
    kind = "im" if channel.id.startswith("D") else "group" if channel.is_private else "channel"
    for message in iter_messages(reader, channel.id, oldest, latest, reply_lookback=reply_lookback):
        if f"<@{me.user_id}>" in (message.text or "") and kind != "im":
            yield _event(APP_MENTION, message, me, "")
        yield _event(MESSAGE, message, me, kind)


def _event(name: str, message: Message, me: TokenOwner, channel_type: str) -> SlackEvent:
    return SlackEvent(
        type=name,
        event_id=f"{message.channel}-{message.ts}",
        channel=message.channel,
        channel_type=channel_type,
        user=message.user or "",
        text=message.text or "",
        ts=message.ts,
        thread_ts=message.thread_ts,
        team=me.team_id,
        user_team=team_of_author({name: getattr(message, name, None) for name in ("user_team", "source_team", "team")}),
        subtype=message.subtype,
        own=bool(message.user and message.user == me.user_id) or bool(message.bot_id and message.bot_id == me.bot_id),
        by_bot=bool(message.bot_id),
        source="backfill",
    )
