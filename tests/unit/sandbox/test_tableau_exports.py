"""Exports of the sandbox's Tableau: pictures, data, paper, spreadsheets, and what each method says when it cannot."""

from __future__ import annotations

import io
import re
import zipfile

import openpyxl
import pytest
import requests
from PIL import Image

from support.tableau_rest import TableauRest, error_code, sign_in
from workplace_sandbox import Sandbox

METHODS = {"image": "image", "data": "data", "pdf": "pdf", "crosstab": "crosstab/excel"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def api(sandbox: Sandbox) -> TableauRest:
    return sign_in(sandbox.tableau_url)


def export(api: TableauRest, view: str, method: str, **params: str | int) -> requests.Response:
    return api.call(f"/views/{api.view(view)}/{METHODS[method]}", params)


def size(answer: requests.Response) -> tuple[int, int]:
    assert answer.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    image.verify()
    return image.size


def test_high_resolution_is_exactly_twice_the_size(api):
    for view, expected in (("WeeklyKPI/WeeklyActiveUsers", (860, 400)), ("WeeklyKPI/Overview", (1200, 800))):
        assert size(export(api, view, "image")) == expected
        assert size(export(api, view, "image", resolution="high")) == (expected[0] * 2, expected[1] * 2)
        assert size(export(api, view, "image", resolution="low")) == expected


def test_a_worksheet_takes_a_size_and_a_dashboard_keeps_its_own(api):
    asked = {"vizWidth": 500, "vizHeight": 700}
    assert size(export(api, "WeeklyKPI/PurchaseFunnel", "image", **asked)) == (500, 700)
    assert size(export(api, "WeeklyKPI/PurchaseFunnel", "image", resolution="high", **asked)) == (1000, 1400)
    plain = export(api, "WeeklyKPI/Overview", "image")
    assert export(api, "WeeklyKPI/Overview", "image", **asked).content == plain.content


@pytest.mark.parametrize(
    "asked", [{"vizWidth": 500}, {"vizHeight": 5}, {"vizWidth": 0, "vizHeight": 5}, {"vizWidth": "x", "vizHeight": 5}]
)
def test_width_and_height_come_together(sandbox, api, asked):
    assert error_code(export(api, "WeeklyKPI/PurchaseFunnel", "image", **asked)) == "400003"
    old = sign_in(sandbox.tableau_url, version="3.22")
    assert size(export(old, "WeeklyKPI/PurchaseFunnel", "image", **asked)) == (600, 400), "an older version ignores them"


def test_svg_since_3_29(sandbox, api):
    answer = export(api, "WeeklyKPI/PurchaseFunnel", "image", format="SVG")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg ")
    assert error_code(export(api, "WeeklyKPI/PurchaseFunnel", "image", format="GIF")) == "400003"
    old = sign_in(sandbox.tableau_url, version="3.28")
    assert error_code(export(old, "WeeklyKPI/PurchaseFunnel", "image", format="SVG")) == "403157"
    assert size(export(old, "WeeklyKPI/PurchaseFunnel", "image", format="PNG")) == (600, 400)


def test_data_is_utf8_which_the_server_does_not_say(sandbox, api):
    answer = export(api, "WeeklyKPI/UsersByDevice", "data")
    assert answer.headers["content-type"] == "text/csv"
    lines = answer.content.decode("utf-8").splitlines()
    assert lines[0] == "기기,지역,사용자 수,비중"
    assert lines[4].startswith('PC,"기타, 해외","')
    assert "기기" not in answer.text, "a client that trusts the header reads something else"
    cloud = export(sign_in(sandbox.tableau_cloud_url), "WeeklyKPI/UsersByDevice", "data")
    assert cloud.headers["content-type"] == "text/csv;charset=UTF-8"
    assert cloud.content == answer.content


def test_the_crosstab_has_the_rows_of_the_data(api):
    answer = export(api, "WeeklyKPI/UsersByDevice", "crosstab", vf_기기="모바일")
    assert answer.headers["content-type"] == XLSX
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True))
    data = api.rows("WeeklyKPI/UsersByDevice", {"vf_기기": "모바일"})
    assert rows == [tuple(data[0]), *(tuple(row.values()) for row in data)]


def test_the_data_of_a_dashboard_is_its_first_visible_worksheet_by_name(api):
    for method in ("data", "crosstab"):
        dashboard, sheet = (export(api, f"WeeklyKPI/{name}", method) for name in ("Overview", "PurchaseFunnel"))
        if method == "data":
            assert dashboard.content == sheet.content
        else:
            cells = [openpyxl.load_workbook(io.BytesIO(each.content)).active["A2"].value for each in (dashboard, sheet)]
            assert cells == ["방문", "방문"]


def box(answer: requests.Response) -> tuple[float, ...]:
    """Width and height of the page of a PDF in points."""
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")
    assert b"/Image" in answer.content
    found = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", answer.content)
    assert found is not None
    return float(found[1]), float(found[2])


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (612, 1008)),
        ({"type": "A4"}, (595, 842)),
        ({"type": "a4", "orientation": "landscape"}, (842, 595)),
        ({"type": "B5"}, (499, 709)),
        ({"type": "Letter", "orientation": "Landscape", "vizWidth": 400, "vizHeight": 300}, (792, 612)),
        ({"type": "Unspecified"}, (600, 400)),
        ({"type": "unspecified", "vizWidth": 400, "vizHeight": 300}, (400, 300)),
    ],
)
def test_paper_has_its_size(api, params, expected):
    assert box(export(api, "WeeklyKPI/PurchaseFunnel", "pdf", **params)) == expected


