"""Notifiers for callbacks of tasks and runs."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.notifications.alarm import SlackAlarmNotifier
    from workplace_provider.slack.notifications.post import SlackPostNotifier
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "alarm": ["SlackAlarmNotifier"],
            "post": ["SlackPostNotifier"],
        },
    )

__all__ = ["SlackAlarmNotifier", "SlackPostNotifier"]
