"""The project's DAGs show page titles, cells of databases and errors in Slack as text, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from workplace_provider.reports.row_lines import row_lines
from workplace_provider.slack.notifications.templated import TemplatedNotifier

pytestmark = pytest.mark.dags

ROOT = Path(__file__).parents[2]
HOSTILE = "<!channel> <@U1> <https://evil.example|Log in> a|b\u202e"
PAGE = {"title": HOSTILE, "url": "https://wiki.example.com/x?a=1&b=|<>2", "run_id": "r"}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    return dict(DagBag(dag_folder=str(ROOT / "dags"), bundle_name="dags").dags)


def rendered(dag: Any, template: str, **context: Any) -> str:
    from airflow.plugins_manager import integrate_macros_plugins
    from airflow.sdk.execution_time import macros

    integrate_macros_plugins()
    return str(dag.get_template_env().from_string(template).render({"macros": macros, **context}))


def markup(text: str) -> Iterator[str]:
    """Return what Slack takes for links and mentions."""
    return (match[1] for match in re.finditer("<([^<>]*)>", text))


def test_the_analytics_document(dags: dict[str, Any]) -> None:
    dag = dags["analytics_doc"]
    rule = dag.get_task("compose").definition.announce[0].rows
    lines = row_lines(rule, [{"지표": HOSTILE, "이번 주": 1, "지난주": 2}], {})
    outputs = {"compose": {"lines": {"1": lines}}, "publish": PAGE}
    context = {
        "dag": dag,
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 19, tzinfo=UTC)),
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: outputs[task_ids]),
    }
    said = dag.get_task("announce_1").text.resolve(context)
    assert said.count("Log in") == 2
    (link,) = markup(said)
    assert link.startswith("https://wiki.example.com/x?a=1&amp;b=%7C")
    assert "\u202e" not in said


def test_the_bots_report(dags: dict[str, Any]) -> None:
    dag = dags["slack_bot"]

    def pull(task: str, **_: Any) -> Any:
        return PAGE if task == "copy_last_week" else [PAGE]

    said = rendered(dag, dag.get_task("report.answer").text, ti=SimpleNamespace(xcom_pull=pull, map_index=0))
    (link,) = markup(said)
    assert link.startswith("https://wiki.example.com/x?")
    assert "Log in" in said


def test_every_alarm_escapes_what_it_inserts(dags: dict[str, Any]) -> None:
    callbacks = [
        callback
        for dag in dags.values()
        for task in dag.tasks
        for callback in (
            task.on_failure_callback if isinstance(task.on_failure_callback, list | tuple) else [task.on_failure_callback]
        )
    ]
    assert callbacks
    assert all(isinstance(callback, TemplatedNotifier) for callback in callbacks)
