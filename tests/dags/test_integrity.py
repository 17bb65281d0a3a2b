from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from workplace_provider.confluence.operators import ReviewOperator

pytestmark = pytest.mark.dags

PARSE_BUDGET_SECONDS = 5.0  # of the processor, for one file: a busy machine makes no test fail
HEAVY = [
    "aiohttp",
    "atlassian",
    "cssselect",
    "emoji",
    "feedparser",
    "lxml",
    "pandas",
    "requests",
    "slack_sdk",
    "tableauserverclient",
]


@pytest.fixture(scope="module")
def dags(repository: Path) -> dict[str, Any]:
    bag = DagBag(dag_folder=str(repository / "dags"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_every_file_is_one_dag_of_the_same_name(dags: dict[str, Any], repository: Path) -> None:
    reports = {file.stem for file in (repository / "include" / "reports").glob("*.yaml")}
    assert ({file.stem for file in (repository / "dags").glob("*.py")} - {"reports"}) | reports == set(dags)


def test_every_dag_says_whose_it_is_and_what_it_does(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        assert dag.doc_md
        assert dag.description
        assert dag.tags
        assert not dag.catchup
        for task in dag.tasks:
            assert task.owner != "airflow"
            # A question to people is not asked again by itself: its time is over, or it was answered.
            assert task.retries >= 2 or isinstance(task, ReviewOperator)
            assert task.retry_policy is not None
            assert task.on_failure_callback


def test_every_param_has_a_title_and_a_valid_default(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        dag.params.validate()
        for name in dag.params:
            assert dag.params.get_param(name).schema.get("title"), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weekday", "donnerstag"),
        ("report_date", "19.11.2026x"),
        ("title", "주간 보고"),
        ("space", ""),
        ("if_source_missing", "guess"),
        ("jira", "perhaps"),
        ("jql", ""),
    ],
)
def test_the_trigger_form_refuses_nonsense(dags: dict[str, Any], name: str, value: str) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    param = dags["weekly_report"].params.get_param(name)
    with pytest.raises(ParamValidationError):
        param.resolve(value)


def test_every_dag_survives_serialization(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        assert {task.task_id for task in again.tasks} == {task.task_id for task in dag.tasks}


def test_every_connection_and_pool_is_in_the_local_settings(dags: dict[str, Any], repository: Path) -> None:
    settings = yaml.safe_load((repository / "airflow_settings.yaml").read_text())["airflow"]
    known = {connection["conn_id"] for connection in settings["connections"]}
    pools = {"default_pool", *(pool["pool_name"] for pool in settings["pools"])}
    for dag in dags.values():
        for task in dag.tasks:
            used = {getattr(task, name) for name in vars(task) if name.endswith("conn_id")}
            used |= {
                value for call in task.on_failure_callback for name, value in vars(call).items() if name.endswith("conn_id")
            }
            chosen = {dag.params[name] for each in used if each for name in re.findall(r"params\.(\w+)", each)} - {None}
            assert {each for each in used if each and "params." not in each} | chosen <= known
            assert task.pool in pools


def test_parsing_reads_no_connection_imports_nothing_heavy_and_is_quick(repository: Path) -> None:
    code = f"""
import sys, time
import airflow.sdk
from airflow.sdk import BaseHook, Variable
def refuse(*a, **k): raise AssertionError("a DAG file read a connection or variable while it was parsed")
BaseHook.get_connection = classmethod(refuse)
Variable.get = classmethod(refuse)
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
spent = []
for file in {[str(file) for file in sorted((repository / "dags").glob("*.py"))]}:
    begin = time.process_time()
    bag = DagBag(dag_folder=file, bundle_name="dags-folder")
    spent.append(time.process_time() - begin)
    assert bag.dags and not bag.import_errors, bag.import_errors
heavy = [name for name in {HEAVY} if name in set(sys.modules) - before]
print(heavy, max(spent))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    heavy, _, seconds = result.stdout.strip().splitlines()[-1].rpartition(" ")
    assert heavy == "[]"
    assert float(seconds) < PARSE_BUDGET_SECONDS


def test_no_param_chooses_a_connection_or_a_reviewer_freely(dags: Any) -> None:
    """Who may only trigger a run acts with the connections and under the reviewers of the DAG's author."""
    for dag in dags.values():
        for task in dag.tasks:
            arguments = {**vars(task), **getattr(task, "partial_kwargs", {})}
            for name, value in arguments.items():
                if not name.endswith(("conn_id", "reviewers")):
                    continue
                named = re.findall(r"params\.(\w+)", str(value))
                free = [param for param in named if "enum" not in dag.params.get_param(param).schema]
                assert not free, f"{dag.dag_id}.{task.task_id}: {name} comes from {free}"
