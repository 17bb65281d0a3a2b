"""Lists of the sandbox's Tableau: pages, filters, order, fields."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.tableau_rest import NS, TableauRest, error_code, post, sign_in
from workplace_sandbox import Sandbox
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.listing import page_of

URL_NAMES = ["Checks", "WeeklyKPI", "WeeklyKPI_1", "週次レポート"]


@pytest.fixture
def api(sandbox: Sandbox) -> TableauRest:
    return sign_in(sandbox.tableau_url)


def found(api: TableauRest, text: str) -> list[str]:
    return sorted(api.names("/workbooks", {"filter": text}, "contentUrl"))


def views(api: TableauRest, text: str) -> list[str]:
    return sorted(api.names("/views", {"filter": text}, "contentUrl"))


def test_pages_hold_everything_once(sandbox, api):
    sandbox.tableau.add_workbooks(250)
    seen = [name for number in range(1, 4) for name in api.names("/workbooks", {"pageNumber": number}, "contentUrl")]
    assert len(seen) == len(set(seen)) == 254
    pagination = api.tree("/workbooks", {"pageSize": 1000})[0]
    assert dict(pagination.attrib) == {"pageNumber": "1", "pageSize": "1000", "totalAvailable": "254"}


def test_the_usual_order_is_stable_and_not_by_name(sandbox, api):
    sandbox.tableau.add_workbooks(30)
    names = api.names("/workbooks")
    assert names == api.names("/workbooks")
    assert names != sorted(names)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"pageSize": 1001}, "403014"),
        ({"pageSize": 0}, "400007"),
        ({"pageSize": "many"}, "400007"),
        ({"pageNumber": 0}, "400006"),
        ({"pageNumber": "x"}, "400006"),
        ({"pageNumber": 2}, "400006"),
        ({"pageNumber": 3, "pageSize": 2}, "400006"),
    ],
)
def test_pages_that_are_not_there(api, params, code):
    assert api.refusal("/workbooks", params) == code


@given(total=st.integers(0, 60), size=st.integers(1, 25))
@settings(max_examples=examples(60), deadline=None)
def test_pages_of_any_size_are_the_list(total: int, size: int):
    things = list(range(total))
    last = max(1, -(-total // size))
    pages = [page_of(things, {"pageNumber": f"{number}", "pageSize": f"{size}"})[0] for number in range(1, last + 1)]
    assert [thing for page in pages for thing in page] == things
    with pytest.raises(TableauError, match="400006"):
        page_of(things, {"pageNumber": f"{last + 1}", "pageSize": f"{size}"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name:eq:주간 지표", ["WeeklyKPI", "WeeklyKPI_1"]),
        ("name:eq:주간 지표,projectName:eq:마케팅", ["WeeklyKPI_1"]),
        ("name:eq:주간 지표,name:eq:점검", ["Checks"]),
        ("name:eq:주간", []),
        ("name:eq:주간*", ["WeeklyKPI", "WeeklyKPI_1"]),
        ("name:eq:*レポ*", ["週次レポート"]),
        ("name:eq:주?", []),
        ("contentUrl:eq:weeklykpi", []),
        ("contentUrl:cieq:weeklykpi", ["WeeklyKPI"]),
        ("contentUrl:in:[WeeklyKPI,Checks]", ["Checks", "WeeklyKPI"]),
        ("contentUrl:in:[WeeklyKPI,Checks],ownerName:eq:alex", ["Checks"]),
        ("contentUrl:gt:WeeklyKPI", ["WeeklyKPI_1", "週次レポート"]),
        ("contentUrl:lte:WeeklyKPI", ["Checks", "WeeklyKPI"]),
        ("tags:eq:weekly", ["WeeklyKPI"]),
        ("tags:in:[週次,weekly]", ["WeeklyKPI", "週次レポート"]),
        ("projectName:has:분석", ["WeeklyKPI"]),
        ("name:eq:없는 것", []),
    ],
)
def test_filters(api, text, expected):
    assert found(api, text) == expected


def test_filters_by_time(sandbox, api):
    sandbox.tableau.refresh_extract("Checks")
    (updated,) = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "updatedAt")
    assert found(api, f"updatedAt:gt:{updated}") == ["Checks"]
    assert found(api, f"updatedAt:lte:{updated}") == ["WeeklyKPI", "WeeklyKPI_1", "週次レポート"]
    assert found(api, f"updatedAt:eq:{updated}") == ["WeeklyKPI", "WeeklyKPI_1", "週次レポート"]
    assert found(api, "createdAt:gt:2001-01-01T00:00:00Z") == URL_NAMES
    (refreshed,) = api.names("/workbooks", {"filter": "contentUrl:eq:Checks"}, "updatedAt")
    assert found(api, f"updatedAt:eq:{refreshed}") == ["Checks"]
    assert found(api, f"updatedAt:gt:{refreshed}") == []


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name:eq",
        "name:is:x",
        "colour:eq:red",
        "name:eq:a,b",
        "name:eq:a:b",
        "name:eq:R&D",
        "name:eq:[x]",
        "name:in:x",
        "updatedAt:gt:yesterday",
        "name:eq:없는 것,updatedAt:gt:yesterday",
        "updatedAt:has:2026-11-19T21:00:00Z",
    ],
)
def test_what_cannot_be_said_in_a_filter_is_an_error(api, text):
    assert api.refusal("/workbooks", {"filter": text}) == "400065"


def test_sorting(api):
    assert api.names("/workbooks", {"sort": "contentUrl:asc"}, "contentUrl") == URL_NAMES
    assert api.names("/workbooks", {"sort": "contentUrl:desc"}, "contentUrl") == URL_NAMES[::-1]
    by_two = api.names("/workbooks", {"sort": "ownerName:asc,contentUrl:desc"}, "contentUrl")
    assert by_two == ["WeeklyKPI_1", "Checks", "週次レポート", "WeeklyKPI"]
    assert api.refusal("/workbooks", {"sort": "colour:asc"}) == "400065"
    assert api.refusal("/workbooks", {"sort": "name:up"}) == "400065"


def test_a_view_is_found_by_each_of_its_names(api):
    assert views(api, "viewUrlName:eq:RevenueByChannel") == [
        "WeeklyKPI/sheets/RevenueByChannel",
        "WeeklyKPI_1/sheets/RevenueByChannel",
    ]
    assert views(api, "contentUrl:eq:WeeklyKPI/sheets/Overview") == ["WeeklyKPI/sheets/Overview"]
    assert views(api, "sheetType:eq:dashboard") == ["WeeklyKPI/sheets/Overview"]
    assert views(api, "workbookName:eq:週次レポート,name:eq:チャネル別売上") == ["週次レポート/sheets/チャネル別売上"]


def test_hidden_sheets_are_nowhere(sandbox, api):
    luid = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "id")[0]
    of_workbook = api.names(f"/workbooks/{luid}/views")
    assert of_workbook == ["개요", "주간활성사용자", "채널별 매출", "구매 퍼널", "기기별 사용자"]
    assert "원본 데이터" not in api.names("/views")
    assert "RawData" not in api.ok("/views", {"fields": "_all_"}).text


def test_views_of_a_workbook_are_not_in_pages(sandbox, api):
    made = sandbox.tableau.add_workbook("넓은 것", views=[f"시트 {number}" for number in range(1, 131)])
    tree = api.tree(f"/workbooks/{made.luid}/views", {"pageSize": 10})
    assert tree.find("t:pagination", NS) is None
    assert len(tree.findall(".//t:view", NS)) == 130


def test_the_type_of_a_sheet_is_told_on_the_server_and_on_cloud_when_asked(sandbox, api):
    cloud = sign_in(sandbox.tableau_cloud_url)
    only = {"filter": "contentUrl:eq:WeeklyKPI/sheets/Overview"}
    assert api.names("/views", only, "sheetType") == ["dashboard"]
    assert cloud.names("/views", only, "sheetType") == [""]
    for fields in ("_all_", "_default_,sheetType", "view.sheetType"):
        assert cloud.names("/views", {**only, "fields": fields}, "sheetType") == ["dashboard"]


def test_fields_choose_what_is_told(api):
    only = {"filter": "contentUrl:eq:WeeklyKPI/sheets/Overview"}
    (view,) = api.tree("/views", {**only, "fields": "view.name,workbook.name"})[1]
    assert dict(view.attrib) == {"name": "개요"}
    assert [dict(child.attrib) for child in view] == [{"name": "주간 지표"}]
    (used,) = api.tree("/views", {**only, "fields": "id,usage"})[1]
    assert (sorted(used.attrib), [dict(child.attrib) for child in used]) == (["id"], [{"totalViewCount": "0"}])
    (same,) = api.tree("/views", {**only, "fields": "_default_"})[1]
    (plain,) = api.tree("/views", only)[1]
    assert dict(same.attrib) == dict(plain.attrib)


def test_nested_projects_name_their_parent(api):
    projects = {each.get("name"): each for each in api.tree("/projects").iterfind(".//t:project", NS)}
    assert set(projects) == {"데이터분석팀", "마케팅", "日本事業", "점검"}
    assert projects["日本事業"].get("parentProjectId") == projects["데이터분석팀"].get("id")
    assert projects["마케팅"].get("parentProjectId") is None
    assert sorted(api.names("/projects", {"filter": "topLevelProject:eq:true"})) == ["데이터분석팀", "마케팅"]


def test_one_workbook_and_one_view(api):
    luid = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "id")[0]
    workbook = api.tree(f"/workbooks/{luid}")[0]
    assert workbook.get("name") == "주간 지표"
    assert len(workbook.findall("t:views/t:view", NS)) == 5
    view = api.view("WeeklyKPI/Overview")
    assert api.tree(f"/views/{view}")[0].get("name") == "개요"
    for path in ("/workbooks/none", "/workbooks/none/views", "/views/none"):
        assert api.refusal(path) == "404006"


def test_numbers_are_text_in_json_and_an_empty_list_is_not_there(api):
    def json(path: str, **params: str) -> dict:
        return api.call(path, params, Accept="application/json").json()

    answer = json("/workbooks", pageSize="2", sort="contentUrl:asc")
    assert answer["pagination"] == {"pageNumber": "1", "pageSize": "2", "totalAvailable": "4"}
    checks, weekly = answer["workbooks"]["workbook"]
    assert (checks["size"], checks["tags"]) == ("1", {})
    assert weekly["tags"] == {"tag": [{"label": "주간 보고"}, {"label": "weekly"}]}
    assert json("/workbooks", filter="name:eq:없는 것")["workbooks"] == {}
    one = json(f"/workbooks/{weekly['id']}/views")
    assert len(one["views"]["view"]) == 5


def test_the_default_site_has_the_weekly_workbook_under_other_luids(sandbox, api):
    default = sign_in(sandbox.tableau_url, "", name="report-bot", password="sandbox-password")
    assert default.names("/workbooks", attribute="contentUrl") == ["WeeklyKPI"]
    assert default.view("WeeklyKPI/Overview") not in api.names("/views", attribute="id")


def test_luids_are_the_same_in_every_sandbox(sandbox, api):
    with Sandbox(seed=False, today=date(2025, 1, 2)) as other:
        theirs = sign_in(other.tableau_url)
        assert theirs.names("/views", attribute="id") == api.names("/views", attribute="id")
        assert set(theirs.names("/workbooks", attribute="updatedAt")) == {"2025-01-01T21:00:00Z"}, "06:00 in Seoul"


def test_a_refresh_moves_updated_at_of_the_workbook_and_its_views(sandbox, api):
    def updated(of: str) -> tuple[str, str]:
        (workbook,) = api.names("/workbooks", {"filter": f"contentUrl:eq:{of}"}, "updatedAt")
        return workbook, api.names("/views", {"filter": f"contentUrl:eq:{of}/sheets/*"}, "updatedAt")[0]

    before = updated("WeeklyKPI")
    for _ in range(2):
        sandbox.tableau.refresh_extract("WeeklyKPI")
        assert updated("WeeklyKPI") > before
        before = updated("WeeklyKPI")
        sandbox.tableau.clock.advance(timedelta(seconds=1))
    assert updated("WeeklyKPI_1") < before


def test_an_address_for_browsers_is_told(sandbox, api):
    (address,) = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "webpageUrl")
    assert address == f"{sandbox.tableau_url}/#/site/analytics/workbooks/1/views"
    assert quote(address, safe=":/#.") == address


@pytest.mark.parametrize("name", ["datasources", "flows", "customviews"])
def test_a_list_of_a_kind_that_the_site_does_not_have_is_empty(sandbox, name):
    pagination = sign_in(sandbox.tableau_url, site="").tree(f"/{name}").find("t:pagination", NS)
    assert pagination.get("totalAvailable") == "0"


def test_custom_views_of_others_are_seen_when_they_are_shared(sandbox, api):
    def custom_views(rest: TableauRest, params: dict[str, str] | None = None) -> dict[str, str]:
        tree = rest.tree("/customviews", params)
        return {each.get("id", ""): each.get("name", "") for each in tree.iterfind(".//t:customView", NS)}

    assert sorted(custom_views(api).values()) == sorted(["서울만", "모바일", "모바일", "봇 보기"])
    jimin = sign_in(sandbox.tableau_url, name="jimin", password=sandbox.tableau_password)
    (draft,) = set(custom_views(jimin)) - set(custom_views(api))
    assert api.refusal(f"/customviews/{draft}") == "404048"
    assert jimin.ok(f"/customviews/{draft}/data").content
    assert jimin.refusal(f"/customviews/{draft}/crosstab") == "404001"
    assert custom_views(api, {"filter": f"viewId:eq:{api.view('WeeklyKPI/Overview')}"}) == {}
    old = sign_in(sandbox.tableau_url, version="3.17")  # which ends the session of the same token
    assert old.refusal("/customviews") == old.refusal(f"/customviews/{draft}") == "404001"


def test_unknown_content_and_jobs_have_their_codes(api):
    unknown = "00000000-0000-0000-0000-000000000000"
    paths = {f"/datasources/{unknown}": "404006", f"/flows/{unknown}": "404012", f"/jobs/{unknown}": "404018"}
    assert {path: api.refusal(path) for path in paths} == paths
    (live,) = api.names("/datasources", {"filter": "contentUrl:eq:LiveOrders"}, "id")
    refused = post(f"{api.base}/sites/{api.site}/datasources/{live}/refresh", token=api.token)
    assert error_code(refused) == "409090"
