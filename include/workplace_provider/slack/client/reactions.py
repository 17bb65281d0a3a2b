"""A message with the people who reacted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workplace_provider.http.errors import NotFound
from workplace_provider.slack.client.api_response import Envelope

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader


class _Reactors(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    count: int = 0
    users: list[str] = []


class ReactedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message and its reactions.

    :param user: author; empty for messages of webhooks
    :param text: text in Slack's mrkdwn
    :param permalink: URL that opens the message
    """

    ts: str
    user: str | None = None
    text: str | None = None
    permalink: str | None = None
    reactions: list[_Reactors] | None = None

    def has_reaction(self, name: str, user: str) -> bool:
        """Return whether a person's reaction is still there.

        Slack may list fewer people than it counts; a person who may be among the others counts as listed.
        """
        for reaction in self.reactions or ():
            if reaction.name == name:
                return user in reaction.users or reaction.count > len(reaction.users)
        return False


class _ReactionsGet(Envelope, kw_only=True):
    message: ReactedMessage | None = None


def fetch_reacted_message(reader: SlackReader, channel: str, ts: str) -> ReactedMessage | None:
    """Return a message with its reactions; ``None`` if it was deleted.

    The token needs the scope ``reactions:read``.

    :param channel: id of the channel
    :param ts: id of the message, which may be a reply
    :raises WorkplaceError: the request failed
    """
    try:
        response: _ReactionsGet = reader.fetch(
            "reactions.get", _ReactionsGet, {"channel": channel, "timestamp": ts, "full": True}
        )
    except NotFound as error:
        if error.code != "message_not_found":
            raise
        return None
    message = response.message
    # The response must be about the requested message.
    return message if message is not None and message.ts == ts else None
