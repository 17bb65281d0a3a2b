"""### Artifact retention: remove the files of old runs.

Tasks write pictures, tables and previews into the artifact store. Every Sunday morning this DAG removes those of old runs:
of a report after the time in its definition (`retention: 400d`), of all other DAGs after `[workplace] artifacts_retention`.
Without both, nothing is removed, and the task is skipped.

**What stays?** All pages and messages; the two newest manifests of each report, with which the next period compares;
exports of wikis, the state of account syncs, and every file that is not in the folder of a run.

**By hand:** *Trigger* with *Dry run* logs what would be removed.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.reports.retention import ArtifactRetentionOperator
from workplace_provider.slack.notifications import SlackAlarmNotifier

with DAG(
    dag_id="artifact_retention",
    description="Remove the files of old runs from the artifact store",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 5 * * SUN", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["maintenance"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Log what would be removed, and remove nothing"
        ),
    },
):
    ArtifactRetentionOperator(task_id="remove", folder="include/reports", dry_run="{{ params.dry_run }}")
