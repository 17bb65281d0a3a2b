"""What happens to a report besides its regular runs: holidays and deadlines."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.deadline import Deadline
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.callback import CallbackTrigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

REPORT = """\
name: 주간 매출
schedule: "30 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
page: {space: ANALYTICS, parent: 분석 문서, title: "%Y%m%d_주간 매출", from: {file: page.xhtml}}
sources: {sales: {file: sales.csv}}
fill: [{table: 매출, source: sales, key: 채널}]
announce: [{slack: "#weekly-report"}]
"""
PAGE = """\
<h2>매출</h2><table><tbody><tr><th>채널</th><th>값</th></tr><tr><td></td><td></td></tr></tbody></table><h2>의견</h2><p />
"""


@pytest.fixture
def folder(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of definitions, beside the DAG file that reads it."""
    (tmp_path / "dags").mkdir()
    shutil.copy(repository / "dags" / "reports.py", tmp_path / "dags")
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path / "dags"))
    folder = tmp_path / "include" / "reports"
    folder.mkdir(parents=True)
    (folder / "page.xhtml").write_text(PAGE)
    (folder / "sales.csv").write_text("채널,값\n검색,100\n")
    return folder


def report_dag(folder: Path, more: str = "", name: str = "weekly_sales") -> Any:
    (folder / f"{name}.yaml").write_text(REPORT + more)
    bag = DagBag(dag_folder=str(folder.parents[1] / "dags"), bundle_name="dags-folder")
    for task in bag.dags[name].tasks:
        task.retries = 0
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    return bag.dags[name]


def run(dag: Any, day: str) -> dict[str, str]:
    moment = datetime.fromisoformat(f"{day}T00:30:00+00:00")
    drun = dag.test(logical_date=moment, run_after=moment)
    assert drun.state == DagRunState.SUCCESS
    return {ti.task_id: str(ti.state) for ti in drun.get_task_instances()}


def test_a_holiday_moves_the_page_and_a_run_for_a_skipped_period_does_nothing(sandbox: Sandbox, folder: Path) -> None:
    run(report_dag(folder, "holidays: {calendar: KR, move: previous}\n"), "2026-09-23")
    (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "20260923_주간 매출"]
    assert "검색" in page.body
    assert list(folder.parents[1].rglob("reports/weekly_sales/2026-W39/manifest.json"))

    states = run(report_dag(folder, "holidays: {calendar: KR, move: skip}\n"), "2026-09-24")
    assert states.pop("due") == "success"
    assert set(states.values()) == {"skipped"}
    assert "20260924_주간 매출" not in {page.title for page in sandbox.store.pages("ANALYTICS")}


def create_run(dag: Any, run_type: DagRunType, begin: datetime, session: Any) -> Any:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).create_dagrun(
        run_id=f"{run_type}__{begin.isoformat()}",
        run_after=begin,
        run_type=run_type,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        session=session,
    )


def test_a_late_run_is_announced_once_and_one_that_has_ended_is_not(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/x/")
    begin = datetime.now(UTC).replace(microsecond=0)
    seoul = begin.astimezone(ZoneInfo("Asia/Seoul"))
    dag = report_dag(folder, f'late: {{by: "{seoul:%H:%M}", notify: "#data-alarms"}}\n', "late_sales")
    with create_session() as session:
        # Neither has a logical date.
        runs = [create_run(dag, kind, begin, session) for kind in (DagRunType.ASSET_TRIGGERED, DagRunType.MANUAL)]
        session.flush()
        (deadline,) = session.scalars(select(Deadline))
        assert deadline.dagrun_id == runs[0].id
        assert deadline.deadline_time == begin.replace(second=0)
        deadline.handle_miss(session)
        kwargs, path = deadline.callback.data["kwargs"], deadline.callback.data["path"]
        session.rollback()

    def missed(**changes: Any) -> list[str]:
        context = {**kwargs["context"], "dag_run": {**kwargs["context"]["dag_run"], **changes}}
        trigger = CallbackTrigger(path, json.loads(json.dumps({**kwargs, "context": context}, default=str)))

        async def events() -> list[Any]:
            return [event.payload["state"] async for event in trigger.run()]

        assert asyncio.run(events()) == ["running", "success"]
        return [message.text for message in sandbox.messages("#data-alarms")]

    for state in ("failed", "success"):
        assert missed(state=state) == []
    (text,) = missed()
    assert text.startswith(":alarm_clock: *주간 매출* is late: it is not finished, and was due at ")
    assert f"{seoul:%Y-%m-%d %H:%M} Asia/Seoul" in text
    run_id = quote(kwargs["context"]["dag_run"]["dag_run_id"], safe="")
    assert f"<https://airflow.example.com/x/dags/late_sales/runs/{run_id}|Open the run>" in text
    assert len(missed()) == 1, "the same run again"
