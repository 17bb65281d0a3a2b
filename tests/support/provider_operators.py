"""Every operator and sensor of the provider with arguments for its template fields, and a runner for DAGs without a file."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.sdk import DAG, Asset, BaseOperator

import workplace_provider
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.reports.catalogue import Catalogue, TargetSpace
from workplace_provider.reports.definition import PageSpec, PeriodSpec, ReportDefinition
from workplace_provider.slack.bot import BotCommand

# Arguments that an operator needs besides its template fields.
OTHER_ARGUMENTS: dict[str, Any] = {
    "catalogue": Catalogue(templates=["ANALYTICS"], spaces={"ANALYTICS": TargetSpace()}),
    "definitions": "reports",
    "folder": "include",
    "review": "review",
    "asset": Asset("asked"),
    "command": BotCommand("sum", "adds"),
    "definition": ReportDefinition(page=PageSpec(space="ANALYTICS", title="%Y%m%d"), period=PeriodSpec(every="week")),
    "commands": [BotCommand("sum", "adds")],
    "people": {"U024BE7LH": "jimin"},
}


def find_operators() -> list[type[BaseOperator]]:
    """Return every class of the provider that has template fields and that Airflow can run as a task."""
    found = set()
    for module in pkgutil.walk_packages(workplace_provider.__path__, f"{workplace_provider.__name__}."):
        if not module.name.endswith("__main__"):
            classes = filter(inspect.isclass, vars(importlib.import_module(module.name)).values())
            found.update(each for each in classes if issubclass(each, BaseOperator) and each.template_fields)
    ours = (each for each in found if each.__module__.startswith(f"{workplace_provider.__name__}."))
    # Without the base classes of operators.
    ours = (each for each in ours if not each.__module__.endswith(".base") and not each.__name__.startswith("_"))
    return sorted(ours, key=lambda each: each.__name__)


OPERATORS = find_operators()


def arguments(operator: type[BaseOperator]) -> list[str]:
    assert issubclass(operator, WorkplaceOperator)
    return [operator.argument_of(field) for field in operator.template_fields]


def parameters(operator: type[BaseOperator]) -> set[str]:
    return {name for each in operator.mro() for name in inspect.signature(each.__init__).parameters}


def others(operator: type[BaseOperator]) -> dict[str, Any]:
    wanted = parameters(operator) - set(arguments(operator))
    return {name: value for name, value in OTHER_ARGUMENTS.items() if name in wanted}


def kind_of(argument: str) -> str:
    if argument in ("edits", "once", "places"):
        return "edits"
    if argument in ("click", "message", "target", "values", "properties", "filters"):
        return "mapping"
    if argument in ("blocks", "attachments", "files", "views", "events"):
        return "sequence"
    return "text"


def values(text: str) -> dict[str, Any]:
    """Return the text inside a value of each kind; an operator parses most values only when it executes."""
    return {
        "edits": [{"edit": "FillText", "values": {"place": text}}],
        "mapping": {"text": text, "list": [text, {"nested": text}]},
        "sequence": [{"text": text, "list": [text]}, text],
        "text": text,
    }


def values_of(operator: type[BaseOperator], text: str) -> dict[str, Any]:
    return {name: values(text)[kind_of(name)] for name in arguments(operator)}


def run_dag(dag: DAG) -> Any:
    """Run a DAG that is in no file, and return its run."""
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull, bundle_name="dags-folder")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    return dag.test(logical_date=None)
