"""The accounts of a system, and what a system must be able to do to have them kept in step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from workplace_provider.identity.directory import nothing

EXTERNAL_ID: Final = "externalId"
USER_NAME: Final = "userName"
EMAIL: Final = "emails.value"
ACTIVE: Final = "active"
ID: Final = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the system holds it.

    :param id: the system's own id of it
    :param external_id: the mark that a sync has put on it; empty when there is none
    :param emails: the primary one first
    :param attributes: other attributes by the names that a mapping uses, such as ``name.givenName``
    :param version: the system's version of it (an ETag); empty when it has none
    :param admin: whether it is an administrator's; ``None`` when the system does not tell
    """

    id: str
    external_id: str = ""
    user_name: str = ""
    emails: tuple[str, ...] = ()
    active: bool = True
    attributes: Mapping[str, Any] = field(default_factory=nothing, hash=False)
    groups: tuple[str, ...] = ()
    version: str = ""
    admin: bool | None = None

    def value(self, attribute: str) -> Any:
        """What the account has under a mapping's name; ``None`` for nothing."""
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
        """What the account can be found by under a name: every address, not only the first."""
        if attribute == EMAIL:
            return self.emails
        value = self.value(attribute)
        return () if value is None else (str(value),)


@dataclass(frozen=True, slots=True)
class Key:
    """What an account is looked up by: an attribute, and the value that it has."""

    attribute: str
    value: str


Lookup = tuple[Key, ...]
"""Keys of one person, to be tried in turn until one of them finds something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a system can do.

    :param external_id: it keeps our mark on an account; otherwise the links are kept in the state of the sync
    :param versions: it refuses a write to an account that has changed since a given version
    :param lookup: single accounts can be read cheaply; otherwise all are read
    :param listing: all accounts can be read; otherwise only those that are looked up
    :param bulk: how many writes it takes in one request; 1 when it takes no more
    :param findable: the attributes that single accounts can be looked up by; ``None`` for any
    :param readable: the attributes that it shows; ``None`` for any
    :param check: says what speaks against values that would be written, such as a role that the system's description does
        not allow; nothing when it returns an empty text
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
    """What is done to one account."""

    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change of one account.

    :param values: attributes by name; for an update those that change
    :param secrets: attributes that are never shown
    """

    kind: WriteKind
    account_id: str = ""
    version: str = ""
    values: Mapping[str, Any] = field(default_factory=nothing, hash=False)
    secrets: Mapping[str, str] = field(default_factory=nothing, hash=False, repr=False)


class TargetError(Exception):
    """A system did not do what it was asked to.

    :param message: a sentence without secrets
    :param fatal: whatever else is asked will fail as well, such as after a refused credential
    :param outcome_unknown: it may have done it all the same
    :param invalid: it does not take what it was sent, and never will
    :param unsupported: it does not have that at all, such as an attribute that it does not know
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
    """There is an account of that name already."""


class AccountChanged(TargetError):
    """Somebody changed the account since it was read."""


class AccountMissing(TargetError):
    """There is no such account any more."""


class IdentityTarget(Protocol):
    """A system whose accounts are kept in step. Its methods may be called from several threads."""

    @property
    def name(self) -> str:
        """The system's name, for reports."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """The accounts that one of the keys of a look-up finds, or all when it is ``None``."""
        ...

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Make an account.

        :raises AccountExists: there is one of that name
        :raises TargetError: it was not made, or it is not known
        """
        ...

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account | None:
        """Set attributes of an account, and leave the others as they are.

        :return: the account as it is now, where the system tells
        :raises AccountChanged: it has another version now
        :raises AccountMissing: it is gone
        """
        ...

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account | None:
        """Enable or disable an account; see :meth:`update`."""
        ...

    def delete(self, account_id: str, version: str = "") -> None:
        """Delete an account; see :meth:`update`."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


@runtime_checkable
class BulkTarget(Protocol):
    """A system that takes several writes in one request."""

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Carry out writes.

        :return: for each of them the account where the system tells, ``None``, or what went wrong
        """
        ...


def carry_out(target: IdentityTarget, write: Write) -> Account | None:
    """Carry out one write by the method that is meant for it."""
    if write.kind == WriteKind.CREATE:
        return target.create(write.values, write.secrets)
    if write.kind == WriteKind.UPDATE:
        return target.update(write.account_id, write.values, write.version)
    if write.kind == WriteKind.DELETE:
        target.delete(write.account_id, write.version)
        return None
    return target.set_active(write.account_id, write.kind == WriteKind.ENABLE, write.version)
