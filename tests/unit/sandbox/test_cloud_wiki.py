"""The wiki as the sandbox's cloud shows it: pages, lists, copies, files, jobs; with the traps of the real one."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from support.certificates import certificates
from workplace_sandbox import Sandbox

NO_CHECK = {"X-Atlassian-Token": "no-check"}


@dataclass
class Wiki:
    """REST v2 and v1 of the cloud as one user sees it."""

    base: str
    session: requests.Session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.base}{path}", timeout=30, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Status and title of a call of v2 that fails."""
        answer = self.call(method, path, **options)
        (error,) = answer.json()["errors"]
        assert error["status"] == answer.status_code
        return answer.status_code, error["title"]

    def create(self, title: str, body: str = "<p>본문</p>", **more: Any) -> Any:
        (space,) = self.get("/api/v2/spaces", keys="ANALYTICS")["results"]
        written = {"representation": "storage", "value": body}
        page = {"spaceId": space["id"], "status": "current", "title": title, "body": written} | more
        return self.done("POST", "/api/v2/pages", json=page)

    def pages(self, path: str, **params: Any) -> list[list[Any]]:
        """All pages of a listing, each by the query of the address that the one before names."""
        found = []
        while True:
            answer = self.get(path, **params)
            found.append(answer["results"])
            assert len(found) < 100, "the listing does not end"
            following = answer["_links"].get("next")
            if following is None:
                return found
            params = dict(parse_qsl(urlsplit(following).query))


@pytest.fixture
def wiki(sandbox) -> Wiki:
    session = requests.Session()
    session.trust_env = False
    session.auth = (sandbox.cloud_email, sandbox.cloud_token)
    return Wiki(f"{sandbox.cloud_url}/wiki", session)


