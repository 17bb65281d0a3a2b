"""The real Airflow that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from support.real_airflow import RealAirflow, real_airflow, until
from workplace_sandbox import Sandbox
from workplace_sandbox.local.weeks import ZONE

# Otto may edit connections, Vera may not, Nora may nothing. The third is the user that answers reviews for people in Slack.
PEOPLE = {"otto": "op", "vera": "viewer", "slack-approvals": "user", "nora": ""}
# Asks Confluence for the owner of the credential of a connection that a test makes.
WHOAMI = """
from airflow.sdk import dag, task


@dag(schedule=None)
def whoami():
    @task
    def ask():
        from workplace_provider.confluence.hooks import ConfluenceHook

        return ConfluenceHook("주간-보고").client.current_user().display_name

    ask()


whoami()
"""


# Asks two reviewers in a channel: once as long as it takes, once for a moment.
ASKS = """
from datetime import timedelta

from airflow.sdk import DAG, task

from workplace_provider.slack.operators import SlackReviewOperator

for dag_id, timeout in (("asks", None), ("asks_briefly", timedelta(seconds=1))):
    with DAG(dag_id, schedule=None) as dag:
        review = SlackReviewOperator(
            task_id="review",
            subject="주간 보고를 발행할까요?",
            text="*주간 보고* 를 발행할까요?",
            reviewers=["jimin", "alex"],
            labels={"Approve": "승인", "Reject": "반려"},
            channel="#data-분석",
            response_timeout=timeout,
        )

        @task
        def publish(): ...

        review >> publish()
    globals()[dag_id] = dag
"""


# Two paused reports of yesterday's weekday: one whose schedule has passed, and one whose schedule is in two days.
DUE_REPORTS = """
# Airflow skips files without the words "airflow" and "dag".
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from workplace_provider.reports.factory import build_dag
from workplace_provider.reports.reading import parse_definition

TEXT = '''
name: NAME
owner: 데이터분석팀
tags: [매출]
schedule: "0 0 * * DAY"
timezone: Asia/Seoul
period: {every: week, weekday: WEEKDAY}
page: {space: ANALYTICS, title: "%Y%m%d NAME"}
'''
yesterday = datetime.now(ZoneInfo("Asia/Seoul")) - timedelta(days=1)
for dag_id, name, days in (("page_sales", "주간 매출 보고", 0), ("page_stock", "週次在庫レポート（全倉庫）", 3)):
    text = TEXT.replace("NAME", name).replace("WEEKDAY", f"{yesterday:%A}".lower())
    text = text.replace("DAY", f"{yesterday + timedelta(days=days):%a}".upper())
    globals()[dag_id] = build_dag(parse_definition(text, dag_id, dag_id), Path(__file__).parent)
"""


@pytest.fixture(scope="session")
def _one_airflow(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    # The DAGs' days begin in Seoul, and so do those of the people on the sandbox's GitHub.
    with Sandbox(today=datetime.now(ZONE).date()) as sandbox:
        work = tmp_path_factory.mktemp("airflow")
        dags = ("weekly_report", "analytics_doc", "identity_sync", "slack_bot", "slack_approvals", "page_reports", "whoami")
        more_dags = {"whoami.py": WHOAMI, "asks.py": ASKS, "due_reports.py": DUE_REPORTS}
        with real_airflow(repository, work, sandbox, dags=dags, people=PEOPLE, more_dags=more_dags) as started:
            yield started


@pytest.fixture(scope="module")
def shared_airflow(_one_airflow: RealAirflow) -> Iterator[RealAirflow]:
    """Return a real Airflow with all DAGs of the project, for every test of the session that needs one.

    The bot listens; the schedule starts no run. Each module starts from the seeded sandbox, without active runs.
    """
    _one_airflow.reset()
    until(lambda: _one_airflow.sandbox.slack.socket_count() > 0, "the triggerer to listen")
    yield _one_airflow
    _one_airflow.end_runs()


@pytest.fixture
def page(shared_airflow: RealAirflow, browser: Browser) -> Iterator[Page]:
    """Return a page of a browser in which the administrator is logged in to the shared Airflow."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400}, locale="en-US")
    context.set_default_timeout(60_000)  # milliseconds; the UI is large, and the machine may be busy
    token = {"name": "_token", "value": shared_airflow.airflow.api.token}
    context.add_cookies([{**token, "domain": urlsplit(shared_airflow.airflow.url).hostname or "", "path": "/"}])
    yield context.new_page()
    context.close()
