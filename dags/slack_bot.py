"""### Slack bot: answers questions in Slack.

Mention the app, send it a direct message, or type a slash command:

* `@bot commits NAME`: how many days in a row NAME has contributed on GitHub, with a small calendar. Also `/commits NAME`.
* `@bot report`: creates this week's report, and answers with the link to its page.
* `@bot help`: lists the commands. Unknown commands get the same answer.

Each question is answered once, in its thread. After a downtime of Airflow, the bot reads the missed messages in the
channels of `CHANNELS` and answers them too.

**Your own command** is a `BotCommand` in `COMMANDS` below, with a small function for an immediate answer, or with tasks,
like those of *commits*. A command that triggers another DAG is like *report*. `docs/slack_bot.md` shows each kind.

**The app** needs Socket Mode and two connections (`docs/slack_events.md`). Contributions are read with the connection
`github_default` (`docs/contributions.md`). The param *Time zone* sets the time zone of the days.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetWatcher, Param, task_group

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.github.operators import GithubContributionsOperator
from workplace_provider.slack.bot import BotCommand
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import (
    SlackAnswersOperator,
    SlackCommandOperator,
    SlackEventsOperator,
    SlackPostOperator,
)
from workplace_provider.slack.triggers import SlackSocketModeTrigger

# Channels whose missed messages are read after a downtime. The bot must be a member. In other channels, it receives messages
# while Airflow is running.
CHANNELS = ["general", "data-분석"]
# The connection is part of the DAG and not a param: people who may only trigger a run must not choose a credential. None
# reads the public page of github.com.
GITHUB_CONN_ID = "github_default"
COMMITS = BotCommand("commits", "how many days in a row NAME has contributed on GitHub", argument="NAME", aliases=("커밋",))
REPORT = BotCommand("report", "makes this week's report and answers with its link", aliases=("보고",))
COMMANDS = [COMMITS, REPORT]
QUESTION = {
    "channel": "channel",
    "thread_ts": "thread_ts",
    "event_id": "event_id",
    "sealed_response_url": "sealed_response_url",
}

asked = Asset(
    "slack_bot_asked",
    watchers=[
        AssetWatcher(
            name="slack",
            trigger=SlackSocketModeTrigger(
                events=["app_mention", "message.im", "slash_commands"], backfill_channels=CHANNELS
            ),
        )
    ],
)

with DAG(
    dag_id="slack_bot",
    description="Answers questions to the app in Slack",
    doc_md=__doc__,
    schedule=[asked],
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=16,
    tags=["slack", "bot", "github"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "tz": Param("Asia/Seoul", type="string", minLength=1, title="Time zone", description="Time zone of people's days"),
    },
) as dag:
    events = SlackEventsOperator(task_id="events", asset=asked)

    @task_group(group_id="commits")
    def answer_commits(login: str, channel: str, thread_ts: str, event_id: str, sealed_response_url: str) -> None:
        """Post the streak in the thread of the question."""
        streak = GithubContributionsOperator(
            task_id="streak",
            login=login,
            tz="{{ params.tz }}",
            on_unknown="answer",
            image=True,
            github_conn_id=GITHUB_CONN_ID,
            execution_timeout=timedelta(minutes=10),
        )
        SlackPostOperator(
            task_id="answer",
            channel=channel,
            thread_ts=thread_ts,
            text="{% set it = ti.xcom_pull('commits.streak', map_indexes=ti.map_index) %}"
            "{{ it.text }}{% if it.calendar %}\n```{{ it.calendar }}```{% endif %}",
            files=streak.output["image"],
            dedupe_key=event_id,
            sealed_response_url=sealed_response_url,
        )

    @task_group(group_id="report")
    def answer_report(run_id: str, channel: str, thread_ts: str, event_id: str, sealed_response_url: str) -> None:
        """Create the report, and post its link in the thread of the question."""
        make = TriggerDagRunOperator(
            task_id="make",
            trigger_dag_id="weekly_report",
            trigger_run_id=run_id,
            logical_date=None,
            wait_for_completion=True,
            deferrable=True,
            poke_interval=3,
            skip_when_already_exists=True,
        )
        answer = SlackPostOperator(
            task_id="answer",
            channel=channel,
            thread_ts=thread_ts,
            text="{% set run = ti.xcom_pull('read_report', map_indexes=-1)[ti.map_index].run_id %}"
            "{% set page = ti.xcom_pull('copy_last_week', dag_id='weekly_report', run_id=run) %}"
            "{{ '*' ~ macros.workplace.slack_link(page.title, page.url) ~ '*' if page else "
            "'The report was not made. Its run in Airflow, `' ~ run ~ '`, says why.' }}",
            dedupe_key=event_id,
            sealed_response_url=sealed_response_url,
            trigger_rule="all_done",  # a failure is answered too
        )
        make >> answer

    answer_commits.expand_kwargs(
        SlackCommandOperator(
            task_id="read_commits", events=events.output, command=COMMITS, arguments={"login": "argument", **QUESTION}
        ).output
    )
    answer_report.expand_kwargs(
        SlackCommandOperator(
            task_id="read_report", events=events.output, command=REPORT, arguments={"run_id": "event_id", **QUESTION}
        ).output
    )
    # An answer may quote the question, which may contain Jinja. A mapped message is data and is not rendered.
    SlackPostOperator.partial(task_id="answer_others").expand(
        message=SlackAnswersOperator(task_id="read_others", events=events.output, commands=COMMANDS).output
    )
