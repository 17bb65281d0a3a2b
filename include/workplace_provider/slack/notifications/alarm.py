"""Notifier that posts an alarm through a webhook."""

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

    ::

        DAG("weekly", default_args={"on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm")})

    Values in the template are escaped and redacted, see
    :class:`~workplace_provider.slack.notifications.templated.TemplatedNotifier`. The Slack SDK is imported in ``notify``,
    since its import would slow down every DAG file.

    :param slack_webhook_conn_id: connection of type ``slackwebhook``
    :param text: message, a template in Slack's mrkdwn
    """

    template_fields: Sequence[str] = ("slack_webhook_conn_id", "text")

    def __init__(self, *, slack_webhook_conn_id: str = "slack_alarm", text: str = DEFAULT_TEXT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.text = text

    def notify(self, context: Context) -> None:
        """Post the alarm.

        :raises WorkplaceError: Slack did not accept it
        """
        from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

        # A duplicate alarm is better than a lost one, so retries are allowed.
        hook = SlackWorkflowWebhookHook(slack_webhook_conn_id=self.slack_webhook_conn_id, once=False)
        hook.deliver({"text": str(self.text)})

    async def async_notify(self, context: Context) -> None:
        """Post the alarm from the triggerer."""
        await asyncio.to_thread(self.notify, context)
