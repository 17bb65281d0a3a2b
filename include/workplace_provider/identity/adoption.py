"""Accounts that exist although a plan was to create them: found by what identifies the person, and linked or left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import (
    EMAIL,
    EXTERNAL_ID,
    USER_NAME,
    Account,
    LookupKey,
    TargetError,
    Write,
    WriteKind,
)
from workplace_provider.identity.matching import find_contradiction
from workplace_provider.identity.results import OperationStatus

if TYPE_CHECKING:
    from workplace_provider.identity.plan import Operation
    from workplace_provider.identity.run_context import RunContext


class AccountAdopter:
    """Finds an existing account for an operation that creates one, and links it."""

    def __init__(self, run: RunContext) -> None:
        self._run = run

    def find(self, operation: Operation, *, was_created: bool) -> list[Account]:
        """Return the accounts that may be the person's.

        :param was_created: look for the account that this operation may have created, not for one that is in its way. The
            created one has our mark if the system stores it; another account with the same address may be another person's
        """
        run, after = self._run, operation.after
        only_mark = was_created and run.keeps_marks
        attributes = (EXTERNAL_ID,) if only_mark else dict.fromkeys((EXTERNAL_ID, *run.policy.match_on))
        keys = [
            LookupKey(name, str(after[name])) for name in attributes if name in after and not isinstance(after[name], list)
        ]
        return run.reader.find(keys, run.accounts_of_others(operation), was_created=was_created)

    def adopt(self, operation: Operation, accounts: list[Account]) -> None:
        """Link an existing account instead of creating one, if it can only be this person's.

        :raises TargetError: it may be another person's account
        """
        run = self._run
        if len(accounts) > 1:
            ids = ", ".join(sorted(account.id for account in accounts))
            raise TargetError(f"Several accounts may be the one to create: {ids}. Delete or correct all but one")
        (account,) = accounts
        if run.can.versions and not account.version:
            # A search result may come without its version.
            account = run.reader.fetch(account.id) or account
        if account.external_id == operation.external_id:
            run.progress.end(operation, OperationStatus.ALREADY, account.id, account.version)
            return
        if problem := self._objection(operation, account):
            raise TargetError(f"The account {account.id} already exists, and {problem}. It was not changed")
        changes = self._changes(operation, account)
        version = self._update(account, changes) if changes else account.version
        detail = "the account already existed"
        run.progress.end(operation, OperationStatus.LINKED, account.id, version, detail=detail)

    def _objection(self, operation: Operation, account: Account) -> str:
        """Return the reason why an account must not be linked; empty when it may be."""
        run, after = self._run, operation.after
        if account.external_id:
            return f"its mark is that of {account.external_id}"
        addresses = (str(after.get(EMAIL) or ""),)
        if against := find_contradiction(account, addresses, after, run.policy.match_on):
            return against
        if account.admin:
            return "belongs to an administrator"
        if not account.active:
            return "is disabled"
        identifying = {USER_NAME, EMAIL, *run.policy.match_on} - {EXTERNAL_ID}
        if changed := sorted(identifying.intersection(self._changes(operation, account))):
            return f"linking it would change its {', '.join(changed)}, which the next plan shows for approval"
        return ""

    def _changes(self, operation: Operation, account: Account) -> dict[str, Any]:
        by_target = self._run.mapping.by_target
        return {
            change.field: change.after
            for change in operation.changes
            if (change.field not in by_target or by_target[change.field].on == "always")
            and not self._run.value_matches(change, change.after, account)
        }

    def _update(self, account: Account, changes: dict[str, Any]) -> str:
        """Write the changes, and return the new version of the account."""
        write = Write(kind=WriteKind.UPDATE, account_id=account.id, version=account.version, values=changes)
        (result,) = self._run.send([write])
        if isinstance(result, TargetError):
            raise result
        return result.version if result is not None else ""
