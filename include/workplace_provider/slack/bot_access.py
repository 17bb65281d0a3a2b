"""Access to a bot: an allow-list per command, and a rate limit per person.

This module needs only the standard library, since DAG files import it with the commands.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Final, Protocol

FULL_MEMBER: Final = "full member"
GUEST: Final = "guest"
OUTSIDER: Final = "outsider"
"""A person of another workspace, met through Slack Connect."""
NO_PERSON: Final = "no person"
"""A bot, an app, a workflow, or an account that is deactivated."""

RATE_LIMIT: Final = 20
RATE_WINDOW: Final = timedelta(minutes=10)
_MEMBER_ID: Final = re.compile(r"[UW][A-Z0-9]{2,}")


@dataclass(frozen=True, slots=True)
class Access:
    """The people who may use a command, and the channels in which they may.

    Without any list, the full members of the app's workspace may use it in every channel, and guests and people of other
    workspaces may not. A list of members or user groups replaces this rule and may include guests and outsiders. A list of
    channels restricts it further::

        BotCommand("deploy", "starts a deployment", access=Access(groups=["data-oncall"], channels=["#deployments"]))

    :param members: member ids, from *Copy member ID* in a profile
    :param groups: user groups, by handle with or without ``@``, or by id; the app needs the scope ``usergroups:read``
    :param channels: channels by name with or without ``#``, or by id; direct messages have ids too
    :param anyone: allow everyone who can write to the bot, including guests and outsiders
    :raises ValueError: a list is a text, a member is not an id, or ``anyone`` is combined with people
    """

    members: Sequence[str] = ()
    groups: Sequence[str] = ()
    channels: Sequence[str] = ()
    anyone: bool = False

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            if field_.name != "anyone" and (
                isinstance(value, str) or not all(isinstance(item, str) and item.strip() for item in value)
            ):
                raise ValueError(f"access: {field_.name} is {value!r}; it must be a list of texts")
        if invalid := [member for member in self.members if not _MEMBER_ID.fullmatch(member)]:
            raise ValueError(f"access: the member {invalid[0]!r} is not an id; use Copy member ID in the profile in Slack")
        if self.anyone and (self.members or self.groups):
            raise ValueError("access: anyone=True cannot be combined with members or groups")


@dataclass(frozen=True, slots=True)
class Person:
    """The author of a question.

    :param id: id of the member
    :param kind: :data:`FULL_MEMBER`, :data:`GUEST`, :data:`OUTSIDER` or :data:`NO_PERSON`
    """

    id: str
    kind: str


class PeopleLookup(Protocol):
    """A lookup of the people, groups and channels that :class:`Access` refers to."""

    def person(self, user_id: str, user_team: str) -> Person:
        """Return a person with their kind in the app's workspace."""

    def group_members(self, groups: Sequence[str]) -> Collection[str]:
        """Return the ids of the members of user groups."""

    def channel_ids(self, channels: Sequence[str]) -> Collection[str]:
        """Return the ids of channels."""


@dataclass(slots=True)
class EventFacts:
    """A lookup without requests: from the event it derives only whether a person is from another workspace."""

    team: str = ""

    def person(self, user_id: str, user_team: str) -> Person:
        """Return a person as an outsider or a full member."""
        is_outside = bool(user_team and self.team and user_team != self.team)
        return Person(user_id, OUTSIDER if is_outside else FULL_MEMBER)

    def group_members(self, groups: Sequence[str]) -> Collection[str]:
        """Return no members: events have no user groups."""
        return ()

    def channel_ids(self, channels: Sequence[str]) -> Collection[str]:
        """Return the channels, which must be ids."""
        return channels


def denial_reason(access: Access, people: PeopleLookup, *, user: str, user_team: str, channel: str) -> str | None:
    """Return the reason why a person may not use a command in a channel, as a sentence for them; ``None`` if they may.

    :param access: the allow-list
    :param people: looks up people, groups and channels
    :param user: id of the person
    :param user_team: id of the person's workspace, from the event
    :param channel: id of the channel
    """
    if access.channels:
        ids = people.channel_ids(access.channels)
        if channel not in ids:
            return "This can only be used in " + ", ".join(f"<#{id_}>" for id_ in ids) + "."
    if access.anyone:
        return None
    if not user:
        return "I do not know who is asking, so I may not do this."
    if access.members or access.groups:
        if user in access.members or (access.groups and user in people.group_members(access.groups)):
            return None
        return "This is limited to certain people, and you are not on the list. Ask the owner of this bot for access."
    return {
        FULL_MEMBER: None,
        GUEST: "This is for full members of the workspace; guests may not use it.",
        OUTSIDER: "This is for members of my own workspace; you are from another one.",
    }.get(people.person(user, user_team).kind, "This is for people of the workspace; apps and bots may not use it.")


@dataclass(slots=True)
class RateLimiter:
    """A count of the questions of each person within a sliding window.

    :param limit: maximum questions of a person within the window
    :param window: length of the window
    :param earlier: times of each person's earlier questions, in seconds since 1970
    """

    limit: int = RATE_LIMIT
    window: timedelta = RATE_WINDOW
    earlier: Mapping[str, Iterable[float]] = field(default_factory=dict)
    _times: dict[str, list[float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._times = defaultdict(list, {user: list(times) for user, times in self.earlier.items()})

    def count(self, user: str, at: float) -> int:
        """Count a question, and return by how many the limit is exceeded; 0 within the limit."""
        since = at - self.window.total_seconds()
        times = self._times[user] = [time for time in self._times[user] if time > since]
        times.append(at)
        return max(0, len(times) - self.limit)

    def times(self) -> dict[str, list[float]]:
        """Return the times within the window, for ``earlier`` of the next limiter."""
        newest = max((times[-1] for times in self._times.values() if times), default=0.0)
        since = newest - self.window.total_seconds()
        kept = {user: [time for time in times if time > since] for user, times in self._times.items()}
        # No more than needed, so that a flood does not fill the state store.
        return {user: times[-(self.limit + 2) :] for user, times in kept.items() if times}


def rate_limit_key(event: Mapping[str, Any]) -> str:
    """Return the key under which an event counts towards the rate limit: its author, or else its channel.

    Bots without a user share the limit of their channel. Otherwise two bots could answer each other forever through a
    command that is open to anyone.
    """
    return str(event.get("user") or event.get("channel") or "")


def mark_over_limit(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the events with ``over_limit``. Events that have it already, from ``SlackEventsOperator``, keep it."""
    limiter = RateLimiter()
    marked: list[dict[str, Any]] = []
    for event in events:
        over = event.get("over_limit")
        if over is None and (key := rate_limit_key(event)):
            over = limiter.count(key, _time(event.get("ts")))
        marked.append({**event, "over_limit": over or 0})
    return marked


def _time(ts: Any) -> float:
    try:
        return float(ts or 0.0)
    except (TypeError, ValueError):
        return 0.0
