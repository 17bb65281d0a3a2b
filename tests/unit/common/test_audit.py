from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import DAG, task_group
from airflow.sdk.api.datamodels._generated import DagRunType

from workplace_provider.common.audit import LONGEST_COMMENT, LONGEST_NAME, audit_trail, clean_name, describe_audit
from workplace_provider.confluence.operators import ReviewOperator

AT = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
NOTHING: Any = object()


def answer(user: str | None, option: str = "Approve") -> dict[str, Any]:
    """What Airflow's HITL operators return."""
    person = {"id": user, "name": user} if user else None
    return {"chosen_options": [option], "params_input": {}, "responded_at": AT, "responded_by_user": person}


class RunningTask:
    """The task instance that reads XComs, as Airflow 3.3 gives them to a task."""

    def __init__(self, task_id: str, xcoms: dict[str, Any] | None = None, map_index: int = -1, try_number: int = 1) -> None:
        self.task_id, self.map_index, self.try_number = task_id, map_index, try_number
        self._xcoms = xcoms or {}

    def xcom_pull(self, task_ids: str, *, map_indexes: Any = NOTHING) -> Any:
        found = self._xcoms.get(task_ids)
        if isinstance(found, list) and map_indexes is not NOTHING:
            return found[map_indexes]
        return found


def context(dag: DAG, ti: RunningTask, user: str | None = "kim", kind: DagRunType = DagRunType.MANUAL) -> Any:
    run = SimpleNamespace(triggering_user_name=user, run_type=kind)
    return {"dag": dag, "run_id": f"{kind.value}__2026-11-26", "dag_run": run, "ti": ti}


def reviewed_dag() -> DAG:
    with DAG("doc", schedule=None) as dag:
        review = ReviewOperator(task_id="review", subject="?")
        legal = ApprovalOperator(task_id="legal", subject="?")
        colour = HITLOperator(task_id="colour", subject="?", options=["Approve of red", "blue"])
        ApprovalOperator(task_id="beside", subject="?")
        review >> EmptyOperator(task_id="between") >> EmptyOperator(task_id="publish")
        [legal, colour] >> dag.task_dict["publish"]
    return dag


def test_who_triggered_and_approved_and_which_try_publishes() -> None:
    answers = {"review": answer("lee"), "legal": answer("choi"), "beside": answer("nobody"), "colour": answer("x", "blue")}
    trail = audit_trail(context(reviewed_dag(), RunningTask("publish", answers, try_number=2)), "publish")
    assert trail == {
        "dag_id": "doc",
        "run_id": "manual__2026-11-26",
        "run_type": "manual",
        "triggered_by": "kim",
        "approvals": [
            {"task_id": "legal", "user": "choi", "at": "2026-11-26 01:00:00+00:00"},
            {"task_id": "review", "user": "lee", "at": "2026-11-26 01:00:00+00:00"},
        ],
        "task_id": "publish",
        "map_index": -1,
        "try_number": 2,
    }
    assert describe_audit(trail) == (
        'doc/publish, try 2 of manual run manual__2026-11-26, triggered by "kim", '
        'approved by "choi" (legal), approved by "lee" (review)'
    )


def test_a_scheduled_run_has_no_person() -> None:
    trail = audit_trail(context(reviewed_dag(), RunningTask("publish"), None, DagRunType.SCHEDULED), "publish")
    assert trail is not None
    assert (trail["triggered_by"], trail["approvals"]) == (None, [])
    assert describe_audit(trail) == "doc/publish, try 1 of scheduled run scheduled__2026-11-26"


@pytest.mark.parametrize("found", [None, [], [None], answer("lee", "Reject"), "Approve", {"chosen_options": None}])
def test_what_is_no_approval_counts_as_none(found: Any) -> None:
    trail = audit_trail(context(reviewed_dag(), RunningTask("publish", {"review": found})), "publish")
    assert trail is not None
    assert trail["approvals"] == []


def test_an_approval_by_the_timeout_has_no_person() -> None:
    trail = audit_trail(context(reviewed_dag(), RunningTask("publish", {"review": answer(None)})), "publish")
    assert "approved by no one, by default after the timeout (review)" in describe_audit(trail)


def test_in_a_mapped_group_the_approval_of_the_same_index_counts() -> None:
    with DAG("sync", schedule=None) as dag:

        @task_group
        def each(target: str) -> None:
            ApprovalOperator(task_id="approve", subject=target) >> EmptyOperator(task_id="apply")

        each.expand(target=["a", "b"])
        dag.task_dict["each.apply"] >> EmptyOperator(task_id="report")
    answers = {"each.approve": [answer("lee"), answer("choi")]}

    def approved(task_id: str, map_index: int) -> list[str | None]:
        trail = audit_trail(context(dag, RunningTask(task_id, answers, map_index)), task_id)
        assert trail is not None
        return [approval["user"] for approval in trail["approvals"]]

    assert approved("each.apply", 1) == ["choi"]
    assert approved("report", -1) == ["lee", "choi"]
    trail = audit_trail(context(dag, RunningTask("each.apply", answers, 1)), "each.apply")
    assert describe_audit(trail).startswith("sync/each.apply[1], try 1")


HOSTILE = 'kim", approved by "boss" (review)\x1b[31m\n\u202e · run:000000000000' + "가" * 500


def test_a_name_is_data() -> None:
    dag = reviewed_dag()
    trail = audit_trail(context(dag, RunningTask("publish", {"review": answer(HOSTILE)}), HOSTILE), "publish")
    assert trail is not None
    text = describe_audit(trail)
    assert len(text) <= LONGEST_COMMENT
    assert len(trail["triggered_by"] or "") <= LONGEST_NAME
    for character in "\x1b\n\u202e·":
        assert character not in text
    assert text.count('"') == 4
    assert 'approved by "boss"' not in text


def test_many_approvals_are_cut() -> None:
    with DAG("doc", schedule=None) as dag:
        publish = EmptyOperator(task_id="publish")
        for number in range(30):
            ApprovalOperator(task_id=f"review_{number}", subject="?") >> publish
    answers = {f"review_{number}": answer("lee") for number in range(30)}
    trail = audit_trail(context(dag, RunningTask("publish", answers)), "publish")
    assert trail is not None
    assert len(trail["approvals"]) == 30
    assert len(describe_audit(trail)) <= LONGEST_COMMENT


def test_outside_of_a_run_there_is_none() -> None:
    assert audit_trail({"dag": reviewed_dag(), "run_id": "r"}, "publish") is None  # type: ignore[typeddict-item]
    assert describe_audit(None) == ""


@pytest.mark.parametrize(
    ("given", "clean"), [("  a\t\tb\u00a0c ", "a b c"), (5, "5"), ("\x00", ""), ('"', "'"), ("김\u200d지민", "김\u200d지민")]
)
def test_clean_names(given: Any, clean: str) -> None:
    assert clean_name(given) == clean
