"""Triggers for Slack events."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.triggers.socket import SlackSocketModeTrigger
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "socket": ["SlackSocketModeTrigger"],
        },
    )

__all__ = ["SlackSocketModeTrigger"]
