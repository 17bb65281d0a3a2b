"""### Analytics document: collect, compose, review, publish.

Every Thursday at ten a new page shows the numbers of the week: the key figures (*SQL*), a picture of the dashboard for
each device and the revenue by channel (*Tableau*), the conversations in Slack with their threads, and the issues of the
week from *Jira*. The page is created from a template page (*분석 문서 템플릿*), which the team designs in Confluence.

**Which days?** The seven days before the report day: from the Thursday before up to and including Wednesday. The report
day is the Thursday on or before the run date: the scheduled day, the day of a backfill, or the day you enter. The page
shows which days it covers.

**Running it again** refreshes only the tables, the pictures and the conversations: what you wrote (*인사이트*), moved or
added stays, also a column of your own in a table. A part that you deleted is not created again; the log names it.

**Review.** With *Review* on, the run waits for an approval. The reviewer sees the difference and a draft page.

**When a source fails**, nothing is published and the alarm names the source; with *placeholder* the rest is published,
with a note at the top of the page.

**By hand:** *Trigger*, and fill in the form. **Past weeks:** *Trigger → Backfill*, in any order.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, TaskGroup

from workplace_provider.common import Rows, WorkplaceRetryPolicy
from workplace_provider.common.report_date import WEEKDAYS
from workplace_provider.confluence.operators import ConfluenceDocumentOperator, ConfluenceDraftOperator
from workplace_provider.confluence.pages.edits import FillText, ReplaceSection, ReplaceTableRows, ShowImages
from workplace_provider.jira.operators import JiraIssuesOperator
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import SlackChannelReportOperator, SlackPostOperator, SlackReviewOperator
from workplace_provider.tableau.operators import TableauExportBatchOperator, TableauViewDataOperator

# User names of Airflow who may approve a document. When the list is empty, everyone whom Airflow's permissions allow may
# approve.
REVIEWERS: list[str] = []
# A channel such as "#reviews", in which reviewers also approve with a button (docs/slack_approvals.md).
REVIEW_CHANNEL = ""
# Connections that a run may choose from: the form offers no other credential.
SQL_CONNECTIONS = ["warehouse"]
KPI_COLUMNS = ["지표", "지난주", "이번 주", "목표"]
CHANNEL_COLUMNS = ["주문 채널", "지난주 매출(억원)", "이번 주 매출(억원)", "증감"]
ISSUE_COLUMNS = {"key": "이슈", "summary": "제목", "status": "상태", "assignee": "담당", "duedate": "기한"}
FIRST_DAY = "{{ macros.workplace.report_date(weeks=-1) }}"
LAST_DAY = "{{ macros.workplace.report_date() - macros.timedelta(days=1) }}"
REPORT_DAY = "{{ macros.workplace.report_date() }}"
DAY_OF_VIEW = {"Parameters.기준일": REPORT_DAY}
JQL = (
    "project = ANL AND created < {report_day} AND (resolved IS EMPTY OR resolved >= {first_day}) "
    "ORDER BY status DESC, due ASC, key ASC"
)

with DAG(
    dag_id="analytics_doc",
    description="The week's numbers, dashboards, conversations and issues on one page, reviewed and announced",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 10 * * THU", timezone="Asia/Seoul"),
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
    catchup=False,
    max_active_runs=1,
    tags=["confluence", "tableau", "jira", "slack", "sql", "document"],
    template_searchpath=str(Path(__file__).parent.parent / "include" / "sql"),
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
            "분석 문서",
            type="string",
            minLength=1,
            title="Parent page",
            description="Title of the page under which documents are created",
        ),
        "template": Param(
            "분석 문서 템플릿",
            type="string",
            minLength=1,
            title="Template",
            description="Title of the page that new documents are copied from",
        ),
        "title": Param(
            "%Y%m%d_주간 분석",
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
        "views": Param(
            ["WeeklyKPI/WeeklyActiveUsers"],
            type="array",
            minItems=1,
            items={"type": ["string", "object"]},
            title="Dashboard views",
            description="One view per line: its URL, or Workbook/Sheet. In JSON, also objects with view, format and filters",
            section="Tableau",
        ),
        "each": Param(
            {"기기": ["PC", "모바일", "태블릿"]},
            type=["null", "object"],
            title="One picture for each",
            description="A field of the view and its values, one picture each. Leave empty to use one picture per view",
            section="Tableau",
        ),
        "filters": Param(
            {},
            type=["null", "object"],
            title="Filters",
            description="Fields of the view, each with the value to show",
            section="Tableau",
        ),
        "data_view": Param(
            "WeeklyKPI/RevenueByChannel",
            type="string",
            minLength=1,
            title="View of the channel table",
            section="Tableau",
        ),
        "sql_conn_id": Param(
            SQL_CONNECTIONS[0], type="string", enum=SQL_CONNECTIONS, title="SQL connection", section="Other sources"
        ),
        "sql_file": Param(
            "weekly_kpis.sql",
            type="string",
            pattern=r"^[\w-]+\.sql$",
            title="SQL file",
            description="Name of a file in include/sql; its query returns 지표, 지난주, 이번 주, 목표",
            section="Other sources",
        ),
        "channels": Param(
            ["data-분석"],
            type=["null", "array"],
            items={"type": "string"},
            title="Slack channels",
            description="Channels whose conversations are shown, one per line. Leave empty to show none",
            section="Other sources",
        ),
        "jql": Param(
            JQL,
            type=["null", "string"],
            title="Jira query",
            description="JQL; {first_day} and {report_day} are the first and the report day. Leave empty to show no issues",
            section="Other sources",
        ),
        "on_source_error": Param(
            "fail",
            type="string",
            enum=["fail", "placeholder"],
            title="When a source fails",
            description="fail publishes nothing; placeholder publishes the rest with a note",
        ),
        "review": Param(False, type="boolean", title="Review", description="Wait for an approval before publishing"),
        "reviewers": Param(
            [],
            type=["null", "array"],
            items={"type": "string"},
            title="Reviewers",
            description="User names in Airflow, one per line. Leave empty to ask everyone who may approve",
        ),
        "announce_in": Param(
            "weekly-report",
            type=["null", "string"],
            title="Announce in",
            description="Slack channel or person (@name, e-mail address, id) for the link. Leave empty for no message",
        ),
    },
) as dag:
    with TaskGroup("collect"):
        images = TableauExportBatchOperator(
            task_id="images",
            views="{{ params.views | tojson }}",
            each="{{ (params.each or {}) | tojson }}",
            filters="{{ dict(params.filters or {}, **{'Parameters.기준일': macros.workplace.report_date() | string})"
            " | tojson }}",
        )
        channels = TableauViewDataOperator(task_id="channels", view="{{ params.data_view }}", filters=DAY_OF_VIEW)
        kpis = SQLExecuteQueryOperator(
            task_id="kpis", conn_id="{{ params.sql_conn_id }}", sql="{% include params.sql_file %}"
        )
        slack = SlackChannelReportOperator(
            task_id="slack",
            channels="{{ (params.channels or []) | join(',') }}",
            enabled="{{ (params.channels or []) | join != '' }}",
            replies_title="답글 {count}개",
            empty_text="이번 주에는 대화가 없습니다.",
            files="download",
        )
        issues = JiraIssuesOperator(
            task_id="issues",
            jql="{{ params.jql or '' }}",
            values={"first_day": FIRST_DAY, "report_day": REPORT_DAY},
            fields=ISSUE_COLUMNS,
            enabled="{{ (params.jql or '') != '' }}",
        )

    document = {
        "space": "{{ params.space }}",
        "title": "{{ macros.workplace.report_title(params.title) }}",
        "parent_title": "{{ params.parent }}",
        "template_title": "{{ params.template }}",
        "once": [FillText({"first_day": FIRST_DAY, "last_day": LAST_DAY})],
        "labels": "weekly-analysis",
        "properties": {"content-appearance-published": "full-width", "content-appearance-draft": "full-width"},
        "source_note": "이번 갱신에서 읽지 못한 자료: {sources}. 해당 부분은 이전 내용 그대로입니다.",
    }
    compose = ConfluenceDraftOperator(
        task_id="compose",
        places=[
            ReplaceTableRows(
                Rows(kpis.output, columns=KPI_COLUMNS),
                table=KPI_COLUMNS,
                key="지표",
                formats=dict.fromkeys(KPI_COLUMNS[1:], ",.7g"),
            ),
            ShowImages("2. 기기별 추이", images.output, width=300),
            ReplaceTableRows(channels.output, table=CHANNEL_COLUMNS, key="주문 채널"),
            ReplaceSection("5. 슬랙 대화", slack.output["storage"]),
            ReplaceTableRows(issues.output, table=list(ISSUE_COLUMNS.values()), key="이슈", limit=50, more="그 밖에 {n}건"),
        ],
        files=[images.output, slack.output["images"]],
        on_source_error="{{ params.on_source_error }}",
        draft="{{ params.review }}",
        draft_title="[검토] {title}",
        **document,
    )
    review = SlackReviewOperator(
        task_id="review",
        subject="Publish “{{ macros.workplace.report_title(params.title) }}”?",
        body="""[The draft]({{ ti.xcom_pull("compose")["url"] }})

