"""Matching accounts to people by identifying attributes. Ambiguous matches are reported, not resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, ID, USER_NAME, Account, LookupKey
from workplace_provider.identity.learning import fingerprint
from workplace_provider.identity.text import fold_case, values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity
    from workplace_provider.identity.mapping import AttributeMapping
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.state import SyncState


@dataclass(frozen=True, slots=True)
class AccountMatch:
    """The accounts that were found for a person.

    :param account: the only match; ``None`` when there is none
    :param by: the attribute that matched
    :param several: all matches, when there is more than one
    :param contradiction: the reason why the match may be another person's account, by another identifying attribute
    """

    account: Account | None = None
    by: str = ""
    several: tuple[Account, ...] = ()
    contradiction: str = ""


NO_MATCH = AccountMatch()


class AccountIndex:
    """An index of accounts by the values of some attributes."""

    def __init__(self, accounts: Sequence[Account], attributes: Iterable[str]) -> None:
        self._by_attribute = {attribute: _index_by(attribute, accounts) for attribute in attributes}

    def find(self, attribute: str, value: str) -> tuple[Account, ...]:
        """Return the accounts that have a value; empty for none."""
        found = self._by_attribute[attribute].get(comparison_key(attribute, value), ())
        return found if isinstance(found, tuple) else (found,)


def _index_by(attribute: str, accounts: Sequence[Account]) -> dict[str, Account | tuple[Account, ...]]:
    """Return accounts by the values of an attribute. Nearly all values have one account, which needs no tuple."""
    index: dict[str, Account | tuple[Account, ...]] = {}
    for account in accounts:
        for value in account.values(attribute):
            key = comparison_key(attribute, value)
            present = index.get(key)
            if present is None:
                index[key] = account
            elif isinstance(present, tuple):
                if account not in present:
                    index[key] = (*present, account)
            elif present is not account:
                index[key] = (present, account)
    return index


def comparison_key(attribute: str, value: str) -> str:
    """Return the form of a value for comparisons: ids are case-sensitive (RFC 7643 3.1), names and addresses are not."""
    return value if attribute in (EXTERNAL_ID, ID) else fold_case(value)


def matches_key(account: Account, key: LookupKey) -> bool:
    """Return whether an account has the value of a key; a system may return more, such as ids in another case."""
    wanted = comparison_key(key.attribute, key.value)
    return any(comparison_key(key.attribute, value) == wanted for value in account.values(key.attribute))


class Ownership:
    """The people to whom accounts belong, by our mark on the account or by the links of the state.

    :param sources: the prefixes of our external ids, earlier ones of the directory included
    :param previous: the state of the last run
    """

    def __init__(self, sources: Iterable[str], previous: SyncState) -> None:
        self._prefixes = tuple(f"{source}:" for source in sources)
        self.links = previous.links
        self._owners = {account_id: external_id for external_id, account_id in previous.links.items()}
        self._kept_as = previous.kept_as

    def owner(self, account: Account) -> str:
        """Return the external id of the account's owner; empty when the account is not ours.

        The mark on the account has priority. Without a mark, because the system does not store it or someone deleted it,
        the link of the state is used.
        """
        mark = account.external_id
        if mark.startswith(self._prefixes):
            return mark
        owner = self._owners.get(account.id, "")
        if mark and owner:
            # Some systems change a mark, such as to lower case. Then the fingerprint of the changed mark is in the state.
            stored = self._kept_as.get(owner, {}).get(EXTERNAL_ID)
            return owner if stored == fingerprint(owner, mark) else ""
        return owner


def find_contradiction(
    account: Account, addresses: Iterable[str], values: Mapping[str, Any], match_on: Iterable[str]
) -> str:
    """Return the reason why a matched account may be another person's, by another identifying attribute; else empty.

    A user name alone is weak evidence, because every system has its own names, unless it is an e-mail address. Linking an
    account with another address would give it to another person.

    :param addresses: the current and the planned addresses of the person
    :param values: the planned values of the person
    :param match_on: the identifying attributes
    """
    expected = {fold_case(address) for address in addresses if address}
    present = {fold_case(address) for address in account.emails}
    if expected and present and expected.isdisjoint(present):
        return f"its address is {account.emails[0]}"
    name = fold_case(account.user_name)
    if expected and "@" in name and name not in expected | {fold_case(values.get(USER_NAME) or "")}:
        return f"its user name is the address {account.user_name}"
    for attribute in match_on:
        wanted, value = values.get(attribute), account.value(attribute)
        if attribute in (EXTERNAL_ID, USER_NAME, EMAIL) or wanted is None or value in (None, "", []):
            continue
        if not values_equal(wanted, value, ignore_case=True):
            return f"its {attribute} is {value}"
    return ""


def earlier_sources(external_id: str, policy: SyncPolicy, state: SyncState) -> tuple[str, ...]:
    """Return the earlier prefixes of external ids, without the prefix of this one."""
    known = dict.fromkeys((*state.sources, *((policy.migrate_from,) if policy.migrate_from else ())))
    return tuple(source for source in known if not external_id.startswith(f"{source}:"))


def match_value(mapping: AttributeMapping, identity: Identity, attribute: str) -> str | None:
    """Return the value of an attribute by which a person's account is looked for."""
    value = mapping.value(identity, attribute)
    return None if value is None or isinstance(value, list) else str(value)
