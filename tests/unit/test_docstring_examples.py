"""Every operator, sensor, hook, trigger, notifier and edit has an example in its docstring, and the example runs.

An example is an indented block after ``::``. Its names are those that the provider exports; every other name is a task, so
that an example can use ``image.output`` of a task before. The examples of hooks only construct: a call would need a server.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import importlib
import inspect
import pkgutil
import textwrap
from types import ModuleType
from typing import Any

import pytest
from airflow import sdk
from airflow.sdk import DAG, BaseHook, BaseNotifier, BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.triggers.base import BaseTrigger

import workplace_provider
from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.pages.edits import Edit
from workplace_provider.reports.definition import PageSpec, PeriodSpec, ReportDefinition

LONGEST = 12


def modules() -> list[ModuleType]:
    names = (each.name for each in pkgutil.walk_packages(workplace_provider.__path__, f"{workplace_provider.__name__}."))
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


MODULES = modules()
CLASSES = {
    kind
    for module in MODULES
    for kind in vars(module).values()
    if inspect.isclass(kind) and kind.__module__.startswith(f"{workplace_provider.__name__}.")
}
PUBLIC = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if name[0].isupper() and str(getattr(value, "__module__", "")).startswith(f"{workplace_provider.__name__}.")
}
REPORT = ReportDefinition(id="weekly", page=PageSpec(space="ANALYTICS", title="%Y%m%d"), period=PeriodSpec(every="week"))
AIRFLOW = {name: getattr(sdk, name) for name in ("Asset", "AssetWatcher", "DAG", "Param", "task", "task_group")}
SUBJECTS = sorted(
    (
        kind
        for kind in CLASSES
        if issubclass(kind, BaseOperator | BaseHook | BaseTrigger | BaseNotifier | Edit)
        if not kind.__name__.startswith("_") and not inspect.isabstract(kind)
        # base classes
        if not kind.__module__.endswith((".base", ".common.operator", ".common.sensor", ".templated"))
    ),
    key=lambda kind: (kind.__module__, kind.__name__),
)


class Stub(BaseOperator):
    """A task that an example refers to."""

    def execute(self, context: Context) -> Any:
        return None


class Names(dict[str, Any]):
    """The names of an example; an unknown name is a task with this id."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        self[name] = Stub(task_id=f"stub_{name}")
        return self[name]


def examples(kind: type) -> list[str]:
    """Return the blocks of a docstring that follow ``::``."""
    lines = (inspect.cleandoc(kind.__doc__ or "")).splitlines()
    blocks: list[str] = []
    for number, line in enumerate(lines):
        if not line.rstrip().endswith("::"):
            continue
        indent = len(line) - len(line.lstrip())
        block: list[str] = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= indent:
                break
            block.append(following)
        blocks.append(textwrap.dedent("\n".join(block)).strip())
    return blocks


def run_example(kind: type, code: str) -> bool:
    """Run an example, and return whether it constructs the class."""
    tree = ast.parse(code)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and kind.__name__ in ast.unparse(node.func)]
    exported = {**PUBLIC, **AIRFLOW, "edits": edits, "datetime": datetime.datetime, "report": REPORT}
    names = Names(exported)
    with DAG("example", schedule=None):
        if issubclass(kind, BaseHook):
            for call in calls:
                eval(compile(ast.Expression(call), kind.__name__, "eval"), exported, names)
        else:
            exec(compile(tree, kind.__name__, "exec"), exported, names)
    return bool(calls)


def test_all_packages_are_covered() -> None:
    packages = {kind.__module__.split(".")[1] for kind in SUBJECTS}
    assert packages == {"confluence", "github", "identity", "jira", "notices", "reports", "slack", "tableau"}
    assert len(SUBJECTS) >= 45


@pytest.mark.parametrize("kind", SUBJECTS, ids=lambda kind: kind.__name__)
def test_the_example_runs(kind: type) -> None:
    blocks = examples(kind)
    assert blocks, f"{kind.__module__}.{kind.__name__} has no example"
    assert [True for block in blocks if run_example(kind, block)], f"no example constructs {kind.__name__}"
    assert all(len(block.splitlines()) <= LONGEST for block in blocks)
