"""Messages of a channel that were posted while the client was not connected, as the events of the socket."""

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
    owner: TokenOwner,
    channel: Channel,
    oldest: datetime,
    latest: datetime,
    *,
    reply_lookback: timedelta,
) -> Iterator[SlackEvent]:
    """Iterate over the messages of ``[oldest, latest)`` as events, oldest first, including replies in threads.

    A message that mentions the app yields two events, as the socket does: ``app_mention`` and ``message``.

    :param reader: reads with the token of the app's bot user, which must be a member of the channel
    :param owner: owner of that token
    :param reply_lookback: maximum age of a message, before the window, whose replies are found
    :raises WorkplaceError: a page could not be read
    """
    kind = "im" if channel.id.startswith("D") else "group" if channel.is_private else "channel"
    for message in iter_messages(reader, channel.id, oldest, latest, reply_lookback=reply_lookback):
        if f"<@{owner.user_id}>" in (message.text or "") and kind != "im":
            yield _event(APP_MENTION, message, owner, "")
        yield _event(MESSAGE, message, owner, kind)


def _event(name: str, message: Message, owner: TokenOwner, channel_type: str) -> SlackEvent:
    return SlackEvent(
        type=name,
        event_id=f"{message.channel}-{message.ts}",
        channel=message.channel,
        channel_type=channel_type,
        user=message.user or "",
        text=message.text or "",
        ts=message.ts,
        thread_ts=message.thread_ts,
        team=owner.team_id,
        user_team=team_of_author({name: getattr(message, name, None) for name in ("user_team", "source_team", "team")}),
        subtype=message.subtype,
        own=bool(message.user and message.user == owner.user_id) or bool(message.bot_id and message.bot_id == owner.bot_id),
        by_bot=bool(message.bot_id),
        source="backfill",
    )
