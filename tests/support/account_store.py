from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workplace_provider.identity import (
    Account,
    AccountChanged,
    AccountExists,
    AccountMissing,
    Capabilities,
    Lookup,
)


@dataclass
class AccountStore:
    """A system in memory, which counts its writes and can be told to fail."""

    accounts: dict[str, Account] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(versions=False))
    name: str = "memory"
    unique_names: bool = True
    before_write: Callable[[str], None] = lambda _: None
    after_write: Callable[[str], None] = lambda _: None
    written: list[tuple[str, str]] = field(default_factory=list)
    secrets: dict[str, Mapping[str, str]] = field(default_factory=dict)
    reads: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._made = 0

    @classmethod
    def of(cls, accounts: Iterable[Account], **more: Any) -> AccountStore:
        return cls({each.id: each for each in accounts}, **more)

    def read(self, lookups: Sequence[Lookup] | None = None) -> list[Account]:
        self.reads += 1
        everybody = list(self.accounts.values())
        if lookups is None:
            return everybody
        found: dict[str, Account] = {}
        for keys in lookups:
            for key in keys:
                same = key.value if key.attribute in ("id", "externalId") else key.value.lower()
                hits = [
                    each
                    for each in everybody
                    if same
                    in [v if key.attribute in ("id", "externalId") else v.lower() for v in each.values(key.attribute)]
                ]
                if hits:
                    found |= {each.id: each for each in hits}
                    break
        return list(found.values())

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        with self._write("create", str(values.get("userName"))):
            names = {each.user_name.casefold() for each in self.accounts.values()}
            if self.unique_names and str(values.get("userName", "")).casefold() in names:
                raise AccountExists("there is one of that name")
            self._made += 1
            account = _with(Account(id=f"new-{self._made:04}", version="1"), values)
            self.accounts[account.id] = account
            self.secrets[account.id] = secrets
        return account

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        with self._write("update", account_id):
            account = self._current(account_id, version)
            self.accounts[account_id] = _next(_with(account, values))
        return self.accounts[account_id]

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        with self._write("enable" if active else "disable", account_id):
            self.accounts[account_id] = _next(replace(self._current(account_id, version), active=active))
        return self.accounts[account_id]

    def delete(self, account_id: str, version: str = "") -> None:
        with self._write("delete", account_id):
            self._current(account_id, version)
            del self.accounts[account_id]

    def _current(self, account_id: str, version: str) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            raise AccountMissing(f"there is no account {account_id}")
        if self.capabilities.versions and version and version != account.version:
            raise AccountChanged(f"version {account.version} is not {version}")
        return account

    def _write(self, kind: str, whom: str) -> _Writing:
        return _Writing(self, kind, whom)


@dataclass
class _Writing:
    store: AccountStore
    kind: str
    whom: str

    def __enter__(self) -> None:
        self.store._lock.acquire()
        try:
            self.store.written.append((self.kind, self.whom))
            self.store.before_write(self.whom)
        except BaseException:
            self.store._lock.release()
            raise

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.store.after_write(self.whom)
        finally:
            self.store._lock.release()


def _next(account: Account) -> Account:
    return replace(account, version=str(int(account.version or 0) + 1))


def _with(account: Account, values: Mapping[str, Any]) -> Account:
    known = {"externalId": "external_id", "userName": "user_name"}
    given = {known[name]: value for name, value in values.items() if name in known}
    if "emails.value" in values:
        given["emails"] = (values["emails.value"], *account.emails[1:])
    rest = {name: value for name, value in values.items() if name not in known and name != "emails.value"}
    return replace(account, **given, attributes={**account.attributes, **rest})
