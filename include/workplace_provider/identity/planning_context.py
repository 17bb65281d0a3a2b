"""Shared parts of the planner: the input of a plan, and functions that create operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import EXTERNAL_ID, Account, Capabilities
from workplace_provider.identity.person_matching import PersonMatcher
from workplace_provider.identity.plan import AttributeChange, Operation, OperationKind

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Directory, Identity
    from workplace_provider.identity.mapping import AttributeMapping
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.scope import Scope
    from workplace_provider.identity.state import SyncState


@dataclass
class PlanningContext:
    """The input of a plan.

    :param gone: ids of accounts that were looked up and do not exist
    """

    directory: Directory
    accounts: Sequence[Account]
    mapping: AttributeMapping
    scope: Scope
    policy: SyncPolicy
    previous: SyncState
    can: Capabilities
    gone: frozenset[str]
    matcher: PersonMatcher = field(init=False)

    def __post_init__(self) -> None:
        self.matcher = PersonMatcher(self.directory, self.accounts, self.mapping, self.scope, self.policy, self.previous)
        self.ownership = self.matcher.ownership

    @cached_property
    def not_kept(self) -> frozenset[str]:
        """Attributes that the system does not store, according to the state; our mark only if no account has it."""
        lost = set(self.previous.not_kept)
        if any(account.external_id.startswith(f"{self.directory.source}:") for account in self.accounts):
            lost.discard(EXTERNAL_ID)
        return frozenset(lost)

    @property
    def keeps_marks(self) -> bool:
        """Return whether the system stores our mark on an account."""
        return self.can.external_id and EXTERNAL_ID not in self.not_kept

    def manages(self, account: Account, identity: Identity | None = None) -> bool:
        """Return whether this sync manages an account.

        :param identity: the person; another person's account is not managed for this one
        """
        owner = self.ownership.owner(account)
        is_anothers = identity is not None and bool(owner) and owner not in self.matcher.marks(identity)
        if is_anothers and not self.matcher.needs_migration(account):
            return False
        return bool(owner) or self.policy.manage != "owned"


def label_of(identity: Identity) -> str:
    """Return a name by which people know a person."""
    return identity.display_name or identity.email or identity.user_name or identity.key


def note(kind: OperationKind, identity: Identity, account: Account | None, reason: str, detail: str = "") -> Operation:
    """Return an operation that writes nothing: a skip, a conflict or a no-op."""
    return Operation(
        kind=kind,
        key=identity.key,
        external_id=identity.external_id,
        label=label_of(identity),
        account_id=account.id if account else "",
        reason=reason,
        detail=detail,
    )


def write(
    kind: OperationKind,
    identity: Identity,
    account: Account,
    changes: Sequence[AttributeChange],
    reason: str = "",
    detail: str = "",
) -> Operation:
    """Return an operation that writes to a person's account."""
    return Operation(
        kind=kind,
        key=identity.key,
        external_id=identity.external_id,
        label=label_of(identity),
        account_id=account.id,
        version=account.version,
        changes=tuple(changes),
        reason=reason,
        detail=detail,
    )
