from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Page

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

SPACE = "ANALYTICS"
GRAPH = "주간활성사용자.png"
NOV_05, NOV_12, NOV_19 = (datetime(2026, 11, day, 0, 0, tzinfo=UTC) for day in (5, 12, 19))  # Thursdays, 09:00 in Seoul


@pytest.fixture
def dag(repository: Path) -> Any:
    """The DAG as in its file, with retries that follow at once."""
    dag = project_dag(repository, "weekly_report")
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def title(day: str) -> str:
    return f"{day}_데이터분석팀 주간 보고"


def run(dag: Any, logical_date: datetime | None = None, **params: Any) -> DagRun:
    """One run; without a logical date it is like a manual or asset-triggered one."""
    run_after = logical_date or datetime(2026, 11, 22, 3, tzinfo=UTC)
    return dag.test(logical_date=logical_date, run_after=run_after, run_conf=params or None)


def reports(sandbox: Sandbox) -> dict[str, Page]:
    return {
        page.title: page for page in sandbox.store.pages(SPACE) if page.title.endswith("주간 보고") and page.title[0] == "2"
    }


def issue_table(body: str) -> str:
    return body.partition("<h2>7. 업무 현황</h2>")[2].partition("</table>")[0]


def links(sandbox: Sandbox) -> list[str]:
    return [message.payload["report_link"] for message in sandbox.messages("#weekly-report")]


def test_a_scheduled_run_makes_this_weeks_page_of_last_weeks_and_announces_it(sandbox: Sandbox, dag: Any) -> None:
    assert run(dag, NOV_05).state == DagRunState.SUCCESS
    pages = reports(sandbox)
    made, source = pages[title("20261105")], pages[title("20261029")]
    assert made.parent_id == source.parent_id
    assert made.version == 1, "the edits are in the write that makes the page"
    assert [each.filename for each in sandbox.store.attachments(made.id)] == [
        each.filename for each in sandbox.store.attachments(source.id)
    ]
    assert links(sandbox) == [f"{sandbox.confluence_url}/pages/viewpage.action?pageId={made.id}"]


def test_the_page_is_rolled_over_to_the_new_week(sandbox: Sandbox, dag: Any) -> None:
    run(dag, NOV_05)
    pages = reports(sandbox)
    made, source = pages[title("20261105")].body, pages[title("20261029")].body
    assert "inline-comment-marker" in source
    assert "inline-comment-marker" not in made
    period = '<time datetime="{}" /> ~ <time datetime="{}" />'
    assert period.format("2026-10-22", "2026-10-28") in source
    assert period.format("2026-10-29", "2026-11-04") in made
    assert (source.count("<ac:task>"), source.count("<ac:task-status>complete<")) == (4, 2)
    assert (made.count("<ac:task>"), made.count("<ac:task-status>complete<")) == (2, 0)
    assert '<ac:parameter ac:name="title">발행</ac:parameter><ac:parameter ac:name="colour">Green<' in source
    assert '<ac:parameter ac:name="title">작성 중</ac:parameter><ac:parameter ac:name="colour">Yellow<' in made
    # Everything else is as it was, to the byte.
    first, last = "<h2>1. 이번 주 요약</h2>", "<h2>5. 할 일</h2>"
    kept = [body.partition(first)[2].partition(last)[0] for body in (source, made)]
    assert kept[1] == re.sub(r"</?ac:inline-comment-marker[^>]*>", "", kept[0])


def test_the_table_has_the_issues_of_the_week_and_their_links_open(sandbox: Sandbox, dag: Any) -> None:
    shown = {}
    for moment in (NOV_05, NOV_12):
        run(dag, moment)
        table = issue_table(reports(sandbox)[title(f"{moment:%Y%m%d}")].body)
        shown[moment] = re.findall(r'href="([^"]+)">(ANL-\d+)</a>', table)
        for link, key in shown[moment]:
            assert link == f"{sandbox.jira_url}/browse/{key}"
            issue = sandbox.store.issue(key)
            assert issue is not None
            assert issue.created < moment
            assert issue.resolved is None or issue.resolved >= moment - timedelta(days=7, hours=9)
            assert escape(issue.summary, quote=False) in table
            assert f'<ac:parameter ac:name="title">{issue.status}</ac:parameter>' in table
            assert issue.due is None or f'<time datetime="{issue.due}" />' in table
        assert requests.get(shown[moment][0][0], timeout=5).status_code == 200
        assert "jira.example.com" not in table
        assert table.count("<th>") == 5
    assert len(shown[NOV_05]) > 5
    assert shown[NOV_05] != shown[NOV_12]


