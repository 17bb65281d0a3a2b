"""Alarm in Slack when something failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
    from airflow.sdk import Context

DEFAULT_TEXT = (
    ":rotating_light: *{{ dag.dag_id }}* failed in task `{{ ti.task_id }}` (run `{{ run_id }}`)\n"
    "{{ exception }}\n<{{ ti.log_url }}|Open the log>"
)


class SlackAlarmNotifier(BaseNotifier):
    """Airflow's own ``SlackWebhookNotifier``, imported when there is something to say.

    Importing it costs every DAG file the whole Slack SDK; a callback is needed in the one run that fails.

    :param slack_webhook_conn_id: connection of type ``slackwebhook``
    :param text: the message, a template
    """

    template_fields: Sequence[str] = ("slack_webhook_conn_id", "text")

    def __init__(self, *, slack_webhook_conn_id: str = "slack_alarm", text: str = DEFAULT_TEXT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.text = text

    def notify(self, context: Context) -> None:
        """Post the alarm."""
        self._notifier().notify(context)  # type: ignore[no-untyped-call]

    async def async_notify(self, context: Context) -> None:
        """Post the alarm from the triggerer."""
        await self._notifier().async_notify(context)  # type: ignore[no-untyped-call]

    def _notifier(self) -> SlackWebhookNotifier:
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        return SlackWebhookNotifier(slack_webhook_conn_id=self.slack_webhook_conn_id, text=self.text)
