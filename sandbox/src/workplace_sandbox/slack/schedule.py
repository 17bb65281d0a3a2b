"""The methods for messages that are posted later.

Sources: https://docs.slack.dev/reference/methods/chat.scheduleMessage, chat.scheduledMessages.list and
chat.deleteScheduledMessage, and https://docs.slack.dev/messaging/sending-and-scheduling-messages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.chat import message_target
from workplace_sandbox.slack.content import read_content, require_content
from workplace_sandbox.slack.conversations import entries_after
from workplace_sandbox.slack.paging import cut_page
from workplace_sandbox.slack.workspace import BOT_NAME
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from workplace_sandbox.model import ScheduledMessage
    from workplace_sandbox.slack.call import SlackCall
    from workplace_sandbox.store import Store

LONGEST = 120 * 86_400
MOST_IN_WINDOW = 30
WINDOW = 300
# A message that is posted within this many seconds can no longer be deleted.
_LAST_MINUTE = 60
_DEFAULT_PAGE = 100


def schedule_message(call: SlackCall) -> dict[str, Any]:
    """Schedule a message of the bot. Another name or icon is ignored."""
    call.require_scope("chat:write")
    call.required("channel", "post_at")
    channel = message_target(call)
    content = read_content(call)
    require_content(content)
    moment, post_at = int(now().timestamp()), _post_at(call)
    if post_at <= moment:
        raise SlackError("time_in_past")
    if post_at > moment + LONGEST:
        raise SlackError("time_too_far")
    near = [each for each in call.store.scheduled(channel.id) if abs(each.post_at - post_at) < WINDOW]
    if len(near) >= MOST_IN_WINDOW:
        raise SlackError("restricted_too_many")
    text = content.pop("text", "")
    made = call.store.schedule(
        channel.id,
        post_at,
        text,
        content,
        thread_ts=call.ts("thread_ts", "invalid_thread_ts"),
        broadcast=call.flag("reply_broadcast"),
    )
    shown = {"type": "delayed_message", "text": text, "bot_id": call.bot.bot_id} | content
    # The documentation has the time as a text here, and as a number in the list.
    return {"channel": channel.id, "scheduled_message_id": made.id, "post_at": str(post_at), "message": shown}


def list_scheduled(call: SlackCall) -> dict[str, Any]:
    """List the scheduled messages of the bot; ``oldest`` and ``latest`` are ignored for a token of a workspace."""
    messages = call.store.scheduled()
    if call.has("channel"):
        channel = call.store.channel(call.text("channel"))
        if channel is None or channel.id != call.text("channel"):
            raise SlackError("invalid_channel")
        messages = call.store.scheduled(channel.id)
    fetch = entries_after([message.id for message in messages], messages)
    page, cursor = cut_page(call, "scheduled", fetch, lambda message: message.id, _DEFAULT_PAGE)
    return {"scheduled_messages": [_shown(message) for message in page], "response_metadata": {"next_cursor": cursor}}


def delete_scheduled(call: SlackCall) -> dict[str, Any]:
    """Delete a scheduled message, until a minute before it is posted."""
    call.require_scope("chat:write")
    call.required("channel", "scheduled_message_id")
    channel = call.channel()
    for message in call.store.scheduled(channel.id):
        if message.id == call.text("scheduled_message_id") and message.post_at - now().timestamp() > _LAST_MINUTE:
            call.store.unschedule(message.id)
            return {}
    raise SlackError("invalid_scheduled_message_id")


def post_due(store: Store, at: datetime | None = None) -> int:
    """Post the scheduled messages whose time has come.

    :param at: the time; now when None.
    :return: how many were due. The bug: those with metadata are removed and never posted.
    """
    bot = store.person(BOT_NAME)
    due = [message for message in store.scheduled() if message.post_at <= (at or now()).timestamp()]
    for message in sorted(due, key=lambda message: message.post_at):
        if store.unschedule(message.id) and bot is not None and "metadata" not in message.payload:
            store.post(
                message.channel_id,
                message.text,
                username=bot.shown_name,
                payload=message.payload,
                source="api",
                user_id=bot.id,
                thread_ts=message.thread_ts,
                broadcast=message.broadcast,
            )
    return len(due)


def _post_at(call: SlackCall) -> int:
    text = call.text("post_at")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise SlackError("invalid_time")
    # A time that no calendar has is too far; the sandbox must not fail on it.
    return min(int(text), int(datetime.max.replace(tzinfo=UTC).timestamp()))


def _shown(message: ScheduledMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "post_at": message.post_at,
        "date_created": message.created,
        "text": message.text,
    }
