"""The result of applying a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from workplace_provider.identity.gates import Verdict
    from workplace_provider.identity.plan import Operation
    from workplace_provider.identity.state import SyncState


class PlanRefused(ValueError):
    """A plan that cannot be applied: it is too old, outdated, or does not belong to the journal."""


class OperationStatus(StrEnum):
    """The status of an operation after a run."""

    DONE = "done"
    LINKED = "linked"
    """Someone else created the account in the meantime; it was linked to the person."""
    ALREADY = "already"
    """The account already had the planned values, such as after an interrupted run."""
    DRIFTED = "drifted"
    """The account changed after the plan was made, so it was not written."""
    FAILED = "failed"
    NOT_TRIED = "not_tried"


SUCCESSFUL: Final = (OperationStatus.DONE, OperationStatus.LINKED, OperationStatus.ALREADY)
GONE: Final = "the account is gone"
"""Detail of an outcome, which journals of interrupted runs contain: the text must not change."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one operation, with a sentence where the status is not enough."""

    operation: Operation
    status: OperationStatus
    account_id: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ApplyResult:
    """The outcome of a plan.

    :param verdicts: the verdict of every gate
    :param blocked: the gates that blocked the plan. If there are any, only accounts of leavers were written
    :param outcomes: one for each operation that writes, in the order of the plan; of a blocked plan only those of leavers
    :param writes: write requests of this run, failed ones included
    :param stopped: the reason why the run stopped early; empty when it did not
    :param quarantine: whether later runs only write leavers and a trial
    :param state: the state for the next run; ``None`` when the plan was blocked and nothing was written. The earlier state
        then stays, so that a directory that was too small does not become the reference for the next run
    :param learned: attributes that the system does not store, as this run has found out
    """

    verdicts: tuple[Verdict, ...]
    blocked: tuple[Verdict, ...]
    outcomes: tuple[Outcome, ...]
    writes: int
    stopped: str
    quarantine: bool
    state: SyncState | None
    learned: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Mapping[OperationStatus, int]:
        """The number of operations with each status."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        """Return whether every operation of the plan succeeded."""
        return not self.blocked and all(outcome.status in SUCCESSFUL for outcome in self.outcomes)
