"""No text of a definition, a source, a page or a form is a template, apart from the fields that the schema marks as such."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.complete_definition import COMPLETE, complete_folder
from workplace_provider.common.outgoing import markdown_code, slack_link, slack_text
from workplace_provider.reports import build_dag
from workplace_provider.reports.definition import ReportDefinition
from workplace_provider.reports.lateness import ReportLateNotifier
from workplace_provider.reports.reading import ReportError, is_template, parse_definition

HOSTILE = "{{ 7*7 }} {{ conn.x.password }} {{ var.value.x }} {% if 1 %}yes{% endif %} {# gone #}"
SECRET = "s3cr3t"
EVALUATED = ("49", SECRET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return complete_folder(tmp_path)


@pytest.fixture(scope="module")
def complete() -> ReportDefinition:
    return parse_definition(COMPLETE, "weekly.yaml", "weekly")


def with_text(part: Any, text: str, path: str = "", *, templates: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield a part of a definition once for each of its texts, with another text there.

    :param templates: the texts that are templates, instead of the others
    """
    if isinstance(part, msgspec.Struct):
        for field in msgspec.structs.fields(part):
            value = getattr(part, field.name)
            if templates or not is_template(field.type):
                for name, other in with_text(
                    value, text, f"{path}.{field.encode_name}", templates=templates and not is_template(field.type)
                ):
                    yield name, msgspec.structs.replace(part, **{field.name: other})
    elif isinstance(part, dict):
        for key, value in part.items():
            for name, other in with_text(value, text, f"{path}.{key}", templates=templates):
                yield name, {**part, key: other}
    elif isinstance(part, list):
        for number, value in enumerate(part):
            for name, other in with_text(value, text, f"{path}[{number}]", templates=templates):
                yield name, [*part[:number], other, *part[number + 1 :]]
    elif isinstance(part, str) and not templates:
        yield path, text


def context(task: Any) -> Any:
    """Return a context in which every output and every form value is hostile."""
    composed = {
        "title": HOSTILE,
        "changes": [HOSTILE],
        "checks": [HOSTILE],
        "reasons": [HOSTILE],
        "notes": [HOSTILE],
        "diff": HOSTILE,
        "needs_review": True,
    }
    outputs = {"compose": composed, "publish": {"title": HOSTILE, "url": HOSTILE, "id": HOSTILE}}

    def pull(task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        output = outputs.get(str(task_ids), [{"지표": HOSTILE, HOSTILE: HOSTILE}])
        return output if key == "return_value" or not isinstance(output, dict) else output.get(key, HOSTILE)

    macros = SimpleNamespace(slack_text=slack_text, slack_link=slack_link, markdown_code=markdown_code)
    return {
        "dag": task.dag,
        "task": task,
        "ti": SimpleNamespace(task_id=task.task_id, map_index=-1, try_number=1, xcom_pull=pull),
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 26, tzinfo=UTC), run_type="manual", conf={}),
        "run_id": "manual",
        "params": {"dry_run": False, "rehearsal": False, "review": HOSTILE, "report_date": None, "x": HOSTILE},
        "data_interval_end": None,
        "macros": SimpleNamespace(workplace=macros),
        "conn": SimpleNamespace(x=SimpleNamespace(password=SECRET), warehouse=SimpleNamespace(password=SECRET)),
        "var": {"value": {"x": SECRET}},
    }


def rendered(definition: ReportDefinition, folder: Path) -> dict[str, str]:
    """Return the fields of all tasks after Airflow has rendered them."""
    fields = {}
    dag = build_dag(definition, folder)
    notifier: Any = dag.default_args["on_failure_callback"]
    notifier.render_template_fields({**context(dag.tasks[0]), "exception": HOSTILE})
    (alert,) = dag.deadline
    late = ReportLateNotifier(**alert.callback.kwargs)
    deadline: Any = {
        "dag_run": {"dag_id": "weekly", "dag_run_id": "manual"},
        "deadline": {"deadline_time": "2026-11-26T01:00:00Z"},
    }
    late.render_template_fields(deadline)
    for alarm, its_fields in {"on_failure": notifier, "late": late}.items():
        for name in {*its_fields.template_fields, "slack_conn_id", "channel"}:
            fields[f"{alarm}.{name}"] = repr(getattr(its_fields, name))
    for task in dag.tasks:
        task.render_template_fields(context(task))
        for name in task.template_fields:
            fields[f"{task.task_id}.{name}"] = repr(getattr(task, name))
    return fields


def test_no_text_of_a_definition_is_evaluated(complete: ReportDefinition, folder: Path) -> None:
    reached: set[str] = set()
    found: dict[str, str] = {}
    for path, definition in with_text(complete, HOSTILE):
        try:
            fields = rendered(definition, folder)
        except (ReportError, ValueError, LookupError, AirflowFailException):  # such as a cron expression, or a source's name
            continue
        found |= {f"{path} in {name}": field for name, field in fields.items() if any(text in field for text in EVALUATED)}
        reached |= {path for field in fields.values() if "7*7" in field}
    assert sorted(found) == []
    assert reached >= {
        ".page.space",
        ".review.channel",
        ".sources.issues.fields.key",
        ".wait_for[0].conn_id",
        ".late.notify",
    }


def test_a_template_knows_the_period_the_form_and_the_page_only(complete: ReportDefinition) -> None:
    lines = [line for line in COMPLETE.splitlines() if "{{" in line or "{period" in line]
    assert lines
    for line in lines:
        start = line.index("{{") if "{{" in line else line.index("{period")
        end = line.index("}}", start) + 2 if "{{" in line else line.index("}", start) + 1
        for expression in ("{{ conn.x.password }}", "{{ var.value.x }}", "{{ macros.os }}", "{{ ti.xcom_pull('x') }}"):
            text = COMPLETE.replace(line, line[:start] + expression + line[end:], 1)
            with pytest.raises(ReportError, match=r"^weekly\.yaml, line \d+: .*(no|uses) (conn|var|macros|ti)|more than"):
                parse_definition(text, "weekly.yaml", "weekly")


def test_a_query_has_its_values_as_bound_parameters(complete: ReportDefinition, folder: Path) -> None:
    dag = build_dag(complete, folder)
    query: Any = dag.get_task("collect.kpis")
    query.render_template_fields(context(query))
    assert query.sql == "SELECT :day AS 지표 -- {{ 7*7 }}"
    assert query.parameters == {"day": "2026-11-26"}
    text = COMPLETE.replace("sql: sql/weekly_kpis.sql", "sql: \"SELECT '{{ params.x }}' AS 지표\"")
    with pytest.raises(ReportError, match=r"sources\.kpis\.sql has a placeholder of a param, and takes none"):
        parse_definition(text, "weekly.yaml", "weekly")
    text = COMPLETE.replace('params: {day: "{{ period.day }}"}', 'params: {day: "{{ params.report_date }}"}')
    query = build_dag(parse_definition(text, "weekly.yaml", "weekly"), folder).get_task("collect.kpis")
    form = context(query)
    form["params"] |= {"report_date": "2026-11-26'; DROP TABLE kpis; --"}
    query.render_template_fields(form)
    assert query.parameters == {"day": "2026-11-26'; DROP TABLE kpis; --"}
    issues: Any = build_dag(complete, folder).get_task("collect.issues")
    issues.render_template_fields(context(issues))
    assert issues.jql == "project = ANL AND created < {period_day}"
    assert issues.values == {"period_day": "2026-11-26"}
