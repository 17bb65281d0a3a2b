from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_sandbox import Fault, Sandbox
from workplace_sandbox.model import Page
from workplace_sandbox.seed import numbers

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

SPACE = "ANALYTICS"
NOV_12, NOV_19 = (datetime(2026, 11, day, 1, 0, tzinfo=UTC) for day in (12, 19))  # Thursdays, 10:00 in Seoul
TITLE = "20261119_주간 분석"
CHANNEL = "data-분석"
SOURCES = {
    "collect.images": "/tableau/.*/image$",
    "collect.channels": "/tableau/.*/data$",
    "collect.slack": "/slack/api/conversations.history",
    "collect.issues": "/jira/rest/api/2/search",
}


@pytest.fixture
def dag(repository: Path) -> Any:
    """The DAG as in its file, with retries that follow at once."""
    dag = project_dag(repository, "analytics_doc")
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
        task.retries = 1
    return dag


def run(dag: Any, moment: datetime = NOV_19, **params: Any) -> Any:
    given = {"channels": [CHANNEL], **params}
    return dag.test(logical_date=moment, run_after=moment, run_conf=given, mark_success_pattern=None)


def states(drun: Any) -> dict[str, str]:
    return {ti.task_id: ti.state for ti in drun.get_task_instances()}


def documents(sandbox: Sandbox) -> dict[str, Page]:
    return {page.title: page for page in sandbox.store.pages(SPACE) if page.title.endswith("주간 분석")}


def section(body: str, heading: str) -> str:
    return body.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]


def announcements(sandbox: Sandbox) -> list[Any]:
    return [each for each in sandbox.messages("#weekly-report") if "주간 분석" in each.text]


def test_the_page_has_the_week_from_every_source(sandbox: Sandbox, dag: Any) -> None:
    assert run(dag).state == DagRunState.SUCCESS
    page = documents(sandbox)[TITLE]
    assert "2026-11-12 ~ 2026-11-18" in page.body
    kpi = numbers.kpis(date(2026, 11, 19))[0]
    assert f"{kpi.value:,.0f}" in section(page.body, "1. 핵심 지표")
    pictures = re.findall(r'ri:filename="([^"]+)"', section(page.body, "2. 기기별 추이"))
    assert pictures == [f"주간활성사용자_{device}.png" for device in ("PC", "모바일", "태블릿")]
    assert {"Search", "Partner"} <= set(re.findall(r"\w+", section(page.body, "3. 채널별 매출")))
    digest = section(page.body, "5. 슬랙 대화")
    assert "blockquote" in digest
    assert 'ac:name="expand"' in digest
    assert "답글" in digest
    assert "/browse/ANL-" in section(page.body, "6. 관련 이슈")
    assert "ac:placeholder" in section(page.body, "4. 인사이트"), "what is the analyst's stays untouched"
    attached = {each.filename: each.path.read_bytes() for each in sandbox.store.attachments(page.id)}
    assert set(pictures) <= set(attached)
    assert len({attached[name] for name in pictures}) == 3


def test_slack_hears_of_it_once_with_key_numbers_and_the_first_picture(sandbox: Sandbox, dag: Any) -> None:
    run(dag)
    (message,) = announcements(sandbox)
    page = documents(sandbox)[TITLE]
    assert f"pageId={page.id}" in message.text
    assert "주간 활성 사용자(WAU): *249,044*" in message.text
    files = [each for each in sandbox.store.slack_files() if each.name.startswith("주간활성사용자")]
    assert [each.name for each in files] == ["주간활성사용자_PC.png"]


def test_each_week_has_a_page_with_its_own_numbers(sandbox: Sandbox, dag: Any) -> None:
    for moment in (NOV_19, NOV_12):
        assert run(dag, moment).state == DagRunState.SUCCESS
    pages = documents(sandbox)
    assert len(pages) == 2
    for title, day in ((TITLE, date(2026, 11, 19)), ("20261112_주간 분석", date(2026, 11, 12))):
        assert f"{numbers.kpis(day)[0].value:,.0f}" in section(pages[title].body, "1. 핵심 지표")


