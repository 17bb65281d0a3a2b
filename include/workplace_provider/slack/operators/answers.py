"""Messages that Slack does not keep: answers through response URLs, and messages that one person sees.

They cannot be searched for, so the task's state store has the number of parts that Slack has accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.slack.client import MessagePart
    from workplace_provider.slack.client.response_url import ResponseType
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

STATE_KEY: Final = "slack_shown"

log = get_logger("workplace_provider.slack")


class AnswerSender:
    """Sends the parts of a message; a retry continues after those that Slack has accepted.

    :param hook: connection of the app
    :param state: state store of the task
    :param parts: the message
    """

    def __init__(self, hook: SlackDirectoryHook, state: Any, parts: Sequence[MessagePart]) -> None:
        self._hook = hook
        self._state = state
        self._parts = parts

    def respond(self, sealed_url: str | None, response_type: ResponseType) -> bool:
        """Send the message to the response URL of a slash command.

        :param sealed_url: the encrypted URL; ``None`` if there is none
        :param response_type: who sees the message
        :return: whether Slack accepted it
        :raises WorkplaceError: Slack cannot be reached, refuses the message, or the URL does not lead to Slack
        """
        from workplace_provider.slack.client.response_url import MAX_REPLIES, ResponseUrl

        url = self._hook.unseal(sealed_url) if sealed_url is not None else None
        if url is None:
            return False
        response_url = ResponseUrl(self._hook.reader, url)
        # Each part is one of five uses of the URL.
        for number, part in self._remaining("response_url", self._parts[:MAX_REPLIES]):
            if not response_url.send(part, response_type=response_type):
                return False
            self._record("response_url", number)
        if len(self._parts) > MAX_REPLIES:
            log.warning("only the first %d of %d parts were sent; shorten the message", MAX_REPLIES, len(self._parts))
        return True

    def show(self, channel: str, user: str, *, thread_ts: str | None, options: Mapping[str, Any]) -> None:
        """Show the message to one person in a channel.

        :raises WorkplaceError: Slack cannot be reached, or refuses the message
        """
        from workplace_provider.slack.client.ephemeral import show_to_person

        for number, part in self._remaining(user, self._parts):
            show_to_person(self._hook.reader, channel, user, part, thread_ts=thread_ts, options=options)
            self._record(user, number)

    def _remaining(self, way: str, parts: Sequence[MessagePart]) -> Iterator[tuple[int, MessagePart]]:
        """Yield the parts that an earlier attempt has not sent in a way, with their numbers."""
        stored = self._state.get(STATE_KEY)
        count = stored.get("count", 0) if isinstance(stored, Mapping) and stored.get("way") == way else 0
        yield from ((number, part) for number, part in enumerate(parts, 1) if number > count)

    def _record(self, way: str, count: int) -> None:
        self._state.set(STATE_KEY, {"way": way, "count": count})
