from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_provider.reports import build_dag
from workplace_provider.reports.reading import parse_definition
from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

MORNING = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)  # seven o'clock in Seoul, on the sandbox's day


@pytest.fixture
def dag(repository: Path) -> Any:
    dag = project_dag(repository, "dashboard_refresh")
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def run(dag: Any, moment: datetime = MORNING, **params: Any) -> Any:
    return dag.test(logical_date=moment, run_after=moment, run_conf=params or None)


def dashboards(sandbox: Sandbox) -> Page:
    (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "대시보드 목록"]
    return page


def picture(sandbox: Sandbox, page: Page) -> tuple[int, bytes]:
    (found,) = [each for each in sandbox.store.attachments(page.id) if each.filename == "dashboard preview.png"]
    return found.version, found.path.read_bytes()


def test_picture_and_table_are_those_of_the_dashboard_and_the_rest_stays(sandbox: Sandbox, dag: Any) -> None:
    before = dashboards(sandbox)
    assert run(dag).state == DagRunState.SUCCESS
    after = dashboards(sandbox)
    assert picture(sandbox, after)[0] == 2
    table = after.body.partition("최근 주 채널별 매출</h2>")[2]
    for channel in ("Search", "Direct", "Social", "E-mail", "Partner"):
        assert channel in table
    assert "캠페인 중" in table, "a person's words in a column of their own"
    heading = "<h2>최근 주 채널별 매출</h2>"
    assert after.body.partition(heading)[0] == before.body.partition(heading)[0]


def test_nothing_new_makes_no_new_version(sandbox: Sandbox, dag: Any) -> None:
    run(dag)
    page, shown = dashboards(sandbox), picture(sandbox, dashboards(sandbox))
    run(dag, MORNING + timedelta(minutes=1))
    assert dashboards(sandbox) == page
    assert picture(sandbox, page) == shown
    sandbox.tableau.refresh_extract("WeeklyKPI", date(2027, 1, 7))
    sandbox.tableau.clock.advance(timedelta(minutes=2))
    run(dag, MORNING + timedelta(minutes=2))
    assert dashboards(sandbox).version == page.version + 1
    assert picture(sandbox, page)[0] == shown[0] + 1


@pytest.mark.parametrize("empty", ["", None], ids=["text", "as the form sends it"])
def test_without_a_table_the_pictures_are_refreshed_all_the_same(sandbox: Sandbox, dag: Any, empty: str | None) -> None:
    body = dashboards(sandbox).body
    drun = run(dag, data_view=empty)
    assert drun.state == DagRunState.SUCCESS
    assert {ti.task_id: ti.state for ti in drun.get_task_instances()}["collect.rows"] == "skipped"
    assert dashboards(sandbox).body == body
    assert picture(sandbox, dashboards(sandbox))[0] == 2


def test_without_a_key_column_all_rows_are_replaced(sandbox: Sandbox, repository: Path) -> None:
    folder = repository / "include" / "reports"
    text = (folder / "dashboard_refresh.yaml").read_text()
    dag = build_dag(
        parse_definition(text.replace(", key: 주문 채널", ""), "dashboard_refresh.yaml", "dashboard_refresh"), folder
    )
    assert run(dag).state == DagRunState.SUCCESS
    assert "캠페인 중" not in dashboards(sandbox).body
