from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airflow.sdk import Asset, AssetAll, AssetAny, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from support.dags import parse_for
from workplace_provider.reports import build_dag, build_dags, read_definition
from workplace_provider.reports.definition import ReportDefinition
from workplace_provider.reports.reading import ReportError, parse_definition

SMALL = """\
period: {every: week}
page: {space: ANALYTICS, title: "%Y%m%d_TITLE", parent: 주간 보고}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "include" / "reports"
    folder.mkdir(parents=True)
    return folder


def small(name: str = "small", more: str = "") -> ReportDefinition:
    return parse_definition(SMALL.replace("TITLE", name) + more, f"{name}.yaml", name)


def test_the_flow_of_a_report(repository: Path) -> None:
    folder = repository / "include" / "reports"
    dag = build_dag(read_definition(folder / "weekly_kpis.yaml"), folder)
    assert dag.dag_display_name == "주간 지표 보고"
    assert "report" in dag.tags
    order = {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
    sources = ["collect.issues", "collect.kpis", "collect.talk", "collect.trend"]
    assert order["check"] == sources
    assert order["compose"] == ["check"]
    assert order["review"] == ["compose"]
    assert order["publish"] == ["compose", "review"]
    assert order["announce_1"] == ["publish"]
    assert list(dag.params) == ["report_date", "review", "dry_run"]
    dag.params.validate()
    first, second = (DagSerialization.to_dict(build_dag(read_definition(folder / "weekly_kpis.yaml"), folder)) for _ in "12")
    assert first == second, "another version of the DAG at each parse"


def test_a_broken_file_is_one_broken_dag_and_the_others_run(folder: Path) -> None:
    (folder / "good.yaml").write_text(SMALL.replace("TITLE", "good"))
    (folder / "bad.yaml").write_text(SMALL.replace("space", "spaec"))
    (folder / "twin.yaml").write_text(SMALL.replace("TITLE", "good"))
    (folder / "page-4711.yaml").write_text(SMALL.replace("TITLE", "page"))
    (folder / "cron.yaml").write_text(SMALL + "schedule: every thursday\n")
    (folder / "file.yaml").write_text(
        SMALL.replace("TITLE", "file").replace("parent: 주간 보고", "from: {file: none.xhtml}")
    )
    (folder / "a name.yaml").write_text(SMALL)
    (folder / "goals.yaml").write_text(
        SMALL.replace("TITLE", "goals") + "sources:\n  kpis: {file: none.csv}\nfill: [{attach: kpis}]\n"
    )
    dags = build_dags(folder)
    assert set(dags) == {"a_name", "bad", "cron", "file", "goals", "good", "twin", "page-4711"}
    assert "the id of a report on a template page" in dags["page-4711"].description
    assert set(dags["good"].task_ids) == {"check", "compose", "review", "publish"}
    for name, error in {
        "bad": "bad.yaml, line 2: page has a key 'spaec'; did you mean 'space'?",
        "cron": "cron.yaml, line 3: schedule is 'every thursday'; it must be a cron expression",
        "twin": "twin.yaml, line 2: page.title is that of good.yaml; two reports cannot write one page",
        "file": "file.yaml, line 2: page.from: there is no file none.xhtml in reports or in the folder above",
        "goals": "goals.yaml, line 4: sources.kpis: there is no file none.csv in reports or in the folder above",
        "a_name": "a name.yaml: the name of the file is no id of a DAG; use letters",
    }.items():
        dag = dags[name]
        assert dag.tags == {"report", "broken definition"}
        assert error in str(dag.doc_md)
        with pytest.raises(AirflowFailException, match=error[:20]):
            dag.get_task("definition").execute({})


def test_a_task_reads_only_its_own_definition(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "one.yaml").write_text(SMALL.replace("TITLE", "one"))
    (folder / "bad.yaml").write_text("{")
    parse_for(monkeypatch, "one")
    assert set(build_dags(folder)) == {"one"}
    parse_for(monkeypatch, "other")
    assert set(build_dags(folder)) == {"bad", "one"}


@pytest.mark.parametrize(
    ("schedule", "kind"),
    [
        ('"0 9 * * THU"', CronTriggerTimetable),
        ("{asset: kpis}", list),
        ("{assets: {all: [a, b]}}", AssetAll),
        ("{assets: {any: [a, b]}}", AssetAny),
    ],
)
def test_schedules(schedule: str, kind: Any, folder: Path) -> None:
    dag = build_dag(small(more=f"schedule: {schedule}\n"), folder)
    assert isinstance(dag.schedule, kind)
    assert build_dag(small(), folder).schedule is None
    if kind is list:
        assert dag.schedule == [Asset("kpis")]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("schedule: {asset: a, assets: {all: [b]}}", "schedule must have either asset or assets"),
        ("schedule: {assets: {}}", "schedule.assets must have either all or any"),
        ("schedule: {asset: 지표}", "names of Airflow assets must be ASCII"),
        ("sources: {a: {file: a.csv}}\nfill: [{table: 0, source: a}]", "sources.a: there is no file a.csv in reports"),
        ("sources: {a: {sql: a.sql, conn_id: db}}\nfill: [{table: 0, source: a}]", "sources.a: there is no file a.sql"),
    ],
)
def test_an_error_that_only_airflow_or_the_folder_shows(more: str, message: str, folder: Path) -> None:
    with pytest.raises(ReportError, match=message):
        build_dag(small(more=more), folder)


def test_every_kind_of_source_and_announcement_becomes_a_task(folder: Path) -> None:
    (folder / "goals.csv").write_text("a,b\n1,2\n")
    definition = small(
        more="""\
