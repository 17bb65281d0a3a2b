"""Hooks for connections of the types ``slack``, ``slack_app`` and ``slackwebhook``."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook
    from workplace_provider.slack.hooks.socket import SlackSocketModeHook
    from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "directory": ["SlackDirectoryHook"],
            "socket": ["SlackSocketModeHook"],
            "webhook": ["SlackWorkflowWebhookHook"],
        },
    )

__all__ = ["SlackDirectoryHook", "SlackSocketModeHook", "SlackWorkflowWebhookHook"]
