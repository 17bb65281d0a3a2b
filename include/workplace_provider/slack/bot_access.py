"""Who may use a bot: an allow-list per command, and a rate limit per person.

It needs nothing but the standard library: DAG files import it with the commands.
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
    """Who may use a command, and where.

    Without any list, the full members of the app's workspace may use it in every channel: no guests, and nobody of another
    company's workspace. A list of members or user groups replaces that: those may use it, also guests and outsiders that it
    names. A list of channels restricts it further::

        BotCommand("deploy", "starts a deployment", access=Access(groups=["data-oncall"], channels=["#deployments"]))

    :param members: member ids, as *Copy member ID* in a profile gives them
    :param groups: user groups, by handle with or without ``@``, or by id; the app needs the scope ``usergroups:read``
    :param channels: channels by name with or without ``#``, or by id; direct messages have ids too
    :param anyone: let everybody use it who can write to the bot, guests and outsiders included
    :raises ValueError: a list that is text, a member that is no id, or ``anyone`` together with people
    """

    members: Sequence[str] = ()
    groups: Sequence[str] = ()
    channels: Sequence[str] = ()
    anyone: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "anyone" and (
                isinstance(value, str) or not all(isinstance(item, str) and item.strip() for item in value)
            ):
                raise ValueError(f"access: {each.name} is {value!r}; it must be a list of texts")
        if unknown := [member for member in self.members if not _MEMBER_ID.fullmatch(member)]:
            raise ValueError(f"access: the member {unknown[0]!r} is no id; use Copy member ID in the profile in Slack")
        if self.anyone and (self.members or self.groups):
            raise ValueError("access: anyone=True cannot be combined with members or groups")


@dataclass(frozen=True, slots=True)
class Person:
    """A person who asks.

    :param id: id of the member
    :param kind: :data:`FULL_MEMBER`, :data:`GUEST`, :data:`OUTSIDER` or :data:`NO_PERSON`
    """

    id: str
    kind: str


class PeopleLookup(Protocol):
    """Answers what :class:`Access` needs to know of the workspace."""

    def person(self, user_id: str, user_team: str) -> Person:
        """Return what a person is in the app's workspace."""

    def group_members(self, groups: Sequence[str]) -> Collection[str]:
        """Return the ids of the members of user groups."""

    def channel_ids(self, channels: Sequence[str]) -> Collection[str]:
        """Return the ids of channels."""


@dataclass(slots=True)
class EventFacts:
    """Knows of a person only what the event itself says: whether they are from another workspace."""

    team: str = ""

    def person(self, user_id: str, user_team: str) -> Person:
        """Return what the event says of a person."""
        is_outside = bool(user_team and self.team and user_team != self.team)
        return Person(user_id, OUTSIDER if is_outside else FULL_MEMBER)

    def group_members(self, groups: Sequence[str]) -> Collection[str]:
        """Return no one: events have no user groups."""
        return ()

    def channel_ids(self, channels: Sequence[str]) -> Collection[str]:
        """Return the channels, which must be ids."""
        return channels


def refusal(access: Access, people: PeopleLookup, *, user: str, user_team: str, channel: str) -> str | None:
    """Return why a person may not use a command in a channel, as a sentence for them; ``None`` when they may.

    :param access: the allow-list
    :param people: looks up people, groups and channels
    :param user: id of the person
    :param user_team: id of the workspace that the event says they belong to
    :param channel: id of the channel
    """
    if access.channels:
        ids = people.channel_ids(access.channels)
        if channel not in ids:
            return "This can only be used in " + ", ".join(f"<#{each}>" for each in ids) + "."
    if access.anyone:
        return None
    if not user:
        return "I cannot tell who is asking, so I may not do this."
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
    """Counts the questions of each person.

    :param limit: how many questions a person may ask within the window
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
        """Count a question, and return how many it is above the limit; 0 when it is within."""
        since = at - self.window.total_seconds()
        times = self._times[user] = [each for each in self._times[user] if each > since]
        times.append(at)
        return max(0, len(times) - self.limit)

    def times(self) -> dict[str, list[float]]:
        """Return the times that still count, for ``earlier`` of the next one."""
        newest = max((times[-1] for times in self._times.values() if times), default=0.0)
        since = newest - self.window.total_seconds()
        kept = {user: [each for each in times if each > since] for user, times in self._times.items()}
        # No more of them than needed, so that a flood does not fill the state store.
        return {user: times[-(self.limit + 2) :] for user, times in kept.items() if times}


def asker_of(event: Mapping[str, Any]) -> str:
    """Return what the rate limit of an event's author is kept under.

    Bots without a user share the limit of their channel: a command that is open to anyone may otherwise answer a bot that
    answers, without end.
    """
    return str(event.get("user") or event.get("channel") or "")


def rate_limited(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return events with ``over_limit``; those that have it already, from ``SlackEventsOperator``, keep it."""
    limiter = RateLimiter()
    marked: list[dict[str, Any]] = []
    for event in events:
        over = event.get("over_limit")
        if over is None and (asker := asker_of(event)):
            over = limiter.count(asker, _time(event.get("ts")))
        marked.append({**event, "over_limit": over or 0})
    return marked


def _time(ts: Any) -> float:
    try:
        return float(ts or 0.0)
    except (TypeError, ValueError):
        return 0.0
