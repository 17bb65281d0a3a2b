"""Every DAG of the project on workers that share no disk: files, state and events travel over TCP only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.real_airflow import until
from support.running_cluster import RunningCluster
from workplace_sandbox.local.weeks import backfill_range, due, title_begins, week_of

pytestmark = [pytest.mark.cluster, pytest.mark.e2e]

REPORT, SCHEDULED = "weekly_report", "weekly_backfill"
DOCUMENT, ACCOUNTS, BOARDS, EXPORT = "analytics_doc", "identity_sync", "notice_watch", "wiki_export"
THIS_WEEK = week_of(datetime.now(UTC))


def test_three_weeks_by_backfill_and_one_by_trigger_make_one_page_and_message_each(cluster: RunningCluster) -> None:
    last = THIS_WEEK if due(THIS_WEEK) < datetime.now(UTC) else THIS_WEEK - timedelta(weeks=1)
    weeks = [last - timedelta(weeks=number) for number in (2, 1, 0)]
    begin, end = backfill_range(weeks[0], weeks[-1])
    command = ["backfill", "create", "--dag-id", SCHEDULED, "--from-date", begin, "--to-date", end, "--max-active-runs", "1"]
    status, output = cluster.cluster.command(command, 300)
    assert status == 0, output
    cluster.api.unpause(SCHEDULED)
    backfilled = [run["dag_run_id"] for run in cluster.api.runs(SCHEDULED)]
    assert len(backfilled) == 3
    cluster.wait(SCHEDULED, *backfilled)
    cluster.wait(REPORT, cluster.trigger(REPORT, {"report_date": str(last)}))
    for week in weeks:
        cluster.assert_one_report(week, messages=2 if week == last else 1)
    if cluster.cluster.is_isolated:  # otherwise, all nodes have the name of this machine
        assert set(cluster.nodes_of(SCHEDULED, *backfilled)) == {"worker1", "worker2"}


def test_a_document_is_reviewed_and_published_with_files_of_both_workers(cluster: RunningCluster) -> None:
    run_id = cluster.trigger(DOCUMENT, {"report_date": str(THIS_WEEK), "review": True, "reviewers": ["admin"]})
    (review,) = cluster.wait_for_question(DOCUMENT, run_id)
    title = f"{title_begins(THIS_WEEK)}주간 분석"
    assert not [page for page in cluster.sandbox.store.pages("ANALYTICS") if page.title == title]
    cluster.answer(DOCUMENT, run_id, review, "Approve")
    cluster.wait(DOCUMENT, run_id)
    cluster.assert_one_document(THIS_WEEK)
    if cluster.cluster.is_isolated:
        assert set(cluster.nodes_of(DOCUMENT, run_id)) == {"worker1", "worker2"}


def test_accounts_are_disabled_after_a_real_approval(cluster: RunningCluster) -> None:
    cluster.forget_state()
    gone = {"minsu", "jiho", "sora", "yuna"}
    for name in gone:
        cluster.sandbox.slack.deactivate(name)
    run_id = cluster.trigger(ACCOUNTS)
    (question,) = cluster.wait_for_question(ACCOUNTS, run_id)
    cluster.answer(ACCOUNTS, run_id, question, "Approve")
    cluster.wait(ACCOUNTS, run_id)
    accounts = cluster.sandbox.store.member_accounts()
    assert len({account.user_id for account in accounts}) == len(accounts)
    assert {account.user_id for account in accounts if account.enabled} & gone == set()
    again = cluster.trigger(ACCOUNTS)
    cluster.wait(ACCOUNTS, again)
    assert cluster.sandbox.store.member_accounts() == accounts


def test_the_bot_answers_each_question_once(cluster: RunningCluster) -> None:
    questions = [str(cluster.sandbox.slack.write("data-분석", "minsu", "@bot commits octocat").ts) for _ in range(2)]
    for question in questions:
        cluster.wait_for_answer(question)
    until(cluster.is_at_rest, "the runs to end")
    assert [len(cluster.answers(question)) for question in questions] == [1, 1]


def test_a_new_notice_is_posted_once(cluster: RunningCluster) -> None:
    cluster.forget_state()
    cluster.wait(BOARDS, cluster.trigger(BOARDS))
    cluster.sandbox.notices.add("연말 휴무 안내", author="R&D")
    for _ in range(2):
        cluster.wait(BOARDS, cluster.trigger(BOARDS))
    posted = [message.text for message in cluster.sandbox.messages("#general") if "연말 휴무 안내" in message.text]
    assert len(posted) == 1


def test_a_wiki_is_exported_to_s3_and_then_only_its_changes(cluster: RunningCluster) -> None:
    cluster.wait(EXPORT, cluster.trigger(EXPORT))
    pages = {page.id: page for page in cluster.sandbox.store.pages("ANALYTICS")}
    assert cluster.exported_pages() == {page.id: page.body for page in pages.values()}
    cluster.sandbox.wiki.grow("ANALYTICS", 1)
    cluster.wait(EXPORT, cluster.trigger(EXPORT))
    assert len(cluster.exported_pages()) == len(pages) + 1
    said = [message.text for message in cluster.sandbox.messages("#data-alarms")]
    assert said[-1].startswith(f"the space ANALYTICS: {len(pages) + 1} pages, 1 new, "), said


def test_a_dashboard_page_gets_a_new_version_only_for_new_figures(cluster: RunningCluster) -> None:
    def versions() -> dict[str, Any]:
        (page,) = [page for page in cluster.sandbox.store.pages("ANALYTICS") if page.title == "대시보드 목록"]
        files = {file.filename: file.version for file in cluster.sandbox.store.attachments(page.id)}
        return {"page": page.version, **files}

    before = versions()
    for _ in range(2):
        cluster.wait("dashboard_refresh", cluster.trigger("dashboard_refresh"))
    after = versions()
    assert after["dashboard preview.png"] == before["dashboard preview.png"] + 1
    assert after["page"] == before["page"] + 1
