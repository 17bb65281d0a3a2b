"""Reading the accounts of a system, and doubting what it lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import AuthFailed, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.accounts import ID, Account, IdentityTarget, TargetError
from workplace_provider.identity.matching import lookups, missing_lookups

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Lookup
    from workplace_provider.identity.directory import Directory
    from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope
    from workplace_provider.identity.state import SyncState

log = get_logger(__name__)
SAMPLE: Final = 20
"""Accounts that a list lacks and that are looked up first; when none of them is there, the system is another or empty."""


@dataclass(frozen=True)
class AccountSnapshot:
    """The accounts of a system, as far as they can be known.

    :param accounts: those of its list, and those that the list lacked and that were found by their ids
    :param gone: ids of accounts that the memory knows and that were looked up in vain
    :param unreadable: why the list could not be read; empty when it could
    """

    accounts: list[Account]
    gone: frozenset[str] = frozenset()
    unreadable: str = ""


def read_accounts(
    target: IdentityTarget,
    directory: Directory,
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    previous: SyncState,
) -> AccountSnapshot:
    """Read the accounts of a system for a plan.

    Some services list fewer accounts than they have, and say that these are all. So what the memory knows and the list lacks
    is looked up by its id. When there is no list at all, those who left are looked up: they must not keep their access. When
    a lookup fails, leavers are looked up one by one, and the plan has the others by the links of the memory.

        reading = read_accounts(target, directory, mapping, scope, policy, state)
        plan = make_plan(directory, reading.accounts, mapping, scope, policy, previous=state, gone=reading.gone,
                         unreadable=reading.unreadable, capabilities=target.capabilities)

    :raises AuthFailed: the system does not accept the credential
    :raises WorkplaceError: nothing could be read, and the memory knows no account
    """
    can = target.capabilities
    if not can.listing:
        return AccountSnapshot(list(target.read(lookups(directory, mapping, scope, policy, previous=previous))))
    accounts, unreadable = _list(target, previous)
    if not can.lookup or (can.findable is not None and ID not in can.findable):
        return AccountSnapshot(accounts, unreadable=unreadable)
    missing = missing_lookups(directory, accounts, mapping, scope, policy, previous=previous)
    left = {previous.links.get(identity.external_id) for identity in directory.identities if not identity.active}
    leavers = [lookup for lookup in missing if lookup[0].value in left]
    wanted = leavers if unreadable else missing
    try:
        return _look_up(target, accounts, wanted, unreadable) if wanted else AccountSnapshot(accounts, unreadable=unreadable)
    except AuthFailed:
        raise
    except (WorkplaceError, TargetError) as error:
        log.warning("an account that the list lacks could not be looked up, so only leavers are looked at: %s", error)
        return AccountSnapshot(accounts + _look_up_each(target, leavers), unreadable=unreadable or str(error))


def _look_up_each(target: IdentityTarget, lookups: list[Lookup]) -> list[Account]:
    """Look accounts up one by one; not on and on when none can be read.

    Leavers whose accounts are disabled already must be seen to be: else they would count as accounts to disable, and the
    limit would stop those who left today.
    """
    accounts: list[Account] = []
    for number, lookup in enumerate(lookups):
        if number >= SAMPLE and not accounts:
            break
        try:
            accounts += target.read([lookup])
        except AuthFailed:
            raise
        except (WorkplaceError, TargetError) as error:
            log.warning("the account %s could not be read: %s", lookup[0].value, error)
    return accounts


def _list(target: IdentityTarget, previous: SyncState) -> tuple[list[Account], str]:
    try:
        return list(target.read()), ""
    except AuthFailed:
        raise
    except (WorkplaceError, TargetError) as error:
        if not previous.links:
            raise
        log.warning("the accounts could not be listed, so only leavers are looked at: %s", error)
        return [], str(error)


def _look_up(target: IdentityTarget, accounts: list[Account], missing: list[Lookup], unreadable: str) -> AccountSnapshot:
    first, rest = missing[:SAMPLE], missing[SAMPLE:]
    found = list(target.read(first))
    # A system that has none of the first is empty, or another one: there is no use in asking for the others.
    tried = missing if found else first
    if found and rest:
        found += target.read(rest)
    log.info("%d accounts that the list lacks were looked up, %d of them are there", len(tried), len(found))
    there, known = {account.id for account in found}, {account.id for account in accounts}
    more = list({account.id: account for account in found if account.id not in known}.values())
    return AccountSnapshot(accounts + more, frozenset(lookup[0].value for lookup in tried) - there, unreadable)
