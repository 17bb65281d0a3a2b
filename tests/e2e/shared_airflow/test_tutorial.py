"""The tutorial of a report without Python, word for word: its commands in a shell, its clicks in Airflow's UI.

``make up`` itself is what the shared Airflow stands for; tests/e2e/test_demo.py runs it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from support.real_airflow import RealAirflow, until
from workplace_sandbox.local.weeks import WEEK, title_begins, week_of

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).resolve().parents[3] / "docs"
ENTER = "\n" * 40  # an empty answer for every question
CHANGED = r"구매 전환율이 [\d.]+에서 [\d.]+로 (올랐|내렸)습니다 \([+-]"
PATIENCE = 60_000  # milliseconds


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def names(text: str) -> list[str]:
    """Return what the text prints in bold: names of the UI, in the order in which they are used."""
    return re.findall(r"\*\*(.+?)\*\*", text)


@pytest.fixture
def project(shared_airflow: RealAirflow) -> Iterator[Path]:
    """Return the folder of the project, with `.demo` as `make up` makes it; the report is removed at the end."""
    shared_airflow.reset()
    folder = shared_airflow.work / "project"
    (folder / ".demo").symlink_to(shared_airflow.work)
    yield folder
    (folder / ".demo").unlink()
    for file in folder.rglob("team_weekly.*"):
        file.unlink()
    shared_airflow.airflow.api._call("DELETE", "/api/v2/dags/team_weekly")


def trigger(page: Page, url: str, press: str, field: str, day: str | None) -> None:
    """Press the button that opens the form, fill in the day, and press the button of the form."""
    page.goto(url)
    page.get_by_role("button", name=press).first.click()
    form: Locator = page.get_by_role("dialog")
    form.locator("button[data-part='item-trigger'][aria-expanded=true]").first.wait_for()
    if day:
        form.get_by_text(field, exact=True).wait_for()
        form.locator("[name='element_report_date']").fill(day)
    send = form.get_by_role("button", name=press, exact=True)
    expect(send).to_be_enabled(timeout=PATIENCE)
    send.click()
    form.wait_for(state="detached")


@pytest.mark.parametrize("file", ["tutorial_report.md", "tutorial_report.ko.md"])
def test_the_tutorial_works_word_for_word(shared_airflow: RealAirflow, project: Path, page: Page, file: str) -> None:
    text = (DOCS / file).read_text("utf-8")
    start, *commands = blocks(text, "sh")
    assert start.strip() == "make up"
    shell = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)], cwd=project, env=shell, input=ENTER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (expected,) = blocks(text, "text")
    assert expected.strip() in done.stdout
    (fill,) = blocks(text, "yaml")
    assert fill in (project / "include/reports/team_weekly.yaml").read_text("utf-8")
    preview = (project / "preview" / "team_weekly.html").read_text("utf-8")
    assert preview.count("data:image/png") == 2
    assert not pages(shared_airflow)

    api, dag_id = shared_airflow.airflow.api, "team_weekly"
    (project / "dags" / "reports.py").touch()  # the shared Airflow reads changed files only
    until(lambda: api.dag(dag_id) is not None, "the report to become a DAG")
    name, task, link, press, field, *_ = names(text)
    url = f"{shared_airflow.airflow.url}/dags/{dag_id}"
    page.goto(url)
    expect(page.get_by_text(name).first).to_be_visible(timeout=PATIENCE)
    page.locator("label[data-scope='switch']").first.click()
    wait_for_runs(shared_airflow, dag_id, 1)
    run = quote(api.runs(dag_id)[-1]["dag_run_id"], safe="")
    links = api._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/links")["extra_links"]
    assert "pageId=" in links[link]
    trigger(page, url, press, field, str(week_of(datetime.now(UTC)) - WEEK + timedelta(days=1)))
    wait_for_runs(shared_airflow, dag_id, 2)
    trigger(page, url, press, field, None)
    wait_for_runs(shared_airflow, dag_id, 3)

    before, this = (pages(shared_airflow)[f"{title_begins(week)}팀 주간 보고"] for week in weeks())
    assert "이전 기간의 값이 없어 비교하지 않았습니다." in before
    assert re.search(CHANGED, this)
    assert this.count("<ac:image") == 2
    assert this.count("<tr>") > 3
    messages = [each.text for each in shared_airflow.sandbox.messages("#weekly-report") if "_팀 주간 보고" in each.text]
    assert len(messages) == 3
    assert re.search(CHANGED, messages[-1])


def weeks() -> tuple[date, date]:
    this = week_of(datetime.now(UTC))
    return this - WEEK, this


def pages(airflow: RealAirflow) -> dict[str, str]:
    found = airflow.sandbox.store.pages("ANALYTICS")
    return {page.title: page.body for page in found if page.title.endswith("_팀 주간 보고")}


def wait_for_runs(airflow: RealAirflow, dag_id: str, number: int) -> None:
    """Wait until there are so many runs, and all have succeeded."""

    def succeeded() -> bool:
        runs = airflow.airflow.api.runs(dag_id)
        states = [run["state"] for run in runs]
        assert "failed" not in states, airflow.airflow.api.task_instances(dag_id, runs[-1]["dag_run_id"])
        return len(states) == number and set(states) == {"success"}

    until(succeeded, f"{number} runs to end")
