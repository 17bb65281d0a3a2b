"""### Wiki export: a space of Confluence as files, kept up to date.

Every Sunday night the pages of a space are exported: bodies, comments, labels, places, authors, and the files on them.
One file has a line of JSON for each page. A run reads only new and changed pages, but the export is always complete.
Another file lists the changes, deleted pages too. Slack gets a line about the changes, or none without changes.

**What is exported?** A space; or the pages below a page (*Root page*), or the results of a query (*CQL*), each in an
export of its own. Fill in one of the three.

**A killed run** is retried, and continues where it ended. An export is published only when it is complete.

**By hand:** *Trigger*, and fill in the form. *Mode: full* reads everything again, for pages that differ from the wiki:
rendered bodies change with the content that they show, not with the page.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.confluence.operators import ConfluenceExportOperator
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import SlackPostOperator

with DAG(
    dag_id="wiki_export",
    description="A space of Confluence as files, kept up to date",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 3 * * SUN", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["confluence", "slack", "export"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "space": Param(
            "ANALYTICS",
            type=["null", "string"],
            title="Space",
            description="Key of the space. Leave empty to use Root page or CQL instead",
        ),
        "root": Param(
            None,
            type=["null", "string"],
            title="Root page",
            description="Id of a page, for it and all pages below it. Leave empty to use Space or CQL instead",
        ),
        "cql": Param(
            None,
            type=["null", "string"],
            title="CQL",
            description="A CQL query for the pages. Leave empty to use Space or Root page instead",
        ),
        "bodies": Param(
            ["storage"],
            type="array",
            items={"type": "string", "enum": ["storage", "view"]},
            minItems=1,
            title="Bodies",
            description="storage is the stored format, view is HTML",
        ),
        "attachments": Param(
            "names",
            type="string",
            enum=["none", "names", "files"],
            title="Attachments",
            description="none, their names and other metadata, or the files as well",
        ),
        "mode": Param(
            "incremental",
            type="string",
            enum=["incremental", "full"],
            title="Mode",
            description="incremental reads only changes, full reads everything",
        ),
        "announce_in": Param(
            "#data-alarms",
            type=["null", "string"],
            title="Slack channel",
            description="Channel or person (@name, e-mail address, id) for a line about the changes. Leave empty for none",
        ),
    },
) as dag:
    export = ConfluenceExportOperator(
        task_id="export",
        space="{{ params.space or '' }}",
        root="{{ params.root or '' }}",
        cql="{{ params.cql or '' }}",
        bodies="{{ params.bodies | join(',') }}",
        attachments="{{ params.attachments }}",
        mode="{{ params.mode }}",
        outlets=[Asset("wiki_export")],
    )
    SlackPostOperator(
        task_id="tell",
        channel="{{ params.announce_in or '' }}",
        text=export.output["text"],
        enabled="{{ (params.announce_in or '') != '' and ti.xcom_pull('export', key='notable') }}",
    )
