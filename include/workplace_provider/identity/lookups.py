"""The keys by which accounts are looked up one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import EXTERNAL_ID, ID, Account, Lookup, LookupKey
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.matching import earlier_sources, match_value
from workplace_provider.identity.state import SyncState

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope


def lookups(
    directory: Directory,
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    previous: SyncState | None = None,
) -> list[Lookup]:
    """Return the look-ups for a system that cannot list its accounts.

    People out of scope are looked up by our mark only. A person who disappeared from the directory without being
    deactivated has no look-up keys; the state has the accounts that this sync has linked.

    :return: the keys of each person, to be tried in this order
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
    """Return the look-ups for accounts that the state has and the system's list does not.

    Some services list fewer accounts than they have, and report a matching total.

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
    earlier = earlier_sources(identity.external_id, policy, state)
    keys += [LookupKey(EXTERNAL_ID, f"{source}:{identity.key}") for source in earlier]
    if identity.active and not scope.exclusion_reason(identity):
        keys += [
            LookupKey(attribute, str(value))
            for attribute in policy.match_on
            if attribute != EXTERNAL_ID and (value := match_value(mapping, identity, attribute)) is not None
        ]
    return tuple(keys)
