"""Making a plan from a directory and the accounts of a system. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from operator import attrgetter
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, USER_NAME, Account, Capabilities
from workplace_provider.identity.group_planning import GroupPlanner
from workplace_provider.identity.groups import NO_GROUPS, GroupRule, GroupSnapshot, check_rules
from workplace_provider.identity.leaver_planning import LeaverPlanner
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping, MappingError
from workplace_provider.identity.member_planning import MemberPlanner
from workplace_provider.identity.person_matching import Claims
from workplace_provider.identity.plan import DEACTIVATED, ORDER, Operation, OperationKind, Plan, PlanSummary
from workplace_provider.identity.planning_context import PlanningContext, note
from workplace_provider.identity.policy import DEFAULT_MATCH_ON
from workplace_provider.identity.state import SyncState
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.matching import AccountMatch
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope


def make_plan(
    directory: Directory,
    accounts: Iterable[Account],
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    *,
    previous: SyncState | None = None,
    only: Iterable[str] | None = None,
    capabilities: Capabilities | None = None,
    gone: Collection[str] = (),
    unreadable: str = "",
    groups: Sequence[GroupRule] = (),
    group_snapshot: GroupSnapshot = NO_GROUPS,
) -> Plan:
    """Compare a directory with the accounts of a system, and plan the operations that sync them.

    The same input gives the same plan. Time and memory grow in proportion to people and accounts::

        plan = make_plan(directory, target.read(), SCIM_MAPPING, Scope(), SyncPolicy(), previous=state)
        print(markdown_report(plan, target.name, verdicts=evaluate(plan, SyncPolicy())))

    :param directory: the people
    :param accounts: the accounts of the system; for a system without a list, those that :func:`lookups` finds
    :param mapping: the sources of the attributes
    :param scope: the people who should have an account
    :param policy: the rules
    :param previous: the state that the last run has saved
    :param only: keys, external ids, e-mail addresses or user names of the people to plan for; others are left out
    :param capabilities: the operations that the system supports; all by default
    :param gone: ids of accounts that were missing in the list, were looked up, and do not exist
    :param unreadable: the reason why the accounts could not be read completely; then only people whom the directory lists
        as deactivated are planned
    :param groups: the groups whose members are managed, with the rules for their members
    :param group_snapshot: the groups of the system, from :func:`read_groups`
    :return: the plan; the gates decide whether it may be applied
    :raises ValueError: an expression failed, or a name in ``only`` or a group of the scope is not in the directory
    :raises MappingError: the mapping has no source for an attribute of ``match_on``
    """
    scope.check_groups(directory.groups)
    check_rules(groups, directory.groups)
    mapping = AttributeMapping.of(mapping)
    mapping.check_groups(directory.groups)
    check_match_on(mapping, policy)
    context = PlanningContext(
        directory,
        list(accounts),
        mapping,
        scope,
        policy,
        previous or SyncState(),
        capabilities or Capabilities(),
        frozenset(gone),
    )
    return _Planner(context).plan(None if only is None else tuple(only), unreadable, groups, group_snapshot)


def check_match_on(mapping: AttributeMapping, policy: SyncPolicy) -> None:
    """Refuse a policy that matches accounts by an attribute without a source: no account would be found.

    :raises MappingError: an attribute of ``match_on`` is not mapped
    """
    if policy.match_on == DEFAULT_MATCH_ON:
        return
    unknown = [name for name in policy.match_on if name != EXTERNAL_ID and name not in mapping.by_target]
    if unknown:
        raise MappingError(
            f"match_on: the mapping has no {unknown[0]!r}{_suggestion(unknown[0], mapping)} Use "
            f"{', '.join((EXTERNAL_ID, *mapping.by_target))}"
        )


def _suggestion(name: str, mapping: AttributeMapping) -> str:
    near = get_close_matches(name, list(mapping.by_target), 1, 0.5)
    near = near or [target for target in mapping.by_target if name.lower() in target.lower()][:1]
    return f"; did you mean {near[0]!r}?" if near else "."


class _Planner:
    """Makes one plan."""

    def __init__(self, context: PlanningContext) -> None:
        self._context = context
        people = context.directory.identities
        # All people are matched, also when only some are planned for: an account may be matched to two people.
        self._reasons = [context.scope.exclusion_reason(identity) for identity in people]
        shared_names = context.matcher.find_shared_names(self._reasons)
        self._matches = [
            context.matcher.match(identity, reason) for identity, reason in zip(people, self._reasons, strict=True)
        ]
        self._claims = Claims(self._matches)
        self._members = MemberPlanner(context, shared_names)
        self._leavers = LeaverPlanner(context)

    def plan(
        self, only: tuple[str, ...] | None, unreadable: str, rules: Sequence[GroupRule], snapshot: GroupSnapshot
    ) -> Plan:
        """Return the plan for all people, or for some."""
        context = self._context
        numbers = range(len(context.directory.identities)) if only is None else self._find_people(only)
        operations = [operation for number in numbers for operation in self._plan_person(number)]
        state = context.previous
        is_whole = only is None and not unreadable
        if is_whole:
            operations += self._leavers.plan_orphans(self._claims, self._matches)
        groups = GroupPlanner(context, rules, snapshot, operations, is_whole=is_whole)
        operations += groups.plan()
        if unreadable:
            # The accounts of other people are unknown in this run. Deactivations in the directory are certain nevertheless.
            operations = [operation for operation in operations if operation.removes_leaver]
        elif is_whole:
            state = replace(self._next_state(), groups=groups.state)
        _sort(operations)
        return Plan(
            source=context.directory.source,
            taken_at=context.directory.taken_at,
            directory_sha256=context.directory.sha256,
            summary=self._summarize(operations, unreadable),
            operations=tuple(operations),
            state=replace(state, generation=context.previous.generation + 1),
            previous=context.previous,
            groups=tuple(groups.summaries),
            groups_unreadable=snapshot.unreadable,
        )

    def _find_people(self, only: Sequence[str]) -> list[int]:
        """Return the numbers of the people with some names.

        :raises ValueError: the directory has no person with a name
        """
        numbers_by_name: dict[str, list[int]] = {}
        for number, identity in enumerate(self._context.directory.identities):
            for name in {identity.key, identity.external_id, identity.email, identity.user_name}:
                numbers_by_name.setdefault(fold_case(name), []).append(number)
        chosen: set[int] = set()
        for name in only:
            numbers = numbers_by_name.get(fold_case(name)) if name.strip() else None
            if not numbers:
                raise ValueError(
                    f"The directory has no person {name!r}. Check the param only: it takes keys, e-mail addresses and "
                    "user names"
                )
            chosen.update(numbers)
        return sorted(chosen)

    def _plan_person(self, number: int) -> Iterator[Operation]:
        context = self._context
        identity, reason, match = context.directory.identities[number], self._reasons[number], self._matches[number]
        if context.scope.protects(identity=identity, account=match.account):
            yield note(OperationKind.SKIP, identity, match.account, "protected")
        elif conflict := self._find_conflict(identity, match, number):
            yield conflict
        elif not identity.active or reason:
            yield from self._leavers.plan_leaver(identity, match.account, reason if identity.active else DEACTIVATED)
        elif wait := context.scope.reason_to_wait(identity):
            is_managed = match.account is not None and context.manages(match.account)
            yield note(OperationKind.NOOP if is_managed else OperationKind.SKIP, identity, match.account, wait)
        else:
            yield from self._members.plan(identity, match)

    def _find_conflict(self, identity: Identity, match: AccountMatch, number: int) -> Operation | None:
        """Return the conflict of an ambiguous match, or of sources that contradict each other."""
        if identity.conflict and identity.active:
            return note(OperationKind.CONFLICT, identity, match.account, "sources_contradict", identity.conflict)
        account_id = match.account.id if match.account else ""
        if match.several:
            ids = ", ".join(sorted(account.id for account in match.several))
            detail = f"{len(match.several)} accounts have the same {match.by}: {ids}"
            return note(OperationKind.CONFLICT, identity, None, "several_accounts", detail)
        if match.contradiction and match.account is not None:
            detail = (
                f"the account {account_id} has the same {match.by}, but {match.contradiction}, so it may be another "
                "person's. Correct the account or the directory"
            )
            return note(OperationKind.CONFLICT, identity, None, "identity_contradicts", detail)
        if rivals := self._claims.rivals(match, number):
            keys = ", ".join(sorted(self._context.directory.identities[rival].key for rival in rivals))
            detail = f"the account {account_id}, found by {match.by}, also matches {keys}"
            return note(OperationKind.CONFLICT, identity, None, "account_of_several_people", detail)
        return None

    def _summarize(self, operations: Iterable[Operation], unreadable: str) -> PlanSummary:
        context, previous = self._context, self._context.previous
        people = context.directory.numbers
        managed = [account for account in context.accounts if self._counts_as_managed(account)]
        active_links = {account_id for mark, account_id in previous.links.items() if mark not in previous.disabled_at}
        listed = {account.id for account in context.accounts}
        marked = {account.id for account in context.accounts if context.ownership.owner(account)}
        identifying = {USER_NAME, EMAIL, *context.policy.match_on} - {EXTERNAL_ID}
        return PlanSummary(
            complete=context.directory.complete,
            emails_known=context.directory.emails_known,
            source_users=people.users,
            with_email=people.with_email,
            last_source_users=previous.source_users,
            accounts=len(context.accounts),
            managed=len(managed),
            managed_active=sum(account.active for account in managed),
            foreign=len(context.accounts) - len(managed),
            quarantined=previous.quarantined,
            known=len(active_links),
            missing=len(active_links - listed),
            unreadable=unreadable,
            identity_links=sum(
                operation.kind == OperationKind.LINK and any(change.field in identifying for change in operation.changes)
                for operation in operations
            ),
            first_run=previous.is_first_run,
            unremembered=len(marked - set(previous.links.values())),
            parts=tuple(replace(part, last_users=previous.source_parts.get(part.name)) for part in context.directory.parts),
        )

    def _counts_as_managed(self, account: Account) -> bool:
        manage = self._context.policy.manage
        is_matched = manage == "matched" and bool(self._claims.of(account))
        return manage == "all" or is_matched or bool(self._context.ownership.owner(account))

    def _next_state(self) -> SyncState:
        """Return the state to save after all operations have succeeded."""
        context, previous = self._context, self._context.previous
        links = self._links()
        disabled_at: Mapping[str, str] = {
            **{mark: since for mark, since in previous.disabled_at.items() if mark not in self._members.returned},
            **self._leavers.disabled,
        }
        sources = context.matcher.sources
        return SyncState(
            absent=self._leavers.absent,
            disabled_at={mark: since for mark, since in sorted(disabled_at.items()) if mark in links},
            links=dict(sorted(links.items())),
            sources=sources if set(sources) != set(previous.sources) else previous.sources,
            not_kept=tuple(sorted(context.not_kept)),
            kept_as={mark: kept for mark, kept in previous.kept_as.items() if mark in links},
            source_users=context.directory.numbers.users,
            source_parts={part.name: part.users for part in context.directory.parts},
        )

    def _links(self) -> dict[str, str]:
        """Return the account of each of our marks."""
        context = self._context
        links: dict[str, str] = {}
        for account in context.accounts:
            if owner := context.ownership.owner(account):
                # Of two accounts with one mark, the choice must not depend on the order of the list.
                links[owner] = min(account.id, links.get(owner, account.id))
        if context.can.lookup:
            # An account that is missing in the list may exist nevertheless.
            listed = {account.id for account in context.accounts}
            for external_id, account_id in context.previous.links.items():
                if account_id not in listed and account_id not in context.gone:
                    links.setdefault(external_id, account_id)
        return links


def _sort(operations: list[Operation]) -> None:
    """Sort by leaver, kind, group, key and account, in passes: key tuples for 100,000 people would take much memory."""
    operations.sort(key=attrgetter("account_id"))
    operations.sort(key=attrgetter("key"))
    operations.sort(key=attrgetter("group"))
    operations.sort(key=lambda operation: ORDER[operation.kind])
    operations.sort(key=lambda operation: not operation.removes_leaver)
