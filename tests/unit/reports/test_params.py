from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.reports import build_dag
from workplace_provider.reports.absent import AbsentSources, split_checks
from workplace_provider.reports.definition import Check, Limits, RowLines, SumCheck, SumOf
from workplace_provider.reports.params import LONGEST_TEXT, MOST_ITEMS, render_value
from workplace_provider.reports.reading import ReportError, parse_definition, sources_with_rows
from workplace_provider.reports.row_lines import row_lines

FORM = """\
period: {every: week}
page: {space: ANALYTICS, title: "%Y%m%d_폼", parent: 주간 보고}
params:
  views: {type: list, default: [W/V], required: true, title: Views, section: Tableau}
  each: {type: mapping, default: {기기: [PC]}}
  devices: {type: list}
  region: {description: Leave empty for all}
  since: {type: date, default: 2026-01-01}
  least: {type: number, default: 0.5}
  count: {type: integer, required: true, default: 3}
  closed: {type: boolean}
  kind: {type: choice, choices: [a, b]}
  fail: {type: choice, choices: [fail, placeholder], default: fail, required: true}
  channel: {default: "#data"}
if_source_fails: "{{ params.fail }}"
wait_for:
  - {tableau: "{{ params.region }}", at_most: 2h}
sources:
  views: {tableau: "{{ params.views }}", each: "{{ params.each }}", filters: {지역: "{{ params.region }}"}}
  data: {tableau: W/Data, formats: [csv], each: {기기: "{{ params.devices }}"}}
  rows: {sql: "SELECT 1 AS a", conn_id: warehouse, params: {kind: "{{ params.kind }}", least: "{{ params.least }}"}}
  issues: {jira: "project = {{ params.region }} AND created > {{ params.since }}", limit: 5}
  talk: {slack: ["#always", "{{ params.channel }}"]}
fill:
  - {image: 그림, source: views}
  - {attach: data}
  - {table: 표, source: rows}
  - {table: 이슈, source: issues}
  - {section: 대화, source: talk}
announce:
  - {slack: "{{ params.channel }}", text: "{{ page.link }} {{ params.count }} {{ params.closed }} {{ params.devices }}"}
"""
EMPTY = dict.fromkeys(("each", "devices", "region", "since", "least", "kind", "channel"))


def context(dag: Any, **params: Any) -> Any:
    values = {name: dag.params[name] for name in dag.params} | params
    return {
        "dag": dag,
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 19, tzinfo=UTC)),
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: {"title": "T", "url": "https://w/1"}),
        "params": values,
    }


def arguments(dag: Any, task_id: str, **params: Any) -> Any:
    """Return a task with its arguments as they are when it runs."""
    task = dag.get_task(task_id).prepare_for_execution()
    run = context(dag, **params) | {"task": task}
    task.render_template_fields(run)
    if task._pre_execute_hook:
        task._pre_execute_hook(run)
    return task


@pytest.fixture
def dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite://")
    return build_dag(parse_definition(FORM, "form.yaml", "form"), tmp_path)


def test_params_become_fields_of_the_form_in_their_order(dag: Any) -> None:
    assert list(dag.params)[:3] == ["report_date", "views", "each"]
    assert list(dag.params)[-2:] == ["review", "dry_run"]
    dag.params.validate()
    types = {name: dag.params.get_param(name).schema["type"] for name in dag.params}
    assert types["views"] == "array"
    assert types["devices"] == ["null", "array"]
    assert types["count"] == "integer"
    assert types["closed"] == "boolean"
    assert types["kind"] == ["null", "string"]
    assert dag.params["since"] == "2026-01-01"
    assert dag.params["closed"] is False
    assert dag.params.get_param("views").schema["section"] == "Tableau"
    assert dag.params.get_param("kind").schema["enum"] == [None, "a", "b"]
    for name, value in {
        "region": "x" * (LONGEST_TEXT + 1),
        "devices": ["x"] * (MOST_ITEMS + 1),
        "views": [],
        "kind": "c",
        "count": 1.5,
        "since": "yesterday",
        "each": {"기기": [{"a": 1}]},
    }.items():
        with pytest.raises(ParamValidationError):
            dag.params.get_param(name).resolve(value)
    first, second = (DagSerialization.to_dict(dag) for _ in "12")
    assert first == second


