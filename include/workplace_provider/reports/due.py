"""The first task of a report with holidays: nothing runs for a period without a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import DownstreamTasksSkipped

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.reports.base import ReportOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReportDueOperator(ReportOperator):
    """Skip all tasks of a run whose period has no report because of a holiday.

    No such run is scheduled. A person can start one, with the day in the form.

    ::

        ReportDueOperator(task_id="due", definition=report)

    :param definition: the report
    """

    def execute(self, context: Context) -> str:
        """Return the label of the period.

        :raises DownstreamTasksSkipped: there is no report for the period
        """
        from workplace_provider.reports.holidays import skip_reason

        with fail_on_permanent_error("the report"):
            self.parse_fields()
            period = self._period(context)
            reason = skip_reason(period)
        if reason:
            self.log.warning("%s. The other tasks are skipped", reason)
            skipped = DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids()))  # type: ignore[no-untyped-call]
            skipped.args = (reason,)
            raise skipped
        return period.label
