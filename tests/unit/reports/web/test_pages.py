"""The pages in Airflow's own API server, on its database: who sees what, and what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import FastAPI
from sqlalchemy import event

from support.consenting import Visitor
from support.report_runs import add_run, forget_dags, store_dags
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.periods import PeriodRule
from workplace_provider.reports import build_dags
from workplace_provider.reports.factory import build_dag
from workplace_provider.reports.reading import parse_definition
from workplace_provider.reports.web import preview_file

BASE_URL = "http://localhost:8080"
WEEKLY = """\
name: 주간 <b>지표</b> 보고
owner: analytics
tags: [kpi]
schedule: "30 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
page: {space: ANALYTICS, title: "%Y%m%d NAME"}
"""
CHECKS = [
    {"source": "kpis", "expectation": "at least 3 rows", "finding": "0 <i>rows</i>", "passed": False, "severity": "stop"},
    {"source": "kpis", "expectation": "no empty 값", "finding": "none", "passed": True, "severity": "stop"},
]
PERIOD = PeriodRule("week", weekday="thursday").at((datetime.now(UTC) + timedelta(hours=9)).date()).shift(-1)
DAY = PERIOD.day.isoformat()


@pytest.fixture
def airflow(_api_server: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """An API server with the report *weekly* and the example *monthly_channels*, without runs."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE_URL)
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", str(tmp_path / "artifacts"))
    forget_dags()
    store_dags([dag("weekly"), build_dags(REPORTS)["monthly_channels"]])
    yield _api_server
    forget_dags()


REPORTS = Path(__file__).parents[4] / "include" / "reports"


def dag(dag_id: str, text: str = WEEKLY) -> Any:
    return build_dag(parse_definition(text.replace("NAME", dag_id), f"{dag_id}.yaml", dag_id), REPORTS)


@pytest.fixture
def uma(airflow: FastAPI) -> Visitor:
    """A user who may trigger runs."""
    return Visitor(airflow, BASE_URL, "uma", "USER")


def get(visitor: Visitor, path: str, **query: Any) -> Any:
    return visitor.browser.get(f"/workplace/{path}", params=query)


def published(run_id: str = "manual__1", **facts: Any) -> str:
    results = {
        "compose": {"period": PERIOD.label, "title": "주간 보고", "changes": ["<b>전환율</b>이 올랐습니다"], "preview": {}},
        "publish": {"url": "https://wiki.example.com/1?a=1&b=2"},
    }
    return add_run("weekly", DAY, **{"results": results, "run_id": run_id} | facts)


def test_a_row_has_the_state_of_each_period_and_its_links(airflow: FastAPI, uma: Visitor) -> None:
    answer = {
        "responded_at": datetime.now(UTC),
        "responded_by": {"id": "otto", "name": "오토"},
        "chosen_options": ["Approve"],
    }
    run_id = published(run_id="manual__2026-11-19T01:00:00+00:00", review=answer, minutes=90)
    text = get(uma, "reports").text
    assert text.count('<th scope="row">') == 2
    assert "Weekly reports" in text
    assert "Monthly reports" in text
    assert "주간 &lt;b&gt;지표&lt;/b&gt; 보고" in text
    assert 'href="https://wiki.example.com/1?a=1&amp;b=2"' in text
    assert f'href="../dags/weekly/runs/{quote(run_id, safe="")}/plugin/report"' in text
    assert "&lt;b&gt;전환율&lt;/b&gt;이 올랐습니다" in text
    assert "1 h 30 min" in text
    assert "approved by 오토" in text
    assert f'data-dag="weekly" data-day="{PERIOD.shift(-1).day.isoformat()}"' in text, "a missing period can be run"
    assert f'data-day="{DAY}"' not in text
    older = get(uma, "reports", page_number=1).text
    assert f"{PERIOD.shift(-7).label}" in older
    assert "wiki.example.com" not in older
    filtered = get(uma, "reports", q="ANALYTICS kpi").text
    assert (filtered.count('<th scope="row">'), "Monthly reports" in filtered) == (1, False)


def test_who_may_not_read_sees_nothing_and_who_may_only_read_starts_nothing(airflow: FastAPI) -> None:
    run_id = published()
    nora = Visitor(airflow, BASE_URL, "nora", "")
    nora.log_in("nora", "")
    page = get(nora, "reports")
    assert page.status_code == 200
    assert "There are no reports that your user may read" in page.text
    assert "weekly" not in page.text
    for path in ("run", "preview"):
        assert get(nora, path, dag_id="weekly", run_id=run_id).status_code == 403
        assert get(nora, path, dag_id="other", run_id="x").status_code == 403
    anonymous = Visitor(airflow, BASE_URL)
    for path in ("reports", "run", "preview"):
        assert get(anonymous, path, dag_id="weekly", run_id=run_id).status_code == 401
    vera = Visitor(airflow, BASE_URL, "vera", "VIEWER")
    assert "weekly" in get(vera, "reports").text
    assert "data-dag" not in get(vera, "reports").text
    body = {"logical_date": None, "conf": {"report_date": DAY}}
    assert vera.browser.post("/api/v2/dags/weekly/dagRuns", json=body).status_code == 403


def test_a_paused_report_has_no_button_and_a_broken_one_shows_its_error(
    airflow: FastAPI, uma: Visitor, tmp_path: Path
) -> None:
    with create_session() as session:
        session.get_one(DagModel, "weekly").is_paused = True
        session.get_one(DagModel, "monthly_channels").is_paused = True
    text = get(uma, "reports").text
    assert text.count("Paused") == 2
    assert "data-dag" not in text
    (tmp_path / "weekly.yaml").write_text("page: 1\n")
    store_dags(build_dags(tmp_path).values())
    assert "there is no period; a report needs page and period" in get(uma, "reports").text


