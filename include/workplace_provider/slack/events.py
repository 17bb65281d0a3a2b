"""Slack events in one form, whether they come from the socket or from a channel's history, and conditions on them.

This module needs only the standard library, since DAG files import it together with the trigger.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final, Literal

MESSAGE: Final = "message"
APP_MENTION: Final = "app_mention"
SLASH_COMMANDS: Final = "slash_commands"
REACTION_ADDED: Final = "reaction_added"
REACTION_REMOVED: Final = "reaction_removed"
REACTIONS: Final = (REACTION_ADDED, REACTION_REMOVED)
BLOCK_ACTIONS: Final = "block_actions"
TEAM_JOIN: Final = "team_join"
USER_CHANGE: Final = "user_change"
MEMBER_EVENTS: Final = (TEAM_JOIN, USER_CHANGE)
"""Events about members: someone has joined, or a profile has changed, also by a deactivation or a new status."""
APP_ITSELF: Final = "app"
"""A value of ``item_user`` in a condition: reactions to messages of the app itself."""

_CHANNEL_TYPES: Final[Mapping[str, str]] = {
    "message.channels": "channel",
    "message.groups": "group",
    "message.im": "im",
    "message.mpim": "mpim",
}
EVENT_KINDS: Final = (
    MESSAGE,
    *_CHANNEL_TYPES,
    APP_MENTION,
    SLASH_COMMANDS,
    *REACTIONS,
    BLOCK_ACTIONS,
    *MEMBER_EVENTS,
)
"""Event kinds of a trigger: the names under which an app subscribes to events, slash commands, and clicks on buttons."""

# Subtypes of messages that people write. Other subtypes report joins, edits and so on.
_PEOPLE_SUBTYPES: Final = frozenset({None, "file_share", "me_message", "thread_broadcast"})
_BOT_SUBTYPES: Final = _PEOPLE_SUBTYPES | {"bot_message"}
# Slack's own limits of a button.
_LONGEST_ID: Final = 255
_LONGEST_VALUE: Final = 2_000
_CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{2,}")
_MEMBER_ID: Final = re.compile(r"[UW][A-Z0-9]{2,}")
# Slack's names of emoji are in any language; skin tones follow two colons.
_EMOJI: Final = re.compile(r"[^\s:]+(?:::skin-tone-[2-6])?")
_SEVERAL: Final = ("reaction", "user", "item_user")


@dataclass(frozen=True, slots=True)
class SlackEvent:
    """A message, a mention of the app, a slash command, a reaction, a click on a button, or a changed member.

    :param type: ``message``, ``app_mention``, ``slash_commands``, ``reaction_added``, ``reaction_removed``,
        ``block_actions``, ``team_join`` or ``user_change``
    :param event_id: Slack's id of the event, the same when Slack sends it again. A message and the mention in it have two
        ids, and a backfilled message has no id of Slack's. Use :attr:`stable_id` to identify events
    :param channel: id of the channel
    :param channel_type: ``channel``, ``group`` (private), ``im`` or ``mpim``; empty if Slack does not report it
    :param user: id of the author, of the person who reacted or clicked, or of the member; empty if there is none
    :param text: text in Slack's mrkdwn with ``& < >`` escaped; for a command, the text after it
    :param ts: id of the message in its channel; empty for a command, a reaction and a click
    :param thread_ts: id of the first message of its thread
    :param command: slash command, with its slash
    :param team: id of the workspace in which the app is installed
    :param user_team: id of the author's workspace, another one in a channel that is shared by Slack Connect; empty if Slack
        does not report it
    :param subtype: Slack's subtype; ``None`` for a plain message
    :param own: whether the app itself posted it
    :param by_bot: whether a bot posted it
    :param response_url: URL for up to five replies to a command or click within 30 minutes, without a token
    :param source: ``socket``, or ``backfill`` if the message was read from the channel later
    :param reaction: name of the emoji, without colons, with its skin tone: ``thumbsup::skin-tone-2``
    :param item_ts: id of the message that was reacted to, or whose button was clicked
    :param item_user: id of its author; empty for messages of webhooks, for which Slack reports none
    :param item_own: whether the app itself posted it
    :param action_id: ``action_id`` of the button
    :param value: its ``value``, as the app sent it
    :param member_digest: digest of a member's data without status and picture
    """

    type: str
    event_id: str
    channel: str
    channel_type: str = ""
    user: str = ""
    text: str = ""
    ts: str = ""
    thread_ts: str | None = None
    command: str | None = None
    team: str = ""
    user_team: str = ""
    subtype: str | None = None
    own: bool = False
    by_bot: bool = False
    response_url: str | None = field(default=None, repr=False)
    source: Literal["socket", "backfill"] = "socket"
    reaction: str | None = None
    item_ts: str = ""
    item_user: str = ""
    item_own: bool = False
    action_id: str | None = None
    value: str = ""
    member_digest: str = field(default="", repr=False)

    @property
    def stable_id(self) -> str:
        """An id that does not depend on the source: channel and timestamp for a message, otherwise Slack's id."""
        return f"{self.channel}-{self.ts}" if self.channel and self.ts else self.event_id

    @property
    def key(self) -> tuple[str, str]:
        """A key for deduplication: channel and timestamp for a message, otherwise the event id."""
        return (self.channel, self.ts) if self.ts else ("", self.event_id)

    def is_conversation(self, *, by_bots: bool = False) -> bool:
        """Return whether a person caused the event: not the app itself, and no edit, join and so on.

        :param by_bots: include messages of other bots
        """
        if self.own or (self.by_bot and not by_bots):
            return False
        return self.subtype in (_BOT_SUBTYPES if by_bots else _PEOPLE_SUBTYPES)

    def is_kind(self, kind: str) -> bool:
        """Return whether the event has a kind of :data:`EVENT_KINDS`."""
        if kind in _CHANNEL_TYPES:
            return self.type == MESSAGE and self.channel_type == _CHANNEL_TYPES[kind]
        return self.type == kind

    def payload(self, *, response_url: bool = False, sealed_response_url: str | None = None) -> dict[str, Any]:
        """Return the event as JSON, small enough for Airflow's database and without Slack's verification token.

        :param response_url: include the response URL as plain text
        :param sealed_response_url: the response URL, encrypted
        """
        return {
            "type": self.type,
            "event_id": self.stable_id,
            "channel": self.channel,
            "user": self.user or None,
            "text": self.text,
            "ts": self.ts or self.item_ts or None,
            "thread_ts": self.thread_ts,
            "command": self.command,
            "team": self.team or None,
            "user_team": self.user_team or None,
            "source": self.source,
            **({"reaction": self.reaction, "item_user": self.item_user or None} if self.reaction else {}),
            **({"action_id": self.action_id, "value": self.value} if self.action_id else {}),
            **({"sealed_response_url": sealed_response_url} if sealed_response_url else {}),
            **({"response_url": self.response_url} if response_url else {}),
        }


