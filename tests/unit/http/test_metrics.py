from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.real_airflow import until
from support.statsd_server import StatsdServer, statsd_server
from workplace_provider.confluence import connect
from workplace_provider.http.metrics import count, metric_name
from workplace_sandbox import Fault, Sandbox


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> StatsdServer:
    """A StatsD server that Airflow's stats of this process send to."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    with statsd_server() as server:
        for name, value in {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(server.port)}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        yield server
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def test_requests_retries_waits_and_pages_reach_statsd(received: StatsdServer, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("/rest/api/content$", "status", method="POST", status=429, headers={"Retry-After": "0"}))
    wiki = connect(sandbox.confluence_url, token=sandbox.confluence_token)
    page = wiki.create_page("ANALYTICS", "주간 보고", "<p>1</p>")
    wiki.update_page(page.id, lambda _: "<p>2</p>")
    wiki.update_page(page.id, lambda _: "<p>2</p>")  # changes nothing
    sent = len(sandbox.requests("/rest/api/"))
    # A datagram may arrive after those that were sent later.
    until(lambda: received.timers["workplace.confluence.request"] >= sent, "the metrics", 10)
    until(lambda: received.counters["workplace.confluence.pages_updated"] > 0, "the metrics", 10)
    assert received.counters["workplace.confluence.requests"] == received.timers["workplace.confluence.request"] == sent
    for name in ("retries", "rate_limits", "pages_created", "pages_updated"):
        assert received.counters[f"workplace.confluence.{name}"] == 1, name
    assert received.timers["workplace.confluence.wait"] == 1


def test_names_of_systems_are_ascii_and_short() -> None:
    assert metric_name("Tableau") == "tableau"
    assert metric_name("Notice board 새소식 news-1") == "notice_board_news_1"
    assert metric_name("상담 시스템") == "other"
    assert len(metric_name("x" * 300)) == 40


def test_without_airflow_nothing_is_recorded_or_imported(tmp_path: Path) -> None:
    program = f"import sys\nfrom {count.__module__} import count\ncount('x')\nassert 'airflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
