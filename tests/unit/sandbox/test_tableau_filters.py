"""``vf_`` filters and parameters of the sandbox's Tableau: how they are read, and that data and charts follow them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tableau_rest import TableauRest, sign_in
from workplace_sandbox import Sandbox
from workplace_sandbox.seed import numbers
from workplace_sandbox.tableau.view_filters import ViewFilters, alternatives

THURSDAY = date(2026, 11, 5)
WEEK = {"vf_Parameters.기준일": "2026-11-05", "maxAge": "1"}


@pytest.fixture
def api(sandbox: Sandbox) -> TableauRest:
    return sign_in(sandbox.tableau_url)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def by_device(api: TableauRest, **filters: str) -> list[tuple[str, str]]:
    rows = api.rows("WeeklyKPI/UsersByDevice", WEEK | {f"vf_{name}": value for name, value in filters.items()})
    return [(row["기기"], row["지역"]) for row in rows]


def test_unfiltered_users_are_those_of_the_wiki(api):
    rows = api.rows("WeeklyKPI/WeeklyActiveUsers", WEEK)
    weeks = [THURSDAY - timedelta(weeks=back) for back in range(11, -1, -1)]
    assert [(row["날짜"], number(row["사용자 수"])) for row in rows] == [
        (week.isoformat(), numbers.active_users(week)) for week in weeks
    ]


def test_other_sheets_are_those_of_the_wiki_too(api):
    revenue = api.rows("WeeklyKPI/RevenueByChannel", WEEK)
    expected = zip(numbers.CHANNELS, numbers.revenue_by_channel(THURSDAY), strict=True)
    assert [(row["주문 채널"], row["이번 주 매출(억원)"]) for row in revenue] == [(n, f"{v:.2f}") for n, v in expected]
    funnel = api.rows("WeeklyKPI/PurchaseFunnel", WEEK)
    assert [number(row["사용자 수"]) for row in funnel] == [people for _, people in numbers.funnel(THURSDAY)]
    devices = api.rows("WeeklyKPI/UsersByDevice", WEEK)
    assert sum(number(row["사용자 수"]) for row in devices) == numbers.active_users(THURSDAY)


def test_the_day_of_the_report_is_the_latest_thursday_until_a_parameter_says_another():
    with Sandbox(seed=False, today=date(2026, 11, 22)) as other:
        api = sign_in(other.tableau_url)
        for day, last in (
            ("", "2026-11-19"),
            ("2026-11-05", "2026-11-05"),
            ("2026-11-11", "2026-11-05"),
            ("nonsense", "2026-11-19"),
        ):
            rows = api.rows("WeeklyKPI/WeeklyActiveUsers", {"vf_Parameters.기준일": day, "maxAge": 1})
            assert rows[-1]["날짜"] == last, day


def test_a_comma_is_or(api):
    assert {device for device, _ in by_device(api, 기기="PC")} == {"PC"}
    assert {device for device, _ in by_device(api, 기기="PC,태블릿")} == {"PC", "태블릿"}
    assert by_device(api, 기기="PC", 지역="서울,부산") == [("PC", "서울"), ("PC", "부산")]


def test_comma_and_backslash_of_a_member_are_escaped_and_nothing_else(api):
    assert by_device(api, 기기="PC", 지역=r"기타\, 해외") == [("PC", "기타, 해외")]
    assert by_device(api, 기기="PC", 지역="기타, 해외") == []
    assert by_device(api, 기기="PC", 지역=r"R&D \\ Lab,서울") == [("PC", "서울"), ("PC", r"R&D \ Lab")]


def test_an_encoded_comma_is_a_comma(api):
    view = api.view("WeeklyKPI/UsersByDevice")
    day = "vf_Parameters.%EA%B8%B0%EC%A4%80%EC%9D%BC=2026-11-05"
    for comma in (",", "%2C"):
        text = api.ok(f"/views/{view}/data?{day}&vf_%EA%B8%B0%EA%B8%B0=PC{comma}%ED%83%9C%EB%B8%94%EB%A6%BF").text
        assert text.count("\n") == 11


def test_a_field_with_a_blank_takes_plus_and_percent(api):
    view = api.view("WeeklyKPI/RevenueByChannel")
    for blank in ("+", "%20"):
        content = api.ok(f"/views/{view}/data?vf_%EC%A3%BC%EB%AC%B8{blank}%EC%B1%84%EB%84%90=Social,E-mail").content
        assert [line.split(",")[0] for line in content.decode().splitlines()[1:]] == ["Social", "E-mail"]


def test_what_is_not_known_is_ignored_and_case_counts(api):
    every = by_device(api)
    assert by_device(api, 색="빨강") == every
    assert by_device(api, **{"parameters.기준일": "2026-01-01"}) == every
    assert api.rows("WeeklyKPI/UsersByDevice", WEEK | {"VF_기기": "PC"}) == api.rows("WeeklyKPI/UsersByDevice", WEEK)
    assert by_device(api, 기기="pc") == []
    assert by_device(api, 기기="gt:PC") == []
    assert by_device(api, 기기="P*") == []


def test_of_a_repeated_filter_the_last_one_counts(api):
    view = api.view("WeeklyKPI/UsersByDevice")
    rows = api.ok(f"/views/{view}/data", [("vf_기기", "PC"), ("vf_기기", "태블릿")]).content.decode().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == {"태블릿"}


def test_an_empty_value_widens_what_the_author_had_chosen(api):
    def first(**filters: str) -> str:
        return api.rows("WeeklyKPI_1/RevenueByChannel", WEEK | filters)[0]["이번 주 매출(억원)"]

    whole = api.rows("WeeklyKPI/RevenueByChannel", WEEK)[0]["이번 주 매출(억원)"]
    mobile = api.rows("WeeklyKPI/RevenueByChannel", WEEK | {"vf_기기": "모바일"})[0]["이번 주 매출(억원)"]
    assert first() == mobile != whole
    assert first(vf_기기="") == whole
    assert first(vf_기기="PC,모바일,태블릿") == whole


def test_weeks_are_a_field_too(api):
    rows = api.rows("WeeklyKPI/WeeklyActiveUsers", WEEK | {"vf_날짜": "2026-10-29,2026-11-05"})
    assert [row["날짜"] for row in rows] == ["2026-10-29", "2026-11-05"]
    assert api.rows("WeeklyKPI/PurchaseFunnel", WEEK | {"vf_날짜": "2026-10-29"}) == []


def test_the_chart_follows_the_filters(api):
    view = api.view("WeeklyKPI/UsersByDevice")
    pictures = {
        api.ok(f"/views/{view}/image", filters | {"maxAge": "1"}).content
        for filters in ({}, WEEK, WEEK | {"vf_기기": "PC"}, WEEK | {"vf_기기": "없음"})
    }
    assert len(pictures) == 4


def test_names_are_japanese_in_a_japanese_workbook(api):
    rows = api.rows("週次レポート/アクティブユーザー", {"vf_Parameters.基準日": "2026-11-05", "vf_地域": "東京"})
    assert rows[-1]["日付"] == "2026-11-05"
    assert 0 < number(rows[-1]["ユーザー数"]) < numbers.active_users(THURSDAY)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_members_that_are_escaped_come_back(members: list[str]):
    written = ",".join(member.replace("\\", "\\\\").replace(",", "\\,") for member in members)
    assert alternatives(written) == frozenset(members)


@given(st.text())
def test_any_value_can_be_read(value: str):
    assert (alternatives(value) is None) == (value == "")


@given(st.lists(st.tuples(st.sampled_from(["vf_a", "vf_b", "a", "vf_Parameters.a"]), st.text(max_size=3)), max_size=6))
def test_filters_in_another_order_are_the_same(query: list[tuple[str, str]]):
    once = list(dict(query).items())
    assert ViewFilters.read(query) == ViewFilters.read(once) == ViewFilters.read(once[::-1])
    assert hash(ViewFilters.read(query)) == hash(ViewFilters.read(once))


def test_the_cells_of_a_week_are_the_whole():
    for day in (THURSDAY, date(2024, 1, 4)):
        assert sum(numbers.people_by_cell(day, 12_345)) == 12_345
        assert min(numbers.people_by_cell(day, numbers.active_users(day))) > 0
        assert sum(numbers.revenue_by_cell(day)) == pytest.approx(numbers.revenue(day))
