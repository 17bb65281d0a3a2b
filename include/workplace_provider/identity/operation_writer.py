"""Applying single operations: is it still needed, what is sent, and what the response means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from workplace_provider.identity.accounts import (
    EXTERNAL_ID,
    Account,
    AccountChanged,
    AccountExists,
    AccountMissing,
    TargetError,
    Write,
    WriteKind,
)
from workplace_provider.identity.adoption import AccountAdopter
from workplace_provider.identity.directory import EMPTY_MAPPING
from workplace_provider.identity.learning import fingerprint
from workplace_provider.identity.plan import OperationKind
from workplace_provider.identity.results import GONE, OperationStatus
from workplace_provider.identity.verification import WriteVerifier

if TYPE_CHECKING:
    from workplace_provider.identity.plan import Operation
    from workplace_provider.identity.run_context import RunContext

_WRITE_KINDS: Final[Mapping[OperationKind, WriteKind]] = {
    OperationKind.CREATE: WriteKind.CREATE,
    OperationKind.LINK: WriteKind.UPDATE,
    OperationKind.UPDATE: WriteKind.UPDATE,
    OperationKind.ENABLE: WriteKind.ENABLE,
    OperationKind.DISABLE: WriteKind.DISABLE,
    OperationKind.DELETE: WriteKind.DELETE,
}


class OperationWriter:
    """Applies operations of one run; may be used by several threads."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._progress = run.progress
        self._adopter = AccountAdopter(run)
        self.verifier = WriteVerifier(run)

    def apply(self, operations: list[Operation]) -> None:
        """Apply one operation, or as many as fit into one request."""
        ready = [operation for operation in operations if self._is_ready(operation)]
        if not ready:
            return
        for operation in ready:
            self._progress.begin(operation)
        results = self._run.send([self._write(operation) for operation in ready])
        for operation, result in zip(ready, results, strict=True):
            try:
                self._settle(operation, result)
            except TargetError as error:
                self._fail(operation, error)

    def _fail(self, operation: Operation, error: TargetError) -> None:
        self._progress.end(operation, OperationStatus.FAILED, detail=str(error), fatal=error.fatal)

    # --- before a write

    def _is_ready(self, operation: Operation) -> bool:
        """Return whether an operation must be sent; otherwise its outcome is already recorded."""
        try:
            if operation.kind == OperationKind.LINK and not operation.changes:
                # The system does not store our mark, so there is nothing to write; the state stores the link.
                self._progress.end(operation, OperationStatus.DONE, operation.account_id, written=False)
                return False
            if operation.kind == OperationKind.CREATE:
                return self._is_ready_to_create(operation)
            began = operation.id in self._progress.journal.begun
            if not began and self._is_current(operation):
                return True
            return self._is_unchanged(operation, self._run.reader.fetch(operation.account_id))
        except TargetError as error:
            self._fail(operation, error)
            return False

    def _is_ready_to_create(self, operation: Operation) -> bool:
        """Return whether the account does not exist yet; an incomplete list may not have shown it."""
        was_created = operation.id in self._progress.journal.begun
        accounts = self._adopter.find(operation, was_created=was_created)
        if not was_created:
            accounts = [account for account in accounts if account.external_id in ("", operation.external_id)]
        if accounts:
            self._adopter.adopt(operation, accounts)
        return not accounts

    def _is_current(self, operation: Operation) -> bool:
        """Return whether an account need not be read again before it is written."""
        if self._run.can.versions and not self._run.reader.uses_list:
            # The system itself checks the version. Some refuse a write without one (RFC 6585: 428 Precondition Required).
            return bool(self._progress.expected_version(operation))
        return self._progress.has_version(operation.account_id)

    def _is_unchanged(self, operation: Operation, account: Account | None) -> bool:
        """Return whether an account is still as in the plan; otherwise record that as the outcome."""
        end = self._progress.end
        if account is None:
            deleted = operation.kind == OperationKind.DELETE
            status = OperationStatus.ALREADY if deleted or operation.removes_leaver else OperationStatus.DRIFTED
            end(operation, status, operation.account_id, detail=GONE)
            return False
        if operation.changes and self._run.is_applied(operation, account):
            end(operation, OperationStatus.ALREADY, account.id, account.version)
            return False
        if drift := self._drift(operation, account):
            end(operation, OperationStatus.DRIFTED, account.id, detail=drift)
            return False
        self._progress.remember_version(account)
        return True

    def _drift(self, operation: Operation, account: Account) -> str:
        """Return how an account differs from the plan; empty when it does not."""
        owner = account.external_id
        is_marked = owner not in ("", operation.external_id)
        if is_marked and self._run.policy.manage == "owned" and not self._is_ours(operation, account):
            return f"the account now has the mark of {owner}"
        for change in operation.changes:
            if not self._run.value_matches(change, change.before, account):
                return f"{change.field} was {change.before!r} and is now {account.value(change.field)!r}"
        return ""

    def _is_ours(self, operation: Operation, account: Account) -> bool:
        """Return whether another mark belongs to the same person: an earlier mark, or our mark as the system stores it."""
        owner = account.external_id
        if any(change.field == EXTERNAL_ID and change.before == owner for change in operation.changes):
            return True
        stored = self._run.plan.previous.kept_as.get(operation.external_id, {}).get(EXTERNAL_ID)
        return stored == fingerprint(operation.external_id, owner)

    def _write(self, operation: Operation) -> Write:
        run = self._run
        sets_active = operation.kind in (OperationKind.ENABLE, OperationKind.DISABLE)
        return Write(
            kind=_WRITE_KINDS[operation.kind],
            account_id=operation.account_id,
            version=self._progress.expected_version(operation),
            values=EMPTY_MAPPING if sets_active else operation.after,
            secrets=run.mapping.secret_values(operation.external_id, operation.secrets, run.secrets),
        )

    # --- after a write

    def _settle(self, operation: Operation, result: Account | TargetError | None) -> None:
        """Record the outcome of a write.

        :raises TargetError: the write failed
        """
        if not isinstance(result, TargetError):
            account_id = result.id if result is not None else operation.account_id
            self.verifier.end(operation, account_id, result)
        elif operation.kind in (OperationKind.UPDATE, OperationKind.LINK) and result.invalid and operation.changes:
            self._update_one_by_one(operation, result)
        elif operation.kind == OperationKind.CREATE and (isinstance(result, AccountExists) or result.outcome_unknown):
            accounts = self._adopter.find(operation, was_created=not isinstance(result, AccountExists))
            if not accounts:
                raise result
            self._adopter.adopt(operation, accounts)
        elif isinstance(result, AccountMissing):
            self._is_unchanged(operation, None)
        elif isinstance(result, AccountChanged) or result.outcome_unknown:
            self._settle_unknown(operation, result)
        else:
            raise result

    def _settle_unknown(self, operation: Operation, error: TargetError) -> None:
        """Read an account after a version conflict or a lost response, and record what happened.

        :raises TargetError: the write failed
        """
        account = self._run.reader.fetch(operation.account_id)
        if account is None:
            self._is_unchanged(operation, None)
        elif operation.changes and self._run.is_applied(operation, account):
            # A write whose response was lost was retried, and met the version that the first attempt had created.
            self._progress.end(operation, OperationStatus.ALREADY, account.id, account.version)
        elif isinstance(error, AccountChanged):
            self._progress.end(operation, OperationStatus.DRIFTED, account.id, detail=str(error))
        else:
            raise error

    def _update_one_by_one(self, operation: Operation, refused: TargetError) -> None:
        """Write the attributes of a refused update one by one, so that one bad attribute does not block the others.

        An attribute that the system does not support is remembered and not written again.

        :raises TargetError: an attribute could not be written
        """
        problems: list[TargetError] = []
        version = ""
        for change in operation.changes:
            error: TargetError | None = refused
            if len(operation.changes) > 1:
                result = self._write_one(operation, {change.field: change.after})
                error = result if isinstance(result, TargetError) else None
                version = result.version if isinstance(result, Account) else "" if result is None else version
            if error is None:
                continue
            if not error.unsupported or error.fatal:
                problems.append(error)
                continue
            with self._progress.lock:
                self._run.observed.add(operation.external_id, change.field, change.after, None, equal=False)
        if problems:
            raise problems[0]
        self._progress.end(operation, OperationStatus.DONE, operation.account_id, version, detail=str(refused))

    def _write_one(self, operation: Operation, values: Mapping[str, object]) -> Account | TargetError | None:
        account = self._run.reader.fetch(operation.account_id) if self._run.can.versions else None
        version = account.version if account else ""
        write = Write(kind=WriteKind.UPDATE, account_id=operation.account_id, version=version, values=values)
        (result,) = self._run.send([write])
        return result
