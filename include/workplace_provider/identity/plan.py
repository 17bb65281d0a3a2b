"""A plan: what is going to be done to which account and why, before anything is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from workplace_provider.identity.state import SyncState

FORMAT: Final = "workplace-identity-plan/2"


class OperationKind(StrEnum):
    """What a plan has for somebody; the order is that in which writes are applied.

    What is taken away comes first: a joiner may need the seat of a leaver.
    """

    DISABLE = "disable"
    DELETE = "delete"
    CREATE = "create"
    LINK = "link"
    ENABLE = "enable"
    UPDATE = "update"
    NOOP = "noop"
    SKIP = "skip"
    CONFLICT = "conflict"


ORDER: Final[Mapping[OperationKind, int]] = {kind: number for number, kind in enumerate(OperationKind)}
WRITES: Final = tuple(OperationKind)[: ORDER[OperationKind.NOOP]]
DEACTIVATED: Final = "deactivated"
"""Reason of an operation that the directory itself states: the person is there, and is no longer active."""
MIGRATED: Final = "migrated_mark"
"""Reason of a link that only gives an account of ours the mark by which the directory knows the person now."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute: what it is, and what it becomes."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is done for one person or account.

    :param key: the person's id in the directory; the external id of somebody who is not in it any more
    :param external_id: what the account is marked with
    :param label: a name that people know the person by
    :param account_id: the account; empty when there is none yet
    :param version: the version of the account that the plan is about
    :param changes: attributes and their values, without secrets
    :param secrets: attributes that get a secret
    :param reason: why, in a word that programs can read, such as ``deactivated`` or ``user_name_taken``
    :param detail: the same as a sentence, where there is more to say
    """

    kind: OperationKind
    key: str
    external_id: str
    label: str = ""
    account_id: str = ""
    version: str = ""
    changes: tuple[Change, ...] = ()
    secrets: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""

    @property
    def id(self) -> str:
        """Tells the operation from the others of its plan."""
        return f"{self.kind}:{self.external_id}:{self.account_id}"

    @property
    def writes(self) -> bool:
        """Whether something is written for it."""
        return ORDER[self.kind] < ORDER[OperationKind.NOOP]

    @property
    def stated(self) -> bool:
        """Whether it takes away the account of somebody whom the directory states to have left."""
        return self.reason == DEACTIVATED and self.kind in (OperationKind.DISABLE, OperationKind.DELETE)

    @property
    def after(self) -> dict[str, Any]:
        """The values that are written."""
        return {change.field: change.after for change in self.changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The numbers that gates look at.

    :param complete: whether the directory was complete
    :param emails_known: whether e-mail addresses could be seen
    :param source_users: people in the directory, guests included
    :param with_email: how many of them have an address
    :param last_source_users: people in the directory of the last run that was carried out
    :param accounts: accounts of the system
    :param managed: those of them that this sync manages
    :param managed_active: those of them that are enabled
    :param foreign: accounts that are somebody else's business
    :param quarantined: why an earlier run was stopped; empty when all is well
    :param known: accounts that the memory says that this sync manages, and that it has not disabled
    :param missing: those of them that the system does not have, or does not show
    :param unreadable: why the accounts could not be read; empty when they could
    :param identity_links: links that change an identifying attribute of the account
    :param first_run: whether there is no memory of an earlier run
    :param unremembered: accounts that have our mark although nothing is remembered of them: another sync has written it, or
        this one before its memory was lost
    """

    complete: bool
    emails_known: bool
    source_users: int
    with_email: int
    last_source_users: int | None
    accounts: int
    managed: int
    managed_active: int
    foreign: int
    quarantined: str = ""
    known: int = 0
    missing: int = 0
    unreadable: str = ""
    identity_links: int = 0
    first_run: bool = False
    unremembered: int = 0


