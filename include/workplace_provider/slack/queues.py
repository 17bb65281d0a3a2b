"""The queue ``slack+socket`` for ``MessageQueueTrigger``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowOptionalProviderFeatureException

try:
    from airflow.providers.common.messaging.providers.base_provider import BaseMessageQueueProvider
except ImportError as error:
    raise AirflowOptionalProviderFeatureException(
        "the queue slack+socket needs apache-airflow-providers-common-messaging; install the extra 'messaging'"
    ) from error

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger


class SlackMessageQueueProvider(BaseMessageQueueProvider):
    """The provider of ``MessageQueueTrigger(scheme="slack+socket", …)`` with the arguments of ``SlackSocketModeTrigger``."""

    scheme = "slack+socket"

    def trigger_class(self) -> type[BaseEventTrigger]:
        """Return the trigger class."""
        from workplace_provider.slack.triggers.socket import SlackSocketModeTrigger

        return SlackSocketModeTrigger
