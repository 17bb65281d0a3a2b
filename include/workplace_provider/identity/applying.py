"""Applying a plan: all gates first, then leavers, then the other operations. A run may be interrupted at any point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from workplace_provider.identity.accounts import BulkTarget, IdentityTarget
from workplace_provider.identity.directory import EMPTY_MAPPING
from workplace_provider.identity.gates import blocking_gates, evaluate, leavers_may_pass
from workplace_provider.identity.group_writer import GroupWriter
from workplace_provider.identity.mapping import AttributeMap, AttributeMapping
from workplace_provider.identity.next_state import state_after
from workplace_provider.identity.operation_writer import OperationWriter
from workplace_provider.identity.plan import GROUP_KINDS, Operation, OperationKind, Plan
from workplace_provider.identity.progress import PlanJournal, RunProgress
from workplace_provider.identity.rate_limit import RateLimiter
from workplace_provider.identity.results import ApplyResult, OperationStatus, Outcome, PlanRefused
from workplace_provider.identity.run_context import RunContext

if TYPE_CHECKING:
    from workplace_provider.identity.journal import Journal
    from workplace_provider.identity.policy import SyncPolicy
    from workplace_provider.identity.state import SyncState


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
    """Apply a plan. When a gate blocks it, only leavers whom the directory lists as deactivated are written.

    Leavers come first and have gates of their own. So no leaver keeps access because of an exhausted licence, failing
    joiners or an incomplete list of accounts.

    With the journal of an interrupted run of the same plan, the run resumes: finished operations are not repeated, and for
    started ones the account is read to find out whether the write was done::

        plan = make_plan(directory, accounts, mapping, scope, policy, previous=state)
        result = apply_plan(plan, target, journal=FileJournal(Path("run.jsonl")), policy=policy, mapping=mapping)

    :param plan: the plan
    :param target: the system
    :param journal: stores every step
    :param policy: the rules of the plan, or stricter ones
    :param mapping: the mapping of the plan; it has the sources of secrets
    :param secrets: secrets that the mapping names, by name
    :param digest: the expected digest of the plan, where it was transferred separately
    :param approved: digest of the plan that a person has approved; it passes the gates that can be approved
    :param current: the current state: a plan that was made from an older state is refused
    :param leavers_only: write only leavers whom the directory lists as deactivated
    :param now: returns the current time with a time zone
    :param clock: returns seconds, for the rate limit
    :param sleep: waits for a number of seconds
    :return: the outcome of every operation; a failed operation raises nothing
    :raises PlanRefused: the plan is too old or another one, or the journal belongs to another plan
    :raises MappingError: a secret is missing
    """
    mapping = AttributeMapping.of(mapping)
    _check_plan(plan, policy, digest, now())
    check_generation(plan, current)
    verdicts = evaluate(plan, policy)
    blocked = blocking_gates(verdicts, approved=approved == plan.digest)
    leavers = plan.leavers if leavers_may_pass(blocked) else ()
    operations = leavers if leavers_only or blocked else plan.writes
    if blocked and not operations:
        return ApplyResult(verdicts, blocked, (), 0, "", False, None)
    # All secrets are looked up first, so that a missing one does not fail the run at the hundredth account.
    for operation in operations:
        if operation.kind == OperationKind.CREATE:
            mapping.secret_values(operation.external_id, operation.secrets, secrets)
    progress = RunProgress(policy, PlanJournal(journal, plan.digest))
    limiter = RateLimiter(policy.seconds_per_write, clock, sleep)
    run = RunContext(plan, target, policy, mapping, secrets, limiter, progress)
    _PlanRun(run, operations, sleep).apply()
    outcomes = tuple(progress.outcomes[operation.id] for operation in operations)
    is_whole_plan = len(operations) == len(plan.writes) and not blocked
    state = state_after(plan, outcomes, run.observed, stopped=progress.stopped, is_whole_plan=is_whole_plan)
    state = replace(state, unconfirmed=plan.previous.is_first_run and (leavers_only or bool(blocked)))
    learned = tuple(name for name in state.not_kept if name not in plan.previous.not_kept)
    return ApplyResult(verdicts, blocked, outcomes, run.writes, progress.stopped, bool(progress.stopped), state, learned)


def _check_plan(plan: Plan, policy: SyncPolicy, digest: str | None, now: datetime) -> None:
    if digest is not None and digest != plan.digest:
        raise PlanRefused(f"This is another plan: its digest is {plan.digest[:12]}, expected {digest[:12]}. Plan again")
    age = now - plan.taken_at
    if age > policy.max_plan_age:
        raise PlanRefused(
            f"The plan is too old: its directory was read {_hours(age)} ago, the limit is {_hours(policy.max_plan_age)} "
            "(max_plan_age). Plan again"
        )


def check_generation(plan: Plan, current: SyncState | None) -> None:
    """Refuse a plan that was made from an older state than the current one.

    :raises PlanRefused: another run has saved the state since the plan was made
    """
    if current is not None and current.generation != plan.previous.generation and current.plan != plan.digest:
        raise PlanRefused(
            "The plan is outdated: another run has written since it was made. Plan again "
            f"(made from generation {plan.previous.generation} of the state, which is now at {current.generation})"
        )


class _PlanRun:
    """Applies operations in phases: leavers first, then one kind of operation after the other."""

    def __init__(self, run: RunContext, operations: Sequence[Operation], sleep: Callable[[float], None]) -> None:
        self._run = run
        self._operations = operations
        self._progress = run.progress
        self._writer = OperationWriter(run)
        self._groups = GroupWriter(run, sleep)

    def apply(self) -> None:
        """Apply all operations, and record an outcome for each."""
        progress = self._progress
        pending = progress.resume(self._operations)
        if pending:
            self._run.reader.list_without_lookup()
        self._run_phases([operation for operation in pending if operation.removes_leaver])
        if not progress.is_halted:
            progress.reset_failures()
            others = [operation for operation in pending if not operation.removes_leaver]
            self._run_phases(self._run_trial(others))
        self._writer.verifier.read_back()
        for operation in pending:
            not_tried = Outcome(operation, OperationStatus.NOT_TRIED, operation.account_id, progress.stopped)
            progress.outcomes.setdefault(operation.id, not_tried)

    def _run_trial(self, operations: list[Operation]) -> list[Operation]:
        """After a stopped run, try a few operations of each kind, and return the others."""
        if not self._run.plan.summary.quarantined or not operations:
            return operations
        trial: list[Operation] = []
        for _, same_kind in groupby(operations, key=attrgetter("kind")):
            trial += list(same_kind)[: self._run.policy.trial]
        self._progress.is_trial = True
        self._run_phases(trial)
        self._progress.is_trial = False
        tried = {operation.id for operation in trial}
        return [operation for operation in operations if operation.id not in tried]

    def _run_phases(self, operations: list[Operation]) -> None:
        for _, same_kind in groupby(operations, key=attrgetter("kind")):
            self._run_phase(list(same_kind))

    def _run_phase(self, operations: list[Operation]) -> None:
        """Apply operations of one kind in several threads; no two of them concern the same account."""
        if self._progress.is_halted:
            return
        if operations[0].kind in GROUP_KINDS:
            self._groups.apply(operations)
            return
        size = self._run.can.bulk if isinstance(self._run.target, BulkTarget) else 1
        chunks = iter([operations[start : start + size] for start in range(0, len(operations), size)])
        workers = min(self._run.policy.concurrency, -(-len(operations) // size))
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(self._work, chunks) for _ in range(workers)]:
                future.result()

    def _work(self, chunks: Iterator[list[Operation]]) -> None:
        """Apply chunks of operations until none is left or the run stops."""
        while not self._progress.is_halted:
            with self._progress.lock:
                chunk = next(chunks, None)
            if chunk is None:
                return
            try:
                self._writer.apply(chunk)
            except BaseException:
                self._progress.halt()
                raise


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:.1f} hours"
