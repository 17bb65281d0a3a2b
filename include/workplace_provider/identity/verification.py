"""Comparing an account after a write with the values that were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.identity.plan import OperationKind
from workplace_provider.identity.results import OperationStatus, Outcome

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Account
    from workplace_provider.identity.plan import Operation
    from workplace_provider.identity.run_context import RunContext


class WriteVerifier:
    """Ends operations whose write succeeded, after checking what the system has stored."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        # Outcomes whose response did not contain the account. These accounts are read back at the end of the run.
        self._unverified: dict[str, Outcome] = {}

    def end(self, operation: Operation, account_id: str, account: Account | None) -> None:
        """End an operation with the account of the response, or later if the response does not contain it."""
        progress = self._run.progress
        version = account.version if account is not None else ""
        if operation.kind == OperationKind.DELETE or account is None or not account.user_name:
            progress.end(operation, OperationStatus.DONE, account_id, version)
            if operation.kind != OperationKind.DELETE:
                with progress.lock:
                    self._unverified[operation.id] = progress.outcomes[operation.id]
        elif problem := self._compare(operation, account):
            progress.end(operation, OperationStatus.FAILED, account_id, detail=problem)
        else:
            progress.end(operation, OperationStatus.DONE, account_id, version)

    def read_back(self) -> None:
        """Read and compare the accounts that no response contained."""
        if not self._unverified:
            return
        accounts = self._run.reader.read_back({outcome.account_id for outcome in self._unverified.values()})
        for outcome in self._unverified.values():
            account = accounts.get(outcome.account_id)
            if account is not None and (problem := self._compare(outcome.operation, account)):
                failed = Outcome(outcome.operation, OperationStatus.FAILED, outcome.account_id, problem)
                self._run.progress.replace_outcome(failed, account.version)

    def _compare(self, operation: Operation, account: Account) -> str:
        """Record how the system stored the values, and return what is wrong with the account."""
        if operation.kind in (OperationKind.ENABLE, OperationKind.DISABLE):
            if account.active != (operation.kind == OperationKind.ENABLE):
                return f"the system reported success, but the account is {'' if account.active else 'not '}active"
            return ""
        with self._run.progress.lock:
            for change in operation.changes:
                equal = self._run.value_matches(change, change.after, account)
                stored = account.value(change.field)
                self._run.observed.add(operation.external_id, change.field, change.after, stored, equal=equal)
        return ""
