from __future__ import annotations

import csv
import io
import logging
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import tableauserverclient as tsc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from support.bi_site import DEVICES, BiSite, Memory, pixels
from support.examples import examples
from workplace_provider.http.errors import BadResponse, Forbidden, NotFound, RateLimited, SourceUnavailable, WorkplaceError
from workplace_provider.tableau.client import (
    ALL,
    CSV,
    FORMATS,
    PDF,
    PNG,
    SVG,
    XLSX,
    EmptyView,
    ExportOptions,
    FeatureDisabled,
    SourceNotConnected,
    ViewFilters,
    ViewFormat,
)
from workplace_sandbox import Fault

EVERY = pytest.mark.parametrize("exported", FORMATS.values(), ids=lambda each: each.name)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


@EVERY
@pytest.mark.parametrize("cloud", [False, True])
def test_a_view_comes_in_every_format(bi: BiSite, exported: ViewFormat, cloud: bool) -> None:
    with bi.client(cloud=cloud) as client:
        content, done, _ = bi.exported(client, exported)
    assert done.size == len(content)
    assert done.facts()["workbook"] == "주간 지표"
    if exported is PNG:
        assert done.pixels == pixels(content)
    elif exported is XLSX:
        sheet = load_workbook(io.BytesIO(content)).active
        assert sheet is not None
        assert [cell.value for cell in sheet[1]] == ["날짜", "사용자 수", "목표"]
    elif exported is CSV:
        assert list(rows(content)[0]) == ["날짜", "사용자 수", "목표"]


def test_a_week_shows_its_own_numbers(bi: BiSite) -> None:
    with bi.client() as client:
        weeks = [date(2026, 11, day) for day in (5, 12, 19)]
        tables = [bi.exported(client, CSV, filters={"Parameters.기준일": week})[0] for week in weeks]
        pictures = [bi.exported(client, PNG, filters={"Parameters.기준일": week})[0] for week in weeks]
    assert [rows(table)[-1]["날짜"] for table in tables] == [str(week) for week in weeks]
    assert len(set(pictures)) == 3


def test_high_resolution_is_twice_the_pixels(bi: BiSite) -> None:
    with bi.client() as client:
        once = bi.exported(client, PNG)[1].pixels
        twice = bi.exported(client, PNG, high_resolution=True)[1].pixels
    assert once
    assert twice == (2 * once[0], 2 * once[1])


def test_a_size_that_was_not_honoured_is_a_warning_with_both(bi: BiSite, caplog: pytest.LogCaptureFixture) -> None:
    with bi.client() as client:
        assert bi.exported(client, PNG, width=500, height=300)[1].warnings == ()
        _, done, _ = bi.exported(client, PNG, "WeeklyKPI/Overview", width=500, height=300)
    assert done.pixels
    (warning,) = done.warnings
    assert f"{done.pixels[0]} x {done.pixels[1]} pixels instead of 500 x 300" in warning
    assert warning in caplog.text


def test_the_data_of_a_dashboard_is_its_first_sheet_and_the_log_says_so(
    bi: BiSite, caplog: pytest.LogCaptureFixture
) -> None:
    with bi.client() as client:
        content, done, _ = bi.exported(client, CSV, "WeeklyKPI/Overview")
    assert "first sheet only" in done.warnings[0]
    assert done.warnings[0] in caplog.text
    assert rows(content)


@pytest.mark.parametrize(
    ("filters", "want"),
    [
        ({"기기": "모바일"}, {"모바일"}),
        ({"기기": ["PC", "태블릿"]}, {"PC", "태블릿"}),
        ({"기기": ALL}, {"PC", "모바일", "태블릿"}),
        ({"지역": "기타, 해외"}, {"PC", "모바일", "태블릿"}),
        ({"지역": ["R&D \\ Lab", "서울"]}, {"PC", "모바일", "태블릿"}),
        ({"없는 필드": "x"}, {"PC", "모바일", "태블릿"}),
    ],
)
def test_filters_are_applied(bi: BiSite, filters: dict[str, Any], want: set[str]) -> None:
    with bi.client() as client:
        filtered = rows(bi.exported(client, CSV, DEVICES, filters=filters)[0])
        everything = rows(bi.exported(client, CSV, DEVICES)[0])
    assert {row["기기"] for row in filtered} == want
    if "지역" in filters:
        assert filtered != everything


@pytest.mark.parametrize(
    "values",
    [
        {"지역": "R&D \\ Lab"},
        {"주문 채널": 'a=b "c" %2C'},
        {"지역": "서울 특별시"},
        {"Parameters.기준일": "2026-11-05"},
        {"기기": "모바일", "지역": "도쿄"},
    ],
)
def test_the_server_gets_what_tableaus_own_client_sends(bi: BiSite, values: dict[str, str]) -> None:
    # That one writes values as they are given, so what is special in them is escaped for it by hand.
    options = tsc.ImageRequestOptions(maxage=1)
    for name, value in values.items():
        options.vf(name, value.replace("\\", "\\\\").replace(",", "\\,"))
    server = tsc.Server(bi.sandbox.tableau_url, use_server_version=True)
    credentials = tsc.PersonalAccessTokenAuth(bi.token.name, bi.token.secret, bi.sandbox.tableau_site)
    with server.auth.sign_in(credentials):
        (view,) = [each for each in tsc.Pager(server.views) if each.content_url == "WeeklyKPI/sheets/UsersByDevice"]
        server.views.populate_image(view, options)
        theirs = bytes(view.image)
    with bi.client() as client:
        memory = Memory()
        client.export(client.find_view(DEVICES), PNG, memory, ExportOptions(filters=ViewFilters(values)), allow_empty=True)
    queries = bi.export_queries()
    assert queries[0] == queries[-1]
    assert theirs == memory.content