sources:
  one: {tableau: W/V, project: 팀, formats: [png, csv]}
  two: {sql: "SELECT 1 AS a", conn_id: warehouse}
  three: {jira: "created < {{ period.day }}", sprint: active, board: 팀}
  four: {slack: [data], days: 7}
  five: {confluence: {page: "{{ period.year }} 목표", table: 목표}}
  six: {file: goals.csv}
  seven: {file: "s3://b/{period.month}/x.parquet", conn_id: aws_default}
fill:
  - {table: 1, source: one}
  - {table: 2, source: two}
  - {table: 3, source: three}
  - {section: 대화, source: four}
  - {table: 5, source: five}
  - {table: 6, source: six}
  - {attach: seven}
announce: [{slack: "@jimin", files: [four]}, {workflow: slack_report}]
on_failure: {slack: "#alarms", owner: true}
""",
    )
    dag = build_dag(definition, folder)
    kinds = {task.task_id.removeprefix("collect."): type(task).__name__ for task in dag.tasks}
    assert kinds["one"] == "TableauExportBatchOperator"
    assert kinds["two"] == "SQLExecuteQueryOperator"
    assert kinds["three"] == "JiraIssuesOperator"
    assert kinds["four"] == "SlackChannelReportOperator"
    assert kinds["five"] == "ConfluenceTableOperator"
    assert kinds["six"] == kinds["seven"] == "ReportFileOperator"
    assert kinds["announce_2"] == "SlackWorkflowWebhookOperator"
    DagSerialization.to_dict(dag)


def test_a_rehearsal_is_a_choice_of_the_form(folder: Path) -> None:
    definition = small(more="announce: [{slack: data}]")
    page = msgspec.structs.replace(definition.page, rehearsal_parent="리허설")
    dag = build_dag(msgspec.structs.replace(definition, page=page), folder)
    assert "rehearsal" in dag.params
    assert "params.rehearsal" in dag.get_task("announce_1").enabled


def test_the_project_has_no_broken_definition(repository: Path, tmp_path: Path) -> None:
    copy = tmp_path / "include"
    shutil.copytree(repository / "include" / "reports", copy / "reports")
    shutil.copytree(repository / "include" / "sql", copy / "sql")
    assert all("broken definition" not in dag.tags for dag in build_dags(copy / "reports").values())
