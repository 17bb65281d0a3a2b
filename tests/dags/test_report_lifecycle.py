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
from airflow.models.backfill import ReprocessBehavior, _do_dry_run
from airflow.models.deadline import Deadline
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.callback import CallbackTrigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from workplace_provider.cli import main
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault

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
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "include" / "reports"
    folder.mkdir(parents=True)
    (folder / "page.xhtml").write_text(PAGE)
    (folder / "sales.csv").write_text("채널,값\n검색,100\n")
    return folder


def report_dag(folder: Path, more: str = "", name: str = "weekly_sales", text: str = REPORT) -> Any:
    (folder / f"{name}.yaml").write_text(text + more)
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


def test_a_backfill_runs_on_the_moved_days(sandbox: Sandbox, folder: Path) -> None:
    report_dag(folder, "holidays: {calendar: KR, move: previous}\n", "backfilled_sales")
    with create_session() as session:
        found = _do_dry_run(
            dag_id="backfilled_sales",
            from_date=datetime(2026, 9, 14, tzinfo=UTC),
            to_date=datetime(2026, 10, 3, tzinfo=UTC),
            reverse=False,
            reprocess_behavior=ReprocessBehavior.NONE,
            session=session,
        )
    days = [f"{info.logical_date:%m-%d %H:%M}" for info in found]
    assert days == ["09-17 00:30", "09-23 00:30", "10-01 00:30"]


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


COPIED = REPORT.replace("{file: page.xhtml}", "previous, status: {draft: 작성 중, published: 발행}")
LOZENGE = (
    '<p><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">발행</ac:parameter>'
    '<ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro></p>'
)


