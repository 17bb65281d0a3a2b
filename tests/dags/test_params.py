"""Every Param of every DAG can be filled in and left empty as its description says.

The trigger form of Airflow 3.3 sends ``null`` for an empty field, and disables the Trigger button while a Param whose type
lacks ``null`` is empty (``isRequired`` in airflow-core's ``FlexibleForm``).
tests/e2e/shared_airflow/test_trigger_forms.py does it in a browser.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.param import Param
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError
from airflow.sdk.execution_time.context import MacrosAccessor
from airflow.sdk.plugins_manager import integrate_macros_plugins

from workplace_provider.reports.params import used_params
from workplace_provider.reports.texts import DefinedText, DefinedValue

REPOSITORY = Path(__file__).resolve().parents[2]
BAG = DagBag(dag_folder=str(REPOSITORY / "dags"), bundle_name="dags-folder")
PARAMS = [
    pytest.param(dag_id, name, id=f"{dag_id}-{name}") for dag_id, dag in sorted(BAG.dags.items()) for name in dag.params
]
EMPTY: dict[str, Any] = {"string": "", "array": [], "object": {}}


def types_of(param: Param) -> set[str]:
    types = param.schema["type"]
    return {types} if isinstance(types, str) else set(types)


def accepts(param: Param, value: Any) -> bool:
    try:
        copy.deepcopy(param).resolve(value)  # it keeps the value
    except ParamValidationError:
        return False
    return True


def texts(value: Any) -> Iterator[str]:
    """Return the strings in the value of a template field, those in edits included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif dataclasses.is_dataclass(value):
        yield from texts([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif hasattr(value, "source"):  # edits and bodies with templates
        yield from texts(value.source)


def values_of_reports(value: Any) -> Iterator[DefinedText | DefinedValue]:
    """Return the values in a template field that have the placeholders of a definition in YAML."""
    if isinstance(value, DefinedText | DefinedValue):
        yield value
    elif isinstance(value, dict):
        yield from values_of_reports(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from values_of_reports(item)


def is_skipped(task: Any, context: Any) -> bool:
    """Return whether a task does not run with these params."""
    try:
        if task._pre_execute_hook:
            task._pre_execute_hook(context)
    except AirflowSkipException:
        return True
    return False


@pytest.mark.parametrize(("dag_id", "name"), PARAMS)
def test_a_param_that_takes_an_empty_value_can_be_left_empty_in_the_form(dag_id: str, name: str) -> None:
    param = BAG.dags[dag_id].params.get_param(name)
    takes_empty = [value for kind in sorted(types_of(param) & set(EMPTY)) if accepts(param, value := EMPTY[kind])]
    assert not takes_empty or "null" in types_of(param), f"{takes_empty!r} is valid, but the form cannot send it"


@pytest.mark.parametrize(("dag_id", "name"), PARAMS)
def test_the_description_says_when_a_param_may_be_empty_and_only_then(dag_id: str, name: str) -> None:
    param = BAG.dags[dag_id].params.get_param(name)
    if re.search(r"\b(leave )?empty\b", param.schema.get("description") or "", re.IGNORECASE):
        assert accepts(param, None)


@pytest.mark.parametrize(("dag_id", "name"), PARAMS)
def test_the_form_can_be_sent_with_the_default(dag_id: str, name: str) -> None:
    param = BAG.dags[dag_id].params.get_param(name)
    assert "null" in types_of(param) or (param.value is not None and param.value != "")


@pytest.mark.parametrize("dag_id", sorted(BAG.dags))
def test_every_template_takes_an_empty_param(dag_id: str) -> None:
    integrate_macros_plugins()
    dag = BAG.dags[dag_id]
    empty = {name for name in dag.params if "null" in types_of(dag.params.get_param(name))}
    context = {
        "params": {name: None if name in empty else dag.params[name] for name in dag.params},
        "dag": dag,
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 26, tzinfo=UTC)),
        "macros": MacrosAccessor(),
        "ti": MagicMock(),
    }
    environment = dag.get_template_env()
    used = set()
    for task in dag.tasks:
        arguments = {**getattr(task, "partial_kwargs", {}), **vars(task)}
        for field in task.template_fields:
            for text in texts(arguments.get(field)):
                if mentioned := set(re.findall(r"\bparams\.(\w+)", text)) & empty:
                    used |= mentioned
                    assert "None" not in environment.from_string(text).render(context), f"{task.task_id}.{field}: {text}"
            for value in values_of_reports(arguments.get(field)):
                source = value.text if isinstance(value, DefinedText) else value.value
                if mentioned := set(used_params(source)) & empty:
                    used |= mentioned
                    if not is_skipped(task, context):
                        filled = value.resolve(context)
                        assert filled is None or "None" not in str(filled), f"{task.task_id}.{field}: {source}"
    assert used - {"report_date"} == empty - {"report_date"}  # in most DAGs a macro reads that one
