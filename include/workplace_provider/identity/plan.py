"""A plan: every operation of a run, with its reason, before the first write."""

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

from workplace_provider.identity.directory import SourceNumbers
from workplace_provider.identity.state import SyncState

FORMAT: Final = "workplace-identity-plan/2"


class OperationKind(StrEnum):
    """The kind of an operation. The order is the order in which operations are applied.

    Memberships are removed, and accounts disabled and deleted first: a joiner may need the seat of a leaver. Members are
    added last, when their accounts and groups exist.
    """

    REMOVE_MEMBER = "remove_member"
    DISABLE = "disable"
    DELETE = "delete"
    CREATE = "create"
    LINK = "link"
    ENABLE = "enable"
    UPDATE = "update"
    CREATE_GROUP = "create_group"
    ADOPT_GROUP = "adopt_group"
    ADD_MEMBER = "add_member"
    NOOP = "noop"
    SKIP = "skip"
    CONFLICT = "conflict"


ORDER: Final[Mapping[OperationKind, int]] = {kind: number for number, kind in enumerate(OperationKind)}
GROUP_KINDS: Final = (
    OperationKind.REMOVE_MEMBER,
    OperationKind.CREATE_GROUP,
    OperationKind.ADOPT_GROUP,
    OperationKind.ADD_MEMBER,
)
_REMOVALS: Final = (OperationKind.REMOVE_MEMBER, OperationKind.DISABLE, OperationKind.DELETE)
WRITES: Final = tuple(OperationKind)[: ORDER[OperationKind.NOOP]]
DEACTIVATED: Final = "deactivated"
"""Reason of an operation for a person whom the directory lists as deactivated."""
MIGRATED: Final = "migrated_mark"
"""Reason of a link that only replaces our mark on an account, because the directory has a new id for the person."""


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """The value of one attribute before and after an operation."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The operation for one person or account.

    :param key: the person's id in the directory; for a person who is no longer in the directory, the external id
    :param external_id: the mark of the account
    :param label: a name by which people know the person
    :param account_id: the account; empty when it does not exist yet
    :param version: the version of the account when the plan was made
    :param changes: attributes and their values, without secrets
    :param secrets: attributes that get a secret
    :param reason: a code for programs, such as ``deactivated`` or ``user_name_taken``
    :param detail: the reason as a sentence, where the code is not enough
    :param group: name of the group, for an operation on a group or a membership
    """

    kind: OperationKind
    key: str
    external_id: str
    label: str = ""
    account_id: str = ""
    version: str = ""
    changes: tuple[AttributeChange, ...] = ()
    secrets: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    group: str = ""

    @property
    def id(self) -> str:
        """An id that is unique in the plan."""
        account = f"{self.kind}:{self.external_id}:{self.account_id}"
        return f"{account}:{self.group}" if self.group else account

    @property
    def title(self) -> str:
        """The name of the person or the group for people; for a membership, both."""
        name = self.label or self.key
        return f"{name} ({self.group})" if self.group and self.group != name else name

    @property
    def is_write(self) -> bool:
        """Return whether the operation writes to the system."""
        return ORDER[self.kind] < ORDER[OperationKind.NOOP]

    @property
    def removes_leaver(self) -> bool:
        """Return whether this takes access from a person whom the directory lists as deactivated."""
        return self.reason == DEACTIVATED and self.kind in _REMOVALS

    @property
    def after(self) -> dict[str, Any]:
        """The values to write."""
        return {change.field: change.after for change in self.changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """The numbers that the gates check.

    :param complete: whether the directory was complete
    :param emails_known: whether the credential could see e-mail addresses
    :param source_users: active people in the directory, guests included
    :param with_email: people among them who have an address
    :param last_source_users: people in the directory at the last run that was applied
    :param accounts: accounts of the system
    :param managed: accounts that this sync manages
    :param managed_active: managed accounts that are enabled
    :param foreign: accounts that this sync does not manage
    :param quarantined: the reason why an earlier run was stopped; empty without a quarantine
    :param known: accounts that this sync manages and has not disabled, according to its state
    :param missing: accounts among them that the system does not return
    :param unreadable: the reason why the accounts could not be read; empty when they could
    :param identity_links: links that change an identifying attribute of the account
    :param first_run: whether the sync has no state of an earlier run
    :param unremembered: accounts with our mark that are not in the state: another sync has written the mark, or this one
        before its state was lost
    :param parts: the numbers of each source of a merged directory
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
    parts: tuple[SourceNumbers, ...] = ()

    def __post_init__(self) -> None:
        # A plan file has mappings.
        parts = tuple(SourceNumbers(**part) if isinstance(part, Mapping) else part for part in self.parts)
        object.__setattr__(self, "parts", parts)

    @property
    def source(self) -> SourceNumbers:
        """The numbers of the whole directory."""
        return SourceNumbers(
            name="",
            complete=self.complete,
            emails_known=self.emails_known,
            users=self.source_users,
            with_email=self.with_email,
            last_users=self.last_source_users,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """The numbers of one group that the gates check.

    :param name: the name in its rule
    :param id: the group; empty when it does not exist yet
    :param mark: our mark for it
    :param members: accounts in the group
    :param wanted: people in scope whom its rule matches
    :param added: memberships that the plan adds
    :param removed: memberships that the plan removes, without those of leavers
    """

    name: str
    id: str
    mark: str
    members: int
    wanted: int
    added: int
    removed: int


@dataclass(frozen=True)
class Plan:
    """All operations of one run.

    :param source: the prefix of external ids
    :param taken_at: when the directory was read
    :param directory_sha256: digest of the directory
    :param summary: numbers for the gates
    :param operations: sorted: writes first, in the order in which they are applied
    :param state: the state to save after the plan was applied
    :param previous: the state from which the plan was made
    :param groups: the groups with a rule, except those in conflict
    :param groups_unreadable: the reason why the groups could not be read; empty when they could
    """

    source: str
    taken_at: datetime
    directory_sha256: str
    summary: PlanSummary
    operations: tuple[Operation, ...]
    state: SyncState
    previous: SyncState = field(default_factory=SyncState)
    groups: tuple[GroupSummary, ...] = ()
    groups_unreadable: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole plan. The same input gives the same digest."""
        digest = hashlib.sha256(self._header().encode())
        for operation in self.operations:
            digest.update(b"\n")
            digest.update(_line(operation).encode())
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the writes alone: two plans of different days with the same fingerprint write the same."""
        digest = hashlib.sha256(self.source.encode())
        for operation in self.writes:
            digest.update(_line(replace(operation, version="")).encode())
        return digest.hexdigest()

    @property
    def leavers(self) -> tuple[Operation, ...]:
        """The operations that take access from people whom the directory lists as deactivated."""
        return tuple(operation for operation in self.operations if operation.removes_leaver)

    @cached_property
    def counts(self) -> Mapping[OperationKind, int]:
        """The number of operations of each kind."""
        return Counter(operation.kind for operation in self.operations)

    @property
    def writes(self) -> tuple[Operation, ...]:
        """The operations that write, in the order in which they are applied."""
        return tuple(operation for operation in self.operations if operation.is_write)

    @property
    def empty(self) -> bool:
        """Return whether the plan has no writes."""
        return not any(operation.is_write for operation in self.operations)

    def of_kind(self, *kinds: OperationKind) -> list[Operation]:
        """Return the operations of some kinds."""
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
                "facts": asdict(self.summary),
                "state": self.state.to_dict(),
                "previous": self.previous.to_dict(),
                **({"groups": list(map(asdict, self.groups))} if self.groups else {}),
                **({"groups_unreadable": self.groups_unreadable} if self.groups_unreadable else {}),
            }
        )

    def lines(self) -> Iterator[str]:
        """Yield the plan as lines of JSON: a header, every operation, and the digest."""
        yield self._header()
        for operation in self.operations:
            yield _line(operation)
        yield _json({"digest": self.digest})


def diff_plans(before: Plan, after: Plan, most: int = 10) -> str:
    """Return a sentence for people with the writes that differ between two plans.

    :param most: the number of differences to name
    """
    old = {operation.id: _line(replace(operation, version="")) for operation in before.writes}
    new = {operation.id: _line(replace(operation, version="")) for operation in after.writes}
    labels = {operation.id: f"{operation.kind} {operation.title}" for plan in (before, after) for operation in plan.writes}
    parts = [f"no longer: {labels[operation_id]}" for operation_id in old if operation_id not in new]
    parts += [f"new: {labels[operation_id]}" for operation_id in new if operation_id not in old]
    parts += [
        f"changed: {labels[operation_id]}"
        for operation_id, line in new.items()
        if operation_id in old and old[operation_id] != line
    ]
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most} more" if len(parts) > most else "") or "no difference"


class InvalidPlanFile(ValueError):
    """A file that is not a plan, is incomplete, or was changed."""


def read_plan(lines: Iterable[str]) -> Plan:
    """Read a plan from its lines and verify the digest.

    :raises InvalidPlanFile: a line is missing or was changed
    """
    try:
        header, *rest = [json.loads(line) for line in lines if line.strip()]
        if header.get("format") != FORMAT or "digest" not in rest[-1]:
            raise InvalidPlanFile("The file is not a plan, or its end is missing. Plan again")
        plan = Plan(
            source=header["source"],
            taken_at=datetime.fromisoformat(header["taken_at"]),
            directory_sha256=header["directory_sha256"],
            summary=PlanSummary(**header["facts"]),
            operations=tuple(map(_parse_operation, rest[:-1])),
            state=SyncState.from_dict(header["state"]),
            previous=SyncState.from_dict(header["previous"]),
            groups=tuple(GroupSummary(**group) for group in header.get("groups", ())),
            groups_unreadable=header.get("groups_unreadable", ""),
        )
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, InvalidPlanFile):
            raise
        raise InvalidPlanFile(f"The file is not a plan: {error}. Plan again") from error
    if plan.digest != rest[-1]["digest"]:
        raise InvalidPlanFile("The plan was changed after it was made: its digest does not match. Plan again")
    return plan


def _line(operation: Operation) -> str:
    fields: dict[str, Any] = {"op": operation.kind, "key": operation.key, "external_id": operation.external_id}
    for name in ("label", "group", "account_id", "version", "reason", "detail"):
        if value := getattr(operation, name):
            fields[name] = value
    if operation.changes:
        fields["changes"] = {change.field: [change.before, change.after] for change in operation.changes}
    if operation.secrets:
        fields["secrets"] = operation.secrets
    return _json(fields)


def _parse_operation(fields: dict[str, Any]) -> Operation:
    changes = tuple(AttributeChange(name, *values) for name, values in fields.pop("changes", {}).items())
    secrets = tuple(fields.pop("secrets", ()))
    return Operation(kind=OperationKind(fields.pop("op")), changes=changes, secrets=secrets, **fields)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_to_plain)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a plan can only contain JSON values, not {type(value).__name__}")
