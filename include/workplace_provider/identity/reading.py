"""Reading the accounts of a system, and checking whether its list is complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import AuthFailed, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.accounts import ID, Account, IdentityTarget, TargetError
from workplace_provider.identity.lookups import lookups, missing_lookups

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Lookup
    from workplace_provider.identity.directory import Directory
    from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope
    from workplace_provider.identity.state import SyncState

log = get_logger(__name__)
SAMPLE: Final = 20
"""Number of missing accounts that are looked up first. If none exists, the system is empty or another one."""


@dataclass(frozen=True)
class AccountSnapshot:
    """The accounts of a system at one moment, as far as they could be read.

    :param accounts: the listed accounts, and those that the list did not have and that were found by their ids
    :param gone: ids of accounts of the state that were looked up and do not exist
    :param unreadable: the reason why the accounts could not be read completely; empty when they could
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

    Some services list fewer accounts than they have, and report a matching total. So accounts that the state has and the
    list does not are looked up by their ids. Without a list, leavers are looked up, because they must not keep their
    access. When a look-up fails, leavers are looked up one by one, and the plan has the other accounts by the links of the
    state::

        snapshot = read_accounts(target, directory, mapping, scope, policy, state)
        plan = make_plan(directory, snapshot.accounts, mapping, scope, policy, previous=state, gone=snapshot.gone,
                         unreadable=snapshot.unreadable, capabilities=target.capabilities)

    :raises AuthFailed: the system does not accept the credential
    :raises WorkplaceError: nothing could be read, and the state has no accounts
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
    if not wanted:
        return AccountSnapshot(accounts, unreadable=unreadable)
    try:
        return _look_up_missing(target, accounts, wanted, unreadable)
    except AuthFailed:
        raise
    except (WorkplaceError, TargetError) as error:
        log.warning("Looking up an account that the list does not have failed; only leavers are planned: %s", error)
        return AccountSnapshot(accounts + _look_up_each(target, leavers), unreadable=unreadable or str(error))


def _look_up_each(target: IdentityTarget, lookups: list[Lookup]) -> list[Account]:
    """Return the accounts that can be looked up one by one; stop when none of the first ones can be read.

    Accounts of earlier leavers that are already disabled must be read. Otherwise the plan would disable them again, and
    the limit ``max_disable`` would block the leavers of today.
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
            log.warning("The account %s could not be read: %s", lookup[0].value, error)
    return accounts


def _list(target: IdentityTarget, previous: SyncState) -> tuple[list[Account], str]:
    """Return the listed accounts, and the reason if they could not be listed."""
    try:
        return list(target.read()), ""
    except AuthFailed:
        raise
    except (WorkplaceError, TargetError) as error:
        if not previous.links:
            raise
        log.warning("The accounts could not be listed; only leavers are planned: %s", error)
        return [], str(error)


def _look_up_missing(
    target: IdentityTarget, accounts: list[Account], missing: list[Lookup], unreadable: str
) -> AccountSnapshot:
    """Return the listed accounts and those that the list did not have."""
    first, rest = missing[:SAMPLE], missing[SAMPLE:]
    found = list(target.read(first))
    # If none of the first ones exists, the system is empty or another one, so the others are not looked up.
    tried = missing if found else first
    if found and rest:
        found += target.read(rest)
    log.info("%d accounts that the list does not have were looked up; %d exist", len(tried), len(found))
    existing, listed = {account.id for account in found}, {account.id for account in accounts}
    more = list({account.id: account for account in found if account.id not in listed}.values())
    return AccountSnapshot(accounts + more, frozenset(lookup[0].value for lookup in tried) - existing, unreadable)
