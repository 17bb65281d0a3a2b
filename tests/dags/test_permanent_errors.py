"""An error that a retry cannot fix fails a task at its first try, with retries left, in every operator of the provider."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, task

from support.provider_operators import OPERATORS, others, run_dag, values_of
from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.confluence.operators import ReviewOperator
from workplace_provider.tableau.sensors import TableauViewUpdatedSensor

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db", "_no_dags_folder")]

BROKEN = {
    "syntax": "{{ nothing",
    "undefined_name": "{{ no_such_name }}",
    "undefined_macro": "{{ macros.workplace.no_such_macro() }}",
    "undefined_plugin": "{{ macros.no_such_plugin.macro() }}",
    "undefined_filter": "{{ 'x' | no_such_filter }}",
    "missing_file": "{% include 'no_such.sql' %}",
    "our_macro": "{{ macros.workplace.report_title('%Q 주간 보고') }}",
    "expression": "{{ 1 + 'x' }}",
}


@pytest.fixture
def _no_dags_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # DAG.test() reads the whole folder of DAGs each time.
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path))


def tries(dag: DAG) -> dict[str, tuple[str, int]]:
    """Run a DAG, and return the state and the number of tries of each task."""
    return {ti.task_id: (str(ti.state), ti.try_number) for ti in run_dag(dag).get_task_instances()}


def dag_with_retries(name: str, **default_args: Any) -> DAG:
    return DAG(name, schedule=None, default_args={"retries": 2, "retry_delay": timedelta(0), **default_args})


def test_a_template_that_cannot_be_rendered_is_not_retried_by_any_operator() -> None:
    """Without a retry policy in the DAG: the operators bring their own."""
    with dag_with_retries("templates") as dag:
        for operator in OPERATORS:
            operator(task_id=operator.__name__, **others(operator), **values_of(operator, BROKEN["undefined_macro"]))
    assert tries(dag) == {operator.__name__: ("failed", 1) for operator in OPERATORS}


def test_nor_when_it_is_mapped() -> None:
    """Airflow replaces the mapped operator, which has no policy, by the real one before it renders."""
    with dag_with_retries("mapped_templates") as dag:
        ReviewOperator.partial(task_id="review", subject=BROKEN["undefined_macro"]).expand(body=["a", "b"])
    assert tries(dag) == {"review": ("failed", 1)}


def test_no_kind_of_broken_template_is_retried_in_any_task_of_a_dag_with_the_policy() -> None:
    with dag_with_retries("kinds", retry_policy=WorkplaceRetryPolicy()) as dag:
        for kind, template in BROKEN.items():
            SQLExecuteQueryOperator(task_id=kind, conn_id="none", sql=template)
            ReviewOperator(task_id=f"review_{kind}", subject=template)
    assert {name: ran for name, ran in tries(dag).items() if ran != ("failed", 1)} == {}


def test_a_value_error_is_not_retried_when_it_is_ours() -> None:
    with dag_with_retries("values", retry_policy=WorkplaceRetryPolicy()) as dag:
        ReviewOperator(task_id="review", subject="?", enabled="perhaps")
        TableauViewUpdatedSensor(task_id="sensor", view="A/B", since="yesterday")

        @task
        def not_ours() -> None:
            raise ValueError("no rows yet")

        not_ours()
    ran = tries(dag)
    assert ran.pop("not_ours") == ("failed", 3)
    assert set(ran.values()) == {("failed", 1)}


def test_the_policy_of_the_dag_or_of_the_task_takes_the_place_of_the_operators_own() -> None:
    dags_own, tasks_own = WorkplaceRetryPolicy(timedelta(1)), WorkplaceRetryPolicy(timedelta(2))
    with dag_with_retries("policies", retry_policy=dags_own):
        review = ReviewOperator(task_id="dags", subject="?")
        assert review.retry_policy is dags_own
        assert ReviewOperator(task_id="tasks", subject="?", retry_policy=tasks_own).retry_policy is tasks_own
    with dag_with_retries("default"):
        assert isinstance(ReviewOperator(task_id="default", subject="?").retry_policy, WorkplaceRetryPolicy)
