"""Selection of threads for a report, and their output as lines of JSON and as storage format."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from workplace_provider.common.arguments import parse_list
from workplace_provider.common.artifact_store import safe_name
from workplace_provider.confluence.pages.values import Image, Link, escape_text
from workplace_provider.slack.to_page.quotes import Quote, thread_storage
from workplace_provider.slack.to_page.slack_text import Mentions, SlackText, readable

if TYPE_CHECKING:
    from workplace_provider.slack.client import Channel, Message, SharedFile, SlackNames, Thread

NOISE: Final = frozenset(
    {
        *(f"{place}_{what}" for place in ("channel", "group") for what in ("join", "leave", "topic", "purpose", "name")),
        *(f"{place}_{what}" for place in ("channel", "group") for what in ("archive", "unarchive")),
        "bot_add",
        "bot_remove",
        "channel_convert_to_private",
        "channel_posting_permissions",
        "tombstone",
    }
)
"""Subtypes of messages without content, such as joins."""

HUDDLE: Final = "huddle_thread"
HUDDLE_TEXT: Final = "🎧 Huddle"
"""Text for the empty message that represents a huddle."""


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """A filter for threads: one message of the window must match all conditions.

    :param reactions: the message has one of these emoji; names without colons
    :param text: the text of the message matches
    :param authors: the author is one of these people or bots; ids or names
    :param min_replies: minimum number of replies of the thread, including those outside the window
    """

    reactions: Collection[str] = ()
    text: re.Pattern[str] | None = None
    authors: Collection[str] = ()
    min_replies: int = 0

    @classmethod
    def of(cls, *, reaction: Any, text: Any, author: Any, min_replies: Any) -> ThreadFilter:
        """Return the filter for an operator's parameters, in which a list may be a text with commas.

        :raises ValueError: the text is not a regular expression, or the number is invalid
        """
        try:
            pattern = re.compile(_compose(str(text)), re.IGNORECASE) if text else None
        except re.error as error:
            raise ValueError(f"text is {text!r}, which is not a valid regular expression: {error}") from None
        return cls(
            reactions={name.strip(":") for name in parse_list(reaction)},
            text=pattern,
            authors={_compose(name.removeprefix("@")).casefold() for name in parse_list(author)},
            min_replies=int(min_replies or 0),
        )

    def matches(self, thread: Thread, writer: ThreadWriter) -> bool:
        """Return whether a thread belongs in the report."""
        messages = [message for message in thread.in_window if message.subtype not in NOISE]
        if max(thread.root.reply_count or 0, len(thread.replies)) < self.min_replies:
            return False
        return any(self._matches_message(message, writer) for message in messages)

    def _matches_message(self, message: Message, writer: ThreadWriter) -> bool:
        # A skin tone follows the name: "wave::skin-tone-3".
        reactions = {reaction.name.partition("::")[0] for reaction in message.reactions or ()}
        if self.reactions and not reactions & set(self.reactions):
            return False
        names = {_compose(name).casefold() for name in (message.user or "", message.bot_id or "", writer.author(message))}
        if self.authors and not names & set(self.authors):
            return False
        return self.text is None or self.text.search(_compose(writer.plain_text(message))) is not None


@dataclass(frozen=True, slots=True)
class ThreadWriter:
    """A writer for the messages of a channel.

    :param channel: the channel
    :param names: cache of names; :meth:`learn` fills it
    :param workspace: URL of the workspace
    :param zone: time zone of the shown times
    :param replies_title: title of the collapsed replies, with ``{count}``
    :param images: names of the downloaded images by file id; these are shown on the page
    """

    channel: Channel
    names: SlackNames
    workspace: str
    zone: tzinfo
    replies_title: str
    images: dict[str, str] = field(default_factory=dict)

    def learn(self, threads: Sequence[Thread]) -> None:
        """Look up the names of all people, channels and user groups in some threads.

        :raises WorkplaceError: a request failed
        """
        mentions = Mentions()
        collector = SlackText(mentions)
        for thread in threads:
            for message in (thread.root, *thread.replies):
                collector.storage(message.text, message.blocks, message.attachments)
                mentions.users.update(_participants(message))
                if message.user:
                    mentions.users.add(message.user)
        self.names.learn_users(mentions.users)
        self.names.learn_channels(mentions.channels)
        self.names.learn_groups(mentions.groups)

    def author(self, message: Message) -> str:
        """Return the name of a message's author."""
        if message.user and not message.username:
            return self.names.user(message.user)
        return message.bot_name or message.bot_id or message.user or "?"

    def plain_text(self, message: Message) -> str:
        """Return the text of a message without markup."""
        return readable(self._storage(message))

    def permalink(self, message: Message) -> str:
        """Return the URL of a message."""
        query = {"thread_ts": message.thread_ts, "cid": self.channel.id} if message.is_reply else {}
        path = f"{self.workspace.rstrip('/')}/archives/{self.channel.id}/p{message.ts.replace('.', '')}"
        return f"{path}?{urlencode(query)}" if query else path

    def line(self, message: Message, *, in_window: bool) -> Mapping[str, Any]:
        """Return a message as an object for a line of JSON."""
        return {
            "channel": self.channel.id,
            "channel_name": self.channel.shown_name,
            "ts": message.ts,
            "thread_ts": message.thread_ts or message.ts,
            "at": message.at.astimezone(self.zone).isoformat(),
            "author": self.author(message),
            "author_id": message.user or message.bot_id or "",
            "text": self.plain_text(message),
            "mrkdwn": message.text or "",
            "permalink": self.permalink(message),
            "reactions": {reaction.name: reaction.count for reaction in message.reactions or ()},
            "reply_count": message.reply_count or 0,
            "files": [
                {
                    "id": file.id,
                    "name": file.shown_name,
                    "media_type": file.mimetype or "",
                    "permalink": file.permalink or "",
                }
                for file in message.files or ()
            ],
            "in_window": in_window,
        }

    def storage(self, thread: Thread) -> str:
        """Return a thread in storage format: the first message as a quote, and the replies collapsed."""
        title = self.replies_title.replace("{count}", str(len(thread.replies)))
        return thread_storage(self._quote(thread.root), [self._quote(reply) for reply in thread.replies], title)

    def _quote(self, message: Message) -> Quote:
        return Quote(
            author=self.author(message),
            at=message.at.astimezone(self.zone),
            url=self.permalink(message),
            body=self._storage(message),
            files=[self._file(file) for file in message.files or ()],
        )

    def _file(self, file: SharedFile) -> Image | Link | str:
        if file.id in self.images:
            return Image(self.images[file.id], alt=file.shown_name)
        url = file.permalink or file.url_private
        try:
            return Link(file.shown_name, url=url) if url else file.shown_name
        except ValueError:  # the URL of an external file comes from an app and may be anything
            return file.shown_name

    def _storage(self, message: Message) -> str:
        body = SlackText(self.names, self.zone).storage(message.text, message.blocks, message.attachments)
        if body or message.subtype != HUDDLE:
            return body
        people = ", ".join(map(self.names.user, _participants(message)))
        return f"<p>{escape_text(': '.join(filter(None, (HUDDLE_TEXT, people))))}</p>"


def _participants(message: Message) -> list[str]:
    """Return the ids of the participants of a huddle."""
    room = message.room or {}
    users = room.get("participant_history") or room.get("participants") or ()
    return [str(user) for user in users] if isinstance(users, list) else []


def image_name(file: SharedFile) -> str:
    """Return a unique file name for an image."""
    name = file.shown_name
    if "." not in name:
        name += mimetypes.guess_extension(file.mimetype or "") or ""
    return safe_name(f"{file.id}_{name}")


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)