def graph(sandbox: Sandbox, page: Page) -> tuple[int, bytes]:
    """Version and content of the page's graph."""
    (found,) = [each for each in sandbox.store.attachments(page.id) if each.filename == GRAPH]
    return found.version, found.path.read_bytes()


def test_three_weeks_have_three_graphs_and_each_shows_its_own_week(sandbox: Sandbox, dag: Any) -> None:
    for moment in (NOV_05, NOV_12, NOV_19):
        assert run(dag, moment).state == DagRunState.SUCCESS
    pages = [reports(sandbox)[title(day)] for day in ("20261105", "20261112", "20261119")]
    graphs = [graph(sandbox, page) for page in pages]
    assert len({content for _, content in graphs}) == 3
    assert [version for version, _ in graphs] == [2, 2, 2], "last week's was copied with the page, then replaced"
    for page in pages:
        assert page.body.count(f'ri:filename="{GRAPH}"') == 1
    asked = [parse_qs(each.query)["vf_Parameters.기준일"] for each in sandbox.requests("/image$")]
    assert asked == [["2026-11-05"], ["2026-11-12"], ["2026-11-19"]]


def test_a_second_run_attaches_no_second_version_of_the_same_graph(sandbox: Sandbox, dag: Any) -> None:
    run(dag, NOV_19)
    first = graph(sandbox, reports(sandbox)[title("20261119")])
    run(dag, report_date="2026-11-19")
    assert graph(sandbox, reports(sandbox)[title("20261119")]) == first


def test_the_graph_can_be_turned_off_and_last_weeks_picture_stays(sandbox: Sandbox, dag: Any) -> None:
    source = graph(sandbox, reports(sandbox)[title("20261029")])
    drun = run(dag, NOV_05, graph=False)
    assert drun.state == DagRunState.SUCCESS
    states = {ti.task_id: ti.state for ti in drun.get_task_instances()}
    assert (states["export_graph"], states["attach_graph"], states["announce"]) == ("skipped", "skipped", "success")
    assert graph(sandbox, reports(sandbox)[title("20261105")]) == source
    assert sandbox.requests("^/tableau/") == []


def test_a_page_without_the_picture_gets_one_in_its_section(sandbox: Sandbox, dag: Any) -> None:
    body = "<h2>요약</h2><p>x</p><h2>3. 추이</h2><p>글</p><h2>4. 인사이트</h2>"
    sandbox.store.update_page(reports(sandbox)[title("20261029")].id, body=body, author="jimin")
    assert run(dag, NOV_05).state == DagRunState.SUCCESS
    page = reports(sandbox)[title("20261105")]
    section = page.body.partition("<h2>3. 추이</h2>")[2].partition("<h2>4. 인사이트</h2>")[0]
    assert f'<ri:attachment ri:filename="{GRAPH}"' in section


def test_when_tableau_fails_no_page_is_made(sandbox: Sandbox, dag: Any) -> None:
    sandbox.add_fault(Fault("/tableau/.*/image$", "html", times=None))
    drun = run(dag, NOV_19)
    assert drun.state == DagRunState.FAILED
    assert title("20261119") not in reports(sandbox)
    (alarm,) = sandbox.messages("#data-alarms")
    assert "export_graph" in alarm.text
    assert "HTML page" in alarm.text


def test_the_table_has_the_issues_of_jira_cloud_with_the_params_as_they_are(
    sandbox: Sandbox, dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"host": sandbox.cloud_url, "login": sandbox.cloud_email, "password": sandbox.cloud_token}
    run(dag, NOV_05)
    on_data_center = issue_table(reports(sandbox)[title("20261105")].body)
    page_id = reports(sandbox)[title("20261105")].id
    sandbox.store.trash_page(page_id)
    sandbox.store.purge_page(page_id)
    monkeypatch.setenv("AIRFLOW_CONN_JIRA_DEFAULT", json.dumps({"conn_type": "jira", **connection}))
    assert run(dag, NOV_05 + timedelta(minutes=1)).state == DagRunState.SUCCESS
    on_cloud = issue_table(reports(sandbox)[title("20261105")].body)
    assert f'href="{sandbox.cloud_url}/browse/ANL-' in on_cloud
    assert on_cloud.replace(sandbox.cloud_url, sandbox.jira_url) == on_data_center


