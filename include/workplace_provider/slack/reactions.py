"""Reactions as requests: which of them are allowed and still valid.

Everyone in a channel can react, also guests and people of other companies, so a reaction that starts work needs an
allow-list like a command of a bot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.bot_access import Access, PeopleLookup, denial_reason, mark_over_limit
from workplace_provider.slack.events import REACTION_ADDED, REACTION_REMOVED, REACTIONS

if TYPE_CHECKING:
    from workplace_provider.slack.client.reactions import ReactedMessage

log = get_logger("workplace_provider.slack")


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction of a person to a message.

    :param reaction: name of the emoji, without colons, with its skin tone
    :param is_removed: the person removed the reaction
    :param user: id of the person
    :param channel: id of the channel
    :param ts: id of the message; reply with it as ``thread_ts``
    :param item_user: id of the author of the message; empty for messages of webhooks
    :param text: text of the message, in Slack's mrkdwn: data of other people
    :param permalink: URL that opens the message
    :param reaction_id: id of the reaction, the same if the person removes it and adds it again; a ``dedupe_key``
    """

    reaction: str
    is_removed: bool
    user: str
    channel: str
    ts: str
    item_user: str
    text: str
    permalink: str
    reaction_id: str


def allowed_reactions(
    events: Iterable[Mapping[str, Any]],
    access: Access,
    people: PeopleLookup,
    message_of: Callable[[str, str], ReactedMessage | None],
) -> list[Reaction]:
    """Return the reactions of allowed people, one for each emoji, person and message: the last of them.

    Reactions above the person's rate limit are omitted, as are reactions to deleted messages, and added ones that the
    person has removed since.

    :param events: payloads of ``SlackSocketModeTrigger``
    :param access: the people who may react, and the channels
    :param people: looks up people, groups and channels
    :param message_of: returns the message of a channel and a ``ts``; ``None`` if it was deleted
    """
    last: dict[str, dict[str, Any]] = {}
    for event in mark_over_limit(event for event in events if event.get("type") in REACTIONS):
        if event["over_limit"]:
            log.warning("the reaction %s of %s is above the rate limit", event.get("reaction"), event.get("user"))
            continue
        # Moved to the end, so that the order is that of the last events.
        last.pop(_id(event), None)
        last[_id(event)] = event
    found = (_reaction(event, access, people, message_of) for event in last.values())
    return [reaction for reaction in found if reaction is not None]


def _reaction(
    event: Mapping[str, Any],
    access: Access,
    people: PeopleLookup,
    message_of: Callable[[str, str], ReactedMessage | None],
) -> Reaction | None:
    user, channel, ts, name = (str(event.get(key) or "") for key in ("user", "channel", "ts", "reaction"))
    reason = denial_reason(access, people, user=user, user_team=str(event.get("user_team") or ""), channel=channel)
    if reason is not None:
        log.warning("the reaction %s of %s is ignored: %s", name, user or "an unknown person", reason)
        return None
    message = message_of(channel, ts)
    if message is None:
        log.info("the message %s, to which %s reacted, was deleted", ts, user)
        return None
    if event["type"] == REACTION_ADDED and not message.has_reaction(name, user):
        log.info("%s has removed the reaction %s to %s", user, name, ts)
        return None
    return Reaction(
        reaction=name,
        is_removed=event["type"] == REACTION_REMOVED,
        user=user,
        channel=channel,
        ts=ts,
        item_user=str(message.user or event.get("item_user") or ""),
        text=message.text or "",
        permalink=message.permalink or "",
        reaction_id=_id(event),
    )


def _id(event: Mapping[str, Any]) -> str:
    return "-".join(str(event.get(key) or "") for key in ("channel", "ts", "reaction", "user"))
