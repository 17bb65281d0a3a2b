"""``workplace doctor`` on a working installation, and on broken ones: it names the cause and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.models.pool import Pool
from airflow.utils.session import create_session
from sqlalchemy import delete

from workplace_provider.cli import main
from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

DAG = """
from airflow.sdk import DAG

from workplace_provider.reports import build_dags
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.tableau.operators import TableauViewImageOperator

alarm = SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm")
with DAG("weekly", default_args={"on_failure_callback": alarm}):
    TableauViewImageOperator(task_id="picture", view="WeeklyKPI/WeeklyActiveUsers")
globals().update(build_dags(__import__("pathlib").Path(__file__).parent / "reports"))
"""
REPORT = """
period: {every: week}
page: {space: ANALYTICS, parent: 분석 문서, title: "%Y%m%d_보고", from: existing}
"""


class Installation:
    """An installation with one DAG and one report, which a test breaks.

    :param folder: the DAGs folder
    :param patch: sets variables of the environment
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
        self.folder, self.patch, self.sandbox = folder, patch, sandbox

    def connect(self, conn_id: str, **changes: Any) -> None:
        connection = self.sandbox.airflow_connections()[conn_id] | changes
        self.patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    def configure(self, section: str, key: str, value: str) -> None:
        self.patch.setenv(f"AIRFLOW__{section.upper().replace('.', '_')}__{key.upper()}", value)


@pytest.fixture
def installation(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    folder = tmp_path / "dags"
    (folder / "reports").mkdir(parents=True)
    (folder / "weekly.py").write_text(DAG)
    (folder / "reports" / "weekly_page.yaml").write_text(REPORT)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    with create_session() as session:
        for job_type in ("SchedulerJob", "DagProcessorJob", "TriggererJob"):
            job = Job(job_type=job_type, state="running", latest_heartbeat=datetime.now(UTC))
            job.job_type, job.start_date = job_type, datetime.now(UTC)
            session.add(job)
    Pool.create_or_update_pool("tableau_pat", 1, "", include_deferred=False)
    yield Installation(folder, monkeypatch, sandbox)
    with create_session() as session:
        session.execute(delete(Job))
        session.execute(delete(Pool).where(Pool.pool == "tableau_pat"))


def test_a_working_installation_has_no_problem(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "slack_api_default", "github_default"]) == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    for expected in (
        "✓ plugins: macros.workplace and the pages",
        "✓ dags: 2 DAGs can be read",
        "✓ pools: tableau_pat has 1 slots",
        "✓ connections: tableau_default (tableau_rest): signed in to the site analytics",
        "✓ connections: confluence_default (confluence): ",
        "✓ connections: slack_alarm (slackwebhook): exists; a test would post a message",
        "✓ connections: slack_api_default (slack): ",
        "✓ connections: github_default (http): http://127.0.0.1:",
        "✓ clock: within 60 seconds",
        " 0 problems, 0 warnings",
    ):
        assert expected in printed
    assert not list(installation.folder.parent.rglob("doctor.txt"))
    assert installation.sandbox.messages("#data-alarms") == []


def _no_triggerer(_: Installation) -> None:
    with create_session() as session:
        session.execute(delete(Job).where(Job.job_type == "TriggererJob"))


def _old_airflow(broken: Installation) -> None:
    real = metadata.version
    broken.patch.setattr(metadata, "version", lambda name: "3.2.1" if name == "apache-airflow-core" else real(name))


def _new_celery(broken: Installation) -> None:
    real = metadata.version
    broken.patch.setattr(metadata, "version", lambda name: "5.7.0" if name == "celery" else real(name))
    broken.configure("core", "executor", "CeleryExecutor")


def _no_plugin(broken: Installation) -> None:
    from airflow import plugins_manager

    broken.patch.setattr(plugins_manager, "_get_plugins", lambda: ([], {}))