def test_a_fresh_picture_is_asked_for(bi: BiSite) -> None:
    with bi.client() as client:
        old = bi.exported(client, CSV)[0]
        bi.controls.refresh_extract("WeeklyKPI", date(2027, 3, 4))
        bi.controls.clock.advance(timedelta(minutes=2))
        assert bi.exported(client, CSV, max_age=600)[0] == old
        assert bi.exported(client, CSV)[0] != old


@EVERY
@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_after", "truncate"])
def test_what_fails_by_chance_is_repeated_and_the_file_is_whole(bi: BiSite, exported: ViewFormat, kind: Any) -> None:
    with bi.client() as client:
        good = bi.exported(client, exported)[0]
        bi.sandbox.add_fault(Fault(rf"/{exported.path}$", kind, times=2, status=500))
        assert bi.exported(client, exported)[0] == good


@EVERY
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "html"}, BadResponse),
        ({"kind": "truncate"}, BadResponse),
        ({"kind": "status", "status": 500}, SourceUnavailable),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "900"}}, RateLimited),
        ({"kind": "status", "status": 200, "body": ""}, WorkplaceError),
        ({"kind": "status", "status": 200, "body": "<html><body>SSO</body></html>"}, BadResponse),
        ({"kind": "status", "status": 200, "body": "\x89PNG nearly"}, BadResponse),
    ],
)
def test_what_is_no_whole_file_is_an_error_of_the_right_kind(
    bi: BiSite, exported: ViewFormat, fault: dict[str, Any], kind: type[WorkplaceError]
) -> None:
    bi.sandbox.add_fault(Fault(rf"/{exported.path}$", times=None, **fault))
    with bi.client() as client, pytest.raises(kind) as caught:
        bi.exported(client, exported)
    assert "주간활성사용자" in str(caught.value)
    assert "/views/" in caught.value.url
    if kind is RateLimited:
        assert caught.value.retry_after == 900


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40))
@given(data=st.data())
def test_whatever_goes_wrong_the_file_is_the_right_one_or_there_is_an_error(bi: BiSite, data: st.DataObject) -> None:
    bi.controls.reset()
    bi.sandbox.clear_faults()
    exported = data.draw(st.sampled_from(list(FORMATS.values())))
    with bi.client() as client:
        good = bi.exported(client, exported)[0]
        for _ in range(data.draw(st.integers(1, 3))):
            fault = Fault(
                rf"/{exported.path}$",
                data.draw(st.sampled_from(["status", "drop_before", "drop_after", "truncate", "html"])),
                times=data.draw(st.integers(1, 4)),
                skip=data.draw(st.integers(0, 2)),
                status=data.draw(st.sampled_from([401, 403, 429, 500, 502, 503])),
            )
            bi.sandbox.add_fault(fault)
        if data.draw(st.booleans()):
            bi.controls.expire_sessions()
        try:
            content = bi.exported(client, exported)[0]
        except WorkplaceError:
            return
    assert content == good


def test_a_view_that_cannot_be_exported_says_why(bi: BiSite) -> None:
    want: list[tuple[str, ViewFormat, type[WorkplaceError], str]] = [
        ("Checks/Disconnected", PNG, SourceNotConnected, "Sign in to the data source"),
        ("Checks/Disconnected", CSV, SourceNotConnected, "Sign in to the data source"),
        ("Checks/ExecutivesOnly", PNG, Forbidden, "permission"),
        ("Checks/ExecutivesOnly", PDF, Forbidden, "permission"),
        ("Checks/ExecutivesOnly", XLSX, Forbidden, "permission"),
        *(("Checks/Empty", exported, EmptyView, "shows no data") for exported in (PNG, SVG, PDF, XLSX)),
    ]
    with bi.client() as client:
        for view, exported, kind, says in want:
            with pytest.raises(kind, match=says) as caught:
                bi.exported(client, exported, view)
            assert not caught.value.retryable
            assert view.partition("/")[0] in str(caught.value)
        assert bi.exported(client, CSV, "Checks/Empty")[1].has_rows is False
    assert bi.waits == [], "what stays wrong is not waited for"


def test_a_view_that_was_deleted_meanwhile_is_not_found_in_any_format(bi: BiSite) -> None:
    with bi.client() as client:
        gone = replace(client.find_view(DEVICES), id="00000000-0000-0000-0000-000000000000")
        for exported in FORMATS.values():
            with pytest.raises(NotFound, match="that the account has the permission to view it"):
                client.export(gone, exported, Memory())


def test_svg_needs_a_server_that_has_it(bi: BiSite) -> None:
    code = '<tsResponse xmlns="http://tableau.com/api"><error code="403157"><summary>Disabled</summary></error></tsResponse>'
    bi.sandbox.add_fault(Fault("/image$", "status", status=403, body=code, headers={"Content-Type": "text/xml"}))
    with bi.client() as client, pytest.raises(FeatureDisabled, match="Ask an administrator to enable"):
        bi.exported(client, SVG)


def test_the_log_says_what_it_waits_for(bi: BiSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bi.sandbox.add_fault(Fault("/image$", "status", status=429, headers={"Retry-After": "7"}))
    with bi.client() as client:
        bi.exported(client, PNG, filters={"지역": "서울"})
    assert bi.waits == [7]
    assert "waiting 7.0 s" in caplog.text


def test_secrets_are_not_logged(bi: BiSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []
    bi.sandbox.add_fault(Fault("/image$", "status", status=503))
    with bi.client(on_secret=tokens.append) as client:
        bi.exported(client, PNG)
    for secret in (*tokens, bi.token.secret):
        assert secret not in caplog.text
