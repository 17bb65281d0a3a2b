"""The queue ``slack+socket`` of ``MessageQueueTrigger``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowOptionalProviderFeatureException

try:
    from airflow.providers.common.messaging.providers.base_provider import BaseMessageQueueProvider
except ImportError as error:
    raise AirflowOptionalProviderFeatureException(
        "the queue slack+socket needs apache-airflow-providers-common-messaging; the extra 'messaging' brings it"
    ) from error

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger


class SlackMessageQueueProvider(BaseMessageQueueProvider):
    """Lets ``MessageQueueTrigger(scheme="slack+socket", …)`` take the arguments of ``SlackSocketModeTrigger``."""

    scheme = "slack+socket"

    def trigger_class(self) -> type[BaseEventTrigger]:
        """The trigger that receives."""
        from workplace_provider.slack.triggers.socket import SlackSocketModeTrigger

        return SlackSocketModeTrigger
