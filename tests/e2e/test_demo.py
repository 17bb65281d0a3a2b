"""`make demo` as people run it: a program of its own, a real Airflow, the sandbox, and no process left afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browser import look
from workplace_sandbox.local.processes import processes_of
from workplace_sandbox.local.weeks import week_of

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
PATIENCE = 400  # seconds for a whole demonstration on two busy cores
MARK = "이 줄은 지난주 보고서에서 왔다"
LAST_REPORT = (
    f"<h2>요약</h2><p>{MARK} &amp; stays &ldquo;as it is&rdquo;</p>"
    '<ac:structured-macro ac:name="a-macro-nobody-knows"><ac:parameter ac:name="x">1</ac:parameter></ac:structured-macro>'
)


def start(work: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "workplace_sandbox.local", "demo", "--work", str(work), *arguments]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(demo: subprocess.Popen[str], patience: float) -> str:
    """Return its output; a demonstration that takes too long is ended, and then ends its own processes."""
    try:
        return demo.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGTERM)
        pytest.fail(f"not done in {patience} s:\n{demo.communicate(timeout=60)[0]}")


class Demonstration:
    """One whole run: its output and its files."""

    def __init__(self, work: Path, page: Path) -> None:
        self.work = work
        # There are two possible weeks only when Thursday begins in Seoul during the run.
        thursdays = [week_of(datetime.now(UTC))]
        program = start(work, "--page", str(page))
        self.output = finish(program, PATIENCE)
        self.status = program.returncode
        thursdays.append(week_of(datetime.now(UTC)))
        self.this_week = next(week for week in thursdays if f"Another run for {week}" in self.output)

    @property
    def weeks(self) -> list[date]:
        return [self.this_week - timedelta(weeks=n) for n in (2, 1, 0)]

    def facts(self) -> Any:
        return json.loads((self.work / "result.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    folder = tmp_path_factory.mktemp("demo")
    page = folder / "last.xhtml"
    page.write_text(LAST_REPORT, encoding="utf-8")
    return Demonstration(folder / "work", page)


def test_it_succeeds_and_says_so(demonstration: Demonstration) -> None:
    assert demonstration.status == 0, demonstration.output
    assert "3 report pages for 4 runs, 4 Slack messages" in demonstration.output
    assert re.search(r"^Done after \d+ s\.$", demonstration.output, re.MULTILINE)


def test_the_table_names_every_run(demonstration: Demonstration) -> None:
    rows = [line for line in demonstration.output.splitlines() if line.startswith("│ weekly_report")]
    assert len(rows) == 4
    for row, kind in zip(rows, ["backfill__", "backfill__", "manual__", "manual__"], strict=True):
        assert re.search(rf"│ weekly_report │ {kind}\S+ +│ success │ +\d+\.\d │ .* │ http://\S+ +│", row), row


def test_one_page_a_week_with_its_title_and_one_message_a_run(demonstration: Demonstration) -> None:
    facts = demonstration.facts()
    assert [run["state"] for run in facts["runs"]] == ["success"] * 9
    reports = [run for run in facts["runs"] if run["dag_id"] == "weekly_report"]
    assert [run["week"] for run in reports] == [str(week) for week in [*demonstration.weeks, demonstration.this_week]]
    titles = [page["title"] for page in facts["pages"]]
    assert [title[:9] for title in titles] == [f"{week:%Y%m%d}_" for week in demonstration.weeks]
    assert all("주간 보고" in title for title in titles)
    assert [page["messages"] for page in facts["pages"]] == [1, 1, 2]


def test_the_pages_are_files_and_carry_last_weeks_report_on(demonstration: Demonstration) -> None:
    pages = demonstration.work / "pages"
    assert (pages / "index.html").is_file()
    for page in demonstration.facts()["pages"]:
        text = (pages / f"{page['title']}.html").read_text(encoding="utf-8")
        assert MARK in text
        assert "a-macro-nobody-knows" in text


def test_the_document_of_the_week_is_there_to_look_at(demonstration: Demonstration, browser: Browser) -> None:
    (run,) = [run for run in demonstration.facts()["runs"] if run["dag_id"] == "analytics_doc"]
    pages = demonstration.work / "pages"
    images, text = look(browser, (pages / f"{run['title']}.html").as_uri())
    assert images >= 3, "one picture for each device"
    for word in ("주간 활성 사용자", "Search", "답글", "ANL-", "이번 주에 알게 된 것을 적어 주세요"):
        assert word in text
    _, channel = look(browser, (pages / "slack" / "weekly-report.html").as_uri())
    assert run["title"] in channel


def test_the_report_from_yaml_is_there_to_look_at(demonstration: Demonstration, browser: Browser) -> None:
    (run,) = [run for run in demonstration.facts()["runs"] if run["dag_id"] == "weekly_kpis"]
    images, text = look(browser, (demonstration.work / "pages" / f"{run['title']}.html").as_uri())
    assert images >= 2, "one picture for each device"
    for word in ("1. 이번 주 변화", "주간 활성 사용자", "답글", "ANL-"):
        assert word in text


def test_the_report_of_a_template_page_is_there_to_look_at(demonstration: Demonstration, browser: Browser) -> None:
    (run,) = [run for run in demonstration.facts()["runs"] if run["dag_id"] == "page_reports"]
    images, text = look(browser, (demonstration.work / "pages" / f"{run['title']}.html").as_uri())
    assert images == 2, "one picture for each device"
    for word in ("주간 활성 사용자", "ANL-"):
        assert word in text
    assert "period.day" not in text, "the definition stays on the template page"


def test_the_accounts_follow_slack_and_the_second_run_has_nothing_to_do(demonstration: Demonstration) -> None:
    first, second = [run for run in demonstration.facts()["runs"] if run["dag_id"] == "identity_sync"]
    assert first["title"] == "상담 시스템: 2 created, 1 linked, 1 updated, 2 disabled"
    assert second["title"] == "상담 시스템: nothing to write"
    assert "✓ New members have an account" in demonstration.output


def test_nothing_is_left_running_and_no_password_lies_about(demonstration: Demonstration) -> None:
    assert processes_of(str(demonstration.work)) == []
    assert not (demonstration.work / "passwords.json").exists()
    assert (demonstration.work / "logs" / "airflow.log").is_file()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.large)])
def test_ending_it_half_way_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    work = tmp_path / "work"
    demo = start(work)
    try:
        # The sandbox, `airflow standalone`, and the first components that this starts.
        deadline = time.monotonic() + 120
        while len(processes_of(str(work))) < 4:
            assert demo.poll() is None, demo.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        demo.send_signal(number)
        output = finish(demo, patience=40)
    finally:
        demo.kill()
        demo.wait()
    assert processes_of(str(work)) == []
    assert demo.returncode == 128 + number
    assert "✓ Stopping everything" in output


@pytest.mark.large
def test_a_failing_task_is_shown_with_its_log(tmp_path: Path) -> None:
    settings = tmp_path / "airflow_settings.yaml"
    committed = (PROJECT / "airflow_settings.yaml").read_text(encoding="utf-8")
    settings.write_text(committed.replace("sandbox-token", "no-such-token", 1), encoding="utf-8")
    work = tmp_path / "work"

    demo = start(work, "--settings", str(settings))
    output = finish(demo, PATIENCE)

    assert demo.returncode == 1, output
    assert re.search(r"^Failed: run backfill__\S+ failed", output, re.MULTILINE)
    assert "--- log of copy_last_week (failed, try 1)" in output, "an error that cannot pass is not retried"
    assert "AuthFailed" in output
    assert "no-such-token" not in output
    assert f"Logs: {work / 'logs'}" in output
    assert processes_of(str(work)) == []


def test_the_callers_own_airflow_is_not_touched(tmp_path: Path) -> None:
    """A settings error ends it before any run, so this needs no second Airflow: only the environment is checked."""
    environment = {
        **os.environ,
        "AIRFLOW_CONN_CONFLUENCE_DEFAULT": "https://wiki.example.com",
        "AIRFLOW_HOME": str(tmp_path / "mine"),
    }
    settings = tmp_path / "bad.yaml"
    settings.write_text("airflow:\n  connections:\n    - {conn_id: a, conn_hosst: b}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "workplace_sandbox.local",
        "demo",
        "--work",
        str(tmp_path / "work"),
        "--settings",
        str(settings),
    ]
    ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert "airflow.connections[0].conn_hosst" in ran.stdout
    assert processes_of(str(tmp_path / "work")) == []
    assert not (tmp_path / "mine").exists()