{{ macros.workplace.markdown_code(ti.xcom_pull("compose")["diff"] or "No changes.", "diff") }}""",
        reviewers=REVIEWERS,
        only="{{ (params.reviewers or []) | join(',') }}",
        channel=REVIEW_CHANNEL,
        enabled="{{ params.review }}",
    )
    publish = ConfluenceDocumentOperator(
        task_id="publish",
        composed=compose.output["document"],
        draft_id="{{ ti.xcom_pull('compose')['id'] if params.review else '' }}",
        message="Refreshed by Airflow",
        trigger_rule="none_failed",
        outlets=[Asset("analytics_doc")],
        **document,
    )
    notify = SlackPostOperator(
        task_id="notify",
        channel="{{ params.announce_in or '' }}",
        enabled="{{ (params.announce_in or '') != '' }}",
        # A page's title and the cells of a database are text, never markup: '<!channel>' in a row would notify the
        # channel.
        text="""*{{ macros.workplace.slack_link(ti.xcom_pull("publish")["title"], ti.xcom_pull("publish")["url"]) }}*
{% for name, before, now, target in ti.xcom_pull("collect.kpis") or [] -%}
• {{ macros.workplace.slack_text(name) }}: *{{ "{:,.7g}".format(now) }}* (지난주 {{ "{:,.7g}".format(before) }})
{% endfor %}""",
        files=compose.output["document"],
        file_limit=1,
    )
    compose >> review >> publish >> notify
