"""Members, conversations, messages and files as the Web API shows them.

The keys are those of recorded responses and of the lists in the reference (sections 2.1 and 2.2); missing keys matter as
much: a deactivated member has hardly any.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workplace_sandbox.slack.workspace import APP, BOT_NAME, ELSEWHERE, FILES_PATH, TEAM, WEBHOOK_BOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workplace_sandbox.model import (
        Reaction,
        SlackChannel,
        SlackFile,
        SlackMessage,
        SlackUser,
        SlackUserGroup,
        ThreadSummary,
    )
    from workplace_sandbox.slack.call import SlackCall
    from workplace_sandbox.store import Store

_ZONES = {
    "Asia/Seoul": ("Korea Standard Time", 32400),
    "Asia/Tokyo": ("Japan Standard Time", 32400),
    "Europe/London": ("Greenwich Mean Time", 0),
    "America/Los_Angeles": ("Pacific Standard Time", -28800),
}
_COLOURS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "e0a729", "684b6c")
# A thread names this many repliers, and counts all.
_NAMED_REPLIERS = 5
_ICONS = {"icon_emoji": "emoji", "icon_url": "image_64"}


CUSTOM_FIELDS = "custom_fields"
"""Key of ``SlackUser.extra`` for the values of custom fields, by id."""


def member(person: SlackUser, *, with_email: bool) -> dict[str, Any]:
    """Return a member of ``users.list``.

    :param with_email: whether the token may see e-mail addresses; without it the key is missing.
    """
    profile = _profile(person)
    if with_email and person.email and person.kind != "stranger":
        profile["email"] = person.email
    result: dict[str, Any] = {
        "id": person.id,
        "name": person.name,
        "is_bot": person.is_bot,
        "updated": person.updated,
        "is_app_user": False,
        "team_id": TEAM if person.kind != "stranger" else ELSEWHERE,
        "deleted": person.deleted,
    }
    if person.deleted:
        result |= {"is_forgotten": True} if person.forgotten else {}
    else:
        result |= _active(person)
    result["profile"] = profile
    extra = {name: value for name, value in person.extra.items() if name != CUSTOM_FIELDS}
    if extra:
        result |= extra | {"profile": profile | extra.get("profile", {})}
    return result


def own_profile(person: SlackUser, with_email: bool) -> dict[str, Any]:
    """Return the profile of ``users.profile.get``, which has the custom fields; without any, Slack sends a list or null."""
    profile: dict[str, Any] = member(person, with_email=with_email)["profile"]
    fields = person.extra.get(CUSTOM_FIELDS) or {}
    return profile | {"fields": {name: {"value": value, "alt": ""} for name, value in fields.items()} or []}


def _active(person: SlackUser) -> dict[str, Any]:
    kind = person.kind
    label, offset = _ZONES.get(person.tz, _ZONES["Asia/Seoul"])
    keys: dict[str, Any] = {
        "color": _COLOURS[hashlib.sha256(person.id.encode()).digest()[0] % len(_COLOURS)],
        "is_email_confirmed": person.email_confirmed and not person.is_bot and kind != "slackbot",
        "real_name": person.real_name,
        "tz": None if kind == "slackbot" else person.tz,
        "tz_label": label,
        "tz_offset": offset,
        "is_admin": kind in ("admin", "owner"),
        "is_owner": kind == "owner",
        "is_primary_owner": False,
        "is_restricted": kind in ("guest", "single_channel_guest"),
        "is_ultra_restricted": kind == "single_channel_guest",
        "who_can_share_contact_card": "EVERYONE",
    }
    if not person.is_bot and kind != "slackbot":
        keys["has_2fa"] = False
    if kind == "workflow_bot":
        keys["is_workflow_bot"] = True
    elif kind == "invited":
        keys["is_invited_user"] = True
    elif kind == "stranger":
        keys["is_stranger"] = True
    return keys


def _profile(person: SlackUser) -> dict[str, Any]:
    first, _, last = person.real_name.partition(" ")
    profile: dict[str, Any] = {
        "title": person.title,
        "phone": "",
        "skype": "",
        "real_name": person.real_name,
        "real_name_normalized": person.real_name,
        "display_name": person.display_name,
        "display_name_normalized": person.display_name,
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": hashlib.sha256(person.id.encode()).hexdigest()[:12],
        "first_name": first,
        "last_name": last,
        "status_text_canonical": "",
        "team": TEAM,
    }
    if person.is_bot:
        profile |= {"bot_id": person.bot_id, "api_app_id": _app_id(person), "always_active": True}
    return profile


def conversation(call: SlackCall, channel: SlackChannel) -> dict[str, Any]:
    """Return a channel or direct message as the calling bot sees it."""
    created = int(channel.created.timestamp())
    common = {
        "id": channel.id,
        "created": created,
        "is_archived": channel.archived,
        "is_org_shared": False,
        "context_team_id": TEAM,
        "updated": created * 1000,
        "is_im": channel.kind == "im",
    }
    if channel.kind == "im":
        others = [user for user in call.store.members(channel.id) if user != call.bot.id]
        return common | {"user": others[0] if others else call.bot.id, "is_user_deleted": False, "priority": 0}
    return common | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "public_channel",
        "is_group": channel.kind == "private_channel",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "public_channel",
        "is_general": channel.name == "general",
        "is_member": call.is_in(channel),
        "is_shared": False,
        "is_ext_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "shared_team_ids": [TEAM],
        "pending_connected_team_ids": [],
        "parent_conversation": None,
        "unlinked": 0,
        "creator": channel.creator,
        "topic": {"value": channel.topic, "creator": channel.creator, "last_set": created if channel.topic else 0},
        "purpose": {"value": channel.purpose, "creator": channel.creator, "last_set": created if channel.purpose else 0},
        "previous_names": [],
        "properties": {},
    }


def messages(
    call: SlackCall, channel: SlackChannel, shown_messages: Sequence[SlackMessage], *, with_metadata: bool
) -> list[dict[str, Any]]:
    """Return messages of one channel.

    :param with_metadata: whether metadata is shown.
    """
    store = call.store
    stamps = [message.ts for message in shown_messages]
    roots = {message.thread_ts for message in shown_messages if message.thread_ts}
    threads = store.threads(channel.id, {*stamps, *roots})
    reactions = store.reactions(channel.id, stamps)
    files = store.files_of_messages(channel.id, stamps)
    parents = {ts: store.message(channel.id, ts) for ts in roots}
    answers = []
    for message in shown_messages:
        result = _message(store, message, with_metadata=with_metadata)
        if shown := files.get(message.ts):
            result |= {"files": [file(call, entry) for entry in shown], "upload": False, "display_as_bot": False}
        if chosen := reactions.get(message.ts):
            result["reactions"] = [_reaction(entry) for entry in chosen]
        if summary := threads.get(message.ts):
            result |= {"thread_ts": message.ts} | _thread(summary)
        parent = parents.get(message.thread_ts or "")
        if parent is not None:
            result |= {"thread_ts": parent.ts, "parent_user_id": parent.user_id or ""}
            if message.broadcast:
                result["root"] = _message(store, parent, with_metadata=with_metadata) | {"thread_ts": parent.ts}
                result["root"] |= _thread(threads[parent.ts])
        answers.append(result)
    return answers


def message_of_event(store: Store, message: SlackMessage) -> dict[str, Any]:
    """Return a message as an event contains it: without later edits, replies and reactions."""
    result = _message(store, message, with_metadata=True)
    parent = store.message(message.channel_id, message.thread_ts) if message.thread_ts else None
    return result | ({"thread_ts": parent.ts, "parent_user_id": parent.user_id or ""} if parent else {})


def _message(store: Store, message: SlackMessage, *, with_metadata: bool) -> dict[str, Any]:
    if message.subtype == "tombstone":
        user = {"user": message.user_id, "parent_user_id": message.user_id}
        return {"type": "message", "subtype": "tombstone", **user, "text": message.text, "hidden": True, "ts": message.ts}
    if message.subtype == "channel_join":
        return {
            "subtype": "channel_join",
            "user": message.user_id,
            "text": message.text,
            "type": "message",
            "ts": message.ts,
        }
    payload = message.payload
    result: dict[str, Any] = {"type": "message", "ts": message.ts}
    author = store.person(message.user_id) if message.user_id else None
    if message.user_id is None or message.custom_name:
        bot_id = author.bot_id if author else WEBHOOK_BOT
        result |= {"subtype": "bot_message", "username": message.custom_name or message.username, "bot_id": bot_id}
        if message.custom_name and (icons := {name: payload[key] for key, name in _ICONS.items() if payload.get(key)}):
            result["icons"] = icons
    else:
        result |= {"user": message.user_id, "team": TEAM}
        if author is not None and author.is_bot:
            result |= {"bot_id": author.bot_id, "app_id": _app_id(author), "bot_profile": _bot_profile(author)}
    result["text"] = payload.get("text", "") if message.source == "incoming" else message.text
    if message.broadcast:
        result["subtype"] = "thread_broadcast"
    result |= {name: payload[name] for name in ("blocks", "attachments") if payload.get(name)}
    if with_metadata and payload.get("metadata"):
        result["metadata"] = payload["metadata"]
    if message.edited_ts:
        result["edited"] = {"user": message.edited_by, "ts": message.edited_ts}
    return result


def _app_id(bot: SlackUser) -> str:
    """Return the app of a bot; the tokens belong to one of them."""
    return APP if bot.name == BOT_NAME else f"A{bot.id[1:]}"


def _bot_profile(bot: SlackUser) -> dict[str, Any]:
    return {
        "id": bot.bot_id,
        "app_id": _app_id(bot),
        "user_id": bot.id,
        "name": bot.real_name,
        "icons": {"image_36": "", "image_48": "", "image_72": ""},
        "deleted": bot.deleted,
        "updated": bot.updated,
        "team_id": TEAM,
    }


def _thread(summary: ThreadSummary) -> dict[str, Any]:
    return {
        "reply_count": summary.count,
        "reply_users_count": len(summary.users),
        "latest_reply": summary.latest,
        "reply_users": list(summary.users[:_NAMED_REPLIERS]),
        "is_locked": False,
        "subscribed": False,
    }


def _reaction(chosen: Reaction) -> dict[str, Any]:
    return {"name": chosen.name, "users": list(chosen.users), "count": len(chosen.users)}


def permalink(base_url: str, message: SlackMessage, *, in_thread: bool) -> str:
    """Return the address that opens a message.

    :param in_thread: whether it is part of a thread, its parent included: then the link contains the thread.
    """
    link = f"{base_url}/slack/archives/{message.channel_id}/p{message.ts.replace('.', '')}"
    return f"{link}?thread_ts={message.thread_ts or message.ts}&cid={message.channel_id}" if in_thread else link


def file(call: SlackCall, shown: SlackFile) -> dict[str, Any]:
    """Return a file with the channels in which it is shared."""
    ending = shown.name.rpartition(".")[2].lower() if "." in shown.name else "binary"
    created = int(shown.created.timestamp())
    private = f"{call.base_url}{FILES_PATH}/{TEAM}-{shown.id}"
    name = quote(shown.name, safe="")
    shares: dict[str, dict[str, list[dict[str, Any]]]] = {}
    places: dict[str, list[str]] = {"channels": [], "groups": [], "ims": []}
    for channel_id, ts in shown.shares:
        channel = call.store.channel(channel_id)
        if channel is None or not call.may_know(channel):
            continue
        group = "channels" if channel.kind == "public_channel" else "ims" if channel.kind == "im" else "groups"
        if channel_id not in places[group]:
            places[group].append(channel_id)
        kind = "public" if group == "channels" else "private"
        share = {
            "reply_users": [],
            "reply_users_count": 0,
            "reply_count": 0,
            "ts": ts,
            "channel_name": channel.name,
            "team_id": TEAM,
            "share_user_id": shown.user_id,
        }
        message = call.store.message(channel_id, ts)
        if message and message.thread_ts:
            share["thread_ts"] = message.thread_ts
        shares.setdefault(kind, {}).setdefault(channel_id, []).append(share)
    return {
        "id": shown.id,
        "created": created,
        "timestamp": created,
        "name": shown.name,
        "title": shown.title,
        "mimetype": shown.media_type,
        "filetype": ending,
        "pretty_type": ending.upper(),
        "user": shown.user_id,
        "user_team": TEAM,
        "editable": False,
        "size": shown.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(places["channels"]),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{private}/{name}",
        "url_private_download": f"{private}/download/{name}",
        "media_display_type": "unknown",
        "permalink": f"{call.base_url}/slack/files/{shown.user_id}/{shown.id}/{name}",
        "comments_count": 0,
        "is_starred": False,
        "shares": shares,
        **places,
        "has_more_shares": False,
        "has_rich_preview": False,
        "file_access": "visible",
    }


def user_group(group: SlackUserGroup, *, with_users: bool, with_count: bool) -> dict[str, Any]:
    """Return a user group."""
    result: dict[str, Any] = {
        "id": group.id,
        "team_id": TEAM,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": group.description,
        "handle": group.handle,
        "is_external": False,
        "date_create": 0,
        "date_update": 0,
        "date_delete": int(group.disabled),
        "auto_type": None,
        "prefs": {"channels": [], "groups": []},
    }
    if with_users:
        result["users"] = list(group.users)
    if with_count:
        result["user_count"] = len(group.users)
    return result