def event_of_callback(payload: Mapping[str, Any]) -> SlackEvent | None:
    """Read the payload of an ``events_api`` envelope.

    :return: ``None`` for other events than messages, mentions, reactions to messages and changed members
    """
    event = payload.get("event") or {}
    bots = {item.get("user_id") for item in payload.get("authorizations") or () if item.get("is_bot")}
    if event.get("type") in REACTIONS:
        return _event_of_reaction(payload, event, bots)
    if event.get("type") in MEMBER_EVENTS:
        return _event_of_member(payload, event)
    if event.get("type") not in (MESSAGE, APP_MENTION):
        return None
    app = payload.get("api_app_id")
    user = event.get("user") or ""
    profile = event.get("bot_profile") or {}
    return SlackEvent(
        type=event["type"],
        event_id=payload.get("event_id") or "",
        channel=event.get("channel") or "",
        channel_type=event.get("channel_type") or "",
        user=user,
        text=event.get("text") or "",
        ts=event.get("ts") or "",
        thread_ts=event.get("thread_ts"),
        team=payload.get("team_id") or event.get("team") or "",
        user_team=team_of_author(event),
        subtype=event.get("subtype"),
        own=user in bots or (app is not None and app in (event.get("app_id"), profile.get("app_id"))),
        by_bot=bool(event.get("bot_id")),
    )