@pytest.fixture
def app(sandbox) -> Wiki:
    """By OAuth at the gateway."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {sandbox.cloud.consent()['access_token']}"
    return Wiki(f"{sandbox.cloud_gateway_url}/ex/confluence/{sandbox.cloud_id}/wiki", session)


def change(page: Any, **changes: Any) -> dict[str, Any]:
    given = {
        "id": page["id"],
        "status": "current",
        "title": page["title"],
        "version": {"number": page["version"]["number"] + 1},
    }
    return given | {"body": {"representation": "storage", "value": "<p>고침</p>"}} | changes


# --- lists


def test_a_list_goes_by_cursor(wiki, sandbox, home):
    titles = [f"쪽 {number}" for number in range(7)]
    for title in titles:
        sandbox.store.create_page("ANALYTICS", title, "<p/>", home, author="jimin")
    pages = wiki.pages(f"/api/v2/pages/{home}/direct-children", limit=3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [entry["title"] for page in pages for entry in page] == titles


def test_the_next_address_is_relative_to_the_site_by_either_way(wiki, app, home):
    for one in (wiki, app):
        one.create("가" if one is wiki else "나")
        answer = one.call("GET", "/api/v2/pages", params={"limit": 1})
        following = answer.json()["_links"]["next"]
        assert following.startswith("/wiki/api/v2/pages?")
        assert answer.json()["_links"]["base"] == wiki.base
        assert f'<{following}>; rel="next"' in answer.headers["Link"]


def test_a_list_that_grows_and_shrinks_meanwhile_is_read_once(wiki, sandbox, home):
    made = [sandbox.store.create_page("ANALYTICS", f"쪽 {number}", "<p/>", home, author="jimin") for number in range(6)]
    first = wiki.get(f"/api/v2/pages/{home}/direct-children", limit=3)
    sandbox.store.trash_page(made[0].id)
    second = wiki.get(f"/api/v2/pages/{home}/direct-children", **dict(parse_qsl(urlsplit(first["_links"]["next"]).query)))
    assert [entry["id"] for entry in second["results"]] == [page.id for page in made[3:]]


def test_a_list_with_bodies_has_shorter_pages(wiki, sandbox, home):
    for number in range(60):
        sandbox.store.create_page("ANALYTICS", f"쪽 {number}", "<p/>", home, author="jimin")
    pages = wiki.pages("/api/v2/pages", **{"limit": 250, "body-format": "storage"})
    assert [len(page) for page in pages] == [50, 11]
    assert len(wiki.get("/api/v2/pages", limit=250)["results"]) == 61


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=251",
        "limit=x",
        "cursor=x",
        "body-format=none",
        "body-format=view",
        "status=gone",
        "space-id=x",
        "sort=x",
    ],
)
def test_a_parameter_that_is_wrong(wiki, query):
    assert wiki.refused("GET", f"/api/v2/pages?{query}")[0] == 400


def test_a_title_is_looked_up_in_any_case_and_in_all_statuses(wiki, sandbox):
    made = wiki.create("Weekly 주간 보고")
    space = made["spaceId"]
    assert [page["id"] for page in wiki.get("/api/v2/pages", title="WEEKLY 주간 보고")["results"]] == [made["id"]]
    sandbox.cloud.archive_page(made["id"])
    query = [("space-id", space), ("title", "weekly 주간 보고"), ("status", "current"), ("status", "archived")]
    (found,) = wiki.call("GET", "/api/v2/pages", params=query).json()["results"]
    assert (found["id"], found["status"]) == (made["id"], "archived")
    assert wiki.get("/api/v2/pages", title="weekly 주간 보고", status="current")["results"] == []
    assert wiki.get("/api/v2/pages", title="weekly 주간 보고", **{"space-id": "1"})["results"] == []


# --- pages


def test_a_page(wiki, home):
    made = wiki.create("새 쪽")
    assert (made["parentId"], made["parentType"], made["version"]["number"]) == (home, "page", 1)
    assert isinstance(made["id"], str)
    assert wiki.get(f"/api/v2/pages/{made['id']}")["body"] == {}
    assert made["_links"]["webui"] == f"/spaces/ANALYTICS/pages/{made['id']}"
    top = wiki.done(
        "POST", "/api/v2/pages?root-level=true", json={"spaceId": made["spaceId"], "status": "current", "title": "위"}
    )
    assert top["parentId"] is None


def test_the_formats_of_a_body(wiki):
    made = wiki.create("표", "<h2>지표</h2><p>값은 <strong>3</strong></p><ac:task-list/>")

    def body(name: str) -> str:
        return wiki.get(f"/api/v2/pages/{made['id']}", **{"body-format": name})["body"][name]["value"]

    assert body("storage") == "<h2>지표</h2><p>값은 <strong>3</strong></p><ac:task-list />"
    assert "<strong>3</strong>" in body("view")
    document = json.loads(body("atlas_doc_format"))
    assert [node["type"] for node in document["content"]] == ["heading", "paragraph", "taskList"]
    assert document["content"][1]["content"][1] == {"type": "text", "text": "3", "marks": [{"type": "strong"}]}


def test_macros_get_ids_and_text_in_cdata_stays(wiki):
    code = (
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[<ac:structured-macro ac:name="x"/>]]>'
        "</ac:plain-text-body></ac:structured-macro>"
    )
    kept = wiki.create("코드", code)["body"]["storage"]["value"]
    assert kept.startswith('<ac:structured-macro ac:name="code" ac:schema-version="1" ac:macro-id="')
    assert '<![CDATA[<ac:structured-macro ac:name="x"/>]]>' in kept
    again = wiki.create("코드 2", kept)["body"]["storage"]["value"]
    assert again == kept


def test_a_title_that_is_taken(wiki, sandbox):
    made = wiki.create("주간 보고 A")
    status, title = wiki.refused(
        "POST", "/api/v2/pages", json={"spaceId": made["spaceId"], "status": "current", "title": "주간 보고 a"}
    )
    assert status == 400
    assert title.startswith("A page with this title already exists")
    sandbox.cloud.archive_page(made["id"])
    new = {"spaceId": made["spaceId"], "status": "current", "title": "주간 보고 A"}
    assert wiki.refused("POST", "/api/v2/pages", json=new)[0] == 400
    other = wiki.create("B")
    assert wiki.refused("PUT", f"/api/v2/pages/{other['id']}", json=change(other, title="주간 보고 A"))[0] == 400


def test_a_version_that_is_not_the_next_one(wiki):
    made = wiki.create("쪽")
    wiki.done("PUT", f"/api/v2/pages/{made['id']}", json=change(made, version={"number": 2, "message": "고침"}))
    status, title = wiki.refused("PUT", f"/api/v2/pages/{made['id']}", json=change(made))
    assert (status, title) == (
        409,
        "Version must be incremented when updating a page. Current Version: [2]. Provided version: [2]",
    )
    newest, oldest = wiki.get(f"/api/v2/pages/{made['id']}/versions", **{"body-format": "storage"})["results"]
    assert (newest["number"], newest["message"], oldest["page"]["body"]["storage"]["value"]) == (2, "고침", "<p>본문</p>")
    old = wiki.get(f"/api/v2/pages/{made['id']}", version=1)
    assert (old["status"], old["version"]["number"]) == ("historical", 1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"body": {"storage": {"value": "<p/>"}}}, 500),
        ({"body": {"value": "<p/>"}}, 400),
        ({"body": {"representation": "storage", "value": "<p>"}}, 400),
        ({"body": {"representation": "wiki", "value": "h1."}}, 400),
        ({"body": None}, 400),
        ({"title": ""}, 400),
        ({"title": "x" * 256}, 400),
        ({"status": "draft"}, 400),
        ({"id": "1"}, 400),
        ({"version": {}}, 400),
        ({"parentId": "999"}, 404),
        ({"spaceId": "1"}, 400),
    ],
)
def test_what_a_page_refuses(wiki, changes, status):
    made = wiki.create("쪽")
    answer = wiki.call("PUT", f"/api/v2/pages/{made['id']}", json=change(made, **changes))
    assert answer.status_code == status, answer.text
    assert wiki.get(f"/api/v2/pages/{made['id']}")["version"]["number"] == 1


def test_a_body_over_5_mb(wiki):
    made = wiki.create("쪽")
    big = {"representation": "storage", "value": f"<p>{'x' * 5 * 1024 * 1024}</p>"}
    assert wiki.call("PUT", f"/api/v2/pages/{made['id']}", json=change(made, body=big)).status_code == 413


def test_the_trash(wiki):
    made = wiki.create("쪽")
    path = f"/api/v2/pages/{made['id']}"
    wiki.done("DELETE", path)
    assert wiki.get(path)["status"] == "trashed"
    assert wiki.refused("GET", f"{path}?status=current")[0] == 404
    back = wiki.done("PUT", path, json=change(made))
    assert (back["status"], back["version"]["number"]) == ("current", 2)
    wiki.done("DELETE", path)
    wiki.done("DELETE", f"{path}?purge=true")
    assert wiki.refused("GET", path)[0] == 404


def test_folders(wiki, sandbox, home):
    folder = wiki.done(
        "POST", "/api/v2/folders", json={"spaceId": wiki.create("옆")["spaceId"], "title": "보관", "parentId": home}
    )
    inside = wiki.create("안", parentId=folder["id"])
    assert (inside["parentId"], inside["parentType"]) == (folder["id"], "folder")
    children = wiki.get(f"/api/v2/pages/{home}/direct-children")["results"]
    assert {(entry["title"], entry["type"]) for entry in children} == {("옆", "page"), ("보관", "folder")}
    assert [entry["title"] for entry in wiki.get(f"/api/v2/pages/{home}/children")["results"]] == ["옆"]
    assert [entry["id"] for entry in wiki.get(f"/api/v2/folders/{folder['id']}/direct-children")["results"]] == [
        inside["id"]
    ]
    above = wiki.get(f"/api/v2/pages/{inside['id']}/ancestors")["results"]
    assert above == [{"id": home, "type": "page"}, {"id": folder["id"], "type": "folder"}]
    below = wiki.get(f"/api/v2/pages/{home}/descendants")["results"]
    assert [(entry["title"], entry["depth"]) for entry in below][-1] == ("안", 2)
    moved = wiki.done("PUT", f"/api/v2/pages/{inside['id']}", json=change(inside, parentId=home))
    assert moved["parentType"] == "page"
    assert wiki.get(f"/api/v2/folders/{folder['id']}/direct-children")["results"] == []
    # The other dialect knows no folders, and sees what is in one at the top of the space.
    assert sandbox.store.page(inside["id"]).parent_id == home


# --- properties, labels, comments


def test_properties_go_by_id_and_version(wiki):
    page = wiki.create("쪽")["id"]
    path = f"/api/v2/pages/{page}/properties"
    made = wiki.done("POST", path, json={"key": "marker", "value": {"완료": False}})
    assert wiki.refused("POST", path, json={"key": "marker", "value": 1})[0] == 409
    assert wiki.get(path, key="marker")["results"] == [made]
    assert wiki.get(path, key="other")["results"] == []
    one = f"{path}/{made['id']}"
    update = {"key": "marker", "value": {"완료": True}, "version": {"number": 2}}
    assert wiki.done("PUT", one, json=update)["value"] == {"완료": True}
    assert wiki.refused("PUT", one, json=update)[0] == 409
    assert wiki.refused("PUT", one, json=update | {"key": "other", "version": {"number": 3}})[0] == 400
    wiki.done("DELETE", one)
    assert wiki.refused("GET", one)[0] == 404


def test_labels_are_read_by_v2_and_written_by_v1(wiki):
    page = wiki.create("쪽")["id"]
    wiki.done("POST", f"/rest/api/content/{page}/label", json=[{"prefix": "global", "name": "주간"}])
    (label,) = wiki.get(f"/api/v2/pages/{page}/labels")["results"]
    assert (label["prefix"], label["name"]) == ("global", "주간")
    assert [entry["id"] for entry in wiki.get(f"/api/v2/labels/{label['id']}/pages")["results"]] == [page]
    wiki.done("DELETE", f"/rest/api/content/{page}/label", params={"name": "주간"})
    assert wiki.get(f"/api/v2/pages/{page}/labels")["results"] == []


def test_comments_and_replies(wiki, sandbox):
    page = wiki.create("쪽")["id"]
    body = {"representation": "storage", "value": "<p>좋네요</p>"}
    comment = wiki.done("POST", "/api/v2/footer-comments", json={"pageId": page, "body": body})
    reply = wiki.done("POST", "/api/v2/footer-comments", json={"parentCommentId": comment["id"], "body": body})
    inline = sandbox.store.add_comment(page, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="지표")
    listed = wiki.get(f"/api/v2/pages/{page}/footer-comments", **{"body-format": "storage"})["results"]
    assert [(entry["id"], entry["body"]["storage"]["value"]) for entry in listed] == [(comment["id"], "<p>좋네요</p>")]
    (answer,) = wiki.get(f"/api/v2/footer-comments/{comment['id']}/children")["results"]
    assert (answer["id"], answer["parentCommentId"]) == (reply["id"], comment["id"])
    (beside,) = wiki.get(f"/api/v2/pages/{page}/inline-comments", **{"resolution-status": "open"})["results"]
    assert beside["properties"] == {"inlineMarkerRef": "r", "inlineOriginalSelection": "지표"}
    assert wiki.refused("GET", f"/api/v2/footer-comments/{inline.id}")[0] == 404


def test_a_comment_beside_a_passage_puts_a_marker_into_the_text(wiki, sandbox):
    made = wiki.create("쪽", '<p>지표 A &amp; B</p><ac:structured-macro ac:name="code" /><p>지표 A &amp; B</p>')
    body = {"representation": "storage", "value": "<p>왜?</p>"}
    passage = {"textSelection": "A & B", "textSelectionMatchCount": 2, "textSelectionMatchIndex": 1}
    new = {"pageId": made["id"], "body": body, "inlineCommentProperties": passage}
    comment = wiki.done("POST", "/api/v2/inline-comments", json=new)
    reference = comment["properties"]["inlineMarkerRef"]
    page = sandbox.store.page(made["id"])
    marker = f'<p>지표 <ac:inline-comment-marker ac:ref="{reference}">A &amp; B</ac:inline-comment-marker></p>'
    assert page.body.endswith(marker)
    assert page.version == 1
    for wrong in ({"textSelection": "없다"}, {"textSelectionMatchCount": 1}, {"textSelectionMatchIndex": 2}):
        answer = wiki.refused("POST", "/api/v2/inline-comments", json=new | {"inlineCommentProperties": passage | wrong})
        assert answer[0] == 400
    assert wiki.refused("POST", "/api/v2/inline-comments", json={"pageId": made["id"], "body": body})[0] == 400


def test_comments_are_changed_and_removed(wiki, sandbox):
    page = wiki.create("쪽")["id"]
    comment = sandbox.store.add_comment(page, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="x").id
    path = f"/api/v2/inline-comments/{comment}"
    closed = wiki.done("PUT", path, json={"version": {"number": 2}, "resolved": True})
    assert (closed["resolutionStatus"], closed["version"]["number"]) == ("resolved", 2)
    assert closed["body"]["storage"]["value"] == "<p>옆</p>"
    assert wiki.refused("PUT", path, json={"version": {"number": 2}, "resolved": False})[0] == 409
    wiki.done("DELETE", path)
    assert wiki.refused("GET", path)[0] == 404


# --- files


def attach(wiki: Wiki, page: str, method: str = "PUT", name: str = "지표.png", data: bytes = b"x", **form: Any) -> Any:
    files = {
        "file": (name, data, "image/png"),
        "comment": (None, "주간", "text/plain; charset=utf-8"),
        "minorEdit": (None, "true"),
    }
    return wiki.call(method, f"/rest/api/content/{page}/child/attachment", files=files | form, headers=NO_CHECK)


def test_uploads(wiki, sandbox):
    page = wiki.create("쪽")["id"]
    made = attach(wiki, page).json()["results"][0]
    assert made["extensions"]["comment"] == "주간"
    again = attach(wiki, page, data=b"yy").json()["results"][0]
    assert (again["id"], again["version"]["number"]) == (made["id"], 2)
    taken = attach(wiki, page, "POST")
    assert taken.status_code == 400
    assert taken.json()["message"].startswith("Cannot add a new attachment with same file name as an existing attachment")
    (found,) = wiki.get(f"/api/v2/pages/{page}/attachments", filename="지표.png")["results"]
    assert (found["id"], found["fileSize"], found["comment"]) == (made["id"], 2, "주간")
    assert wiki.call("DELETE", f"/api/v2/attachments/{found['id']}").status_code == 204
    assert sandbox.store.attachments(page) == []


def test_a_download_leads_to_another_host_without_the_credentials(wiki, app, sandbox):
    page = wiki.create("쪽")["id"]
    made = attach(wiki, page, data=b"png").json()["results"][0]["id"]
    attach(wiki, page, data=b"png 2")
    path = f"/rest/api/content/{page}/child/attachment/{made}/download"
    for one in (wiki, app):
        answer = one.call("GET", path, allow_redirects=False)
        assert answer.status_code == 302
        there = answer.headers["Location"]
        assert urlsplit(there).hostname != urlsplit(one.base).hostname
        assert requests.get(there, timeout=30).content == b"png 2"
        assert requests.get(there, headers={"Authorization": "Bearer x"}, timeout=30).status_code == 403
        assert one.call("GET", path).content == b"png 2", "requests drops the credentials on the way to another host"
    assert wiki.call("GET", path, params={"version": 1}).content == b"png"
    assert wiki.call("GET", path, params={"version": 9}).status_code == 400
    sandbox.cloud.advance(3601)
    assert requests.get(there, timeout=30).status_code == 403
    old = wiki.get(f"/api/v2/attachments/{made}")["downloadLink"]
    assert requests.get(f"{wiki.base}{old}", timeout=30).status_code == 401


def test_an_upload_that_goes_wrong_leaves_a_file_without_bytes(wiki, sandbox):
    page = wiki.create("쪽")["id"]
    sandbox.cloud.spoil_uploads()
    assert attach(wiki, page).status_code == 503
    (left,) = wiki.get(f"/api/v2/pages/{page}/attachments", filename="지표.png")["results"]
    assert left["fileSize"] == 0
    files = {"file": ("지표.png", b"x", "image/png"), "minorEdit": (None, "true")}
    path = f"/rest/api/content/{page}/child/attachment/{left['id']}/data"
    again = wiki.done("POST", path, files=files, headers=NO_CHECK)
    assert (again["version"]["number"], again["extensions"]["fileSize"]) == (2, 1)


def test_a_download_over_tls(tmp_path):
    authority, (certificate, key), _ = certificates(tmp_path)
    with Sandbox(seed=False, ssl_certfile=certificate, ssl_keyfile=key) as sandbox:
        session = requests.Session()
        session.trust_env, session.verify = False, str(authority)
        session.auth = (sandbox.cloud_email, sandbox.cloud_token)
        wiki = Wiki(f"{sandbox.cloud_url}/wiki", session)
        page = wiki.create("쪽")["id"]
        made = attach(wiki, page, data=b"png").json()["results"][0]["id"]
        answer = wiki.call("GET", f"/rest/api/content/{page}/child/attachment/{made}/download")
        assert (answer.content, urlsplit(answer.url).scheme) == (b"png", "https")


# --- copies and jobs


def test_a_copy_with_another_body(wiki, sandbox):
    source = wiki.create("지난 주", "<p>지난</p>")["id"]
    attach(wiki, source)
    sandbox.store.add_labels(source, ["주간"])
    sandbox.store.set_property(source, "content-appearance-published", "full-width")
    sandbox.store.set_restrictions(source, {"update": {"user": ["report-bot"], "group": []}})
    wanted = {
        "destination": {"type": "parent_page", "value": source},
        "pageTitle": "이번 주",
        "body": {"storage": {"value": "<p>이번</p>", "representation": "storage"}},
    }
    bare = wiki.done("POST", f"/rest/api/content/{source}/copy", json=wanted)["id"]
    store = sandbox.store
    assert (store.page(bare).body, store.page(bare).version, store.page(bare).parent_id) == ("<p>이번</p>", 1, source)
    assert (store.attachments(bare), store.labels(bare), store.properties(bare)) == ([], [], [])
    parts = {"copyAttachments": True, "copyLabels": True, "copyProperties": True, "copyPermissions": True}
    whole = wiki.done("POST", f"/rest/api/content/{source}/copy", json=wanted | parts | {"pageTitle": "다음 주"})["id"]
    assert [file.filename for file in store.attachments(whole)] == ["지표.png"]
    assert [label.name for label in store.labels(whole)] == ["주간"]
    assert [entry.key for entry in store.properties(whole)] == ["content-appearance-published"]
    assert store.restrictions(whole)["update"]["user"] == ["report-bot"]
    taken = wiki.call("POST", f"/rest/api/content/{source}/copy", json=wanted)
    assert taken.status_code == 400
    assert "title already exists" in taken.json()["message"]
    onto = wanted | {"destination": {"type": "existing_page", "value": bare}}
    assert wiki.done("POST", f"/rest/api/content/{source}/copy", json=onto)["version"]["number"] == 2


@pytest.mark.parametrize(
    "destination", [None, {"type": "elsewhere", "value": "1"}, {"type": "space"}, {"type": "parent_page", "value": 5}]
)
def test_a_copy_to_nowhere(wiki, home, destination):
    wanted = {"destination": destination, "pageTitle": "복사"}
    assert wiki.call("POST", f"/rest/api/content/{home}/copy", json=wanted).status_code == 400


def test_pages_are_archived_in_the_background(wiki, sandbox):
    sandbox.cloud.set_task_looks(2)
    page = wiki.create("쪽")["id"]
    task = wiki.done("POST", "/rest/api/content/archive", json={"pages": [{"id": int(page)}]})
    looks = [wiki.get(task["links"]["status"])["finished"] for _ in range(3)]
    assert looks == [False, False, True]
    assert wiki.get(f"/api/v2/pages/{page}")["status"] == "archived"
    assert wiki.call("GET", "/rest/api/longtask/none").status_code == 404


def test_a_move_makes_no_version(wiki, sandbox, home):
    ids = [wiki.create(title)["id"] for title in "가나다라"]

    def order() -> list[str]:
        return [entry["title"] for entry in wiki.get(f"/api/v2/pages/{home}/direct-children")["results"]]

    assert wiki.done("PUT", f"/rest/api/content/{ids[3]}/move/before/{ids[1]}") == {"pageId": ids[3]}
    assert order() == ["가", "라", "나", "다"]
    wiki.done("PUT", f"/rest/api/content/{ids[3]}/move/after/{ids[2]}")
    assert order() == ["가", "나", "다", "라"]
    wiki.done("PUT", f"/rest/api/content/{ids[3]}/move/append/{ids[0]}")
    assert (order(), sandbox.store.page(ids[3]).parent_id) == (["가", "나", "다"], ids[0])
    assert sandbox.store.page(ids[3]).version == 1
    for target in (ids[3], ids[0]):
        assert wiki.call("PUT", f"/rest/api/content/{ids[0]}/move/append/{target}").status_code == 400
    assert wiki.call("PUT", f"/rest/api/content/{ids[0]}/move/beside/{ids[1]}").status_code == 400


def test_a_tree_is_copied_in_the_background(wiki, sandbox, home):
    top = wiki.create("주간 보고")["id"]
    wiki.create("부록", parentId=top)
    wanted = {
        "destinationPageId": home,
        "copyDescendants": True,
        "titleOptions": {"search": "주간", "replace": "월간", "prefix": "새 "},
    }
    task = wiki.done("POST", f"/rest/api/content/{top}/pagehierarchy/copy", json=wanted)["links"]["status"]
    wiki.get(task)
    done = wiki.get(task)
    assert (done["successful"], done["additionalDetails"]["totalPageNeedToCopy"]) == (True, 2)
    made = done["additionalDetails"]["destinationId"]
    assert sandbox.store.page(made).title == "새 월간 보고"
    assert [page.title for page in sandbox.store.children(made)] == ["새 부록"]
    again = wiki.done("POST", f"/rest/api/content/{top}/pagehierarchy/copy", json=wanted)["links"]["status"]
    wiki.get(again)
    failed = wiki.get(again)
    assert (failed["finished"], failed["successful"], len(failed["errors"])) == (True, False, 1)


def test_a_search_goes_by_cursor_and_has_short_pages(wiki, sandbox, home):
    for number in range(6):
        page = sandbox.store.create_page("ANALYTICS", f"보고 {number}", "<p/>", home, author="jimin")
        if number < 3:
            sandbox.store.set_restrictions(page.id, {"read": {"user": ["jimin"], "group": []}})
    params: dict[str, Any] = {"cql": 'title ~ "보고" order by id', "limit": 2, "start": 4}
    sizes, titles = [], []
    while True:
        answer = wiki.get("/rest/api/search", **params)
        sizes.append(answer["size"])
        titles += [entry["title"] for entry in answer["results"]]
        following = answer["_links"].get("next")
        if following is None:
            break
        assert following.startswith("/rest/api/search?")
        params = dict(parse_qsl(urlsplit(following).query))
    assert sizes == [0, 1, 2]
    assert titles == ["보고 3", "보고 4", "보고 5"]
    assert wiki.call("GET", "/rest/api/content/search", params={"cql": "nonsense"}).status_code == 400


def test_restrictions_name_accounts(wiki, sandbox):
    page = wiki.create("쪽")["id"]
    people = [sandbox.cloud.account_id(name) for name in ("report-bot", "haruka")]
    wanted = [
        {"operation": "update", "restrictions": {"user": [{"type": "known", "accountId": account} for account in people]}}
    ]
    wiki.done("PUT", f"/rest/api/content/{page}/restriction", json=wanted)
    assert sandbox.store.restrictions(page)["update"]["user"] == ["haruka", "report-bot"]
    found = wiki.get(f"/rest/api/content/{page}/restriction/byOperation")
    assert {user["accountId"] for user in found["update"]["restrictions"]["user"]["results"]} == set(people)
    wanted[0]["restrictions"]["user"] = wanted[0]["restrictions"]["user"][1:]
    assert wiki.call("PUT", f"/rest/api/content/{page}/restriction", json=wanted).status_code == 400


# --- points


def test_an_app_pays_for_what_it_reads(app, wiki, sandbox, home):
    clock = sandbox.cloud.state.clock
    if (clock.next_hour() - clock.now()).total_seconds() < 60:
        sandbox.cloud.advance(60)  # the points of an hour must not come back in the middle
    sandbox.cloud.set_points(20)
    for number in range(3):
        sandbox.store.create_page("ANALYTICS", f"쪽 {number}", "<p/>", home, author="jimin")
    answer = app.call("GET", "/api/v2/pages")
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("20", "15")
    assert "X-RateLimit-NearLimit" not in answer.headers
    sandbox.cloud.set_points(20, 3)
    answer = app.call("GET", "/api/v2/pages", params={"limit": 2})
    assert (answer.headers["X-RateLimit-Remaining"], answer.headers["X-RateLimit-NearLimit"]) == ("0", "true")
    refused = app.call("GET", "/api/v2/pages")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["RateLimit-Reason"]
    assert refused.headers["X-RateLimit-Reset"].endswith(":00:00.000Z")
    assert "X-RateLimit-Limit" not in wiki.call("GET", "/api/v2/pages").headers, "API tokens are exempt"
    sandbox.cloud.set_access_lifetime(7200)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {sandbox.cloud.consent()['access_token']}"
    sandbox.cloud.advance(int(refused.headers["Retry-After"]))
    assert session.get(f"{app.base}/api/v2/pages", timeout=30).headers["X-RateLimit-Remaining"] == "15"


def test_a_burst_meets_everybody(wiki, sandbox):
    sandbox.cloud.ratelimit(retry_after=7)
    answer = wiki.call("GET", "/api/v2/pages")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert wiki.call("GET", "/api/v2/pages").status_code == 200


# --- people, links, controls


def test_people_have_accounts_and_addresses(wiki, sandbox):
    sandbox.cloud.add_person("mina", "이미나", "mina@example.org")
    account = sandbox.cloud.account_id("mina")
    (found,) = wiki.done("POST", "/api/v2/users-bulk", json={"accountIds": [account, "nobody"]})["results"]
    assert (found["displayName"], found["email"]) == ("이미나", "mina@example.org")
    assert wiki.get("/rest/api/user", accountId=account)["displayName"] == "이미나"
    mention = f'<p><ac:link><ri:user ri:account-id="{account}" /></ac:link></p>'
    page = wiki.create("쪽", mention)["id"]
    shown = wiki.get(f"/api/v2/pages/{page}", **{"body-format": "view"})["body"]["view"]["value"]
    assert "이미나" in shown


def test_links_lead_people_to_the_page(wiki):
    links = wiki.create("주간 보고", "<p>지표</p>")["_links"]
    for name in ("tinyui", "webui"):
        answer = requests.get(links["base"] + links[name], timeout=30)
        assert answer.status_code == 200
        assert "주간 보고" in answer.text


def test_the_other_dialect_sees_the_same_page(wiki, api):
    made = wiki.create("주간 보고", "<p>지표</p>")
    page = api.get(f"/content/{made['id']}", expand="body.storage,version")
    assert (page["title"], page["body"]["storage"]["value"], page["version"]["number"]) == ("주간 보고", "<p>지표</p>", 1)


def test_another_process_controls_the_cloud(sandbox, app):
    def do(action: str, **arguments: Any) -> requests.Response:
        return requests.post(f"{sandbox.url}/_sandbox/cloud/{action}", json=arguments, timeout=30)

    tokens = do("consent", scopes=["read:page:confluence"]).json()["result"]
    assert tokens["scope"] == "read:page:confluence"
    assert do("advance", seconds=3600).json() == {"result": None}
    assert app.call("GET", "/api/v2/pages").status_code == 401
    assert {"report-bot@example.com"} <= {person["email"] for person in do("people").json()["result"]}
    assert do("archive_page", page_id="999").status_code == 404
    assert do("consent", username="nobody").status_code == 404
    assert do("unknown").status_code == 404
    assert do("advance", seconds=-1).status_code == 400
    assert do("set_points", limit=0).status_code == 400
    assert do("set_points", points=1).status_code == 400
    sandbox.reset(seed=False)
    assert sandbox.cloud.expire_access_tokens() == 0


def test_a_state_that_is_kept_has_its_folders_after_a_restart(tmp_path):
    with Sandbox(tmp_path, seed=False) as first:
        home = first.store.space("ANALYTICS").homepage_id
        folder = first.cloud.add_folder("보관", home)
        page = first.store.create_page("ANALYTICS", "안", "<p/>", None, author="jimin")
        first.store.add_attachment(page.id, "a", "text/plain", io.BytesIO(b"x"))
        first.cloud.put_in_folder(page.id, folder)
    with Sandbox(tmp_path, seed=False) as second:
        assert second.store.folder_of(page.id).title == "보관"
        second.store.remove_folder(folder)
        assert second.store.folder_of(page.id) is None
        assert second.store.page(page.id) is not None
