"""States of the tasks whose outputs a document consists of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.operators.templates import references_in

if TYPE_CHECKING:
    from airflow.sdk import Context

_FAILED: Final = frozenset({"failed", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class SourceStates:
    """The states of the source tasks of a document.

    :param failed: ids of the tasks that failed
    :param absent: ids of the tasks that have no output, because they failed or were skipped
    """

    failed: tuple[str, ...]
    absent: frozenset[str]

    def is_missing(self, source: Any) -> bool:
        """Return whether a value needs an output that does not exist."""
        return not self.absent.isdisjoint(references_in(source))


def source_states(context: Context, sources: Iterable[Any]) -> SourceStates:
    """Read the states of the tasks whose outputs are in the arguments of an operator."""
    task_ids = list(dict.fromkeys(task_id for source in sources for task_id in references_in(source)))
    if not task_ids:
        return SourceStates((), frozenset())
    run_id = context["run_id"]
    states: dict[str, Any] = (
        context["ti"].get_task_states(dag_id=context["dag"].dag_id, task_ids=task_ids, run_ids=[run_id]).get(run_id, {})
    )
    failed, absent = [], set()
    for task_id in task_ids:
        # A mapped task has a state for each of its indices: task_0, task_1.
        own = [str(state) for key, state in states.items() if key == task_id or key.rpartition("_")[0] == task_id]
        if _FAILED.intersection(own):
            failed.append(task_id)
        if not own or not any(state == "success" for state in own):
            absent.add(task_id)
    return SourceStates(tuple(failed), frozenset(absent | set(failed)))
