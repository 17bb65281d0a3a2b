"""The page *Reports* and the tab *Report* in Airflow's UI.

The runs of two reports are written straight into Airflow's database: fourteen runs, with reviews and failures among them,
would take half an hour. The third report is run for real, from its button to its preview.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import Browser, FrameLocator, Page, expect

from support.real_airflow import RealAirflow, until

pytestmark = pytest.mark.e2e

TESTS = Path(__file__).resolve().parents[2]
SEOUL = ZoneInfo("Asia/Seoul")
PATIENCE = 120_000  # milliseconds; the UI is large, and the machine may be busy
REAL = "device_users"
CHECK = {
    "source": "매출",
    "expectation": "at least 3 rows",
    "finding": "0 rows <b>!</b>",
    "passed": False,
    "severity": "stop",
}
APPROVED = {
    "responded_at": "2026-11-20T01:00:00+00:00",
    "responded_by": {"id": "otto", "name": "otto"},
    "chosen_options": ["Approve"],
}


def page_of(period: str, url: str = "https://wiki.example.com/pages/1") -> dict[str, Any]:
    changes = ["전환율이 7.47%에서 7.69%로 올랐습니다 (+0.22%p)", "<i>신규 매출</i>이 12건 늘었습니다"]
    return {"compose": {"title": f"{period} 매출", "changes": changes}, "publish": {"url": url}}


def past_runs(yesterday: datetime) -> list[dict[str, Any]]:
    """Return runs of the two reports whose report day is yesterday's weekday, by the age of their periods in weeks."""
    not_checked = dict.fromkeys(("compose", "review", "publish"), "upstream_failed")
    composed = {"check": "success", "compose": "success"}
    rejected = APPROVED | {"chosen_options": ["Reject"]}
    asked = {"assignees": [{"id": "otto", "name": "otto"}]}
    sales: list[tuple[int, dict[str, Any]]] = [
        (1, {"results": page_of("지난주"), "review": APPROVED, "minutes": 93}),
        (2, {"state": "running", "tasks": composed | {"review": "awaiting_input"}, "review": asked}),
        (3, {"state": "running", "tasks": {"check": "running"}}),
        (4, {"state": "failed", "tasks": {"check": "failed"} | not_checked, "results": {"check": {"results": [CHECK]}}}),
        (5, {"tasks": {"publish": "skipped"}, "review": rejected}),
        (6, {"results": page_of("6주 전")}),
        (6, {"tasks": {"publish": "skipped"}, "run_id": "later", "conf": {"review": True}}),
    ]
    stock: list[tuple[int, dict[str, Any]]] = [(age, {"results": page_of(f"{age}")}) for age in (1, 2, 3, 4, 6, 7)]
    stock.append((5, {"conf": {"dry_run": True}}))
    return [
        {"dag_id": dag_id, "day": f"{yesterday - timedelta(weeks=age):%Y-%m-%d}", **facts}
        for dag_id, runs in (("page_sales", sales), ("page_stock", stock))
        for age, facts in runs
    ]


@pytest.fixture(scope="module")
def airflow(shared_airflow: RealAirflow) -> Iterator[RealAirflow]:
    """An Airflow with three reports of eight periods."""
    api = shared_airflow.airflow.api
    until(lambda: all(map(api.dag, ("page_sales", "page_stock", REAL))), "the DAGs to be parsed")
    runs = past_runs(datetime.now(SEOUL) - timedelta(days=1))
    subprocess.run(
        [sys.executable, "-m", "support.report_runs"],
        input=json.dumps(runs),
        text=True,
        check=True,
        cwd=TESTS,
        env=os.environ | shared_airflow.airflow.environment,
    )
    api.unpause(REAL)
    yield shared_airflow
    api._call("PATCH", f"/api/v2/dags/{REAL}", {"is_paused": True})
    shared_airflow.end_runs()  # Airflow deletes no run that has not ended
    for dag_id in ("page_sales", "page_stock", REAL):
        for run in api.runs(dag_id):
            api._call("DELETE", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run['dag_run_id'], safe='')}")