class Published:
    """A report of 19 November that was copied from the week before, published, and edited and renamed by a person."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        (parent,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "분석 문서"]
        first = LOZENGE + PAGE
        sandbox.store.create_page("ANALYTICS", "20261112_주간 매출", first, parent_id=parent.id, author="jimin")
        self.dag = report_dag(folder, name="copied_sales", text=COPIED)
        run(self.dag, "2026-11-19")
        (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "20261119_주간 매출"]
        self.id = page.id
        body = page.body.replace("<h2>의견</h2><p />", "<h2>의견</h2><p>사람이 쓴 의견</p>")
        sandbox.store.update_page(self.id, author="jimin", title="매출 (확정)", body=body)

    @property
    def page(self) -> Any:
        return self.sandbox.store.page(self.id)

    @property
    def labels(self) -> set[str]:
        return {label.name for label in self.sandbox.store.labels(self.id)}

    @property
    def notices(self) -> list[str]:
        """The replies to the announcement."""
        messages = self.sandbox.messages("#weekly-report")
        (announced,) = [message for message in messages if "20261119_주간 매출" in message.text and not message.thread_ts]
        return [message.text for message in messages if message.thread_ts == announced.ts]

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            next(self.folder.parents[1].rglob("copied_sales/2026-W47/manifest.json")).read_text()
        )
        return found

    def sell(self, value: int) -> None:
        (self.folder / "sales.csv").write_text(f"채널,값\n검색,{value}\n")

    def command(self, action: str, *options: str, reason: str = "환율 오류", period: str = "2026-W47") -> int:
        return main(["report", action, "copied_sales", period, "--reason", reason, *options])


def test_a_published_report_is_corrected_withdrawn_and_published_again(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Published(sandbox, folder)
    report.sell(250)
    version = report.page.version
    assert report.command("republish", "--dry-run") == 0
    assert "250" in capsys.readouterr().out
    assert (report.page.version, report.notices, report.manifest["corrections"]) == (version, [], [])

    assert report.command("republish") == 0
    assert "republished: 매출 (확정) (version" in capsys.readouterr().out
    page = report.page
    assert "250" in page.body
    assert "사람이 쓴 의견" in page.body
    assert page.title == "매출 (확정)"
    (comment,) = [each.message for each in sandbox.store.versions(report.id) if "환율 오류" in each.message]
    assert comment.startswith('republished: 환율 오류 · by "')
    (notice,) = report.notices
    assert notice.startswith(":arrows_counterclockwise: Republished: <")
    assert report.manifest["rows"]["sales"][0]["값"] == "250"
    assert [(each["action"], each["is_complete"]) for each in report.manifest["corrections"]] == [("republish", True)]
    (stored,) = [each.value for each in sandbox.store.properties(report.id) if each.key == "airflow.corrections"]
    assert [(each["action"], each["reason"]) for each in stored] == [("republish", "환율 오류")]

    version = page.version
    assert report.command("republish", period="2026-11-19") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (report.page.version, len(report.notices)) == (version, 1)

    for _ in range(2):
        assert report.command("withdraw", reason="출처 <오류>") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert ": 출처 &lt;오류&gt;</p></ac:rich-text-body>" in report.page.body
    assert "WITHDRAWN</ac:parameter>" in report.page.body
    assert "withdrawn" in report.labels
    assert [notice.split(":")[1] for notice in report.notices] == ["arrows_counterclockwise", "no_entry"]

    with pytest.raises(AssertionError):
        run(report.dag, "2026-11-20")
    assert "Withdrawn on " in report.page.body, "a run does not publish a withdrawn report"

    run(report.dag, "2026-11-26")
    (following,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "20261126_주간 매출"]
    assert "Withdrawn on " not in following.body
    assert "작성 중</ac:parameter>" in following.body
    assert "withdrawn" not in {label.name for label in sandbox.store.labels(following.id)}

    assert report.command("republish", reason="출처 확인") == 0
    assert "Withdrawn on " not in report.page.body
    assert "작성 중</ac:parameter>" in report.page.body
    assert "사람이 쓴 의견" in report.page.body
    assert "withdrawn" not in report.labels
    assert len(report.notices) == 3


def test_an_interrupted_correction_is_continued_and_a_deleted_page_is_named(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Published(sandbox, folder)
    sandbox.add_fault(Fault("chat.postMessage$", "status", status=403, times=None))
    assert report.command("withdraw") == 1
    assert "Withdrawn on " in report.page.body
    assert report.manifest["corrections"][0]["is_complete"] is False
    version = report.page.version
    capsys.readouterr()
    assert report.command("republish") == 1
    assert "an earlier correction is not complete: withdraw by " in capsys.readouterr().err
    sandbox.clear_faults()
    sandbox.add_fault(Fault("chat.postMessage$", "drop_after"))
    assert report.command("withdraw") == 0
    assert (report.page.version, len(report.notices)) == (version, 1)

    (folder / "copied_sales.yaml").rename(folder / "renamed_sales.yaml")
    assert main(["report", "check", str(folder / "renamed_sales.yaml"), "--online"]) == 0
    assert "copied_sales: has published periods, but no definition. If it was renamed, add" in capsys.readouterr().out
    with (folder / "renamed_sales.yaml").open("a") as stream:
        stream.write("formerly: [copied_sales]\n")
    assert main(["report", "check", str(folder / "renamed_sales.yaml"), "--online"]) == 0
    assert "no definition" not in capsys.readouterr().out

    sandbox.store.trash_page(report.id)
    assert main(["report", "republish", "renamed_sales", "2026-W47", "--reason", "다시"]) == 1
    assert "the page of 2026-W47 is gone: '20261119_주간 매출'" in capsys.readouterr().err
    (folder / "renamed_sales.yaml").rename(folder / "copied_sales.yaml")
    (folder / "copied_sales.yaml").write_text(COPIED)
    for period, problem in (
        ("2026-W48", "no published report for 2026-W48; the last published periods are 2026-W47"),
        ("2026-11-18", "PERIOD is '2026-11-18', which is no period of this report; the nearest are 2026-W46 (2026-11-12)"),
        ("someday", "PERIOD is 'someday', which begins with no date"),
    ):
        assert report.command("withdraw", period=period) == 1
        assert problem in capsys.readouterr().err
