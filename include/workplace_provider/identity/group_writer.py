"""Applying the operations on groups: which are still needed, what is sent, and what the group has afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.accounts import AccountExists, AccountMissing, TargetError
from workplace_provider.identity.groups import Group, GroupTarget, HasGroups, group_mark
from workplace_provider.identity.plan import OperationKind
from workplace_provider.identity.results import SUCCESSFUL, OperationStatus
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.plan import GroupSummary, Operation
    from workplace_provider.identity.run_context import RunContext

log = get_logger(__name__)
Result = TypeVar("Result")
READ_BACK_WAITS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each time that a group is read back: some services show a change a moment later."""
MAX_FAILED_GROUPS: Final = 3
"""Groups in a row that fail; then the others are not tried."""


class GroupWriter:
    """Applies operations on groups and memberships, one group after the other.

    Members are a set, so a repeated request changes nothing: before a write, the group is read, and afterwards it is read
    back. A failure fails the operations of its group, and does not stop the sync of accounts.

    :param sleep: waits for a number of seconds
    """

    def __init__(self, run: RunContext, sleep: Callable[[float], None]) -> None:
        self._run = run
        self._progress = run.progress
        self._sleep = sleep
        self._summaries: dict[str, GroupSummary] = {summary.name: summary for summary in run.plan.groups}
        self._failed_in_a_row = 0
        self._problem = ""
        self._has_tried_removal = False

    def apply(self, operations: Sequence[Operation]) -> None:
        """Apply operations of one kind."""
        if not isinstance(self._run.target, HasGroups):
            self._end_all(operations, OperationStatus.FAILED, "the system has no groups")
            return
        target = self._run.target.groups
        for name, same_group in groupby(operations, key=attrgetter("group")):
            group_operations = list(same_group)
            if self._problem:
                self._end_all(group_operations, OperationStatus.NOT_TRIED, self._problem)
                continue
            try:
                self._apply_to_group(target, name, group_operations)
            except (TargetError, WorkplaceError) as error:
                self._fail(group_operations, error)
            else:
                self._failed_in_a_row = 0

    def _apply_to_group(self, target: GroupTarget, name: str, operations: list[Operation]) -> None:
        kind = operations[0].kind
        if kind == OperationKind.CREATE_GROUP:
            self._create(target, operations[0])
        elif kind == OperationKind.ADOPT_GROUP:
            self._adopt(target, operations[0])
        elif not (group_id := self._group_id(name)):
            self._end_all(operations, OperationStatus.NOT_TRIED, "the group was not created")
        else:
            self._change_members(target, group_id, operations)

    # --- groups

    def _create(self, target: GroupTarget, operation: Operation) -> None:
        """Create a group, unless it exists."""
        was_begun = operation.id in self._progress.journal.begun
        if self._take_existing(target, operation, was_begun=was_begun):
            return
        self._begin([operation])
        try:
            group = self._send(lambda: target.create(operation.group, operation.external_id))
        except TargetError as error:
            if not (error.outcome_unknown or isinstance(error, AccountExists)):
                raise
            if not self._take_existing(target, operation, was_begun=error.outcome_unknown):
                raise
            return
        self._end(operation, OperationStatus.DONE, group.id)

    def _take_existing(self, target: GroupTarget, operation: Operation, *, was_begun: bool) -> bool:
        """Return whether the group exists, and record that it does.

        :param was_begun: this sync may have created the group
        :raises TargetError: the group may be another one
        """
        named = [group for group in target.find([operation.group]) if fold_case(group.name) == fold_case(operation.group)]
        ours = [group for group in named if group.external_id == operation.external_id]
        if not named:
            return False
        if ours:
            # Names of groups need not be unique, so a repeated request may have created a second, empty one.
            self._end(operation, OperationStatus.ALREADY, min(group.id for group in ours))
            return True
        # A service that does not store marks: the group that a lost request has created has no members yet.
        group = target.get(named[0].id, ()) if was_begun and len(named) == 1 and not named[0].external_id else None
        if group is None or group.members:
            raise TargetError(f"A group named {operation.group} was created in the meantime: {named[0].id}. Plan again")
        self._end(operation, OperationStatus.ALREADY, group.id)
        return True

    def _adopt(self, target: GroupTarget, operation: Operation) -> None:
        """Write our mark to a group that others have created; a service may not store it, then the state does."""
        group = target.get(operation.account_id, ())
        if group is None or group.external_id == operation.external_id:
            status = OperationStatus.DRIFTED if group is None else OperationStatus.ALREADY
            self._end(operation, status, operation.account_id, "" if group else "the group is gone")
            return
        if drift := self._drift(operation, group, operation.external_id):
            self._end(operation, OperationStatus.DRIFTED, group.id, drift)
            return
        self._begin([operation])
        detail = ""
        try:
            self._send(lambda: target.mark(group.id, operation.external_id))
        except TargetError as error:
            if not error.invalid:
                raise
            detail = f"the system does not store a mark on groups: {error}"
        self._end(operation, OperationStatus.DONE, group.id, detail)

    def _group_id(self, name: str) -> str:
        """Return the id of a group: of the plan, or of the group that this run has created."""
        summary = self._summaries.get(name)
        if summary is None or summary.id:
            return summary.id if summary is not None else ""
        with self._progress.lock:
            outcomes = list(self._progress.outcomes.values())
        created = OperationKind.CREATE_GROUP
        return next(
            (
                outcome.account_id
                for outcome in outcomes
                if outcome.operation.kind == created and outcome.operation.group == name and outcome.status in SUCCESSFUL
            ),
            "",
        )

    def _drift(self, operation: Operation, group: Group, mark: str) -> str:
        """Return how a group differs from the plan; empty when it does not."""
        if fold_case(group.name) != fold_case(operation.group):
            return f"the group is now named {group.name!r}"
        earlier = {group_mark(source, operation.group) for source in self._run.plan.state.sources}
        if group.external_id and group.external_id not in {mark, *earlier}:
            return f"the group now has the mark of {group.external_id}"
        return ""

    # --- members

    def _change_members(self, target: GroupTarget, group_id: str, operations: list[Operation]) -> None:
        """Add or remove the members of one group."""
        ready = self._with_accounts(operations)
        if not ready:
            return
        adds = operations[0].kind == OperationKind.ADD_MEMBER
        group = target.get(group_id, tuple(ready))
        if group is None:
            status = OperationStatus.DRIFTED if adds else OperationStatus.ALREADY
            self._end_members(ready, ready, status, "the group is gone")
            return
        summary = self._summaries[operations[0].group]
        if drift := self._drift(operations[0], group, summary.mark):
            self._end_members(ready, ready, OperationStatus.DRIFTED, drift)
            return
        done = [account_id for account_id in ready if (account_id in group.members) == adds]
        self._end_members(ready, done, OperationStatus.ALREADY)
        pending = [account_id for account_id in ready if account_id not in set(done)]
        if not pending:
            return
        if not adds and not self._has_tried_removal and target.lists_members:
            self._has_tried_removal = True
            self._settle(target, group, ready, pending[:1], adds=False)
            self._check_others(target, group, pending[0])
            pending = pending[1:]
        self._settle(target, group, ready, pending, adds=adds)

    def _with_accounts(self, operations: Sequence[Operation]) -> dict[str, Operation]:
        """Return operations by the id of their account, and end those whose account does not exist or was not changed."""
        with self._progress.lock:
            outcomes = list(self._progress.outcomes.values())
        accounts = {outcome.operation.external_id: outcome for outcome in outcomes if _prepares_member(outcome.operation)}
        failed = {
            outcome.operation.external_id
            for outcome in outcomes
            if _prepares_member(outcome.operation) and outcome.status not in SUCCESSFUL
        }
        ready: dict[str, Operation] = {}
        for operation in operations:
            adds = operation.kind == OperationKind.ADD_MEMBER
            outcome = accounts.get(operation.external_id)
            account_id = operation.account_id or (outcome.account_id if outcome is not None else "")
            if adds and (operation.external_id in failed or not account_id):
                self._end(operation, OperationStatus.NOT_TRIED, account_id, "the person's account is not ready")
            else:
                ready[account_id] = operation
        return ready

    def _settle(
        self, target: GroupTarget, group: Group, ready: dict[str, Operation], pending: list[str], *, adds: bool
    ) -> None:
        """Send changes, read the group back, and record the outcome of each change."""
        if not pending:
            return
        errors = self._send_batches(target, group.id, ready, pending, adds=adds)
        missing = self._read_back(target, group.id, [each for each in pending if each not in errors], adds=adds)
        uncertain = [account_id for account_id, error in errors.items() if error.outcome_unknown]
        missing |= self._read_back(target, group.id, uncertain, adds=adds) if uncertain else set()
        failures = 0
        for account_id in pending:
            error = errors.get(account_id)
            if error is not None and (account_id in missing or not error.outcome_unknown):
                failures += 1
                self._end(ready[account_id], OperationStatus.FAILED, account_id, str(error))
            elif account_id in missing:
                failures += 1
                self._end(
                    ready[account_id],
                    OperationStatus.FAILED,
                    account_id,
                    f"the system reported success, but the account is {'not in' if adds else 'still in'} the group. If the "
                    "system does not list all members of a group, set members: filter",
                )
            else:
                self._end(ready[account_id], OperationStatus.DONE if error is None else OperationStatus.ALREADY, account_id)
        fatal = next((error for error in errors.values() if error.fatal), None)
        if fatal is not None:
            self._problem = f"all further operations on groups would fail: {fatal}"

    def _send_batches(
        self, target: GroupTarget, group_id: str, ready: dict[str, Operation], pending: list[str], *, adds: bool
    ) -> dict[str, TargetError]:
        """Send changes in as few requests as possible, and return the errors by account."""
        errors: dict[str, TargetError] = {}
        batches = [pending[start : start + target.batch] for start in range(0, len(pending), target.batch)]
        while batches:
            batch = batches.pop(0)
            self._begin([ready[account_id] for account_id in batch])
            try:
                self._send(partial(target.change_members, group_id, add=batch if adds else (), remove=() if adds else batch))
            except TargetError as error:
                refused = error.invalid or isinstance(error, AccountMissing)
                if refused and len(batch) > 1:
                    # One account that the system refuses must not keep the others out.
                    batches = [[account_id] for account_id in batch] + batches
                    continue
                errors |= dict.fromkeys(batch, error)
                if not refused:
                    errors |= {account_id: error for later in batches for account_id in later}
                    break
        return errors

    def _read_back(self, target: GroupTarget, group_id: str, accounts: list[str], *, adds: bool) -> set[str]:
        """Return the accounts whose change the group does not show."""
        missing = set(accounts)
        for seconds in READ_BACK_WAITS:
            if not missing:
                break
            if seconds:
                self._sleep(seconds)
            try:
                group = target.get(group_id, sorted(missing))
            except (TargetError, WorkplaceError) as error:
                log.warning("The group %s could not be read back: %s", group_id, error)
                continue
            members = group.members if group is not None else frozenset()
            missing = {account_id for account_id in missing if (account_id in members) != adds}
        return missing

    def _check_others(self, target: GroupTarget, before: Group, removed: str) -> None:
        """Put back members that the first removal of a run has removed besides its own, and stop removing.

        A service that does not understand the form of a removal may empty the group and report success
        (AzureAD/SCIMReferenceCode#10, apache/directory-scimple#436).

        :raises TargetError: other members were removed
        """
        others = before.members - {removed}
        after = target.get(before.id, ())
        if not others or after is None or after.members & others:
            return
        self._problem = f"removing one member of {before.name} removed all {len(others)} others"
        target.change_members(before.id, add=sorted(others))
        missing = self._read_back(target, before.id, sorted(others), adds=True)
        result = f"{len(missing)} of them could not be put back" if missing else "They were put back"
        self._problem += f". {result}. Set group_patch_style to entra, rfc or put: this service understands another form"
        raise TargetError(self._problem)

    # --- outcomes

    def _send(self, request: Callable[[], Result]) -> Result:
        self._run.rate_limiter.wait()
        with self._progress.lock:
            self._run.writes += 1
        return request()

    def _begin(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._progress.begin(operation)

    def _end(self, operation: Operation, status: OperationStatus, account_id: str, detail: str = "") -> None:
        self._progress.end(operation, status, account_id, detail=detail, counts=False)

    def _end_all(self, operations: Sequence[Operation], status: OperationStatus, detail: str) -> None:
        for operation in operations:
            if operation.id not in self._progress.outcomes:
                self._end(operation, status, operation.account_id, detail)

    def _end_members(
        self,
        ready: dict[str, Operation],
        accounts: Sequence[str] | dict[str, Operation],
        status: OperationStatus,
        detail: str = "",
    ) -> None:
        for account_id in accounts:
            self._end(ready[account_id], status, account_id, detail)

    def _fail(self, operations: Sequence[Operation], error: TargetError | WorkplaceError) -> None:
        """Fail the operations of a group that have no outcome yet."""
        self._end_all(operations, OperationStatus.FAILED, str(error))
        self._failed_in_a_row += 1
        if getattr(error, "fatal", False) or self._failed_in_a_row >= MAX_FAILED_GROUPS:
            self._problem = self._problem or f"{self._failed_in_a_row} groups in a row failed, the last one with: {error}"


def _prepares_member(operation: Operation) -> bool:
    """Return whether an operation creates or changes the account that becomes a member."""
    return operation.kind in (OperationKind.CREATE, OperationKind.LINK, OperationKind.ENABLE)
