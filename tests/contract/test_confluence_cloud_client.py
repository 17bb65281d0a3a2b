"""What the Cloud client sends and reads, against Atlassian's published descriptions and recorded answers of a real site."""

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

from support.cloud_description import as_openapi, plain_path, read_v1, read_v2, scopes_of
from support.consented import consented_client, first_tokens
from support.team_wiki import SPACE, THIS_WEEK, TeamWiki
from workplace_provider.common.atlassian.token_store import MemoryTokenStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.auth.scopes import SCOPES, needed_for
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.confluence.client.content_rows import (
    attachment_on_cloud,
    page_of_v1,
    page_of_v2,
)
from workplace_provider.confluence.client.links import page_id_of
from workplace_provider.confluence.client.model import BODIES, ContentState, Restrictions, Scope
from workplace_provider.confluence.client.responses import Content
from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import AlreadyExists, NotFound
from workplace_provider.http.session import Session
from workplace_sandbox import Sandbox
from workplace_sandbox.confluence.cloud.accounts import account_id

pytestmark = pytest.mark.contract

V2, V1 = "/wiki/api/v2", "/wiki/rest/api"

BLOG_OPERATIONS = {
    ("DELETE", "/blogposts/{}"),
    ("GET", "/blogposts"),
    ("GET", "/blogposts/{}"),
    ("GET", "/blogposts/{}/attachments"),
    ("GET", "/blogposts/{}/footer-comments"),
    ("GET", "/blogposts/{}/inline-comments"),
    ("GET", "/blogposts/{}/labels"),
    ("GET", "/blogposts/{}/properties"),
    ("GET", "/blogposts/{}/versions/{}"),
    ("POST", "/blogposts"),
    ("POST", "/blogposts/{}/properties"),
    ("PUT", "/blogposts/{}"),
    ("PUT", "/blogposts/{}/properties/{}"),
}
OPERATIONS = {
    ("DELETE", "/footer-comments/{}"),
    ("DELETE", "/pages/{}"),
    ("DELETE", f"{V1}/content/{{}}/label"),
    ("DELETE", f"{V1}/content/{{}}/restriction"),
    ("GET", "/comments/{}/properties"),
    ("GET", "/folders/{}"),
    ("GET", "/folders/{}/direct-children"),
    ("GET", "/footer-comments/{}/children"),
    ("GET", "/inline-comments/{}/children"),
    ("GET", "/pages"),
    ("GET", "/pages/{}"),
    ("GET", "/pages/{}/attachments"),
    ("GET", "/pages/{}/direct-children"),
    ("GET", "/pages/{}/footer-comments"),
    ("GET", "/pages/{}/inline-comments"),
    ("GET", "/pages/{}/labels"),
    ("GET", "/pages/{}/properties"),
    ("GET", "/pages/{}/versions/{}"),
    ("GET", "/spaces"),
    ("GET", f"{V1}/content/search"),
    ("GET", f"{V1}/content/{{}}/child/attachment/{{}}/download"),
    ("GET", f"{V1}/content/{{}}/restriction/byOperation"),
    ("GET", f"{V1}/content/{{}}/state"),
    ("GET", f"{V1}/group/picker"),
    ("GET", f"{V1}/content/{{}}/state/available"),
    ("GET", f"{V1}/longtask/{{}}"),
    ("GET", f"{V1}/template/{{}}"),
    ("GET", f"{V1}/user/current"),
    ("POST", "/comments/{}/properties"),
    ("POST", "/footer-comments"),
    ("POST", "/pages"),
    ("POST", "/pages/{}/properties"),
    ("POST", "/users-bulk"),
    ("POST", f"{V1}/content/archive"),
    ("POST", f"{V1}/content/{{}}/child/attachment"),
    ("POST", f"{V1}/content/{{}}/child/attachment/{{}}/data"),
    ("POST", f"{V1}/content/{{}}/copy"),
    ("POST", f"{V1}/content/{{}}/label"),
    ("POST", f"{V1}/content/{{}}/permission/check"),
    ("PUT", "/pages/{}"),
    ("PUT", "/pages/{}/properties/{}"),
    ("PUT", f"{V1}/content/{{}}/restriction"),
    ("PUT", f"{V1}/content/{{}}/move/{{}}/{{}}"),
    ("PUT", f"{V1}/content/{{}}/state"),
}
"""Every operation that the client uses."""

