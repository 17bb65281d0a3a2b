"""Slack's events for an app: the payloads of ``message``, ``app_mention``, reactions and slash commands.

The keys are those of recorded payloads (java-slack-sdk) and of slack_sdk's own samples.
"""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.representation import member, message_of_event
from workplace_sandbox.slack.workspace import APP, BOT_NAME, DOMAIN, TEAM, VERIFICATION_TOKEN
from workplace_sandbox.state.database import now
from workplace_sandbox.state.slack_ids import as_ts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workplace_sandbox.model import MessageNews, ReactionNews, SlackChannel, SlackUser
    from workplace_sandbox.store import Store

CHANNEL_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
# The fields of a message in app_mention; only the event "message" has the others.
_OF_A_MENTION = ("user", "bot_id", "app_id", "bot_profile", "username", "ts", "text", "team", "thread_ts", "parent_user_id")


def events_of(store: Store, news: MessageNews) -> Iterator[dict[str, Any]]:
    """Return the events for a change of a message; none when the app's bot is not in the channel.

    :return: payloads of ``events_api`` envelopes.
    """
    message = news.message
    bot, channel = store.person(BOT_NAME), store.channel(message.channel_id)
    if bot is None or channel is None or not store.is_member(channel.id, bot.id):
        return
    where = {"channel": channel.id, "channel_type": CHANNEL_TYPES[channel.kind]}
    if news.kind == "posted":
        shown = message_of_event(store, message)
        yield _callback(bot, shown | where | {"event_ts": message.ts})
        if f"<@{bot.id}>" in message.text and message.user_id != bot.id and not channel.is_direct:
            mention = {name: shown[name] for name in _OF_A_MENTION if name in shown}
            yield _callback(bot, {"type": "app_mention", **mention, "channel": channel.id, "event_ts": message.ts})
        return
    moment = as_ts(int(now().timestamp() * 1_000_000))
    what: dict[str, Any] = {"type": "message", "subtype": f"message_{news.kind}", "hidden": True, "ts": moment}
    if news.kind == "changed":
        what["message"] = message_of_event(store, message)
    else:
        what["deleted_ts"] = message.ts
    if news.before is not None:
        what["previous_message"] = message_of_event(store, news.before)
    yield _callback(bot, what | where | {"event_ts": moment})


def reaction_event(store: Store, news: ReactionNews) -> Iterator[dict[str, Any]]:
    """Return the event for a reaction; none when the app's bot is not in the channel.

    A message of a webhook has no ``item_user``. Source: https://docs.slack.dev/reference/events/reaction_added
    """
    message = news.message
    bot = store.person(BOT_NAME)
    if bot is None or not store.is_member(message.channel_id, bot.id):
        return
    event: dict[str, Any] = {"type": f"reaction_{news.kind}", "user": news.user_id, "reaction": news.name}
    if message.user_id is not None:
        event["item_user"] = message.user_id
    event |= {
        "item": {"type": "message", "channel": message.channel_id, "ts": message.ts},
        "event_ts": as_ts(int(now().timestamp() * 1_000_000)),
    }
    yield _callback(bot, event)


def member_event(store: Store, person: SlackUser, *, joined: bool) -> Iterator[dict[str, Any]]:
    """Return the event for a member who has joined or changed."""
    bot = store.person(BOT_NAME)
    if bot is not None and person.id != bot.id:
        kind = "team_join" if joined else "user_change"
        shown = member(person, with_email=True)
        yield _callback(
            bot,
            {"type": kind, "user": shown, "cache_ts": person.updated, "event_ts": as_ts(int(now().timestamp() * 1_000_000))},
        )


def command_payload(channel: SlackChannel, person: SlackUser, command: str, text: str, response_url: str) -> dict[str, Any]:
    """Return the payload of a ``slash_commands`` envelope.

    :param command: with its slash.
    :param text: the text after the command.
    """
    name = {"im": "directmessage", "mpim": "privategroup", "private_channel": "privategroup"}.get(channel.kind, channel.name)
    number = int(now().timestamp())
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": name,
        "user_id": person.id,
        "user_name": person.name,
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": f"{number}.{number}.{secrets.token_hex(16)}",
    }


def _callback(bot: SlackUser, event: dict[str, Any]) -> dict[str, Any]:
    if event["type"] == "message" and not event.get("subtype") and "bot_id" not in event:
        event = {"client_msg_id": str(uuid.uuid4())} | event
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM,
        "context_team_id": TEAM,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(now().timestamp()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM,
                "user_id": bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_urlsafe(24)}",
    }