def _event_of_reaction(payload: Mapping[str, Any], event: Mapping[str, Any], bots: Container[str]) -> SlackEvent | None:
    """Read a reaction; return ``None`` if it is not one to a message.

    Source: https://docs.slack.dev/reference/events/reaction_added
    """
    item = event.get("item") or {}
    name = event.get("reaction")
    if not isinstance(name, str) or not name or not (item.get("channel") and item.get("ts")):
        return None
    user, item_user = event.get("user") or "", event.get("item_user") or ""
    return SlackEvent(
        type=event["type"],
        event_id=payload.get("event_id") or "",
        channel=item["channel"],
        user=user,
        team=payload.get("team_id") or "",
        user_team=team_of_author(event),
        own=user in bots,
        reaction=name,
        item_ts=item["ts"],
        item_user=item_user,
        item_own=item_user in bots,
    )


def _event_of_member(payload: Mapping[str, Any], event: Mapping[str, Any]) -> SlackEvent | None:
    """Read an event about a member; return ``None`` without an id. Only the id is used: tasks read the member from Slack.

    Source: https://docs.slack.dev/reference/events/user_change
    """
    member = event.get("user")
    if not isinstance(member, Mapping):
        return None
    user_id = member.get("id")
    if not isinstance(user_id, str) or not _MEMBER_ID.fullmatch(user_id):
        return None
    team = payload.get("team_id") or ""
    return SlackEvent(
        type=event["type"],
        event_id=payload.get("event_id") or "",
        channel="",
        user=user_id,
        team=team,
        user_team=str(member.get("team_id") or team),
        member_digest=_member_digest(member),
    )


