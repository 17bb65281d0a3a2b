"""### Notice watch: posts new notices of notice boards to Slack.

Every half hour each board in `include/notices/` is polled, and each new notice is posted to the board's Slack channel once,
oldest first. A board is a YAML file that describes a feed, or a page with a list; `docs/notices.md` shows how to add one.

**The first poll** of a board posts nothing: its notices count as known, except the newest `max_initial`.

**If a board looks wrong** (no notices, most of them without a title or URL, or more new ones than `max_new`), nothing is
posted or remembered, and the alarm names the expected content. An invalid file fails only its own task; the other boards are
polled.

**By hand:** *Trigger*. If many new notices are correct, enter their number as *Most new notices*.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.notices.operators import NoticeBoardOperator, board_files
from workplace_provider.notices.operators.notices import NOTICE_BOARDS
from workplace_provider.slack.notifications import SlackAlarmNotifier

# Relative to this file, and so valid on every worker.
FOLDER = "../include/notices"

with DAG(
    dag_id="notice_watch",
    description="New notices of notice boards and feeds go to Slack, each once",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["slack", "notices"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
        "execution_timeout": timedelta(minutes=15),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "channel": Param(
            "general",
            type="string",
            minLength=1,
            title="Channel",
            description="Channel for boards without their own, or a person: @name, e-mail address or id",
        ),
        "max_new": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Most new notices",
            description="With more new notices, a board fails, since its layout seems to have changed. "
            "Leave empty to use each board's own limit",
        ),
    },
) as dag:
    NoticeBoardOperator.partial(
        task_id="watch",
        channel="{{ params.channel }}",
        max_new="{{ params.max_new or '' }}",
        inlets=[NOTICE_BOARDS],
        map_index_template="{{ task.board_name }}",
    ).expand(board=task(task_id="boards")(board_files)(FOLDER))
