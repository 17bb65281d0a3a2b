"""The cluster that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from support.real_airflow import quick_retries, until
from support.running_cluster import RunningCluster, running_cluster
from support.statsd_server import statsd_server
from workplace_sandbox import Sandbox
from workplace_sandbox.local.services import missing_packages
from workplace_sandbox.local.weeks import ZONE

DAGS = ("weekly_report", "analytics_doc", "identity_sync", "slack_bot", "notice_watch", "wiki_export", "dashboard_refresh")


@pytest.fixture(scope="session")
def _one_cluster(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    if packages := missing_packages():
        pytest.skip(f"no {' and '.join(packages)} on this machine (Debian: apt-get install {' '.join(packages)})")
    # A backfill needs a schedule, which also starts runs; so it has a DAG of its own.
    weekly = quick_retries((repository / "dags" / "weekly_report.py").read_text("utf-8"))
    more_dags = {"weekly_backfill.py": weekly.replace('dag_id="weekly_report"', 'dag_id="weekly_backfill"')}
    work = tmp_path_factory.mktemp("cluster")
    with (
        Sandbox(today=datetime.now(ZONE).date()) as sandbox,
        statsd_server() as metrics,
        running_cluster(repository, work, sandbox, metrics, dags=DAGS, more_dags=more_dags) as running,
    ):
        yield running


@pytest.fixture
def cluster(_one_cluster: RunningCluster) -> Iterator[RunningCluster]:
    """Return the running cluster with the seed of the sandbox."""
    _one_cluster.reset()
    until(lambda: _one_cluster.sandbox.slack.socket_count() > 0, "a triggerer to listen")
    yield _one_cluster
    _one_cluster.end_runs()
