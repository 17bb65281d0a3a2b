"""Operator that lets people decide before something is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import flag, names
from workplace_provider.common.operator import WorkplaceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReviewOperator(WorkplaceOperator, ApprovalOperator):
    """Airflow's :class:`ApprovalOperator` whose reviewers, and whether there is a review at all, come from the run.

    :param reviewers: user names of Airflow who may decide: a list, or a text with commas; empty for everybody who may
        answer
    :param enabled: ``False`` skips the task: what follows needs a trigger rule such as ``none_failed``
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "reviewers", "enabled")

    def __init__(self, *, reviewers: Sequence[str] | str = (), enabled: bool | str = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reviewers = reviewers
        self.enabled = enabled

    def execute(self, context: Context) -> Any:
        """Ask, and wait for the answer without a worker.

        :raises AirflowSkipException: when it is not enabled
        """
        if not flag(self.enabled, "enabled"):
            raise AirflowSkipException("not enabled")
        self.assigned_users = [{"id": name, "name": name} for name in names(self.reviewers)] or None
        return super().execute(context)
