from __future__ import annotations

import json

import pytest

from support.scripted_server import ScriptedServer, reply
from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
)
from workplace_provider.tableau.client import (
    EmptyView,
    FeatureDisabled,
    PersonalAccessToken,
    SessionLost,
    SourceNotConnected,
    TableauClient,
)
from workplace_provider.tableau.client.responses import parse, parse_error

ERROR = (
    '<tsResponse xmlns="http://tableau.com/api"><error code="{code}"><summary>{summary}</summary>'
    "<detail>{detail}</detail></error></tsResponse>"
)


def answer(code: str, detail: str = "no", status: int | None = None) -> ErrorResponse:
    text = ERROR.format(code=code, summary="Sorry", detail=detail)
    return ErrorResponse(status or int(code[:3]), {}, text, None)


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("401001", AuthFailed, False),
        ("401002", SessionLost, False),
        ("401000", SessionLost, False),
        ("404011", NotFound, False),
        ("400080", SourceUnavailable, True),
        ("404006", NotFound, False),
        ("404042", NotFound, False),
        ("403004", Forbidden, False),
        ("403032", Forbidden, False),
        ("403131", Forbidden, False),
        ("403068", FeatureDisabled, False),
        ("403157", FeatureDisabled, False),
        ("400130", EmptyView, False),
        ("400074", SourceUnavailable, True),
        ("400081", SourceUnavailable, True),
        ("400007", Invalid, False),
        ("429000", RateLimited, True),
    ],
)
def test_codes_are_read_by_class(code: str, kind: type[Exception], retryable: bool) -> None:
    said = parse_error(answer(code))
    assert said.kind is kind
    assert said.code == code
    assert said.message == "Sorry: no"
    assert (said.retryable if said.retryable is not None else kind.retryable_by_default) is retryable  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "detail",
    ["DataSourcesNotConnectedException", "FederatedDataSourceException: x", "The OAuth refresh token is invalid"],
)
def test_a_source_that_nobody_is_logged_in_to_is_not_tried_again(detail: str) -> None:
    said = parse_error(answer("400081", detail))
    assert said.kind is SourceNotConnected
    assert said.retryable is False
    assert "sign in to the data source" in said.advice


def test_a_page_of_a_proxy_is_left_to_its_status() -> None:
    assert parse_error(ErrorResponse(502, {}, "<html><h1>Bad Gateway</h1></html>", None)).kind is None
    assert parse_error(ErrorResponse(502, {}, "", None)).kind is None


def test_xml_and_json_are_the_same_tree() -> None:
    xml = b"""<?xml version='1.0'?><n:tsResponse xmlns:n="http://tableausoftware.com/api"><n:pagination pageNumber="1"
      pageSize="100" totalAvailable="2"/><n:views><n:view id="a" name="\xea\xb0\x9c\xec\x9a\x94"><n:tags/></n:view>
      <n:view id="b"/></n:views></n:tsResponse>"""
    as_json = {
        "pagination": {"pageNumber": "1", "pageSize": "100", "totalAvailable": "2"},
        "views": {"view": [{"id": "a", "name": "개요", "tags": {}}, {"id": "b"}]},
    }
    trees = [parse(xml), parse(json.dumps(as_json).encode())]
    for tree in trees:
        assert tree.first("pagination").get("totalAvailable") == "2"
        assert [view.get("name") for view in tree.first("views").all("view")] == ["개요", ""]
    assert trees[0] == trees[1]


def test_a_list_without_items_has_none() -> None:
    assert list(parse(b'{"views": {}}').first("views").all("view")) == []
    assert parse(b'{"a": null, "b": true}').attributes == {"b": "true"}


@pytest.mark.parametrize("content", [b"", b"plain", b"<a", b"<!DOCTYPE html><html></html>", b"{"])
def test_what_is_neither_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"XML|DOCTYPE|Expecting"):
        parse(content)


def test_entities_from_outside_are_not_read() -> None:
    evil = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><tsResponse><site contentUrl="&x;"/></tsResponse>'
    with pytest.raises(ValueError, match=r"DOCTYPE|well-formed"):
        parse(evil)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":' * 100_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"<tsResponse>" + b"<a>" * 100_000,
        b"<tsResponse>" + b"<a>" * 400 + b"</a>" * 400 + b"</tsResponse>",
    ],
    ids=["endless JSON", "deep JSON", "endless XML", "deep XML"],
)
def test_a_response_that_is_nested_too_deeply_cannot_be_read(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested|not well-formed XML"):
        parse(content)
    assert parse_error(ErrorResponse(500, {}, content.decode(), None)) == ErrorDetails()


def test_a_response_of_comments_costs_no_more_than_its_length(server: ScriptedServer) -> None:
    server.will(reply(200, b"<!---->" * 20_000 + b"<x", Content_Type="application/xml"))
    with (
        TableauClient(server.url, PersonalAccessToken("n", "s"), sleep=lambda _: None) as client,
        pytest.raises(BadResponse, match="Cannot read the response"),
    ):
        _ = client.server
