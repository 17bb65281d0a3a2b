"""What tests, the demo and benchmarks can do to the sandbox's Tableau, from Python and over HTTP."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from support.event_loop import run_apart
from support.tableau_rest import TableauRest, sign_in
from workplace_sandbox import Sandbox
from workplace_sandbox.tableau.controls import TableauControls


@pytest.fixture
def api(sandbox: Sandbox) -> TableauRest:
    return sign_in(sandbox.tableau_url)


def control(sandbox: Sandbox, order: str, /, **body: Any) -> Any:
    answer = requests.post(f"{sandbox.url}/_sandbox/tableau/{order}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def overview(api: TableauRest) -> str:
    return api.view("WeeklyKPI/Overview")


def test_sessions_are_expired_by_order(sandbox, api):
    assert [(each.product, each.exports) for each in sandbox.tableau.sessions] == [("server", 0)]
    sandbox.tableau.expire_sessions()
    assert api.refusal("/views") == "401002"
    assert sandbox.tableau.sessions == []


def test_a_session_ends_after_some_exports_once(sandbox):
    sandbox.tableau.end_session_after(exports=2)
    api = sign_in(sandbox.tableau_url)
    view = overview(api)
    assert [api.call(f"/views/{view}/data").status_code for _ in range(3)] == [200, 200, 401]
    assert api.refusal("/views") == "401002", "lists fail from then on as well"
    again = sign_in(sandbox.tableau_url)
    assert [again.call(f"/views/{view}/data").status_code for _ in range(4)] == [200] * 4


def test_every_session_ends_after_some_exports(sandbox):
    sandbox.tableau.end_session_after(1, every_time=True)
    for url in (sandbox.tableau_url, sandbox.tableau_cloud_url, sandbox.tableau_url):
        api = sign_in(url)
        view = overview(api)
        assert [api.call(f"/views/{view}/data").status_code for _ in range(2)] == [200, 401]
    sandbox.tableau.end_session_after(None)
    api = sign_in(sandbox.tableau_url)
    assert [api.call(f"/views/{view}/data").status_code for _ in range(3)] == [200] * 3


def test_a_workbook_can_be_added(sandbox, api):
    made = sandbox.tableau.add_workbook("분기 보고", project="새 프로젝트", views=["첫 시트", "둘째/시트", "둘째 시트"])
    assert made.content_url == "분기보고"
    assert api.names(f"/workbooks/{made.luid}/views", attribute="contentUrl") == [
        "분기보고/sheets/첫시트",
        "분기보고/sheets/둘째시트",
        "분기보고/sheets/둘째시트_1",
    ]
    assert "새 프로젝트" in api.names("/projects")
    again = sandbox.tableau.add_workbook("분기 보고")
    assert (again.name, again.content_url) == ("분기 보고", "분기보고_1")
    assert again.luid != made.luid
    assert api.rows("분기보고/첫시트")[-1]["사용자 수"]
    with pytest.raises(ValueError, match="no site 'nowhere'"):
        sandbox.tableau.add_workbook("x", site="nowhere")


def test_five_thousand_workbooks_in_pages(sandbox, api):
    made = sandbox.tableau.add_workbooks(5000)
    assert (made[0].content_url, made[-1].name) == ("Many00001", "통합 문서 05000")
    pages = [api.names("/workbooks", {"pageSize": 1000, "pageNumber": page, "sort": "name:asc"}) for page in range(1, 7)]
    assert [len(page) for page in pages] == [1000] * 5 + [4]
    more = sandbox.tableau.add_workbooks(1)
    assert more[0].content_url == "Many05001"


def test_what_was_added_can_be_refreshed(sandbox, api):
    made = sandbox.tableau.add_workbook("분기 보고")
    for name in (made, made.luid, made.content_url):
        before = api.names("/workbooks", {"filter": "contentUrl:eq:분기보고"}, "updatedAt")
        sandbox.tableau.refresh_extract(name)
        assert api.names("/workbooks", {"filter": "contentUrl:eq:분기보고"}, "updatedAt") > before


def test_a_refresh_of_nothing_is_an_error(sandbox):
    with pytest.raises(ValueError, match="no workbook 'None'"):
        sandbox.tableau.refresh_extract("None")


def test_a_request_takes_the_time_that_was_ordered():
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        taken.append(seconds)

    controls = TableauControls(sleep=sleep)
    run_apart(controls.wait(exporting=True))
    controls.render_seconds, controls.latency_seconds = 0.5, 0.05
    run_apart(controls.wait())
    run_apart(controls.wait(exporting=True))
    assert taken == [0.05, 0.5]


def test_several_exports_are_drawn_at_once(sandbox, api, monkeypatch):
    views = api.names("/views", {"filter": "workbookName:eq:주간 지표"}, "id")
    begun, all_begun = [], asyncio.Event()

    async def until_all_have_begun(*, exporting: bool = False) -> None:
        if exporting:
            begun.append(exporting)
            if len(begun) == len(views):
                all_begun.set()
            await asyncio.wait_for(all_begun.wait(), 20)

    monkeypatch.setattr(sandbox.tableau, "wait", until_all_have_begun)
    with ThreadPoolExecutor(len(views)) as pool:
        answers = pool.map(lambda view: api.call(f"/views/{view}/image").status_code, views)
    assert list(answers) == [200] * 6


def test_the_clock_cannot_go_back(sandbox):
    with pytest.raises(ValueError, match="the clock cannot go back"):
        sandbox.tableau.clock.advance(timedelta(seconds=-1))


def test_a_reset_of_the_sandbox_resets_tableau(sandbox, api):
    sandbox.tableau.add_workbooks(10)
    sandbox.tableau.render_seconds = 1
    sandbox.tableau.clock.advance(timedelta(days=9))
    sandbox.reset(seed=False)
    assert api.refusal("/views") == "401002"
    assert sandbox.tableau.render_seconds == 0
    assert sign_in(sandbox.tableau_url).tree("/workbooks")[0].get("totalAvailable") == "4"


def test_the_controls_over_http(sandbox, api):
    base = f"{sandbox.url}/_sandbox/tableau"
    (session,) = requests.get(f"{base}/sessions", timeout=30).json()
    assert (session["user"], session["site"], session["pat"]) == ("report-bot", "analytics", "airflow")
    assert api.token not in str(session)

    made = control(sandbox, "workbook", name="다른 과정", views=["시트"], project="데이터분석팀")
    assert made["content_url"] == "다른과정"
    assert api.ok(f"/views/{made['views']['시트']}/data")
    assert control(sandbox, "workbooks", count=3) == {"added": 3}
    big = control(sandbox, "big-view", name="큰 것", csv_bytes=300_000)
    assert len(api.ok(f"/views/{big['views']['큰 것']}/data").content) == 300_000

    before = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "updatedAt")
    control(sandbox, "refresh-extract", workbook="WeeklyKPI", through="2030-01-03")
    assert api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "updatedAt") > before
    assert api.rows("WeeklyKPI/WeeklyActiveUsers")[-1]["날짜"] == "2030-01-03"

    control(sandbox, "pace", latency_seconds=0.05, render_seconds=0.01)
    assert (sandbox.tableau.latency_seconds, sandbox.tableau.render_seconds) == (0.05, 0.01)
    control(sandbox, "end-session-after", exports=0, every_time=True)
    assert api.refusal(f"/views/{overview(api)}/data") == "401002"
    control(sandbox, "end-session-after")
    other = sign_in(sandbox.tableau_url)
    control(sandbox, "advance", seconds=240 * 60)
    assert other.refusal("/views") == "401002"
    third = sign_in(sandbox.tableau_url)
    control(sandbox, "expire-sessions")
    assert third.refusal("/views") == "401002"
    control(sandbox, "reset")
    assert sandbox.tableau.latency_seconds == 0


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("refresh-extract", {"workbook": "None"}, 400),
        ("workbook", {"name": "x", "site": "nowhere"}, 400),
        ("big-view", {"name": "x", "csv_bytes": 1}, 400),
        ("advance", {"seconds": -1}, 400),
        ("end-session-after", {"exports": -1}, 400),
        ("workbooks", {"count": -1}, 422),
        ("pace", {"render_seconds": -1}, 422),
        ("workbook", {}, 422),
    ],
)
def test_orders_that_make_no_sense_are_refused_with_the_reason(sandbox, name, body, status):
    answer = requests.post(f"{sandbox.url}/_sandbox/tableau/{name}", json=body, timeout=30)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_page_in_the_internet_cannot_use_the_controls_of_tableau(sandbox):
    assert requests.post(f"{sandbox.url}/_sandbox/tableau/reset", data="{}", timeout=30).status_code == 415


def test_the_addresses_are_told(sandbox):
    from workplace_sandbox.cli import addresses

    found = addresses(sandbox)
    assert found["tableau_url"] == sandbox.tableau_url == f"{sandbox.url}/tableau"
    assert found["tableau_cloud_url"] == sandbox.tableau_cloud_url == f"{sandbox.url}/tableau-cloud"
    assert sandbox.tableau_site == "analytics"
    assert sandbox.tableau_user == "report-bot"