@contextmanager
def opened(
    airflow: RealAirflow, browser: Browser, name: str, path: str, width: int = 1280
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page of the UI as a person; the list gets what the browser complains about."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    try:
        context.add_cookies([{"name": "_token", "value": token(airflow, name), "url": airflow.airflow.url}])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{airflow.airflow.url}{path}")
        yield page, complaints
    finally:
        context.close()


def token(airflow: RealAirflow, name: str) -> str:
    body = {"username": name, "password": airflow.airflow.passwords[name]}
    return str(requests.post(f"{airflow.airflow.url}/auth/token", json=body, timeout=60).json()["access_token"])


def states(frame: FrameLocator, name: str) -> list[str]:
    """Return the states of a report, newest period first."""
    row = frame.get_by_role("row").filter(has=frame.get_by_role("link", name=name))
    expect(row).to_have_count(1, timeout=PATIENCE)
    return [cell.locator(".state").first.inner_text() for cell in row.get_by_role("cell").all()]


def test_three_reports_of_eight_periods_in_all_states(airflow: RealAirflow, browser: Browser, tmp_path: Path) -> None:
    with opened(airflow, browser, "otto", "/") as (ui, complaints):
        ui.get_by_role("button", name="Browse").click()
        ui.get_by_role("menuitem", name="Reports").click()
        frame = ui.frame_locator("iframe")
        # Yesterday's period may be of another week than that of the real report, which is then not due.
        sales, stock = states(frame, "주간 매출 보고"), states(frame, "週次在庫レポート")
        shown = ["Late", "Published", "Waiting for review", "Running", "Failed", "Skipped", "Published", "Missing"]
        assert sales == shown
        assert stock == ["Not due", *["Published"] * 4, "Missing", *["Published"] * 2]
        assert len(states(frame, "기기별 주간 보고")) == 8
        row = frame.get_by_role("row").filter(has=frame.get_by_role("link", name="주간 매출 보고"))
        assert "1 h 33 min" in row.inner_text()
        assert "approved by otto" in row.inner_text()
        assert "waits for otto" in row.inner_text()
        row.get_by_text("Changes in").click()
        assert "<i>신규 매출</i>이 12건 늘었습니다" in row.inner_text()
        assert row.get_by_role("button", name="Run").count() == 0, "it is paused"
        for theme in ("light", "dark"):
            ui.evaluate("theme => localStorage.setItem('theme', theme)", theme)
            for width in (1280, 390):
                ui.set_viewport_size({"width": width, "height": 900})
                ui.reload()
                expect(frame.locator(f"html.{theme}")).to_be_attached(timeout=PATIENCE)
                states(frame, "주간 매출 보고")
                assert frame.locator("body").evaluate("body => body.scrollWidth <= innerWidth"), "only the table scrolls"
                ui.screenshot(path=tmp_path / f"reports_{theme}_{width}.png")
        assert complaints == []


def test_who_may_only_read_has_no_button_and_who_may_nothing_sees_no_report(airflow: RealAirflow, browser: Browser) -> None:
    with opened(airflow, browser, "vera", "/workplace/reports") as (page, _):
        expect(page.get_by_role("link", name="기기별 주간 보고")).to_be_visible()
        assert page.get_by_role("button", name="Run", exact=False).count() == 0
    with opened(airflow, browser, "nora", "/workplace/reports") as (page, _):
        expect(page.get_by_text("There are no reports that your user may read")).to_be_visible()
        assert "매출" not in page.content()
    assert requests.get(f"{airflow.airflow.url}/workplace/reports", timeout=60).status_code == 401


def test_the_button_makes_a_page_whose_preview_is_in_the_tab_of_the_run(
    airflow: RealAirflow, browser: Browser, tmp_path: Path
) -> None:
    api = airflow.airflow.api
    with opened(airflow, browser, "otto", "/plugin/reports") as (ui, complaints):
        frame = ui.frame_locator("iframe")
        row = frame.get_by_role("row").filter(has=frame.get_by_role("link", name="기기별 주간 보고"))
        button = row.get_by_role("button").first
        label = button.get_attribute("aria-label") or ""
        day = button.get_attribute("data-day")
        # By keyboard: the dialog is closed, and its button has the focus again.
        button.focus()
        ui.keyboard.press("Enter")
        expect(frame.get_by_role("dialog")).to_contain_text(label.removeprefix("Run "))
        ui.keyboard.press("Escape")
        expect(frame.get_by_role("dialog")).not_to_be_visible()
        expect(button).to_be_focused()
        ui.keyboard.press("Enter")
        frame.get_by_role("dialog").get_by_role("button", name="Run").click()
        expect(frame.get_by_role("status")).to_contain_text("Started")
        (run,) = api.runs(REAL)
        assert (run["conf"], run["triggering_user_name"]) == ({"report_date": day}, "otto")
        until(lambda: api.runs(REAL)[0]["state"] in ("success", "failed"), "the report")
        assert api.runs(REAL)[0]["state"] == "success"
        ui.reload()
        about = label.removeprefix("Run ")
        expect(frame.get_by_role("link", name=f"Page of {about}")).to_have_attribute("href", airflow_page(airflow, run))
        frame.get_by_role("link", name=f"Preview of {about}").click()
        ui.wait_for_url("**/plugin/report")
        report = ui.frame_locator("iframe").first
        expect(report.get_by_role("heading", level=1)).to_contain_text("기기별 주간 보고")
        expect(report.get_by_role("table", name="Checks")).to_contain_text("Passed")
        preview = report.frame_locator("iframe")
        expect(preview.get_by_role("heading", name="기기별 추이")).to_be_visible()
        assert preview.locator("img").count() == 3
        for theme in ("light", "dark"):
            ui.evaluate("theme => localStorage.setItem('theme', theme)", theme)
            for width in (1280, 390):
                ui.set_viewport_size({"width": width, "height": 1400})
                ui.reload()
                expect(preview.locator(f"html.{theme}")).to_be_attached(timeout=PATIENCE)
                ui.screenshot(path=tmp_path / f"run_{theme}_{width}.png")
        assert complaints == []
    # The failed check of the other report has left its finding.
    yesterday = datetime.now(SEOUL) - timedelta(days=1, weeks=4)
    path = f"/dags/page_sales/runs/manual__{yesterday:%Y-%m-%d}/plugin/report"
    with opened(airflow, browser, "otto", path) as (ui, _):
        report = ui.frame_locator("iframe").first
        expect(report.get_by_role("table", name="Checks")).to_contain_text("0 rows <b>!</b>")


def airflow_page(airflow: RealAirflow, run: dict[str, Any]) -> str:
    path = f"/api/v2/dags/{REAL}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances/publish/xcomEntries/url"
    return str(airflow.airflow.api._call("GET", path)["value"])
