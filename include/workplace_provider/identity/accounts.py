"""The accounts of a system, and the interface of a system whose accounts are synced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from workplace_provider.identity.directory import empty_mapping

EXTERNAL_ID: Final = "externalId"
USER_NAME: Final = "userName"
EMAIL: Final = "emails.value"
ACTIVE: Final = "active"
ID: Final = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the system stores it.

    :param id: the system's own id
    :param external_id: the mark that a sync has written; empty for an account without a mark
    :param emails: addresses, the primary one first
    :param attributes: other attributes by the names that a mapping uses, such as ``name.givenName``
    :param version: the system's version of the account (an ETag); empty when the system has no versions
    :param admin: whether the account belongs to an administrator; ``None`` when the system does not show it
    """

    id: str
    external_id: str = ""
    user_name: str = ""
    emails: tuple[str, ...] = ()
    active: bool = True
    attributes: Mapping[str, Any] = field(default_factory=empty_mapping, hash=False)
    groups: tuple[str, ...] = ()
    version: str = ""
    admin: bool | None = None

    def value(self, attribute: str) -> Any:
        """Return an attribute's value by the name that a mapping uses; ``None`` when it is empty."""
        if attribute == USER_NAME:
            return self.user_name or None
        if attribute == EMAIL:
            return self.emails[0] if self.emails else None
        if attribute == EXTERNAL_ID:
            return self.external_id or None
        if attribute == ACTIVE:
            return self.active
        return self.id if attribute == ID else self.attributes.get(attribute)

    def values(self, attribute: str) -> tuple[str, ...]:
        """Return all values by which the account can be found: every address, not only the primary one."""
        if attribute == EMAIL:
            return self.emails
        value = self.value(attribute)
        return () if value is None else (str(value),)


@dataclass(frozen=True, slots=True)
class LookupKey:
    """An attribute and its value, by which an account is looked up."""

    attribute: str
    value: str


Lookup = tuple[LookupKey, ...]
"""Keys of one person. They are tried in this order until one of them finds an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The operations that a system supports.

    :param external_id: the system stores our mark on an account; otherwise the sync's state stores the links
    :param versions: the system refuses a write to an account that has changed since a given version
    :param lookup: single accounts can be read cheaply; otherwise all accounts are read
    :param listing: all accounts can be listed; otherwise they can only be looked up
    :param bulk: the largest number of writes in one request; 1 without bulk requests
    :param findable: the attributes by which single accounts can be looked up; ``None`` for any
    :param readable: the attributes that the system returns; ``None`` for any
    :param check: returns the reason why the system would refuse some values, such as a role that its description does not
        allow; an empty text when it would accept them
    """

    external_id: bool = True
    versions: bool = False
    lookup: bool = True
    listing: bool = True
    bulk: int = 1
    create: bool = True
    update: bool = True
    enable: bool = True
    disable: bool = True
    delete: bool = True
    findable: frozenset[str] | None = None
    readable: frozenset[str] | None = None
    check: Callable[[str, Mapping[str, Any]], str] | None = field(default=None, compare=False, repr=False)


class WriteKind(StrEnum):
    """The kind of a write to one account."""

    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write to one account.

    :param values: attributes by name; an update has only those that change
    :param secrets: attributes whose values never appear in reports, plans or logs
    """

    kind: WriteKind
    account_id: str = ""
    version: str = ""
    values: Mapping[str, Any] = field(default_factory=empty_mapping, hash=False)
    secrets: Mapping[str, str] = field(default_factory=empty_mapping, hash=False, repr=False)


class TargetError(Exception):
    """A request to a system failed.

    :param message: a sentence without secrets
    :param fatal: all further requests would fail as well, such as after a refused credential
    :param outcome_unknown: the system may have done the write
    :param invalid: the system refuses these values, also in a retry
    :param unsupported: the system does not have the feature or the attribute
    """

    def __init__(
        self,
        message: str,
        *,
        fatal: bool = False,
        outcome_unknown: bool = False,
        invalid: bool = False,
        unsupported: bool = False,
    ) -> None:
        super().__init__(message)
        self.fatal = fatal
        self.outcome_unknown = outcome_unknown
        self.invalid = invalid
        self.unsupported = unsupported


class AccountExists(TargetError):
    """An account with this name already exists."""


class AccountChanged(TargetError):
    """The account has changed since it was read."""


class AccountMissing(TargetError):
    """The account no longer exists."""


class IdentityTarget(Protocol):
    """A system whose accounts are synced. Its methods may be called from several threads."""

    @property
    def name(self) -> str:
        """The system's name in reports."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """The operations that the system supports."""
        ...

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """Return the accounts that the look-ups find; all accounts for ``None``."""
        ...

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Create an account.

        :raises AccountExists: an account with this name exists
        :raises TargetError: the account was not created, or the outcome is unknown
        """
        ...

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account | None:
        """Set attributes of an account. Other attributes do not change.

        :return: the account after the update, when the system returns it
        :raises AccountChanged: the account has another version
        :raises AccountMissing: the account no longer exists
        """
        ...

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account | None:
        """Enable or disable an account; see :meth:`update`."""
        ...

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete an account; see :meth:`update`."""
        ...

    def close(self) -> None:
        """Close connections and files."""
        ...


@runtime_checkable
class BulkTarget(Protocol):
    """A system that accepts several writes in one request."""

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Send several writes.

        :return: for each write the account, ``None`` when the system does not return it, or the error
        """
        ...


def apply_write(target: IdentityTarget, write: Write) -> Account | None:
    """Send one write with the target's method for it."""
    if write.kind == WriteKind.CREATE:
        return target.create(write.values, write.secrets)
    if write.kind == WriteKind.UPDATE:
        return target.update(write.account_id, write.values, write.version)
    if write.kind == WriteKind.DELETE:
        target.delete(write.account_id, write.version)
        return None
    return target.set_active(write.account_id, write.kind == WriteKind.ENABLE, write.version)