def test_a_value_that_is_one_placeholder_keeps_its_type(dag: Any) -> None:
    views = arguments(dag, "collect.views", region="서울", views=["A/B", "C/D"], each={"x": [1]})
    assert views.views == [{"view": "A/B"}, {"view": "C/D"}]
    assert (views.each, views.filters) == ({"x": [1]}, {"지역": "서울"})
    assert arguments(dag, "collect.data", devices=["PC", "모바일"]).each == {"기기": ["PC", "모바일"]}
    assert arguments(dag, "collect.rows", kind="b").parameters == {"kind": "b", "least": 0.5}
    assert arguments(dag, "collect.talk").channels == ["#always", "#data"]
    text = arguments(dag, "announce_1", devices=["PC", "<!here>"]).text
    assert text == "<https://w/1|T> 3 False PC, &lt;!here&gt;"


def test_an_emptied_param_leaves_out_what_it_fills(dag: Any) -> None:
    views = arguments(dag, "collect.views", **EMPTY)
    assert (views.each, views.filters) == (None, {})
    assert arguments(dag, "collect.data", **EMPTY).each == {}
    assert arguments(dag, "collect.rows", **EMPTY).parameters == {"kind": None, "least": None}, "NULL"
    assert arguments(dag, "collect.talk", **EMPTY).channels == ["#always"]
    for task_id in ("collect.issues", "announce_1", "wait_for_1"):
        with pytest.raises(AirflowSkipException, match=r"left out, because .* is empty in the form"):
            arguments(dag, task_id, **EMPTY)
    assert dag.get_task("collect.views").trigger_rule == "none_failed"
    assert dag.get_task("check").trigger_rule == "all_done"


