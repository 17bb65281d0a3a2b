"""### Dashboard refresh: the pictures and the table of a page stay as fresh as the dashboards.

Every morning at seven, once Tableau has refreshed its extract of the day, the pictures of a page are exported again and take
the place of those of the same name, and a table is filled with the rows of a view. What people wrote stays, also in columns
of their own. When nothing changed, neither the page nor its pictures get a new version.

**Which day?** The day the run is for: the numbers are those that Tableau shows when the task runs, since a dashboard page
shows the present; a backfill makes no past pictures.

**By hand:** *Trigger*, and fill in the form. To keep another page fresh, copy this file, or trigger it with other params.
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
    description="The pictures and the table of a page stay as fresh as the dashboards they come from",
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
            description="Each a view and the name of the file on the page; also workbook, project, filters, width, height",
        ),
        "data_view": Param(
            "WeeklyKPI/RevenueByChannel",
            type=["null", "string"],
            title="View of the table",
            description="Leave empty for no table",
        ),
        "table": Param(
            "최근 주 채널별 매출", type="string", minLength=1, title="Table", description="Heading above the table"
        ),
        "key": Param(
            "주문 채널",
            type=["null", "string"],
            title="Key column",
            description="Identifies a row, so that columns of your own keep their text. Leave empty to replace all rows",
        ),
        "wait_for": Param(
            "WeeklyKPI/RevenueByChannel",
            type="string",
            minLength=1,
            title="Wait for",
            description="View whose extract must have been refreshed on the day",
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
        trigger_rule="none_failed",  # without a table, the pictures are refreshed all the same
    )
    fresh >> [pictures, rows]
