from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted_server import Reply, ScriptedServer, cut, reply, scripted_server
from workplace_provider.common.atlassian.credentials import ApiToken, OAuthApp, ScopedToken
from workplace_provider.common.atlassian.oauth import parse_error as parse_oauth_error
from workplace_provider.common.atlassian.sites import Atlassian
from workplace_provider.common.atlassian.token_store import MemoryTokenStore, TokenSet
from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.confluence.client.errors import parse_cloud_error
from workplace_provider.confluence.client.model import Attachment
from workplace_provider.http.client import ErrorResponse, HttpSettings
from workplace_provider.http.errors import AuthFailed, BadResponse, Forbidden, Invalid, NotFound, RateLimited

QUICK = HttpSettings(connect_timeout=2, read_timeout=2, attempts=2)
ME = json.dumps({"type": "known", "accountId": "712020:bot", "displayName": "보고봇"}).encode()
ANONYMOUS = json.dumps({"type": "Anonymous", "displayName": "Anonymous"}).encode()
NAMELESS = json.dumps({"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]}).encode()
NAMED = NAMELESS.replace(b'"Not Found"', b'"Cannot find [page] entity with id [7]"')
NOBODY = json.dumps({"statusCode": 403, "message": "Current user not permitted to use Confluence"}).encode()
NO_SCOPE = b'{"code": 401, "message": "Unauthorized; scope does not match"}'
WORDS = st.sampled_from(["errors", "title", "detail", "message", "error", "error_description", "code"]) | st.text()
EMPTY = b'{"results": [], "_links": {}}'
SPACES = b'{"results": [{"id": "11", "key": "TEAM"}], "_links": {}}'


def by_path(answers: dict[str, Reply]) -> Reply:
    """Answers by a part of the path; the first that fits."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        next(answer for part, answer in answers.items() if part in handler.path)(handler)

    return send


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(server: ScriptedServer, slept: list[float]) -> ConfluenceClient:
    return connect(server.url, credential=ApiToken("bot@example.com", "s3cret"), settings=QUICK, sleep=slept.append)


def test_calls_go_to_wiki_below_the_site_and_nothing_is_sent_before(
    server: ScriptedServer, client: ConfluenceClient
) -> None:
    server.will(reply(200, ME))
    assert server.asked == []
    assert client.current_user().name == "712020:bot"
    (asked,) = server.asked
    assert asked.path == "/wiki/rest/api/user/current"
    assert asked.headers["Authorization"].startswith("Basic ")
    assert client.base_url == f"{server.url}/wiki"


@pytest.mark.parametrize("who", [reply(403, NOBODY), reply(401, b"{}"), reply(200, ANONYMOUS), reply(404, NAMELESS)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get_page("7"),
        lambda client: client.find_page("TEAM", "제목"),
        lambda client: client.create_page("TEAM", "제목", "<p>x</p>"),
        lambda client: client.children("7"),
        lambda client: client.get_template("7"),
        lambda client: client.remove_label("7", "가"),
        lambda client: client.trash_page("7"),
    ],
)
def test_a_revoked_token_is_no_missing_page(
    server: ScriptedServer, client: ConfluenceClient, who: Reply, ask: Callable[[ConfluenceClient], object]
) -> None:
    server.will(by_path({"user/current": who, "": reply(404, NAMELESS)}))
    with pytest.raises(AuthFailed) as caught:
        list(ask(client) or ())  # type: ignore[call-overload]
    assert not caught.value.retryable
    assert "s3cret" not in str(caught.value)
    assert not [asked for asked in server.asked if asked.method == "POST"]


@pytest.mark.parametrize("body", [NAMELESS, NAMED])
def test_a_missing_page_is_missing_once_we_are_known(server: ScriptedServer, client: ConfluenceClient, body: bytes) -> None:
    server.will(by_path({"user/current": reply(200, ME), "": reply(404, body)}))
    with pytest.raises(NotFound):
        client.get_page("7")


def test_a_title_is_free_only_for_somebody_who_is_known(server: ScriptedServer, client: ConfluenceClient) -> None:
    """A site that is open to the public answers anonymous look-ups, with what is public."""
    answers = {"user/current": reply(200, ANONYMOUS), "spaces": reply(200, SPACES), "": reply(200, EMPTY)}
    server.will(by_path(answers))
    with pytest.raises(AuthFailed, match="Anonymous"):
        client.find_page("TEAM", "20261119_주간 보고")
    server.will(by_path({**answers, "user/current": reply(200, ME)}))
    assert client.find_page("TEAM", "20261119_주간 보고") is None


def test_a_missing_scope_is_named_and_proves_who_we_are(server: ScriptedServer, client: ConfluenceClient) -> None:
    server.will(reply(401, NO_SCOPE))
    with pytest.raises(Forbidden, match=r"does not have the scope read:page:confluence; add it"):
        client.get_page("7")
    with pytest.raises(Forbidden, match=r"read:confluence-user, or read:content-details:confluence"):
        client.current_user()
    server.will(by_path({"user/current": reply(401, NO_SCOPE), "": reply(404, NAMED)}))
    with pytest.raises(NotFound):
        client.get_page("7")


def test_a_token_with_scopes_at_the_site_is_told_where_to_go(server: ScriptedServer, client: ConfluenceClient) -> None:
    server.will(reply(401, b"<html><title>Unauthorized (401)</title></html>", Content_Type="text/html"))
    with pytest.raises(AuthFailed, match="needs auth = scoped"):
        client.get_page("7")


def test_the_bytes_of_a_file_are_fetched_without_the_credential(server: ScriptedServer, client: ConfluenceClient) -> None:
    with scripted_server() as media:
        elsewhere = media.url.replace("127.0.0.1", "localhost")
        server.will(reply(302, b"", Location=f"{elsewhere}/file/1?token=media-token"))
        # The second fetch begins at the site again: the media token may have ended.
        media.will(cut(b"\x89PN", 8), reply(200, b"\x89PNG 123", Content_Type="image/png"))
        sink = io.BytesIO()
        file = Attachment(
            "att1", "7", "주간.png", 1, 8, "image/png", "", "rest/api/content/7/child/attachment/att1/download"
        )
        done = client.download_attachment(file, sink)
    assert (sink.getvalue(), done.media_type) == (b"\x89PNG 123", "image/png")
    assert [asked.path for asked in media.asked] == ["/file/1?token=media-token"] * 2
    assert all("Authorization" not in asked.headers for asked in media.asked)
    assert "media-token" not in str(client)
    assert all("Authorization" in asked.headers for asked in server.asked)


def test_a_refusal_elsewhere_does_not_touch_the_credential(server: ScriptedServer, client: ConfluenceClient) -> None:
    with scripted_server() as media:
        server.will(reply(302, b"", Location=f"{media.url.replace('127.0.0.1', 'localhost')}/file/1?token=x"))
        media.will(reply(404, b"gone"))
        file = Attachment(
            "att1", "7", "주간.png", 1, 8, "image/png", "", "rest/api/content/7/child/attachment/att1/download"
        )
        with pytest.raises(NotFound):
            client.download_attachment(file, io.BytesIO())
    assert len(server.asked) == 1


def test_the_gateway_prefix_survives_the_paging(server: ScriptedServer, slept: list[float]) -> None:
    def page(number: int, following: str) -> bytes:
        rows = [{"id": str(number), "title": f"{number}.png"}]
        return json.dumps({"results": rows, "_links": {"next": following} if following else {}}).encode()

    server.will(
        reply(200, b'{"cloudId": "c-1"}'),
        reply(200, page(1, "/wiki/api/v2/pages/7/attachments?cursor=abc%3D&limit=250")),
        reply(200, page(2, "")),
    )
    credential = ScopedToken("bot@example.com", "s3cret", atlassian=Atlassian(api=f"{server.url}/gateway"))
    client = connect(f"{server.url}/wiki/", credential=credential, settings=QUICK, sleep=slept.append)
    assert [file.name for file in client.attachments("7")] == ["1.png", "2.png"]
    assert [asked.path for asked in server.asked] == [
        "/_edge/tenant_info",
        "/gateway/ex/confluence/c-1/wiki/api/v2/pages/7/attachments?limit=250",
        "/gateway/ex/confluence/c-1/wiki/api/v2/pages/7/attachments?cursor=abc%3D&limit=250",
    ]
    assert "Authorization" not in server.asked[0].headers
    assert client.base_url == f"{server.url}/wiki"


def test_a_site_that_does_not_tell_its_id_is_named(server: ScriptedServer) -> None:
    server.will(reply(404, b"<html>nothing here</html>"))
    client = connect(server.url, credential=ScopedToken("a@example.com", "t"), settings=QUICK, sleep=lambda _: None)
    with pytest.raises(NotFound, match=r"does not report a cloud id.*cloud_id"):
        client.current_user()


def test_an_api_token_needs_a_site() -> None:
    with pytest.raises(Invalid, match="No site was given"):
        connect("", credential=ApiToken("a@example.com", "t"))


def test_a_site_on_the_domain_is_taken_for_cloud() -> None:
    assert isinstance(connect("https://team.atlassian.net", user="a@example.com", token="t"), CloudClient)
    with pytest.raises(Invalid, match="e-mail address"):
        connect("https://team.atlassian.net", token="t")


def test_a_site_that_asks_to_wait_past_the_hour_fails_instead(
    server: ScriptedServer, client: ConfluenceClient, slept: list[float]
) -> None:
    reset = (datetime.now(UTC) + timedelta(minutes=40)).isoformat()
    server.will(reply(429, b"{}", X_RateLimit_Remaining="0", X_RateLimit_Reset=reset, X_RateLimit_NearLimit="true"))
    with pytest.raises(RateLimited) as caught:
        client.get_page("7")
    assert 2300 < (caught.value.retry_after or 0) <= 2400
    assert slept == []


def test_near_the_limit_requests_are_spread(server: ScriptedServer, client: ConfluenceClient, slept: list[float]) -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=300)).isoformat().replace("+00:00", "Z")
    server.will(reply(200, ME, X_RateLimit_NearLimit="true", X_RateLimit_Remaining="100", X_RateLimit_Reset=reset))
    client.current_user()
    (waited,) = slept
    assert 2.8 < waited <= 3.0
    server.will(reply(200, EMPTY, X_RateLimit_NearLimit="true"))
    assert client.labels("7") == []
    server.will(reply(200, EMPTY, X_RateLimit_NearLimit="true", X_RateLimit_Remaining="0", X_RateLimit_Reset="1766890000"))
    assert client.labels("7") == []
    server.will(reply(200, EMPTY, X_RateLimit_NearLimit="false"))
    assert client.labels("7") == []
    assert slept[1:] == [1.0, 1.0]  # no time of a reset that can be read


def test_a_token_for_several_sites_needs_one_to_be_named(server: ScriptedServer) -> None:
    sites = [{"id": "c-1", "url": "https://one.atlassian.net"}, {"id": "c-2", "url": "https://two.atlassian.net"}]
    far = time.time() + 3000

    def client(host: str = "", cloud_id: str = "") -> ConfluenceClient:
        server.will(by_path({"accessible": reply(200, json.dumps(sites).encode()), "": reply(200, ME)}))
        store = MemoryTokenStore(TokenSet("access", far, "refresh"))
        credential = OAuthApp("id", "secret", store, cloud_id, Atlassian(api=server.url, auth=server.url))
        return connect(host, credential=credential, settings=QUICK, sleep=lambda _: None)

    with pytest.raises(Invalid, match=r"for several sites: https://one.atlassian.net, https://two.atlassian.net"):
        client().current_user()
    with pytest.raises(NotFound, match=r"is not for https://three.atlassian.net, but for: https://one"):
        client("https://three.atlassian.net/wiki").current_user()
    assert client("TWO.atlassian.net").base_url == "https://two.atlassian.net/wiki"
    named = client(cloud_id="c-1")
    assert named.current_user().name == "712020:bot"
    assert server.asked[-1].path == "/ex/confluence/c-1/wiki/rest/api/user/current"
    assert server.asked[-1].headers["Authorization"] == "Bearer access"


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner)
)


@given(st.integers(300, 599), st.text(), ANSWERS)
def test_any_answer_is_explained(status: int, text: str, data: object) -> None:
    for parse_error in (parse_cloud_error, parse_oauth_error):
        said = parse_error(ErrorResponse(status, {}, text, data))
        assert isinstance(said.message, str)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (410, b'{"message": "This deprecated endpoint has been removed."}', Invalid),
        (413, b'{"errors": [{"title": "Request too large"}]}', Invalid),
        (200, b"<html>log in</html>", BadResponse),
    ],
)
def test_other_answers_are_told_apart(
    server: ScriptedServer, client: ConfluenceClient, status: int, body: bytes, kind: type[Exception]
) -> None:
    server.will(reply(status, body))
    with pytest.raises(kind):
        client.get_page("7")
