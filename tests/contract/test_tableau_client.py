"""The Tableau client against recorded answers of real servers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from support.bi_site import Memory, pixels
from support.scripted_server import ScriptedServer, reply, scripted_server
from workplace_provider.http.errors import AuthFailed, BadResponse
from workplace_provider.tableau import ExportOptions, PersonalAccessToken, TableauClient
from workplace_provider.tableau.client import CSV, PDF, PNG, XLSX, View, ViewFormat, Workbook
from workplace_provider.tableau.client.responses import parse

pytestmark = pytest.mark.contract
RECORDED_JOBS = ("workbook_refresh", "job_get_by_id_completed", "job_get_by_id_inprogress")
SITE = "6b7179ba-b82b-4f0f-91ed-812074ac5da6"


@pytest.fixture
def answers(recorded_tableau: Path) -> Any:
    """A recorded body by its file name."""
    return lambda name: (recorded_tableau / name).read_bytes()


@contextmanager
def talk(answers: Any, *script: Any) -> Iterator[tuple[TableauClient, ScriptedServer]]:
    """A client that is signed in by the recorded answer; what it asks for next is answered by the script."""
    with scripted_server() as server:
        server.will(as_xml(answers("auth_sign_in.xml")), *script)
        token = PersonalAccessToken("a", "secret-a")
        yield TableauClient(server.url, token, "Samples", api_version="3.19", sleep=lambda _: None), server


def a_workbook(luid: str) -> Workbook:
    return Workbook(luid, "Sales", "Sales", "", "", "", None, None, "")


def as_xml(content: bytes) -> Any:
    return reply(200, content, Content_Type="application/xml;charset=utf-8")


def test_every_recorded_answer_can_be_read(recorded_tableau: Path) -> None:
    found = {file.name: parse(file.read_bytes()) for file in recorded_tableau.glob("*.xml")}
    assert len(found) >= 15
    assert {node.name for node in found.values()} == {"tsResponse"}
    assert all(node.children for node in found.values())


def test_a_list_with_a_prefix_and_all_fields_is_read(answers: Any) -> None:
    content = answers("view_get_all_fields.xml")
    count = content.count(b"<ns0:view ")
    content = content.replace(b'totalAvailable="40"', f'totalAvailable="{count}"'.encode())  # it was cut for the recording
    with talk(answers, as_xml(content)) as (client, server):
        views = client.views()
    assert len(views) == count
    first = views[0]
    assert (first.name, first.workbook, first.project, first.sheet_type) == (
        "Overview",
        "Superstore",
        "Samples",
        "dashboard",
    )
    assert str(first.updated_at) == "2024-02-14 04:42:10+00:00", "the workbook's is the later one"
    assert first.url == f"{server.url}/#/site/Samples/views/Superstore/Overview"
    assert f"/api/3.19/sites/{SITE}/views?" in server.asked[1].path
    assert {name.lower(): value for name, value in server.asked[1].headers.items()}["x-tableau-auth"]


def test_workbooks_on_several_pages_are_read_in_order(answers: Any) -> None:
    third = answers("workbook_get_page_2.xml").replace(b"Page2Workbook", b"Page3Workbook").replace(b'id="', b'id="3')
    pages = [answers("workbook_get_page_1.xml"), answers("workbook_get_page_2.xml"), third]
    with talk(answers, *map(as_xml, pages)) as (client, _):
        workbooks = client.workbooks(page_size=1, parallel=1)
    assert [each.name for each in workbooks] == ["Page1Workbook", "Page2Workbook", "Page3Workbook"]
    assert workbooks[0].project == "default"


def test_the_views_of_a_workbook_have_no_pages(answers: Any) -> None:
    with talk(answers, as_xml(answers("workbook_populate_views.xml"))) as (client, _):
        names = [view.name for view in client.views_of("w")]
    assert names == ["GDP per capita", "Country ranks", "Interest rates"]


def test_a_refused_sign_in_is_explained(answers: Any) -> None:
    with scripted_server() as server:
        server.will(reply(401, answers("auth_sign_in_error.xml"), Content_Type="text/xml"))
        client = TableauClient(server.url, PersonalAccessToken("a", "secret-a"), api_version="3.19")
        with pytest.raises(AuthFailed, match="Error signing in to Tableau Server") as caught:
            client.sign_in()
    assert caught.value.code == "401001"


def test_the_server_tells_its_version(answers: Any) -> None:
    with scripted_server() as server:
        server.will(as_xml(answers("server_info_get.xml")))
        client = TableauClient(server.url, PersonalAccessToken("a", "secret-a"))
        assert client.server.product == "10.1.0"
        assert client.api_version == "3.10"


@pytest.mark.parametrize(
    ("exported", "name"),
    [(PNG, "Sample View Image.png"), (CSV, "populate_csv.csv"), (PDF, "populate_pdf.pdf"), (XLSX, "populate_excel.xlsx")],
    ids=lambda each: getattr(each, "name", each),
)
def test_recorded_files_pass_and_cut_ones_do_not(answers: Any, exported: ViewFormat, name: str) -> None:
    content = answers(name)
    view = View("v", "Overview", "A/sheets/B", "dashboard", "w", "A", "P", None, None, "")
    memory = Memory()
    with talk(answers, reply(200, content, Content_Type=exported.media_type)) as (client, _):
        done = client.export(view, exported, memory, ExportOptions())
    assert memory.content == content.removeprefix(b"\xef\xbb\xbf")
    if exported is PNG:
        assert done.pixels == pixels(content)
    if exported is CSV:
        assert done.has_rows
    if exported is XLSX:
        assert load_workbook(io.BytesIO(memory.content)).sheetnames
    if exported is not CSV:
        cut = reply(200, content[:-30], Content_Type=exported.media_type)
        with talk(answers, cut) as (client, _), pytest.raises(BadResponse, match="cut off"):
            client.export(view, exported, Memory(), ExportOptions())


def test_the_recorded_list_of_custom_views_is_read(answers: Any) -> None:
    with talk(answers, as_xml(answers("custom_view_get.xml"))) as (client, _):
        first, second = client.custom_views()
    assert (first.name, first.shared, first.created_at) == ("ENDANGERED SAFARI", False, None)
    assert (second.name, second.shared, second.view_id) == ("Overview", True, "5b534f74-3226-11e8-b47a-cb2e00f738a3")
    assert second.created_at is not None


def test_recorded_jobs_are_read(answers: Any) -> None:
    with talk(answers, *(as_xml(answers(f"{name}.xml")) for name in RECORDED_JOBS)) as (client, _):
        started = client.jobs.start(a_workbook("3cc6cd06-89ce-4fdc-b935-5294135d6d42"))
        done = client.jobs.get("2eef4225-aa0c-41c4-8662-a76d89ed7336")
        running = client.jobs.get("777bf7c4-421d-4b2c-a518-11b90187c545")
    assert (started.id, started.finished) == ("7c3d599e-949f-44c3-94a1-f30ba85757e4", False)
    assert (done.succeeded, done.notes) == (True, "Job detail notes")
    assert not running.finished
