"""Messages that one person sees: ``chat.postEphemeral``.

Slack does not keep them, so there is no ``ts`` to reply to, to update or to search for.
Source: https://docs.slack.dev/reference/methods/chat.postEphemeral
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.http.errors import NotFound
from workplace_provider.slack.client.api_response import Envelope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from workplace_provider.slack.client.parts import MessagePart
    from workplace_provider.slack.client.reader import SlackReader


class _Ephemeral(Envelope, kw_only=True):
    message_ts: str


def show_to_person(
    reader: SlackReader,
    channel: str,
    user: str,
    part: MessagePart,
    *,
    thread_ts: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Show a message to one person in a channel, of which the person and the app are members.

    ::

        show_to_person(reader, "C0GENERAL", "U0ANNA", MessagePart("Only you can see this"))

    :param thread_ts: show it in this thread; a thread without replies would hide it, so it is then shown in the channel
    :param options: further arguments of the method
    :raises WorkplaceError: Slack refuses the message, or cannot be reached
    """
    if thread_ts is not None and not _is_active_thread(reader, channel, thread_ts):
        thread_ts = None
    arguments = {"channel": channel, "user": user, "thread_ts": thread_ts, **part.arguments(), **(options or {})}
    # Idempotent enough: a duplicate bothers one person for a while, a lost message is never seen.
    reader.submit("chat.postEphemeral", _Ephemeral, arguments, idempotent=True)


def _is_active_thread(reader: SlackReader, channel: str, thread_ts: str) -> bool:
    """Return whether a message has replies."""
    params = {"channel": channel, "ts": thread_ts}
    try:
        page = next(reader.paginate("conversations.replies", "messages", params, page_size=2))
    except NotFound as error:
        if error.code != "thread_not_found":
            raise
        return False
    return len(page.items) > 1
