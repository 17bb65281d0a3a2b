"""What happens in Slack, in one small form however it came to be known, and the conditions that it is matched against.

It needs nothing but the standard library: DAG files import it with the trigger.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final, Literal

MESSAGE: Final = "message"
APP_MENTION: Final = "app_mention"
SLASH_COMMANDS: Final = "slash_commands"

_CHANNEL_TYPES: Final[Mapping[str, str]] = {
    "message.channels": "channel",
    "message.groups": "group",
    "message.im": "im",
    "message.mpim": "mpim",
}
EVENT_KINDS: Final = (MESSAGE, *_CHANNEL_TYPES, APP_MENTION, SLASH_COMMANDS)
"""What can be waited for: the events by the names under which an app subscribes to them, and slash commands."""

# What people say has these subtypes, or none; others tell of joins, edits and the like.
_SAID: Final = frozenset({None, "file_share", "me_message", "thread_broadcast"})
_SAID_BY_BOTS: Final = _SAID | {"bot_message"}
_CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{2,}")


@dataclass(frozen=True, slots=True)
class SlackEvent:
    """A message, a mention of the app, or a slash command.

    :param type: ``message``, ``app_mention`` or ``slash_commands``
    :param event_id: Slack's id of the delivery, the same when Slack sends the event again; a message and a mention made of
        it have two. What was read from the channel afterwards has none of Slack's. Tell events by :attr:`stable_id`
    :param channel: id of the channel
    :param channel_type: ``channel``, ``group`` (private), ``im`` or ``mpim``; empty where Slack does not say
    :param user: id of the author; empty where there is none
    :param text: in Slack's mrkdwn, ``& < >`` escaped; of a command what stands behind it
    :param ts: id of the message in its channel; empty for a command
    :param thread_ts: id of the message that its thread begins with
    :param command: with its slash
    :param team: id of the workspace that the app is installed in
    :param user_team: id of the workspace that the author belongs to: another one in a channel that is shared by Slack
        Connect; empty where Slack does not say
    :param subtype: Slack's word for what is no plain message
    :param own: whether the app itself said it
    :param by_bot: whether a bot said it
    :param response_url: takes up to five answers to a command within 30 minutes, without any token
    :param source: ``socket``, or ``backfill`` when it was read from the channel afterwards
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

    @property
    def stable_id(self) -> str:
        """The id of what happened, whichever way it came: of a message made of channel and timestamp, else Slack's."""
        return f"{self.channel}-{self.ts}" if self.channel and self.ts else self.event_id

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same, whichever way it came: of a message channel and timestamp, else the event."""
        return (self.channel, self.ts) if self.ts else ("", self.event_id)

    def is_said(self, *, by_bots: bool = False) -> bool:
        """Whether somebody said this to be heard, as opposed to the app itself, an edit, a join and the like.

        :param by_bots: whether other bots count as somebody
        """
        if self.own or (self.by_bot and not by_bots):
            return False
        return self.subtype in (_SAID_BY_BOTS if by_bots else _SAID)

    def is_kind(self, kind: str) -> bool:
        """Whether it is of one of :data:`EVENT_KINDS`."""
        if kind in _CHANNEL_TYPES:
            return self.type == MESSAGE and self.channel_type == _CHANNEL_TYPES[kind]
        return self.type == kind

    def payload(self, *, response_url: bool = False, sealed_response_url: str | None = None) -> dict[str, Any]:
        """The event as JSON, small enough for Airflow's database and without Slack's verification token.

        :param response_url: whether the address that takes answers goes with it, as plain text
        :param sealed_response_url: that address, encrypted
        """
        return {
            "type": self.type,
            "event_id": self.stable_id,
            "channel": self.channel,
            "user": self.user or None,
            "text": self.text,
            "ts": self.ts or None,
            "thread_ts": self.thread_ts,
            "command": self.command,
            "team": self.team or None,
            "user_team": self.user_team or None,
            "source": self.source,
            **({"sealed_response_url": sealed_response_url} if sealed_response_url else {}),
            **({"response_url": self.response_url} if response_url else {}),
        }


def event_of_callback(payload: Mapping[str, Any]) -> SlackEvent | None:
    """Read the payload of an ``events_api`` envelope.

    :return: ``None`` for events that are neither messages nor mentions
    """
    event = payload.get("event") or {}
    if event.get("type") not in (MESSAGE, APP_MENTION):
        return None
    app = payload.get("api_app_id")
    bots = {each.get("user_id") for each in payload.get("authorizations") or () if each.get("is_bot")}
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


def team_of_author(message: Mapping[str, Any]) -> str:
    """Return the id of the workspace that the author of a message belongs to; empty where Slack does not say.

    In channels that are shared by Slack Connect, ``user_team`` and ``source_team`` name it; elsewhere ``team`` does.
    """
    return str(next((message[key] for key in ("user_team", "source_team", "team") if message.get(key)), ""))


def event_of_command(envelope_id: str, payload: Mapping[str, Any]) -> SlackEvent:
    """Read the payload of a ``slash_commands`` envelope, which has no id of its own."""
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


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions on an event; what is ``None`` is no condition, and all that are given must hold.

    :param event: one of :data:`EVENT_KINDS`
    :param channel: id, or name with or without ``#``
    :param pattern: regular expression that is searched in the text, where ``& < >`` are as they were typed
    :param command: slash command, with or without its slash
    :raises ValueError: a condition can never hold
    """

    event: str | None = None
    channel: str | None = None
    pattern: str | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise ValueError(f"match: {each.name} is {value!r}; it must be text")
        if self.event is not None:
            check_kind(self.event, "match: event")
        if self.pattern is not None:
            try:
                _compiled(self.pattern)
            except re.error as error:
                raise ValueError(f"match: pattern {self.pattern!r} is no regular expression: {error}") from None
        if self.command is not None and self.event not in (None, SLASH_COMMANDS):
            raise ValueError(
                f"match: command {self.command!r} can only be found in {SLASH_COMMANDS}, and event is {self.event!r}"
            )

    @classmethod
    def of(cls, conditions: Match | Mapping[str, Any]) -> Match:
        """Read conditions that were written as a dictionary.

        :raises ValueError: a condition is unknown, or can never hold
        """
        if isinstance(conditions, Match):
            return conditions
        if not isinstance(conditions, Mapping):
            raise ValueError(f"match is {conditions!r}; it must be a dictionary, or a list of dictionaries")
        known = [each.name for each in fields(cls)]
        if unknown := [name for name in conditions if name not in known]:
            raise ValueError(f"match has no {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
        return cls(**conditions)

    @property
    def names_channel(self) -> bool:
        """Whether the channel is given by its name, which events do not have."""
        return self.channel is not None and not is_channel_id(self.channel)

    def with_ids(self, ids: Mapping[str, str]) -> Match:
        """The same conditions with the channel's id.

        :param ids: id by the name that was given
        """
        return replace(self, channel=ids[self.channel]) if self.channel is not None and self.names_channel else self

    def accepts(self, event: SlackEvent) -> bool:
        """Whether an event fulfils all conditions; a channel is compared by its id."""
        if self.event is not None and not event.is_kind(self.event):
            return False
        if self.channel is not None and event.channel != self.channel.strip():
            return False
        if self.command is not None and _command(self.command) != _command(event.command or ""):
            return False
        return self.pattern is None or _compiled(self.pattern).search(_typed(event.text)) is not None

    def conditions(self) -> dict[str, str]:
        """The conditions as a dictionary."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}


def check_kind(kind: str, where: str) -> None:
    """Refuse what is none of :data:`EVENT_KINDS`.

    :param where: what the value belongs to, for the message
    :raises ValueError: it is another value
    """
    if kind not in EVENT_KINDS:
        raise ValueError(f"{where} is {kind!r}; it must be one of {', '.join(EVENT_KINDS)}")


def is_channel_id(channel: str) -> bool:
    """Whether this looks like the id of a channel and not like its name."""
    return _CHANNEL_ID.fullmatch(channel.strip()) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # macOS sends Korean letters in pieces; the two sides must be in one form.
    return re.compile(unicodedata.normalize("NFC", pattern))


def _typed(text: str) -> str:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return unicodedata.normalize("NFC", plain)


def _command(command: str) -> str:
    return unicodedata.normalize("NFC", command.strip().removeprefix("/")).lower()
