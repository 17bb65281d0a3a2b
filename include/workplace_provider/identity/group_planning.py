"""Operations for groups and their members."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.identity.groups import Group, GroupRule, GroupSnapshot, group_mark
from workplace_provider.identity.plan import DEACTIVATED, GroupSummary, Operation, OperationKind
from workplace_provider.identity.planning_context import label_of
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity
    from workplace_provider.identity.planning_context import PlanningContext

_MEMBERS: Final = (OperationKind.CREATE, OperationKind.LINK, OperationKind.ENABLE, OperationKind.UPDATE)


class AccountRoles:
    """The people who may be members, and those who lose memberships, by the operations on accounts.

    :ivar people: accounts of people who may be members, by external id; empty for an account that the plan creates
    :ivar leavers: operations of accounts that lose their memberships, by account
    :ivar held: accounts whose memberships do not change, such as those in a conflict
    """

    def __init__(self, operations: Iterable[Operation], context: PlanningContext, people: Mapping[str, Identity]) -> None:
        links = context.previous.links
        self.people: dict[str, str] = {}
        self.leavers: dict[str, Operation] = {}
        self.held: set[str] = set()
        held_people: set[str] = set()
        for operation in operations:
            account_id = operation.account_id or links.get(operation.external_id, "")
            if operation.kind in _MEMBERS or (operation.kind == OperationKind.NOOP and not operation.reason):
                self.people[operation.external_id] = operation.account_id
                if not operation.account_id and account_id:
                    # The list does not have the account that the state has, so it is not known which one will be used.
                    self.held.add(account_id)
            elif operation.kind in (OperationKind.SKIP, OperationKind.CONFLICT) or (
                (identity := people.get(operation.external_id)) is not None
                and identity.active
                and operation.reason == context.scope.reason_to_wait(identity)
            ):
                held_people.add(operation.external_id)
                self.held.add(account_id)
            elif account_id:
                self.leavers[account_id] = operation
        for external_id in held_people:
            if account_id := self.people.pop(external_id, ""):
                self.held.add(account_id)
        self.held.discard("")


class GroupPlanner:
    """Plans the groups of rules and their members, from the operations on accounts.

    :param is_whole: whether the plan is for all people; otherwise members who are not planned for stay
    :ivar summaries: numbers for the gates
    :ivar state: the groups of the next state
    """

    def __init__(
        self,
        context: PlanningContext,
        rules: Sequence[GroupRule],
        snapshot: GroupSnapshot,
        operations: Iterable[Operation],
        *,
        is_whole: bool,
    ) -> None:
        self._context = context
        self._rules = rules
        self._snapshot = snapshot
        self._is_whole = is_whole
        people = context.directory.identities if rules else ()
        self._people = {identity.external_id: identity for identity in people}
        # Without rules, nothing is planned, and the operations of 100,000 accounts need not be read.
        self._roles = AccountRoles(operations if rules else (), context, self._people)
        accounts = context.accounts if rules else ()
        self._accounts = {account.id: account for account in accounts}
        self._protected = {
            account.id
            for account in accounts
            if context.scope.protects(account=account) or (context.scope.protect_admins and account.admin)
        }
        self.summaries: list[GroupSummary] = []
        self.state: dict[str, Mapping[str, Any]] = {
            name: stored
            for name, stored in context.previous.groups.items()
            if snapshot.unreadable or not self._has_rule(name)
        }

    def _has_rule(self, name: str) -> bool:
        return any(rule.name == name for rule in self._rules)

    def plan(self) -> Iterator[Operation]:
        """Yield the operations of all groups; none if the groups could not be read."""
        if self._snapshot.unreadable:
            return
        for rule in self._rules:
            yield from self._plan_group(rule)

    def _plan_group(self, rule: GroupRule) -> Iterator[Operation]:
        mark = group_mark(self._context.directory.source, rule.name)
        group, problem = self._find(rule)
        if self._context.scope.protects_name(rule.name) or (group and self._context.scope.protects_name(group.id)):
            yield _note(OperationKind.SKIP, rule, mark, "protected", "")
            return
        if problem:
            if rule.name in self._context.previous.groups:
                self.state[rule.name] = self._context.previous.groups[rule.name]
            yield _note(OperationKind.CONFLICT, rule, mark, *problem)
            return
        wanted = self._wanted(rule)
        if group is None and not wanted:
            return
        is_ours = group is not None and self._is_ours(rule, group)
        present = group.members if group is not None else frozenset()
        added = list(self._plan_additions(rule, wanted, present))
        wanted_ids = set(wanted.values())
        ours = self._added_by_sync(rule, group) if group is not None and is_ours else frozenset()
        removed = list(self._plan_removals(rule, sorted(present - wanted_ids), ours))
        if group is None:
            yield _group_operation(OperationKind.CREATE_GROUP, rule, mark)
        elif not is_ours:
            yield _group_operation(OperationKind.ADOPT_GROUP, rule, mark, group.id)
        if group is not None:
            kept = sorted(present & (ours | wanted_ids))
            self.state[rule.name] = {"id": group.id, "members": kept}
        yield from added
        yield from removed
        self.summaries.append(
            GroupSummary(
                name=rule.name,
                id=group.id if group is not None else "",
                mark=mark,
                members=len(present),
                wanted=self._count_matches(rule),
                added=len(added),
                removed=sum(not operation.removes_leaver for operation in removed),
            )
        )

    def _count_matches(self, rule: GroupRule) -> int:
        """Return the number of people in scope whom a rule matches, also of those who are not planned for."""
        return sum(
            identity.active and not self._context.scope.exclusion_reason(identity) and rule.members.matches(identity)
            for identity in self._context.directory.identities
        )

    # --- finding a group

    def _find(self, rule: GroupRule) -> tuple[Group | None, tuple[str, str] | None]:
        """Return the group of a rule, or reason and detail of a conflict."""
        stored_id = str(self._context.previous.groups.get(rule.name, {}).get("id", ""))
        marks = self._marks(rule)
        groups = self._snapshot.groups
        marked = [group for group in groups if group.external_id in marks]
        ours = [group for group in groups if group.id == stored_id] or _without_empty_copies(marked)
        named = [group for group in groups if fold_case(group.name) == fold_case(rule.name)]
        found = ours or named
        if len(found) > 1:
            ids = ", ".join(group.id for group in found)
            return None, ("several_groups", f"{len(found)} groups may be {rule.name}: {ids}. Rename all but one")
        if not found:
            return None, None
        (group,) = found
        if group.external_id and group.external_id not in marks:
            return None, ("group_of_another", f"the group {group.id} has the mark of {group.external_id}")
        if ours and fold_case(group.name) != fold_case(rule.name):
            detail = (
                f"the group {group.id} is now named {group.name!r}. Rename it back, or change its name in the definition"
            )
            return None, ("group_renamed", detail)
        if not ours and not rule.adopt:
            detail = (
                f"the group {group.id} exists, and this sync has not created it. To manage its members, set adopt: true; "
                "otherwise choose another name"
            )
            return None, ("group_exists", detail)
        return group, None

    def _marks(self, rule: GroupRule) -> set[str]:
        return {group_mark(source, rule.name) for source in self._context.matcher.sources}

    def _is_ours(self, rule: GroupRule, group: Group) -> bool:
        stored = self._context.previous.groups.get(rule.name, {})
        return stored.get("id") == group.id or group.external_id in self._marks(rule)

    # --- members

    def _wanted(self, rule: GroupRule) -> dict[str, str]:
        """Return the accounts of the people who should be in a group, by external id."""
        return {
            external_id: account_id
            for external_id, account_id in self._roles.people.items()
            if external_id in self._people
            and account_id not in self._protected
            and rule.members.matches(self._people[external_id])
        }

    def _added_by_sync(self, rule: GroupRule, group: Group) -> frozenset[str]:
        """Return the members that this sync has added. After the state was lost, those are all accounts with our marks."""
        stored = self._context.previous.groups.get(rule.name)
        if stored is not None and stored.get("id") == group.id:
            return frozenset(map(str, stored.get("members", ())))
        owner = self._context.ownership.owner
        return frozenset(
            account_id for account_id in group.members if account_id in self._accounts and owner(self._accounts[account_id])
        )

    def _plan_additions(self, rule: GroupRule, wanted: Mapping[str, str], present: Collection[str]) -> Iterator[Operation]:
        for external_id, account_id in wanted.items():
            if account_id and account_id in present:
                continue
            identity = self._people[external_id]
            yield _membership(OperationKind.ADD_MEMBER, rule, identity.key, external_id, label_of(identity), account_id)

    def _plan_removals(self, rule: GroupRule, members: Iterable[str], ours: Collection[str]) -> Iterator[Operation]:
        """Yield the removals of members who should not be in a group, and who are not protected or in a conflict."""
        owners = {account_id: external_id for external_id, account_id in self._roles.people.items() if account_id}
        for account_id in members:
            leaver, owner = self._roles.leavers.get(account_id), owners.get(account_id)
            if account_id in self._roles.held or account_id in self._protected:
                continue
            if leaver is not None:
                reason = leaver.reason if leaver.reason == DEACTIVATED else "no_account"
                identity = leaver.key, leaver.external_id, leaver.label
                yield _membership(OperationKind.REMOVE_MEMBER, rule, *identity, account_id, reason)
            elif owner is not None and (account_id in ours or rule.others == "remove"):
                person: Identity = self._people[owner]
                identity = person.key, owner, label_of(person)
                yield _membership(OperationKind.REMOVE_MEMBER, rule, *identity, account_id, "not_in_rule")
            elif owner is None and self._is_whole and (account_id in ours or rule.others == "remove"):
                account = self._accounts.get(account_id)
                label = account.user_name if account is not None and account.user_name else account_id
                mark = account.external_id if account is not None else ""
                key = mark or f"account:{account_id}"
                reason = "no_account" if account_id in ours else "not_added_by_sync"
                yield _membership(OperationKind.REMOVE_MEMBER, rule, key, mark, label, account_id, reason)


def _without_empty_copies(groups: list[Group]) -> list[Group]:
    """Return groups with our mark without the empty ones that a repeated request may have created."""
    filled = [group for group in groups if group.members]
    return filled or groups[:1]


def _membership(
    kind: OperationKind, rule: GroupRule, key: str, external_id: str, label: str, account_id: str, reason: str = ""
) -> Operation:
    return Operation(
        kind=kind,
        key=key,
        external_id=external_id,
        label=label,
        account_id=account_id,
        reason=reason,
        group=rule.name,
    )


def _group_operation(kind: OperationKind, rule: GroupRule, mark: str, group_id: str = "") -> Operation:
    return Operation(kind=kind, key=rule.name, external_id=mark, label=rule.name, account_id=group_id, group=rule.name)


def _note(kind: OperationKind, rule: GroupRule, mark: str, reason: str, detail: str) -> Operation:
    """Return an operation that writes nothing: a conflict or a skip."""
    return Operation(
        kind=kind, key=rule.name, external_id=mark, label=rule.name, reason=reason, detail=detail, group=rule.name
    )
