"""The metrics and the lineage of one weekly report, as a StatsD server and Airflow's OpenLineage provider have them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from support.real_airflow import until
from support.running_cluster import RunningCluster
from workplace_sandbox.local.weeks import week_of

pytestmark = [pytest.mark.cluster, pytest.mark.e2e]

REPORT = "weekly_report"
THIS_WEEK = week_of(datetime.now(UTC))


def test_metrics_and_lineage_of_a_weekly_report(cluster: RunningCluster) -> None:
    cluster.metrics.counters.clear()
    run_id = cluster.trigger(REPORT, {"report_date": str(THIS_WEEK)})
    cluster.wait(REPORT, run_id)
    counters = cluster.metrics.counters
    until(lambda: counters["workplace.slack.messages"] == 1, "the metric of the last task", 30)
    assert counters["workplace.confluence.pages_created"] == 1
    for system in ("confluence", "jira", "tableau"):
        assert counters[f"workplace.{system}.requests"] > 0, counters
    assert counters["workplace.artifacts.bytes"] > 0
    assert cluster.metrics.gauges["workplace.slack.open_sockets"] >= 1
    print("\n" + "\n".join(f"{name} {number}" for name, number in sorted(counters.items())))

    datasets = {
        event["job"]["name"]: [
            [f"{dataset['namespace']} {dataset['name']}" for dataset in event[side]] for side in ("inputs", "outputs")
        ]
        for event in cluster.lineage_events()
        if event["eventType"] == "COMPLETE" and run_id in str(event)
    }
    print("\n".join(f"{job}: {sides}" for job, sides in datasets.items()))
    site = cluster.sandbox.url
    (page,) = [page for page in cluster.pages_of(THIS_WEEK) if "주간 보고" in page.title]
    (source,), (target,) = datasets[f"{REPORT}.copy_last_week"]
    assert source.startswith(f"{site} confluence/")
    assert target == f"{site} confluence/pages/viewpage.action?pageId={page.id}"
    ((view,), _), ((query,), _) = datasets[f"{REPORT}.export_graph"], datasets[f"{REPORT}.read_issues"]
    assert view.startswith(f"{site} tableau/")
    assert query.startswith(f"{site} jira/issues/?jql=project = ANL")
