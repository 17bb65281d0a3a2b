from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.bi_site import PROJECT, BiSite
from support.examples import examples
from workplace_provider.http.errors import BadResponse, Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.tableau.client import Condition
from workplace_provider.tableau.client.listing import ListRequest, read_list
from workplace_provider.tableau.client.responses import ResponseNode
from workplace_sandbox import Fault

SEEDED = 4
FORBIDDEN = (
    '<tsResponse xmlns="http://tableau.com/api"><error code="403018"><summary>Forbidden</summary><detail>no</detail></error>'
    "</tsResponse>"
)


def test_a_long_list_is_read_whole_in_its_order(bi: BiSite) -> None:
    bi.controls.add_workbooks(250)
    with bi.client() as client:
        names = [workbook.name for workbook in client.workbooks(page_size=30, sort="name:asc")]
        assert len(names) == 250 + SEEDED
        assert names == sorted(names)
        assert len(bi.sandbox.requests("/workbooks$")) == 9
        assert len(client.workbooks()) == 250 + SEEDED
        assert len(bi.sandbox.requests("/workbooks$")) == 10


def test_every_page_of_a_list_that_is_read_in_parallel_has_the_same_sort(bi: BiSite) -> None:
    bi.controls.add_workbooks(25)
    with bi.client() as client:
        client.workbooks(page_size=10)
    assert {each.query.partition("sort=")[2] for each in bi.sandbox.requests("/workbooks$")} == {"createdAt:asc,name:asc"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40))
@given(data=st.data())
def test_a_fault_on_any_page_gives_the_whole_list_or_an_error(bi: BiSite, data: st.DataObject) -> None:
    bi.controls.reset()
    bi.sandbox.clear_faults()
    bi.controls.add_workbooks(45)
    kind = data.draw(st.sampled_from(["status", "drop_before", "drop_after", "truncate", "html"]))
    fault = Fault(
        "/workbooks$",
        kind,
        skip=data.draw(st.integers(0, 4)),
        times=data.draw(st.sampled_from([1, 2, None])),
        status=data.draw(st.sampled_from([403, 429, 500, 503])),
    )
    bi.sandbox.add_fault(fault)
    with bi.client() as client:
        try:
            found = client.workbooks(page_size=10)
        except WorkplaceError:
            return
    assert len({each.id for each in found}) == len(found) == 45 + SEEDED


def test_a_refusal_is_an_error_and_no_empty_list(bi: BiSite) -> None:
    bi.sandbox.add_fault(Fault("/workbooks$", "status", status=403, body=FORBIDDEN, headers={"Content-Type": "text/xml"}))
    with bi.client() as client, pytest.raises(Forbidden, match="permission to view workbooks"):
        client.workbooks()


def test_a_list_that_changes_while_it_is_read_is_read_again(bi: BiSite) -> None:
    bi.controls.add_workbooks(25)
    gone = (
        '<tsResponse xmlns="http://tableau.com/api"><error code="400006"><summary>Bad Request</summary>'
        "<detail>Invalid page number</detail></error></tsResponse>"
    )
    bi.sandbox.add_fault(Fault("/workbooks$", "status", skip=2, status=400, body=gone))
    with bi.client() as client:
        assert len(client.workbooks(page_size=10)) == 25 + SEEDED


@pytest.mark.parametrize("ids", [["a", "b", "c"], ["a", "b", "b", "c"]])
def test_a_list_that_never_holds_what_it_says_is_an_error(ids: list[str]) -> None:
    def get(_: str, query: str) -> ResponseNode:
        page = int(query.partition("pageNumber=")[2].partition("&")[0])
        rows = tuple(ResponseNode("workbook", {"id": each}) for each in ids[2 * page - 2 : 2 * page])
        pagination = ResponseNode("pagination", {"totalAvailable": "4", "pageSize": "2"})
        return ResponseNode("tsResponse", {}, "", (pagination, ResponseNode("workbooks", {}, "", rows)))

    with pytest.raises(
        BadResponse, match=r"changed while it was read: its pages have \d different items, but the total is 4"
    ):
        read_list(ListRequest("workbooks", "workbook"), get, str, page_size=2, parallel=2)


def test_conditions_are_held_on_the_server(bi: BiSite) -> None:
    with bi.client() as client:
        views = client.views([Condition("workbookName", "주간 지표"), Condition("projectName", PROJECT)])
        assert {view.name for view in views} == {"개요", "주간활성사용자", "채널별 매출", "구매 퍼널", "기기별 사용자"}
        assert {view.sheet_type for view in views} == {"worksheet", "dashboard"}
        assert {view.project for view in views} == {PROJECT}
        with pytest.raises(Invalid, match="a number from 1 to 1000"):
            client.workbooks(page_size=1001)


@pytest.mark.parametrize("cloud", [False, True])
def test_a_view_is_found_by_whatever_people_have(bi: BiSite, cloud: bool) -> None:
    with bi.client(cloud=cloud) as client:
        view = client.find_view("WeeklyKPI/WeeklyActiveUsers")
        for reference in (view.id, view.url, f"{view.url}?:iid=2", "주간 지표/주간활성사용자", "주간활성사용자"):
            assert client.find_view(reference) == view
        assert client.find_view("주간활성사용자", workbook="주간 지표", project=PROJECT) == view
        assert (view.workbook, view.project, view.sheet_type) == ("주간 지표", PROJECT, "worksheet")
        assert "주간 지표" in {workbook.name for workbook in client.workbooks()}
        assert view.name in {each.name for each in client.views_of(view.workbook_id)}


def test_two_workbooks_of_one_name_are_told_apart_by_the_project(bi: BiSite) -> None:
    with bi.client() as client:
        with pytest.raises(Invalid, match="2 views match '채널별 매출' in the workbook '주간 지표'") as caught:
            client.find_view("주간 지표/채널별 매출")
        assert "마케팅 / 주간 지표 / 채널별 매출 (WeeklyKPI_1/RevenueByChannel)" in str(caught.value)
        found = client.find_view("주간 지표/채널별 매출", project="마케팅")
        assert found.content_url == "WeeklyKPI_1/sheets/RevenueByChannel"


def test_a_hidden_sheet_is_explained_and_others_are_named(bi: BiSite) -> None:
    with bi.client() as client:
        with pytest.raises(NotFound) as caught:
            client.find_view("WeeklyKPI/RawData")
        assert "a hidden sheet cannot be exported" in str(caught.value)
        assert "WeeklyKPI/Overview" in str(caught.value)
        with pytest.raises(NotFound, match="WeeklyKPI/WeeklyActiveUsers"):
            client.find_view("WeeklyKPI/WeeklyActivUser")
        with pytest.raises(NotFound):
            client.find_view("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("version", [None, "3.9"])
def test_names_with_characters_that_filters_cannot_say_are_found(bi: BiSite, version: str | None) -> None:
    bi.controls.add_workbook("R&D: [실험], 2026", views=["A, B & C", "A- B - C"])
    with bi.client(api_version=version) as client:
        assert client.find_view("A, B & C", workbook="R&D: [실험], 2026").name == "A, B & C"