@dataclass(frozen=True)
class Plan:
    """All that a run would do.

    :param source: what external ids begin with
    :param taken_at: when the directory was read
    :param directory_sha256: digest of the directory
    :param facts: numbers for the gates
    :param operations: sorted: first those that write, in the order in which they are carried out
    :param state: what to remember when the plan has been applied
    :param previous: the memory that it was made from
    """

    source: str
    taken_at: datetime
    directory_sha256: str
    facts: Facts
    operations: tuple[Operation, ...]
    state: SyncState
    previous: SyncState = field(default_factory=SyncState)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole plan; the same input gives the same one."""
        digest = hashlib.sha256(self._header().encode())
        for operation in self.operations:
            digest.update(b"\n")
            digest.update(_line(operation).encode())
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Stands for what the plan would write: two plans of different days with the same one do the same."""
        digest = hashlib.sha256(self.source.encode())
        for operation in self.writes:
            digest.update(_line(replace(operation, version="")).encode())
        return digest.hexdigest()

    @property
    def leavers(self) -> tuple[Operation, ...]:
        """The operations that take away what the directory states that people have left behind."""
        return tuple(operation for operation in self.operations if operation.stated)

    @cached_property
    def counts(self) -> Mapping[OperationKind, int]:
        """How many operations there are of each kind."""
        return Counter(operation.kind for operation in self.operations)

    @property
    def writes(self) -> tuple[Operation, ...]:
        """The operations that write, in their order."""
        return tuple(operation for operation in self.operations if operation.writes)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(operation.writes for operation in self.operations)

    def of_kind(self, *kinds: OperationKind) -> list[Operation]:
        """The operations of some kinds."""
        return [operation for operation in self.operations if operation.kind in kinds]

    def __repr__(self) -> str:
        counted = ", ".join(f"{self.counts[kind]} {kind}" for kind in OperationKind if self.counts[kind])
        return f"<Plan for {self.source} of {self.taken_at:%Y-%m-%d %H:%M}: {counted or 'nothing'}>"

    def _header(self) -> str:
        return _json(
            {
                "format": FORMAT,
                "source": self.source,
                "taken_at": self.taken_at.isoformat(),
                "directory_sha256": self.directory_sha256,
                "facts": asdict(self.facts),
                "state": self.state.as_plain(),
                "previous": self.previous.as_plain(),
            }
        )

    def lines(self) -> Iterator[str]:
        """The plan as lines of JSON: what it is about, every operation, and its digest."""
        yield self._header()
        for operation in self.operations:
            yield _line(operation)
        yield _json({"digest": self.digest})


def difference(before: Plan, after: Plan, most: int = 10) -> str:
    """Return what one plan would do and another would not, for people."""
    old = {operation.id: _line(replace(operation, version="")) for operation in before.writes}
    new = {operation.id: _line(replace(operation, version="")) for operation in after.writes}
    labels = {
        operation.id: f"{operation.kind} {operation.label or operation.key}"
        for plan in (before, after)
        for operation in plan.writes
    }
    parts = [f"no longer: {labels[each]}" for each in old if each not in new]
    parts += [f"new: {labels[each]}" for each in new if each not in old]
    parts += [f"changed: {labels[each]}" for each in new if each in old and old[each] != new[each]]
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most} more" if len(parts) > most else "") or "no difference"


class NotAPlan(ValueError):
    """What was read is no plan, not all of one, or not the one that was made."""


def read_plan(lines: Iterable[str]) -> Plan:
    """Read the lines of a plan and check them against its digest.

    :raises NotAPlan: a line is missing or was changed
    """
    try:
        header, *rest = [json.loads(line) for line in lines if line.strip()]
        if header.get("format") != FORMAT or "digest" not in rest[-1]:
            raise NotAPlan("this is no plan, or its end is missing")
        plan = Plan(
            source=header["source"],
            taken_at=datetime.fromisoformat(header["taken_at"]),
            directory_sha256=header["directory_sha256"],
            facts=Facts(**header["facts"]),
            operations=tuple(map(_operation, rest[:-1])),
            state=SyncState.from_plain(header["state"]),
            previous=SyncState.from_plain(header["previous"]),
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, NotAPlan):
            raise
        raise NotAPlan(f"this is no plan: {error}") from error
    if plan.digest != rest[-1]["digest"]:
        raise NotAPlan("the plan was changed after it was made: its digest is another one")
    return plan


def _line(operation: Operation) -> str:
    written: dict[str, Any] = {"op": operation.kind, "key": operation.key, "external_id": operation.external_id}
    for name in ("label", "account_id", "version", "reason", "detail"):
        if value := getattr(operation, name):
            written[name] = value
    if operation.changes:
        written["changes"] = {change.field: [change.before, change.after] for change in operation.changes}
    if operation.secrets:
        written["secrets"] = operation.secrets
    return _json(written)


def _operation(written: dict[str, Any]) -> Operation:
    changes = tuple(Change(name, *values) for name, values in written.pop("changes", {}).items())
    secrets = tuple(written.pop("secrets", ()))
    return Operation(kind=OperationKind(written.pop("op")), changes=changes, secrets=secrets, **written)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a plan holds plain values only, not {type(value).__name__}")
