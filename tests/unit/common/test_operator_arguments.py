"""No operator accepts an argument and drops it: another value for an argument changes what leaves the operator.

Each operator runs against the sandbox with its usual arguments, with another value for one of them, and with the usual ones
again. What it passes to the rest of the provider, returns or raises must differ. Arguments of page operators that write, and
of the wiki export, are compared with what their use cases receive in ``tests/unit/confluence/operators/test_arguments.py``.
"""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.member_definition import DEFINITION
from support.notice_board import TABLE, NoticeBoard
from support.operator_calls import Leaves, differences, observe
from support.provider_operators import OPERATORS
from support.slack_workspace import BEGIN, State, slack_workspace
from support.team_wiki import LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.identity.operators import SlackDirectorySnapshotOperator
from workplace_provider.identity.operators.memory import SYNC_STATE
from workplace_provider.notices.operators.notices import NOTICE_BOARDS, NoticeBoardOperator
from workplace_provider.slack.bot import BotCommand
from workplace_provider.slack.bot_access import FULL_MEMBER, Access, Person
from workplace_provider.slack.bot_people import WorkspacePeople
from workplace_provider.slack.client import reactions, split_message
from workplace_provider.slack.client.reactions import ReactedMessage
from workplace_sandbox import Sandbox
from workplace_sandbox.state.slack_ids import slack_id

