"""What becomes of a document when the task that should have brought a part of it has failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.operators.templated_edits import references_in

if TYPE_CHECKING:
    from airflow.sdk import Context

ON_SOURCE_ERROR: Final = ("fail", "placeholder")
_FAILED: Final = frozenset({"failed", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class SourceStates:
    """How the tasks ended whose outputs a document is made of.

    :param failed: ids of those that failed
    :param absent: ids of those that have no output, because they failed or were skipped
    """

    failed: tuple[str, ...]
    absent: frozenset[str]

    def lacks(self, given: Any) -> bool:
        """Whether a value needs the output of a task that has none."""
        return not self.absent.isdisjoint(references_in(given))


def source_states(context: Context, given: Iterable[Any]) -> SourceStates:
    """Ask how the tasks ended whose outputs are in what an operator was given."""
    wanted = list(dict.fromkeys(name for each in given for name in references_in(each)))
    if not wanted:
        return SourceStates((), frozenset())
    run_id = context["run_id"]
    states: dict[str, Any] = (
        context["ti"].get_task_states(dag_id=context["dag"].dag_id, task_ids=wanted, run_ids=[run_id]).get(run_id, {})
    )
    failed, absent = [], set()
    for name in wanted:
        # A mapped task has a state for each of its indices.
        own = [str(state) for key, state in states.items() if key == name or key.rpartition("_")[0] == name]
        if _FAILED.intersection(own):
            failed.append(name)
        if not own or not any(state == "success" for state in own):
            absent.add(name)
    return SourceStates(tuple(failed), frozenset(absent | set(failed)))