STRICT = {
    "v2": ("PageBodyWrite", "BlogPostBodyWrite", "ContentPropertyCreateRequest", "ContentPropertyUpdateRequest"),
    "v1": ("CopyPageRequest", "CopyPageRequestDestination", "ContentRestrictionUpdate", "LabelCreate"),
}
"""Schemas of requests in which a field that is not described is a mistake."""


class Inspector:
    """Holds every exchange of the client's sessions against the description of its version."""

    def __init__(self, v2: dict[str, Any], v1: dict[str, Any]) -> None:
        self._paths = {"v2": v2["paths"], "v1": v1["paths"]}
        for version, description in (("v2", v2), ("v1", v1)):
            for name in STRICT[version]:
                found = description["components"]["schemas"].get(name)
                if found is not None:
                    found["additionalProperties"] = False
        # The create and the update of a page are described where they are used.
        for name in ("PageCreateRequest", "PageUpdateRequest", "BlogPostCreateRequest", "BlogPostUpdateRequest"):
            schema = v2["components"]["requestBodies"][name]["content"]["application/json"]["schema"]
            schema["additionalProperties"] = False
        self._described = {"v2": as_openapi(v2), "v1": as_openapi(v1)}
        self.seen: set[tuple[str, str]] = set()

    def check(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        url = urlsplit(str(request.url))
        version = "v2" if "/api/v2/" in url.path else "v1"
        described = RequestsOpenAPIRequest(request)
        self._described[version].validate_request(described)
        if answer.status_code < 400:
            self._described[version].validate_response(described, RequestsOpenAPIResponse(answer))
        below = url.path[url.path.index(V2) + len(V2) :] if version == "v2" else url.path[url.path.index(V1) :]
        path = self._path(version, str(request.method), below)
        operation = self._paths[version][path][str(request.method).lower()]
        named = [each.get("name") or _referred(each) for each in operation.get("parameters", ())]
        asked = {name for name, _ in parse_qsl(url.query)}
        assert asked <= {*named, "expand"}, f"{request.method} {path} knows no {asked - set(named)}"
        self.seen.add((str(request.method), plain_path(path)))

    def _path(self, version: str, method: str, path: str) -> str:
        """The described path that fits best: the one with the fewest variables."""
        fitting = [
            each
            for each, operations in self._paths[version].items()
            if method.lower() in operations and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", each), path)
        ]
        return min(fitting, key=lambda each: each.count("{"))


def _referred(parameter: dict[str, Any]) -> str:
    return "expand" if "xpand" in parameter.get("$ref", "") else ""


def _inspect(monkeypatch: pytest.MonkeyPatch, base: str, v2: Path, v1: Path) -> Inspector:
    inspector = Inspector(read_v2(v2, base), read_v1(v1, base))
    send = Session.send

    def checked(self: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if hasattr(request.body, "read"):
            request.body = b"".join(iter(lambda: request.body.read(65536), b""))  # read once; the inspector reads it too
        answer = send(self, request, **options)
        if "/wiki/" in str(request.url):
            inspector.check(request, answer.history[0] if answer.history else answer)
        return answer

    monkeypatch.setattr(Session, "send", checked)
    return inspector


def _all_operations(wiki: TeamWiki, client: CloudClient) -> None:
    store = wiki.sandbox.store
    page = client.create_page(SPACE, "한 페이지", "<p>본문</p>", parent_id=wiki.parent)
    client.update_page(page.id, lambda body: body + "<p>새 줄</p>", message="고침", minor=True)
    client.get_version(page.id, 2)
    attacher = Attacher(client, page.id)
    for content in (b"1", b"2"):
        upload = make_upload(FilePart("가.png", lambda content=content: io.BytesIO(content), "image/png"), comment="설명")
        attacher.run(attacher.plan([upload]))
    file = client.find_attachment(page.id, "가.png")
    assert file is not None
    client.download_attachment(file, io.BytesIO())
    jimin = wiki.account("jimin")
    client.set_restrictions(page.id, Restrictions({"update": (wiki.account("report-bot"), jimin)}, {"read": ()}))
    assert jimin in client.restrictions(page.id).users["update"]
    client.set_restrictions(page.id, Restrictions())
    source = client.get_page(page.id, body=True)
    copied = client.copy_page(source, SPACE, THIS_WEEK, "<p>사본</p>", parent_id=wiki.parent)
    client.copy_page(source, SPACE, "맨 위의 사본", "<p>사본</p>")
    with pytest.raises(AlreadyExists):
        client.create_page(SPACE, THIS_WEEK, "<p>x</p>")
    client.add_labels(copied.id, ["주간보고", "weekly"])
    client.remove_label(copied.id, "weekly")
    assert client.labels(copied.id) == ["주간보고"]
    for value in (1, {"둘": 2}):
        client.set_property(copied.id, "marker", lambda _, value=value: value)
    assert [each.value for each in client.properties(copied.id)] == [{"둘": 2}]
    comment = store.add_comment(copied.id, "<p>좋아요</p>", "jimin")
    store.add_comment(copied.id, "<p>답</p>", "haruka", parent_id=comment.id)
    store.add_comment(copied.id, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="사본")
    assert len(list(client.comments(copied.id))) == 3
    by_group = Restrictions({}, {"read": (client.find_group("analysts"),)})
    client.set_restrictions(page.id, by_group)
    assert client.restrictions(page.id).groups["read"] == by_group.groups["read"]
    me = client.current_user().name
    assert client.may_create_below(page, me)
    client.set_restrictions(copied.id, Restrictions({"update": (me,)}))
    assert not client.may_create_below(copied, account_id("viewer"))
    own = client.create_comment(copied.id, "<p>확인</p>")
    client.set_comment_property(own.id, "marker", {"k": 1})
    assert client.comment_property(own.id, "marker").value == {"k": 1}  # type: ignore[union-attr]
    client.remove_comment(own.id)
    assert client.move_page(copied.id, page.id).parent_id == page.id
    assert client.move_page(copied.id, wiki.parent).parent_id == wiki.parent
    client.set_content_state(copied.id, ContentState(3, "Verified", "#57d9a3"))
    assert client.content_state(copied.id) == ContentState(3, "Verified", "#57d9a3")
    assert ContentState(3, "Verified", "#57d9a3") in client.available_content_states(copied.id)
    client.move_beside(copied.id, "before", page.id)
    assert [child.id for child in client.children(wiki.parent)][1:] == [copied.id, page.id]
    wiki.sandbox.cloud.make_live_doc(copied.id)
    assert client.text_in_older_version(client.get_page(copied.id)) == 1
    folder = wiki.sandbox.cloud.add_folder("모음", wiki.parent)
    wiki.sandbox.cloud.put_in_folder(copied.id, folder)
    assert [child.id for child in client.children(folder)] == [copied.id]
    assert client.find_folder(SPACE, "모음", parent_id=wiki.parent) is not None
    assert client.get_template(store.add_template(SPACE, "주간", "<p/>", labels=["주간"]).id).labels == ("주간",)
    list(client.search(f'space = "{SPACE}"', body=True))
    client.archive_page(page.id)
    client.trash_page(copied.id)
    client.current_user()
    with pytest.raises(NotFound):
        client.get_page("999")


def test_every_operation_is_as_described(
    sandbox: Sandbox, cloud_v2_description: Path, cloud_v1_description: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    inspector = _inspect(monkeypatch, sandbox.cloud_url, cloud_v2_description, cloud_v1_description)
    client = wiki.client()
    assert isinstance(client, CloudClient)
    _all_operations(wiki, client)
    assert inspector.seen == OPERATIONS


def test_blog_posts_are_as_described(
    sandbox: Sandbox, cloud_v2_description: Path, cloud_v1_description: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = _inspect(monkeypatch, sandbox.cloud_url, cloud_v2_description, cloud_v1_description)
    client = TeamWiki(sandbox, "cloud").client().blog_posts()
    assert isinstance(client, CloudClient)
    _blog_operations(sandbox, client)
    assert {call for call in inspector.seen if "blogposts" in call[1]} == BLOG_OPERATIONS


def _blog_operations(sandbox: Sandbox, client: CloudClient) -> None:
    post = client.create_page(SPACE, "릴리스", "<p>글</p>")
    assert post.parent_id is None
    client.update_page(post.id, lambda body: body + "<p>둘</p>", message="고침")
    assert client.get_version(post.id, 2).message == "고침"
    assert client.find_page(SPACE, "릴리스", body=True) == client.get_page(post.id, body=True)
    upload = make_upload(FilePart("가.png", lambda: io.BytesIO(b"1"), "image/png"))
    attacher = Attacher(client, post.id)
    attacher.run(attacher.plan([upload]))
    client.add_labels(post.id, ["릴리스"])
    assert client.labels(post.id) == ["릴리스"]
    for value in (1, 2):
        client.set_property(post.id, "marker", lambda _, value=value: value)
    client.set_content_state(post.id, ContentState(3, "Verified", "#57d9a3"))
    sandbox.store.add_comment(post.id, "<p>좋아요</p>", "jimin")
    assert len(list(client.comments(post.id))) == 1
    reader = client.reader()
    assert [page.id for page in reader.pages(Scope("space", SPACE, "blogpost"))] == [post.id]
    assert [page.labels for page in reader.pages_by_id([post.id], BODIES)] == [("릴리스",)]
    client.trash_page(post.id)


def test_the_scopes_that_are_asked_for_suffice_at_the_gateway(sandbox: Sandbox) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    client = consented_client(sandbox, MemoryTokenStore(first_tokens(sandbox, [*SCOPES, "offline_access"])))
    assert isinstance(client, CloudClient)
    _all_operations(wiki, client)
    _blog_operations(sandbox, client.blog_posts())


def test_the_scopes_are_those_of_the_descriptions(cloud_v2_description: Path, cloud_v1_description: Path) -> None:
    described = scopes_of(read_v1(cloud_v1_description, "")) | scopes_of(read_v2(cloud_v2_description, ""))
    for method, path in OPERATIONS | BLOG_OPERATIONS:
        known = described[(method, path)]
        below = path.removeprefix("/wiki/") if path.startswith(V1) else f"api/v2{path}"
        assert set(needed_for(method, below.replace("{}", "7"))) == known, (method, path)
        assert any(alternative <= set(SCOPES) for alternative in known), (method, path)


def test_the_inspection_can_fail(
    sandbox: Sandbox, cloud_v2_description: Path, cloud_v1_description: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki = TeamWiki(sandbox, "cloud")
    client = wiki.client()
    assert isinstance(client, CloudClient)
    _inspect(monkeypatch, sandbox.cloud_url, cloud_v2_description, cloud_v1_description)
    page = {"spaceId": "1", "title": "x", "body": {"value": "<p/>"}}
    with pytest.raises(OpenAPIError):
        client._http.request("POST", "api/v2/pages", json=page)
    with pytest.raises(OpenAPIError):
        client._http.get_json("api/v2/pages", {"body-format": "none"})
    with pytest.raises(AssertionError, match="knows no"):
        client._http.get_json("api/v2/pages", {"titel": "x"})


# --- recorded answers ---------------------------------------------------------------------------------------------------


def test_recorded_pages_can_be_read(recorded_answers: list[Path]) -> None:
    read = 0
    for file in recorded_answers:
        data = yaml.safe_load(file.read_text())
        first = page_of_v1(msgspec.convert(data, Content), "https://wiki.example.com")
        assert (first.id, first.title) == (file.parent.name, data["title"])
        other = file.with_name("page.v2.yaml")
        if other.exists():
            second = page_of_v2(msgspec.convert(yaml.safe_load(other.read_text()), Content), "https://wiki.example.com")
            assert (second.id, second.title, second.space, second.url) == (first.id, first.title, first.space, first.url)
            assert second.parent_id == first.parent_id
            assert second.version >= 1
            assert second.created_by.startswith(("712020:", "557058:", "5", "6", "7"))
            read += 1
    assert read >= 5


def test_recorded_children_and_files_can_be_read(recorded_answers: list[Path]) -> None:
    client = connect("https://wiki.example.com", user="a@example.com", token="t", deployment="cloud")
    assert isinstance(client, CloudClient)
    children = files = 0
    for folder in {file.parent for file in recorded_answers}:
        listed = folder / "children.v2.yaml"
        for row in yaml.safe_load(listed.read_text())["results"] if listed.exists() else ():
            client._directory._space_ids["KEY"] = row["spaceId"]
            assert client._page(msgspec.convert(row, Content)).space == "KEY"
            children += 1
        listed = folder / "attachments.v1.yaml"
        for row in yaml.safe_load(listed.read_text())["results"] if listed.exists() else ():
            file = attachment_on_cloud(msgspec.convert(row, Content), folder.name)
            assert file.size == row["extensions"]["fileSize"] > 0
            assert file.download == f"rest/api/content/{folder.name}/child/attachment/{row['id']}/download"
            files += 1
    assert children
    assert files


def test_tiny_links_lead_to_their_page(recorded_answers: list[Path]) -> None:
    links = 0
    for file in recorded_answers:
        for each in file.parent.glob("page.v*.yaml"):
            data = yaml.safe_load(each.read_text())
            if tiny := data.get("_links", {}).get("tinyui"):
                assert page_id_of(f"https://wiki.example.com/wiki{tiny}") == data["id"]
                assert page_id_of(data["_links"].get("base", "https://w.example") + data["_links"]["webui"]) == data["id"]
                links += 1
    assert links >= 10