def test_what_the_analyst_did_meanwhile_stays(sandbox: Sandbox, dag: Any) -> None:
    run(dag)
    page = documents(sandbox)[TITLE]
    body = page.body
    insights, channels = section(body, "4. 인사이트"), section(body, "3. 채널별 매출")
    mine = "<p>모바일이 <strong>계속</strong> 늘고 있습니다.</p>"
    reordered = body.replace(f"<h2>3. 채널별 매출</h2>{channels}", "").replace(
        f"<h2>4. 인사이트</h2>{insights}", f"<h2>4. 인사이트</h2>{mine}<h2>3. 채널별 매출</h2>{channels}"
    )
    table = section(reordered, "1. 핵심 지표")
    wider = re.sub(r"(<tr>(?:(?!</tr>).)*?)</tr>", r"\1<td><p>메모</p></td></tr>", table, flags=re.S)
    wider = wider.replace("<td><p>메모</p></td></tr>", "<th><p>메모</p></th></tr>", 1)
    edited = reordered.replace(table, wider).replace("249,044", "1")
    sandbox.store.update_page(page.id, body=edited, author="jimin")
    assert run(dag).state == DagRunState.SUCCESS
    after = documents(sandbox)[TITLE].body
    assert mine in after
    assert after.index("4. 인사이트") < after.index("3. 채널별 매출")
    refreshed = section(after, "1. 핵심 지표")
    assert "249,044" in refreshed
    assert refreshed.count("<td><p>메모</p></td>") == len(numbers.kpis(date(2026, 11, 19)))


def test_a_deleted_part_is_not_made_again_and_nothing_else_suffers(sandbox: Sandbox, dag: Any) -> None:
    run(dag)
    page = documents(sandbox)[TITLE]
    without = page.body.replace(f"<h2>5. 슬랙 대화</h2>{section(page.body, '5. 슬랙 대화')}", "")
    sandbox.store.update_page(page.id, body=without.replace("249,044", "1"), author="jimin")
    drun = run(dag)
    assert drun.state == DagRunState.SUCCESS
    after = documents(sandbox)[TITLE].body
    assert "슬랙 대화" not in after
    assert "249,044" in after
    (publish,) = [ti for ti in drun.get_task_instances() if ti.task_id == "publish"]
    assert publish.xcom_pull("publish", key="missing") == ["5. 슬랙 대화"]


def test_the_same_again_makes_no_new_version(sandbox: Sandbox, dag: Any) -> None:
    run(dag)
    page = documents(sandbox)[TITLE]
    files = {each.filename: each.version for each in sandbox.store.attachments(page.id)}
    run(dag)
    assert documents(sandbox)[TITLE] == page
    assert {each.filename: each.version for each in sandbox.store.attachments(page.id)} == files


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_fails_is_named_and_nothing_is_published(sandbox: Sandbox, dag: Any, source: str) -> None:
    sandbox.add_fault(Fault(SOURCES[source], "status", status=403, times=None))
    drun = run(dag)
    assert drun.state == DagRunState.FAILED
    assert states(drun)[source] == "failed"
    assert TITLE not in documents(sandbox)
    assert announcements(sandbox) == []
    said = " ".join(each.text for each in sandbox.messages("#data-alarms"))
    assert source in said


def test_with_a_placeholder_the_rest_is_published_and_the_note_goes_when_all_is_well(sandbox: Sandbox, dag: Any) -> None:
    sandbox.add_fault(Fault(SOURCES["collect.images"], "status", status=403, times=None))
    run(dag, on_source_error="placeholder")
    page = documents(sandbox)[TITLE]
    assert "읽지 못한 자료: images" in page.body
    assert "ac:image" not in section(page.body, "2. 기기별 추이"), "no broken picture"
    assert "249,044" in page.body
    assert len(announcements(sandbox)) == 1
    sandbox.clear_faults()
    assert run(dag, on_source_error="placeholder").state == DagRunState.SUCCESS
    after = documents(sandbox)[TITLE].body
    assert "읽지 못한 자료" not in after
    assert section(after, "2. 기기별 추이").count("<ac:image") == 3


@pytest.mark.parametrize(
    "empty",
    [
        {"channels": [], "jira_project": "", "announce_in": "", "each": {}},
        dict.fromkeys(("channels", "jira_project", "announce_in", "each")),
    ],
    ids=["values", "as the form sends it"],
)
def test_sources_can_be_left_out(sandbox: Sandbox, dag: Any, empty: dict[str, Any]) -> None:
    drun = run(dag, **empty)
    assert drun.state == DagRunState.SUCCESS
    assert {name: states(drun)[name] for name in ("collect.slack", "collect.issues", "announce_1")} == dict.fromkeys(
        ("collect.slack", "collect.issues", "announce_1"), "skipped"
    )
    assert "249,044" in documents(sandbox)[TITLE].body


def test_little_goes_through_xcom(sandbox: Sandbox, dag: Any) -> None:
    drun = run(dag)
    with create_session() as session:
        rows = session.query(XComModel).filter(XComModel.run_id == drun.run_id).all()
        size = sum(len(json.dumps(row.value, ensure_ascii=False).encode()) for row in rows)
    assert 0 < size < 100_000
