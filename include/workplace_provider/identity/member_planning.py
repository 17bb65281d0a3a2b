"""Operations for people who should have an account."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import ACTIVE, EXTERNAL_ID, USER_NAME, Account
from workplace_provider.identity.learning import fingerprint
from workplace_provider.identity.plan import MIGRATED, AttributeChange, Operation, OperationKind
from workplace_provider.identity.planning_context import label_of, note, write
from workplace_provider.identity.text import fold_case, values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity
    from workplace_provider.identity.matching import AccountMatch
    from workplace_provider.identity.planning_context import PlanningContext


class MemberPlanner:
    """Plans creating, linking, enabling and updating the accounts of people in scope.

    :param shared_names: user names that several people are planned to have, folded, with the keys of these people
    """

    def __init__(self, context: PlanningContext, shared_names: Mapping[str, Sequence[str]]) -> None:
        self._context = context
        self._shared_names = shared_names
        self.returned: set[str] = set()
        """External ids of people with an account that is enabled, or is to be enabled."""

    def plan(self, identity: Identity, match: AccountMatch) -> Iterator[Operation]:
        """Yield the operations for a person."""
        context, account = self._context, match.account
        values = context.mapping.values(identity)
        if missing := context.mapping.missing(values):
            yield note(OperationKind.SKIP, identity, account, f"missing:{','.join(missing)}")
            return
        if forbidden := context.mapping.forbidden(values):
            shown = ", ".join(f"{name}={values[name]!r}" for name in forbidden)
            detail = f"{shown} grants rights but is not in the mapping's allow-list. If it is meant, add it to allow: [...]"
            yield note(OperationKind.CONFLICT, identity, account, "grants_admin", detail)
            return
        if problem := self._name_problem(identity, account, values):
            yield note(OperationKind.CONFLICT, identity, account, *problem)
            return
        if account is None:
            yield self._plan_creation(identity, values)
        elif match.by == EXTERNAL_ID:
            yield from self._plan_update(identity, account, values)
        else:
            yield from self._plan_link(identity, match.by, account, values)

    def _name_problem(
        self, identity: Identity, account: Account | None, values: Mapping[str, Any]
    ) -> tuple[str, str] | None:
        """Return reason and detail when the planned user name is not available."""
        context = self._context
        declared = context.mapping.by_target.get(USER_NAME)
        name = values.get(USER_NAME)
        if declared is None or name is None:
            return None
        if account is not None and (declared.on != "always" or fold_case(str(name)) == fold_case(account.user_name)):
            return None
        if others := [key for key in self._shared_names.get(fold_case(str(name)), ()) if key != identity.key]:
            return "user_name_shared", f"{name} would also be the user name of {', '.join(others)}"
        holders = context.matcher.index.find(USER_NAME, str(name))
        taken = [holder for holder in holders if account is None or holder.id != account.id]
        if taken:
            owner = context.ownership.owner(taken[0]) or taken[0].external_id or "an unknown person"
            return "user_name_taken", f"{name} is the user name of the account {taken[0].id}, which belongs to {owner}"
        return None

    def _plan_creation(self, identity: Identity, values: Mapping[str, Any]) -> Operation:
        context = self._context
        if not context.can.create:
            return note(OperationKind.SKIP, identity, None, "cannot_create", "the system cannot create accounts")
        changes = [AttributeChange(name, None, value) for name, value in sorted(values.items())]
        if context.can.external_id:
            changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
        if refused := self._refusal("create", changes):
            return note(OperationKind.CONFLICT, identity, None, "target_refuses", refused)
        return Operation(
            kind=OperationKind.CREATE,
            key=identity.key,
            external_id=identity.external_id,
            label=label_of(identity),
            changes=tuple(changes),
            secrets=context.mapping.secrets,
        )

    def _refusal(self, kind: str, changes: Iterable[AttributeChange]) -> str:
        """Return the reason why the system would refuse values, as far as it is known before the request."""
        check = self._context.can.check
        return check(kind, {change.field: change.after for change in changes}) if check else ""

    def _plan_link(
        self, identity: Identity, matched_by: str, account: Account, values: Mapping[str, Any]
    ) -> Iterator[Operation]:
        context = self._context
        ours = context.ownership.owner(account)
        owner = ours or account.external_id
        if ours and context.matcher.needs_migration(account):
            yield self._plan_migration(identity, account)
        elif ours or (owner and context.policy.manage == "owned"):
            detail = f"the account {account.id}, found by {matched_by}, has the mark of {owner}"
            yield note(OperationKind.CONFLICT, identity, account, "account_of_another", detail)
        elif context.scope.protect_admins and account.admin:
            detail = "accounts of administrators are not linked"
            yield note(OperationKind.SKIP, identity, account, "administrator", detail)
        elif not account.active:
            detail = f"the account {account.id}, found by {matched_by}, was disabled outside this sync"
            yield note(OperationKind.CONFLICT, identity, account, "disabled_by_others", detail)
        elif owner:
            yield from self._plan_update(identity, account, values)
        else:
            changes = self._changes(identity, account, values)
            if context.keeps_marks:
                changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
            if refused := self._refusal("update", changes):
                yield note(OperationKind.CONFLICT, identity, account, "target_refuses", refused)
                return
            yield write(OperationKind.LINK, identity, account, changes, f"matched_by:{matched_by}")

    def _plan_update(self, identity: Identity, account: Account, values: Mapping[str, Any]) -> Iterator[Operation]:
        """Yield the operations for a person whose account is known."""
        context = self._context
        self.returned.add(identity.external_id)
        owner = context.ownership.owner(account)
        if owner and owner != identity.external_id:
            yield self._plan_migration(identity, account)
            return
        changes = self._changes(identity, account, values)
        if owner and not account.external_id and context.keeps_marks:
            changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
        if not account.active:
            if not context.can.enable:
                yield note(OperationKind.SKIP, identity, account, "cannot_enable", "the system cannot enable accounts")
                return
            yield write(OperationKind.ENABLE, identity, account, [AttributeChange(ACTIVE, False, True)], "returned")
        if changes:
            yield self._plan_changes(identity, account, changes)
        elif account.active:
            yield note(OperationKind.NOOP, identity, account, "")

    def _plan_changes(self, identity: Identity, account: Account, changes: Sequence[AttributeChange]) -> Operation:
        if not self._context.can.update:
            return note(OperationKind.SKIP, identity, account, "cannot_update", "the system cannot update accounts")
        if refused := self._refusal("update", changes):
            return note(OperationKind.CONFLICT, identity, account, "target_refuses", refused)
        return write(OperationKind.UPDATE, identity, account, changes)

    def _plan_migration(self, identity: Identity, account: Account) -> Operation:
        """Replace an earlier mark of the same person; attributes follow in the next run."""
        context = self._context
        before = context.ownership.owner(account)
        changes = [AttributeChange(EXTERNAL_ID, before, identity.external_id)] if context.keeps_marks else []
        detail = f"the directory was {before.rpartition(':')[0]} and is now {context.directory.source}"
        return write(OperationKind.LINK, identity, account, changes, MIGRATED, detail)

    def _changes(self, identity: Identity, account: Account, values: Mapping[str, Any]) -> list[AttributeChange]:
        changes = []
        context = self._context
        kept_as = context.previous.kept_as.get(identity.external_id, {})
        # A person without a role of the sync may have had one before; other empty values are not written.
        several = {declared.target for declared in context.mapping.maps if declared.owned_values is not None}
        for name in sorted({*values, *several}):
            declared = context.mapping.by_target[name]
            before = account.value(name)
            after = values.get(name)
            if declared.owned_values is not None:
                after = _with_values_of_others(before, after or (), declared.owned_values)
            if name in context.not_kept or kept_as.get(name) == fingerprint(after, before):
                continue
            if declared.on == "create" or (declared.on == "empty" and before not in (None, "", [])):
                continue
            if not values_equal(before, after, ignore_case=declared.folds_case):
                changes.append(AttributeChange(name, before, after))
        return changes


def _with_values_of_others(before: Any, wanted: Iterable[str], owned: Collection[str]) -> list[Any]:
    """Return the values of an attribute after a write: those that a person should have, and those of others."""
    present = before if isinstance(before, list | tuple) else [] if before in (None, "") else [before]
    return [*(value for value in present if value not in owned), *wanted]
