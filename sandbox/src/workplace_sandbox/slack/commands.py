"""Text that a person types into a channel: a message, or a slash command whose answers come through its ``response_url``."""

from __future__ import annotations

import html
import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.events import command_payload
from workplace_sandbox.slack.workspace import BOT_NAME, RESPONSE_PATH
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.model import SlackChannel, SlackMessage, SlackUser
    from workplace_sandbox.slack.sockets import Delivery, SocketMode
    from workplace_sandbox.store import Store

RESPONSE_USES = 5
RESPONSE_LIFETIME = timedelta(minutes=30)
_COMMAND = re.compile(r"(/[^\s/]+)(?:\s+(.*))?", re.DOTALL)
_NAMED = re.compile(r"(?<!\S)@([^\s@<>:,!?]+)")
# People mention the app by this word, whatever the name of its bot user.
_THE_BOT = "bot"


@dataclass(frozen=True, slots=True)
class EphemeralMessage:
    """An answer that only one person sees; Slack does not keep it, and no method of the Web API shows it."""

    channel_id: str
    user_id: str
    name: str
    text: str
    at: datetime


@dataclass(slots=True)
class _ResponseUrl:
    channel_id: str
    user_id: str
    made: datetime = field(default_factory=now)
    uses: int = 0


class Composer:
    """The input field of the channels.

    :param store: the state.
    :param sockets: receives commands.
    """

    def __init__(self, store: Store, sockets: SocketMode) -> None:
        self.base_url = ""
        self._store = store
        self._sockets = sockets
        self._lock = threading.Lock()
        self._urls: dict[str, _ResponseUrl] = {}
        self._whispers: list[EphemeralMessage] = []

    def reset(self) -> None:
        """Remove the response URLs, and the answers that only one person saw."""
        with self._lock:
            self._urls.clear()
            self._whispers.clear()

    def whispers(self, channel_id: str) -> list[EphemeralMessage]:
        """Return the answers in a channel that only one person sees, the oldest first."""
        with self._lock:
            return [whisper for whisper in self._whispers if whisper.channel_id == channel_id]

    def write(
        self, channel: SlackChannel, person: SlackUser, typed: str, thread_ts: str | None = None
    ) -> SlackMessage | Delivery:
        """Process typed text: a command when it begins with a slash, a message otherwise.

        :param typed: the text; ``@name`` becomes a mention, ``@bot`` the one of the app's bot user.
        :param thread_ts: the parent, for a reply.
        """
        if match := _COMMAND.fullmatch(typed.strip()):
            return self.command(channel, person, match[1], match[2] or "")
        return self._store.post(
            channel.id,
            _NAMED.sub(self._mention, html.escape(typed.strip(), quote=False)),
            username=person.shown_name,
            payload={},
            source="person",
            user_id=person.id,
            thread_ts=thread_ts,
        )

    def command(self, channel: SlackChannel, person: SlackUser, command: str, text: str = "") -> Delivery:
        """Call a slash command as a person; the app has every command.

        :param command: with its slash.
        :param text: the text after the command.
        """
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._urls[token] = _ResponseUrl(channel.id, person.id)
        payload = command_payload(channel, person, command, text, f"{self.base_url}{RESPONSE_PATH}/{token}")

        def answered(answer: Any) -> None:
            # An acknowledgement may contain the answer.
            if isinstance(answer, dict) and answer.get("text"):
                self._post_answer(channel.id, person.id, answer)

        def failed(error: str) -> None:
            self._whisper(channel.id, person.id, "Slackbot", f"{command} failed with the error “{error}”")

        return self._sockets.send_command(payload, answered, failed)

    def respond(self, token: str, answer: Any) -> str | None:
        """Process a request to a ``response_url``.

        :return: Slack's word for an error; None for success.
        """
        with self._lock:
            url = self._urls.get(token)
            if url is None:
                return "invalid_url"
            if now() - url.made > RESPONSE_LIFETIME:
                return "expired_url"
            if url.uses >= RESPONSE_USES:
                return "used_url"
            if not isinstance(answer, dict):
                return "invalid_payload"
            if not answer.get("text") and not answer.get("blocks"):
                return "no_text"
            url.uses += 1
        self._post_answer(url.channel_id, url.user_id, answer)
        return None

    def _post_answer(self, channel_id: str, user_id: str, answer: dict[str, Any]) -> None:
        bot = self._store.person(BOT_NAME)
        text = str(answer.get("text") or "")
        name = bot.shown_name if bot else "app"
        if answer.get("response_type") != "in_channel":
            self._whisper(channel_id, user_id, name, text)
            return
        content = {key: answer[key] for key in ("blocks", "attachments") if answer.get(key)}
        self._store.post(channel_id, text, username=name, payload=content, source="api", user_id=bot.id if bot else None)

    def _whisper(self, channel_id: str, user_id: str, name: str, text: str) -> None:
        with self._lock:
            self._whispers.append(EphemeralMessage(channel_id, user_id, name, text, now()))

    def _mention(self, match: re.Match[str]) -> str:
        name = BOT_NAME if match[1].lower() == _THE_BOT else match[1]
        person = self._store.person(name)
        return f"<@{person.id}>" if person else match[0]
