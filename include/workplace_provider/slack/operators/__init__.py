"""Operators that read channels, post messages and answer questions of people."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.operators.bot import SlackAnswersOperator, SlackCommandOperator
    from workplace_provider.slack.operators.events import SlackEventsOperator
    from workplace_provider.slack.operators.post import SlackPostOperator
    from workplace_provider.slack.operators.reactions import SlackReactionsOperator
    from workplace_provider.slack.operators.report import SlackChannelReportOperator
    from workplace_provider.slack.operators.review import SlackReviewAnswerOperator, SlackReviewOperator
    from workplace_provider.slack.operators.schedule import SlackCancelScheduledOperator, SlackScheduleOperator
    from workplace_provider.slack.operators.webhook import SlackWorkflowWebhookOperator
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "bot": ["SlackAnswersOperator", "SlackCommandOperator"],
            "events": ["SlackEventsOperator"],
            "post": ["SlackPostOperator"],
            "reactions": ["SlackReactionsOperator"],
            "report": ["SlackChannelReportOperator"],
            "review": ["SlackReviewAnswerOperator", "SlackReviewOperator"],
            "schedule": ["SlackCancelScheduledOperator", "SlackScheduleOperator"],
            "webhook": ["SlackWorkflowWebhookOperator"],
        },
    )

__all__ = [
    "SlackAnswersOperator",
    "SlackCancelScheduledOperator",
    "SlackChannelReportOperator",
    "SlackCommandOperator",
    "SlackEventsOperator",
    "SlackPostOperator",
    "SlackReactionsOperator",
    "SlackReviewAnswerOperator",
    "SlackReviewOperator",
    "SlackScheduleOperator",
    "SlackWorkflowWebhookOperator",
]
