"""Reading accounts again while a plan is applied."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.accounts import ID, Account, IdentityTarget, Lookup, LookupKey, TargetError
from workplace_provider.identity.matching import AccountIndex, matches_key

log = get_logger(__name__)
MAX_SINGLE_READS: Final = 20
"""Up to this number, accounts are read back one by one; otherwise the list is read once."""


class AccountReader:
    """Reads accounts of a system one by one, or from one list where the system has no cheap look-up.

    :param attributes: attributes by which accounts are looked for
    """

    def __init__(self, target: IdentityTarget, attributes: Iterable[str]) -> None:
        self._target = target
        self._can = target.capabilities
        self._attributes = tuple(dict.fromkeys(attributes))
        self._lock = threading.Lock()
        self._listed: dict[str, Account] | None = None
        self._index: AccountIndex | None = None

    @property
    def uses_list(self) -> bool:
        """Return whether accounts come from a list that was read at the start of the run."""
        return self._listed is not None

    def list_without_lookup(self) -> None:
        """Read the list of accounts if the system cannot look up single accounts."""
        if not self._can.lookup:
            self._listed = {account.id: account for account in self._target.read()}

    def fetch(self, account_id: str) -> Account | None:
        """Return an account by its id; ``None`` if it does not exist."""
        if self._listed is not None:
            return self._listed.get(account_id)
        accounts = self._read((LookupKey(ID, account_id),))
        return next((account for account in accounts if account.id == account_id), None)

    def find(self, keys: Sequence[LookupKey], others: set[str], *, was_created: bool) -> list[Account]:
        """Return the accounts that the first successful key finds.

        :param others: ids of accounts that belong to other people
        :param was_created: the account may have been created by this sync, so a failing look-up is an error
        """
        if was_created or self._can.findable is None or all(key.attribute in self._can.findable for key in keys):
            for key in keys:
                accounts = self._read_findable(key, must_succeed=was_created)
                if found := [account for account in accounts if matches_key(account, key) and account.id not in others]:
                    return found
            return []
        # Each of these look-ups would read the whole list.
        index = self._all_accounts()
        for key in keys:
            if found := [account for account in index.find(key.attribute, key.value) if account.id not in others]:
                return found
        return []

    def read_back(self, ids: set[str]) -> dict[str, Account]:
        """Return accounts after they were written, by id; empty when they cannot be read."""
        try:
            if self._can.lookup and len(ids) <= MAX_SINGLE_READS:
                accounts = list(self._target.read([(LookupKey(ID, account_id),) for account_id in sorted(ids)]))
            elif self._can.listing:
                accounts = list(self._target.read())
            else:
                return {}
        except Exception as error:
            log.warning("Written accounts could not be read back: %s", error)
            return {}
        return {account.id: account for account in accounts}

    def _read_findable(self, key: LookupKey, *, must_succeed: bool) -> list[Account]:
        try:
            return self._read((key,))
        except TargetError as error:
            # A service may not support a search by every attribute. An account that we may have created must be found.
            if must_succeed or not error.invalid:
                raise
            return []

    def _read(self, lookup: Lookup) -> list[Account]:
        try:
            return list(self._target.read([lookup]))
        except TargetError:
            raise
        except Exception as error:
            refused = getattr(error, "status", None) in (400, 403, 422, 501)
            raise TargetError(f"The account could not be read: {error}", invalid=refused) from error

    def _all_accounts(self) -> AccountIndex:
        """Return an index of all accounts, read when the first account was to be created."""
        with self._lock:
            if self._index is None:
                accounts = list(self._listed.values()) if self._listed is not None else list(self._target.read())
                self._index = AccountIndex(accounts, self._attributes)
            return self._index