USERS, DEVICES = "WeeklyKPI/WeeklyActiveUsers", "WeeklyKPI/UsersByDevice"
CHANNEL = "#weekly-report"
EVENTS = [
    {
        "type": "app_mention",
        "event_id": f"Ev{number}",
        "channel": "C1",
        "user": "U1",
        "text": text,
        "ts": f"17642916{number}.0001",
    }
    for number, text in ((1, "<@U0BOT> commits octocat"), (2, "<@U0BOT> sing"))
]
COMMITS = BotCommand("commits", "tells a streak", argument="NAME")

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
MISSING_MESSAGE = "1764291600.000100"
REACTIONS = [
    {"type": "reaction_removed", "channel": "C1", "ts": MISSING_MESSAGE, "user": "U01", "reaction": name}
    for name in ("eyes", "memo")
]
CLICK = {"event_id": "Ev1", "channel": "C1", "ts": MISSING_MESSAGE, "user": "U01", "user_team": "T1", "action_id": "a"}
REMEMBERED = {SYNC_STATE: State(), NOTICE_BOARDS: State()}
"""What the tasks of a first run have stored: the last directory, and the notices."""
ARTIFACTS: dict[str, Any] = {"output_conn_id": "nowhere", "output_path": "other"}
VIEW: dict[str, Any] = {
    "tableau_conn_id": "nowhere", "view": DEVICES, "workbook": "none", "project": "none", "filters": {"기기": "PC"},
    "file_name": "other", "max_age": 3, "on_empty": "skip", "custom_view": "other", "language": "ja", "enabled": False,
    **ARTIFACTS,
}  # fmt: skip
USUAL: dict[str, dict[str, Any]] = {
    "TableauCrosstabExcelOperator": {"view": USERS},
    "TableauViewDataOperator": {"view": USERS},
    "TableauViewImageOperator": {"view": USERS},
    "TableauViewPdfOperator": {"view": USERS},
    "TableauViewUpdatedSensor": {"view": USERS},
    "TableauDataSourceUpdatedSensor": {"datasource": "SalesSource"},
    "TableauFlowUpdatedSensor": {"flow": "주간 지표 정리"},
    "TableauPdfOperator": {"views": [USERS]},
    "TableauRefreshOperator": {"datasource": "SalesSource", "wait": False},
    "JiraSprintClosedSensor": {"board": "Analytics"},
    "TableauExportBatchOperator": {"views": [USERS, DEVICES], "formats": ["png"], "each": {"기기": ["PC", "모바일"]}},
    "JiraIssuesOperator": {"jql": "project = DATA ORDER BY key"},
    "GithubContributionsOperator": {"login": "octocat", "github_conn_id": "github_default"},
    "GithubBoardOperator": {"logins": ["octocat"], "github_conn_id": "github_default"},
    "NoticeBoardOperator": {"board": TABLE, "channel": CHANNEL},
    "ReviewOperator": {"subject": "Publish?"},
    "SlackPostOperator": {"channel": CHANNEL, "text": "주간 보고"},
    "SlackChannelReportOperator": {
        "channels": [CHANNEL],
        "oldest": "2020-01-01",
        "latest": "2099-01-01",
        "calls_per_minute": 600,
    },
    "SlackCommandOperator": {"events": EVENTS, "command": COMMITS},
    "SlackAnswersOperator": {"events": EVENTS, "commands": [COMMITS]},
    "SlackWorkflowWebhookOperator": {"page": {"url": "http://wiki/1", "title": "t"}, "slack_webhook_conn_id": "slack_test"},
    "SlackUserSyncOperator": {"target": "members.yaml"},
    "SlackDirectorySnapshotOperator": {},
    "SlackPeopleSnapshotOperator": {"people": [slack_id("U", "minsu")]},
    "SlackReactionsOperator": {"events": REACTIONS},
    "SlackReviewOperator": {
        "subject": "발행할까요?", "reviewers": ["jimin", "alex"], "channel": CHANNEL, "text": "*발행?*",
    },
    "SlackReviewAnswerOperator": {"click": CLICK, "people": {"U01": "jimin"}},
    "SlackScheduleOperator": {"channel": CHANNEL, "text": "주간 보고", "post_at": LATER},
    "SlackCancelScheduledOperator": {"scheduled": {"channel": "C1", "scheduled_message_id": "Q1"}},
    "ConfluencePageSensor": {"space": SPACE, "title": LAST_WEEK},
    "ConfluenceTableOperator": {"space": SPACE, "title": "목표", "table": "분기 목표"},
    "ConfluenceCommentOperator": {"space": SPACE, "title": LAST_WEEK, "text": "안녕하세요", "dry_run": True},
    "ConfluenceArchiveOperator": {
        "space": SPACE, "parent_title": "주간 보고", "series": THIS_WEEK, "keep": 0,
        "archive_parent_title": "목표", "dry_run": True,
    },
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    "TableauCrosstabExcelOperator": VIEW,
    "TableauViewDataOperator": {**VIEW, "byte_order_mark": True, "language": "ja"},
    "TableauViewImageOperator": {
        **VIEW, "height": 300, "width": 300, "high_resolution": False, "image_format": "svg", "language": "ja",
        "crop": [0, 0, 10, 10], "trim": True,
    },
    "TableauViewPdfOperator": {**VIEW, "height": 300, "width": 300, "orientation": "Landscape", "page_type": "A3"},
    "JiraSprintClosedSensor": {
        "jira_conn_id": "nowhere", "board": "none", "sprint": "Sprint 1", "since": "2026-01-01T00:00:00Z",
    },
    "TableauViewUpdatedSensor": {
        "tableau_conn_id": "nowhere", "view": DEVICES, "workbook": "none", "project": "none",
        "since": "2999-01-01T00:00:00Z",
    },
    "TableauDataSourceUpdatedSensor": {
        "tableau_conn_id": "nowhere", "datasource": "LiveOrders", "project": "none", "since": "2999-01-01T00:00:00Z",
    },
    "TableauFlowUpdatedSensor": {
        "tableau_conn_id": "nowhere", "flow": "none", "project": "none", "since": "2999-01-01T00:00:00Z",
    },
    "TableauRefreshOperator": {
        "tableau_conn_id": "nowhere", "workbook": "WeeklyKPI", "datasource": "LiveOrders", "project": "none",
        "incremental": True,
    },
    "TableauExportBatchOperator": {
        "tableau_conn_id": "nowhere", "views": [USERS], "formats": ["pdf"], "each": {"기기": ["PC"]},
        "filters": {"채널": "x"},
        "file_name": "{view}-other-{기기}", "concurrency": 1, "height": 300, "width": 300, "high_resolution": False,
        "language": "ja", "max_age": 3, "on_empty": "skip", "on_error": "skip", "on_identical": "fail",
        "orientation": "Landscape",
        "page_type": "A3", "crop": [0, 0, 10, 10], "trim": True, "sheets": True, "enabled": False, **ARTIFACTS,
    },
    "TableauPdfOperator": {
        "tableau_conn_id": "nowhere", "workbook": "WeeklyKPI", "views": [DEVICES], "project": "none",
        "filters": {"기기": "PC"}, "page_type": "A3", "orientation": "Landscape", "language": "ja",
        "max_age": 3, "on_empty": "skip", "file_name": "other", "enabled": False, **ARTIFACTS,
    },
    "JiraIssuesOperator": {
        "jira_conn_id": "nowhere", "jql": "key = {key}", "fields": ["key", "status"], "limit": 1, "values": {"x": "y"},
        "rich_text": "storage", "sprint": "2", "board": "other", "enabled": False,
    },
    "GithubContributionsOperator": {
        "github_conn_id": "nowhere", "login": "nobody", "today": "2026-01-01", "weeks": 3, "tz": "Asia/Seoul",
        "image": True, "since": "2026-11-10",
        "on_unknown": "skip", "enabled": False, **ARTIFACTS,
    },
    "GithubBoardOperator": {
        "github_conn_id": "nowhere", "logins": ["nobody"], "today": "2026-01-01", "since": "2026-11-10", "tz": "Asia/Seoul",
    },
    "NoticeBoardOperator": {
        "board": {**TABLE, "name": "other"}, "channel": "#random", "max_new": 1, "text": "other {title}",
        "http_conn_id": "nowhere",
        "slack_conn_id": "nowhere",
    },
    "ReviewOperator": {"reviewers": ["jimin"], "enabled": False, "only": ["jimin"]},
    "SlackPostOperator": {
        "slack_conn_id": "nowhere", "channel": "#random", "text": "other", "blocks": [{"type": "divider"}],
        "attachments": [{"text": "other"}], "attachment_style": "convert", "message": {"text": "other"},
        "files": ["/nowhere"],
        "content": "other", "content_name": "other.sql", "content_type": "sql",
        "rows": [["other"]], "row_limit": 1,
        "file_limit": 1, "thread_ts": "1764291600.000100", "reply_broadcast": True, "as_user": "other",
        "unfurl_links": True,
        "unfurl_media": False, "dedupe_key": "other", "key": "other", "sealed_response_url": "other",
        "username": "주간 봇", "icon": ":memo:", "visible_to": "@jimin", "row_style": "block",
        "dry_run": True, "enabled": False,
    },
    "SlackScheduleOperator": {
        "slack_conn_id": "nowhere", "channel": "#random", "text": "other", "post_at": LATER + timedelta(hours=1),
        "if_past": "fail", "blocks": [{"type": "divider"}],
        "attachments": [{"text": "other"}], "attachment_style": "convert",
        "rows": [["other"]], "row_limit": 1, "row_style": "block", "thread_ts": MISSING_MESSAGE, "reply_broadcast": True,
        "unfurl_links": True, "unfurl_media": False, "dry_run": True, "enabled": False,
    },
    "SlackCancelScheduledOperator": {
        "slack_conn_id": "nowhere", "scheduled": {"channel": "C1", "scheduled_message_id": "Q2"},
    },
    "SlackReactionsOperator": {
        "slack_conn_id": "nowhere", "events": REACTIONS[1:], "access": Access(members=["U01"]),
        "arguments": ["text", "user"],
    },
    "SlackReviewOperator": {
        "slack_conn_id": "nowhere", "channel": "#random", "text": "other", "labels": {"Approve": "승인"},
        "service_user": "other", "reviewers": ["jimin"], "only": ["jimin"], "enabled": False,
    },
    "SlackReviewAnswerOperator": {
        "slack_conn_id": "nowhere", "airflow_conn_id": "nowhere", "click": {**CLICK, "user": "U02"},
        "people": {"U01": "alex"}, "service_user": "other",
    },
    "SlackChannelReportOperator": {
        "slack_conn_id": "nowhere", "channels": ["#random"], "author": "jimin", "calls_per_minute": 7, "days": 2,
        "empty_text": "other",
        "file_name": "other", "files": True, "latest": "2026-01-02", "oldest": "2026-01-01", "limit": 1,
        "max_minutes": 3,
        "min_replies": 2, "reaction": "eyes", "replies_title": "other", "reply_lookback_days": 2, "text": "other",
        "timezone": "Asia/Tokyo", "enabled": False, **ARTIFACTS,
    },
    "SlackCommandOperator": {
        "slack_conn_id": "nowhere", "events": EVENTS[1:], "command": BotCommand("sing", "sings"),
        "arguments": {"login": "argument"},
    },
    "SlackAnswersOperator": {"slack_conn_id": "nowhere", "events": EVENTS[:1], "commands": [BotCommand("sing", "sings")]},
    "SlackWorkflowWebhookOperator": {
        "slack_webhook_conn_id": "nowhere", "page": {"url": "http://wiki/2"}, "payload": {"a": "b"}, "text": "other",
        "if_unsure": "send", "dry_run": True,
    },
    "SlackUserSyncOperator": {
        "slack_conn_id": "nowhere", "target": {**DEFINITION, "name": "other"}, "folder": "other", "mode": "apply",
        "directory": {},
        "plan": {}, "approval": {"chosen_options": ["Approve"]}, "leavers_only": True, "only": "jimin",
        "choose": ["none"],
        "conn_id": "other", "on_gate": "skip", "clear_quarantine": True, **ARTIFACTS,
    },
    "SlackDirectorySnapshotOperator": {
        "slack_conn_id": "nowhere", "team_id": "T9", "channels": [CHANNEL], "profile_fields": {"department": "부서"},
        "max_profile_reads": 3, **ARTIFACTS,
    },
    "SlackPeopleSnapshotOperator": {
        "slack_conn_id": "nowhere", "people": ["U0NOBODY"], "profile_fields": {"department": "부서"}, **ARTIFACTS,
    },
    "ConfluencePageSensor": {
        "confluence_conn_id": "nowhere", "space": "NONE", "title": "none", "page_id": "1", "status": "done",
        "heading": "none",
        "labels": "absent", "after_version": 9,
    },
    "ConfluenceTableOperator": {
        "confluence_conn_id": "nowhere", "space": "NONE", "title": "none", "page_id": "1", "table": "none",
    },
    "ConfluenceCommentOperator": {
        "confluence_conn_id": "nowhere", "space": "NONE", "title": "none", "page_id": "1", "text": "other",
        "body": "<p>other</p>", "dry_run": False,
    },
    "ConfluenceArchiveOperator": {
        "confluence_conn_id": "nowhere", "space": "NONE", "parent_title": "none", "parent_id": "1", "series": "%Y other",
        "keep": 1, "older_than_days": 1, "archive_parent_id": "1", "archive_parent_title": "none", "archive_label": "other",
        "max_pages": 7, "today": "2030-01-01", "dry_run": False,
    },
}  # fmt: skip
EMPTY: dict[str, Any] = {"view": "Checks/Empty"}
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    **{(operator, "on_empty"): EMPTY for operator in USUAL if operator.startswith("Tableau")},
    ("TableauExportBatchOperator", "on_empty"): {"views": ["Checks/Empty"], "each": None},
    ("TableauExportBatchOperator", "sheets"): {"views": ["WeeklyKPI/Overview"], "formats": ["csv"], "each": None},
    ("TableauPdfOperator", "on_empty"): {"views": ["Checks/Empty"]},
    ("TableauPdfOperator", "project"): {"views": None, "workbook": "WeeklyKPI"},
    ("JiraIssuesOperator", "board"): {"sprint": "active"},
    ("JiraIssuesOperator", "rich_text"): {
        "jira_conn_id": "jira_cloud",
        "jql": "description is not EMPTY",
        "fields": ["description"],
    },
    ("SlackPostOperator", "file_limit"): {"files": [__file__, str(Path(__file__).with_name("test_rows.py"))]},
    ("SlackPostOperator", "content_name"): {"content": "x"},
    ("SlackPostOperator", "content_type"): {"content": "x"},
    ("SlackPostOperator", "row_limit"): {"rows": [["one"], ["two"]]},
    ("SlackPostOperator", "row_style"): {"rows": [["one"], ["two"]]},
    ("SlackPostOperator", "attachment_style"): {"attachments": [{"text": "one"}]},
    ("SlackScheduleOperator", "if_past"): {"post_at": "2020-01-01T09:00:00+09:00"},
    ("SlackScheduleOperator", "attachment_style"): {"attachments": [{"text": "one"}]},
    ("SlackScheduleOperator", "reply_broadcast"): {"thread_ts": MISSING_MESSAGE},
    ("SlackScheduleOperator", "row_limit"): {"rows": [["one"], ["two"]]},
    ("SlackScheduleOperator", "row_style"): {"rows": [["one"], ["two"]]},
    ("SlackChannelReportOperator", "days"): {"oldest": None, "latest": None},
    ("SlackChannelReportOperator", "empty_text"): {"oldest": "2001-01-01", "latest": "2001-01-02"},
    ("GithubContributionsOperator", "output_conn_id"): {"image": True},
    ("GithubContributionsOperator", "output_path"): {"image": True},
    ("SlackUserSyncOperator", "on_gate"): {"target": "blocked.yaml"},
    ("ConfluenceArchiveOperator", "today"): {"keep": None, "older_than_days": 30},
}
"""What is given beside the other value of an argument, where that has an effect only together with others."""
NOT_OBSERVED: dict[str, str] = {
    "retry_policy": "handed on to Airflow by the base class",
    "poke_interval": "handed on to Airflow's sensor",
    "mode": "writes, so no run is like the one before; tests/unit/identity/test_sync_operator.py",
    "leavers_only": "takes effect when a plan is applied; tests/unit/identity/test_sync_operator.py",
    "on_identical": "takes effect when files are identical; tests/unit/tableau/test_operators.py",
    "sealed_response_url": "must be sealed with Airflow's key; tests/unit/slack/posting/test_operator.py",
    "response_type": "takes effect with a sealed response URL only; tests/unit/slack/posting/test_answers.py",
    "approval": "decides on the plan of another task; tests/unit/identity/test_sync_operator.py",
    "if_unsure": "takes effect after a lost response only; tests/unit/slack/operators/test_webhook.py",
    "clear_quarantine": "takes effect after a failed sync only; tests/unit/identity/test_sync_operator.py",
    "if_running": "takes effect while a refresh runs; tests/unit/tableau/test_refresh.py",
    "check_interval": "takes effect while a refresh runs; tests/unit/tableau/test_refresh.py",
    "wait": "takes effect while a refresh runs; tests/unit/tableau/test_refresh.py",
    "timeout": "takes effect when a job takes long; tests/unit/tableau/test_refresh.py",
    "archive_label": "takes effect when pages are archived; tests/unit/confluence/publishing/test_archive.py",
    "max_pages": "takes effect when too many pages are due; tests/unit/confluence/publishing/test_archive.py",
    "deferrable": "chooses between Airflow's two ways to wait; tests/unit/confluence/test_sensors.py",
}
COMPARED = {
    f"Confluence{name}Operator" for name in ("Attach", "CopyPage", "CreatePage", "Document", "Draft", "Export", "UpdatePage")
}
# Their arguments are the outputs of each other: tests/dags/test_report_operators.py varies each of them.
COMPARED |= {f"Report{name}Operator" for name in ("Announcement", "Check", "Compose", "Due", "File", "Publish")}
# Each runs the tasks of a report of a template page: tests/dags/test_page_reports.py.
COMPARED |= {f"{name}Operator" for name in ("AnnouncePageReport", "ComposePageReport", "FindPageReports", "PageReportGate")}
COMPARED |= {"PublishPageReportOperator"}
# Removes files, so no run is like the one before: tests/unit/reports/test_retention.py varies its arguments.
COMPARED |= {"ArtifactRetentionOperator"}


