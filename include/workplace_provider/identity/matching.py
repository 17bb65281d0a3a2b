"""Whose account it is: attributes tried in turn, and never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, ID, USER_NAME, Account, Lookup, LookupKey
from workplace_provider.identity.learning import fingerprint
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.state import SyncState
from workplace_provider.identity.text import fold_case, values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope


@dataclass(frozen=True, slots=True)
class AccountMatch:
    """What was found for a person.

    :param account: the only hit; ``None`` when there is none
    :param by: the attribute that found it
    :param several: the hits, when there is more than one
    :param contradiction: what speaks against the hit, when another identifying attribute is somebody else's
    """

    account: Account | None = None
    by: str = ""
    several: tuple[Account, ...] = ()
    contradiction: str = ""


NO_MATCH = AccountMatch()


class AccountIndex:
    """Accounts by what they can be found by.

    :param accounts: the accounts
    :param attributes: attributes to find them by
    """

    def __init__(self, accounts: Sequence[Account], attributes: Iterable[str]) -> None:
        self._found: dict[str, dict[str, Account | tuple[Account, ...]]] = {}
        for attribute in attributes:
            index: dict[str, Account | tuple[Account, ...]] = {}
            for account in accounts:
                for value in account.values(attribute):
                    name = comparison_key(attribute, value)
                    there = index.get(name)
                    if there is None:
                        index[name] = account
                    elif isinstance(there, tuple):
                        if account not in there:
                            index[name] = (*there, account)
                    elif there is not account:
                        index[name] = (there, account)
            self._found[attribute] = index

    def find(self, attribute: str, value: str) -> tuple[Account, ...]:
        """The accounts that have a value; empty for none."""
        there = self._found[attribute].get(comparison_key(attribute, value), ())
        return there if isinstance(there, tuple) else (there,)


def comparison_key(attribute: str, value: str) -> str:
    """Return a value as it is compared: ids to the letter (RFC 7643 3.1), names and addresses in any case."""
    return value if attribute in (EXTERNAL_ID, ID) else fold_case(value)


def matches_key(account: Account, key: LookupKey) -> bool:
    """Whether an account has what it is looked up by; a system may find more, such as ids in any case."""
    wanted = comparison_key(key.attribute, key.value)
    return any(comparison_key(key.attribute, value) == wanted for value in account.values(key.attribute))


class Ownership:
    """Which accounts carry our mark, on them or in the memory of the sync.

    :param sources: what our external ids begin with, or began with before the directory got another name
    :param previous: the memory of the last run
    """

    def __init__(self, sources: Iterable[str], previous: SyncState) -> None:
        self._prefixes = tuple(f"{source}:" for source in sources)
        self.links = previous.links
        self._owners = {account_id: external_id for external_id, account_id in previous.links.items()}
        self._kept_as = previous.kept_as

    def owner(self, account: Account) -> str:
        """Return the external id of the person whose account it is; empty when it is none of ours.

        The mark on the account counts. Where it has none, since the system keeps none or somebody erased it, the
        memory does.
        """
        mark = account.external_id
        if mark.startswith(self._prefixes):
            return mark
        owner = self._owners.get(account.id, "")
        if mark and owner:
            # Some systems change a mark, such as to lower case; then it is the one that they made of ours.
            known = self._kept_as.get(owner, {}).get(EXTERNAL_ID)
            return owner if known == fingerprint(owner, mark) else ""
        return owner


def find_contradiction(
    account: Account, addresses: Iterable[str], values: Mapping[str, Any], match_on: Iterable[str]
) -> str:
    """Return why an account that was found by one identifying attribute is another's by the next; empty when it is not.

    A user name alone says little, since every system has its own, unless it is an address. An account with another address
    would change hands with the address.

    :param addresses: the addresses that the person has, or is to have
    :param values: what the person is to have for every attribute
    :param match_on: the attributes that identify
    """
    mine = {fold_case(each) for each in addresses if each}
    there = {fold_case(each) for each in account.emails}
    if mine and there and mine.isdisjoint(there):
        return f"its address is {account.emails[0]}"
    name = fold_case(account.user_name)
    if mine and "@" in name and name not in mine | {fold_case(values.get(USER_NAME) or "")}:
        return f"its user name is the address {account.user_name}"
    for attribute in match_on:
        wanted, present = values.get(attribute), account.value(attribute)
        if attribute in (EXTERNAL_ID, USER_NAME, EMAIL) or wanted is None or present in (None, "", []):
            continue
        if not values_equal(wanted, present, ignore_case=True):
            return f"its {attribute} is {present}"
    return ""


def lookups(
    directory: Directory,
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    previous: SyncState | None = None,
) -> list[Lookup]:
    """Return what to look up in a system that cannot list its accounts.

    People out of scope are looked up by our mark alone. Who vanished from the directory without being deactivated cannot be
    found so; the memory knows those that this sync has linked.

    :return: the keys of each person, to be tried in turn
    """
    mapping = AttributeMapping.of(mapping)
    state = previous or SyncState()
    requested = [_keys(identity, mapping, scope, policy, state) for identity in directory.identities]
    known = {identity.external_id for identity in directory.identities}
    return requested + [
        (LookupKey(ID, account_id),) for external_id, account_id in state.links.items() if external_id not in known
    ]


def missing_lookups(
    directory: Directory,
    accounts: Iterable[Account],
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    previous: SyncState | None = None,
) -> list[Lookup]:
    """Return what to look up although the system has listed its accounts: those that the memory knows and the list lacks.

    Some services list fewer accounts than they have, and say that these are all.

    :param accounts: the accounts of the list
    """
    mapping = AttributeMapping.of(mapping)
    state = previous or SyncState()
    listed = {account.id for account in accounts}
    people = {identity.external_id: identity for identity in directory.identities}
    requested: list[Lookup] = []
    for external_id, account_id in state.links.items():
        if account_id in listed:
            continue
        identity = people.get(external_id)
        key = LookupKey(ID, account_id)
        requested.append((key,) if identity is None else _keys(identity, mapping, scope, policy, state))
    return requested


def _keys(
    identity: Identity, mapping: AttributeMapping, scope: Scope, policy: SyncPolicy, state: SyncState
) -> tuple[LookupKey, ...]:
    keys = [LookupKey(EXTERNAL_ID, identity.external_id)]
    if identity.external_id in state.links:
        keys.insert(0, LookupKey(ID, state.links[identity.external_id]))
    keys += [
        LookupKey(EXTERNAL_ID, f"{source}:{identity.key}") for source in earlier_sources(identity.external_id, policy, state)
    ]
    if identity.active and not scope.exclusion_reason(identity):
        keys += [
            LookupKey(attribute, str(value))
            for attribute in policy.match_on
            if attribute != EXTERNAL_ID and (value := match_value(mapping, identity, attribute)) is not None
        ]
    return tuple(keys)


def earlier_sources(external_id: str, policy: SyncPolicy, state: SyncState) -> tuple[str, ...]:
    """Return what external ids began with before, other than this one does."""
    known = dict.fromkeys((*state.sources, *((policy.migrate_from,) if policy.migrate_from else ())))
    return tuple(source for source in known if not external_id.startswith(f"{source}:"))


def match_value(mapping: AttributeMapping, identity: Identity, attribute: str) -> str | None:
    """What a person is looked for by under an attribute."""
    value = mapping.value(identity, attribute)
    return None if value is None or isinstance(value, list) else str(value)
