"""Which threads of a channel go into a report, and how their messages are written: as lines of JSON and on a page."""

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
"""Subtypes of messages in which nobody says anything."""

HUDDLE: Final = "huddle_thread"
HUDDLE_TEXT: Final = "🎧 Huddle"
"""What a message without words says that Slack shows for a huddle."""


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """Which threads go into a report: those with a message of the window that fits everything that is given.

    :param reactions: one of these emoji is under the message; names without colons
    :param text: is found in the words of the message
    :param authors: ids or names of people and bots, one of whom wrote it
    :param min_replies: how many replies the thread has at least, those outside the window included
    """

    reactions: Collection[str] = ()
    text: re.Pattern[str] | None = None
    authors: Collection[str] = ()
    min_replies: int = 0

    @classmethod
    def of(cls, *, reaction: Any, text: Any, author: Any, min_replies: Any) -> ThreadFilter:
        """The filter of an operator's parameters, in which a list may be a text with commas.

        :raises ValueError: the text is no regular expression, or the number none
        """
        try:
            pattern = re.compile(_composed(str(text)), re.IGNORECASE) if text else None
        except re.error as error:
            raise ValueError(f"text is {text!r}, which is no regular expression: {error}") from None
        return cls(
            reactions={each.strip(":") for each in parse_list(reaction)},
            text=pattern,
            authors={_composed(each.removeprefix("@")).casefold() for each in parse_list(author)},
            min_replies=int(min_replies or 0),
        )

    def keeps(self, thread: Thread, writer: ThreadWriter) -> bool:
        """Whether a thread goes into the report."""
        said = [message for message in thread.in_window if message.subtype not in NOISE]
        if max(thread.root.reply_count or 0, len(thread.replies)) < self.min_replies:
            return False
        return any(self._fits(message, writer) for message in said)

    def _fits(self, message: Message, writer: ThreadWriter) -> bool:
        # A skin tone is behind the name: "wave::skin-tone-3".
        under_it = {each.name.partition("::")[0] for each in message.reactions or ()}
        if self.reactions and not under_it & set(self.reactions):
            return False
        who = {_composed(name).casefold() for name in (message.user or "", message.bot_id or "", writer.author(message))}
        if self.authors and not who & set(self.authors):
            return False
        return self.text is None or self.text.search(_composed(writer.words(message))) is not None


@dataclass(frozen=True, slots=True)
class ThreadWriter:
    """Writes the messages of a channel.

    :param channel: the channel
    :param names: names of people and channels; :meth:`learn` finds them out
    :param workspace: address of the workspace
    :param zone: time zone of what people see
    :param replies_title: what stands where replies are folded away, with ``{count}``
    :param images: names of the pictures that were downloaded, by the ids of the files; these are shown on the page
    """

    channel: Channel
    names: SlackNames
    workspace: str
    zone: tzinfo
    replies_title: str
    images: dict[str, str] = field(default_factory=dict)

    def learn(self, threads: Sequence[Thread]) -> None:
        """Find out the names of everybody and every channel in some threads.

        :raises WorkplaceError: Slack could not be asked
        """
        mentions = Mentions()
        noting = SlackText(mentions)
        for thread in threads:
            for message in (thread.root, *thread.replies):
                noting.storage(message.text, message.blocks, message.attachments)
                mentions.users.update(_participants(message))
                if message.user:
                    mentions.users.add(message.user)
        self.names.learn_users(mentions.users)
        self.names.learn_channels(mentions.channels)
        self.names.learn_groups(mentions.groups)

    def author(self, message: Message) -> str:
        """The name of who wrote a message."""
        if message.user and not message.username:
            return self.names.user(message.user)
        return message.bot_name or message.bot_id or message.user or "?"

    def words(self, message: Message) -> str:
        """What a message says, without markup."""
        return readable(self._storage(message))

    def permalink(self, message: Message) -> str:
        """The address of a message."""
        query = {"thread_ts": message.thread_ts, "cid": self.channel.id} if message.is_reply else {}
        path = f"{self.workspace.rstrip('/')}/archives/{self.channel.id}/p{message.ts.replace('.', '')}"
        return f"{path}?{urlencode(query)}" if query else path

    def line(self, message: Message, *, in_window: bool) -> Mapping[str, Any]:
        """A message as a line of JSON."""
        return {
            "channel": self.channel.id,
            "channel_name": self.channel.shown_name,
            "ts": message.ts,
            "thread_ts": message.thread_ts or message.ts,
            "at": message.at.astimezone(self.zone).isoformat(),
            "author": self.author(message),
            "author_id": message.user or message.bot_id or "",
            "text": self.words(message),
            "mrkdwn": message.text or "",
            "permalink": self.permalink(message),
            "reactions": {each.name: each.count for each in message.reactions or ()},
            "reply_count": message.reply_count or 0,
            "files": [
                {
                    "id": each.id,
                    "name": each.shown_name,
                    "media_type": each.mimetype or "",
                    "permalink": each.permalink or "",
                }
                for each in message.files or ()
            ],
            "in_window": in_window,
        }

    def storage(self, thread: Thread) -> str:
        """A thread in storage format: the message quoted, and the replies folded away."""
        title = self.replies_title.replace("{count}", str(len(thread.replies)))
        return thread_storage(self._quote(thread.root), [self._quote(each) for each in thread.replies], title)

    def _quote(self, message: Message) -> Quote:
        return Quote(
            author=self.author(message),
            at=message.at.astimezone(self.zone),
            url=self.permalink(message),
            body=self._storage(message),
            files=[self._file(each) for each in message.files or ()],
        )

    def _file(self, file: SharedFile) -> Image | Link | str:
        if file.id in self.images:
            return Image(self.images[file.id], alt=file.shown_name)
        url = file.permalink or file.url_private
        try:
            return Link(file.shown_name, url=url) if url else file.shown_name
        except ValueError:  # a file that lies elsewhere has whatever address an app gave it
            return file.shown_name

    def _storage(self, message: Message) -> str:
        said = SlackText(self.names, self.zone).storage(message.text, message.blocks, message.attachments)
        if said or message.subtype != HUDDLE:
            return said
        people = ", ".join(map(self.names.user, _participants(message)))
        return f"<p>{escape_text(': '.join(filter(None, (HUDDLE_TEXT, people))))}</p>"


def _participants(message: Message) -> list[str]:
    """The ids of the people who were in a huddle."""
    room = message.room or {}
    found = room.get("participant_history") or room.get("participants") or ()
    return [str(user) for user in found] if isinstance(found, list) else []


def image_name(file: SharedFile) -> str:
    """The name under which a picture is kept: no other file has the same."""
    name = file.shown_name
    if "." not in name:
        name += mimetypes.guess_extension(file.mimetype or "") or ""
    return safe_name(f"{file.id}_{name}")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
