"""The announcement of a report in Slack, which is recorded for notices about corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, option
from workplace_provider.reports.texts import period_of
from workplace_provider.slack.operators import SlackPostOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.reports.definition import ReportDefinition
    from workplace_provider.slack.operators.post import SlackPostResult


class ReportAnnouncementOperator(SlackPostOperator):
    """Post the announcement of a report, and record the message beside the manifest of the period.

    A retry finds the message that was posted, and records it again.

    ::

        ReportAnnouncementOperator(task_id="announce_1", definition=report, channel="#weekly", text="<{{ page.url }}>")

    :param definition: the report
    """

    definition: Field[ReportDefinition] = option()

    def execute(self, context: Context) -> SlackPostResult | None:
        """Post and record the message.

        :return: the message; ``None`` after a dry run
        """
        posted = super().execute(context)
        if posted is not None:
            with fail_on_permanent_error("the report"):
                self._record(context, posted)
        return posted

    def _record(self, context: Context, posted: SlackPostResult) -> None:
        from workplace_provider.reports.manifest import Announcement, manifests_of
        from workplace_provider.reports.reading import period_rule

        period = period_of(context, period_rule(self.definition))
        manifests_of(self.definition, ArtifactStore()).record_announcement(
            period.label,
            Announcement(
                task=self.task_id,
                run=context["run_id"],
                conn_id=self.slack_conn_id,
                channel=posted["channel"],
                ts=posted["ts"],
            ),
        )
