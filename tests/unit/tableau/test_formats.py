from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workplace_provider.http.errors import BadResponse
from workplace_provider.tableau.client import EmptyView
from workplace_provider.tableau.client.export import InspectingSink
from workplace_provider.tableau.client.formats import CSV, FORMATS, PDF, PNG, SVG, XLSX, Inspection, ViewFormat


def png(width: int = 40, height: int = 30) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(target, "PNG")
    return target.getvalue()


GOOD = {
    PNG: png(),
    SVG: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>\n',
    CSV: "지역,값\n서울,1\n".encode(),
    PDF: b"%PDF-1.7\n...\n%%EOF\n",
    XLSX: b"PK\x03\x04" + b"x" * 2000 + b"PK\x05\x06" + b"\x00" * 18,
}
LOGIN = b"\n<!DOCTYPE html><html><head><title>Log in</title></head><body>who are you?</body></html>"


def inspected(exported: ViewFormat, content: bytes, declared: str = "", step: int = 7) -> Inspection:
    inspection = Inspection(exported)
    for start in range(0, len(content), step):
        inspection.feed(content[start : start + step])
    inspection.finish(declared)
    return inspection


@pytest.mark.parametrize("exported", GOOD, ids=lambda each: each.name)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_whole_file_passes_however_it_is_cut_into_pieces(exported: ViewFormat, step: int) -> None:
    assert inspected(exported, GOOD[exported], exported.media_type, step).size == len(GOOD[exported])


@pytest.mark.parametrize("exported", FORMATS.values(), ids=lambda each: each.name)
def test_a_log_in_page_is_no_file(exported: ViewFormat) -> None:
    with pytest.raises(BadResponse, match="HTML page"):
        inspected(exported, LOGIN)


@pytest.mark.parametrize("exported", FORMATS.values(), ids=lambda each: each.name)
def test_an_empty_answer_is_an_empty_view(exported: ViewFormat) -> None:
    with pytest.raises(EmptyView, match="check that it shows data"):
        inspected(exported, b"")


@pytest.mark.parametrize("exported", [PNG, PDF, XLSX, SVG], ids=lambda each: each.name)
@given(data=st.data())
def test_a_file_that_was_cut_off_never_passes(exported: ViewFormat, data: st.DataObject) -> None:
    # The line end after PDF's and SVG's last mark may be missing.
    whole = GOOD[exported].rstrip() if exported in (PDF, SVG) else GOOD[exported]
    # What follows a zip file's end mark is 18 bytes of its own record.
    last = len(whole) - (19 if exported is XLSX else 1)
    with pytest.raises((BadResponse, EmptyView)):
        inspected(exported, whole[: data.draw(st.integers(0, last))])


def test_the_size_of_a_picture_is_the_one_in_its_header() -> None:
    assert inspected(PNG, png(123, 45)).pixels == (123, 45)
    assert inspected(CSV, GOOD[CSV]).pixels is None


def test_another_format_is_not_taken() -> None:
    with pytest.raises(BadResponse, match="the file starts with b'%PDF"):
        inspected(PNG, GOOD[PDF])
    with pytest.raises(BadResponse, match="the server declared application/json"):
        inspected(CSV, b'{"error": 1}\n', "application/json")


def test_text_that_is_no_utf8_is_not_taken() -> None:
    with pytest.raises(BadResponse, match="not UTF-8: byte 0xbc"):
        inspected(CSV, "지역,값\n".encode() + "서울".encode("cp949"))
    with pytest.raises(BadResponse, match="not UTF-8"):
        inspected(CSV, "지역".encode()[:-1])


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", True),
        ("a,b\n", False),
        ("a,b", False),
        ("a,b\r\n\r\n", False),
        ('"a\nb",c\n', False),
        ('"a\nb",c\n1,2', True),
        ('"a ""x"" \n",c\n', False),
    ],
)
def test_a_heading_alone_is_no_row(text: str, rows: bool) -> None:
    assert inspected(CSV, text.encode(), step=1).has_rows is rows


class _Memory:
    def __init__(self) -> None:
        self.content = b""

    def write(self, chunk: bytes, /) -> None:
        self.content += chunk

    def restart(self) -> None:
        self.content = b""


@pytest.mark.parametrize("came_with", [True, False])
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("step", [1, 2, 3, 50])
@pytest.mark.parametrize("text", ["지역,값\n서울,1\n", "a", "ab"])
def test_the_byte_order_mark_is_ours_to_decide(came_with: bool, wanted: bool, step: int, text: str) -> None:
    content = (codecs.BOM_UTF8 if came_with else b"") + text.encode()
    memory = _Memory()
    sink = InspectingSink(memory, CSV, byte_order_mark=wanted)
    for start in range(0, len(content), step):
        sink.write(content[start : start + step])
    sink.finish("text/csv")
    assert memory.content == (codecs.BOM_UTF8 if wanted else b"") + text.encode()


def test_a_transfer_that_begins_anew_is_looked_at_anew() -> None:
    memory = _Memory()
    sink = InspectingSink(memory, PNG)
    sink.write(png()[:30])
    sink.restart()
    sink.write(png(9, 8))
    sink.finish("image/png")
    assert sink.inspection.pixels == (9, 8)
    assert memory.content == png(9, 8)
