"""Audit trail of a task, from Airflow's records: the person who triggered the run, the approvals, the try of the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict

from workplace_provider.http.redaction import remove_invisible

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_NAME: Final = 60
LONGEST_ID: Final = 120
LONGEST_COMMENT: Final = 400
APPROVE: Final = "Approve"  # airflow.providers.standard.operators.hitl.ApprovalOperator.APPROVE


class Approval(TypedDict):
    """An approval in Airflow's records; ``user`` is ``None`` if it was the default after the time-out."""

    task_id: str
    user: str | None
    at: str


class AuditTrail(TypedDict):
    """The origin of a published page or message.

    ``triggered_by`` is ``None`` for a run without a person, such as a scheduled one; ``run_type`` is ``scheduled``,
    ``asset_triggered``, ``backfill`` or ``manual``.
    """

    dag_id: str
    run_id: str
    run_type: str
    triggered_by: str | None
    approvals: list[Approval]
    task_id: str
    map_index: int
    try_number: int


def audit_trail(context: Context, task_id: str) -> AuditTrail | None:
    """Return Airflow's records about this run and this task; ``None`` outside of a run.

    The names of people come from Airflow's auth manager, and :func:`clean_name` makes them safe. The approvals are those of
    all upstream tasks with an ``ApprovalOperator``; in a mapped task group, those with the same index.
    """
    run, ti = context.get("dag_run"), context.get("ti")
    if run is None or ti is None:
        return None
    user = getattr(run, "triggering_user_name", None)
    run_type = getattr(run, "run_type", "")
    return {
        "dag_id": clean_name(context["dag"].dag_id, LONGEST_ID),
        "run_id": clean_name(context["run_id"], LONGEST_ID),
        "run_type": str(getattr(run_type, "value", run_type)),
        "triggered_by": clean_name(user) if user else None,
        "approvals": list(_approvals(context, task_id)),
        "task_id": clean_name(task_id, LONGEST_ID),
        "map_index": -1 if (index := getattr(ti, "map_index", None)) is None else index,
        "try_number": int(getattr(ti, "try_number", None) or 1),
    }


def describe_audit(trail: AuditTrail | None) -> str:
    """Return an audit trail as one line, for a version comment.

    >>> describe_audit(trail)
    'analytics_doc/publish, try 1 of manual run manual__2026-11-26, triggered by "kim", approved by "lee" (review)'
    """
    if trail is None:
        return ""
    task = trail["task_id"] if trail["map_index"] < 0 else f"{trail['task_id']}[{trail['map_index']}]"
    parts = [f"{trail['dag_id']}/{task}, try {trail['try_number']} of {trail['run_type']} run {trail['run_id']}"]
    if trail["triggered_by"]:
        parts.append(f'triggered by "{trail["triggered_by"]}"')
    for approval in trail["approvals"]:
        by = f'"{approval["user"]}"' if approval["user"] else "no one, by default after the timeout"
        parts.append(f"approved by {by} ({approval['task_id']})")
    return _shorten(", ".join(parts), LONGEST_COMMENT)


def clean_name(value: Any, longest: int = LONGEST_NAME) -> str:
    """Return a name on one line, without control characters and quotation marks, and not longer than ``longest``.

    People choose their names. A name must not end the quotation in :func:`describe_audit` and add an approval of its own.
    """
    line = " ".join(remove_invisible(str(value), " ").split())
    return _shorten(line.replace('"', "'").replace("·", "."), longest)


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _approvals(context: Context, task_id: str) -> Iterator[Approval]:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    tasks, ti = getattr(context["dag"], "task_dict", {}), context["ti"]
    task = tasks.get(task_id)
    group = task.get_closest_mapped_task_group() if task is not None else None
    for upstream in _upstream(tasks, task_id):
        kind = getattr(upstream, "operator_class", type(upstream))
        if not isinstance(kind, type) or not issubclass(kind, ApprovalOperator):
            continue
        same_index = group is not None and upstream.get_closest_mapped_task_group() is group
        name = upstream.task_id
        result = ti.xcom_pull(name, map_indexes=ti.map_index) if same_index else ti.xcom_pull(name)
        for answer in result if isinstance(result, list | tuple) else [result]:
            if isinstance(answer, Mapping) and APPROVE in (answer.get("chosen_options") or ()):
                user = answer.get("responded_by_user") or {}
                person = user.get("name") or user.get("id")
                yield {
                    "task_id": clean_name(name, LONGEST_ID),
                    "user": clean_name(person) if person else None,
                    "at": clean_name(answer.get("responded_at") or ""),
                }


def _upstream(tasks: Mapping[str, Any], task_id: str) -> Iterator[Any]:
    """Yield all tasks upstream of a task, each once, the nearest first."""
    waiting, known = [task_id], {task_id}
    while waiting:
        task = tasks.get(waiting.pop(0))
        for before in sorted(getattr(task, "upstream_task_ids", ())):
            if before not in known and before in tasks:
                known.add(before)
                waiting.append(before)
                yield tasks[before]
