from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted_server import ScriptedServer, reply
from support.team_wiki import BODY, LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.client.content_rows import page_of_v2
from workplace_provider.confluence.client.errors import parse_datacenter_error
from workplace_provider.confluence.client.responses import Content, Links, Version
from workplace_provider.http.client import ErrorResponse
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
    BadResponse,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)
from workplace_sandbox.faults import Fault


@pytest.fixture
def client(wiki: TeamWiki) -> Iterator[ConfluenceClient]:
    client = wiki.client()
    yield client
    client.close()


def test_400_children_are_listed_whole_under_a_context_path(wiki: TeamWiki, client: ConfluenceClient) -> None:
    for number in range(399):
        wiki.sandbox.store.create_page(SPACE, f"주간 {number}", "<p>x</p>", parent_id=wiki.parent, author="jimin")
    wiki.sandbox.clear_requests()
    children = list(client.children(wiki.parent))
    assert [child.title for child in children] == [LAST_WEEK, *(f"주간 {number}" for number in range(399))]
    assert {child.parent_id for child in children} == {wiki.parent}
    asked = wiki.sandbox.requests()
    assert len(asked) > 1
    assert all(each.path.startswith("/confluence/rest/api/") for each in asked)


def test_a_listing_ends_at_the_missing_next_and_not_at_a_short_page(server: ScriptedServer) -> None:
    def page(ids: list[int], following: str | None) -> bytes:
        rows = [{"id": str(number), "title": f"p{number}", "version": {"number": 1}} for number in ids]
        return json.dumps({"results": rows, "_links": {"next": following} if following else {}}).encode()

    server.will(
        reply(200, page([1, 2], "/rest/api/content/7/child/page?limit=2&start=2")),
        reply(200, page([], "/other/rest/api/content/7/child/page?limit=2&start=4")),
        reply(200, page([2, 3], "/rest/api/content/7/child/page?limit=2&start=6")),
        reply(200, page([4], None)),
    )
    client = connect(f"{server.url}/ctx", token="t")
    assert [child.id for child in client.children("7")] == ["1", "2", "3", "4"]
    assert all(asked.path.startswith("/ctx/rest/api/content/7/child/page?") for asked in server.asked)


def test_a_listing_that_goes_in_circles_is_an_error(server: ScriptedServer) -> None:
    answer = {"results": [], "_links": {"next": "/rest/api/content/7/child/page?start=2"}}
    server.will(reply(200, json.dumps(answer).encode()))
    with pytest.raises(BadResponse, match="repeated a cursor: start=2"):
        list(connect(server.url, token="t").children("7"))


@pytest.mark.parametrize("path", ["rest/api/content$", "/child/page$"])
@pytest.mark.parametrize("kind", ["truncate", "html"])
def test_a_damaged_listing_is_an_error_or_whole_and_never_shorter(
    wiki: TeamWiki, client: ConfluenceClient, kind: str, path: str
) -> None:
    wiki.sandbox.add_fault(Fault(path, kind))  # type: ignore[arg-type]
    try:
        titles = [child.title for child in client.children(wiki.parent)]
        found = client.find_page(SPACE, LAST_WEEK)
    except WorkplaceError as error:
        assert isinstance(error, BadResponse | SourceUnavailable)  # noqa: PT017 - an attempt may succeed in spite of the fault
    else:
        assert titles == [LAST_WEEK]
        assert found is not None


def test_a_title_is_looked_up_exactly_and_in_all_statuses(wiki: TeamWiki, client: ConfluenceClient) -> None:
    found = client.find_page(SPACE, LAST_WEEK, body=True)
    assert found is not None
    assert (found.id, found.parent_id, found.body, found.created_by) == (wiki.last_week, wiki.parent, BODY, "jimin")
    assert found.url.startswith(wiki.sandbox.confluence_url)
    wiki.sandbox.store.archive_page(wiki.last_week)
    archived = client.find_page(SPACE, LAST_WEEK)
    assert archived is not None
    assert archived.status == "archived"
    assert client.find_page(SPACE, "없는 페이지") is None


def test_cql_finds_by_title(wiki: TeamWiki, client: ConfluenceClient) -> None:
    assert [page.id for page in client.search(f'space = "{SPACE}" and title = "{LAST_WEEK}"')] == [wiki.last_week]
    with pytest.raises(Invalid):
        list(client.search("this is no CQL ("))


def test_an_edit_is_made_on_the_fresh_body_after_a_conflict(wiki: TeamWiki, client: ConfluenceClient) -> None:
    edits: list[str] = []

    def edit(body: str) -> str:
        edits.append(body)
        if len(edits) == 1:  # a person saves between our read and our write
            wiki.sandbox.store.update_page(wiki.last_week, body="<p>사람이 쓴 글</p>", author="jimin")
        return body + "<p>ours</p>"

    page, changed = client.update_page(wiki.last_week, edit, message="자동", minor=True)
    stored = wiki.sandbox.store.page(wiki.last_week)
    assert stored is not None
    assert stored.body == "<p>사람이 쓴 글</p><p>ours</p>"
    assert (page.version, changed, stored.message, stored.minor) == (3, True, "자동", True)


