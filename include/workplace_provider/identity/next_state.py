"""The state that a run leaves for the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workplace_provider.identity.plan import GROUP_KINDS, OperationKind
from workplace_provider.identity.results import GONE, SUCCESSFUL, OperationStatus

if TYPE_CHECKING:
    from workplace_provider.identity.learning import Observations
    from workplace_provider.identity.plan import Plan
    from workplace_provider.identity.results import Outcome
    from workplace_provider.identity.state import SyncState


def state_after(
    plan: Plan, outcomes: Sequence[Outcome], observed: Observations, *, stopped: str, is_whole_plan: bool
) -> SyncState:
    """Return the state after a plan, or a part of it, was applied.

    :param observed: how the system stored the values
    :param stopped: the reason why the run stopped early
    :param is_whole_plan: whether all operations of the plan were applied, and not only those of leavers
    """
    # After a part of the plan, the reference numbers of the earlier run stay: no gate has accepted the new ones.
    base = plan.state if is_whole_plan else replace(plan.previous, generation=plan.state.generation)
    disabled, links = dict(base.disabled_at), dict(base.links)
    for outcome in outcomes:
        _record(outcome, plan, disabled, links)
    groups = _groups_after(plan, base.groups, outcomes)
    quarantined = stopped or ("" if is_whole_plan else plan.previous.quarantined)
    return observed.remember(
        replace(base, plan=plan.digest, disabled_at=disabled, links=links, groups=groups, quarantined=quarantined)
    )


def _record(outcome: Outcome, plan: Plan, disabled: dict[str, str], links: dict[str, str]) -> None:
    """Update the disabled accounts and the links of the state with one outcome."""
    mark, kind = outcome.operation.external_id, outcome.operation.kind
    if kind in GROUP_KINDS:
        return
    succeeded = outcome.status in SUCCESSFUL
    if kind == OperationKind.DISABLE:
        if succeeded and plan.state.disabled_at.get(mark):
            disabled[mark] = plan.state.disabled_at[mark]
        elif not succeeded:
            disabled.pop(mark, None)
    if (kind == OperationKind.DELETE and succeeded) or outcome.detail == GONE:
        disabled.pop(mark, None)
        links.pop(mark, None)
    elif kind in (OperationKind.CREATE, OperationKind.LINK) and succeeded:
        for other in [other for other, account_id in links.items() if account_id == outcome.account_id]:
            del links[other]
        links[mark] = outcome.account_id


def _groups_after(
    plan: Plan, before: Mapping[str, Mapping[str, Any]], outcomes: Sequence[Outcome]
) -> dict[str, Mapping[str, Any]]:
    """Return the groups of the state after some operations on them."""
    ids = {name: str(stored["id"]) for name, stored in before.items()}
    members = {name: set(stored.get("members", ())) for name, stored in before.items()}
    for outcome in outcomes:
        kind, name, succeeded = outcome.operation.kind, outcome.operation.group, outcome.status in SUCCESSFUL
        if kind in (OperationKind.CREATE_GROUP, OperationKind.ADOPT_GROUP):
            if succeeded:
                ids[name] = outcome.account_id
            elif name not in plan.previous.groups:
                ids.pop(name, None)
        elif kind == OperationKind.ADD_MEMBER and (succeeded or outcome.status == OperationStatus.FAILED):
            # The system may have made an addition that seemed to fail. If it did not, the next plan drops the account.
            members.setdefault(name, set()).add(outcome.account_id)
        elif kind == OperationKind.REMOVE_MEMBER and succeeded:
            members.setdefault(name, set()).discard(outcome.account_id)
    return {name: {"id": ids[name], "members": sorted(members.get(name, ()))} for name in sorted(ids)}


def merge_state(result: SyncState, current: SyncState, outcomes: Iterable[Outcome]) -> SyncState:
    """Return the state to save when another run has saved its own in the meantime: the other state plus our outcomes.

    :param result: the state that this run would have saved
    :param current: the state that the other run has saved
    :param outcomes: the outcomes of this run
    """
    links, disabled, groups = dict(current.links), dict(current.disabled_at), dict(current.groups)
    for outcome in outcomes:
        mark = outcome.operation.external_id
        if name := outcome.operation.group:
            groups.pop(name, None)
            groups |= {name: result.groups[name]} if name in result.groups else {}
            continue
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
        groups=groups,
        not_kept=tuple(sorted({*current.not_kept, *result.not_kept})),
        kept_as={**current.kept_as, **result.kept_as},
        sources=tuple(dict.fromkeys((*current.sources, *result.sources))),
        quarantined=current.quarantined or result.quarantined,
    )
