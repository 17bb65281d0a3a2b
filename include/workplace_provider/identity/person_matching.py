"""Finding the account of every person of a directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, ID, USER_NAME, Account
from workplace_provider.identity.matching import (
    NO_MATCH,
    AccountIndex,
    AccountMatch,
    Ownership,
    earlier_sources,
    find_contradiction,
    match_value,
)
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.mapping import AttributeMapping
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope
    from workplace_provider.identity.state import SyncState


class PersonMatcher:
    """Finds the accounts of people, and the people of accounts.

    :param names: keys of people by the user name that they are planned to have, folded; the first person of each name
    """

    def __init__(
        self,
        directory: Directory,
        accounts: Sequence[Account],
        mapping: AttributeMapping,
        scope: Scope,
        policy: SyncPolicy,
        previous: SyncState,
    ) -> None:
        self._directory = directory
        self._mapping = mapping
        self._scope = scope
        self._policy = policy
        self._has_links = bool(previous.links)
        earlier = earlier_sources(f"{directory.source}:", policy, previous)
        self.sources = (directory.source, *earlier)
        self.ownership = Ownership(self.sources, previous)
        linked = (ID,) if self._has_links else ()
        self.index = AccountIndex(accounts, dict.fromkeys((*policy.match_on, EXTERNAL_ID, USER_NAME, *linked)))
        self._people = {identity.external_id for identity in directory.identities}
        self._people |= {f"{source}:{identity.key}" for source in earlier for identity in directory.identities}
        self._names: dict[str, str] = {}

    def find_shared_names(self, reasons: Sequence[str]) -> dict[str, list[str]]:
        """Return the user names that several people are planned to have, folded, with the keys of these people.

        :param reasons: why each person is out of scope; empty for people in scope
        """
        shared: dict[str, list[str]] = {}
        for identity, reason in zip(self._directory.identities, reasons, strict=True):
            if reason or not identity.active:
                continue
            name = match_value(self._mapping, identity, USER_NAME)
            if name is None:
                continue
            first = self._names.setdefault(fold_case(name), identity.key)
            if first != identity.key:
                shared.setdefault(fold_case(name), [first]).append(identity.key)
        return shared

    def match(self, identity: Identity, reason: str) -> AccountMatch:
        """Return the account of a person.

        :param reason: why the person is out of scope
        """
        if owned := self._find_owned(identity):
            return AccountMatch(owned[0], EXTERNAL_ID) if len(owned) == 1 else AccountMatch(by=EXTERNAL_ID, several=owned)
        wanted = identity.active and not reason and not self._scope.reason_to_wait(identity)
        only_owned = not wanted and self._policy.manage == "owned"
        if only_owned and len(self.sources) == 1:
            # An account with the same name or address may belong to anyone.
            return NO_MATCH
        found: dict[str, Account] = {}
        for attribute in self._policy.match_on:
            accounts = self._find_by(attribute, identity)
            if only_owned:
                accounts = tuple(account for account in accounts if self.needs_migration(account))
            if len(accounts) > 1:
                return AccountMatch(by=attribute, several=accounts)
            if accounts and wanted:
                return self._with_contradiction(identity, accounts[0], attribute)
            found |= {account.id: account for account in accounts}
        # All attributes must agree on an account that will be disabled: after it is gone, the next run would find another.
        by = " or ".join(self._policy.match_on)
        if len(found) == 1:
            return self._with_contradiction(identity, next(iter(found.values())), by)
        return AccountMatch(by=by, several=tuple(found.values()))

    def _find_by(self, attribute: str, identity: Identity) -> tuple[Account, ...]:
        value = None if attribute == EXTERNAL_ID else match_value(self._mapping, identity, attribute)
        return self.index.find(attribute, value) if value is not None else ()

    def _find_owned(self, identity: Identity) -> tuple[Account, ...]:
        """Return the accounts of a person by our mark, by an earlier mark, or by the state."""
        marks = self.marks(identity)
        for mark in marks:
            if marked := self.index.find(EXTERNAL_ID, mark):
                return marked
        for mark in marks:
            linked = self.ownership.links.get(mark)
            accounts = self.index.find(ID, linked) if linked else ()
            if accounts := tuple(account for account in accounts if self.ownership.owner(account) == mark):
                return accounts
        return ()

    def marks(self, identity: Identity) -> tuple[str, ...]:
        """Return the mark of a person, and the earlier marks from when the directory had another name."""
        return (identity.external_id, *(f"{source}:{identity.key}" for source in self.sources[1:]))

    def needs_migration(self, account: Account) -> bool:
        """Return whether an account has an earlier mark of ours that belongs to no person of the directory."""
        owner = self.ownership.owner(account)
        return bool(owner) and not owner.startswith(f"{self._directory.source}:") and owner not in self._people

    def is_orphaned(self, account: Account) -> bool:
        """Return whether the owner of an account, by our mark, is no longer in the directory."""
        owner = self.ownership.owner(account)
        return bool(owner) and owner not in self._people

    def is_listed(self, account_id: str) -> bool:
        """Return whether the system has listed an account."""
        return bool(self.index.find(ID, account_id)) if self._has_links else False

    def _with_contradiction(self, identity: Identity, account: Account, by: str) -> AccountMatch:
        """Return a match with the reason why it may be wrong."""
        policy = self._policy
        values = {name: self._mapping.value(identity, name) for name in (USER_NAME, EMAIL, *policy.match_on)}
        against = find_contradiction(account, (identity.email, values[EMAIL] or ""), values, policy.match_on)
        name = fold_case(account.user_name)
        rival = self._names.get(name)
        is_rivals_name = rival not in (None, identity.key) and name != fold_case(values[USER_NAME] or "")
        if not against and by != USER_NAME and is_rivals_name:
            against = f"its user name {account.user_name} is the planned user name of {rival}"
        return AccountMatch(account, by, contradiction=against)


class Claims:
    """The people for whom each account was found, by their number. Nearly every account has one, which needs no list."""

    def __init__(self, matches: Sequence[AccountMatch]) -> None:
        self._first: dict[str, int] = {}
        self._several: dict[str, list[int]] = {}
        for number, match in enumerate(matches):
            if match.account is None or match.contradiction:
                continue
            first = self._first.setdefault(match.account.id, number)
            if first != number:
                self._several.setdefault(match.account.id, [first]).append(number)

    def of(self, account: Account) -> list[int]:
        """Return the people for whom an account was found."""
        if account.id in self._several:
            return self._several[account.id]
        return [self._first[account.id]] if account.id in self._first else []

    def rivals(self, match: AccountMatch, number: int) -> list[int]:
        """Return the other people for whom the account of a match was found; our mark on an account is unambiguous."""
        if match.account is None or match.by == EXTERNAL_ID:
            return []
        return [other for other in self.of(match.account) if other != number]