def test_an_edit_that_changes_nothing_writes_nothing(wiki: TeamWiki, client: ConfluenceClient) -> None:
    page, changed = client.update_page(wiki.last_week, lambda body: body.replace("&nbsp;", "\u00a0"))
    assert (page.version, changed) == (1, False)
    assert wiki.writes() == []


def test_a_change_of_case_is_a_change(wiki: TeamWiki, client: ConfluenceClient) -> None:
    client.update_page(wiki.last_week, lambda _: "<p>ok</p>")
    _, changed = client.update_page(wiki.last_week, lambda _: "<p>OK</p>")
    assert changed


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after"},
        {"kind": "drop_before"},
        {"kind": "status_after", "status": 503},
        {"kind": "status", "status": 500},
    ],
)
def test_an_update_whose_answer_is_lost_is_made_once(
    wiki: TeamWiki, client: ConfluenceClient, fault: dict[str, Any]
) -> None:
    wiki.sandbox.add_fault(Fault(f"/content/{wiki.last_week}$", method="PUT", **fault))
    page, changed = client.update_page(wiki.last_week, lambda body: body + "<p>새 줄</p>")
    assert (page.version, changed) == (2, True)
    stored = wiki.sandbox.store.page(wiki.last_week)
    assert stored is not None
    assert stored.body == BODY + "<p>새 줄</p>"


def test_endless_conflicts_end(wiki: TeamWiki, client: ConfluenceClient) -> None:
    wiki.sandbox.add_fault(
        Fault("/content/", "status", method="PUT", status=409, times=None, body='{"message": "Version must be incremented"}')
    )
    with pytest.raises(Conflict) as caught:
        client.update_page(wiki.last_week, lambda body: body + "<p>x</p>")
    assert caught.value.retryable


def test_to_the_trash_and_nothing_happens_twice(wiki: TeamWiki, client: ConfluenceClient) -> None:
    client.trash_page(wiki.last_week)
    client.trash_page(wiki.last_week)
    assert client.get_page(wiki.last_week).status == "trashed"


def test_labels_and_properties_and_comments(wiki: TeamWiki, client: ConfluenceClient) -> None:
    client.add_labels(wiki.parent, ["주간", "a"])
    client.add_labels(wiki.parent, ["a", "b"])
    client.remove_label(wiki.parent, "b")
    client.remove_label(wiki.parent, "b")
    assert set(client.labels(wiki.parent)) == {"주간", "a"}
    for number in range(30):
        client.set_property(wiki.parent, f"key-{number}", lambda _: {"값": 1})
    assert len(list(client.properties(wiki.parent))) == 30
    assert client.set_property(wiki.parent, "key-1", lambda present: {"값": present["값"] + 1}) == {"값": 2}
    assert client.get_property(wiki.parent, "none") is None
    store = wiki.sandbox.store
    top = store.add_comment(wiki.parent, "<p>좋아요</p>", "jimin")
    store.add_comment(wiki.parent, "<p>네</p>", "haruka", parent_id=top.id)
    comments = list(client.comments(wiki.parent))
    assert [(each.body, each.author, each.parent_id) for each in comments] == [
        ("<p>좋아요</p>", "김지민", None),
        ("<p>네</p>", "佐藤 遥", top.id),
    ]


def test_many_files_and_every_byte_of_one(wiki: TeamWiki, client: ConfluenceClient) -> None:
    import io

    files = {each.name: each for each in client.attachments(wiki.last_week)}
    sink = io.BytesIO()
    done = client.download_attachment(files["주간활성사용자.png"], sink)
    assert sink.getvalue() == b"\x89PNG wau"
    assert done.size == files["주간활성사용자.png"].size
    assert client.find_attachment(wiki.last_week, "없음.png") is None


# --- errors a person can act on ---------------------------------------------------------------------------------------


def test_a_wrong_token(wiki: TeamWiki) -> None:
    with pytest.raises(AuthFailed, match="make a new one") as caught:
        connect(wiki.url, token="wrong-token").get_page(wiki.parent)
    assert "wrong-token" not in str(caught.value)
    assert len(wiki.sandbox.requests()) == 1


def test_a_missing_permission(wiki: TeamWiki) -> None:
    with pytest.raises(Forbidden, match="permission in the space"):
        wiki.client("viewer").create_page(SPACE, THIS_WEEK, "<p>x</p>", parent_id=wiki.parent)
    assert len(wiki.writes()) == 1


def test_a_missing_scope() -> None:
    said = parse_datacenter_error(ErrorResponse(401, {}, "", {"code": 401, "message": "Unauthorized; scope does not match"}))
    assert (said.kind, said.code) == (Forbidden, "scope")


def test_an_unknown_page(wiki: TeamWiki, client: ConfluenceClient) -> None:
    with pytest.raises(NotFound, match="Check id and space"):
        client.get_page("999")
    assert len(wiki.sandbox.requests()) == 1