@given(st.text(max_size=80), st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_value_of_the_form_is_never_rendered(text: str, items: list[str]) -> None:
    values = {"params": {"text": text + "{{ 7 * 7 }}{{ params.items }}", "items": items}}
    assert render_value("{{ params.text }}", values) == values["params"]["text"]
    assert render_value({"a": ["{{ params.items }}", "b"]}, values) == {"a": [*items, "b"]}
    assert render_value("-{{ params.text }}-", values) == f"-{values['params']['text']}-"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("type: date, default", "type: dat, default", 8, "params.since.type is 'dat'; did you mean 'date'?"),
        ("default: 2026-01-01", "default: soon", 8, "params.since.default is 'soon'; it must be a date such as 2026-11-19"),
        ("default: 0.5", "default: half", 9, "params.least.default is 'half'; it must be a number"),
        ("default: 3}", "default: 3.5}", 10, "params.count.default is 3.5; it must be a whole number"),
        ("integer, required: true, default: 3", "integer, required: true", 10, "count is required and has no default"),
        ("closed: {type: boolean", "closed: {type: boolean, default: 1", 11, "it must be true or false"),
        ("choice, choices: [a, b]", "choice", 12, "params.kind is a choice without choices"),
        ("choices: [a, b]", "choices: [a, b], default: c", 12, "params.kind.default is 'c'; it must be one of its choices"),
        ("{type: mapping, default: {기기: [PC]}}", "{choices: [a]}", 5, "params.each has choices, and its type is text"),
        ("default: {기기: [PC]}", "default: {기기: [[PC]]}", 5, "it must be a mapping of names to texts, numbers or lists"),
        ("devices: {type: list", "devices: {type: list, default: [1]", 6, "quote numbers"),
        ("region: {description", 'region: {default: "{{ period.day }}", description', 7, "is data, and is not filled"),
        ("  region: {desc", "  review: {desc", 7, "params.review: every report has a param of this name"),
        ("  region: {desc", "  a-b: {desc", 7, "params has the name 'a-b'; a name has up to 60 letters"),
        ("  channel: {default", "  channel: {title: C}\n  other: {default", 15, "params.other is not used"),
        ("params.views }}", "params.veiws }}", 19, "there is no param veiws; did you mean 'views'?"),
        ("conn_id: warehouse", 'conn_id: "{{ params.region }}"', 21, "sources.rows.conn_id has a placeholder of a param"),
        ("SELECT 1 AS a", "SELECT '{{ params.region }}'", 21, "sources.rows.sql has a placeholder of a param"),
        ("space: ANALYTICS", 'space: "{{ params.region }}"', 2, "the person who triggers a run must not choose it"),
        ('each: "{{ params.each }}"', 'each: "{{ params.devices }}"', 19, "it must be a mapping, or the placeholder"),
        ('each: "{{ params.each }}"', "each: 기기", 19, "sources.views.each is '기기'; it must be a mapping"),
        ('"{{ params.devices }}"}', "PC}", 20, "sources.data.each.기기 is 'PC'; it must be a list"),
        ('kind: "{{ params.kind }}"', 'kind: "{{ params.devices }}"', 21, "is one value, and the param devices is a list"),
        ('"project = {{ params.region }} AND created > {{ params.since }}"', '"{{ params.region }}"', 22, "is only a param"),
        ("지역: ", '모두: "{{ params.each }}", 지역: ', 19, "each is a mapping, which only filters and each"),
        ('"{{ params.fail }}"', '"{{ params.kind }}"', 15, "it must be fail or placeholder, or the placeholder of a param"),
        ('"{{ params.fail }}"', "palceholder", 15, "if_source_fails is 'palceholder'; it must be fail or placeholder"),
        ("at_most: 2h", "at_most: soon", 17, "wait_for[0].at_most: 'soon' is no duration"),
    ],
)  # fmt: skip
def test_a_wrong_param_or_a_wrong_use_of_it_is_an_error_with_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in FORM
    with pytest.raises(ReportError) as error:
        parse_definition(FORM.replace(old, new, 1), "form.yaml", "form")
    assert f"form.yaml, line {line}: " in str(error.value)
    assert message in str(error.value)


def test_a_check_of_an_absent_source_did_not_pass_silently() -> None:
    def check(source: str, severity: Any = "stop", other: str = "") -> Check:
        total = SumCheck(column="a", equals=SumOf(source=other, column="b")) if other else None
        return Check(source=source, rows=Limits(min=1), sum=total, severity=severity)

    checks = [check("bad"), check("bad", "review"), check("out"), check("good", other="bad"), check("good", "note")]
    possible, results = split_checks(checks, AbsentSources(["bad"], ["out"]))
    assert possible == [checks[-1]]
    assert [(result.source, result.passed, result.severity) for result in results] == [
        ("bad", False, "note"),
        ("bad", False, "review"),
        ("out", True, "stop"),
        ("good", False, "stop"),
    ]


def test_rows_of_a_message_are_text() -> None:
    rule = RowLines(source="a", text="{이름}: *{값}*", limit=2)
    rows = [{"이름": "<!channel> {값}", "값": 1234.5}, {"이름": "R&D", "값": None}, {"이름": "c", "값": 1}]
    assert row_lines(rule, rows, {"값": ",.0f"}) == ["• &lt;!channel&gt; {값}: *1,234*", "• R&amp;D: **"]
    with pytest.raises(ValueError, match="the rows have no column '값'; they have 이름"):
        row_lines(rule, [{"이름": "a"}], {})


def test_only_the_rows_that_a_report_uses_are_read() -> None:
    definition = parse_definition(FORM, "form.yaml", "form")
    assert sources_with_rows(definition) == {"rows", "issues"}