def test_jira_can_be_turned_off_and_the_table_moves_on(sandbox: Sandbox, dag: Any) -> None:
    drun = run(dag, NOV_05, jira=False)
    assert {ti.task_id: ti.state for ti in drun.get_task_instances()} == {
        "read_issues": "skipped",
        "export_graph": "success",
        "copy_last_week": "success",
        "attach_graph": "success",
        "announce": "success",
    }
    pages = reports(sandbox)
    made, source = (issue_table(pages[title(day)].body) for day in ("20261105", "20261029"))
    without_days = [re.sub(r'datetime="[^"]+"', "", table) for table in (made, source)]
    assert without_days[0] == without_days[1]
    assert sandbox.requests("^/jira/") == []


def test_a_page_without_table_status_and_tasks_is_copied_all_the_same(sandbox: Sandbox, dag: Any) -> None:
    body = "<h2>요약</h2><p>11/4 배포 &amp; 점검</p><table><tbody><tr><th>이름</th></tr><tr><td>값</td></tr></tbody></table>"
    sandbox.store.update_page(reports(sandbox)[title("20261029")].id, body=body, author="jimin")
    assert run(dag, NOV_05).state == DagRunState.SUCCESS
    assert reports(sandbox)[title("20261105")].body == body.replace("11/4", "11/11")


def test_another_query_gives_other_rows_and_a_wrong_one_says_so(sandbox: Sandbox, dag: Any) -> None:
    assert run(dag, NOV_05, jql="project = DATA ORDER BY key", graph_project=None).state == DagRunState.SUCCESS
    table = issue_table(reports(sandbox)[title("20261105")].body)
    assert "/browse/DATA-1" in table
    assert "ANL-" not in table
    drun = run(dag, NOV_12, jql="project = NONE")
    assert drun.state == DagRunState.FAILED
    assert {ti.task_id: (ti.state, ti.try_number) for ti in drun.get_task_instances()} == {
        "read_issues": ("failed", 1),
        "export_graph": ("success", 1),
        "copy_last_week": ("upstream_failed", 0),
        "attach_graph": ("upstream_failed", 0),
        "announce": ("upstream_failed", 0),
    }
    assert title("20261112") not in reports(sandbox)
    (alarm,) = sandbox.messages("#data-alarms")
    assert "The value 'NONE' does not exist for the field 'project'" in alarm.text


def test_a_manual_run_without_a_logical_date_is_for_the_thursday_before(sandbox: Sandbox, dag: Any) -> None:
    assert run(dag).state == DagRunState.SUCCESS
    assert title("20261119") in reports(sandbox)
    assert len(links(sandbox)) == 1


def test_a_backfill_in_any_order_never_copies_a_later_week(sandbox: Sandbox, dag: Any) -> None:
    store = sandbox.store
    for moment in (NOV_19, NOV_05, NOV_12):
        assert run(dag, moment).state == DagRunState.SUCCESS
        page = reports(sandbox)[title(f"{moment:%Y%m%d}")]
        store.update_page(page.id, body=f"<p>{moment:%Y%m%d}</p>", author="jimin")
        markers = {each.key: each.value for each in store.properties(page.id)}
        copied = store.page(markers["airflow.copy"]["source"]["id"])
        assert copied is not None
        assert copied.title < page.title
    assert len(links(sandbox)) == 3


def test_the_dates_move_as_far_as_the_copied_week_is_away(sandbox: Sandbox, dag: Any) -> None:
    run(dag, NOV_19)  # the weeks between are missing, so the report of three weeks before is copied
    made, source = reports(sandbox)[title("20261119")], reports(sandbox)[title("20261029")]
    periods = [re.findall(r'datetime="([\d-]+)"', page.body)[:2] for page in (source, made)]
    assert periods == [["2026-10-22", "2026-10-28"], ["2026-11-12", "2026-11-18"]]


