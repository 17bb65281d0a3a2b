"""Runs of reports, written into Airflow's database as if they had happened.

As a program it adds the runs of a JSON list on its standard input to the Airflow of its environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete

BUNDLE = "reports-of-the-tests"


def store_dags(dags: Iterable[Any], *, paused: bool = False) -> None:
    """Write DAGs into the database, as the DAG processor does."""
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    with create_session() as session:
        if session.get(DagBundleModel, BUNDLE) is None:
            session.add(DagBundleModel(name=BUNDLE))
    with create_session() as session:
        lazy = [LazyDeserializedDAG.from_dag(dag) for dag in dags]
        SerializedDAG.bulk_write_to_db(BUNDLE, None, lazy, session=session)
        for dag in lazy:
            SerializedDagModel.write_dag(dag, bundle_name=BUNDLE, session=session)
            session.get_one(DagModel, dag.dag_id).is_paused = paused


def forget_dags() -> None:
    """Remove all DAGs and their runs."""
    with create_session() as session:
        for table in (DagRun, DagVersion, DagModel):
            session.execute(delete(table))


def add_run(
    dag_id: str,
    day: str,
    *,
    state: str = "success",
    tasks: Mapping[str, str | None] | None = None,
    results: Mapping[str, Mapping[str, Any]] | None = None,
    review: Mapping[str, Any] | None = None,
    conf: Mapping[str, Any] | None = None,
    minutes: float = 3,
    run_id: str = "",
) -> str:
    """Add a run for the period with a day.

    :param tasks: states of tasks that differ from the run's
    :param results: outputs of tasks by key
    :param review: values of the request for a review
    """
    moment = datetime.combine(date.fromisoformat(day), time(1), UTC)
    with create_session() as session:
        dag = SerializedDagModel.get_dag(dag_id, session=session)
        assert dag is not None
        run = dag.create_dagrun(
            run_id=run_id or f"manual__{day}",
            run_after=moment,
            conf={"report_date": day, **(conf or {})},
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.UI,
            state=DagRunState(state),
            start_date=moment,
            session=session,
        )
        run.queued_at = moment
        # A finished run; create_dagrun knows only those that are to start.
        run.end_date = moment + timedelta(minutes=minutes) if state in ("success", "failed") else None
        for ti in run.get_task_instances(session=session):
            default = state if state in ("success", "failed") else None
            ti.state = (tasks or {}).get(ti.task_id, "success" if default == "failed" else default)
            if ti.task_id == "review" and review is not None:
                session.add(HITLDetail(ti_id=ti.id, options=["Approve", "Reject"], subject="?", **review))
        for task_id, values in (results or {}).items():
            for key, value in values.items():
                # As the API of the workers does.
                XComModel.set(
                    key, value, dag_id=dag_id, task_id=task_id, run_id=run.run_id, serialize=False, session=session
                )
        return str(run.run_id)


def main() -> None:
    """Add the runs of the standard input."""
    for run in json.load(sys.stdin):
        review = run.get("review") or {}
        if "responded_at" in review:
            review["responded_at"] = datetime.fromisoformat(review["responded_at"])
        add_run(**run)


if __name__ == "__main__":
    main()