def test_a_title_that_is_too_long_is_not_even_sent(wiki: TeamWiki, client: ConfluenceClient) -> None:
    with pytest.raises(Invalid, match="has 256 characters, more than 255"):
        client.create_page(SPACE, "가" * 256, "<p>x</p>")
    assert wiki.writes() == []


def test_a_body_that_is_too_large(wiki: TeamWiki, client: ConfluenceClient) -> None:
    with pytest.raises(TooLarge, match="Split the page"):
        client.create_page(SPACE, THIS_WEEK, f"<p>{'x' * 5_500_000}</p>")
    assert len(wiki.writes()) == 1


def test_a_body_that_is_no_storage_format(wiki: TeamWiki, client: ConfluenceClient) -> None:
    with pytest.raises(Invalid, match="line 1, column 4"):
        client.create_page(SPACE, THIS_WEEK, "<p>&nope;</p>")
    assert wiki.writes() == []


def test_a_title_that_is_taken_says_where(wiki: TeamWiki, client: ConfluenceClient) -> None:
    with pytest.raises(AlreadyExists) as caught:
        client.create_page(SPACE, LAST_WEEK, "<p>x</p>")
    assert f"pageId={wiki.last_week}" in str(caught.value)


def test_a_site_that_is_no_confluence(server: ScriptedServer) -> None:
    server.will(reply(200, b"<html><title>Welcome to nginx</title>", Content_Type="text/html"))
    with pytest.raises(BadResponse, match="Welcome to nginx"):
        connect(server.url, token="t").get_page("1")


@pytest.mark.parametrize("arguments", [{}, {"user": "jimin"}, {"token": ""}])
def test_a_connection_without_a_credential(arguments: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="No credential"):
        connect("https://wiki.example.com", **arguments)


def test_basic_authentication(wiki: TeamWiki) -> None:
    client = connect(wiki.sandbox.confluence_url, user="report-bot", password="sandbox-password")
    assert client.current_user().name == "report-bot"
    assert client.server().deployment == "datacenter"


@given(status=st.integers(300, 599), text=st.text(max_size=200))
def test_any_error_body_can_be_read(status: int, text: str) -> None:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    parse_datacenter_error(ErrorResponse(status, {}, text, data))


@pytest.mark.parametrize("body", [None, {}, {"storage": None}, {"storage": {}}, {"view": {"value": "<p/>"}}])
def test_a_page_whose_body_is_missing_is_no_empty_page(server: ScriptedServer, body: Any) -> None:
    row = {"id": "7", "type": "page", "title": "T", "version": {"number": 3}, "space": {"key": "S"}, "body": body}

    def respond(handler: BaseHTTPRequestHandler) -> None:
        listing = "title=" in handler.path
        reply(200, json.dumps({"results": [row]} if listing else row).encode())(handler)

    server.will(respond)
    client = connect(server.url, token="t")
    with pytest.raises(BadResponse, match="no body for the page 7"):
        client.update_page("7", lambda before: f"{before}<p>new</p>")
    with pytest.raises(BadResponse, match="no body for the page 7"):
        client.find_page("S", "T", body=True)
    assert {each.method for each in server.asked} == {"GET"}
    assert client.get_page("7").version == 3


@pytest.mark.parametrize(
    ("base", "webui", "expected"),
    [
        (None, None, "https://wiki.example.com/c/pages/viewpage.action?pageId=7"),
        ("https://wiki.example.com/c", "/display/A/b", "https://wiki.example.com/c/display/A/b"),
        ("http://wiki.example.com/c/", "/display/A/b", "http://wiki.example.com/c/display/A/b"),
        ("https://wiki.example.com/other", "/x", "https://wiki.example.com/other/x"),
        ("https://evil.example.com", "/x", "https://wiki.example.com/c/x"),
        ("https://wiki.example.com@evil.example.com", "/x", "https://wiki.example.com/c/x"),
        ("https://wiki.example.com:8443", "/x", "https://wiki.example.com/c/x"),
        ("javascript://wiki.example.com/%0aalert(1)", "/x", "https://wiki.example.com/c/x"),
        ("https://[wiki", "/x", "https://wiki.example.com/c/x"),
        ("https://wiki.example.com:port", "/x", "https://wiki.example.com/c/x"),
        (None, "@evil.example.com/", "https://wiki.example.com/c/pages/viewpage.action?pageId=7"),
        (None, ".evil.example.com/", "https://wiki.example.com/c/pages/viewpage.action?pageId=7"),
    ],
)
def test_an_address_for_people_is_on_the_site(base: str | None, webui: str | None, expected: str) -> None:
    site = "https://wiki.example.com/c"
    assert Content(id="7", links=Links(base=base, webui=webui)).url(site) == expected
    assert Content(id="7", links=Links(webui=webui)).url(site, base) == expected
    row = Content(id="7", title="t", version=Version(number=1), links=Links(webui=webui))
    assert page_of_v2(row, site, base=base or "").url == expected
