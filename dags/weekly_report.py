"""### Weekly report: create this week's page from last week's.

Every Thursday morning the report page of last week is copied to this week's: same place, new title, same content, updated
to the new week: dates move on by a week, finished tasks are removed and open ones stay, the report is a draft again
(*작성 중*), and the table of issues (이슈, 제목, 상태, 담당, 기한) shows the week's issues from Jira. A page without such
a table or status is copied as well. The graph (*3. 추이*) is exported from Tableau for the report day and replaces last
week's. Then the link is posted to Slack.

**Which week?** The Thursday (or the weekday you choose) on or before the run date: the scheduled day, the day of a
backfill, or the day you enter. Running it again for the same week creates no second page; the run returns the existing
page.

**Jira.** The query has placeholders for the week: `{first_day}` is the day of the previous report, `{report_day}` that of
this report. Switch *Jira* off to copy the table unchanged.

**Tableau.** The graph's view has a parameter for the day (`기준일`), so that a past week shows its own numbers. Switch
*Graph* off to keep last week's picture.

**By hand:** *Trigger*, and fill in the form. **Past weeks:** *Trigger → Backfill*, in any order: each week copies the
week before it, or the latest page before it when that one is missing.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.common.report_date import WEEKDAYS
from workplace_provider.confluence.operators import ConfluenceAttachOperator, ConfluenceCopyPageOperator
from workplace_provider.confluence.pages.edits import CarryOverTasks, ReplaceTableRows, SetImage, SetStatus, ShiftDates
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import SlackWorkflowWebhookOperator
from workplace_provider.tableau.operators import TableauViewImageOperator

ISSUE_COLUMNS = {"key": "이슈", "summary": "제목", "status": "상태", "assignee": "담당", "duedate": "기한"}
# The days in these sections are deadlines, not the report's week.
ISSUE_SECTIONS = ("7. 업무 현황", "업무 현황")
GRAPH = "주간활성사용자.png"
JQL = (
    "project = ANL AND created < {report_day} AND (resolved IS EMPTY OR resolved >= {first_day}) "
    "ORDER BY status DESC, due ASC, key ASC"
)

with DAG(
    dag_id="weekly_report",
    description="Create this week's report page from last week's, and post its link to Slack",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 9 * * THU", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["confluence", "jira", "tableau", "slack", "report"],
    default_args={
        "owner": "analytics",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
        "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
    },
    params={
        "space": Param("ANALYTICS", type="string", minLength=1, title="Space", description="Key of the Confluence space"),
        "parent": Param(
            "주간 보고",
            type="string",
            minLength=1,
            title="Parent page",
            description="Title of the page under which reports are created",
        ),
        "title": Param(
            "%Y%m%d_데이터분석팀 주간 보고",
            type="string",
            pattern="%",
            maxLength=255,
            title="Title pattern",
            description="Title with the day: %Y%m%d, or %-m월 %-d일; %G-W%V is the ISO week",
        ),
        "weekday": Param("thursday", type="string", enum=list(WEEKDAYS), title="Weekday of the report"),
        "report_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Report date",
            description="Any day of the week to report on. Leave empty to use the week of the run date",
        ),
        "if_source_missing": Param(
            "latest_child",
            type="string",
            enum=["latest_child", "fail", "skip"],
            title="No page of the week before",
            description="When last week has no page: copy the latest report before it, fail, or skip the week",
        ),
        "jira": Param(True, type="boolean", title="Jira", description="Fill the table of issues from Jira"),
        "jql": Param(
            JQL,
            type="string",
            minLength=1,
            title="Jira query",
            description="JQL; {first_day} is the day of the previous report, {report_day} that of this report",
        ),
        "graph": Param(True, type="boolean", title="Graph", description="Export the graph from Tableau"),
        "graph_view": Param(
            "주간 지표/주간활성사용자",
            type="string",
            minLength=1,
            title="View of the graph",
            description="URL of the view, or Workbook/Sheet",
        ),
        "graph_project": Param(
            "데이터분석팀",
            type=["null", "string"],
            title="Project of the graph",
            description="Project of the workbook, if several workbooks have that name. Leave empty to use any project",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Log the changes without writing them"),
    },
) as dag:
    issues = JiraIssuesOperator(
        task_id="read_issues",
        jql="{{ params.jql }}",
        values={
            "first_day": "{{ macros.workplace.report_date(weeks=-1) }}",
            "report_day": "{{ macros.workplace.report_date() }}",
        },
        fields=ISSUE_COLUMNS,
        enabled="{{ params.jira }}",
    )
    graph = TableauViewImageOperator(
        task_id="export_graph",
        view="{{ params.graph_view }}",
        project="{{ params.graph_project or '' }}",
        filters={"Parameters.기준일": "{{ macros.workplace.report_date() }}"},
        file_name=GRAPH,
        enabled="{{ params.graph }}",
    )
    copy = ConfluenceCopyPageOperator(
        task_id="copy_last_week",
        space="{{ params.space }}",
        parent_title="{{ params.parent }}",
        source_title="{{ macros.workplace.report_title(params.title, weeks=-1) }}",
        title="{{ macros.workplace.report_title(params.title) }}",
        if_source_missing="{{ params.if_source_missing }}",
        edits=[
            ShiftDates(days="titles", tasks=False, leave=ISSUE_SECTIONS),
            CarryOverTasks(),
            SetStatus("작성 중", "Yellow", match="발행", if_missing="skip"),
            ReplaceTableRows(
                rows=issues.output,
                table=list(ISSUE_COLUMNS.values()),
                key=ISSUE_COLUMNS["key"],
                limit=50,
                more="그 밖에 {n}건",
                if_missing="skip",
            ),
            SetImage(GRAPH, replaces=GRAPH, heading="3. 추이", insert=True, if_missing="skip"),
        ],
        trigger_rule="none_failed",  # without Jira or the graph, the report is still created
        dry_run="{{ params.dry_run }}",
        outlets=[Asset("weekly_report")],
    )
    announce = SlackWorkflowWebhookOperator(
        task_id="announce",
        page=copy.output,
        dry_run="{{ params.dry_run }}",
        slack_webhook_conn_id="slack_report",
        trigger_rule="none_failed_min_one_success",  # the graph may be switched off, but not the page
    )
    attach = ConfluenceAttachOperator(
        task_id="attach_graph",
        page_id=copy.output["id"],
        files=graph.output,
        comment="Tableau",
        dry_run="{{ params.dry_run }}",
    )
    graph >> copy
    attach >> announce
