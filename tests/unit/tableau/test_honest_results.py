"""Pictures that show what was asked for, and servers that are less able or less honest than the newest one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from support.bi_site import DEVICES, BiSite, Memory
from support.scripted_server import Reply, ScriptedServer, reply
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import BadResponse, Invalid, NotFound, SourceUnavailable, WorkplaceError
from workplace_provider.tableau.client import (
    CSV,
    PDF,
    PNG,
    EmptyView,
    ExportOptions,
    PersonalAccessToken,
    TableauClient,
    ViewFilters,
)
from workplace_provider.tableau.client.responses import parse
from workplace_sandbox import Fault

EMPTY = "Checks/Empty"
LUID = "11111111-2222-3333-4444-555555555555"


def xml(inner: str, status: int = 200) -> Reply:
    body = f'<tsResponse xmlns="http://tableau.com/api">{inner}</tsResponse>'.encode()
    return reply(status, body, Content_Type="application/xml")


def refusal(code: str) -> Reply:
    return xml(f'<error code="{code}"><summary>Bad Request</summary><detail>no</detail></error>', int(code[:3]))


def view(number: int = 5, book: str = "Book", **attributes: str) -> str:
    given = {"id": f"{LUID[:-1]}{number}", "name": "Sheet", "contentUrl": f"{book}/sheets/Sheet", **attributes}
    named = " ".join(f'{name}="{value}"' for name, value in given.items() if value)
    return f'<view {named}><workbook id="w{number}"/><project id="p"/></view>'


def views(*rows: str, total: str = "") -> Reply:
    total = total or str(len(rows))
    return xml(f'<pagination pageNumber="1" pageSize="1000" totalAvailable="{total}"/><views>{"".join(rows)}</views>')


SIGN_IN = xml('<credentials token="t"><site id="s" contentUrl="Samples"/><user id="u"/></credentials>')


@pytest.fixture
def site(server: ScriptedServer) -> Callable[[Callable[[str], Reply]], TableauClient]:
    """A client of a server that responds as a function of the path says."""

    def make(route: Callable[[str], Reply]) -> TableauClient:
        def respond(handler: BaseHTTPRequestHandler) -> None:
            path = handler.path
            answer = SIGN_IN if "/auth/signin" in path else reply(204, b"") if "/auth/signout" in path else route(path)
            answer(handler)

        server.will(respond)
        token, settings = PersonalAccessToken("n", "s"), HttpSettings(read_timeout=0.3)
        return TableauClient(server.url, token, "Samples", api_version="3.29", settings=settings, sleep=lambda _: None)

    return make


@pytest.mark.parametrize("refused", ["fields", "filter", "sort"])
def test_a_server_that_refuses_an_optional_feature_is_asked_without_it(
    site: Any, server: ScriptedServer, caplog: pytest.LogCaptureFixture, refused: str
) -> None:
    books = (
        '<pagination pageNumber="1" pageSize="1000" totalAvailable="2"/><workbooks>'
        '<workbook id="w5" name="Book"><project name="P"/></workbook>'
        '<workbook id="w6" name="Other"><project name="Q"/></workbook></workbooks>'
    )

    def route(path: str) -> Reply:
        if f"{refused}=" in path:
            return refusal("400023")
        if "/workbooks" in path:
            return xml(books)
        return views(view(5), view(6, "Other"))

    with site(route) as client:
        assert client.find_view("Book/Sheet").id.endswith("5")
        server.asked.clear()
        if refused == "fields":  # the plain list has no names of workbooks
            assert client.find_view("Sheet", workbook="Other").id.endswith("6")
        assert client.find_view("Other/Sheet").id.endswith("6")
    assert not [asked for asked in server.asked if f"{refused}=" in asked.path], "once per session"
    assert sum("the server rejects" in record.message for record in caplog.records) == 1


def test_a_refusal_that_is_about_something_else_is_an_error(site: Any) -> None:
    with site(lambda _: refusal("403004")) as client, pytest.raises(WorkplaceError, match="no"):
        client.views()
    with site(lambda _: refusal("400023")) as client, pytest.raises(Invalid):
        client.views()


@pytest.mark.parametrize(
    "other",
    [
        {"createdAt": "2016-06-31T20:34:04Z"},
        {"updatedAt": "yesterday"},
        {"updatedAt": "2026-11-26T01:02:03"},
        {"id": ""},
        {"createdAt": "0000-00-00T00:00:00Z"},
    ],
)
def test_what_is_wrong_with_an_item_concerns_that_item_alone(site: Any, other: dict[str, str]) -> None:
    with site(lambda _: views(view(5), view(6, "Other", **other))) as client:
        assert client.find_view("Book/Sheet").id.endswith("5")
        second = client.views()[1]
        assert second.updated_at is None or second.updated_at.tzinfo is not None
        if other == {"id": ""}:
            with pytest.raises(BadResponse, match="without its id"):
                client.find_view("Other/Sheet")


@pytest.mark.parametrize("total", ["9" * 30, "-1", "²", "1.5", "x"])
def test_a_length_out_of_range_is_an_error_of_our_own(site: Any, total: str) -> None:
    with (
        site(lambda _: views(view(), total=total)) as client,
        pytest.raises(BadResponse, match="has no valid pagination") as caught,
    ):
        client.views()
    assert "/sites/s/views" in caught.value.url


@pytest.mark.parametrize("body", [b"", b" ", b'<tsResponse xmlns="http://tableau.com/api"><cred', b'{"credentials": {"tok'])
def test_a_sign_in_that_is_answered_by_nothing_is_tried_again(server: ScriptedServer, body: bytes) -> None:
    server.will(reply(200, body, Content_Type="text/xml"), SIGN_IN, views(view()))
    token = PersonalAccessToken("n", "s")
    client = TableauClient(server.url, token, "Samples", api_version="3.29", sleep=lambda _: None)
    assert len(client.views()) == 1


def test_a_sign_in_without_a_user() -> None:
    node = parse(json.dumps({"credentials": {"token": "t", "site": {"id": "s"}, "user": None}}).encode())
    assert node.first("credentials").first("user").get("id") == ""


def test_an_export_that_is_refused_by_chance_is_tried_again(site: Any, server: ScriptedServer) -> None:
    data = [refusal("400080"), reply(200, b"a\r\n1\r\n", Content_Type="text/csv")]
    with site(lambda path: data.pop(0) if "/data" in path else views(view())) as client:
        client.export(client.find_view("Book/Sheet"), CSV, Memory())

    def gone(path: str) -> Reply:
        if "/data" in path:
            return refusal("400080")
        return views(view()) if "/views?" in path else refusal("404006")

    with site(gone) as client, pytest.raises(NotFound) as caught:
        client.export(client.find_view("Book/Sheet"), CSV, Memory())
    assert not caught.value.retryable


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(2)
    handler.rfile.read(1)


def test_a_render_that_times_out_is_sent_twice(site: Any, server: ScriptedServer) -> None:
    with site(lambda path: silent if "/data" in path else views(view())) as client, pytest.raises(SourceUnavailable):
        client.export(client.find_view("Book/Sheet"), CSV, Memory())
    assert sum("/data" in asked.path for asked in server.asked) == 2


@pytest.mark.parametrize("exported", [PNG, PDF])
def test_a_picture_of_nothing_is_an_error_or_a_warning(bi: BiSite, exported: Any) -> None:
    with bi.client() as client:
        empty = client.find_view(EMPTY)
        for _ in range(2):
            with pytest.raises(EmptyView, match="shows no data"):
                client.export(empty, exported, Memory())
        done = client.export(empty, exported, Memory(), allow_empty=True)
    assert "shows no data" in " ".join(done.warnings)
    assert len(bi.sandbox.requests("/data$")) == 1, "one verdict for all exports of the view"


def test_what_cannot_be_known_is_a_warning(bi: BiSite) -> None:
    code = '<tsResponse xmlns="http://tableau.com/api"><error code="403032"><summary>no</summary></error></tsResponse>'
    bi.sandbox.add_fault(Fault("/data$", "status", status=403, body=code, headers={"Content-Type": "text/xml"}))
    with bi.client() as client:
        done = client.export(client.find_view(DEVICES), PNG, Memory())
    assert "could not check whether" in " ".join(done.warnings)


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("지역", "서울", True),
        ("지역", ["서울", "도쿄"], True),
        ("없는 필드", "서울", False),
        ("Parameters.기준일", "2026-11-05", None),
    ],
)
def test_a_field_that_the_view_lacks_is_found_out(bi: BiSite, name: str, value: Any, known: bool | None) -> None:
    with bi.client() as client:
        assert client.knows_filter(client.find_view(DEVICES), name, value) is known


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("?Region=East", "Region=East"),
        ("?:iid=1&지역=서울&A%20B=1", "A B=1"),
    ],
)
def test_what_a_pasted_url_has_beside_the_view_counts(site: Any, server: ScriptedServer, more: str, says: str) -> None:
    with site(lambda _: views(view())) as client:
        for base in (f"{server.url}/#/site/Samples/views/Book/Sheet", f"{server.url}/t/Samples/views/Book/Sheet"):
            with pytest.raises(Invalid, match=says):
                client.find_view(base + more)
            assert client.find_view(f"{base}?:iid=2&:embed=y").id.endswith("5")


def test_a_list_of_some_fields_needs_no_ids(bi: BiSite) -> None:
    with bi.client() as client:
        names = client.views(fields="name,contentUrl")
        assert len(names) == len(client.views())
        assert all(each.name and each.content_url and not each.id for each in names)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_filter(value: float) -> None:
    with pytest.raises(Invalid, match="'x'"):
        ViewFilters({"x": value})


def test_a_warning_is_logged(bi: BiSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with bi.client() as client:
        client.export(client.find_view(EMPTY), PNG, Memory(), ExportOptions(), allow_empty=True)
    assert "shows no data" in caplog.text


def test_a_billion_pages_are_an_error_and_not_a_billion_requests(site: Any, server: ScriptedServer) -> None:
    def route(_: str) -> Reply:
        return xml(f'<pagination pageNumber="1" pageSize="1" totalAvailable="999999999"/><views>{view()}</views>')

    with site(route) as client, pytest.raises(BadResponse, match="999,999,999 pages"):
        client.views()
    assert len([each for each in server.asked if "/views" in each.path]) == 1


@pytest.mark.parametrize("row", ["", view(7), view(id="")])
def test_a_response_about_another_view_is_an_error(site: Any, row: str) -> None:
    with site(lambda _: xml(row)) as client, pytest.raises(BadResponse, match="does not describe the view"):
        client.get_view(LUID)


@pytest.mark.parametrize(("view_id", "sent"), [("a/../../b?c=d", "a%2F..%2F..%2Fb%3Fc%3Dd"), ("", ""), ("..", "")])
def test_an_id_stays_one_segment_of_the_path(site: Any, server: ScriptedServer, view_id: str, sent: str) -> None:
    with site(lambda _: views(view(id=view_id))) as client:
        listed = client.views()[0]
        with pytest.raises(WorkplaceError):
            client.export(listed, CSV, Memory())
    asked = [each.path for each in server.asked if "/data" in each.path]
    assert all(f"/sites/s/views/{sent}/data" in path for path in asked)
    assert bool(asked) == bool(sent)
