from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

THURSDAY = datetime(2026, 11, 19, 0, 30, tzinfo=UTC)
TITLE = "20261119_주간 지표 보고"


def report_dag(repository: Path, name: str) -> Any:
    bag = DagBag(dag_folder=str(repository / "dags" / "reports.py"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    dag = bag.dags[name]
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def run(dag: Any, moment: datetime = THURSDAY, **params: Any) -> dict[str, str]:
    drun = dag.test(logical_date=moment, run_after=moment, run_conf=params or None)
    assert drun.state == DagRunState.SUCCESS
    return {ti.task_id: str(ti.state) for ti in drun.get_task_instances()}


def page(sandbox: Sandbox, title: str = TITLE) -> Page:
    (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == title]
    return page


def messages(sandbox: Sandbox) -> list[str]:
    return [message.text for message in sandbox.messages("#weekly-report") if "주간 지표 보고" in message.text]


def test_a_report_from_yaml_is_published_and_compared_with_the_period_before(
    sandbox: Sandbox, repository: Path, tmp_path: Path
) -> None:
    dag = report_dag(repository, "weekly_kpis")
    run(dag, THURSDAY - timedelta(weeks=1))
    assert "이전 기간의 값이 없어 비교하지 않았습니다." in page(sandbox, "20261112_주간 지표 보고").body

    states = run(dag)
    assert states.pop("review") == "skipped"
    assert set(states.values()) == {"success"}
    published = page(sandbox)
    assert "2026-11-12 ~ 2026-11-18" in published.body
    assert "구매 전환율이 7.69에서 7.47로 내렸습니다 (-0.22, -2.9%)." in published.body
    assert "ANL-" in published.body.partition("6. 관련 이슈")[2]
    names = {file.filename for file in sandbox.store.attachments(published.id)}
    assert {"주간활성사용자_PC.png", "주간활성사용자_모바일.png"} <= names
    assert {"weekly-kpis", "2026-w47"} <= {label.name for label in sandbox.store.labels(published.id)}

    _, message = messages(sandbox)
    assert TITLE in message
    assert message.count("\n• ") >= 3

    previews = list(tmp_path.rglob("preview.html"))
    assert len(previews) == 2
    (preview,) = [path.read_text() for path in previews if TITLE in path.read_text()]
    assert preview.count("data:image/png;base64,") == 2
    assert "<script" not in preview
    (document,) = [path for path in tmp_path.rglob("report.json") if TITLE in path.read_text()]
    files = {file["name"]: file["sha256"] for file in json.loads(document.read_text())["files"]}
    assert files == {
        file.filename: file.sha256 for file in sandbox.store.attachments(published.id) if file.filename in files
    }

    version = published.version
    run(dag, THURSDAY + timedelta(minutes=1))
    assert page(sandbox).version == version
    assert len(messages(sandbox)) == 3, "each run announces once"


def test_a_month_and_a_copied_page(sandbox: Sandbox, repository: Path) -> None:
    run(report_dag(repository, "monthly_channels"), report_date="2026-11-30")
    published = page(sandbox, "2026년 11월 채널 매출")
    assert "Search" in published.body

    device = report_dag(repository, "device_users")
    run(device, THURSDAY - timedelta(weeks=1))
    states = run(device)
    assert states["announce_1"] == "success"
    copied = page(sandbox, "20261119_기기별 주간 보고")
    assert "주간활성사용자_태블릿.png" in copied.body

    team = report_dag(repository, "weekly_team")
    run(team, THURSDAY - timedelta(weeks=1))
    first = page(sandbox, "20261112_데이터분석팀 주간 요약")
    written = first.body.replace("이번 주 요약</h2>", "이번 주 요약</h2><p>11월 12일에 배포</p>")
    sandbox.store.update_page(first.id, body=written, author="jimin")
    states = run(team)
    assert states["announce_1"] == "success"
    rolled = page(sandbox, "20261119_데이터분석팀 주간 요약").body
    assert "11월 19일에 배포" in rolled
    assert "다음 주 계획" in rolled
    assert "주간활성사용자.png" in rolled
    assert "ANL-" in rolled.partition("4. 업무 현황")[2]
    assert {label.name for label in sandbox.store.labels(copied.id)} == {"2026-w47"}
