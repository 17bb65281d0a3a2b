"""Slack: a Web API client, Socket Mode, a bot, and conversion of messages to pages."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.bot import BotCommand, Question
    from workplace_provider.slack.client import MessagePoster, SlackReader
    from workplace_provider.slack.events import SlackEvent, event_of_callback
    from workplace_provider.slack.socket_mode import SocketModeClient
    from workplace_provider.slack.to_page import SlackText
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "bot": ["BotCommand", "Question"],
            "client": ["MessagePoster", "SlackReader"],
            "events": ["SlackEvent", "event_of_callback"],
            "socket_mode": ["SocketModeClient"],
            "to_page": ["SlackText"],
        },
    )

__all__ = [
    "BotCommand",
    "MessagePoster",
    "Question",
    "SlackEvent",
    "SlackReader",
    "SlackText",
    "SocketModeClient",
    "event_of_callback",
]
