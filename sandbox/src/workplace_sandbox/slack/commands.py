"""Text that a person types into a channel: a message, or a slash command."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.events import command_payload
from workplace_sandbox.slack.interactions import Interactions
from workplace_sandbox.slack.workspace import BOT_NAME

if TYPE_CHECKING:
    from workplace_sandbox.model import SlackChannel, SlackMessage, SlackUser
    from workplace_sandbox.slack.response_urls import ResponseUrls
    from workplace_sandbox.slack.sockets import Delivery, SocketMode
    from workplace_sandbox.store import Store

_COMMAND = re.compile(r"(/[^\s/]+)(?:\s+(.*))?", re.DOTALL)
_NAMED = re.compile(r"(?<!\S)@([^\s@<>:,!?]+)")
# People mention the app by this word, whatever the name of its bot user.
_THE_BOT = "bot"


class Composer:
    """The input field of the channels.

    :param store: the state.
    :param sockets: receives commands.
    :param responses: creates the response URLs of commands.
    """

    def __init__(self, store: Store, sockets: SocketMode, responses: ResponseUrls) -> None:
        self._store = store
        self._sockets = sockets
        self._responses = responses
        self.interactions = Interactions(store, sockets, responses)

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
        payload = command_payload(channel, person, command, text, self._responses.create(channel.id, person.id))
        self.interactions.register(payload["trigger_id"], person.id)

        def answered(answer: Any) -> None:
            # An acknowledgement may contain the answer.
            if isinstance(answer, dict) and answer.get("text"):
                self._responses.post(channel.id, person.id, answer)

        def failed(error: str) -> None:
            message = f"{command} failed with the error “{error}”"
            self._store.whisper(channel.id, person.id, message, name="Slackbot")

        return self._sockets.send_command(payload, answered, failed)

    def _mention(self, match: re.Match[str]) -> str:
        name = BOT_NAME if match[1].lower() == _THE_BOT else match[1]
        person = self._store.person(name)
        return f"<@{person.id}>" if person else match[0]