def _wrong_clock(broken: Installation) -> None:
    import requests

    real = requests.head

    def head(*args: Any, **kwargs: Any) -> Any:
        response = real(*args, **kwargs)
        response.headers["Date"] = format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)
        return response

    broken.patch.setattr(requests, "head", head)


BROKEN: dict[str, tuple[Callable[[Installation], Any], str]] = {
    "an old Airflow": (_old_airflow, "✗ versions: Workplace 0.1.0, Airflow 3.2.1"),
    "a Celery that does not start": (_new_celery, "✗ versions: Celery 5.7.0 does not start with Airflow's CeleryExecutor"),
    "no plugin": (_no_plugin, "✗ plugins: the plugin is not registered, so macros.workplace is undefined"),
    "no triggerer": (_no_triggerer, "✗ airflow: the triggerer does not run"),
    "a path of artifacts that cannot be written": (
        lambda broken: broken.configure("workplace", "artifacts_path", "file:///proc/artifacts"),
        "✗ artifacts: the artifact store cannot be used",
    ),
    "a path of artifacts that clearing a task deletes": (
        lambda broken: (
            broken.configure("common.io", "xcom_objectstorage_path", "file:///tmp/xcom"),
            broken.configure("workplace", "artifacts_path", "file:///tmp/xcom/artifacts"),
        ),
        "clearing a task would delete its files",
    ),
    "artifacts on one of several machines": (
        lambda broken: broken.configure("core", "executor", "CeleryExecutor"),
        "is on this machine, and CeleryExecutor runs tasks on several",
    ),
    "no pool": (
        lambda _: Pool.delete_pool("tableau_pat"),
        "✗ pools: the pool tableau_pat does not exist, so weekly.picture",
    ),
    "more slots than tokens": (
        lambda _: Pool.create_or_update_pool("tableau_pat", 3, "", include_deferred=False),
        "✗ pools: the pool tableau_pat has 3 slots for 1 token(s)",
    ),
    "no connection": (
        lambda broken: broken.patch.delenv("AIRFLOW_CONN_SLACK_ALARM"),
        "✗ connections: slack_alarm does not exist, and weekly.picture uses it",
    ),
    "a wrong password": (
        lambda broken: broken.connect("tableau_default", password="wrong"),
        "✗ connections: tableau_default (tableau_rest): ",
    ),
    "a service that does not respond": (
        lambda broken: (
            broken.connect("github_default", host="http://127.0.0.1:1/github"),
            (broken.folder / "weekly.py").write_text(DAG.replace("slack_alarm", "github_default")),
        ),
        "✗ connections: github_default (http): ",
    ),
    "a host that does not respond": (
        lambda broken: broken.connect("confluence_default", host="http://127.0.0.1:1/confluence"),
        "✗ connections: confluence_default (confluence): ",
    ),
    "an unknown connection type": (
        lambda broken: broken.connect("confluence_default", conn_type="wiki"),
        "no installed provider has the connection type 'wiki'",
    ),
    "a clock that differs": (_wrong_clock, "✗ clock: this machine's clock differs by +"),
    "a definition with an error": (
        lambda broken: (broken.folder / "reports" / "weekly_page.yaml").write_text(REPORT.replace("week}", "weak}")),
        "✗ dags: weekly_page: The definition has an error: weekly_page.yaml, line 2",
    ),
    "a file that cannot be imported": (
        lambda broken: (broken.folder / "typo.py").write_text("from airflow.sdk import DAGG\n"),
        "typo.py cannot be imported: ImportError",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_cause_is_named_in_a_broken_installation(
    installation: Installation, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage, finding = BROKEN[name]
    damage(installation)
    code = main(["doctor"])
    printed = capsys.readouterr().out
    assert finding in printed
    lines = printed.splitlines()
    (number,) = [index for index, line in enumerate(lines) if finding in line]
    assert lines[number + 1].startswith("    "), "advice follows"
    assert code == (0 if lines[number].startswith("!") else 1)
