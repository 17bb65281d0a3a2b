"""### Notice watch: tell when a notice board has a new notice.

Every half hour each board of `include/notices/` is looked at, and every new notice is posted in the board's Slack channel:
once, oldest first. A board is a file there (a feed, or a page with a list); `docs/notices.md` tells how to add one.

**The first look** at a board posts nothing: what is there is taken for known (or all but the newest `max_initial`).

**When a board looks odd** (nothing on it, a notice without a title or an address, more new ones than `max_new`), nothing is
posted or remembered, and the alarm says what was looked for. A file that cannot be used fails for itself; the other
boards are watched all the same.

**By hand:** *Trigger*. When many new notices are right, give the number as *Most new notices*.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.notices.operators import NoticeBoardOperator, board_files
from workplace_provider.notices.operators.notices import NOTICE_BOARDS
from workplace_provider.slack.notifications import SlackAlarmNotifier

FOLDER = str(Path(__file__).parent.parent / "include" / "notices")

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
            "general", type="string", minLength=1, title="Channel", description="For boards that name none of their own"
        ),
        "max_new": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Most new notices",
            description="More than that are taken for a changed layout. Leave empty for the limit of each board",
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
