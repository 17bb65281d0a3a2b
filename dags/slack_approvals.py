"""### Slack approvals: a click on a button in Slack answers a review.

A task with `SlackReviewOperator` asks its reviewers in a channel. This DAG turns their clicks into answers in Airflow:

* The click of a reviewer is their answer. The message then shows the person, the answer and the time.
* For other people, a message that only they see names the people who are assigned.
* The first answer counts; the next person sees who decided.

`PEOPLE` maps Slack ids (*Copy member ID* in a profile) to users of Airflow. Someone who can change it can answer for others,
so it is part of the DAG. `docs/slack_approvals.md` has the set-up: buttons of the app, and the connection `airflow_api`.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import SlackEventsOperator, SlackReviewAnswerOperator
from workplace_provider.slack.triggers import SlackSocketModeTrigger

# Slack id to user of Airflow. These ids are those of the sandbox.
PEOPLE = {"U0AQH9SEJOS": "jimin", "U0NJIQYXQE9": "alex"}

clicked = Asset(
    "slack_review_clicked",
    watchers=[
        AssetWatcher(
            name="slack",
            trigger=SlackSocketModeTrigger(events=["block_actions"], match={"action": "workplace_review"}),
        )
    ],
)

with DAG(
    dag_id="slack_approvals",
    description="Answers reviews for people who click a button in Slack",
    doc_md=__doc__,
    schedule=[clicked],
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=16,
    tags=["slack", "review"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
) as dag:
    # A reviewer may answer many reviews in a row; someone who plays with a button must not occupy the workers.
    clicks = SlackEventsOperator(task_id="clicks", asset=clicked, rate_limit=60)
    # A click is data and is not rendered.
    SlackReviewAnswerOperator.partial(task_id="answer", people=PEOPLE).expand(click=clicks.output)
