"""Alarm in Slack when something failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.slack.notifications.templated import TemplatedNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

DEFAULT_TEXT: Final = (
    ":rotating_light: *{{ dag.dag_id }}* failed in task `{{ ti.task_id }}` (run `{{ run_id }}`)\n"
    "{{ exception }}\n{{ 'Open the log' | slack_link(ti.log_url) }}"
)


class SlackAlarmNotifier(TemplatedNotifier):
    """Post an alarm through an incoming webhook.

    What the template inserts is escaped and redacted, see
    :class:`~workplace_provider.slack.notifications.templated.TemplatedNotifier`. The Slack SDK is imported when there is
    something to post: its import would slow down every DAG file.

    :param slack_webhook_conn_id: connection of type ``slackwebhook``
    :param text: the message, a template in Slack's mrkdwn
    """

    template_fields: Sequence[str] = ("slack_webhook_conn_id", "text")

    def __init__(self, *, slack_webhook_conn_id: str = "slack_alarm", text: str = DEFAULT_TEXT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.text = text

    def notify(self, context: Context) -> None:
        """Post the alarm.

        :raises WorkplaceError: Slack did not take it
        """
        from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

        # An alarm that is there twice is better than none, so that the handlers of slack_sdk may send it again.
        hook = SlackWorkflowWebhookHook(slack_webhook_conn_id=self.slack_webhook_conn_id, once=False)
        hook.deliver({"text": str(self.text)})

    async def async_notify(self, context: Context) -> None:
        """Post the alarm from the triggerer."""
        await asyncio.to_thread(self.notify, context)
