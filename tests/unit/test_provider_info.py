from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import airflow
from airflow.sdk import BaseOperator
from jsonschema import validate

import workplace_provider
from workplace_provider.common.operator import WorkplaceOperator

INFO = workplace_provider.get_provider_info()


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(airflow.__file__).parent / name).read_text())
    return found


def test_airflow_takes_the_provider_info() -> None:
    validate(INFO, _schema("provider_info.schema.json"))


def test_the_stricter_schema_takes_it_too() -> None:
    # It is for provider.yaml files, which have these as well; it alone looks into the connection forms.
    required = {"versions": ["0.1.0"], "state": "ready", "lifecycle": "production", "build-system": "hatchling"}
    schema = _schema("provider.yaml.schema.json")
    needed = {key: required[key] for key in required if key in schema["properties"]}
    validate({**INFO, **needed, "source-date-epoch": 0}, schema)


def test_everything_that_is_listed_can_be_imported() -> None:
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                importlib.import_module(module)
    classes = [
        *INFO["notifications"],
        *INFO["extra-links"],
        *INFO["queues"],
        *(each["hook-class-name"] for each in INFO["connection-types"]),
    ]
    for path in classes:
        module, _, name = path.rpartition(".")
        assert inspect.isclass(getattr(importlib.import_module(module), name))


def test_every_public_operator_is_listed() -> None:
    listed = {module for entry in INFO["operators"] for module in entry["python-modules"]}
    for found in pkgutil.walk_packages(workplace_provider.__path__, "workplace_provider."):
        if "operators" not in found.name.split("."):
            continue
        module = importlib.import_module(found.name)
        public = [
            name
            for name, thing in vars(module).items()
            if inspect.isclass(thing)
            and issubclass(thing, BaseOperator)
            and thing.__module__ == module.__name__
            and thing is not WorkplaceOperator  # the base class: DAGs use the operators
            and name[0] != "_"
        ]
        package = module.__name__.rpartition(".")[0]
        assert not public or module.__name__ in listed or package in listed, public


def test_every_operator_templates_its_connection_and_documents_its_parameters() -> None:
    for entry in [*INFO["operators"], *INFO["sensors"]]:
        for path in entry["python-modules"]:
            module = importlib.import_module(path)
            for name, operator in vars(module).items():
                if not (
                    inspect.isclass(operator)
                    and operator.__module__.startswith(path)
                    and name.endswith(("Operator", "Sensor"))
                    and name[0] != "_"
                ):
                    continue
                parameters = {p for p in inspect.signature(operator.__init__).parameters if p not in ("self", "kwargs")}
                # An operator that adds no parameter has those of the class that it inherits __init__ from.
                owner = next(kind for kind in operator.__mro__ if "__init__" in vars(kind))
                documented = f"{operator.__doc__} {owner.__doc__}"
                assert all(f":param {parameter}:" in documented for parameter in parameters), name
                # The operators of a report take the connection from its definition.
                has_no_connection = path == "workplace_provider.reports.operators" or name in (
                    "ReviewOperator",
                    "SlackEventsOperator",
                    "SlackCommandOperator",
                    "SlackAnswersOperator",
                )
                assert has_no_connection or any(field.endswith("conn_id") for field in operator.template_fields), name


def test_a_hook_can_be_found_by_its_connection_type() -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    hook = ProvidersManagerTaskRuntime().hooks["confluence"]
    assert hook is not None
    assert (hook.hook_name, hook.connection_id_attribute_name) == ("Confluence", "confluence_conn_id")
    assert ProvidersManager().providers["airflow-provider-workplace"].version == workplace_provider.__version__


def test_every_trigger_documents_its_parameters() -> None:
    for entry in INFO["triggers"]:
        for path in entry["python-modules"]:
            module = importlib.import_module(path)
            triggers = [
                thing for name, thing in vars(module).items() if name.endswith("Trigger") and thing.__module__ == path
            ]
            assert triggers, path
            for trigger in triggers:
                parameters = {p for p in inspect.signature(trigger.__init__).parameters if p != "self"}
                assert all(f":param {parameter}:" in (trigger.__doc__ or "") for parameter in parameters), trigger


LIGHT = [
    "workplace_provider",
    "workplace_provider.common.artifacts",
    "workplace_provider.common.artifact_store",
    "workplace_provider.slack.notifications.alarm",
    "workplace_provider.slack.notifications.post",
    "workplace_provider.confluence.operators",
    "workplace_provider.github.operators",
    "workplace_provider.identity.operators",
    "workplace_provider.jira.operators",
    "workplace_provider.notices.operators.notices",
    "workplace_provider.confluence.operators.page_result",
    "workplace_provider.confluence.operators.review",
    "workplace_provider.slack.operators.events",
    "workplace_provider.slack.operators.bot",
    "workplace_provider.slack.operators.events",
    "workplace_provider.slack.operators.post",
    "workplace_provider.slack.operators.report",
    "workplace_provider.slack.operators.webhook",
    "workplace_provider.tableau.operators",
    "workplace_provider.identity",
    "workplace_provider.confluence.pages",
    "workplace_provider.common.report_date",
    "workplace_provider.common.retry_policy",
    "workplace_provider.jira.sensors",
    "workplace_provider.tableau.sensors",
    "workplace_provider.slack.events",
    "workplace_provider.slack.triggers.socket",
]
HEAVY = [
    "PIL",
    "aiohttp",
    "atlassian",
    "cssselect",
    "emoji",
    "feedparser",
    "lxml",
    "markdown_it",
    "pandas",
    "requests",
    "slack_sdk",
]
HEAVY += ["tableauserverclient", "airflow.providers.slack", "airflow.providers.atlassian", "airflow.providers.http"]


def test_what_a_dag_imports_is_light() -> None:
    code = f"""
import sys
import airflow.sdk
before = set(sys.modules)
import {", ".join(LIGHT)}
print([name for name in {HEAVY} if name in set(sys.modules) - before])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.strip().splitlines()[-1] == "[]"
