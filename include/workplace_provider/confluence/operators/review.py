"""Operator that lets people decide before something is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_bool, parse_list
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReviewOperator(WorkplaceOperator, ApprovalOperator):
    """Airflow's :class:`ApprovalOperator` with reviewers whom a run can only narrow.

    Who triggers a run fills in its params, so ``reviewers`` must not come from one: they are the DAG's, or those of a file
    of the project. A param goes into ``only``::

        ReviewOperator(task_id="review", subject="Publish?", reviewers=["jimin", "alex"], only="{{ params.reviewers }}")

    :param reviewers: user names of Airflow who may decide: a list, also with lists in it, or a text with commas; empty for
        everybody whom Airflow's permissions let answer
    :param only: those of the reviewers who are asked; empty for all of them. It cannot add anyone
    :param enabled: ``False`` skips the task: what follows needs a trigger rule such as ``none_failed``
    """

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "reviewers", "only", "enabled")

    def __init__(
        self,
        *,
        reviewers: Sequence[Any] | str = (),
        only: Sequence[str] | str = (),
        enabled: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reviewers = reviewers
        self.only = only
        self.enabled = enabled

    def execute(self, context: Context) -> Any:
        """Ask, and wait for the answer without a worker.

        :raises AirflowSkipException: when it is not enabled
        :raises AirflowFailException: when ``only`` names a person who is none of the reviewers
        """
        if not parse_bool(self.enabled, "enabled"):
            raise AirflowSkipException("not enabled")
        self.subject, self.body = redact_outgoing(self.subject), redact_outgoing(self.body)
        with fail_on_permanent_error():
            asked = narrowed(list(_flat(self.reviewers)), list(_flat(self.only)))
        self.assigned_users = [{"id": name, "name": name} for name in asked] or None
        return super().execute(context)


def narrowed(reviewers: Sequence[str], only: Sequence[str]) -> list[str]:
    """Return the reviewers who are asked.

    :param reviewers: who may decide; empty for everybody whom Airflow's permissions let answer
    :param only: those of them who are asked; empty for all
    :raises ValueError: ``only`` names a person who is none of the reviewers
    """
    if reviewers and (strangers := [name for name in only if name not in reviewers]):
        raise ValueError(
            f"{', '.join(strangers)} may not review this: the reviewers are {', '.join(reviewers)}. A run can name some of"
            " them, and no others"
        )
    return list(dict.fromkeys(only or reviewers))


def _flat(value: Any) -> Iterator[str]:
    """Names in a list, in lists in it, or in texts with commas."""
    if isinstance(value, str) or value is None:
        yield from parse_list(value)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _flat(item)
    else:
        found = f"a {type(value).__name__}" if isinstance(value, Mapping) else repr(value)
        raise ValueError(f"reviewers are {found}; they must be names")
