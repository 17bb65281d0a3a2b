"""Whose account it is: attributes tried in turn, and never a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import EXTERNAL_ID, ID, Account, Key, Lookup
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.text import folded

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope
    from workplace_provider.identity.state import SyncState


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for a person.

    :param account: the only hit; ``None`` when there is none
    :param by: the attribute that found it
    :param several: the hits, when there is more than one
    """

    account: Account | None = None
    by: str = ""
    several: tuple[Account, ...] = ()


NO_MATCH = Match()


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
                    name = comparable(attribute, value)
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
        there = self._found[attribute].get(comparable(attribute, value), ())
        return there if isinstance(there, tuple) else (there,)


def comparable(attribute: str, value: str) -> str:
    """A value as it is compared: ids to the letter (RFC 7643 3.1), names and addresses in any case."""
    return value if attribute in (EXTERNAL_ID, ID) else folded(value)


def is_found_by(account: Account, key: Key) -> bool:
    """Whether an account has what it is looked up by; a system may find more, such as ids in any case."""
    wanted = comparable(key.attribute, key.value)
    return any(comparable(key.attribute, value) == wanted for value in account.values(key.attribute))


class Ownership:
    """Which accounts carry our mark, on them or in the state of the sync.

    :param source: what our external ids begin with
    :param links: by external id, the account, for systems that keep no external id
    """

    def __init__(self, source: str, links: Mapping[str, str]) -> None:
        self._prefix = f"{source}:"
        self.links = links
        self._owners = {account_id: external_id for external_id, account_id in links.items()}

    def owner(self, account: Account) -> str:
        """The external id of the person whose account it is; empty when it is none of ours."""
        if account.external_id.startswith(self._prefix):
            return account.external_id
        return self._owners.get(account.id, "")


def lookups(
    directory: Directory,
    mapping: AttributeMapping | Iterable[AttributeMap],
    scope: Scope,
    policy: SyncPolicy,
    previous: SyncState | None = None,
) -> list[Lookup]:
    """What to look up in a system that cannot list its accounts.

    People out of scope are looked up by our mark alone. Who vanished from the directory without being deactivated cannot be
    found so; the state knows those that this sync has linked.

    :return: the keys of each person, to be tried in turn
    """
    mapping = AttributeMapping.of(mapping)
    links = previous.links if previous else {}
    asked: list[Lookup] = []
    for identity in directory.identities:
        wanted = identity.active and not scope.reason_against(identity)
        keys = [Key(EXTERNAL_ID, identity.external_id)]
        if identity.external_id in links:
            keys.insert(0, Key(ID, links[identity.external_id]))
        if wanted:
            keys += [
                Key(attribute, str(value))
                for attribute in policy.match_on
                if attribute != EXTERNAL_ID and (value := match_value(mapping, identity, attribute)) is not None
            ]
        asked.append(tuple(keys))
    known = {identity.external_id for identity in directory.identities}
    asked += [(Key(ID, account_id),) for external_id, account_id in links.items() if external_id not in known]
    return asked


def match_value(mapping: AttributeMapping, identity: Identity, attribute: str) -> str | None:
    """What a person is looked for by under an attribute."""
    value = mapping.value(identity, attribute)
    return None if value is None or isinstance(value, list) else str(value)
