"""The methods that write messages and reactions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.content import check_edited_text, read_content, require_content
from workplace_sandbox.slack.conversations import open_direct
from workplace_sandbox.slack.representation import messages, permalink

if TYPE_CHECKING:
    from workplace_sandbox.model import SlackChannel, SlackMessage
    from workplace_sandbox.slack.call import SlackCall

_CUSTOMISED = ("username", "icon_emoji", "icon_url")
_KEPT_SWITCHES = ("mrkdwn", "unfurl_links", "unfurl_media")
_EMOJI = re.compile(r"[\w+'-]+(?:::skin-tone-[2-6])?")


def post_message(call: SlackCall) -> dict[str, Any]:
    """Post a message as the bot, to an id, a channel's name, or a user id."""
    call.require_scope("chat:write")
    channel = message_target(call)
    content = read_content(call)
    require_content(content)
    content |= _authorship(call)
    content |= {name: call.flag(name) for name in _KEPT_SWITCHES if call.has(name)}
    bot = call.bot
    posted = call.store.post(
        channel.id,
        content.pop("text", ""),
        username=content.get("username") or bot.shown_name,
        payload=content,
        source="api",
        user_id=bot.id,
        thread_ts=call.ts("thread_ts", "invalid_thread_ts"),
        broadcast=call.flag("reply_broadcast"),
    )
    return {"channel": channel.id, "ts": posted.ts, "message": _message_json(call, channel, posted)}


def post_ephemeral(call: SlackCall) -> dict[str, Any]:
    """Show a message to one person in a channel with the bot and the person."""
    call.require_scope("chat:write")
    call.required("channel", "user")
    channel = call.store.channel(call.text("channel"))
    # Slack reports this for channels without the bot, public ones too (slackapi/python-slack-sdk#734).
    if channel is None or not call.is_in(channel):
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    person = call.store.person(call.text("user"))
    if person is None or not call.store.is_member(channel.id, person.id):
        raise SlackError("user_not_in_channel")
    content = read_content(call)
    require_content(content)
    content |= _authorship(call)
    # Metadata of events is ignored, since no one can read it.
    content.pop("metadata", None)
    thread_ts = call.ts("thread_ts", "invalid_thread_ts")
    name = content.pop("username", call.bot.shown_name)
    shown = call.store.whisper(
        channel.id, person.id, content.pop("text", ""), name=name, payload=content, thread_ts=thread_ts
    )
    if thread_ts and not call.store.threads(channel.id, [thread_ts]):
        # The trap: in a thread without replies, no one sees it, and the response is the same.
        call.store.remove_whisper(channel.id, shown.ts)
    return {"message_ts": shown.ts}


def update(call: SlackCall) -> dict[str, Any]:
    """Change a message of the bot; fields that are not sent stay unchanged."""
    call.require_scope("chat:write")
    call.required("channel", "ts")
    channel, message = _own_message(call, "cant_update_message")
    content = read_content(call)
    require_content(content)
    text = content.pop("text", message.text)
    check_edited_text(text)
    edited = call.store.edit_message(message, text, message.payload | content, call.bot.id)
    # The echo has fewer fields than the message of a reader: the ts is beside it, the reactions are missing (measured by
    # backlot's authors).
    echo = {name: value for name, value in _message_json(call, channel, edited).items() if name not in ("ts", "reactions")}
    return {"channel": channel.id, "ts": edited.ts, "text": text, "message": echo}


def delete(call: SlackCall) -> dict[str, Any]:
    """Delete a message of the bot."""
    call.require_scope("chat:write")
    call.required("channel", "ts")
    channel, message = _own_message(call, "cant_delete_message")
    call.store.delete_message(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(call: SlackCall) -> dict[str, Any]:
    """Return the address that opens a message."""
    call.required("channel", "message_ts")
    channel = call.channel()
    message = call.message(channel, call.text("message_ts"))
    return {"channel": channel.id, "permalink": _permalink(call, message)}


def reactions_add(call: SlackCall) -> dict[str, Any]:
    """Add a reaction to a message."""
    call.require_scope("reactions:write")
    call.required("name", "timestamp", "channel")
    channel, message = _reaction_target(call)
    name = call.text("name")
    if not _EMOJI.fullmatch(name):
        raise SlackError("invalid_name")
    if not call.store.react(channel.id, message.ts, name, call.bot.id):
        raise SlackError("already_reacted")
    return {}


def reactions_remove(call: SlackCall) -> dict[str, Any]:
    """Remove the bot's reaction."""
    call.require_scope("reactions:write")
    call.required("name")
    channel, message = _reaction_target(call)
    if not call.store.remove_reaction(channel.id, message.ts, call.text("name"), call.bot.id):
        raise SlackError("no_reaction")
    return {}


def reactions_get(call: SlackCall) -> dict[str, Any]:
    """Return a message with its reactions."""
    call.require_scope("reactions:read")
    channel, message = _reaction_target(call)
    response = _message_json(call, channel, message) | {"permalink": _permalink(call, message)}
    return {"type": "message", "channel": channel.id, "message": response}


def _authorship(call: SlackCall) -> dict[str, Any]:
    """Return the requested name and icon of the sender."""
    chosen = {name: call.text(name) for name in _CUSTOMISED if call.text(name)}
    if chosen:
        call.require_scope("chat:write.customize")
    return chosen


def message_target(call: SlackCall) -> SlackChannel:
    """Return the conversation in ``channel`` to which the bot may post: an id, a channel's name, or a user id.

    :raises SlackError: there is none, or the bot may not post.
    """
    wanted = call.required("channel")
    channel = call.store.channel(wanted)
    if channel is None and call.store.person(wanted) and not wanted.startswith("@"):
        call.require_scope("im:write")
        channel, _ = open_direct(call, [wanted])
    if channel is None or not call.may_know(channel):
        raise SlackError("channel_not_found")
    if channel.archived:
        raise SlackError("is_archived")
    if not call.is_in(channel) and "chat:write.public" not in call.scopes:
        raise SlackError("not_in_channel")
    return channel


def _own_message(call: SlackCall, refusal: str) -> tuple[SlackChannel, SlackMessage]:
    channel = call.channel()
    message = call.message(channel, call.text("ts"))
    if message.subtype == "tombstone":
        raise SlackError("message_not_found")
    if message.user_id != call.bot.id or message.source == "system":
        raise SlackError(refusal)
    return channel, message


def _reaction_target(call: SlackCall) -> tuple[SlackChannel, SlackMessage]:
    if not call.has("channel"):
        raise SlackError("no_item_specified")
    channel = call.channel()
    if not call.text("timestamp"):
        raise SlackError("bad_timestamp")
    return channel, call.message(channel, call.text("timestamp"))


def _permalink(call: SlackCall, message: SlackMessage) -> str:
    is_parent = bool(call.store.threads(message.channel_id, [message.ts]))
    return permalink(call.base_url, message, in_thread=is_parent or message.thread_ts is not None)


def _message_json(call: SlackCall, channel: SlackChannel, message: SlackMessage) -> dict[str, Any]:
    return messages(call, channel, [message], with_metadata=True)[0]
