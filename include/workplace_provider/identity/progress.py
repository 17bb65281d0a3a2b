"""The progress of a run: its journal, the outcomes so far, and the limits after which it stops."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.plan import GROUP_KINDS
from workplace_provider.identity.results import SUCCESSFUL, OperationStatus, Outcome, PlanRefused

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Account
    from workplace_provider.identity.journal import Journal
    from workplace_provider.identity.plan import Operation
    from workplace_provider.identity.policy import SyncPolicy


class PlanJournal:
    """The journal of one plan: entries of earlier runs, and new ones from several threads.

    :raises PlanRefused: the journal belongs to another plan
    """

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
                    raise PlanRefused("The journal belongs to another plan. Use a separate journal for every plan")
            elif entry["event"] == "begin":
                self.begun.add(entry["op"])
            elif entry["event"] == "end" and entry["status"] not in (OperationStatus.FAILED, OperationStatus.NOT_TRIED):
                self.ended[entry["op"]] = entry
            else:
                self.ended.pop(entry["op"], None)
        if empty:
            journal.append({"plan": digest})

    def begin(self, operation: Operation) -> None:
        """Record that an operation is about to be sent."""
        with self._lock:
            self._journal.append({"op": operation.id, "event": "begin"})

    def end(self, outcome: Outcome, version: str) -> None:
        """Record the outcome of an operation."""
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


class RunProgress:
    """The outcomes of a run so far, shared by its threads.

    :param policy: has the limits for failures
    :param journal: gets every outcome
    """

    def __init__(self, policy: SyncPolicy, journal: PlanJournal) -> None:
        self.policy = policy
        self.journal = journal
        self.outcomes: dict[str, Outcome] = {}
        self.stopped = ""
        self.is_trial = False
        self.lock = threading.Lock()
        self._halt = threading.Event()
        self._tried = self._failed = 0
        # Versions of accounts that this run has written or read again, instead of the plan's; empty for an unknown version.
        self._versions: dict[str, str] = {}

    @property
    def is_halted(self) -> bool:
        """Return whether no more operations are to be sent."""
        return self._halt.is_set()

    def halt(self) -> None:
        """Make all threads end after their current request."""
        self._halt.set()

    def resume(self, operations: Sequence[Operation]) -> list[Operation]:
        """Take over the outcomes of an interrupted run, and return the operations that are still to be applied."""
        pending: list[Operation] = []
        for operation in operations:
            entry = self.journal.ended.get(operation.id)
            if entry is None:
                pending.append(operation)
                continue
            account_id, status = entry.get("account_id", ""), OperationStatus(entry["status"])
            self.outcomes[operation.id] = Outcome(operation, status, account_id, entry.get("detail", ""))
            if status in SUCCESSFUL and operation.kind not in GROUP_KINDS:
                self._versions[account_id] = entry.get("version", "")
        return pending

    def reset_failures(self) -> None:
        """Count failures from zero: failed leavers and failed joiners do not stop each other."""
        self._tried = self._failed = 0

    def expected_version(self, operation: Operation) -> str:
        """Return the version that the account of an operation must have."""
        return self._versions.get(operation.account_id, operation.version) if operation.account_id else ""

    def has_version(self, account_id: str) -> bool:
        """Return whether this run has already written or read an account."""
        return account_id in self._versions

    def remember_version(self, account: Account) -> None:
        """Use the version of an account that was read again."""
        if account.version:
            with self.lock:
                self._versions[account.id] = account.version

    def begin(self, operation: Operation) -> None:
        """Record that an operation is about to be sent."""
        self.journal.begin(operation)

    def end(
        self,
        operation: Operation,
        status: OperationStatus,
        account_id: str = "",
        version: str = "",
        *,
        detail: str = "",
        fatal: bool = False,
        written: bool = True,
        counts: bool = True,
    ) -> None:
        """Record the outcome of an operation, and stop the run when too many have failed.

        :param fatal: all further operations would fail as well
        :param written: whether the version is that of an account that was written
        :param counts: whether the outcome counts for the limits of failures; groups do not stop the sync of accounts
        """
        outcome = Outcome(operation, status, account_id or operation.account_id, detail)
        self.journal.end(outcome, version)
        with self.lock:
            self.outcomes[operation.id] = outcome
            if not counts:
                return
            self._tried += 1
            if status in SUCCESSFUL and written:
                self._versions[outcome.account_id] = version
            if status == OperationStatus.FAILED:
                self._failed += 1
                if not self.stopped:
                    self.stopped = self._reason_to_stop(fatal, detail, is_leaver=operation.removes_leaver)
                if self.stopped:
                    self._halt.set()

    def replace_outcome(self, outcome: Outcome, version: str) -> None:
        """Record a second outcome of an operation, which replaces the first one."""
        self.outcomes[outcome.operation.id] = outcome
        self.journal.end(outcome, version)

    def _reason_to_stop(self, fatal: bool, detail: str, *, is_leaver: bool) -> str:
        policy = self.policy
        if fatal:
            return f"all further operations would fail: {detail}"
        if is_leaver:
            return ""  # every leaver is tried, even if the one before has failed
        if self.is_trial:
            return f"the trial after the last stop failed: {detail}"
        if policy.max_failures is not None and self._failed > policy.max_failures:
            return f"{self._failed} operations failed, the limit is {policy.max_failures}. The last error: {detail}"
        percent = self._failed * 100 / self._tried
        limit = policy.max_failure_percent
        if limit is not None and self._tried >= policy.min_tries_for_percent and percent > limit:
            return (
                f"{self._failed} of {self._tried} operations failed ({percent:.0f} %), the limit is {limit:g} %. "
                f"The last error: {detail}"
            )
        return ""