def arguments(operator: type[BaseOperator]) -> set[str]:
    """The arguments that the provider's own classes take."""
    ours = [
        kind for kind in operator.__mro__ if kind.__module__.startswith("workplace_provider.") and "__init__" in vars(kind)
    ]
    parameters = itertools.chain.from_iterable(inspect.signature(kind.__init__).parameters.values() for kind in ours)
    return {each.name for each in parameters if each.name != "self" and each.kind is not each.VAR_KEYWORD}


# TableauViewOperator is the base of the others.
OBSERVED = [operator for operator in OPERATORS if operator.__name__ not in COMPARED | {"TableauViewOperator"}]


@pytest.fixture
def place(sandbox: Sandbox, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, and connections to everything in the sandbox."""
    wiki = TeamWiki(sandbox)
    goals = "<h2>분기 목표</h2><table><tbody><tr><th>지표</th></tr><tr><td>WAU</td></tr></tbody></table>"
    sandbox.store.create_page(SPACE, "목표", goals, parent_id=wiki.parent, author="jimin")
    webhook = {"conn_type": "slackwebhook", "password": f"{sandbox.slack_api_url.rstrip('/')}/nowhere"}
    connections: dict[str, Any] = {
        **sandbox.airflow_connections(),
        "confluence_default": {"conn_type": "confluence", **wiki.connection},
        "jira_cloud": {
            "conn_type": "jira",
            "host": sandbox.cloud_url,
            "login": sandbox.cloud_email,
            "password": sandbox.cloud_token,
        },
        "slack_test": webhook,
        "notice_board": {"conn_type": "http", "host": sandbox.url},
        "airflow_api": {"conn_type": "http", "host": sandbox.url, "login": "slack-approvals", "password": "s3cret"},
        "pepper": {"conn_type": "generic", "password": "s3cret-p3pper"},
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    monkeypatch.chdir(tmp_path)  # files below the relative output_path of a call
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    monkeypatch.setattr(ApprovalOperator, "execute", review)
    sandbox.github.set_today(datetime(2026, 11, 28, tzinfo=UTC).date())
    sandbox.github.set_streak("octocat", 12, count=3)
    monkeypatch.setattr(WorkspacePeople, "person", lambda self, user, team: Person(user, FULL_MEMBER))
    monkeypatch.setattr(reactions, "fetch_reacted_message", lambda _, channel, ts: ReactedMessage(ts=ts, text=channel))
    board = NoticeBoard(sandbox)
    board.add("first")
    execute(NoticeBoardOperator, USUAL["NoticeBoardOperator"], REMEMBERED)
    board.add("second")
    (tmp_path / "members.yaml").write_text(yaml.safe_dump(DEFINITION), "utf-8")
    blocked = {**DEFINITION, "policy": {"max_create": 0, "rate": None}}  # a gate blocks its plan
    (tmp_path / "blocked.yaml").write_text(yaml.safe_dump(blocked), "utf-8")
    service = repository / "include/identity/services/member_service.yaml"
    (tmp_path / "member_service.yaml").write_text(service.read_text("utf-8"), "utf-8")
    sandbox.store.add_issue("DATA", "Kafka", description="lag")
    board = sandbox.store.add_board("Analytics", "DATA")
    for number, day in ((1, 18), (2, 20)):
        sprint = sandbox.store.add_sprint(board.id, f"Sprint {number}")
        sandbox.store.close_sprint(sprint.id, datetime(2026, 11, day, tzinfo=UTC))
    with slack_workspace(sandbox, monkeypatch) as workspace:
        execute(SlackDirectorySnapshotOperator, {"output_path": str(tmp_path / "first")}, REMEMBERED)
        sandbox.slack.add_person("minsu", "박민수")
        for number in range(2):
            first = workspace.poster.post(workspace.channel, split_message("주간 보고"), dedupe_key=f"{number}", since=BEGIN)
            reply = {"dedupe_key": f"a{number}", "since": BEGIN, "thread_ts": first.ts}
            workspace.poster.post(workspace.channel, split_message("답"), **reply)
        yield tmp_path


def review(task: ApprovalOperator, context: Any) -> Any:
    """Ask as Airflow does, without waiting for the answer."""
    for notifier in task.notifiers:
        notifier(context)
    return task.subject, task.assigned_users


def execute(operator: type[BaseOperator], given: dict[str, Any], states: dict[Any, State] | None = None) -> Any:
    """Execute a task; without states of assets, it has copies of those that the first runs stored."""
    context: dict[str, Any] = {
        "dag": SimpleNamespace(dag_id="d", timezone=UTC),
        "run_id": "r",
        "dag_run": SimpleNamespace(
            run_after=datetime(2026, 11, 19, tzinfo=UTC), start_date=datetime(2026, 11, 19, tzinfo=UTC)
        ),
        "ti": SimpleNamespace(map_index=-1, task_id="t", dag_id="d", run_id="r", try_number=1),
        "task_state_store": State(),
        "asset_state_store": states or {asset: State(stored) for asset, stored in REMEMBERED.items()},
        "outlet_events": OutletEventAccessors(),
        "data_interval_end": datetime(2026, 11, 19, tzinfo=UTC),
    }
    task = operator(task_id="t", **given)
    run = getattr(task, "poke", None) if operator.__name__.endswith("Sensor") else task.execute
    return run(context)


@pytest.mark.parametrize("operator", OBSERVED, ids=lambda operator: operator.__name__)
def test_another_value_changes_what_leaves_the_operator(operator: type[BaseOperator], place: Path) -> None:
    usual = dict(USUAL[operator.__name__])
    if "folder" in arguments(operator):
        usual["folder"] = str(place)
    dropped = []
    before: Leaves | None = None
    for argument in sorted(arguments(operator) - NOT_OBSERVED.keys()):
        value = OTHERS[operator.__name__][argument]
        beside = BESIDE.get((operator.__name__, argument), {})
        given = {**usual, **beside}
        # The usual run after one argument is that before the next.
        start = observe(lambda given=given: execute(operator, given)) if beside or before is None else before
        changed, after = (observe(lambda task=task: execute(operator, task)) for task in ({**given, argument: value}, given))
        if not differences(start, changed, after):
            dropped.append(f"{argument}={value!r}")
        before = None if beside else after
    assert not dropped, "these values change nothing"


def test_every_operator_is_covered() -> None:
    assert {operator.__name__ for operator in OPERATORS} - {"TableauViewOperator"} == COMPARED | USUAL.keys()
