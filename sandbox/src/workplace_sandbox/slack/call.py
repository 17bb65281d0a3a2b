"""One call of the Web API: its caller, its arguments, and its error responses.

Arguments come in the query, in a form or as JSON; those of the query win. Some methods ignore JSON: they respond as if
nothing had been sent (reference sections 1.1 and 2.1).
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from workplace_sandbox.slack.workspace import BOT_NAME, REFUSED, TOKENS, SlackBehaviour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from workplace_sandbox.model import ConversationKind, SlackChannel, SlackMessage, SlackUser
    from workplace_sandbox.slack.interactions import Interactions
    from workplace_sandbox.store import Store

# The scope names of each kind of conversation: channels:read, groups:read and so on.
SCOPE_WORDS: dict[ConversationKind, str] = {
    "public_channel": "channels",
    "private_channel": "groups",
    "im": "im",
    "mpim": "mpim",
}
_TS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,6}))?")
_YES = ("1", "true")


class SlackError(Exception):
    """A response with ``"ok": false``.

    :param error: Slack's word for it.
    :param status: HTTP status.
    :param more: other fields of the response.
    """

    def __init__(self, error: str, status: int = 200, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, Any] = {"ok": False, "error": error} | more


class SlackCall:
    """A call with its arguments and its bot.

    :param store: the state.
    :param behaviour: the settings of the workspace.
    :param base_url: scheme and host, as the client addressed them.
    :param arguments: by name; texts, or JSON values where JSON was sent.
    :param authorization: value of that header.
    :param interactions: the modals that are open.
    """

    def __init__(
        self,
        store: Store,
        behaviour: SlackBehaviour,
        base_url: str,
        arguments: Mapping[str, Any],
        authorization: str,
        interactions: Interactions,
    ) -> None:
        self.store = store
        self.behaviour = behaviour
        self.base_url = base_url
        self.arguments = arguments
        self.interactions = interactions
        scheme, _, bearer = authorization.partition(" ")
        self._token = bearer.strip() if scheme.lower() == "bearer" else self.text("token")
        self.scopes = TOKENS.get(self._token or "", ())

    @cached_property
    def bot(self) -> SlackUser:
        """The bot that is calling.

        :raises SlackError: the token is missing or invalid.
        """
        if not self._token:
            raise SlackError("not_authed")
        if self._token in REFUSED:
            raise SlackError(REFUSED[self._token])
        bot = self.store.person(BOT_NAME)
        if self._token not in TOKENS or bot is None:
            raise SlackError("invalid_auth")
        if bot.deleted:
            raise SlackError("account_inactive")
        return bot

    def require_scope(self, scope: str) -> None:
        """Refuse a token without a scope.

        :raises SlackError: ``missing_scope``.
        """
        if scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(self.scopes))

    # --- arguments

    def has(self, name: str) -> bool:
        """Return whether an argument was sent."""
        return self.arguments.get(name) is not None

    def text(self, name: str) -> str:
        """Return an argument as text; empty when it was not sent."""
        value = self.arguments.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def required(self, *names: str) -> str:
        """Return the first of some required arguments.

        :raises SlackError: one is missing.
        """
        missing = [name for name in names if not self.has(name)]
        if missing:
            messages = [f"[ERROR] missing required field: {name}" for name in missing]
            raise SlackError("invalid_arguments", response_metadata={"messages": messages})
        return self.text(names[0])

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a switch; ``1`` and ``true`` are on."""
        return self.text(name).lower() in _YES if self.has(name) else default

    def number(self, name: str) -> int | None:
        """Return a number that is not negative; None when it is missing, empty or 0, which Slack treats as missing.

        :raises SlackError: the value is not a number.
        """
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            message = f"[ERROR] must be an integer [json-pointer:/{name}]"
            raise SlackError("invalid_arguments", response_metadata={"messages": [message]})
        return int(text) or None

    def json(self, name: str, error: str) -> Any:
        """Return an argument that is JSON, as text or as a value; None when it is missing.

        :param error: Slack's word for text that is not JSON.
        :raises SlackError: it cannot be read.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        return _parse(value, error)

    def ts(self, name: str, error: str) -> str | None:
        """Return a time; None when it is missing, empty or 0.

        :raises SlackError: the value is not a time.
        """
        text = self.text(name)
        if text in ("", "0"):
            return None
        match = _TS.fullmatch(text)
        if match is None:
            raise SlackError(error)
        return f"{int(match[1]):010d}.{(match[2] or '').ljust(6, '0')}"

    # --- the objects that arguments name

    def channel(self, name: str = "channel") -> SlackChannel:
        """Return the conversation with the id in an argument; a private one only when the bot is in it.

        :raises SlackError: ``channel_not_found``.
        """
        wanted = self.required(name)
        channel = self.store.channel(wanted)
        if channel is None or channel.id != wanted or not self.may_know(channel):
            raise SlackError("channel_not_found")
        return channel

    def may_know(self, channel: SlackChannel) -> bool:
        """Return whether the bot may know that a conversation exists."""
        return channel.kind == "public_channel" or self.is_in(channel)

    def is_in(self, channel: SlackChannel) -> bool:
        """Return whether the bot is in a conversation."""
        return self.store.is_member(channel.id, self.bot.id)

    def readable_channel(self) -> SlackChannel:
        """Return the conversation in ``channel`` when its messages may be read.

        :raises SlackError: ``channel_not_found``, ``missing_scope`` or ``not_in_channel``.
        """
        channel = self.channel()
        self.require_scope(f"{SCOPE_WORDS[channel.kind]}:history")
        if not self.is_in(channel):
            raise SlackError("not_in_channel")
        return channel

    def message(self, channel: SlackChannel, ts: str) -> SlackMessage:
        """Return the message of a ``ts``.

        :raises SlackError: ``message_not_found``.
        """
        record = self.store.message(channel.id, ts)
        if record is None:
            raise SlackError("message_not_found")
        return record

    def person(self, name: str = "user") -> SlackUser:
        """Return the member with the id in an argument.

        :raises SlackError: ``user_not_found``.
        """
        wanted = self.required(name)
        person = self.store.person(wanted)
        if person is None or person.id != wanted:
            raise SlackError("user_not_found")
        return person


async def read_arguments(request: Request, *, takes_json: bool) -> dict[str, Any]:
    """Read the arguments of a call.

    :param takes_json: whether the method takes JSON; otherwise a JSON body is ignored.
    :return: arguments by name.
    :raises SlackError: the body is not a JSON object although its media type is JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    arguments: dict[str, Any] = {}
    if kind == "application/json" and takes_json and body:
        value = _parse(body, "invalid_json")
        if not isinstance(value, dict):
            raise SlackError("json_not_object")
        arguments = value
    elif kind == "application/x-www-form-urlencoded":
        arguments = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif kind == "multipart/form-data":
        arguments = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return arguments | dict(request.query_params)


def _parse(text: str | bytes, error: str) -> Any:
    try:
        value = json.loads(text)
        # Half of a surrogate pair can be written in JSON, but not in UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise SlackError(error) from None
    return value
