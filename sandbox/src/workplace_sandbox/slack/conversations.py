"""The methods about conversations: listing and joining them, and reading their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from workplace_sandbox.slack.call import SCOPE_WORDS, SlackError
from workplace_sandbox.slack.paging import cut_page
from workplace_sandbox.slack.representation import conversation, messages
from workplace_sandbox.state.slack_ids import as_ts

if TYPE_CHECKING:
    from collections.abc import Callable

    from workplace_sandbox.model import SlackChannel, SlackMessage
    from workplace_sandbox.slack.call import SlackCall

T = TypeVar("T")

# Before and after every ``ts``.
_FIRST, _LAST = "", "~"
_DEFAULT_PAGE = 100
_DEFAULT_REPLIES = 1000


def conversations_list(call: SlackCall) -> dict[str, Any]:
    """List conversations: public channels, and the others with the bot in them."""
    kinds = _kinds(call)
    return _list(call, [c for c in call.store.conversations() if c.kind in kinds and call.may_know(c)], with_count=True)


def users_conversations(call: SlackCall) -> dict[str, Any]:
    """List the conversations of a member; those of the bot without ``user``."""
    kinds = _kinds(call)
    user = call.person().id if call.has("user") else call.bot.id
    channels = [c for c in call.store.conversations_of(user) if c.kind in kinds and call.may_know(c)]
    return _list(call, channels, with_count=False)


def _kinds(call: SlackCall) -> set[str]:
    kinds = {kind.strip() for kind in (call.text("types") or "public_channel").split(",")}
    if not kinds <= set(SCOPE_WORDS):
        raise SlackError("invalid_types")
    for kind, word in SCOPE_WORDS.items():
        if kind in kinds:
            call.require_scope(f"{word}:read")
    return kinds


def _list(call: SlackCall, conversations: list[SlackChannel], *, with_count: bool) -> dict[str, Any]:
    if call.flag("exclude_archived"):
        conversations = [channel for channel in conversations if not channel.archived]
    page, cursor = cut_page(
        call,
        "channel",
        entries_after([c.id for c in conversations], conversations),
        lambda channel: channel.id,
        _DEFAULT_PAGE,
    )
    channels = [conversation(call, channel) for channel in page]
    if with_count:
        for response, channel in zip(channels, page, strict=True):
            if not channel.is_direct:
                response["num_members"] = len(call.store.members(channel.id))
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def conversations_info(call: SlackCall) -> dict[str, Any]:
    """Describe a conversation."""
    channel = call.channel()
    call.require_scope(f"{SCOPE_WORDS[channel.kind]}:read")
    response = conversation(call, channel)
    if call.flag("include_num_members"):
        response["num_members"] = len(call.store.members(channel.id))
    return {"channel": response}


def conversations_members(call: SlackCall) -> dict[str, Any]:
    """List the ids of the members of a conversation."""
    channel = call.channel()
    call.require_scope(f"{SCOPE_WORDS[channel.kind]}:read")
    members = call.store.members(channel.id)
    page, cursor = cut_page(call, "member", entries_after(members, members), str, _DEFAULT_PAGE)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def conversations_join(call: SlackCall) -> dict[str, Any]:
    """Put the bot into a public channel."""
    call.require_scope("channels:join")
    channel = call.channel()
    if channel.archived:
        raise SlackError("is_archived")
    if channel.kind != "public_channel":
        raise SlackError("method_not_supported_for_channel_type")
    if not call.store.join(channel.id, call.bot.id):
        warning = "already_in_channel"
        response = {"channel": conversation(call, channel), "warning": warning}
        return response | {"response_metadata": {"warnings": [warning]}}
    text = f"<@{call.bot.id}> has joined the channel"
    call.store.post(
        channel.id,
        text,
        username=call.bot.shown_name,
        payload={},
        source="system",
        user_id=call.bot.id,
        subtype="channel_join",
    )
    return {"channel": conversation(call, channel)}


def conversations_open(call: SlackCall) -> dict[str, Any]:
    """Open the direct message with one or several people, or the one of an id."""
    if call.has("channel"):
        channel = call.channel()
        return {"channel": conversation(call, channel) if call.flag("return_im") else {"id": channel.id}}
    users = [user.strip() for user in call.required("users").split(",") if user.strip()]
    call.require_scope("im:write" if len(users) == 1 else "mpim:write")
    channel, is_new = open_direct(call, users)
    response: dict[str, Any] = {"channel": conversation(call, channel) if call.flag("return_im") else {"id": channel.id}}
    return response if is_new else {"no_op": True, "already_open": True} | response


def open_direct(call: SlackCall, users: list[str]) -> tuple[SlackChannel, bool]:
    """Find or create the direct message between the bot and some people.

    :param users: their ids.
    :return: the conversation, and whether it is new.
    :raises SlackError: ``user_not_found``, ``user_disabled``, or ``cannot_dm_bot``.
    """
    people = [person for user in users if (person := call.store.person(user)) and person.id == user]
    if not people or len(people) != len(users):
        raise SlackError("user_not_found")
    if any(person.deleted for person in people):
        raise SlackError("user_disabled")
    if len(people) == 1 and people[0].is_bot:
        raise SlackError("cannot_dm_bot")
    name = ",".join(sorted(person.name for person in people))
    known = {channel.id for channel in call.store.conversations()}
    kind, members = "im" if len(people) == 1 else "mpim", [call.bot.id, *(person.id for person in people)]
    channel = call.store.add_channel(name, kind="im" if kind == "im" else "mpim", creator=call.bot.id, members=members)
    return channel, channel.id not in known


def conversations_history(call: SlackCall) -> dict[str, Any]:
    """Read the messages of a channel: parents and replies that were sent to the channel too, each page the newest first.

    With ``oldest`` alone the pages go forward in time from there; otherwise they go back, as measured on slack.com by the
    authors of backlot, an independent stand-in.
    """
    channel = call.readable_channel()
    oldest, latest = _bounds(call)
    forward = call.ts("oldest", "") is not None and call.ts("latest", "") is None

    def fetch(after: str | None, limit: int) -> list[SlackMessage]:
        if forward:
            return call.store.window(channel.id, after or oldest, latest, limit, "oldest")
        return call.store.window(channel.id, oldest, after or latest, limit, "newest")

    page, cursor = cut_page(call, "next_ts", fetch, lambda message: message.ts, _DEFAULT_PAGE)
    if forward:
        page = page[::-1]
    response: dict[str, Any] = {
        "messages": messages(call, channel, page, with_metadata=_with_metadata(call)),
        "has_more": bool(cursor),
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    # Unlike the lists, the last page has no cursor field.
    return response | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def conversations_replies(call: SlackCall) -> dict[str, Any]:
    """Read a thread, the parent first; the parent comes even when it is older than ``oldest``."""
    call.required("channel", "ts")
    channel = call.readable_channel()
    asked = call.store.message(channel.id, call.text("ts"))
    parent = call.store.message(channel.id, asked.thread_ts) if asked and asked.thread_ts else asked
    if parent is None:
        raise SlackError("thread_not_found")
    oldest, latest = _bounds(call)

    def fetch(after: str | None, limit: int) -> list[SlackMessage]:
        first = [parent] if after is None else []
        start = oldest if after in (None, parent.ts) else str(after)
        replies = call.store.window(channel.id, start, latest, limit - len(first), "oldest", parent.ts)
        return [*first, *replies]

    page, cursor = cut_page(call, "next_ts", fetch, lambda message: message.ts, _DEFAULT_REPLIES)
    response: dict[str, Any] = {
        "messages": messages(call, channel, page, with_metadata=_with_metadata(call)),
        "has_more": bool(cursor),
    }
    return response | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _bounds(call: SlackCall) -> tuple[str, str]:
    """Return the ends of the window, both excluded: an inclusive end is moved out by a microsecond."""
    latest = call.ts("latest", "invalid_ts_latest")
    oldest = call.ts("oldest", "invalid_ts_oldest")
    wider = 1 if call.flag("inclusive") else 0
    return _shift(oldest, -wider) if oldest else _FIRST, _shift(latest, wider) if latest else _LAST


def _shift(ts: str, micros: int) -> str:
    return as_ts(max(0, int(ts.replace(".", "")) + micros))


def _with_metadata(call: SlackCall) -> bool:
    wanted = call.flag("include_all_metadata")
    if wanted:
        call.require_scope("metadata.message:read")
    return wanted


def entries_after(keys: list[str], entries: list[T]) -> Callable[[str | None, int], list[T]]:
    """Return a function that cuts a page out of a list whose entries have keys."""

    def fetch(after: str | None, limit: int) -> list[T]:
        if after is None:
            return entries[:limit]
        if after not in keys:
            raise SlackError("invalid_cursor")
        start = keys.index(after) + 1
        return entries[start : start + limit]

    return fetch
