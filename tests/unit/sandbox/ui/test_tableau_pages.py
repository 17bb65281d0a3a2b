"""The pages of Tableau: what a person sees who follows the link of a view."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests
from bs4 import BeautifulSoup
from PIL import Image

from workplace_sandbox import Sandbox
from workplace_sandbox.seed import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEW = "/tableau/t/analytics/views/WeeklyKPI"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=False, today=date(2026, 11, 22)) as made:
        yield made


def open_page(sandbox: Sandbox, path: str, status: int = 200) -> BeautifulSoup:
    answer = requests.get(sandbox.url + path, timeout=30)
    assert answer.status_code == status
    return BeautifulSoup(answer.content, "html.parser")


def rows(page: BeautifulSoup) -> list[list[str]]:
    return [[cell.text for cell in row.find_all("td")] for row in page.select(".tb-data tbody tr")]


def picture(sandbox: Sandbox, page: BeautifulSoup) -> bytes:
    image = page.select_one(".tb-chart img")
    assert image is not None
    answer = requests.get(f"{sandbox.url}{image['src']}", timeout=30)
    assert answer.headers["content-type"] == "image/png"
    Image.open(io.BytesIO(answer.content)).verify()
    return answer.content


@pytest.mark.parametrize("path", ["/tableau", "/tableau/"])
def test_the_overview_has_every_view_that_is_not_hidden(sandbox, path):
    page = open_page(sandbox, path)
    text = page.text
    for name in ("데이터분석팀", "마케팅", "日本事業", "주간 지표", "週次レポート", "개요", "구매 퍼널", "チャネル別売上"):
        assert name in text
    assert "원본 데이터" not in text
    for link in page.select(".tb-views a"):
        open_page(sandbox, link["href"])
    for image in page.select(".tb-views img"):
        assert requests.get(f"{sandbox.url}{image['src']}", timeout=30).headers["content-type"] == "image/png"


def test_cloud_has_no_default_site(sandbox):
    names = [
        [each.text.split()[0] for each in open_page(sandbox, path).select(".tb-site h2")]
        for path in ("/tableau/", "/tableau-cloud/")
    ]
    assert names == [["Default", "Analytics"], ["Analytics"]]


def test_a_view_shows_its_chart_and_its_data(sandbox):
    page = open_page(sandbox, f"{VIEW}/WeeklyActiveUsers")
    assert page.select_one("h1").text == "주간활성사용자"
    assert rows(page)[-1][:2] == ["2026-11-19", f"{numbers.active_users(date(2026, 11, 19)):,}"]
    assert picture(sandbox, page)


def test_the_filters_in_the_address_are_applied_and_named(sandbox):
    plain = open_page(sandbox, f"{VIEW}/UsersByDevice?:iid=1&:embed=y")
    assert plain.select_one(".tb-filters") is None
    for prefix in ("", "vf_"):
        query = f"{prefix}{quote('기기')}=PC,{quote('태블릿')}&{prefix}Parameters.{quote('기준일')}=2026-11-05"
        page = open_page(sandbox, f"{VIEW}/UsersByDevice?{query}")
        assert {row[0] for row in rows(page)} == {"PC", "태블릿"}
        assert [each.text for each in page.select(".tb-filters li")] == ["기기: PC | 태블릿", "기준일 = 2026-11-05"]
        assert picture(sandbox, page) != picture(sandbox, plain)


def test_a_dashboard_says_whose_data_it_shows(sandbox):
    page = open_page(sandbox, f"{VIEW}/Overview")
    assert "Data of “구매 퍼널”" in page.text
    assert [each.text for each in page.select(".tb-tabs a")] == [
        "개요",
        "주간활성사용자",
        "채널별 매출",
        "구매 퍼널",
        "기기별 사용자",
    ]


def test_a_view_is_found_without_its_site(sandbox):
    assert open_page(sandbox, "/tableau/views/WeeklyKPI/Overview").select_one(".crumbs").text.startswith("Default")
    assert open_page(sandbox, "/tableau/views/Checks/Empty").select_one(".crumbs").text.startswith("Analytics")
    name = f"{quote('週次レポート')}/{quote('チャネル別売上')}"
    assert open_page(sandbox, f"/tableau-cloud/t/analytics/views/{name}").select_one("h1").text == "チャネル別売上"


@pytest.mark.parametrize(
    "path",
    [
        f"{VIEW}/RawData",
        "/tableau/t/nowhere/views/WeeklyKPI/Overview",
        "/tableau/views/None/None",
        "/_ui/tableau/none.png",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(sandbox, path):
    assert open_page(sandbox, path, 404).select_one("h1").text == "Not found"


def test_odd_views_have_pages_too(sandbox):
    assert "400081" in open_page(sandbox, "/tableau/views/Checks/Disconnected").text
    made = sandbox.tableau.add_big_view("큰 <시트>", csv_bytes=1_000_000)
    page = open_page(sandbox, f"/tableau/views/{quote(made.content_url)}/{quote(made.views[0].url_name)}")
    assert page.select_one("h1").text == "큰 <시트>"
    sandbox.tableau.reset()


def test_nothing_in_an_address_runs(sandbox):
    answer = requests.get(f'{sandbox.url}{VIEW}/Overview?<script>=1&a="><script>alert(1)</script>&=x', timeout=30)
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


def test_the_overview_alone_runs_a_script_and_it_is_ours(sandbox):
    answer = requests.get(f"{sandbox.url}/tableau/", timeout=30)
    assert answer.headers["content-security-policy"].endswith("; script-src 'self'")
    assert answer.text.count("<script") == 1
    script = requests.get(f"{sandbox.url}/_ui/tableau.js", timeout=30)
    assert script.headers["content-type"].startswith("text/javascript")
    assert "location.replace" in script.text


def test_many_workbooks_are_not_all_shown(sandbox):
    sandbox.tableau.add_workbooks(200)
    page = open_page(sandbox, "/tableau/")
    assert "and 160 more" in page.text
    sandbox.tableau.reset()


def test_the_front_page_leads_to_tableau(sandbox):
    page = open_page(sandbox, "/")
    assert page.select_one('.card a[href="/tableau/"]') is not None
    assert page.select_one('nav a[href="/tableau/"]') is not None
    assert page.select_one('a[href="/tableau/#/site/analytics/workbooks/1/views"]') is not None