def _member_digest(member: Mapping[str, Any]) -> str:
    profile = member.get("profile")
    shown = {
        name: value
        for name, value in (profile if isinstance(profile, Mapping) else {}).items()
        if not name.startswith(("status_", "image_", "avatar_", "huddle_"))
    }
    relevant = {name: value for name, value in member.items() if name not in ("profile", "updated", "presence")}
    text = json.dumps([relevant, shown], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def team_of_author(message: Mapping[str, Any]) -> str:
    """Return the id of the author's workspace; empty if Slack does not report it.

    It is in ``user_team`` and ``source_team`` in channels shared by Slack Connect, and in ``team`` elsewhere.
    """
    return str(next((message[key] for key in ("user_team", "source_team", "team") if message.get(key)), ""))


def event_of_command(envelope_id: str, payload: Mapping[str, Any]) -> SlackEvent:
    """Read the payload of a ``slash_commands`` envelope. It has no event id, so the envelope's id is used."""
    return SlackEvent(
        type=SLASH_COMMANDS,
        event_id=envelope_id,
        channel=payload.get("channel_id") or "",
        user=payload.get("user_id") or "",
        text=payload.get("text") or "",
        command=payload.get("command"),
        team=payload.get("team_id") or "",
        user_team=payload.get("user_team") or payload.get("team_id") or "",
        response_url=payload.get("response_url"),
    )


def event_of_click(envelope_id: str, payload: Mapping[str, Any]) -> SlackEvent | None:
    """Read the payload of an ``interactive`` envelope. It has no event id, so the envelope's id is used.

    Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload

    :return: ``None`` for anything but an action in a message, such as the submission of a modal
    """
    container, actions = payload.get("container") or {}, list(payload.get("actions") or ())
    if payload.get("type") != BLOCK_ACTIONS or not container.get("message_ts") or len(actions) != 1:
        return None
    action = actions[0]
    # The clicker's workspace is user.team_id; team.id is that of the installation (slackapi/java-slack-sdk#1041).
    user, team = payload.get("user") or {}, payload.get("team") or {}
    return SlackEvent(
        type=BLOCK_ACTIONS,
        event_id=envelope_id,
        channel=str(container.get("channel_id") or ""),
        user=str(user.get("id") or ""),
        thread_ts=container.get("thread_ts"),
        team=str(team.get("id") or ""),
        user_team=str(user.get("team_id") or ""),
        response_url=payload.get("response_url"),
        item_ts=str(container["message_ts"]),
        action_id=str(action["action_id"])[:_LONGEST_ID],
        value=str(action.get("value") or "")[:_LONGEST_VALUE],
    )


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Conditions on an event, all of which must match. ``None`` is no condition.

    ::

        EventMatch(event="message.channels", channel="#analytics", pattern=r"weekly report")

    :param event: one of :data:`EVENT_KINDS`
    :param channel: id, or name with or without ``#``
    :param pattern: regular expression to search for in the text, in which ``& < >`` are not escaped
    :param command: slash command, with or without its slash
    :param reaction: name of an emoji with or without colons, or several; without a skin tone, it matches all of them
    :param user: id of the person who wrote or reacted, or several
    :param item_user: id of the author of the message that was reacted to, or several; ``app`` for the app itself
    :param action: beginning of the ``action_id`` of the button that was clicked
    :raises ValueError: a condition is invalid, or can never match
    """

    event: str | None = None
    channel: str | None = None
    pattern: str | None = None
    command: str | None = None
    reaction: str | Sequence[str] | None = None
    user: str | Sequence[str] | None = None
    item_user: str | Sequence[str] | None = None
    action: str | None = None

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            if value is not None and field_.name in _SEVERAL:
                # Normalized, so that equal conditions are equal.
                object.__setattr__(self, field_.name, _texts(value, field_.name))
            elif value is not None and (not isinstance(value, str) or not value.strip()):
                raise ValueError(f"match: {field_.name} is {value!r}; it must be text")
        if self.event is not None:
            check_kind(self.event, "match: event")
        self._check_pattern()
        self._check_reaction()
        if self.action is not None and (self.command is not None or self.event not in (None, BLOCK_ACTIONS)):
            event = self.event or SLASH_COMMANDS
            raise ValueError(f"match: action {self.action!r} needs the event {BLOCK_ACTIONS}, and event is {event!r}")
        if self.command is not None and self.event not in (None, SLASH_COMMANDS):
            raise ValueError(
                f"match: command {self.command!r} needs the event {SLASH_COMMANDS}, and event is {self.event!r}"
            )

    def _check_pattern(self) -> None:
        if self.pattern is None:
            return
        try:
            _compile(self.pattern)
        except re.error as error:
            raise ValueError(f"match: pattern {self.pattern!r} is not a valid regular expression: {error}") from None
        if self.is_for_reactions or self.is_for_clicks:
            raise ValueError(f"match: pattern {self.pattern!r} cannot match a reaction or a click, which have no text")

    def _check_reaction(self) -> None:
        other = SLASH_COMMANDS if self.command is not None else BLOCK_ACTIONS if self.action is not None else None
        event = self.event if self.event not in (None, *REACTIONS) else other
        for name in ("reaction", "item_user"):
            if getattr(self, name) is not None and event is not None:
                raise ValueError(f"match: {name} needs the event {' or '.join(REACTIONS)}, and event is {event!r}")
        for name in self.reaction or ():
            if not _EMOJI.fullmatch(name):
                raise ValueError(f"match: reaction {name!r} is not the name of an emoji, such as white_check_mark")
        for name in ("user", "item_user"):
            invalid = [id_ for id_ in getattr(self, name) or () if not _MEMBER_ID.fullmatch(id_)]
            if name == "item_user" and invalid == [APP_ITSELF]:
                continue
            if invalid:
                raise ValueError(
                    f"match: {name} {invalid[0]!r} is not a member id; use Copy member ID in the profile in Slack"
                )

    @classmethod
    def of(cls, conditions: EventMatch | Mapping[str, Any]) -> EventMatch:
        """Read conditions from a dictionary.

        :raises ValueError: a condition is unknown or invalid, or can never match
        """
        if isinstance(conditions, EventMatch):
            return conditions
        if not isinstance(conditions, Mapping):
            raise ValueError(f"match is {conditions!r}; it must be a dictionary, or a list of dictionaries")
        known = [field_.name for field_ in fields(cls)]
        if unknown := [name for name in conditions if name not in known]:
            raise ValueError(f"match has unknown conditions: {', '.join(map(repr, unknown))}; known are {', '.join(known)}")
        return cls(**conditions)

    @property
    def is_for_reactions(self) -> bool:
        """Return whether only reactions can match."""
        return self.event in REACTIONS or self.reaction is not None or self.item_user is not None

    @property
    def is_for_clicks(self) -> bool:
        """Return whether only clicks on buttons can match."""
        return self.event == BLOCK_ACTIONS or self.action is not None

    @property
    def names_channel(self) -> bool:
        """Return whether the condition has a channel's name, which must be resolved: events have only ids."""
        return self.channel is not None and not is_channel_id(self.channel)

    def with_ids(self, ids: Mapping[str, str]) -> EventMatch:
        """Return the conditions with the channel's id.

        :param ids: ids by channel name
        """
        return replace(self, channel=ids[self.channel]) if self.channel is not None and self.names_channel else self

    def accepts(self, event: SlackEvent) -> bool:
        """Return whether an event matches all conditions. A channel is compared by its id."""
        if self.event is not None and not event.is_kind(self.event):
            return False
        if self.channel is not None and event.channel != self.channel.strip():
            return False
        if self.command is not None and _command(self.command) != _command(event.command or ""):
            return False
        if self.user is not None and event.user not in self.user:
            return False
        if self.action is not None and not (event.action_id or "").startswith(self.action):
            return False
        if self.is_for_reactions and not self._accepts_reaction(event):
            return False
        return self.pattern is None or _compile(self.pattern).search(_unescape(event.text)) is not None

    def _accepts_reaction(self, event: SlackEvent) -> bool:
        if event.reaction is None:
            return False
        if self.reaction is not None:
            plain = event.reaction.partition("::")[0]
            if not {unicodedata.normalize("NFC", name) for name in (event.reaction, plain)} & set(self.reaction):
                return False
        return (
            self.item_user is None or event.item_user in self.item_user or (event.item_own and APP_ITSELF in self.item_user)
        )

    def conditions(self) -> dict[str, Any]:
        """Return the conditions as a dictionary of JSON values."""
        values = {field_.name: getattr(self, field_.name) for field_ in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
        }


def check_kind(kind: str, where: str) -> None:
    """Check that a value is one of :data:`EVENT_KINDS`.

    :param where: name of the parameter, for the error message
    :raises ValueError: the value is not an event kind
    """
    if kind not in EVENT_KINDS:
        raise ValueError(f"{where} is {kind!r}; it must be one of {', '.join(EVENT_KINDS)}")


def is_channel_id(channel: str) -> bool:
    """Return whether a text is the id of a channel, not a name."""
    return _CHANNEL_ID.fullmatch(channel.strip()) is not None


def _texts(value: Any, name: str) -> tuple[str, ...]:
    """Return a condition that may have several values, each once."""
    values = [value] if isinstance(value, str) else value
    if (
        not isinstance(values, list | tuple)
        or not all(isinstance(item, str) and item.strip() for item in values)
        or not values
    ):
        raise ValueError(f"match: {name} is {value!r}; it must be text, or a list of texts")
    texts = (item.strip() for item in values)
    if name == "reaction":
        texts = (unicodedata.normalize("NFC", item).removeprefix(":").removesuffix(":") for item in texts)
    return tuple(dict.fromkeys(texts))


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    # macOS sends Korean letters decomposed (NFD); pattern and text must have the same form.
    return re.compile(unicodedata.normalize("NFC", pattern))


def _unescape(text: str) -> str:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return unicodedata.normalize("NFC", plain)


def _command(command: str) -> str:
    return unicodedata.normalize("NFC", command.strip().removeprefix("/")).lower()
