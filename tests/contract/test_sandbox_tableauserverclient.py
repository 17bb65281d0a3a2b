"""tableauserverclient, which others wrote for real servers, reads and exports the sandbox."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import openpyxl
import pytest
import tableauserverclient as tsc
from PIL import Image
from pypdf import PdfReader

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[tsc.Server]:
    """Signed in to Tableau Server with a personal access token."""
    made = tsc.Server(sandbox.tableau_url, use_server_version=True)
    name, secret = next(iter(sandbox.tableau_pats.items()))
    with made, made.auth.sign_in(tsc.PersonalAccessTokenAuth(name, secret, sandbox.tableau_site)):
        yield made


def by_content_url(server: tsc.Server, content_url: str) -> tsc.ViewItem:
    options = tsc.RequestOptions()
    options.filter.add(tsc.Filter("contentUrl", tsc.RequestOptions.Operator.Equals, content_url))
    (view,), _ = server.views.get(options)
    return view


def test_the_version_is_found(server):
    assert server.version == "3.29"
    assert server.server_info.get().product_version.startswith("2026")


@pytest.mark.parametrize("place", ["tableau_url", "tableau_cloud_url"])
def test_a_json_web_token_signs_in(sandbox, place):
    app = sandbox.tableau_connected_app
    claims = {
        "iss": app["client_id"], "sub": "report-bot", "aud": "tableau", "jti": str(uuid.uuid4()),
        "exp": datetime.now(UTC) + timedelta(minutes=5), "scp": ["tableau:content:read", "tableau:views:download"],
    }  # fmt: skip
    token = jwt.encode(claims, app["secret_value"], "HS256", {"kid": app["secret_id"]})
    server = tsc.Server(getattr(sandbox, place), use_server_version=True)
    with server.auth.sign_in(tsc.JWTAuth(token, site_id=sandbox.tableau_site)):
        assert server.views.get()[1].total_available == 11


def test_a_password_signs_in_and_switches_sites(sandbox):
    server = tsc.Server(sandbox.tableau_url, use_server_version=True)
    auth = tsc.TableauAuth(sandbox.tableau_user, sandbox.tableau_password, site_id=sandbox.tableau_site)
    with server.auth.sign_in(auth):
        before = server.site_id
        server.auth.switch_site(tsc.SiteItem("Default", ""))
        assert server.site_id != before
        assert [workbook.content_url for workbook in server.workbooks.get()[0]] == ["WeeklyKPI"]


def test_wrong_credentials_are_its_own_error(sandbox):
    server = tsc.Server(sandbox.tableau_url, use_server_version=True)
    with pytest.raises(tsc.FailedSignInError, match="401001"):
        server.auth.sign_in(tsc.PersonalAccessTokenAuth("airflow", "wrong", sandbox.tableau_site))
    with pytest.raises(tsc.FailedSignInError, match="401001"):
        tsc.Server(sandbox.tableau_cloud_url, use_server_version=True).auth.sign_in(
            tsc.TableauAuth(sandbox.tableau_user, sandbox.tableau_password, site_id=sandbox.tableau_site)
        )


def test_the_pager_reads_everything(sandbox, server):
    sandbox.tableau.add_workbooks(230)
    for size in (100, 7, 1000):
        items = list(tsc.Pager(server.workbooks, tsc.RequestOptions(pagesize=size)))
        assert len({item.id for item in items}) == len(items) == 234


def test_lists_are_filtered_and_sorted(server):
    found = server.workbooks.filter(name="주간 지표").order_by("-contentUrl")
    assert [(item.content_url, item.project_name) for item in found] == [
        ("WeeklyKPI_1", "마케팅"),
        ("WeeklyKPI", "데이터분석팀"),
    ]
    several = server.workbooks.filter(content_url__in=["Checks", "WeeklyKPI"]).order_by("content_url")
    assert [item.content_url for item in several] == ["Checks", "WeeklyKPI"]


def test_workbooks_projects_and_views_are_its_items(server):
    (workbook,) = server.workbooks.filter(content_url="WeeklyKPI")
    assert workbook.tags == {"주간 보고", "weekly"}
    assert workbook.updated_at.tzinfo is not None
    server.workbooks.populate_views(workbook)
    assert [view.name for view in workbook.views] == ["개요", "주간활성사용자", "채널별 매출", "구매 퍼널", "기기별 사용자"]
    assert server.workbooks.get_by_id(workbook.id).views[0].name == "개요"
    nested = next(project for project in tsc.Pager(server.projects) if project.name == "日本事業")
    assert nested.parent_id == workbook.project_id
    options = tsc.RequestOptions()
    options.all_fields = True
    overview = next(view for view in tsc.Pager(server.views, options) if view.content_url == "WeeklyKPI/sheets/Overview")
    assert (overview.sheet_type, overview.workbook.name, overview.project.name) == ("dashboard", "주간 지표", "데이터분석팀")
    assert server.views.get_by_id(overview.id).owner_id == overview.owner_id


def test_every_export_with_filters(server):
    view = by_content_url(server, "WeeklyKPI/sheets/UsersByDevice")
    csv_options = tsc.CSVRequestOptions(maxage=1)
    for options in (csv_options, excel_options := tsc.ExcelRequestOptions(maxage=1)):
        options.vf("기기", "모바일,태블릿").vf("지역", r"기타\, 해외").parameter("기준일", "2026-11-05")
    server.views.populate_csv(view, csv_options)
    rows = list(csv.reader(io.StringIO(b"".join(view.csv).decode("utf-8"))))
    assert [row[:2] for row in rows] == [["기기", "지역"], ["모바일", "기타, 해외"], ["태블릿", "기타, 해외"]]
    server.views.populate_excel(view, excel_options)
    cells = openpyxl.load_workbook(io.BytesIO(b"".join(view.excel))).active.iter_rows(values_only=True)
    assert [list(row) for row in cells] == rows

    image_options = tsc.ImageRequestOptions("high", maxage=1, viz_width=640, viz_height=360).vf("기기", "PC")
    server.views.populate_image(view, image_options)
    assert Image.open(io.BytesIO(view.image)).size == (1280, 720)
    server.views.populate_image(view, tsc.ImageRequestOptions(format=tsc.ImageRequestOptions.Format.SVG))
    assert view.image.startswith(b"<svg")
    paper = tsc.PDFRequestOptions(tsc.PDFRequestOptions.PageType.A4, tsc.PDFRequestOptions.Orientation.Landscape, maxage=1)
    server.views.populate_pdf(view, paper.vf("기기", "PC"))
    assert view.pdf.startswith(b"%PDF-")
    server.views.populate_preview_image(view)
    assert Image.open(io.BytesIO(view.preview_image)).size == (192, 192)


@pytest.mark.parametrize(
    ("content_url", "codes"),
    [
        ("Checks/sheets/ExecutivesOnly", ["403004", "403032", "403032", "403130"]),
        ("Checks/sheets/Disconnected", ["400081"] * 4),
        ("Checks/sheets/Empty", [None, None, None, "400130"]),
    ],
)
def test_errors_have_their_codes(server, content_url, codes):
    view = by_content_url(server, content_url)
    found: list[str | None] = []
    for kind in ("image", "csv", "pdf", "excel"):
        getattr(server.views, f"populate_{kind}")(view)
        try:
            content = getattr(view, kind)
            b"".join(content) if kind in {"csv", "excel"} else content
            found.append(None)
        except tsc.ServerResponseError as error:
            found.append(error.code)
    assert found == codes


def test_a_second_sign_in_with_a_token_ends_the_first(sandbox, server):
    other = tsc.Server(sandbox.tableau_url, use_server_version=True)
    other.auth.sign_in(tsc.PersonalAccessTokenAuth("airflow", sandbox.tableau_pats["airflow"], ""))
    with pytest.raises(tsc.NotSignedInError, match="401002"):
        server.workbooks.get()
    # Signing in again is what the fixture needs to sign out.
    server.auth.sign_in(tsc.PersonalAccessTokenAuth("airflow", sandbox.tableau_pats["airflow"], sandbox.tableau_site))


def test_pages_past_the_end_and_too_large(server):
    with pytest.raises(tsc.ServerResponseError, match="400006"):
        server.workbooks.get(tsc.RequestOptions(pagenumber=9))
    with pytest.raises(tsc.ServerResponseError, match="403014"):
        server.workbooks.get(tsc.RequestOptions(pagesize=1001))


def test_a_big_file_comes_whole(sandbox, server):
    sandbox.tableau.add_big_view("큰 시트", csv_bytes=2_000_000)
    view = by_content_url(server, "큰시트/sheets/큰시트")
    server.views.populate_excel(view)
    assert sum(map(len, view.excel)) == 2_000_000
    server.views.populate_csv(view)
    assert sum(map(len, view.csv)) == 2_000_000


def test_what_tabcmd_asks_for_beside_the_export(server):
    assert server.users.get_by_id(server.user_id).name == "report-bot"
    assert server.sites.get_by_id(server.site_id).content_url == "analytics"
    assert server.custom_views.get()[1].total_available == 4
    workbook = next(each for each in tsc.Pager(server.workbooks) if each.content_url == "WeeklyKPI")
    server.workbooks.populate_pdf(workbook, tsc.PDFRequestOptions())
    assert workbook.pdf.startswith(b"%PDF-")
    with pytest.raises(tsc.ServerResponseError, match="404002"):
        server.users.get_by_id("00000000-0000-0000-0000-000000000000")


def test_custom_views_are_listed_and_exported(server):
    custom_views, _ = server.custom_views.get()
    assert {(custom.name, custom.shared) for custom in custom_views} == {
        ("서울만", True), ("모바일", True), ("봇 보기", False),
    }  # fmt: skip
    seoul = server.custom_views.get_by_id(next(custom.id for custom in custom_views if custom.name == "서울만"))
    server.custom_views.populate_csv(seoul)
    rows = list(csv.DictReader(io.StringIO(b"".join(seoul.csv).decode())))
    assert rows
    assert {row["지역"] for row in rows} == {"서울"}
    server.custom_views.populate_image(seoul)
    assert Image.open(io.BytesIO(seoul.image)).format == "PNG"
    server.custom_views.populate_pdf(seoul, tsc.PDFRequestOptions())
    assert seoul.pdf.startswith(b"%PDF-")


def test_a_refresh_is_started_once_and_its_job_is_read(sandbox, server):
    sandbox.tableau.jobs.run_seconds = 3600
    workbook = next(each for each in tsc.Pager(server.workbooks) if each.content_url == "WeeklyKPI")
    job = server.workbooks.refresh(workbook, incremental=True)
    assert (job.type, job.workbook_id, job.completed_at) == ("IncrementExtract", workbook.id, None)
    assert server.workbooks.refresh(workbook) is None, "it is queued already"
    listed = server.jobs.get()[0]
    assert [(each.id, each.status) for each in listed] == [(job.id, "InProgress")]
    sandbox.tableau.clock.advance(timedelta(hours=2))
    assert server.jobs.wait_for_job(job).finish_code == tsc.JobItem.FinishCode.Success
    assert server.workbooks.get_by_id(workbook.id).updated_at > workbook.updated_at
    sandbox.tableau.jobs.run_seconds = 3600
    server.jobs.cancel(server.workbooks.refresh(workbook).id)
    assert server.jobs.get()[0][-1].status == "Cancelled"


def test_published_sources_and_flows_are_refreshed(sandbox, server):
    source = next(each for each in tsc.Pager(server.datasources) if each.content_url == "SalesSource")
    query = "query q($luid: String) {publishedDatasources(filter: {luid: $luid}) {extractLastUpdateTime}}"
    before = server.metadata.query(query, {"luid": source.id})["data"]["publishedDatasources"][0]
    sandbox.tableau.jobs.failures.append("no route to the database")
    failed = server.jobs.get_by_id(server.datasources.refresh(source).id)
    assert (failed.finish_code, failed.notes) == (1, ["no route to the database"])
    server.datasources.refresh(source)
    after = server.metadata.query(query, {"luid": source.id})["data"]["publishedDatasources"][0]
    assert after["extractLastUpdateTime"] > before["extractLastUpdateTime"]
    flow = server.flows.get()[0][0]
    job = server.flows.refresh(flow)
    runs = [run for run in server.flow_runs.get() if run.flow_id == flow.id]
    assert [run.status for run in runs] == ["Success", "Success"]
    assert job.flow_run.id == runs[-1].id


def test_a_workbook_with_tabs_is_one_pdf_with_a_page_for_each_view(sandbox, server):
    sandbox.tableau.show_tabs("WeeklyKPI")
    workbook = next(each for each in tsc.Pager(server.workbooks) if each.content_url == "WeeklyKPI")
    assert workbook.show_tabs
    server.workbooks.populate_pdf(workbook, tsc.PDFRequestOptions(page_type=tsc.PDFRequestOptions.PageType.A5))
    assert len(PdfReader(io.BytesIO(workbook.pdf)).pages) == 5
