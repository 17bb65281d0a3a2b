"""The ``response_url`` of commands and interactions: messages without a token, for a while.

Sources: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses and the ``respond`` utility of
Bolt for Python. A command has no message to replace (slackapi/bolt-python#1268).
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.content import check_blocks
from workplace_sandbox.slack.workspace import BOT_NAME, RESPONSE_PATH
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.store import Store

RESPONSE_USES = 5
RESPONSE_LIFETIME = timedelta(minutes=30)
_KEPT = ("blocks", "attachments", "metadata")


@dataclass(slots=True)
class _ResponseUrl:
    channel_id: str
    user_id: str
    message_ts: str
    made: datetime = field(default_factory=now)
    uses: int = 0


class ResponseUrls:
    """The response URLs under way.

    :param store: receives the messages.
    """

    def __init__(self, store: Store) -> None:
        self.base_url = ""
        self._store = store
        self._lock = threading.Lock()
        self._urls: dict[str, _ResponseUrl] = {}

    def reset(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._urls.clear()

    def create(self, channel_id: str, user_id: str, message_ts: str = "") -> str:
        """Create a response URL.

        :param user_id: the person who called the command or clicked.
        :param message_ts: the message that the person clicked in, ephemeral or not; empty for a command.
        """
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._urls[token] = _ResponseUrl(channel_id, user_id, message_ts)
        return f"{self.base_url}{RESPONSE_PATH}/{token}"

    def respond(self, token: str, answer: Any) -> str | None:
        """Process a request to a response URL.

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
            if problem := _problem(answer):
                return problem
            url.uses += 1
        self.post(url.channel_id, url.user_id, answer, url.message_ts)
        return None

    def post(self, channel_id: str, user_id: str, answer: dict[str, Any], message_ts: str = "") -> None:
        """Post an answer, or replace or delete the message that it answers."""
        if answer.get("delete_original"):
            # After a command there is nothing to delete.
            self._delete(channel_id, message_ts)
            return
        text = str(answer.get("text") or "")
        content = {name: answer[name] for name in _KEPT if answer.get(name)}
        if message_ts and answer.get("replace_original"):
            self._replace(channel_id, message_ts, text, content)
            return
        bot = self._store.person(BOT_NAME)
        name = bot.shown_name if bot else "app"
        thread_ts = str(answer["thread_ts"]) if answer.get("thread_ts") else None
        if answer.get("response_type") != "in_channel":
            self._store.whisper(channel_id, user_id, text, name=name, payload=content, thread_ts=thread_ts)
            return
        user = bot.id if bot else None
        self._store.post(channel_id, text, username=name, payload=content, source="api", user_id=user, thread_ts=thread_ts)

    def _replace(self, channel_id: str, ts: str, text: str, content: dict[str, Any]) -> None:
        if message := self._store.message(channel_id, ts):
            self._store.edit_message(message, text, content, message.user_id or "")
        else:
            self._store.replace_whisper(channel_id, ts, text, content)

    def _delete(self, channel_id: str, ts: str) -> None:
        if message := self._store.message(channel_id, ts):
            self._store.delete_message(message)
        else:
            self._store.remove_whisper(channel_id, ts)


def _problem(answer: Any) -> str | None:
    """Return Slack's word for an invalid answer, None for a valid one."""
    if not isinstance(answer, dict):
        return "invalid_payload"
    if answer.get("delete_original"):
        return None
    if not any(answer.get(name) for name in ("text", "blocks", "attachments")):
        return "no_text"
    blocks = answer.get("blocks")
    if not blocks:
        return None
    if not isinstance(blocks, list):
        return "invalid_blocks_format"
    try:
        check_blocks(blocks)
    except SlackError as error:
        return str(error)
    return None
