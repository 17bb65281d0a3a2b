"""Operator that waits for people's approval before a page is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_list
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, template
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.hitl import HITLUser


def parse_reviewers(value: Any, where: str) -> list[str]:
    """Return user names that are in a list, in lists in it, or in texts with commas.

    :param where: name of the argument, for the error message
    :raises ValueError: if it is something else
    """
    return list(_flatten(value, where))


class ReviewOperator(WorkplaceOperator, ApprovalOperator):
    """Airflow's :class:`ApprovalOperator` with a fixed set of reviewers, which a run can only narrow down.

    The person who triggers a run fills in its params, so ``reviewers`` must not come from a param: the DAG sets them, or a
    file of the project. A param may set ``only``::

        ReviewOperator(task_id="review", subject="Publish?", reviewers=["jimin", "alex"], only="{{ params.reviewers }}")

    :param reviewers: user names of Airflow who may decide: a list, which may have lists in it, or a text with commas; empty
        for all people to whom Airflow gives the permission
    :param only: the reviewers to ask; empty for all reviewers. It cannot add a person
    :param enabled: ``False`` skips the task: the next task needs a trigger rule such as ``none_failed``
    """

    if TYPE_CHECKING:
        # Type checkers know only fields of dataclasses; see WorkplaceOperator. These are arguments of ApprovalOperator.
        subject: Any
        body: Any = None
        defaults: Any = None
        response_timeout: Any = None
        ignore_downstream_trigger_rules: bool = False
        fail_on_reject: bool = False
        notifiers: Any = ()

    reviewers: Field[list[str]] = template(default=(), parse=parse_reviewers)
    only: Field[list[str]] = template(default=(), parse=parse_reviewers)
    enabled: Field[bool] = boolean(default=True)

    def execute(self, context: Context) -> Any:
        """Ask the reviewers, and wait for their answer without a worker.

        :raises AirflowSkipException: if it is not enabled
        :raises AirflowFailException: if ``only`` names a person who is not a reviewer
        """
        with fail_on_permanent_error("Confluence"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            people = narrow_reviewers(self.reviewers, self.only)
        self.subject, self.body = redact_outgoing(self.subject), redact_outgoing(self.body)
        self.assigned_users = self.users_to_assign(people)
        return super().execute(context)

    def users_to_assign(self, people: Sequence[str]) -> list[HITLUser] | None:
        """Return the users whose answer Airflow accepts; ``None`` for all to whom it gives the permission.

        :param people: the reviewers to ask
        """
        return [{"id": name, "name": name} for name in people] or None


def narrow_reviewers(reviewers: Sequence[str], only: Sequence[str]) -> list[str]:
    """Return the reviewers to ask.

    :param reviewers: people who may decide; empty for all people to whom Airflow gives the permission
    :param only: the reviewers to ask; empty for all
    :raises ValueError: if ``only`` names a person who is not a reviewer
    """
    if reviewers and (strangers := [name for name in only if name not in reviewers]):
        raise ValueError(
            f"{', '.join(strangers)} may not review this: the reviewers are {', '.join(reviewers)}. A run can choose some of"
            " them, but no one else"
        )
    return list(dict.fromkeys(only or reviewers))


def _flatten(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) or value is None:
        yield from parse_list(value)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _flatten(item, where)
    else:
        shown = f"a {type(value).__name__}" if isinstance(value, Mapping) else repr(value)
        raise ValueError(f"{where} is {shown}; it must be a list of user names")
