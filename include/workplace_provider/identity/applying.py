"""Applying a plan: all gates first, then leavers, then the others, so that it may break off at any point."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.accounts import (
    EMAIL,
    EXTERNAL_ID,
    ID,
    USER_NAME,
    Account,
    AccountChanged,
    AccountExists,
    AccountMissing,
    BulkTarget,
    IdentityTarget,
    Lookup,
    LookupKey,
    TargetError,
    Write,
    WriteKind,
    apply_write,
)
from workplace_provider.identity.directory import EMPTY_MAPPING
from workplace_provider.identity.gates import Verdict, blocking_gates, evaluate, leavers_may_pass
from workplace_provider.identity.learning import Observations, fingerprint
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.matching import AccountIndex, find_contradiction, matches_key
from workplace_provider.identity.plan import AttributeChange, Operation, OperationKind, Plan
from workplace_provider.identity.rate_limit import RateLimiter
from workplace_provider.identity.text import values_equal

if TYPE_CHECKING:
    from workplace_provider.identity.journal import Journal
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.state import SyncState


log = get_logger(__name__)


class PlanRefused(ValueError):
    """A plan that is not carried out: it is too old, or the journal belongs to another one."""


class OperationStatus(StrEnum):
    """What became of an operation."""

    DONE = "done"
    LINKED = "linked"
    """Somebody had made the account in the meantime; it was marked as this person's."""
    ALREADY = "already"
    """The account was as it should be, such as after a run that broke off."""
    DRIFTED = "drifted"
    """Somebody changed the account after the plan was made; it was left alone."""
    FAILED = "failed"
    NOT_TRIED = "not_tried"


