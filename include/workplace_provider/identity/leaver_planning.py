"""Operations for accounts of people who left the directory or the scope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import ACTIVE, EXTERNAL_ID, Account
from workplace_provider.identity.plan import DEACTIVATED, AttributeChange, Operation, OperationKind
from workplace_provider.identity.planning_context import note, write

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity
    from workplace_provider.identity.matching import AccountMatch
    from workplace_provider.identity.person_matching import Claims
    from workplace_provider.identity.planning_context import PlanningContext

_ABSENT = "absent"


class LeaverPlanner:
    """Plans disabling and deleting the accounts of leavers.

    :ivar absent: for people in their grace period, the number of runs in which they were absent, by external id
    :ivar disabled: when an account is disabled by this plan (ISO 8601), by external id
    """

    def __init__(self, context: PlanningContext) -> None:
        self._context = context
        self.absent: dict[str, int] = {}
        self.disabled: dict[str, str] = {}

    def plan_leaver(self, identity: Identity, account: Account | None, reason: str) -> Iterator[Operation]:
        """Yield the operation for a person who is deactivated or out of scope.

        :param reason: why the person should have no account
        """
        context = self._context
        if account is None and reason == DEACTIVATED and (unlisted := self._plan_unlisted(identity)) is not None:
            yield unlisted
            return
        if account is None or not context.manages(account, identity):
            if identity.active or account is not None:
                yield note(OperationKind.SKIP, identity, account, reason)
            return
        # The mark of the account may be an earlier one. It is not replaced on an account that is no longer used.
        mark = context.ownership.owner(account) or identity.external_id
        kind, why, detail = self._decide(mark, account, reason)
        operation = write(kind, identity, account, _removal_changes(kind, account), why, detail)
        yield operation if mark == identity.external_id else replace(operation, external_id=mark)

    def _plan_unlisted(self, identity: Identity) -> Operation | None:
        """Return the operation for a leaver's account that the state has and the system's list does not.

        The account is looked up by its id before it is written, so that no one keeps access because of an incomplete list.
        """
        context, external_id = self._context, identity.external_id
        account_id = context.ownership.links.get(external_id)
        if account_id is None or external_id in context.previous.disabled_at or account_id in context.gone:
            return None
        if context.policy.on_missing == "ignore" or not context.can.disable or context.matcher.is_listed(account_id):
            return None
        account = Account(id=account_id, external_id=external_id)
        if context.scope.protects(identity=identity, account=account):
            return note(OperationKind.SKIP, identity, account, "protected")
        self._record_disabled(external_id)
        detail = "the account is missing in the system's list, so it is looked up by its id"
        changes = _removal_changes(OperationKind.DISABLE, account)
        return write(OperationKind.DISABLE, identity, account, changes, DEACTIVATED, detail)

    def plan_orphans(self, claims: Claims, matches: Sequence[AccountMatch]) -> Iterator[Operation]:
        """Yield the operations for accounts whose owners are no longer in the directory."""
        ambiguous = {account.id for match in matches for account in match.several}
        ambiguous |= {match.account.id for match in matches if match.account is not None and match.contradiction}
        for account in self._context.accounts:
            if self._is_orphan(account, claims, matches, is_ambiguous=account.id in ambiguous):
                yield self._plan_orphan(account)

    def _is_orphan(self, account: Account, claims: Claims, matches: Sequence[AccountMatch], *, is_ambiguous: bool) -> bool:
        context = self._context
        owner = context.ownership.owner(account)
        claimants = claims.of(account)
        if claimants and context.matcher.needs_migration(account):
            return False
        if owner:
            # Our mark identifies the owner. Another person with the same name does not hide that the owner is gone.
            is_claimed = any(matches[number].by == EXTERNAL_ID for number in claimants)
            return not is_claimed and context.matcher.is_orphaned(account)
        return context.policy.manage == "all" and not claimants and not is_ambiguous

    def _plan_orphan(self, account: Account) -> Operation:
        external_id = self._context.ownership.owner(account) or account.external_id or f"account:{account.id}"
        common: dict[str, Any] = {
            "key": external_id,
            "external_id": external_id,
            "label": account.user_name or account.id,
            "account_id": account.id,
            "version": account.version,
        }
        if self._context.scope.protects(account=account):
            return Operation(kind=OperationKind.SKIP, reason="protected", **common)
        kind, why, detail = self._decide(external_id, account, _ABSENT)
        return Operation(kind=kind, reason=why, detail=detail, changes=_removal_changes(kind, account), **common)

    def _decide(self, external_id: str, account: Account, reason: str) -> tuple[OperationKind, str, str]:
        """Return the operation for a leaver's account: its kind, reason and detail."""
        context, policy = self._context, self._context.policy
        if context.scope.protect_admins and account.admin:
            return OperationKind.SKIP, "administrator", "accounts of administrators are not disabled or deleted"
        if policy.on_missing == "ignore":
            return OperationKind.SKIP, reason, "the policy does not change accounts of leavers"
        # An account that was only matched may be another person's. A disabled account can be enabled, a deleted one is lost.
        is_ours = bool(context.ownership.owner(account)) or policy.manage == "all"
        deletes = policy.on_missing == "delete" and is_ours
        if account.active or deletes:
            return self._decide_now(external_id, reason, deletes=deletes)
        since = context.previous.disabled_at.get(external_id)
        if policy.delete_after is not None and since is not None:
            age = context.directory.taken_at - datetime.fromisoformat(since)
            if age >= policy.delete_after:
                return self._decide_deletion(f"disabled_since:{since[:10]}")
        return OperationKind.NOOP, reason, ""

    def _decide_now(self, external_id: str, reason: str, *, deletes: bool) -> tuple[OperationKind, str, str]:
        """Return the operation for an account that must be disabled or deleted, unless the grace period applies."""
        context, grace = self._context, self._context.policy.disable_grace
        if reason != DEACTIVATED:
            runs = context.previous.absent.get(external_id, 0) + 1
            if runs < grace:
                self.absent[external_id] = runs
                return OperationKind.SKIP, f"grace:{reason}", f"absent in {runs} of {grace} runs in a row"
        if deletes:
            return self._decide_deletion(reason)
        if not context.can.disable:
            return OperationKind.SKIP, "cannot_disable", "the system cannot disable accounts"
        self._record_disabled(external_id)
        return OperationKind.DISABLE, reason, ""

    def _decide_deletion(self, reason: str) -> tuple[OperationKind, str, str]:
        if not self._context.can.delete:
            return OperationKind.SKIP, "cannot_delete", "the system cannot delete accounts"
        return OperationKind.DELETE, reason, ""

    def _record_disabled(self, external_id: str) -> None:
        self.disabled[external_id] = self._context.directory.taken_at.isoformat()


def _removal_changes(kind: OperationKind, account: Account) -> tuple[AttributeChange, ...]:
    if kind == OperationKind.DISABLE:
        return (AttributeChange(ACTIVE, True, False),)
    return (AttributeChange(ACTIVE, account.active, None),) if kind == OperationKind.DELETE else ()
