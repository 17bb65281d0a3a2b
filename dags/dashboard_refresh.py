"""### Dashboard refresh: keep the pictures and the table of a page up to date.

Every morning at seven, after Tableau has refreshed its extract of the day, the pictures of a page are exported again and
replace those with the same names, and a table is filled with the rows of a view. What people wrote stays, also in columns
of their own. When nothing changed, neither the page nor its pictures get a new version.

**Which day?** The run date. The numbers are those that Tableau shows when the task runs, because a dashboard page shows
the present; a backfill creates no past pictures.

**By hand:** *Trigger*, and fill in the form. To keep another page up to date, copy this file, or trigger it with other
params.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.confluence.operators import ConfluenceUpdatePageOperator
from workplace_provider.confluence.pages.edits import ReplaceTableRows
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.tableau.operators import TableauExportBatchOperator, TableauViewDataOperator
from workplace_provider.tableau.sensors import TableauViewUpdatedSensor

with DAG(
    dag_id="dashboard_refresh",
    description="Keep the pictures and the table of a page up to date with their dashboards",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 7 * * *", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["confluence", "tableau", "dashboard"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "space": Param("ANALYTICS", type="string", minLength=1, title="Space", description="Key of the Confluence space"),
        "page": Param("대시보드 목록", type="string", minLength=1, title="Page", description="Title of the page"),
        "pictures": Param(
            [{"view": "WeeklyKPI/RevenueByChannel", "file_name": "dashboard preview.png"}],
            type="array",
            minItems=1,
            title="Pictures",
            description="Objects with view and the file name on the page; also workbook, project, filters, width, height",
        ),
        "data_view": Param(
            "WeeklyKPI/RevenueByChannel",
            type=["null", "string"],
            title="View of the table",
            description="Workbook/Sheet or URL. Leave empty to refresh no table",
        ),
        "table": Param(
            "최근 주 채널별 매출",
            type="string",
            minLength=1,
            title="Table",
            description="Text of the heading above the table",
        ),
        "key": Param(
            "주문 채널",
            type=["null", "string"],
            title="Key column",
            description="Column that identifies a row, so that your own columns stay. Leave empty to replace all rows",
        ),
        "wait_for": Param(
            "WeeklyKPI/RevenueByChannel",
            type="string",
            minLength=1,
            title="Wait for",
            description="View; the run waits until its extract was refreshed on that day",
        ),
    },
) as dag:
    fresh = TableauViewUpdatedSensor(
        task_id="wait_for_extract", view="{{ params.wait_for }}", timeout=timedelta(hours=6).total_seconds()
    )
    pictures = TableauExportBatchOperator(task_id="pictures", views="{{ params.pictures | tojson }}")
    rows = TableauViewDataOperator(
        task_id="rows", view="{{ params.data_view or '' }}", enabled="{{ (params.data_view or '') != '' }}"
    )
    refresh = ConfluenceUpdatePageOperator(
        task_id="refresh",
        space="{{ params.space }}",
        title="{{ params.page }}",
        edits=[ReplaceTableRows(rows.output, table="{{ params.table }}", key="{{ params.key or '' }}")],
        files=pictures.output,
        message="Refreshed from Tableau",
        minor=True,
        trigger_rule="none_failed",  # without a table, the pictures are still refreshed
    )
    fresh >> [pictures, rows]