def test_another_run_of_the_same_week_makes_no_second_page(sandbox: Sandbox, dag: Any) -> None:
    run(dag, NOV_19)
    before = reports(sandbox)
    assert run(dag, report_date="2026-11-20").state == DagRunState.SUCCESS
    after = reports(sandbox)
    assert after == before
    assert links(sandbox)[0] == links(sandbox)[1]


def test_the_form_chooses_day_title_and_weekday(sandbox: Sandbox, dag: Any) -> None:
    sandbox.store.create_page(
        SPACE, "2026-W44 팀 보고", "<p>x</p>", parent_id=reports(sandbox)[title("20261029")].parent_id, author="jimin"
    )
    state = run(dag, report_date="2026-11-04", weekday="monday", title="%G-W%V 팀 보고").state
    assert state == DagRunState.SUCCESS
    assert any(page.title == "2026-W45 팀 보고" for page in sandbox.store.pages(SPACE))


def test_a_dry_run_writes_nothing(sandbox: Sandbox, dag: Any) -> None:
    before = sandbox.store.pages(SPACE)
    assert run(dag, NOV_05, dry_run=True).state == DagRunState.SUCCESS
    assert sandbox.store.pages(SPACE) == before
    assert sandbox.messages("#weekly-report") == []


def test_a_missing_week_may_be_skipped(sandbox: Sandbox, dag: Any) -> None:
    drun = run(dag, NOV_19, if_source_missing="skip")
    assert {ti.task_id: ti.state for ti in drun.get_task_instances()} == {
        "read_issues": "success",
        "export_graph": "success",
        "copy_last_week": "skipped",
        "attach_graph": "skipped",
        "announce": "skipped",
    }
    assert links(sandbox) == []


def test_a_failure_raises_the_alarm_and_says_what_to_do(sandbox: Sandbox, dag: Any) -> None:
    drun = run(dag, NOV_19, if_source_missing="fail")
    assert drun.state == DagRunState.FAILED
    (alarm,) = sandbox.messages("#data-alarms")
    assert "weekly_report" in alarm.text
    assert "copy_last_week" in alarm.text
    assert "Check the title pattern" in alarm.text
    assert links(sandbox) == []


def test_what_passes_is_retried_and_announced_once(sandbox: Sandbox, dag: Any) -> None:
    sandbox.add_fault(Fault("/jira/rest/api/2/search", "status", status=503))
    sandbox.add_fault(Fault("/child/attachment", "drop_after", method="POST"))
    sandbox.add_fault(Fault("/property$", "status", method="POST", status=500))
    sandbox.add_fault(Fault("/triggers/", "status", method="POST", status=503, times=2))
    drun = run(dag, NOV_19)
    assert drun.state == DagRunState.SUCCESS
    assert {ti.task_id: ti.try_number for ti in drun.get_task_instances()}["announce"] == 3
    assert len(links(sandbox)) == 1
    (made,) = [page for name, page in reports(sandbox).items() if name == title("20261119")]
    assert made.version == 1


def test_what_stays_wrong_is_not_retried(sandbox: Sandbox, dag: Any) -> None:
    drun = run(dag, NOV_19, space="NOSUCHSPACE")
    assert {ti.task_id: ti.try_number for ti in drun.get_task_instances()}["copy_last_week"] == 1


def test_secrets_are_in_no_xcom_no_rendered_field_and_no_log(
    sandbox: Sandbox, dag: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run(dag, NOV_19, if_source_missing="latest_child")
    run(dag, NOV_12, if_source_missing="fail", parent="없는 부모")
    with create_session() as session:
        stored = [str(value) for value in session.scalars(select(XComModel.value))]
        stored += [str(value) for value in session.scalars(select(RenderedTaskInstanceFields.rendered_fields))]
    captured = capfd.readouterr()
    everything = "\n".join([*stored, caplog.text, captured.out, captured.err, *(m.text for m in sandbox.messages())])
    assert "confluence_default" in everything
    for secret in (sandbox.confluence_token, "sandbox-workflow", "sandbox-alarm"):
        assert secret not in everything
