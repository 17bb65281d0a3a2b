"""Pictures that are cropped and trimmed, and views that become one PDF."""

from __future__ import annotations

import io
import json
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from PIL import Image
from pypdf import PdfReader

from support.bi_site import DEVICES, USERS, BiSite, pixels
from workplace_provider.common.artifacts import Artifact, as_artifacts
from workplace_provider.http.errors import BadResponse, TooLarge
from workplace_provider.tableau import pictures
from workplace_provider.tableau.operators import (
    TableauExportBatchOperator,
    TableauPdfOperator,
    TableauViewImageOperator,
)
from workplace_provider.tableau.pdf import PdfPart, merge_pdfs
from workplace_provider.tableau.pictures import PictureBuffer, PictureEdit, edit_picture, parse_crop
from workplace_sandbox import Fault


@pytest.fixture(autouse=True)
def _connection(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "bi" in request.fixturenames:
        bi: BiSite = request.getfixturevalue("bi")
        connection = {
            "conn_type": "tableau_rest",
            "host": bi.sandbox.tableau_url,
            "login": bi.token.name,
            "password": bi.token.secret,
            "extra": {"site": bi.sandbox.tableau_site},
        }
        monkeypatch.setenv("AIRFLOW_CONN_TABLEAU_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")


def context() -> Any:
    dag = SimpleNamespace(dag_id="weekly", timezone=UTC)
    run = SimpleNamespace(run_after=datetime(2026, 11, 19, tzinfo=UTC))
    return {"dag": dag, "run_id": "run-1", "ti": SimpleNamespace(map_index=-1), "dag_run": run}


def png(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def chart() -> bytes:
    """A red rectangle of 20 x 10 pixels on white, at (30, 40), with a soft edge."""
    picture = Image.new("RGB", (200, 100), "white")
    picture.paste((250, 250, 250), (28, 38, 52, 52))
    picture.paste("red", (30, 40, 50, 50))
    return png(picture)


def export(operator: Any) -> tuple[Artifact, bytes]:
    (artifact,) = as_artifacts(operator.execute(context()))
    return artifact, artifact.open().read()


def pages(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


# --- pictures


def test_trim_keeps_the_content_with_a_margin() -> None:
    edited = edit_picture(chart(), PictureEdit(trim=True))
    assert (edited.width, edited.height) == pixels(edited.content) == (20 + 16, 10 + 16)
    assert Image.open(io.BytesIO(edited.content)).getpixel((8, 8)) == (255, 0, 0)
    transparent = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    transparent.paste((0, 0, 255, 255), (25, 25, 35, 35))
    assert edit_picture(png(transparent), PictureEdit(trim=True), scale=2).width == 10 + 32


def test_a_blank_picture_is_kept_with_a_warning() -> None:
    blank = png(Image.new("RGB", (20, 20), "white"))
    edited = edit_picture(blank, PictureEdit(trim=True))
    assert (edited.width, edited.warnings) == (20, ("the picture has one colour, so there is nothing to trim",))


@pytest.mark.parametrize(
    ("crop", "size"),
    [
        ([0, 0, 50, 20], (50, 20)),
        ("10, 10%, 100%, 90%", (190, 80)),
        ('["0%", "0", "50%", "100"]', (100, 100)),
        ("", (200, 100)),
        (None, (200, 100)),
    ],
)
def test_crop_keeps_a_part(crop: Any, size: tuple[int, int]) -> None:
    edges = parse_crop(crop, "crop")
    assert parse_crop(edges, "crop") == edges
    edited = edit_picture(chart(), PictureEdit(edges))
    assert (edited.width, edited.height) == size


def test_pixels_of_a_crop_are_those_of_the_view() -> None:
    edited = edit_picture(chart(), PictureEdit(parse_crop([0, 0, 50, 20], "crop")), scale=2)
    assert (edited.width, edited.height) == (100, 40)


@pytest.mark.parametrize(
    ("crop", "says"),
    [
        ([1, 2, 3], "four edges"),
        (7, "four edges"),
        (["a", 0, 1, 1], "crop: left is 'a'"),
        ([0, 0, "101%", 1], "inside of the picture"),
        ([0, 0, "nan", 1], "inside of the picture"),
        ([5, 0, 5, 1], "left must be less than right"),
        ([-1, 0, 5, 1], "inside of the picture"),
    ],
)
def test_a_crop_that_makes_no_sense_is_an_error(crop: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_crop(crop, "crop")


def test_a_crop_outside_of_the_picture_names_its_size() -> None:
    with pytest.raises(ValueError, match="crop is 0, 0, 500, 50, but the view has 200 x 100 pixels"):
        edit_picture(chart(), PictureEdit(parse_crop([0, 0, 500, 50], "crop")))


def test_a_decompression_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(TooLarge, match="60000 x 60000 pixels"):
        edit_picture(bomb, PictureEdit(trim=True))
    with pytest.raises(BadResponse, match="cannot be read"):
        edit_picture(chart()[:60], PictureEdit(trim=True))
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    buffer = PictureBuffer()
    buffer.write(b"12345")
    buffer.restart()
    buffer.write(b"1234567890")
    with pytest.raises(TooLarge):
        buffer.write(b"1")


def test_without_pillow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ValueError, match=r"airflow-provider-workplace\[tableau\]"):
        edit_picture(b"", PictureEdit(trim=True))


def test_an_exported_picture_is_cropped_and_trimmed(bi: BiSite) -> None:
    _, content = export(TableauViewImageOperator(task_id="a", view=USERS))
    width, height = pixels(content)
    half, content = export(TableauViewImageOperator(task_id="b", view=USERS, crop='[0, 0, "50%", "100%"]'))
    assert pixels(content) == (width // 2, height) == (half.facts["width"], half.facts["height"])
    trimmed, content = export(TableauViewImageOperator(task_id="c", view=USERS, trim="true"))
    assert pixels(content)[0] < width
    assert trimmed.facts["width"] == pixels(content)[0]
    for wrong in ({"trim": True, "image_format": "svg"}, {"crop": [0, 0, 99999, 1]}):
        with pytest.raises(AirflowFailException, match="crop"):
            TableauViewImageOperator(task_id="d", view=USERS, **wrong).execute(context())
    batch = TableauExportBatchOperator(
        task_id="e", views=[{"view": USERS, "trim": True}, {"view": DEVICES, "language": "de"}], formats=["png", "csv"]
    )
    files = {artifact.name: artifact for artifact in as_artifacts(batch.execute(context()))}
    assert files["주간활성사용자.png"].facts["width"] == trimmed.facts["width"]
    assert "width" not in files["주간활성사용자.csv"].facts
    assert files["기기별 사용자.csv"].facts["language"] == "de"


# --- PDFs


def test_views_become_one_pdf_in_order(bi: BiSite, tmp_path: Path) -> None:
    views = [
        DEVICES,
        {"view": USERS, "filters": {"Parameters.기준일": "2026-11-05"}},
        {"view": DEVICES, "custom_view": "서울만"},
    ]
    artifact, content = export(TableauPdfOperator(task_id="pdf", views=views, file_name="보고"))
    read = pages(content)
    titles = ["기기별 사용자", "주간활성사용자", "기기별 사용자 (서울만)"]
    assert [bookmark["/Title"] for bookmark in read.outline] == titles  # type: ignore[call-overload,index]
    assert (artifact.name, artifact.facts["views"], artifact.facts["pages"]) == ("보고.pdf", titles, 3)
    assert artifact.facts["view_url"].endswith("/WeeklyKPI/UsersByDevice")
    assert bi.sign_ins() == 1
    assert {query["type"] for query in bi.export_queries() if "type" in query} == {"a4"}


def test_a_workbook_without_tabs_is_merged_and_one_with_tabs_is_tableaus_own(bi: BiSite) -> None:
    artifact, content = export(TableauPdfOperator(task_id="pdf", workbook="WeeklyKPI", page_type="a5"))
    assert artifact.name == "주간 지표.pdf"
    assert len(pages(content).pages) == artifact.facts["pages"] == 5
    assert artifact.facts["views"][0] == "개요"
    bi.controls.show_tabs("WeeklyKPI")
    artifact, content = export(TableauPdfOperator(task_id="pdf", workbook="WeeklyKPI", filters={"지역": "서울"}))
    assert len(pages(content).pages) == 5
    assert artifact.facts["workbook"] == "주간 지표"
    assert bi.sandbox.requests("/workbooks/[^/]+/pdf$")


def test_empty_pages_fail_or_are_left_out(bi: BiSite) -> None:
    views = ["Checks/Empty", DEVICES]
    with pytest.raises(AirflowFailException, match="shows no data"):
        TableauPdfOperator(task_id="pdf", views=views).execute(context())
    artifact, content = export(TableauPdfOperator(task_id="pdf", views=views, on_empty="skip"))
    assert len(pages(content).pages) == 1
    assert "without a page" in artifact.facts["warnings"][0]
    with pytest.raises(AirflowSkipException, match="No view"):
        TableauPdfOperator(task_id="pdf", views=views[:1], on_empty="skip").execute(context())
    artifact, content = export(TableauPdfOperator(task_id="pdf", views=views, on_empty="keep"))
    assert len(pages(content).pages) == 2
    for given in ({}, {"views": views, "workbook": "WeeklyKPI"}):
        with pytest.raises(AirflowFailException, match="give either workbook or views"):
            TableauPdfOperator(task_id="pdf", **given).execute(context())


def test_a_damaged_pdf_is_an_error_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "a.pdf"
    for content in (b"%PDF-1.7\n%%EOF", b"", b"<html>log in</html>"):
        part.write_bytes(content)
        with pytest.raises(BadResponse, match="'개요' cannot be read"):
            merge_pdfs([PdfPart("개요", part)], tmp_path / "merged.pdf")
    assert not (tmp_path / "merged.pdf").exists()
    monkeypatch.setattr("workplace_provider.tableau.pdf.MOST_BYTES", 3)
    with pytest.raises(TooLarge):
        merge_pdfs([PdfPart("개요", part)], tmp_path / "merged.pdf")
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    with pytest.raises(ValueError, match=r"airflow-provider-workplace\[tableau\]"):
        merge_pdfs([], tmp_path / "merged.pdf")


# --- sheets of dashboards


def test_the_data_of_each_sheet_of_a_dashboard_is_exported(bi: BiSite) -> None:
    batch = TableauExportBatchOperator(
        task_id="e", views=["WeeklyKPI/Overview", USERS], formats=["csv", "png"], sheets=True, filters={"지역": "서울"}
    )
    result = batch.execute(context())
    names = {artifact.name for artifact in as_artifacts(result)}
    sheets = {"주간활성사용자", "채널별 매출", "구매 퍼널", "기기별 사용자"}
    assert names == {f"{sheet}.csv" for sheet in sheets} | {"개요.png", "주간활성사용자.png"}
    assert "hidden sheets, whose data cannot be exported: 원본 데이터" in result["facts"]["warnings"][0]
    assert len(bi.sandbox.requests("/graphql$")) == 1
    overview = next(artifact.facts["view_id"] for artifact in as_artifacts(result) if artifact.name == "개요.png")
    hidden = f'{{"data": {{"dashboards": [{{"luid": "{overview}", "sheets": [{{"name": "원본", "luid": ""}}]}}]}}}}'
    bi.sandbox.add_fault(Fault("/graphql$", "status", status=200, body=hidden))
    with pytest.raises(AirflowFailException, match="has no sheet that is not hidden"):
        batch.execute(context())
    bi.controls.metadata_enabled = False
    with pytest.raises(AirflowFailException, match="Metadata API is not available"):
        batch.execute(context())
