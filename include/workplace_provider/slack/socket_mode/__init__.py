"""Slack's Socket Mode: events and slash commands over a WebSocket that the app opens, without a public endpoint."""

from workplace_provider.slack.socket_mode.client import Connected, Delivery, SocketModeClient, SocketSettings
from workplace_provider.slack.socket_mode.history import events_since
from workplace_provider.slack.socket_mode.ledger import EventLedger
from workplace_provider.slack.socket_mode.socket_urls import SocketUrls

__all__ = [
    "Connected",
    "Delivery",
    "EventLedger",
    "SocketModeClient",
    "SocketSettings",
    "SocketUrls",
    "events_since",
]
