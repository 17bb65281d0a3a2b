from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workplace_provider.identity import (
    Account,
    ApplyResult,
    AttributeMap,
    AttributeMapping,
    BulkTarget,
    Directory,
    GroupRule,
    Identity,
    IdentityTarget,
    Journal,
    MemoryJournal,
    Plan,
    Scope,
    SyncPolicy,
    SyncState,
    Write,
    apply_plan,
    make_plan,
    read_groups,
)

DAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SOURCE = "slack:T1"
BASIC = (
    AttributeMap("userName", "user_name", on="create", required=True),
    AttributeMap("emails.value", "email"),
    AttributeMap("displayName", "display_name"),
)
POLICY = SyncPolicy(rate=None, concurrency=1)


def person(key: str, **given: Any) -> Identity:
    name = key.lower()
    usual: dict[str, Any] = {"user_name": name, "email": f"{name}@example.com", "display_name": f"{key} 김"}
    return Identity(key=key, external_id=f"{SOURCE}:{key}", **{**usual, **given})


def directory(*people: Identity, **given: Any) -> Directory:
    usual: dict[str, Any] = {"source": SOURCE, "taken_at": DAY, "complete": True}
    return Directory.of(people, **{**usual, **given})


@dataclass
class Sync:
    """A sync of one system: the steps of the operator, in a few lines."""

    target: IdentityTarget
    mapping: Iterable[AttributeMap] = BASIC
    scope: Scope = field(default_factory=Scope)
    policy: SyncPolicy = POLICY
    state: SyncState = field(default_factory=SyncState)
    secrets: dict[str, str] = field(default_factory=lambda: {"pepper": "p3pper"})
    groups: Sequence[GroupRule] = ()

    def __post_init__(self) -> None:
        self.mapping = AttributeMapping.of(self.mapping)

    def plan(self, *people: Identity, only: Sequence[str] | None = None, **given: Any) -> Plan:
        whole = directory(*people, **given)
        return make_plan(
            whole,
            self.target.read(),
            self.mapping,
            self.scope,
            self.policy,
            previous=self.state,
            only=only,
            capabilities=self.target.capabilities,
            groups=self.groups,
            group_snapshot=read_groups(self.target, self.groups, whole.source, self.state),
        )

    def apply(self, plan: Plan, journal: Journal | None = None, **given: Any) -> ApplyResult:
        result = apply_plan(
            plan,
            given.pop("target", self.target),
            journal=journal or MemoryJournal(),
            policy=self.policy,
            mapping=self.mapping,
            secrets=self.secrets,
            now=lambda: plan.taken_at + timedelta(minutes=1),
            sleep=given.pop("sleep", lambda _: None),
            **given,
        )
        self.state = result.state or self.state
        return result

    def run(self, *people: Identity, **given: Any) -> ApplyResult:
        return self.apply(self.plan(*people, **given))

    def account(self, user_name: str) -> Account:
        (found,) = [each for each in self.target.read() if each.user_name == user_name]
        return found


class Crash(BaseException):
    """The process has died."""


def crashing(target: IdentityTarget, at: int, *, after: bool) -> Crashing:
    """Return a system during whose write number ``at`` the process dies, before or after the write is done."""
    return (CrashingInBulk if isinstance(target, BulkTarget) else Crashing)(target, at, after=after)


class Crashing:
    """See :func:`crashing`; writes go one by one."""

    def __init__(self, target: IdentityTarget, at: int, *, after: bool) -> None:
        self._target, self._left, self._after = target, at, after
        self.name = target.name

    @property
    def capabilities(self) -> Any:
        return self._target.capabilities

    def read(self, lookups: Any = None) -> Any:
        return self._target.read(lookups)

    def create(self, values: Any, secrets: Any) -> Any:
        return self._write(lambda: self._target.create(values, secrets))

    def update(self, account_id: str, values: Any, version: str = "") -> Any:
        return self._write(lambda: self._target.update(account_id, values, version))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Any:
        return self._write(lambda: self._target.set_active(account_id, active, version))

    def delete(self, account_id: str, version: str = "") -> Any:
        return self._write(lambda: self._target.delete(account_id, version))

    def _write(self, write: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Crash
        answer = write()
        if self._left == 0:
            raise Crash
        return answer


class CrashingInBulk(Crashing):
    """See :func:`crashing`; of a bulk request in which the process dies, the writes before that one are done."""

    def bulk(self, writes: Sequence[Write]) -> Any:
        if len(writes) < self._left:
            self._left -= len(writes)
            return self._bulk(writes)
        done = self._left if self._after else self._left - 1
        if done:
            self._bulk(writes[:done])
        self._left = 0
        raise Crash

    def _bulk(self, writes: Sequence[Write]) -> Any:
        assert isinstance(self._target, BulkTarget)
        return self._target.bulk(writes)
