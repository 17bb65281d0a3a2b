"""Requests and answers of the sandbox's cloud against Atlassian's published descriptions of Confluence Cloud."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from support.cloud_description import as_openapi, plain_path, read_v1, read_v2, scopes_of
from workplace_sandbox import Sandbox
from workplace_sandbox.confluence.cloud.wiki import V1_PARTS, V2_PARTS

pytestmark = pytest.mark.contract

MACRO = (
    '<ac:structured-macro ac:name="info" ac:macro-id="m1"><ac:rich-text-body><p>a</p></ac:rich-text-body>'
    "</ac:structured-macro>"
)
NO_CHECK = {"X-Atlassian-Token": "no-check"}


class DescribedSession(requests.Session):
    """Checks every exchange against the description of its version before it hands the answer on."""

    def __init__(self, v2: OpenAPI, v1: OpenAPI) -> None:
        super().__init__()
        self.trust_env = False
        self.v2, self.v1 = v2, v1
        self.checked = 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = super().send(request, **options)
        if "/wiki/" in str(request.url):
            description = self.v2 if "/api/v2/" in str(request.url) else self.v1
            described = RequestsOpenAPIRequest(request)
            if answer.status_code < 400:
                description.validate_request(described)
                description.validate_response(described, RequestsOpenAPIResponse(answer))
                self.checked += 1
        return answer


class ByWay:
    """REST v2 and v1 by one way.

    :param base: what is before ``/wiki``.
    """

    def __init__(self, base: str, session: DescribedSession) -> None:
        self.base = base
        self.session = session

    def call(self, method: str, path: str, expected: int = 200, **options: Any) -> Any:
        answer = self.session.request(method, f"{self.base}/wiki{path}", timeout=30, **options)
        assert answer.status_code == expected, (path, answer.text)
        return answer.json() if answer.content else None


def _session(sandbox: Sandbox, base: str, v2: Any, v1: Any) -> DescribedSession:
    return DescribedSession(as_openapi(read_v2(v2, base)), as_openapi(read_v1(v1, base)))


@pytest.fixture(params=["site", "gateway"])
def api(request: Any, sandbox: Sandbox, cloud_v2_description: Any, cloud_v1_description: Any) -> ByWay:
    """The wiki, by an API token at the site and by OAuth at the gateway."""
    if request.param == "site":
        session = _session(sandbox, sandbox.cloud_url, cloud_v2_description, cloud_v1_description)
        session.auth = (sandbox.cloud_email, sandbox.cloud_token)
        return ByWay(sandbox.cloud_url, session)
    base = f"{sandbox.cloud_gateway_url}/ex/confluence/{sandbox.cloud_id}"
    session = _session(sandbox, base, cloud_v2_description, cloud_v1_description)
    session.headers["Authorization"] = f"Bearer {sandbox.cloud.consent()['access_token']}"
    return ByWay(base, session)


@pytest.fixture
def ids(sandbox: Sandbox) -> dict[str, str]:
    """A page with everything that can hang on one."""
    store = sandbox.store
    space = store.space("ANALYTICS")
    assert space is not None
    page = store.create_page("ANALYTICS", "주간 보고", f"<p>지표</p>{MACRO}", space.homepage_id, author="jimin")
    store.update_page(page.id, author="haruka", body="<p>지표 2</p>", message="고침")
    store.create_page("ANALYTICS", "부록", "<p/>", page.id, author="jimin")
    folder = sandbox.cloud.add_folder("지난 보고", page.id)
    moved = store.create_page("ANALYTICS", "지난주", "<p/>", None, author="jimin")
    sandbox.cloud.put_in_folder(moved.id, folder)
    file = store.add_attachment(page.id, "지표.png", "image/png", io.BytesIO(b"x"), "그림", "jimin")
    label = store.add_labels(page.id, ["주간"])[0]
    entry = store.set_property(page.id, "marker", {"complete": True})
    store.set_restrictions(page.id, {"update": {"user": ["report-bot", "jimin"], "group": ["analysts"]}})
    comment = store.add_comment(page.id, "<p>좋네요</p>", "haruka")
    store.add_comment(page.id, "<p>답</p>", "jimin", parent_id=comment.id)
    inline = store.add_comment(page.id, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="지표")
    store.add_comment(page.id, "<p>답</p>", "jimin", parent_id=inline.id, location="inline")
    template = store.add_template("ANALYTICS", "주간", "<p/>", labels=["주간"])
    return {
        "page": page.id, "folder": folder, "file": file.id, "label": label.id, "property": entry.id, "template": template.id,
        "comment": comment.id, "inline": inline.id, "space": str(space.id), "moved": moved.id,
    }  # fmt: skip


def test_the_check_can_fail(api, ids):
    answer = api.session.get(f"{api.base}/wiki/api/v2/pages/{ids['page']}", timeout=30)
    described = RequestsOpenAPIRequest(answer.request)
    for wrong in ({"id": 1}, {"version": {"number": "two"}}, {"parentId": 5}, {"status": "gone"}):
        answer._content = json.dumps(answer.json() | wrong).encode()
        with pytest.raises(OpenAPIError):
            api.session.v2.validate_response(described, RequestsOpenAPIResponse(answer))


V2_READS = [
    "/spaces",
    "/spaces?keys=ANALYTICS&description-format=plain",
    "/spaces/{space}",
    "/spaces/{space}/pages?depth=root&sort=-title",
    "/pages?space-id={space}&title=주간 보고&status=current&status=archived&limit=250",
    "/pages?limit=1&body-format=atlas_doc_format",
    "/pages/{page}",
    "/pages/{page}?body-format=view&include-labels=true&include-properties=true&include-versions=true",
    "/pages/{page}?version=1&body-format=storage",
    "/pages/{moved}",
    "/pages/{page}/versions?body-format=storage",
    "/pages/{page}/versions/1",
    "/pages/{page}/children",
    "/pages/{page}/direct-children",
    "/pages/{page}/descendants?depth=3",
    "/pages/{moved}/ancestors",
    "/pages/{page}/labels",
    "/pages/{page}/operations",
    "/pages/{page}/properties?key=marker",
    "/pages/{page}/properties/{property}",
    "/pages/{page}/attachments?filename=지표.png",
    "/pages/{page}/footer-comments?body-format=storage",
    "/pages/{page}/inline-comments?body-format=storage&resolution-status=open",
    "/labels/{label}/pages",
    "/folders/{folder}",
    "/folders/{folder}/direct-children",
    "/folders/{folder}/ancestors",
    "/attachments",
    "/attachments/{file}",
    "/attachments/{file}/versions",
    "/attachments/{file}/properties",
    "/footer-comments",
    "/footer-comments/{comment}?body-format=view",
    "/footer-comments/{comment}/children",
    "/comments/{comment}/properties?key=k",
    "/inline-comments",
    "/inline-comments/{inline}?body-format=storage",
    "/inline-comments/{inline}/children?body-format=storage",
]


@pytest.mark.parametrize("path", V2_READS)
def test_reads_of_v2(api, ids, path):
    assert api.call("GET", f"/api/v2{path.format(**ids)}")
    assert api.session.checked == 1


V1_READS = [
    "/content/search?cql=text ~ 지표",
    "/content/search?cql=type = page&limit=1&expand=body.storage,version,space,history,ancestors,metadata.labels",
    "/content/search?cql=type = comment&expand=version,history,container,children.comment,body.storage,body.view",
    "/content/search?cql=type = comment&expand=extensions.inlineProperties,extensions.resolution",
    "/search?cql=type in (page, comment, attachment)",
    "/content/{page}/descendant/page?depth=all",
    "/content/{page}/descendant/attachment",
    "/content/{page}/restriction",
    "/content/{page}/restriction/byOperation",
    "/content/{page}/restriction/byOperation/update",
    "/content/{page}/descendant?expand=page,comment,attachment",
    "/content/{page}/history/1/macro/id/m1",
    "/content/{page}/history/1/macro/id/m1/convert/view",
    "/content/{page}/history/1/macro/id/m1/convert/async/view",
    "/content/{page}/notification/created",
    "/content/{page}/notification/child-created",
    "/content/{page}/state?status=current",
    "/content/{page}/state/available",
    "/group/picker?query=anal",
    "/longtask",
    "/space/ANALYTICS/settings",
    "/space/ANALYTICS/state",
    "/space/ANALYTICS/state/settings",
    "/space/ANALYTICS/state/content?state-id=3",
    "/space/ANALYTICS/watch",
    "/space/ANALYTICS/label",
    "/template/page?spaceKey=ANALYTICS&expand=body",
    "/template/{template}",
    "/user/current",
]


@pytest.mark.parametrize("path", V1_READS)
def test_reads_of_v1(api, ids, path):
    assert api.call("GET", f"/rest/api{path.format(**ids)}")
    assert api.session.checked == 1


@pytest.mark.parametrize("path", ["/content/{page}/state", "/content-states"])
def test_reads_that_may_have_nothing(api, ids, path):
    assert api.call("GET", f"/rest/api{path.format(**ids)}") in ({"contentState": None}, [])


def test_restrictions_of_one_account_and_group(api, ids):
    one = f"/rest/api/content/{ids['page']}/restriction/byOperation/update"
    me = api.session.get(f"{api.base}/wiki/rest/api/user/current", timeout=30).json()["accountId"]
    assert api.session.get(f"{api.base}/wiki{one}/user?accountId={me}", timeout=30).status_code == 200
    assert api.session.get(f"{api.base}/wiki{one}/byGroupId/analysts", timeout=30).status_code == 200
    assert api.session.get(f"{api.base}/wiki{one}/byGroupId/others", timeout=30).status_code == 404
    assert api.session.get(f"{api.base}/wiki/rest/api/space/ANALYTICS/theme", timeout=30).status_code == 404


def test_writes_that_the_sandbox_lacks_are_not_called_gone(api, ids):
    for method, path in (("POST", "/space"), ("POST", f"/content/{ids['page']}/version"), ("PUT", "/space/ANALYTICS")):
        assert api.session.request(method, f"{api.base}/wiki/rest/api{path}", json={}, timeout=30).status_code == 501
    assert api.session.get(f"{api.base}/wiki/rest/api/content/{ids['page']}", timeout=30).status_code == 410
    assert api.session.get(f"{api.base}/wiki/rest/api/space/ANALYTICS", timeout=30).status_code == 410


def test_states_of_pages(api, ids, sandbox):
    one = f"/rest/api/content/{ids['page']}/state"
    before = sandbox.store.page(ids["page"]).version
    assert api.call("PUT", f"{one}?status=current", json={"id": 3})["contentState"]["name"] == "Verified"
    assert sandbox.store.page(ids["page"]).version == before + 1
    in_state = api.call("GET", "/rest/api/space/ANALYTICS/state/content?state-id=3")["results"]
    assert [page["id"] for page in in_state] == [ids["page"]]
    own = api.call("PUT", f"{one}?status=current", json={"name": "검토", "color": "#FF7452"})["contentState"]
    assert (own["name"], own["color"]) == ("검토", "#ff7452")
    assert api.call("GET", "/rest/api/content-states") == [own]
    sandbox.store.update_page(ids["page"], author="jimin", body="<p>new</p>")
    assert api.call("GET", f"{one}?status=current") == {"contentState": None}
    api.call("PUT", f"{one}?status=current", json={"id": 2})
    api.call("POST", f"/api/v2/pages/{ids['page']}/properties", json={"key": "k", "value": 1})
    assert api.call("GET", f"{one}?status=current") == {"contentState": None}
    api.call("PUT", f"{one}?status=current", json={"id": 2})
    assert api.call("DELETE", f"{one}?status=current") == {"contentState": None}


def test_properties_of_attachments(api, ids):
    for file in (ids["file"], ids["file"].removeprefix("att")):
        address = f"/api/v2/attachments/{file}/properties"
        made = api.call("POST", address, json={"key": "k", "value": {"v": 1}})
        assert [each["key"] for each in api.call("GET", f"{address}?key=k")["results"]] == ["k"]
        one = f"{address}/{made['id']}"
        changed = api.call("PUT", one, json={"key": "k", "value": {"v": 2}, "version": {"number": 2}})
        assert (changed["value"], changed["version"]["number"]) == ({"v": 2}, 2)
        assert api.call("GET", one)["value"] == changed["value"]
        api.call("DELETE", one, 204)


def test_writes_of_v2(api, ids):
    body = {"representation": "storage", "value": "<p>새로<br/></p>"}
    new = {"spaceId": ids["space"], "status": "current", "title": "새 쪽", "parentId": ids["folder"], "body": body}
    made = api.call("POST", "/api/v2/pages", json=new)
    change = {"id": made["id"], "status": "current", "title": "새 쪽 2", "body": {"storage": body}, "version": {"number": 2}}
    api.call("PUT", f"/api/v2/pages/{made['id']}", json=change)
    api.call("PUT", f"/api/v2/pages/{made['id']}/title", json={"status": "current", "title": "새 쪽 3"})
    entry = api.call("POST", f"/api/v2/pages/{made['id']}/properties", json={"key": "k", "value": {"v": 1}})
    one = f"/api/v2/pages/{made['id']}/properties/{entry['id']}"
    api.call("PUT", one, json={"key": "k", "value": {"v": 2}, "version": {"number": 2}})
    api.call("DELETE", one, 204)
    comment = api.call("POST", "/api/v2/footer-comments", 201, json={"pageId": made["id"], "body": body})
    api.call("POST", "/api/v2/footer-comments", 201, json={"parentCommentId": comment["id"], "body": body})
    api.call("POST", f"/api/v2/comments/{comment['id']}/properties", json={"key": "k", "value": {"v": 1}})
    api.call("POST", "/api/v2/inline-comments", 201, json={"parentCommentId": ids["inline"], "body": body})
    passage = {"textSelection": "새로", "textSelectionMatchCount": 1, "textSelectionMatchIndex": 0}
    beside = {"pageId": made["id"], "body": body, "inlineCommentProperties": passage}
    inline = api.call("POST", "/api/v2/inline-comments", 201, json=beside)
    api.call("PUT", f"/api/v2/inline-comments/{inline['id']}", json={"version": {"number": 2}, "resolved": True})
    api.call("DELETE", f"/api/v2/inline-comments/{inline['id']}", 204)
    api.call("PUT", f"/api/v2/footer-comments/{comment['id']}", json={"version": {"number": 2}, "body": body})
    api.call("DELETE", f"/api/v2/footer-comments/{comment['id']}", 204)
    folder = api.call("POST", "/api/v2/folders", json={"spaceId": ids["space"], "title": "보관", "parentId": ids["page"]})
    api.call("DELETE", f"/api/v2/folders/{folder['id']}", 204)
    account = made["authorId"]
    assert api.call("POST", "/api/v2/users-bulk", json={"accountIds": [account]})["results"][0]["accountId"] == account
    api.call("DELETE", f"/api/v2/pages/{made['id']}", 204)
    api.call("DELETE", f"/api/v2/pages/{made['id']}?purge=true", 204)
    assert api.session.checked == 20


def test_writes_of_v1(api, ids):
    page = f"/rest/api/content/{ids['page']}"
    files = {"file": ("나.png", b"x", "image/png"), "minorEdit": (None, "true")}
    attached = api.call("POST", f"{page}/child/attachment", files=files, headers=NO_CHECK)["results"][0]["id"]
    api.call("PUT", f"{page}/child/attachment", files=files, headers=NO_CHECK)
    one = f"{page}/child/attachment/{attached}"
    api.call("POST", f"{one}/data", files=files, headers=NO_CHECK)
    version = {"number": 3, "when": "2026-11-26T00:00:00.000Z", "minorEdit": True}
    api.call("PUT", one, json={"id": attached, "type": "attachment", "version": version})
    api.call("POST", f"{page}/label", json=[{"prefix": "global", "name": "보고"}])
    api.call("DELETE", f"{page}/label?name=보고", 204)
    destination = {"type": "parent_page", "value": ids["page"]}
    body = {"storage": {"value": "<p>복사</p>", "representation": "storage"}}
    copied = api.call(
        "POST", f"{page}/copy", json={"destination": destination, "pageTitle": "복사", "body": body, "copyAttachments": True}
    )
    tree = {"destinationPageId": ids["page"], "copyDescendants": True, "titleOptions": {"prefix": "옛 "}}
    task = api.call("POST", f"{page}/pagehierarchy/copy", 202, json=tree)
    api.call("GET", f"/rest/api/longtask/{task['id']}")
    assert api.call("GET", f"/rest/api/longtask/{task['id']}")["finished"] is True
    api.call("PUT", f"/rest/api/content/{copied['id']}/move/append/{ids['moved']}")
    me = api.call("GET", "/rest/api/user/current")
    restriction = [{"operation": "update", "restrictions": {"user": [{"type": "known", "accountId": me["accountId"]}]}}]
    api.call("PUT", f"/rest/api/content/{copied['id']}/restriction", json=restriction)
    api.call("POST", f"/rest/api/content/{copied['id']}/restriction", json=restriction)
    api.call("DELETE", f"/rest/api/content/{copied['id']}/restriction")
    asked = {"value": "<p>지표</p>", "representation": "storage"}
    conversion = api.call("POST", "/rest/api/contentbody/convert/async/export_view", json=asked)["asyncId"]
    api.call("GET", f"/rest/api/contentbody/convert/async/{conversion}")
    assert api.call("GET", f"/rest/api/contentbody/convert/async/{conversion}")["status"] == "COMPLETED"
    api.call("POST", "/rest/api/content/archive", 202, json={"pages": [{"id": int(copied["id"])}]})
    assert api.session.checked == 19


def test_each_call_needs_the_scopes_that_are_published(cloud_v2_description, cloud_v1_description):
    """Also: there is no call here that is not published."""
    for description, parts, prefix in (
        (read_v2(cloud_v2_description, ""), V2_PARTS, ""),
        (read_v1(cloud_v1_description, ""), V1_PARTS, "/wiki/rest/api"),
    ):
        published = scopes_of(description)
        seen = 0
        for part in parts:
            for route in part.router.routes:
                (method,) = route.methods
                wanted = published[(method, plain_path(prefix + route.path))]
                checks = [entry.dependency for entry in route.dependencies]
                (alternatives,) = [check.alternatives for check in checks]
                assert {frozenset(entry.split()) for entry in alternatives} == wanted, (method, route.path)
                seen += 1
        assert seen > 15