def test_paper_that_does_not_exist(api):
    assert error_code(export(api, "WeeklyKPI/PurchaseFunnel", "pdf", type="A9")) == "400003"


def test_the_small_picture(api):
    workbook = api.names("/workbooks", {"filter": "contentUrl:eq:WeeklyKPI"}, "id")[0]
    other = api.names("/workbooks", {"filter": "contentUrl:eq:Checks"}, "id")[0]
    view = api.view("WeeklyKPI/Overview")
    assert size(api.ok(f"/workbooks/{workbook}/views/{view}/previewImage")) == (192, 192)
    assert api.refusal(f"/workbooks/{other}/views/{view}/previewImage") == "404011"
    assert api.refusal(f"/workbooks/none/views/{view}/previewImage") == "404006"


@pytest.mark.parametrize(
    ("view", "codes"),
    [
        (None, ["404011", "400080", "400080", "404011"]),
        ("Checks/ExecutivesOnly", ["403004", "403032", "403032", "403130"]),
        ("Checks/Disconnected", ["400081", "400081", "400081", "400081"]),
    ],
)
def test_every_method_has_codes_of_its_own(api, view, codes):
    luid = api.view(view) if view else "00000000-0000-0000-0000-000000000000"
    assert [api.refusal(f"/views/{luid}/{path}") for path in METHODS.values()] == codes


def test_a_source_that_is_not_connected_is_named(api):
    assert "DataSourcesNotConnectedException" in export(api, "Checks/Disconnected", "data").text


def test_an_empty_view_has_a_picture_and_no_crosstab(api):
    assert size(export(api, "Checks/Empty", "image"))
    assert export(api, "Checks/Empty", "data").content == b"\r\n"
    assert error_code(export(api, "Checks/Empty", "crosstab")) == "400130"
    assert error_code(export(api, "WeeklyKPI/UsersByDevice", "crosstab", vf_기기="없음")) == "400130"
    assert export(api, "WeeklyKPI/UsersByDevice", "data", vf_기기="없음").content.count(b"\n") == 1


def test_others_may_export_what_the_bot_may_not(sandbox):
    jimin = sign_in(sandbox.tableau_url, name="jimin", password="sandbox-password")
    assert size(export(jimin, "Checks/ExecutivesOnly", "image"))


def test_a_big_view_has_files_of_the_size_that_was_ordered(sandbox, api):
    sandbox.tableau.add_big_view("큰 시트", csv_bytes=3_000_001, xlsx_bytes=2_000_000)
    data = export(api, "큰시트/큰시트", "data")
    assert len(data.content) == int(data.headers["content-length"]) == 3_000_001
    assert data.content.decode("utf-8", "ignore").startswith("번호,상품,금액\r\n000001,")
    crosstab = export(api, "큰시트/큰시트", "crosstab")
    assert len(crosstab.content) == int(crosstab.headers["content-length"]) == 2_000_000
    assert zipfile.ZipFile(io.BytesIO(crosstab.content)).testzip() is None
    assert openpyxl.load_workbook(io.BytesIO(crosstab.content)).sheetnames
    assert size(export(api, "큰시트/큰시트", "image"))


def test_a_big_view_is_never_in_memory(sandbox, api):
    """Nothing but the size grows: it is sent in pieces of a quarter of a mebibyte."""
    sandbox.tableau.add_big_view("아주 큰 시트", csv_bytes=1_500_000_000)
    with requests.get(
        f"{api.base}/sites/{api.site}/views/{api.view('아주큰시트/아주큰시트')}/data",
        headers={"X-Tableau-Auth": api.token},
        stream=True,
        timeout=30,
    ) as answer:
        assert answer.headers["content-length"] == "1500000000"
        assert len(next(answer.iter_content(1_000_000))) == 1_000_000
    view = sandbox.tableau.catalogue.site("analytics").find_view("아주큰시트", "아주큰시트")
    pieces = view.sheet.contents.csv()
    assert max(len(next(pieces)) for _ in range(50)) <= 256 * 1024


def test_sizes_that_no_file_has(sandbox):
    with pytest.raises(ValueError, match="header"):
        sandbox.tableau.add_big_view("x", csv_bytes=1)
    with pytest.raises(ValueError, match="Excel"):
        sandbox.tableau.add_big_view("x", csv_bytes=100)


def test_a_workbook_is_downloaded_as_a_package(api):
    response = api.call(f"/workbooks/{api.workbook('WeeklyKPI')}/content")
    assert response.headers["content-type"] == "application/octet-stream"
    assert "filename*=UTF-8''WeeklyKPI.twbx" in response.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == ["WeeklyKPI.twb"]


def test_a_presentation_has_a_slide_for_each_view(api):
    response = api.call(f"/workbooks/{api.workbook('WeeklyKPI')}/powerpoint")
    assert response.headers["content-type"].endswith("presentationml.presentation")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        pictures = [name for name in archive.namelist() if name.startswith("ppt/media/")]
        assert len(pictures) == 5
        assert Image.open(archive.open(pictures[0])).size == (1200, 800)


def test_a_presentation_of_a_broken_view_is_refused(api):
    assert error_code(api.call(f"/workbooks/{api.workbook('Checks')}/powerpoint")) == "400081"


def test_the_preview_of_a_workbook_is_that_of_its_default_view(api):
    workbook = api.workbook("WeeklyKPI")
    of_view = api.call(f"/workbooks/{workbook}/views/{api.view('WeeklyKPI/Overview')}/previewImage")
    assert api.call(f"/workbooks/{workbook}/previewImage").content == of_view.content
