"""From a directory and the accounts of a system to a plan. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import ACTIVE, EMAIL, EXTERNAL_ID, ID, USER_NAME, Account, Capabilities
from workplace_provider.identity.learning import fingerprint
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping, MappingError
from workplace_provider.identity.matching import (
    NO_MATCH,
    AccountIndex,
    AccountMatch,
    Ownership,
    earlier_sources,
    find_contradiction,
    match_value,
)
from workplace_provider.identity.plan import (
    DEACTIVATED,
    MIGRATED,
    ORDER,
    AttributeChange,
    Operation,
    OperationKind,
    Plan,
    PlanSummary,
)
from workplace_provider.identity.policy import DEFAULT_MATCH_ON
from workplace_provider.identity.state import SyncState
from workplace_provider.identity.text import fold_case, values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope

NO_STATE = SyncState()
_ABSENT = "absent"


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
) -> Plan:
    """Work out what has to be done to have the accounts in step with the directory.

    The same input gives the same plan. Time and memory grow in proportion to people and accounts.

    :param directory: who there is
    :param accounts: the accounts of the system; of one that cannot list them, those that :func:`lookups` finds
    :param mapping: where attributes come from
    :param scope: who is meant
    :param policy: the rules
    :param previous: what the last run left to remember
    :param only: keys, external ids, e-mail addresses or user names of the people to plan for; nobody else is looked at
    :param capabilities: what the system can do; by default everything
    :param gone: ids of accounts that were looked up, after the list lacked them, and are not there
    :param unreadable: why the accounts could not be read completely; then only what the directory states of leavers is
        planned
    :return: the plan; whether it may be applied is for the gates to say
    :raises ValueError: an expression failed, or somebody in ``only`` or a group of the scope is not in the directory
    :raises MappingError: the mapping lacks an attribute of ``match_on``
    """
    scope.check_groups(directory.groups)
    mapping, can = AttributeMapping.of(mapping), capabilities or Capabilities()
    check_match_on(mapping, policy)
    return _Planning(directory, list(accounts), mapping, scope, policy, previous or NO_STATE, can, frozenset(gone)).plan(
        None if only is None else tuple(only), unreadable
    )


def check_match_on(mapping: AttributeMapping, policy: SyncPolicy) -> None:
    """Refuse a policy that looks for accounts by what the mapping has not: nobody's account would be found.

    :raises MappingError: an attribute of ``match_on`` is not mapped
    """
    if policy.match_on == DEFAULT_MATCH_ON:
        return
    unknown = [name for name in policy.match_on if name != EXTERNAL_ID and name not in mapping.by_target]
    if unknown:
        raise MappingError(
            f"match_on: the mapping has no {unknown[0]!r}{_meant(unknown[0], mapping)} There are "
            f"{', '.join((EXTERNAL_ID, *mapping.by_target))}"
        )


def _meant(name: str, mapping: AttributeMapping) -> str:
    near = get_close_matches(name, list(mapping.by_target), 1, 0.5)
    near = near or [each for each in mapping.by_target if name.lower() in each.lower()][:1]
    return f"; did you mean {near[0]!r}?" if near else "."


class _Planning:
    def __init__(
        self,
        directory: Directory,
        accounts: list[Account],
        mapping: AttributeMapping,
        scope: Scope,
        policy: SyncPolicy,
        previous: SyncState,
        capabilities: Capabilities,
        gone: frozenset[str],
    ) -> None:
        self.directory = directory
        self.accounts = accounts
        self.mapping = mapping
        self.scope = scope
        self.policy = policy
        self.previous = previous
        self.can = capabilities
        self.gone = gone
        earlier = earlier_sources(f"{directory.source}:", policy, previous)
        self.sources = (directory.source, *earlier)
        self.ownership = Ownership(self.sources, previous)
        linked = (ID,) if previous.links else ()
        self.index = AccountIndex(accounts, dict.fromkeys((*policy.match_on, EXTERNAL_ID, USER_NAME, *linked)))
        self.people = {each.external_id for each in directory.identities}
        self.people |= {f"{source}:{each.key}" for source in earlier for each in directory.identities}
        self.names: dict[str, str] = {}
        self.absent: dict[str, int] = {}
        self.disabled_at = dict(previous.disabled_at)

    @cached_property
    def not_kept(self) -> frozenset[str]:
        """What the system does not store, going by what was learned, unless accounts of ours have our mark after all."""
        lost = set(self.previous.not_kept)
        if any(each.external_id.startswith(f"{self.directory.source}:") for each in self.accounts):
            lost.discard(EXTERNAL_ID)
        return frozenset(lost)

    @property
    def keeps_marks(self) -> bool:
        """Whether the system stores our mark on an account."""
        return self.can.external_id and EXTERNAL_ID not in self.not_kept

    def plan(self, only: tuple[str, ...] | None, unreadable: str) -> Plan:
        people = self.directory.identities
        chosen = range(len(people)) if only is None else self._chosen(only)
        # Everybody is matched also when only some are planned for: an account may be claimed by two people.
        reasons = [self.scope.exclusion_reason(each) for each in people]
        names = self._wanted_names(reasons)
        matches = [self._match(each, reason) for each, reason in zip(people, reasons, strict=True)]
        claims = _Claims(matches)
        operations: list[Operation] = []
        for number in chosen:
            identity, match = people[number], matches[number]
            rivals = self._rivals(match, claims, number)
            operations += self._for_person(identity, reasons[number], match, rivals, names)
        if unreadable:
            # Of the others nothing is known today; what the directory states of leavers is true all the same.
            operations = [each for each in operations if each.removes_leaver]
            state = self.previous
        elif only is None:
            operations += self._for_strays(claims, matches)
            state = self._state()
        else:
            state = self.previous
        state = replace(state, generation=self.previous.generation + 1)
        # Each time by what is there, not once by tuples made for it: of a hundred thousand those take much memory.
        for place in (
            attrgetter("account_id"),
            attrgetter("key"),
            lambda each: ORDER[each.kind],
            lambda each: not each.removes_leaver,
        ):
            operations.sort(key=place)
        return Plan(
            source=self.directory.source,
            taken_at=self.directory.taken_at,
            directory_sha256=self.directory.sha256,
            summary=replace(self._facts(claims), unreadable=unreadable, identity_links=self._identity_links(operations)),
            operations=tuple(operations),
            state=state,
            previous=self.previous,
        )

    def _identity_links(self, operations: Iterable[Operation]) -> int:
        identifying = {USER_NAME, EMAIL, *self.policy.match_on} - {EXTERNAL_ID}
        return sum(
            each.kind == OperationKind.LINK and any(change.field in identifying for change in each.changes)
            for each in operations
        )

    def _chosen(self, only: tuple[str, ...]) -> list[int]:
        names: dict[str, list[int]] = {}
        for number, each in enumerate(self.directory.identities):
            for name in {fold_case(each.key), fold_case(each.external_id), fold_case(each.email), fold_case(each.user_name)}:
                names.setdefault(name, []).append(number)
        found: set[int] = set()
        for name in only:
            numbers = names.get(fold_case(name)) if name.strip() else None
            if not numbers:
                raise ValueError(f"there is nobody {name!r} in the directory")
            found.update(numbers)
        return sorted(found)

    # --- whose account it is

    def _match(self, identity: Identity, reason: str) -> AccountMatch:
        if owned := self._owned(identity):
            return AccountMatch(owned[0], EXTERNAL_ID) if len(owned) == 1 else AccountMatch(by=EXTERNAL_ID, several=owned)
        wanted = identity.active and not reason and not self.scope.reason_to_wait(identity)
        if not wanted and self.policy.manage == "owned" and len(self.sources) == 1:
            # An account that only has the same name or address may be anybody's.
            return NO_MATCH
        found: dict[str, Account] = {}
        for attribute in self.policy.match_on:
            value = None if attribute == EXTERNAL_ID else match_value(self.mapping, identity, attribute)
            hits = self.index.find(attribute, value) if value is not None else ()
            if not wanted and self.policy.manage == "owned":
                hits = tuple(each for each in hits if self._to_migrate(each))
            if len(hits) > 1:
                return AccountMatch(by=attribute, several=hits)
            if hits and wanted:
                return self._checked(identity, hits[0], attribute)
            found |= {each.id: each for each in hits}
        # What is taken away must be found by all attributes alike: with the first account gone, the next would find another.
        by = " or ".join(self.policy.match_on)
        if len(found) == 1:
            return self._checked(identity, next(iter(found.values())), by)
        return AccountMatch(by=by, several=tuple(found.values()))

    def _owned(self, identity: Identity) -> tuple[Account, ...]:
        """The accounts that are this person's by our mark, also by one of before, or by the memory."""
        marks = self._marks(identity)
        for mark in marks:
            if marked := self.index.find(EXTERNAL_ID, mark):
                return marked
        for mark in marks:
            linked = self.ownership.links.get(mark)
            known = self.index.find(ID, linked) if linked else ()
            if known := tuple(each for each in known if self.ownership.owner(each) == mark):
                return known
        return ()

    def _marks(self, identity: Identity) -> tuple[str, ...]:
        """The person's mark, and those of before, when the directory had another name."""
        return (identity.external_id, *(f"{source}:{identity.key}" for source in self.sources[1:]))

    def _to_migrate(self, account: Account) -> bool:
        """Whether an account has our mark of before, of somebody whom the directory knows by none of their ids."""
        owner = self.ownership.owner(account)
        return bool(owner) and not owner.startswith(f"{self.directory.source}:") and owner not in self.people

    def _checked(self, identity: Identity, account: Account, by: str) -> AccountMatch:
        """A hit, and what speaks against it."""
        values = {name: self.mapping.value(identity, name) for name in (USER_NAME, EMAIL, *self.policy.match_on)}
        against = find_contradiction(account, (identity.email, values[EMAIL] or ""), values, self.policy.match_on)
        name = fold_case(account.user_name)
        rival = self.names.get(name)
        if (
            not against
            and by != USER_NAME
            and rival not in (None, identity.key)
            and name != fold_case(values[USER_NAME] or "")
        ):
            against = f"its user name {account.user_name} is the one that {rival} is to have"
        return AccountMatch(account, by, contradiction=against)

    def _rivals(self, match: AccountMatch, claims: _Claims, number: int) -> list[Identity]:
        """The others whose account the match may be as well; our mark on an account settles whose it is."""
        if match.account is None or match.by == EXTERNAL_ID:
            return []
        return [self.directory.identities[each] for each in claims.of(match.account) if each != number]

    def _orphaned(self, account: Account) -> bool:
        """Whether the person whose account it is, going by our mark, is not in the directory any more."""
        owner = self.ownership.owner(account)
        return bool(owner) and owner not in self.people

    def _wanted_names(self, reasons: list[str]) -> dict[str, list[str]]:
        """Keys of the people by the user name that they are to have, for names that several are to have."""
        first = self.names
        shared: dict[str, list[str]] = {}
        for identity, reason in zip(self.directory.identities, reasons, strict=True):
            if reason or not identity.active:
                continue
            name = match_value(self.mapping, identity, USER_NAME)
            if name is None:
                continue
            there = first.setdefault(fold_case(name), identity.key)
            if there != identity.key:
                shared.setdefault(fold_case(name), [there]).append(identity.key)
        return shared

    # --- people of the directory

    def _for_person(
        self, identity: Identity, reason: str, match: AccountMatch, rivals: list[Identity], names: Mapping[str, list[str]]
    ) -> Iterator[Operation]:
        if self.scope.protects(identity=identity, account=match.account):
            yield self._say(OperationKind.SKIP, identity, match.account, "protected")
            return
        if match.several:
            ids = ", ".join(sorted(each.id for each in match.several))
            detail = f"{len(match.several)} accounts have the same {match.by}: {ids}"
            yield self._say(OperationKind.CONFLICT, identity, None, "several_accounts", detail)
            return
        if match.contradiction and match.account is not None:
            detail = (
                f"the account {match.account.id} has the same {match.by}, and {match.contradiction}: one of them is "
                "another's. Correct it in the system or in the directory"
            )
            yield self._say(OperationKind.CONFLICT, identity, None, "identity_contradicts", detail)
            return
        if rivals:
            keys = ", ".join(sorted(each.key for each in rivals))
            detail = f"the account {match.account and match.account.id}, found by {match.by}, is also that of {keys}"
            yield self._say(OperationKind.CONFLICT, identity, None, "account_of_several_people", detail)
            return
        if not identity.active or reason:
            yield from self._for_leaver(identity, match.account, reason if identity.active else DEACTIVATED)
            return
        if back := self.scope.reason_to_wait(identity):
            kept = match.account is not None and self._manages(match.account)
            yield self._say(OperationKind.NOOP if kept else OperationKind.SKIP, identity, match.account, back)
            return
        yield from self._for_member(identity, match, names)

    def _for_member(self, identity: Identity, match: AccountMatch, names: Mapping[str, list[str]]) -> Iterator[Operation]:
        values = self.mapping.values(identity)
        if missing := self.mapping.missing(values):
            yield self._say(OperationKind.SKIP, identity, match.account, f"missing:{','.join(missing)}")
            return
        if forbidden := self.mapping.forbidden(values):
            shown = ", ".join(f"{name}={values[name]!r}" for name in forbidden)
            detail = (
                f"{shown} grants rights, and is not in the mapping's allow-list: write allow: [...] there if it is meant"
            )
            yield self._say(OperationKind.CONFLICT, identity, match.account, "grants_admin", detail)
            return
        account = match.account
        if problem := self._name_problem(identity, account, values, names):
            yield self._say(OperationKind.CONFLICT, identity, account, *problem)
            return
        if account is None:
            yield self._creation(identity, values)
        elif match.by == EXTERNAL_ID:
            yield from self._in_step(identity, account, values)
        else:
            yield from self._linking(identity, match, account, values)

    def _name_problem(
        self, identity: Identity, account: Account | None, values: Mapping[str, Any], names: Mapping[str, list[str]]
    ) -> tuple[str, str] | None:
        declared = self.mapping.by_target.get(USER_NAME)
        name = values.get(USER_NAME)
        if declared is None or name is None:
            return None
        if account is not None and (declared.on != "always" or fold_case(str(name)) == fold_case(account.user_name)):
            return None
        if others := [key for key in names.get(fold_case(str(name)), ()) if key != identity.key]:
            return "user_name_shared", f"{name} would also be the user name of {', '.join(others)}"
        taken = [each for each in self.index.find(USER_NAME, str(name)) if account is None or each.id != account.id]
        if taken:
            owner = self.ownership.owner(taken[0]) or taken[0].external_id or "nobody we know"
            return "user_name_taken", f"{name} is the user name of the account {taken[0].id}, which is of {owner}"
        return None

    def _creation(self, identity: Identity, values: Mapping[str, Any]) -> Operation:
        if not self.can.create:
            return self._say(OperationKind.SKIP, identity, None, "cannot_create", "the system cannot create accounts")
        changes = [AttributeChange(name, None, value) for name, value in sorted(values.items())]
        if self.can.external_id:
            changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
        if refused := self._refused("create", changes):
            return self._say(OperationKind.CONFLICT, identity, None, "target_refuses", refused)
        return Operation(
            kind=OperationKind.CREATE,
            key=identity.key,
            external_id=identity.external_id,
            label=_label(identity),
            changes=tuple(changes),
            secrets=self.mapping.secrets,
        )

    def _refused(self, kind: str, changes: Iterable[AttributeChange]) -> str:
        """What the system has against values, as far as it can say so before it is asked."""
        return self.can.check(kind, {change.field: change.after for change in changes}) if self.can.check else ""

    def _linking(
        self, identity: Identity, match: AccountMatch, account: Account, values: Mapping[str, Any]
    ) -> Iterator[Operation]:
        owner = self.ownership.owner(account) or account.external_id
        ours = bool(self.ownership.owner(account))
        if ours and self._to_migrate(account):
            yield self._migration(identity, account)
        elif ours or (owner and self.policy.manage == "owned"):
            detail = f"the account {account.id}, found by {match.by}, is marked as that of {owner}"
            yield self._say(OperationKind.CONFLICT, identity, account, "account_of_another", detail)
        elif self.scope.protect_admins and account.admin:
            yield self._say(
                OperationKind.SKIP, identity, account, "administrator", "an administrator's account is not linked"
            )
        elif not account.active:
            detail = f"the account {account.id}, found by {match.by}, was disabled by somebody else"
            yield self._say(OperationKind.CONFLICT, identity, account, "disabled_by_others", detail)
        elif owner:
            yield from self._in_step(identity, account, values)
        else:
            changes = self._changes(identity, account, values)
            if self.keeps_marks:
                changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
            if refused := self._refused("update", changes):
                yield self._say(OperationKind.CONFLICT, identity, account, "target_refuses", refused)
                return
            yield Operation(
                kind=OperationKind.LINK,
                key=identity.key,
                external_id=identity.external_id,
                label=_label(identity),
                account_id=account.id,
                version=account.version,
                changes=tuple(changes),
                reason=f"matched_by:{match.by}",
            )

    def _in_step(self, identity: Identity, account: Account, values: Mapping[str, Any]) -> Iterator[Operation]:
        self.disabled_at.pop(identity.external_id, None)
        owner = self.ownership.owner(account)
        if owner and owner != identity.external_id:
            yield self._migration(identity, account)
            return
        changes = self._changes(identity, account, values)
        if owner and not account.external_id and self.keeps_marks:
            changes.append(AttributeChange(EXTERNAL_ID, None, identity.external_id))
        returns = not account.active
        if returns and not self.can.enable:
            yield self._say(OperationKind.SKIP, identity, account, "cannot_enable", "the system cannot enable accounts")
            return
        if returns:
            yield self._write(OperationKind.ENABLE, identity, account, (AttributeChange(ACTIVE, False, True),), "returned")
        if changes and not self.can.update:
            yield self._say(OperationKind.SKIP, identity, account, "cannot_update", "the system cannot update accounts")
        elif refused := self._refused("update", changes) if changes else "":
            yield self._say(OperationKind.CONFLICT, identity, account, "target_refuses", refused)
        elif changes:
            yield self._write(OperationKind.UPDATE, identity, account, tuple(changes))
        elif not returns:
            yield self._say(OperationKind.NOOP, identity, account, "")

    def _migration(self, identity: Identity, account: Account) -> Operation:
        """The same person by another mark; attributes follow in the next run."""
        change = AttributeChange(EXTERNAL_ID, self.ownership.owner(account), identity.external_id)
        changes = (change,) if self.keeps_marks else ()
        detail = f"the directory was {change.before.rpartition(':')[0]} before, and is {self.directory.source} now"
        return self._write(OperationKind.LINK, identity, account, changes, MIGRATED, detail)

    def _changes(self, identity: Identity, account: Account, values: Mapping[str, Any]) -> list[AttributeChange]:
        changes = []
        kept_as = self.previous.kept_as.get(identity.external_id, {})
        for name in sorted(values):
            declared = self.mapping.by_target[name]
            before = account.value(name)
            if name in self.not_kept or kept_as.get(name) == fingerprint(values[name], before):
                continue
            if declared.on == "create" or (declared.on == "empty" and before not in (None, "", [])):
                continue
            if not values_equal(before, values[name], ignore_case=declared.folds_case):
                changes.append(AttributeChange(name, before, values[name]))
        return changes

    # --- people who left

    def _for_leaver(self, identity: Identity, account: Account | None, reason: str) -> Iterator[Operation]:
        if account is None and reason == DEACTIVATED and (unlisted := self._unlisted(identity)) is not None:
            yield unlisted
            return
        if account is None or not self._manages(account, identity):
            if identity.active or account is not None:
                yield self._say(OperationKind.SKIP, identity, account, reason)
            return
        # The mark that the account has, which may be one of before: it is not worth another write.
        mark = self.ownership.owner(account) or identity.external_id
        kind, why, detail = self._leave(mark, account, reason)
        operation = self._write(kind, identity, account, _leaving(kind, account), why, detail)
        yield operation if mark == identity.external_id else replace(operation, external_id=mark)

    def _unlisted(self, identity: Identity) -> Operation | None:
        """What becomes of a leaver's account that the memory knows, and that the system did not list.

        It is looked up by its id before it is written: a list that is cut short must not keep anyone's access.
        """
        external_id = identity.external_id
        account_id = self.ownership.links.get(external_id)
        if account_id is None or external_id in self.disabled_at or account_id in self.gone:
            return None
        if self.policy.on_missing == "ignore" or not self.can.disable or self.index_has(account_id):
            return None
        account = Account(id=account_id, external_id=external_id)
        if self.scope.protects(identity=identity, account=account):
            return self._say(OperationKind.SKIP, identity, account, "protected")
        self.disabled_at[external_id] = self.directory.taken_at.isoformat()
        detail = "the account is missing in the system's list; it is looked up by its id"
        return self._write(
            OperationKind.DISABLE, identity, account, _leaving(OperationKind.DISABLE, account), DEACTIVATED, detail
        )

    def index_has(self, account_id: str) -> bool:
        """Whether the system has listed an account."""
        return bool(self.index.find(ID, account_id)) if self.previous.links else False

    def _for_strays(self, claims: _Claims, matches: list[AccountMatch]) -> Iterator[Operation]:
        """Accounts whose people are not in the directory at all."""
        several = {account.id for match in matches for account in match.several}
        several |= {match.account.id for match in matches if match.account is not None and match.contradiction}
        for account in self.accounts:
            owner = self.ownership.owner(account)
            if not owner and self.policy.manage != "all":
                continue
            # Our mark says whose account it is. That somebody else has the same name does not hide that its person is gone.
            claimed = any(matches[number].by == EXTERNAL_ID or not owner for number in claims.of(account))
            migrates = bool(claims.of(account)) and self._to_migrate(account)
            if claimed or migrates or (not owner and account.id in several) or (owner and not self._orphaned(account)):
                continue
            external_id = owner or account.external_id or f"account:{account.id}"
            label = account.user_name or account.id
            common: dict[str, Any] = {
                "key": external_id,
                "external_id": external_id,
                "label": label,
                "account_id": account.id,
                "version": account.version,
            }
            if self.scope.protects(account=account):
                yield Operation(kind=OperationKind.SKIP, reason="protected", **common)
                continue
            kind, why, detail = self._leave(external_id, account, _ABSENT)
            yield Operation(kind=kind, reason=why, detail=detail, changes=_leaving(kind, account), **common)

    def _leave(self, external_id: str, account: Account, reason: str) -> tuple[OperationKind, str, str]:
        """What becomes of the account of somebody who left: the kind of operation, why, and a sentence."""
        policy = self.policy
        if self.scope.protect_admins and account.admin:
            return OperationKind.SKIP, "administrator", "an administrator's account is not taken away"
        if policy.on_missing == "ignore":
            return OperationKind.SKIP, reason, "the policy leaves accounts of leavers as they are"
        # What was only matched may be another's: it can be enabled again, but not brought back.
        deletes = policy.on_missing == "delete" and (bool(self.ownership.owner(account)) or policy.manage == "all")
        if account.active or deletes:
            if reason != DEACTIVATED:
                runs = self.previous.absent.get(external_id, 0) + 1
                if runs < policy.disable_grace:
                    self.absent[external_id] = runs
                    detail = f"away in {runs} of {policy.disable_grace} runs in a row"
                    return OperationKind.SKIP, f"grace:{reason}", detail
            if deletes:
                return self._deletion(reason)
            if not self.can.disable:
                return OperationKind.SKIP, "cannot_disable", "the system cannot disable accounts"
            self.disabled_at[external_id] = self.directory.taken_at.isoformat()
            return OperationKind.DISABLE, reason, ""
        since = self.previous.disabled_at.get(external_id)
        if policy.delete_after is not None and since is not None:
            age = self.directory.taken_at - datetime.fromisoformat(since)
            if age >= policy.delete_after:
                return self._deletion(f"disabled_since:{since[:10]}")
        return OperationKind.NOOP, reason, ""

    def _deletion(self, reason: str) -> tuple[OperationKind, str, str]:
        if not self.can.delete:
            return OperationKind.SKIP, "cannot_delete", "the system cannot delete accounts"
        return OperationKind.DELETE, reason, ""

    # --- what a plan says beside

    def _manages(self, account: Account, identity: Identity | None = None) -> bool:
        owner = self.ownership.owner(account)
        if identity is not None and owner and owner not in self._marks(identity) and not self._to_migrate(account):
            return False
        return bool(owner) or self.policy.manage != "owned"

    def _say(
        self, kind: OperationKind, identity: Identity, account: Account | None, reason: str, detail: str = ""
    ) -> Operation:
        return Operation(
            kind=kind,
            key=identity.key,
            external_id=identity.external_id,
            label=_label(identity),
            account_id=account.id if account else "",
            reason=reason,
            detail=detail,
        )

    def _write(
        self,
        kind: OperationKind,
        identity: Identity,
        account: Account,
        changes: tuple[AttributeChange, ...],
        reason: str = "",
        detail: str = "",
    ) -> Operation:
        return Operation(
            kind=kind,
            key=identity.key,
            external_id=identity.external_id,
            label=_label(identity),
            account_id=account.id,
            version=account.version,
            changes=changes,
            reason=reason,
            detail=detail,
        )

    def _facts(self, claims: _Claims) -> PlanSummary:
        people = [each for each in self.directory.identities if each.is_active_person]
        everybodys = self.policy.manage == "all"
        matched = self.policy.manage != "owned"
        managed = [
            each for each in self.accounts if everybodys or self.ownership.owner(each) or (matched and claims.of(each))
        ]
        active_links = {
            account_id for mark, account_id in self.previous.links.items() if mark not in self.previous.disabled_at
        }
        listed = {each.id for each in self.accounts}
        return PlanSummary(
            complete=self.directory.complete,
            emails_known=self.directory.emails_known,
            source_users=len(people),
            with_email=sum(bool(each.email) for each in people),
            last_source_users=self.previous.source_users,
            accounts=len(self.accounts),
            managed=len(managed),
            managed_active=sum(each.active for each in managed),
            foreign=len(self.accounts) - len(managed),
            quarantined=self.previous.quarantined,
            known=len(active_links),
            missing=len(active_links - listed),
            first_run=self.previous.is_first_run,
            unremembered=len(self._marked() - set(self.previous.links.values())),
        )

    def _marked(self) -> set[str]:
        return {each.id for each in self.accounts if self.ownership.owner(each)}

    def _state(self) -> SyncState:
        links: dict[str, str] = {}
        for account in self.accounts:
            if owner := self.ownership.owner(account):
                # Of two with one mark it is always the same one, in whatever order they were listed.
                links[owner] = min(account.id, links.get(owner, account.id))
        if self.can.lookup:
            # What a list lacks may be there all the same.
            listed = {each.id for each in self.accounts}
            for external_id, account_id in self.previous.links.items():
                if account_id not in listed and account_id not in self.gone:
                    links.setdefault(external_id, account_id)
        return SyncState(
            absent=self.absent,
            disabled_at={mark: since for mark, since in sorted(self.disabled_at.items()) if mark in links},
            links=dict(sorted(links.items())),
            sources=self.sources if set(self.sources) != set(self.previous.sources) else self.previous.sources,
            not_kept=tuple(sorted(self.not_kept)),
            kept_as={mark: kept for mark, kept in self.previous.kept_as.items() if mark in links},
            source_users=sum(each.is_active_person for each in self.directory.identities),
        )


class _Claims:
    """Which people an account was found for, by their number. For nearly all it is one, which needs no list."""

    def __init__(self, matches: list[AccountMatch]) -> None:
        self._first: dict[str, int] = {}
        self._more: dict[str, list[int]] = {}
        for number, match in enumerate(matches):
            if match.account is None or match.contradiction:
                continue
            first = self._first.setdefault(match.account.id, number)
            if first != number:
                self._more.setdefault(match.account.id, [first]).append(number)

    def of(self, account: Account) -> list[int]:
        """The people whose account it may be."""
        if account.id in self._more:
            return self._more[account.id]
        return [self._first[account.id]] if account.id in self._first else []


def _leaving(kind: OperationKind, account: Account) -> tuple[AttributeChange, ...]:
    if kind == OperationKind.DISABLE:
        return (AttributeChange(ACTIVE, True, False),)
    return (AttributeChange(ACTIVE, account.active, None),) if kind == OperationKind.DELETE else ()


def _label(identity: Identity) -> str:
    return identity.display_name or identity.email or identity.user_name or identity.key