GOOD: Final = (OperationStatus.DONE, OperationStatus.LINKED, OperationStatus.ALREADY)
GONE: Final = "the account is gone"
FEW: Final = 20
"""Accounts that are read back one by one; of more, the list is read once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation, with a sentence where there is more to say."""

    operation: Operation
    status: OperationStatus
    account_id: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ApplyResult:
    """What became of a plan.

    :param verdicts: what the gates said
    :param blocked: the gates that were closed; when there is one, nothing was written but what the directory states of
        leavers
    :param outcomes: one for each operation that writes, in the order of the plan; of a plan that was blocked, those of
        leavers
    :param writes: requests that changed something, or tried to, in this run
    :param stopped: why the run stopped before its end; empty when it did not
    :param quarantine: whether later runs write no more than leavers and a trial
    :param state: what to remember for the next run; ``None`` when the plan was blocked and nothing was written: what was
        remembered before stays, or a directory that was stopped for being too small would be the measure of the next
    :param learned: attributes that the system turned out not to store, which nobody knew before
    """

    verdicts: tuple[Verdict, ...]
    blocked: tuple[Verdict, ...]
    outcomes: tuple[Outcome, ...]
    writes: int
    stopped: str
    quarantine: bool
    state: SyncState | None
    learned: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Mapping[OperationStatus, int]:
        """How many operations there are of each status."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        """Whether everything in the plan is so now."""
        return not self.blocked and all(outcome.status in GOOD for outcome in self.outcomes)


def apply_plan(
    plan: Plan,
    target: IdentityTarget,
    *,
    journal: Journal,
    policy: SyncPolicy,
    mapping: AttributeMapping | Iterable[AttributeMap],
    secrets: Mapping[str, str] = EMPTY_MAPPING,
    digest: str | None = None,
    approved: str | None = None,
    current: SyncState | None = None,
    leavers_only: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ApplyResult:
    """Apply a plan; when a gate is closed, no more of it than what the directory states of leavers.

    Leavers come first, and have gates of their own: an exhausted licence, joiners that fail or a list that is too short
    never keep their access.

    With the journal of a run of the same plan that broke off, it is taken up where it was left: what was done is not done
    again, and of what had been begun the account tells whether it was.

    :param plan: the plan
    :param target: the system
    :param journal: where every step is kept
    :param policy: the rules, those of the plan or stricter ones
    :param mapping: that of the plan; it knows where secrets come from
    :param secrets: secrets that the mapping names, by name
    :param digest: what the plan's digest must be, where it came another way than the plan
    :param approved: digest of the plan that a person has approved: gates that can be approved then let it pass
    :param current: the memory as it is now: a plan that was made from an older one is refused
    :param leavers_only: apply nothing but what the directory states of leavers
    :param now: the moment, aware
    :param clock: seconds, for the pace
    :param sleep: waits for that many seconds
    :return: what became of it; an operation that failed is told there and raises nothing
    :raises PlanRefused: the plan is too old or another one, or the journal is of another plan
    :raises MappingError: a secret is not there
    """
    mapping = AttributeMapping.of(mapping)
    if digest is not None and digest != plan.digest:
        raise PlanRefused(f"this is another plan: its digest is {plan.digest[:12]}, and {digest[:12]} was meant")
    age = now() - plan.taken_at
    if age > policy.max_plan_age:
        raise PlanRefused(
            f"the directory of the plan was read {_hours(age)} ago; {_hours(policy.max_plan_age)} are allowed: "
            "make a new plan"
        )
    check_generation(plan, current)
    verdicts = evaluate(plan, policy)
    blocked = blocking_gates(verdicts, approved=approved == plan.digest)
    leavers = plan.leavers if leavers_may_pass(blocked) else ()
    operations = leavers if leavers_only or blocked else plan.writes
    whole = len(operations) == len(plan.writes) and not blocked
    if blocked and not operations:
        return ApplyResult(verdicts, blocked, (), 0, "", False, None)
    # Secrets are looked up first: a missing one must not be found out at the hundredth account.
    for operation in operations:
        if operation.kind == OperationKind.CREATE:
            mapping.secret_values(operation.external_id, operation.secrets, secrets)
    pace = RateLimiter(policy.seconds_per_write, clock, sleep)
    run = _Run(plan, target, _Log(journal, plan.digest), policy, mapping, secrets, pace, operations)
    run.apply()
    outcomes = tuple(run.outcomes[operation.id] for operation in operations)
    state = _state_after(plan, outcomes, run, whole=whole)
    state = replace(state, unconfirmed=plan.previous.is_first_run and (leavers_only or bool(blocked)))
    learned = tuple(name for name in state.not_kept if name not in plan.previous.not_kept)
    return ApplyResult(verdicts, blocked, outcomes, run.writes, run.stopped, bool(run.stopped), state, learned)


def check_generation(plan: Plan, current: SyncState | None) -> None:
    """Refuse a plan that was made from an older memory than there is now.

    :raises PlanRefused: another run has saved the memory since
    """
    if current is not None and current.generation != plan.previous.generation and current.plan != plan.digest:
        raise PlanRefused(
            "another run has written since this plan was made: what it would do may be wrong by now. Plan again "
            f"(made from generation {plan.previous.generation} of the memory, which is at {current.generation})"
        )


def merge_state(result: SyncState, current: SyncState, outcomes: Iterable[Outcome]) -> SyncState:
    """Return the memory when another run has saved it while this one was applied: its own, with what was done here.

    :param result: what this run would have left
    :param current: what the other run left
    :param outcomes: what this run has done
    """
    links, disabled = dict(current.links), dict(current.disabled_at)
    for outcome in outcomes:
        mark = outcome.operation.external_id
        if mark in result.links:
            links[mark] = result.links[mark]
        if mark in result.disabled_at:
            disabled[mark] = result.disabled_at[mark]
        else:
            disabled.pop(mark, None)
    return replace(
        current,
        generation=max(current.generation, result.generation) + 1,
        links=links,
        disabled_at=disabled,
        not_kept=tuple(sorted({*current.not_kept, *result.not_kept})),
        kept_as={**current.kept_as, **result.kept_as},
        sources=tuple(dict.fromkeys((*current.sources, *result.sources))),
        quarantined=current.quarantined or result.quarantined,
    )


def _state_after(plan: Plan, outcomes: Sequence[Outcome], run: _Run, *, whole: bool) -> SyncState:
    # After a part of the plan, the measures of the run before stay: this one's have not been believed.
    base = plan.state if whole else replace(plan.previous, generation=plan.state.generation)
    disabled, links = dict(base.disabled_at), dict(base.links)
    for outcome in outcomes:
        operation = outcome.operation
        mark, kind = operation.external_id, operation.kind
        good = outcome.status in GOOD
        if kind == OperationKind.DISABLE:
            if good and plan.state.disabled_at.get(mark):
                disabled[mark] = plan.state.disabled_at[mark]
            elif not good:
                disabled.pop(mark, None)
        if (kind == OperationKind.DELETE and good) or outcome.detail == GONE:
            disabled.pop(mark, None)
            links.pop(mark, None)
        elif kind in (OperationKind.CREATE, OperationKind.LINK) and good:
            for before in [other for other, account_id in links.items() if account_id == outcome.account_id]:
                del links[before]
            links[mark] = outcome.account_id
    quarantined = run.stopped or ("" if whole else plan.previous.quarantined)
    return run.observed.remember(replace(base, plan=plan.digest, disabled_at=disabled, links=links, quarantined=quarantined))


class _Log:
    """The journal of one plan: what earlier runs did, and entries of this one from several threads."""

    def __init__(self, journal: Journal, digest: str) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self.ended: dict[str, Mapping[str, Any]] = {}
        self.begun: set[str] = set()
        empty = True
        for entry in journal.read():
            empty = False
            if "plan" in entry:
                if entry["plan"] != digest:
                    raise PlanRefused("the journal is that of another plan: give every plan a journal of its own")
            elif entry["event"] == "begin":
                self.begun.add(entry["op"])
            elif entry["event"] == "end" and entry["status"] not in (OperationStatus.FAILED, OperationStatus.NOT_TRIED):
                self.ended[entry["op"]] = entry
            else:
                self.ended.pop(entry["op"], None)
        if empty:
            journal.append({"plan": digest})

    def begin(self, operation: Operation) -> None:
        with self._lock:
            self._journal.append({"op": operation.id, "event": "begin"})

    def end(self, outcome: Outcome, version: str) -> None:
        entry = {
            "op": outcome.operation.id,
            "event": "end",
            "status": outcome.status,
            "account_id": outcome.account_id,
            "version": version,
            "detail": outcome.detail,
        }
        with self._lock:
            self._journal.append({name: value for name, value in entry.items() if value})


_KIND: Final[Mapping[OperationKind, WriteKind]] = {
    OperationKind.CREATE: WriteKind.CREATE,
    OperationKind.LINK: WriteKind.UPDATE,
    OperationKind.UPDATE: WriteKind.UPDATE,
    OperationKind.ENABLE: WriteKind.ENABLE,
    OperationKind.DISABLE: WriteKind.DISABLE,
    OperationKind.DELETE: WriteKind.DELETE,
}


@dataclass
class _Run:
    """One run of a plan."""

    plan: Plan
    target: IdentityTarget
    log: _Log
    policy: SyncPolicy
    mapping: AttributeMapping
    secrets: Mapping[str, str]
    pace: RateLimiter
    operations: Sequence[Operation]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: int = 0
    stopped: str = ""

    def __post_init__(self) -> None:
        self._can = self.target.capabilities
        self.observed = Observations(self._can.readable)
        self._index: AccountIndex | None = None
        # Outcomes whose response did not show the account: they are read back in the end.
        self._unverified: dict[str, Outcome] = {}
        self._trial = False
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._tried = self._failed = 0
        self._listed: dict[str, Account] | None = None
        # Versions to expect instead of the plan's, of accounts that were written or read anew; empty when it is not known.
        self._versions: dict[str, str] = {}

    def apply(self) -> None:
        pending: list[Operation] = []
        for operation in self.operations:
            entry = self.log.ended.get(operation.id)
            if entry is None:
                pending.append(operation)
                continue
            account_id = entry.get("account_id", "")
            self.outcomes[operation.id] = Outcome(
                operation, OperationStatus(entry["status"]), account_id, entry.get("detail", "")
            )
            if entry["status"] in GOOD:
                self._versions[account_id] = entry.get("version", "")
        if pending and not self._can.lookup:
            self._listed = {account.id: account for account in self.target.read()}
        leavers = [operation for operation in pending if operation.removes_leaver]
        others = [operation for operation in pending if not operation.removes_leaver]
        self._phases(leavers)
        if not self._halt.is_set():
            # Leavers that failed say nothing of the others, and the other way round.
            self._tried = self._failed = 0
            others = self._try_first(others)
            self._phases(others)
        self._read_back()
        for operation in pending:
            self.outcomes.setdefault(
                operation.id, Outcome(operation, OperationStatus.NOT_TRIED, operation.account_id, self.stopped)
            )

    def _try_first(self, operations: list[Operation]) -> list[Operation]:
        """After a run that was stopped, a few of each kind are tried; what is left follows when all of them succeed."""
        if not self.plan.summary.quarantined or not operations:
            return operations
        first: list[Operation] = []
        for _, kind in groupby(operations, key=lambda operation: operation.kind):
            first += list(kind)[: self.policy.trial]
        self._trial = True
        self._phases(first)
        self._trial = False
        tried = {operation.id for operation in first}
        return [operation for operation in operations if operation.id not in tried]

    def _phases(self, operations: list[Operation]) -> None:
        for _, phase in groupby(operations, key=lambda operation: operation.kind):
            self._phase(list(phase))

    def _phase(self, operations: list[Operation]) -> None:
        """Operations of one kind, several at a time; no two of them are about the same account."""
        size = self._can.bulk if isinstance(self.target, BulkTarget) else 1
        chunks = iter([operations[start : start + size] for start in range(0, len(operations), size)])

        def work() -> None:
            while not self._halt.is_set():
                with self._lock:
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                try:
                    self._chunk(chunk)
                except BaseException:
                    self._halt.set()
                    raise

        if self._halt.is_set():
            return
        workers = min(self.policy.concurrency, -(-len(operations) // size))
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(work) for _ in range(workers)]:
                future.result()

    # --- one operation, or as many as go into one request

    def _chunk(self, operations: list[Operation]) -> None:
        ready = [operation for operation in operations if self._clear(operation)]
        if not ready:
            return
        for operation in ready:
            self.log.begin(operation)
        for operation, answer in zip(ready, self._send([self._write(each) for each in ready]), strict=True):
            try:
                self._settle(operation, answer)
            except TargetError as error:
                self._end(operation, OperationStatus.FAILED, detail=str(error), fatal=error.fatal)

    def _send(self, writes: list[Write]) -> list[Account | TargetError | None]:
        for _ in writes:
            self.pace.wait()
        with self._lock:
            self.writes += len(writes)
        if len(writes) > 1 and isinstance(self.target, BulkTarget):
            return self.target.bulk(writes)
        try:
            return [apply_write(self.target, write) for write in writes]
        except TargetError as error:
            return [error]

    def _clear(self, operation: Operation) -> bool:
        """Whether an operation is to be sent; if not, its outcome is known already."""
        try:
            if operation.kind == OperationKind.LINK and not operation.changes:
                # The system keeps no mark of ours, so there is nothing to write; the state remembers.
                self._end(operation, OperationStatus.DONE, operation.account_id, written=False)
                return False
            if operation.id in self.log.begun:
                return self._clear_after_a_crash(operation)
            if operation.kind == OperationKind.CREATE:
                return self._clear_to_create(operation)
            if self._is_sure(operation):
                return True
            return self._unchanged(operation, self._fetch(operation.account_id))
        except TargetError as error:
            self._end(operation, OperationStatus.FAILED, detail=str(error), fatal=error.fatal)
            return False

    def _is_sure(self, operation: Operation) -> bool:
        """Whether an account need not be read again before it is written."""
        if self._can.versions and self._listed is None:
            # The system itself looks whether it has changed; some refuse a write that does not say since when (RFC 6585).
            return bool(self._versions.get(operation.account_id, operation.version))
        return operation.account_id in self._versions

    def _clear_to_create(self, operation: Operation) -> bool:
        """Whether nobody has the account yet; a list may have been too short to show it."""
        found = [each for each in self._find(operation, made=False) if each.external_id in ("", operation.external_id)]
        if found:
            self._adopt(operation, found)
        return not found

    def _clear_after_a_crash(self, operation: Operation) -> bool:
        if operation.kind == OperationKind.CREATE:
            found = self._find(operation, made=True)
            if not found:
                return True
            self._adopt(operation, found)
            return False
        return self._unchanged(operation, self._fetch(operation.account_id))

    def _unchanged(self, operation: Operation, account: Account | None) -> bool:
        """Whether an account is still as the plan saw it; if not, that is the operation's outcome."""
        if account is None:
            deleted = operation.kind == OperationKind.DELETE
            status = OperationStatus.ALREADY if deleted or operation.removes_leaver else OperationStatus.DRIFTED
            self._end(operation, status, operation.account_id, detail=GONE)
            return False
        if operation.changes and self._is_so(operation, account):
            self._end(operation, OperationStatus.ALREADY, account.id, account.version)
            return False
        owner = account.external_id
        if (
            owner not in ("", operation.external_id)
            and self.policy.manage == "owned"
            and not self._is_ours(operation, account)
        ):
            self._end(operation, OperationStatus.DRIFTED, account.id, detail=f"the account is marked as that of {owner} now")
            return False
        for change in operation.changes:
            if not self._same(change, change.before, account):
                detail = f"{change.field} was {change.before!r} and is {account.value(change.field)!r} now"
                self._end(operation, OperationStatus.DRIFTED, account.id, detail=detail)
                return False
        if account.version:
            with self._lock:
                self._versions[account.id] = account.version
        return True

    def _is_ours(self, operation: Operation, account: Account) -> bool:
        """Whether another mark is the person's all the same: one of before, or what the system makes of ours."""
        owner = account.external_id
        if any(change.field == EXTERNAL_ID and change.before == owner for change in operation.changes):
            return True
        known = self.plan.previous.kept_as.get(operation.external_id, {}).get(EXTERNAL_ID)
        return known == fingerprint(operation.external_id, owner)

    def _is_so(self, operation: Operation, account: Account) -> bool:
        return all(self._same(change, change.after, account) for change in operation.changes)

    def _same(self, change: AttributeChange, value: Any, account: Account) -> bool:
        declared = self.mapping.by_target.get(change.field)
        return values_equal(account.value(change.field), value, ignore_case=declared is not None and declared.folds_case)

    def _write(self, operation: Operation) -> Write:
        secrets = self.mapping.secret_values(operation.external_id, operation.secrets, self.secrets)
        active = operation.kind in (OperationKind.ENABLE, OperationKind.DISABLE)
        version = self._versions.get(operation.account_id, operation.version) if operation.account_id else ""
        return Write(
            kind=_KIND[operation.kind],
            account_id=operation.account_id,
            version=version,
            values=EMPTY_MAPPING if active else operation.after,
            secrets=secrets,
        )

    def _settle(self, operation: Operation, answer: Account | TargetError | None) -> None:
        """Turn what the system answered into an outcome."""
        if not isinstance(answer, TargetError):
            account_id = answer.id if answer is not None else operation.account_id
            self._verify(operation, account_id, answer)
        elif operation.kind in (OperationKind.UPDATE, OperationKind.LINK) and answer.invalid and operation.changes:
            self._update_one_by_one(operation, answer)
        elif operation.kind == OperationKind.CREATE and (isinstance(answer, AccountExists) or answer.outcome_unknown):
            found = self._find(operation, made=not isinstance(answer, AccountExists))
            if not found:
                raise answer
            self._adopt(operation, found)
        elif isinstance(answer, AccountMissing):
            self._unchanged(operation, None)
        elif isinstance(answer, AccountChanged) or answer.outcome_unknown:
            account = self._fetch(operation.account_id)
            if account is None:
                self._unchanged(operation, None)
            elif operation.changes and self._is_so(operation, account):
                # A write whose answer got lost was repeated, and met the version that it had made itself.
                self._end(operation, OperationStatus.ALREADY, account.id, account.version)
            elif isinstance(answer, AccountChanged):
                self._end(operation, OperationStatus.DRIFTED, account.id, detail=str(answer))
            else:
                raise answer
        else:
            raise answer

    def _verify(self, operation: Operation, account_id: str, account: Account | None) -> None:
        """End an operation by what the response shows; where it shows nothing, the account is read back in the end."""
        version = account.version if account is not None else ""
        if operation.kind == OperationKind.DELETE or account is None or not account.user_name:
            self._end(operation, OperationStatus.DONE, account_id, version)
            if operation.kind != OperationKind.DELETE:
                with self._lock:
                    self._unverified[operation.id] = self.outcomes[operation.id]
        elif problem := self._observe(operation, account):
            self._end(operation, OperationStatus.FAILED, account_id, detail=problem)
        else:
            self._end(operation, OperationStatus.DONE, account_id, version)

    def _observe(self, operation: Operation, account: Account) -> str:
        """Compare an account with what was written, and learn from the difference; return what must not be."""
        if operation.kind in (OperationKind.ENABLE, OperationKind.DISABLE):
            wanted = operation.kind == OperationKind.ENABLE
            if account.active != wanted:
                return f"the system reported success, and the account is {'' if account.active else 'not '}active"
            return ""
        with self._lock:
            for change in operation.changes:
                equal = self._same(change, change.after, account)
                stored = account.value(change.field)
                self.observed.add(operation.external_id, change.field, change.after, stored, equal=equal)
        return ""

    def _read_back(self) -> None:
        """Read the accounts whose response showed nothing, one by one when they are few."""
        waiting = self._unverified
        if not waiting:
            return
        ids = {outcome.account_id for outcome in waiting.values()}
        try:
            if self._can.lookup and len(ids) <= FEW:
                accounts = list(self.target.read([(LookupKey(ID, each),) for each in sorted(ids)]))
            elif self._can.listing:
                accounts = list(self.target.read())
            else:
                return
        except Exception as error:
            log.warning("what was written could not be read back: %s", error)
            return
        there = {account.id: account for account in accounts}
        for operation_id, outcome in waiting.items():
            account = there.get(outcome.account_id)
            if account is None:
                continue
            if problem := self._observe(outcome.operation, account):
                failed = Outcome(outcome.operation, OperationStatus.FAILED, outcome.account_id, problem)
                self.outcomes[operation_id] = failed
                self.log.end(failed, account.version)

    def _update_one_by_one(self, operation: Operation, refused: TargetError) -> None:
        """Write the attributes of an update that was refused one by one, so that one of them does not keep the others.

        What the system says that it does not have is learned, and not written again.
        """
        problems: list[TargetError] = []
        account: Account | None = None
        for change in operation.changes:
            error: TargetError | None = refused
            if len(operation.changes) > 1:
                fresh = self._fetch(operation.account_id) if self._can.versions else None
                write = Write(
                    kind=WriteKind.UPDATE,
                    account_id=operation.account_id,
                    version=fresh.version if fresh else "",
                    values={change.field: change.after},
                )
                (answer,) = self._send([write])
                error = answer if isinstance(answer, TargetError) else None
                account = account if isinstance(answer, TargetError) else answer
            if error is None:
                continue
            if not error.unsupported or error.fatal:
                problems.append(error)
                continue
            with self._lock:
                self.observed.add(operation.external_id, change.field, change.after, None, equal=False)
        if problems:
            raise problems[0]
        self._end(
            operation, OperationStatus.DONE, operation.account_id, account.version if account else "", detail=str(refused)
        )

    # --- accounts that somebody made in the meantime

    def _find(self, operation: Operation, *, made: bool) -> list[Account]:
        """The accounts that are the person's by the first attribute that finds any.

        :param made: look for what this operation may have made, and not for what is in its way: that has our mark, where the
            system keeps one, while who has the same address may be somebody else
        """
        after = operation.after
        by_mark_alone = made and self._keeps_marks
        attributes = (EXTERNAL_ID,) if by_mark_alone else dict.fromkeys((EXTERNAL_ID, *self.policy.match_on))
        keys = [
            LookupKey(name, str(after[name])) for name in attributes if name in after and not isinstance(after[name], list)
        ]
        if made or self._can.findable is None or all(key.attribute in self._can.findable for key in keys):
            others = self._accounts_of_others(operation)
            for key in keys:
                hits = [each for each in self._try_read(key, made) if matches_key(each, key) and each.id not in others]
                if hits:
                    return hits
            return []
        # Looking for each of them would read the whole list each time.
        accounts, others = self._all_accounts(), self._accounts_of_others(operation)
        for key in keys:
            if hits := [each for each in accounts.find(key.attribute, key.value) if each.id not in others]:
                return hits
        return []

    @property
    def _keeps_marks(self) -> bool:
        return self._can.external_id and EXTERNAL_ID not in self.plan.state.not_kept

    def _try_read(self, key: LookupKey, made: bool) -> list[Account]:
        try:
            return self._read((key,))
        except TargetError as error:
            # A service need not be able to look for every attribute; what it did itself must be found.
            if made or not error.invalid:
                raise
            return []

    def _all_accounts(self) -> AccountIndex:
        """The accounts as they were when the first one was to be created, by what they are looked for."""
        with self._lock:
            if self._index is None:
                accounts = list(self._listed.values()) if self._listed is not None else list(self.target.read())
                self._index = AccountIndex(accounts, dict.fromkeys((EXTERNAL_ID, *self.policy.match_on)))
            return self._index

    def _accounts_of_others(self, operation: Operation) -> set[str]:
        """Accounts that are known to be other people's, although a system that keeps no marks does not tell."""
        if self._keeps_marks:
            return set()
        known = dict(self.plan.state.links)
        with self._lock:
            known |= {each.operation.external_id: each.account_id for each in self.outcomes.values() if each.account_id}
        return {account_id for external_id, account_id in known.items() if external_id != operation.external_id}

    def _adopt(self, operation: Operation, found: list[Account]) -> None:
        """Take an account for the one that was to be created, if it can only be that."""
        if len(found) > 1:
            ids = ", ".join(sorted(each.id for each in found))
            raise TargetError(f"several accounts could be the one to be created: {ids}")
        (account,) = found
        if self._can.versions and not account.version:
            # What a search finds need not come with its version.
            account = self._fetch(account.id) or account
        if account.external_id == operation.external_id:
            self._end(operation, OperationStatus.ALREADY, account.id, account.version)
            return
        if account.external_id:
            raise TargetError(f"the account {account.id} is there already, and marked as that of {account.external_id}")
        addresses = (str(operation.after.get(EMAIL) or ""),)
        if against := find_contradiction(account, addresses, operation.after, self.policy.match_on):
            raise TargetError(f"the account {account.id} is there already, and {against}; it is left alone")
        if not account.active or account.admin:
            what = "an administrator's" if account.admin else "disabled"
            raise TargetError(f"the account {account.id} is there already, and is {what}; it is left alone")
        changes = {
            change.field: change.after
            for change in operation.changes
            if (change.field not in self.mapping.by_target or self.mapping.by_target[change.field].on == "always")
            and not self._same(change, change.after, account)
        }
        version = account.version
        if identifying := sorted({USER_NAME, EMAIL, *self.policy.match_on}.intersection(changes) - {EXTERNAL_ID}):
            raise TargetError(
                f"the account {account.id} is there already, and to link it would change its {', '.join(identifying)}; "
                "the next plan shows it"
            )
        if changes:
            write = Write(kind=WriteKind.UPDATE, account_id=account.id, version=version, values=changes)
            (answer,) = self._send([write])
            if isinstance(answer, TargetError):
                raise answer
            version = answer.version if answer is not None else ""
        self._end(operation, OperationStatus.LINKED, account.id, version, detail="the account was there already")

    def _fetch(self, account_id: str) -> Account | None:
        if self._listed is not None:
            return self._listed.get(account_id)
        return next((each for each in self._read((LookupKey(ID, account_id),)) if each.id == account_id), None)

    def _read(self, lookup: Lookup) -> list[Account]:
        try:
            return list(self.target.read([lookup]))
        except TargetError:
            raise
        except Exception as error:
            refused = getattr(error, "status", None) in (400, 403, 422, 501)
            raise TargetError(f"the account could not be read: {error}", invalid=refused) from error

    # --- what became of it

    def _end(
        self,
        operation: Operation,
        status: OperationStatus,
        account_id: str = "",
        version: str = "",
        *,
        detail: str = "",
        fatal: bool = False,
        written: bool = True,
    ) -> None:
        outcome = Outcome(operation, status, account_id or operation.account_id, detail)
        self.log.end(outcome, version)
        with self._lock:
            self.outcomes[operation.id] = outcome
            self._tried += 1
            if status in GOOD and written:
                self._versions[outcome.account_id] = version
            if status == OperationStatus.FAILED:
                self._failed += 1
                self._stop_if_hopeless(fatal, detail, leaver=operation.removes_leaver)

    def _stop_if_hopeless(self, fatal: bool, detail: str, *, leaver: bool) -> None:
        policy = self.policy
        if self.stopped:
            return
        percent = self._failed * 100 / self._tried
        if fatal:
            self.stopped = f"nothing more can succeed: {detail}"
        elif leaver:
            return  # each of them is tried, whatever became of the one before
        elif self._trial:
            self.stopped = f"the trial after the last stop failed: {detail}"
        elif policy.max_failures is not None and self._failed > policy.max_failures:
            self.stopped = f"{self._failed} operations failed; {policy.max_failures} are allowed. The last one: {detail}"
        elif (
            policy.max_failure_percent is not None
            and self._tried >= policy.min_tries_for_percent
            and percent > policy.max_failure_percent
        ):
            self.stopped = (
                f"{self._failed} of {self._tried} operations failed, {percent:.0f} %; {policy.max_failure_percent:g} % are "
                f"allowed. The last one: {detail}"
            )
        if self.stopped:
            self._halt.set()


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:.1f} hours"
