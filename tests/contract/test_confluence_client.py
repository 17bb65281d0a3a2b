"""What the Confluence client sends, and what it reads, against Atlassian's published description of Data Center."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import requests
import yaml
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from support.data_center_description import as_openapi, read_description, with_no_unknown_fields, with_one_error_shape
from support.team_wiki import SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.client.datacenter import DataCenterClient
from workplace_provider.confluence.client.model import BODIES, Restrictions, Scope
from workplace_provider.confluence.client.responses import Content
from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
from workplace_provider.http.client import Bearer, FilePart
from workplace_provider.http.errors import NotFound
from workplace_provider.http.session import Session
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract

OPERATIONS = {
    ("DELETE", "/rest/api/content/{id}"),
    ("DELETE", "/rest/api/content/{id}/label"),
    ("GET", "/rest/api/content"),
    ("GET", "/rest/api/content/search"),
    ("GET", "/rest/api/content/{id}"),
    ("GET", "/rest/api/content/{id}/child/attachment"),
    ("GET", "/rest/api/content/{id}/child/comment"),
    ("GET", "/rest/api/content/{id}/child/{type}"),
    ("GET", "/rest/api/content/{id}/label"),
    ("GET", "/rest/api/content/{id}/property"),
    ("GET", "/rest/api/content/{id}/property/{key}"),
    ("GET", "/rest/api/content/{id}/restriction/byOperation"),
    ("GET", "/rest/api/group/{groupName}"),
    ("GET", "/rest/api/server-information"),
    ("GET", "/rest/api/space/{spaceKey}/permissions/group/{groupName}"),
    ("GET", "/rest/api/space/{spaceKey}/permissions/user/{userKey}"),
    ("GET", "/rest/api/user"),
    ("GET", "/rest/api/user/current"),
    ("GET", "/rest/api/user/memberof"),
    ("POST", "/rest/api/content"),
    ("POST", "/rest/api/content/{id}/child/attachment"),
    ("POST", "/rest/api/content/{id}/child/attachment/{attachmentId}/data"),
    ("POST", "/rest/api/content/{id}/label"),
    ("POST", "/rest/api/content/{id}/property"),
    ("PUT", "/rest/api/content/{contentId}"),
    ("PUT", "/rest/api/content/{id}/property/{key}"),
    ("PUT", "/rest/api/content/{id}/restriction"),
}
"""Every operation that the client uses."""


class Inspector:
    """Holds every exchange of the client's sessions against the description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._paths = description["paths"]
        self._requests = as_openapi(with_no_unknown_fields(description))
        self._answers = as_openapi(description)
        self._errors = as_openapi(with_one_error_shape(description))
        self.seen: set[tuple[str, str]] = set()

    def check(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        described = RequestsOpenAPIRequest(request)
        self._requests.validate_request(described)
        description = self._errors if answer.status_code >= 400 else self._answers
        description.validate_response(described, RequestsOpenAPIResponse(answer))
        url = urlsplit(str(request.url))
        path = self._path(str(request.method), url.path[url.path.index("/rest/api/") :])
        declared = {each["name"] for each in self._paths[path][str(request.method).lower()].get("parameters", ())}
        asked = {name for name, _ in parse_qsl(url.query)}
        assert asked <= declared, f"{request.method} {path} knows no {asked - declared}"
        self.seen.add((str(request.method), path))

    def _path(self, method: str, path: str) -> str:
        """The described path that fits best: the one with the fewest variables."""
        fitting = [
            each
            for each, operations in self._paths.items()
            if method.lower() in operations and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", each), path)
        ]
        return min(fitting, key=lambda each: each.count("{"))


@pytest.fixture
def inspector(sandbox: Sandbox, data_center_description: Path, monkeypatch: pytest.MonkeyPatch) -> Inspector:
    inspector = Inspector(read_description(data_center_description, sandbox.confluence_url))
    send = Session.send

    def checked(self: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if hasattr(request.body, "read"):
            request.body = b"".join(iter(lambda: request.body.read(65536), b""))  # read once; the inspector reads it too
        answer = send(self, request, **options)
        if "/rest/api/" in str(request.url):
            inspector.check(request, answer)
        return answer

    monkeypatch.setattr(Session, "send", checked)
    return inspector


def test_every_operation_is_as_described(inspector: Inspector, sandbox: Sandbox) -> None:
    wiki = TeamWiki(sandbox)
    copied = wiki.copy(restrictions=True)
    wiki.copy("run-2", if_exists="update")
    client = wiki.client()
    client.server()
    client.current_user()
    client.update_page(copied.page.id, lambda body: body + "<p>새 줄</p>", message="고침", minor=True)
    attacher = Attacher(client, copied.page.id)
    for content in (b"1", b"2"):
        upload = make_upload(FilePart("가.png", lambda content=content: io.BytesIO(content), "image/png"), comment="설명")
        attacher.run(attacher.plan([upload]))
    client.set_restrictions(copied.page.id, Restrictions({"update": ("report-bot", "jimin")}, {"read": ()}))
    assert client.restrictions(copied.page.id).users["update"] == ("jimin", "report-bot")
    sandbox.store.add_comment(copied.page.id, "<p>좋아요</p>", "jimin")
    assert [comment.body for comment in client.comments(copied.page.id)] == ["<p>좋아요</p>"]
    assert list(client.children(wiki.parent))
    assert list(client.search(f'space = "{SPACE}" and title = "{THIS_WEEK}"'))
    reader = client.reader()
    ids = [page.id for page in reader.pages(Scope("space", SPACE))]
    assert [page.id for page in reader.pages(Scope("root", wiki.parent))]
    assert {page.id for page in reader.pages_by_id(ids, BODIES) if set(page.bodies) == set(BODIES)} == set(ids)
    assert [each.page_id for each in reader.comments(page_ids=ids, bodies=BODIES)] == [copied.page.id]
    assert len(list(reader.files(space=SPACE))) == len(list(reader.files(page_ids=ids))) == 7
    assert client.find_group("analysts") == "analysts"
    assert client.may_create_below(copied.page, "haruka")
    assert not client.may_create_below(copied.page, "viewer")
    comment = client.create_comment(copied.page.id, "<p>확인</p>")
    client.set_comment_property(comment.id, "marker", {"k": 1})
    assert client.comment_property(comment.id, "marker").value == {"k": 1}  # type: ignore[union-attr]
    client.remove_comment(comment.id)
    assert client.move_page(copied.page.id, wiki.last_week).parent_id == wiki.last_week
    client.remove_label(copied.page.id, "주간보고")
    client.trash_page(copied.page.id)
    with pytest.raises(NotFound):
        client.get_page("999")
    assert inspector.seen == OPERATIONS


def test_blog_posts_are_as_described(inspector: Inspector, sandbox: Sandbox) -> None:
    client = DataCenterClient(sandbox.confluence_url, auth=Bearer("sandbox-token")).blog_posts()
    post = client.create_page(SPACE, "릴리스", "<p>글</p>", message="처음")
    client.update_page(post.id, lambda body: body + "<p>둘</p>", message="고침", minor=True)
    assert client.find_page(SPACE, "릴리스", body=True) == client.get_page(post.id, body=True)
    client.add_labels(post.id, ["릴리스"])
    client.set_property(post.id, "marker", lambda _: 1)
    upload = make_upload(FilePart("가.png", lambda: io.BytesIO(b"1"), "image/png"))
    attacher = Attacher(client, post.id)
    attacher.run(attacher.plan([upload]))
    reader = client.reader()
    assert [page.id for page in reader.pages(Scope("space", SPACE, "blogpost"))] == [post.id]
    assert [page.labels for page in reader.pages_by_id([post.id], BODIES)] == [("릴리스",)]
    client.trash_page(post.id)
    assert ("GET", "/rest/api/space/{spaceKey}/content/{type}") in inspector.seen


def test_the_inspection_can_fail(inspector: Inspector, sandbox: Sandbox) -> None:
    client = DataCenterClient(sandbox.confluence_url, auth=Bearer("sandbox-token"))
    with pytest.raises(OpenAPIError):
        client._http.request("POST", "rest/api/content", json={"type": "page", "tilte": "x"})
    with pytest.raises(AssertionError, match="knows no"):
        client._http.get_json("rest/api/content", {"titel": "x"})


def test_recorded_answers_can_be_read(recorded_answers: list[Path]) -> None:
    """Answers of a real site to the requests that both dialects share (version 1)."""
    for file in recorded_answers:
        data = yaml.safe_load(file.read_text())
        client = DataCenterClient(data["_links"]["base"], auth=Bearer("t"))
        row = msgspec.convert(data, Content, strict=False)
        page = client._page(row)
        assert (page.id, page.title) == (file.parent.name, data["title"])
        assert page.url == data["_links"]["base"] + data["_links"]["webui"]
        assert page.parent_id == (data["ancestors"][-1]["id"] if data.get("ancestors") else None)
        listed = client.reader()._page(row)
        assert (listed.id, listed.title, listed.version) == (page.id, page.title, page.version)
        assert [above for above, _ in listed.ancestors] == [above["id"] for above in data.get("ancestors") or ()]
        if "version" in data:
            assert listed.updated.at == data["version"]["when"]
            assert listed.updated.by.display_name == data["version"]["by"]["displayName"]
