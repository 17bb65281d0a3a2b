"""The content of a Slack channel's page: messages, replies, reactions and files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from workplace_sandbox.slack.workspace import BOT_NAME
from workplace_sandbox.ui.addresses import anchor
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Callable

    from workplace_sandbox.model import (
        EphemeralMessage,
        Reaction,
        SlackChannel,
        SlackFile,
        SlackMessage,
        SlackUser,
        ThreadSummary,
    )
    from workplace_sandbox.slack.interactions import Interactions
    from workplace_sandbox.slack.views import View
    from workplace_sandbox.store import Store

PEOPLE_SHOWN = 40
# Messages of one person within this many seconds are shown under one name.
_FOLLOWS_SECONDS = 300
# Subtypes of ordinary messages, as opposed to a join, a placeholder, a reply from elsewhere.
_SAID = (None, "bot_message")


@dataclass(frozen=True)
class MessageView:
    """A message ready to be shown.

    :param name: the current name of its author.
    :param app: ``APP`` or ``WORKFLOW`` for a message of a program.
    :param anchor: its id on the page; a reply that is shown twice has it in the channel.
    :param opens_day: whether it is the first of its day.
    :param follows: whether it is shown under the name of the message before.
    :param replies: the whole thread, without the parent.
    :param open: whether the replies are unfolded.
    :param reactions: emoji, how many people chose it, and their names.
    """

    message: SlackMessage
    name: str
    app: str
    anchor: str
    opens_day: bool
    follows: bool
    replies: list[MessageView]
    repliers: list[str]
    open: bool
    reactions: list[tuple[str, int, str]]
    files: list[SlackFile]


@dataclass(frozen=True)
class ChannelView:
    """A channel ready to be shown.

    :param people: the first of its ``people_count`` members.
    :param directs: the direct messages, for the side.
    """

    channel: SlackChannel
    messages: list[MessageView]
    count: int
    people: list[SlackUser]
    people_count: int
    directs: list[SlackChannel]


@dataclass(frozen=True)
class ComposerView:
    """The input field on the page of a channel.

    :param people: the people who can write.
    :param chosen: id of the selected one.
    :param thread_ts: the parent of the reply; empty for a message to the channel.
    :param bot: the name for mentions of the app, when it is in the channel; otherwise it receives no events.
    :param whispers: the messages that only one person sees, with that person's name.
    :param modal: the modal that the selected person has open; None without one.
    :param modal_reader: that person's name.
    """

    people: list[SlackUser]
    chosen: str
    thread_ts: str
    bot: str
    whispers: list[tuple[EphemeralMessage, str]]
    modal: View | None
    modal_reader: str


def composer_view(
    store: Store, channel: SlackChannel, interactions: Interactions, chosen: str, thread_ts: str
) -> ComposerView | None:
    """Return the input field of a channel; None for a read-only one.

    :param chosen: id or name of the person who typed last; the first in the channel when there is no such person.
    :param thread_ts: the parent of the reply; empty for none.
    """
    inside = [person for user in store.members(channel.id) if (person := store.person(user))]
    people = [person for person in inside if not person.is_bot and not person.deleted][:PEOPLE_SHOWN]
    if channel.archived or not people:
        return None
    author = store.person(chosen)
    writer = author if author in people else people[0]
    whispers = store.whispers(channel.id)
    readers = {whisper.user_id: store.person(whisper.user_id) for whisper in whispers}
    return ComposerView(
        people,
        writer.id,
        thread_ts if store.message(channel.id, thread_ts) else "",
        next((person.name for person in inside if person.name == BOT_NAME), ""),
        [
            (whisper, reader.shown_name if (reader := readers.get(whisper.user_id)) else whisper.user_id)
            for whisper in whispers
        ],
        interactions.modal(writer.id),
        writer.shown_name,
    )


def talk(store: Store) -> list[tuple[SlackChannel, list[SlackMessage]]]:
    """Return the channels with their messages."""
    return [(channel, store.messages(channel.id)) for channel in store.channels()]


def mentioned(store: Store) -> Callable[[str], str | None]:
    """Return a function that names the person, channel or group of an id: ``@김지민``, ``#data-alarms``, ``@analysts``."""
    groups = {group.id: f"@{group.handle}" for group in store.user_groups()}

    @cache
    def name(number: str) -> str | None:
        if person := store.person(number):
            return f"@{person.shown_name}"
        if channel := store.channel(number):
            return channel.label
        return groups.get(number)

    return name


def channel_view(store: Store, channel: SlackChannel, open_thread: str = "") -> ChannelView:
    """Return the content of a channel's page.

    :param store: the state.
    :param channel: the channel.
    :param open_thread: ``ts`` of the parent whose replies are unfolded.
    """
    messages = store.messages(channel.id)
    view = _View(store, channel, messages)
    members = store.members(channel.id)
    shown = [person for user in members[:PEOPLE_SHOWN] if (person := store.person(user))]
    return ChannelView(
        channel,
        view.of([message for message in messages if message.thread_ts is None or message.broadcast], open_thread),
        len(messages),
        shown,
        len(members),
        [conversation for conversation in store.conversations() if conversation.is_direct],
    )


class _View:
    """Makes the messages of a channel ready to be shown."""

    def __init__(self, store: Store, channel: SlackChannel, messages: list[SlackMessage]) -> None:
        stamps = [message.ts for message in messages]
        self._store = store
        self._said = messages
        self._threads: dict[str, ThreadSummary] = store.threads(channel.id, stamps)
        self._reactions: dict[str, list[Reaction]] = store.reactions(channel.id, stamps)
        self._files: dict[str, list[SlackFile]] = store.files_of_messages(channel.id, stamps)
        self._name = cache(self._look_up_name)

    def of(self, messages: list[SlackMessage], open_thread: str, *, in_thread: bool = False) -> list[MessageView]:
        views: list[MessageView] = []
        for message in messages:
            person = self._store.person(message.user_id) if message.user_id else None
            name = message.custom_name or (person.shown_name if person else message.username)
            before = views[-1] if views else None
            opens_day = before is None or _day(before.message) != _day(message)
            summary = None if in_thread else self._threads.get(message.ts)
            views.append(
                MessageView(
                    message,
                    name,
                    "WORKFLOW" if message.source == "workflow" else "APP" if person is None or person.is_bot else "",
                    f"reply-{anchor(message.ts)}" if in_thread and message.broadcast else anchor(message.ts),
                    opens_day,
                    before is not None and not opens_day and _belongs_to(before, message, name),
                    self._replies(message) if summary else [],
                    [self._name(user) for user in summary.users] if summary else [],
                    message.ts == open_thread,
                    [
                        (r.name, len(r.users), ", ".join(map(self._name, r.users)))
                        for r in self._reactions.get(message.ts, [])
                    ],
                    self._files.get(message.ts, []),
                )
            )
        return views

    def _replies(self, parent: SlackMessage) -> list[MessageView]:
        return self.of([message for message in self._said if message.thread_ts == parent.ts], "", in_thread=True)

    def _look_up_name(self, user: str) -> str:
        person = self._store.person(user)
        return person.shown_name if person else user


def _belongs_to(before: MessageView, message: SlackMessage, name: str) -> bool:
    """Return whether a message continues the one before: the same person, soon after, nothing in between."""
    apart = before.replies or message.subtype not in _SAID or before.message.subtype not in _SAID
    soon = (message.at - before.message.at).total_seconds() < _FOLLOWS_SECONDS
    return not apart and soon and before.name == name


def _day(message: SlackMessage) -> str:
    return f"{message.at.astimezone(SEOUL):%Y%m%d}"
