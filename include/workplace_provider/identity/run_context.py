"""Shared parts of a run: the plan, the system, and sending requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.account_reader import AccountReader
from workplace_provider.identity.accounts import (
    EXTERNAL_ID,
    Account,
    BulkTarget,
    IdentityTarget,
    TargetError,
    Write,
    apply_write,
)
from workplace_provider.identity.learning import Observations
from workplace_provider.identity.plan import GROUP_KINDS
from workplace_provider.identity.text import values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.mapping import AttributeMapping
    from workplace_provider.identity.plan import AttributeChange, Operation, Plan
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.progress import RunProgress
    from workplace_provider.identity.rate_limit import RateLimiter


@dataclass
class RunContext:
    """One run of a plan on a system.

    :param secrets: secrets that the mapping names, by name
    :param writes: the number of write requests so far
    """

    plan: Plan
    target: IdentityTarget
    policy: SyncPolicy
    mapping: AttributeMapping
    secrets: Mapping[str, str]
    rate_limiter: RateLimiter
    progress: RunProgress
    writes: int = 0
    observed: Observations = field(init=False)
    reader: AccountReader = field(init=False)

    def __post_init__(self) -> None:
        self.can = self.target.capabilities
        self.observed = Observations(self.can.readable)
        self.reader = AccountReader(self.target, (EXTERNAL_ID, *self.policy.match_on))

    @property
    def keeps_marks(self) -> bool:
        """Return whether the system stores our mark on an account."""
        return self.can.external_id and EXTERNAL_ID not in self.plan.state.not_kept

    def send(self, writes: list[Write]) -> list[Account | TargetError | None]:
        """Send writes, several in one request where the system accepts that.

        :return: for each write the account, ``None`` when the system does not return it, or the error
        """
        for _ in writes:
            self.rate_limiter.wait()
        with self.progress.lock:
            self.writes += len(writes)
        if len(writes) > 1 and isinstance(self.target, BulkTarget):
            return self.target.bulk(writes)
        try:
            return [apply_write(self.target, write) for write in writes]
        except TargetError as error:
            return [error]

    def value_matches(self, change: AttributeChange, value: Any, account: Account) -> bool:
        """Return whether an account has a value for the attribute of a change."""
        declared = self.mapping.by_target.get(change.field)
        ignore_case = declared is not None and declared.folds_case
        return values_equal(account.value(change.field), value, ignore_case=ignore_case)

    def is_applied(self, operation: Operation, account: Account) -> bool:
        """Return whether an account already has all values that an operation writes."""
        return all(self.value_matches(change, change.after, account) for change in operation.changes)

    def accounts_of_others(self, operation: Operation) -> set[str]:
        """Return ids of accounts that belong to other people; needed for a system that does not store our marks."""
        if self.keeps_marks:
            return set()
        links = dict(self.plan.state.links)
        with self.progress.lock:
            outcomes = self.progress.outcomes.values()
            links |= {
                outcome.operation.external_id: outcome.account_id
                for outcome in outcomes
                if outcome.account_id and outcome.operation.kind not in GROUP_KINDS
            }
        return {account_id for external_id, account_id in links.items() if external_id != operation.external_id}
