"""From a directory and the accounts of a system to a plan. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import ACTIVE, EXTERNAL_ID, ID, USER_NAME, Account, Capabilities
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.matching import NO_MATCH, AccountIndex, Match, Ownership, match_value
from workplace_provider.identity.plan import ORDER, Change, Facts, Operation, OperationKind, Plan
from workplace_provider.identity.state import SyncState
from workplace_provider.identity.text import folded, same

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope

NO_STATE = SyncState()
_DEACTIVATED = "deactivated"
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
    :return: the plan; whether it may be carried out is for the gates to say
    :raises ValueError: an expression failed, or somebody in ``only`` or a group of the scope is not in the directory
    """
    scope.check_groups(directory.groups)
    return _Planning(
        directory,
        list(accounts),
        AttributeMapping.of(mapping),
        scope,
        policy,
        previous or NO_STATE,
        capabilities or Capabilities(),
    ).plan(None if only is None else tuple(only))


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
    ) -> None:
        self.directory = directory
        self.accounts = accounts
        self.mapping = mapping
        self.scope = scope
        self.policy = policy
        self.previous = previous
        self.can = capabilities
        self.ownership = Ownership(directory.source, previous.links)
        linked = (ID,) if previous.links else ()
        self.index = AccountIndex(accounts, dict.fromkeys((*policy.match_on, EXTERNAL_ID, USER_NAME, *linked)))
        self.absent: dict[str, int] = {}
        self.disabled_at = dict(previous.disabled_at)
        self.links = dict(previous.links)

    def plan(self, only: tuple[str, ...] | None) -> Plan:
        people = self.directory.identities
        chosen = range(len(people)) if only is None else self._chosen(only)
        # Everybody is matched also when only some are planned for: an account may be claimed by two people.
        reasons = [self.scope.reason_against(each) for each in people]
        names = self._wanted_names(reasons)
        matches = [self._match(each, reason) for each, reason in zip(people, reasons, strict=True)]
        claims = _Claims(matches)
        operations: list[Operation] = []
        for number in chosen:
            identity, match = people[number], matches[number]
            rivals = self._rivals(match, claims, number)
            operations += self._for_person(identity, reasons[number], match, rivals, names)
        if only is None:
            operations += self._for_strays(claims, matches)
            state = self._state()
        else:
            state = self.previous
        # Three times by what is there, not once by tuples made for it: of a hundred thousand those take much memory.
        for place in (attrgetter("account_id"), attrgetter("key"), lambda each: ORDER[each.kind]):
            operations.sort(key=place)
        return Plan(
            source=self.directory.source,
            taken_at=self.directory.taken_at,
            directory_sha256=self.directory.sha256,
            facts=self._facts(claims),
            operations=tuple(operations),
            state=state,
        )

    def _chosen(self, only: tuple[str, ...]) -> list[int]:
        names: dict[str, list[int]] = {}
        for number, each in enumerate(self.directory.identities):
            for name in {folded(each.key), folded(each.external_id), folded(each.email), folded(each.user_name)}:
                names.setdefault(name, []).append(number)
        found: set[int] = set()
        for name in only:
            numbers = names.get(folded(name)) if name.strip() else None
            if not numbers:
                raise ValueError(f"there is nobody {name!r} in the directory")
            found.update(numbers)
        return sorted(found)

    # --- whose account it is

    def _match(self, identity: Identity, reason: str) -> Match:
        linked = self.ownership.links.get(identity.external_id)
        owned = self.index.find(ID, linked) if linked else ()
        owned = owned or self.index.find(EXTERNAL_ID, identity.external_id)
        if owned:
            return Match(owned[0], EXTERNAL_ID) if len(owned) == 1 else Match(by=EXTERNAL_ID, several=owned)
        wanted = identity.active and not reason and not self.scope.holds_back(identity)
        if not wanted and self.policy.manage == "owned":
            # An account that only has the same name or address may be anybody's.
            return NO_MATCH
        found: dict[str, Account] = {}
        for attribute in self.policy.match_on:
            value = None if attribute == EXTERNAL_ID else match_value(self.mapping, identity, attribute)
            hits = self.index.find(attribute, value) if value is not None else ()
            if len(hits) > 1:
                return Match(by=attribute, several=hits)
            if hits and wanted:
                return Match(hits[0], attribute)
            found |= {each.id: each for each in hits}
        # What is taken away must be found by all attributes alike: with the first account gone, the next would find another.
        by = " or ".join(self.policy.match_on)
        return Match(next(iter(found.values())), by) if len(found) == 1 else Match(by=by, several=tuple(found.values()))

    def _rivals(self, match: Match, claims: _Claims, number: int) -> list[Identity]:
        """The others whose account the match may be as well; our mark on an account settles whose it is."""
        if match.account is None or match.by == EXTERNAL_ID:
            return []
        return [self.directory.identities[each] for each in claims.of(match.account) if each != number]

    def _wanted_names(self, reasons: list[str]) -> dict[str, list[str]]:
        """Keys of the people by the user name that they are to have, for names that several are to have."""
        first: dict[str, str] = {}
        shared: dict[str, list[str]] = {}
        for identity, reason in zip(self.directory.identities, reasons, strict=True):
            if reason or not identity.active:
                continue
            name = match_value(self.mapping, identity, USER_NAME)
            if name is None:
                continue
            there = first.setdefault(folded(name), identity.key)
            if there != identity.key:
                shared.setdefault(folded(name), [there]).append(identity.key)
        return shared

    # --- people of the directory

    def _for_person(
        self, identity: Identity, reason: str, match: Match, rivals: list[Identity], names: Mapping[str, list[str]]
    ) -> Iterator[Operation]:
        if self.scope.protects(identity=identity, account=match.account):
            yield self._say(OperationKind.SKIP, identity, match.account, "protected")
            return
        if match.several:
            ids = ", ".join(sorted(each.id for each in match.several))
            detail = f"{len(match.several)} accounts have the same {match.by}: {ids}"
            yield self._say(OperationKind.CONFLICT, identity, None, "several_accounts", detail)
            return
        if rivals:
            keys = ", ".join(sorted(each.key for each in rivals))
            detail = f"the account {match.account and match.account.id}, found by {match.by}, is also that of {keys}"
            yield self._say(OperationKind.CONFLICT, identity, None, "account_of_several_people", detail)
            return
        if not identity.active or reason:
            yield from self._for_leaver(identity, match.account, reason if identity.active else _DEACTIVATED)
            return
        if back := self.scope.holds_back(identity):
            kept = match.account is not None and self._manages(match.account)
            yield self._say(OperationKind.NOOP if kept else OperationKind.SKIP, identity, match.account, back)
            return
        yield from self._for_member(identity, match, names)

    def _for_member(self, identity: Identity, match: Match, names: Mapping[str, list[str]]) -> Iterator[Operation]:
        values = self.mapping.values(identity)
        if missing := self.mapping.missing(values):
            yield self._say(OperationKind.SKIP, identity, match.account, f"missing:{','.join(missing)}")
            return
        if administrators := self.mapping.administrators(values):
            detail = (
                f"{', '.join(administrators)} would make an administrator, which the mapping does not say in as many words"
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
        if account is not None and (declared.on != "always" or folded(str(name)) == folded(account.user_name)):
            return None
        if others := [key for key in names.get(folded(str(name)), ()) if key != identity.key]:
            return "user_name_shared", f"{name} would also be the user name of {', '.join(others)}"
        taken = [each for each in self.index.find(USER_NAME, str(name)) if account is None or each.id != account.id]
        if taken:
            owner = self.ownership.owner(taken[0]) or taken[0].external_id or "nobody we know"
            return "user_name_taken", f"{name} is the user name of the account {taken[0].id}, which is of {owner}"
        return None

    def _creation(self, identity: Identity, values: Mapping[str, Any]) -> Operation:
        if not self.can.create:
            return self._say(OperationKind.SKIP, identity, None, "cannot_create", "the system cannot create accounts")
        changes = [Change(name, None, value) for name, value in sorted(values.items())]
        if self.can.external_id:
            changes.append(Change(EXTERNAL_ID, None, identity.external_id))
        return Operation(
            kind=OperationKind.CREATE,
            key=identity.key,
            external_id=identity.external_id,
            label=_label(identity),
            changes=tuple(changes),
            secrets=self.mapping.secrets,
        )

    def _linking(self, identity: Identity, match: Match, account: Account, values: Mapping[str, Any]) -> Iterator[Operation]:
        owner = self.ownership.owner(account) or account.external_id
        ours = bool(self.ownership.owner(account))
        if ours or (owner and self.policy.manage == "owned"):
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
            changes = self._changes(account, values)
            if self.can.external_id:
                changes.append(Change(EXTERNAL_ID, None, identity.external_id))
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
        changes = self._changes(account, values)
        returns = not account.active
        if returns and not self.can.enable:
            yield self._say(OperationKind.SKIP, identity, account, "cannot_enable", "the system cannot enable accounts")
            return
        if returns:
            yield self._write(OperationKind.ENABLE, identity, account, (Change(ACTIVE, False, True),), "returned")
        if changes and not self.can.update:
            yield self._say(OperationKind.SKIP, identity, account, "cannot_update", "the system cannot update accounts")
        elif changes:
            yield self._write(OperationKind.UPDATE, identity, account, tuple(changes))
        elif not returns:
            yield self._say(OperationKind.NOOP, identity, account, "")

    def _changes(self, account: Account, values: Mapping[str, Any]) -> list[Change]:
        changes = []
        for name in sorted(values):
            declared = self.mapping.by_target[name]
            before = account.value(name)
            if declared.on == "create" or (declared.on == "empty" and before not in (None, "", [])):
                continue
            if not same(before, values[name], ignore_case=declared.folds_case):
                changes.append(Change(name, before, values[name]))
        return changes

    # --- people who left

    def _for_leaver(self, identity: Identity, account: Account | None, reason: str) -> Iterator[Operation]:
        if account is None or not self._manages(account, identity):
            if identity.active or account is not None:
                yield self._say(OperationKind.SKIP, identity, account, reason)
            return
        kind, why, detail = self._leave(identity.external_id, account, reason)
        yield self._write(kind, identity, account, _leaving(kind, account), why, detail)

    def _for_strays(self, claims: _Claims, matches: list[Match]) -> Iterator[Operation]:
        """Accounts whose people are not in the directory at all."""
        several = {account.id for match in matches for account in match.several}
        for account in self.accounts:
            owner = self.ownership.owner(account)
            if claims.of(account) or account.id in several or not (owner or self.policy.manage == "all"):
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
            if reason != _DEACTIVATED:
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
        if identity is not None and owner and owner != identity.external_id:
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
        changes: tuple[Change, ...],
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

    def _facts(self, claims: _Claims) -> Facts:
        people = [each for each in self.directory.identities if each.person]
        everybodys = self.policy.manage == "all"
        matched = self.policy.manage != "owned"
        managed = [
            each for each in self.accounts if everybodys or self.ownership.owner(each) or (matched and claims.of(each))
        ]
        return Facts(
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
        )

    def _state(self) -> SyncState:
        linked = set(self.links.values())
        there = {each.id for each in self.accounts if each.id in linked}
        return SyncState(
            absent=self.absent,
            disabled_at={
                external_id: since
                for external_id, since in sorted(self.disabled_at.items())
                if self.index.find(EXTERNAL_ID, external_id) or self.links.get(external_id) in there
            },
            links={external_id: account_id for external_id, account_id in sorted(self.links.items()) if account_id in there},
            source_users=sum(each.person for each in self.directory.identities),
        )


class _Claims:
    """Which people an account was found for, by their number. For nearly all it is one, which needs no list."""

    def __init__(self, matches: list[Match]) -> None:
        self._first: dict[str, int] = {}
        self._more: dict[str, list[int]] = {}
        for number, match in enumerate(matches):
            if match.account is None:
                continue
            first = self._first.setdefault(match.account.id, number)
            if first != number:
                self._more.setdefault(match.account.id, [first]).append(number)

    def of(self, account: Account) -> list[int]:
        """The people whose account it may be."""
        if account.id in self._more:
            return self._more[account.id]
        return [self._first[account.id]] if account.id in self._first else []


def _leaving(kind: OperationKind, account: Account) -> tuple[Change, ...]:
    if kind == OperationKind.DISABLE:
        return (Change(ACTIVE, True, False),)
    return (Change(ACTIVE, account.active, None),) if kind == OperationKind.DELETE else ()


def _label(identity: Identity) -> str:
    return identity.display_name or identity.email or identity.user_name or identity.key
