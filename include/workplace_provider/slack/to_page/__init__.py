"""Conversion of Slack messages to Confluence's storage format."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.to_page.quotes import quote_storage, thread_storage
    from workplace_provider.slack.to_page.slack_text import Mentions, SlackText
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "quotes": ["quote_storage", "thread_storage"],
            "slack_text": ["Mentions", "SlackText"],
        },
    )

__all__ = ["Mentions", "SlackText", "quote_storage", "thread_storage"]