def test_a_new_version_of_a_report_has_its_new_rhythm(airflow: FastAPI, uma: Visitor) -> None:
    assert "Daily reports" not in get(uma, "reports").text
    published()
    store_dags([dag("weekly", WEEKLY.replace("week, weekday: thursday", "day"))])
    assert "Daily reports" in get(uma, "reports").text


def test_a_run_shows_the_findings_of_its_checks_also_when_they_stopped_it(airflow: FastAPI, uma: Visitor) -> None:
    tasks = {"check": "failed", "compose": "upstream_failed", "review": "upstream_failed", "publish": "upstream_failed"}
    run_id = add_run("weekly", DAY, state="failed", tasks=tasks, results={"check": {"results": CHECKS}})
    text = get(uma, "run", dag_id="weekly", run_id=run_id).text
    assert "Failed: stopped the report" in text
    assert "0 &lt;i&gt;rows&lt;/i&gt;" in text
    assert "Passed" in text
    assert f'href="../dags/weekly/runs/{run_id}/tasks/check"' in text
    assert "has not composed a page" in text
    assert "check failed" in get(uma, "reports").text
    assert get(uma, "run", dag_id="weekly", run_id="other").status_code == 404


def store_preview(
    run_id: str, dag_id: str = "weekly", content: bytes = b"<!DOCTYPE html>\n<html><p>preview"
) -> dict[str, Any]:
    from types import SimpleNamespace

    store = ArtifactStore()
    folder = store.run_folder({"dag": SimpleNamespace(dag_id=dag_id), "run_id": run_id}, "compose")
    with store.publish(folder, "preview.html", "text/html") as sink:
        sink.write(content)
    return sink.artifact.as_dict()


def test_the_preview_of_a_run_has_no_power(airflow: FastAPI, uma: Visitor) -> None:
    run_id = published(results={"compose": {"preview": store_preview("manual__1")}})
    frame = get(uma, "run", dag_id="weekly", run_id=run_id)
    assert 'data-src="preview?dag_id=weekly&amp;run_id=manual__1" sandbox' in frame.text
    assert "script-src 'self'" in frame.headers["Content-Security-Policy"]
    preview = get(uma, "preview", dag_id="weekly", run_id=run_id)
    assert preview.content == b"<!DOCTYPE html>\n<html><p>preview"
    assert preview.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert preview.headers["X-Content-Type-Options"] == "nosniff"
    assert b'<html class="dark">' in get(uma, "preview", dag_id="weekly", run_id=run_id, theme="dark").content
    assert get(uma, "preview", dag_id="weekly", run_id=run_id, theme='"><script>').content == preview.content


def test_only_the_preview_that_the_run_has_written_is_shown(
    airflow: FastAPI, uma: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, foreign = store_preview("manual__1"), store_preview("manual__1", "secret")
    secret = tmp_path / "secret.html"
    secret.write_bytes(b"secret")
    outside = own | {"uri": str(secret), "size": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    climbing = outside | {"uri": own["uri"].replace("preview.html", "../../../../secret.html")}
    wrong = (
        foreign,
        outside,
        climbing,
        own | {"conn_id": "aws"},
        own | {"sha256": "0" * 64},
        own | {"sha256": None},
        {},
        "x",
    )
    for number, value in enumerate(wrong):
        results = {"compose": {"preview": value}}
        add_run("weekly", DAY, results=results, run_id=f"manual__1{'' if number == 0 else f'.{number}'}")
        refused = get(uma, "preview", dag_id="weekly", run_id=f"manual__1{'' if number == 0 else f'.{number}'}")
        assert refused.status_code == 404, value
        assert "secret" not in refused.text.replace("secret.html", "")
    big = store_preview("big")
    add_run("weekly", DAY, results={"compose": {"preview": big}}, run_id="big")
    assert get(uma, "preview", dag_id="weekly", run_id="big").status_code == 200
    monkeypatch.setattr(preview_file, "LARGEST_PREVIEW", 10)
    assert "shows at most 10" in get(uma, "preview", dag_id="weekly", run_id="big").text
    monkeypatch.undo()


def test_large_results_are_not_read(airflow: FastAPI, uma: Visitor) -> None:
    published(results={"compose": {"changes": ["x" * 70_000], "title": "kept"}, "publish": {"url": "javascript:alert(1)"}})
    text = get(uma, "reports").text
    assert "xxx" not in text
    assert "javascript" not in text


def test_the_number_of_queries_does_not_depend_on_the_number_of_reports(airflow: FastAPI, uma: Visitor) -> None:
    def queries() -> int:
        from airflow.settings import engine

        count = 0

        def counted(*_: Any) -> None:
            nonlocal count
            count += 1

        event.listen(engine, "before_cursor_execute", counted)
        try:
            assert get(uma, "reports").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return count

    published()
    queries()
    one = queries()
    store_dags([dag(f"weekly_{number}") for number in range(20)])
    for number in range(20):
        add_run(f"weekly_{number}", DAY)
    queries()  # reads the new rhythms
    assert queries() == one


def test_the_script_and_the_style_need_no_log_in_and_are_typed(airflow: FastAPI) -> None:
    anonymous = Visitor(airflow, BASE_URL)
    texts = {get(anonymous, "reports.js").text for _ in range(2)}  # Airflow compresses them, each time from the start
    assert len(texts) == 1
    assert get(anonymous, "reports.js").headers["Content-Type"].startswith("text/javascript")
    assert get(anonymous, "reports.css").headers["Content-Type"].startswith("text/css")
