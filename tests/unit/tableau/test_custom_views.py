"""Custom views, project paths, and options that Tableau accepts in several spellings."""

from __future__ import annotations

import csv
import io

import pytest

from support.bi_site import DEVICES, BiSite
from workplace_provider.http.errors import Forbidden, Invalid, NotFound
from workplace_provider.tableau.client import CSV, PDF, PNG, XLSX, DataSource, ExportOptions, Flow, Workbook
from workplace_provider.tableau.client.lookup import matching_projects
from workplace_provider.tableau.client.model import Project, with_paths


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_custom_view_is_found_by_name_id_and_url_and_exported(bi: BiSite) -> None:
    with bi.client() as client:
        seoul = client.find_view(DEVICES, custom_view="서울만")
        assert seoul.custom_view is not None
        by_id = client.find_view(seoul.custom_view.id)
        by_url = client.find_view(seoul.url)
        assert seoul == by_id == by_url == client.find_view(DEVICES, custom_view=seoul.custom_view.id)
        for exported in (CSV, PDF, PNG):
            content, done, _ = bi.exported(client, exported, seoul.url)
            assert content
            assert done.facts()["custom_view"] == "서울만"
        content, _, _ = bi.exported(client, CSV, seoul.url)
        assert {row["지역"] for row in rows(content)} == {"서울"}
        content, _, _ = bi.exported(client, CSV, seoul.url, filters={"기기": "모바일"})
        assert {(row["기기"], row["지역"]) for row in rows(content)} == {("모바일", "서울")}
        assert client.knows_filter(seoul, "없는 필드", "x") is False
        with pytest.raises(Invalid, match="cannot be exported as xlsx"):
            bi.exported(client, XLSX, seoul.url)
        assert client.find_view(DEVICES, custom_view="봇 보기").custom_view, "its own private one"


def test_a_custom_view_that_is_not_the_one_is_an_error(bi: BiSite) -> None:
    with bi.client() as client:
        with pytest.raises(Invalid, match=r"(?s)2 custom views of .* have the name '모바일'.*Give the custom view's id"):
            client.find_view(DEVICES, custom_view="모바일")
        with pytest.raises(NotFound, match=r"its custom views: .*서울만.*private to its owner"):
            client.find_view(DEVICES, custom_view="내 초안")
        seoul = client.find_view(DEVICES, custom_view="서울만")
        assert seoul.custom_view is not None
        with pytest.raises(Invalid, match="is of another view"):
            client.find_view("WeeklyKPI/Overview", custom_view=seoul.custom_view.id)
        with pytest.raises(Invalid, match="already is a custom view"):
            client.find_view(seoul.custom_view.id, custom_view="서울만")
        with pytest.raises(NotFound):
            client.find_view("00000000-0000-0000-0000-000000000000")


def test_older_servers_have_fewer_exports_of_custom_views(bi: BiSite) -> None:
    with bi.client(api_version="3.19") as client:
        seoul = client.find_view(DEVICES, custom_view="서울만")
        _, done, _ = bi.exported(client, PNG, seoul.url)
        assert "could not check whether" in " ".join(done.warnings), "there is no data of custom views yet"
        with pytest.raises(Invalid, match=r"Pdf of a custom view needs version 3\.23"):
            bi.exported(client, PDF, seoul.url)
    with bi.client(api_version="3.17") as client:
        with pytest.raises(Invalid, match=r"Custom views needs version 3\.18"):
            client.find_view(DEVICES, custom_view="서울만")
        with pytest.raises(NotFound, match="View"):
            client.find_view("00000000-0000-0000-0000-000000000000")


def test_a_project_path_tells_projects_of_one_name_apart(bi: BiSite) -> None:
    with bi.client() as client:
        with pytest.raises(Invalid, match="2 data sources match '매출 원천'"):
            client.find_content(DataSource, "매출 원천")
        nested = client.find_content(DataSource, "매출 원천", project="데이터분석팀/日本事業")
        top = client.find_content(DataSource, "매출 원천", project="/데이터분석팀")
        assert (nested.project, top.project) == ("日本事業", "데이터분석팀")
        view = client.find_view("アクティブユーザー", project="데이터분석팀/日本事業")
        assert view.project == "日本事業"
        assert client.find_view("週次レポート/アクティブユーザー", project="데이터분석팀/日本事業") == view
        with pytest.raises(NotFound, match="No view"):
            client.find_view("アクティブユーザー", project="데이터분석팀/점검")
        with pytest.raises(NotFound, match=r"similar projects: 데이터분석팀/日本事業"):
            client.find_view("アクティブユーザー", project="데이터분석팀/日本事")


def test_content_is_found_by_id_url_and_name(bi: BiSite) -> None:
    with bi.client() as client:
        book = client.find_content(Workbook, "WeeklyKPI")
        assert client.find_content(Workbook, book.id) == book
        assert client.find_content(Workbook, book.url) == book
        assert client.find_content(Workbook, "주간 지표", project="데이터분석팀") == book
        assert client.find_content(Workbook, client.find_view(DEVICES).url) == book
        source = client.find_content(DataSource, "LiveOrders")
        assert client.find_content(DataSource, source.url) == source
        flow = client.find_content(Flow, "주간 지표 정리")
        assert client.find_content(Flow, flow.url) == client.find_content(Flow, flow.id) == flow
        for wrong, error in (("", Invalid), (flow.url, Invalid), ("없는 원천", NotFound)):
            with pytest.raises(error):
                client.find_content(DataSource, wrong)


def test_paths_of_projects_survive_a_circle() -> None:
    circle = with_paths([Project("1", "A", "2"), Project("2", "B", "1"), Project("3", "A/B", "")])
    assert len(circle[0].path) < 1000
    assert [each.id for each in matching_projects("/A/B", circle[2:])] == ["3"]


def test_page_sizes_and_orientations_are_accepted_in_any_case(bi: BiSite) -> None:
    for text in ("A4", "a4"):
        assert "type=a4&orientation=landscape" in ExportOptions(page_type=text, orientation="LANDSCAPE").query(PDF)
    with pytest.raises(Invalid, match="page_type is 'A99'"):
        ExportOptions(page_type="A99")
    with pytest.raises(Invalid, match="Language is 'k&o'"):
        ExportOptions(language="k&o")


def test_numbers_are_written_in_the_language(bi: BiSite) -> None:
    with bi.client() as client:
        english, _, _ = bi.exported(client, CSV, DEVICES)
        german, done, _ = bi.exported(client, CSV, DEVICES, language="de")
    assert done.facts()["language"] == "de"
    assert rows(german)[0]["사용자 수"] == rows(english)[0]["사용자 수"].replace(",", ".")


def test_a_disabled_metadata_api_is_named(bi: BiSite) -> None:
    bi.controls.metadata_enabled = False
    with bi.client() as client:
        source = client.find_content(DataSource, "SalesSource")
        with pytest.raises(Forbidden, match="The Metadata API is not available"):
            client.metadata.extract_time(source)
