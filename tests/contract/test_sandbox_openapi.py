"""Requests and answers of the sandbox against Atlassian's published description of Confluence Data Center."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from support.data_center_description import as_openapi, read_description, with_one_error_shape
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract

NO_CHECK = {"X-Atlassian-Token": "no-check"}
EVERYTHING = (
    "body.storage,body.view,version,history.lastUpdated,space.homepage,container,ancestors,operations,"
    "metadata.labels,metadata.properties.marker,children.page,children.attachment,children.comment,"
    "descendants.page,restrictions.read.restrictions.user,extensions.inlineProperties,extensions.resolution"
)


class DescribedSession(requests.Session):
    """Checks every exchange against the description before it hands the answer on."""

    def __init__(self, description: OpenAPI, error: OpenAPI) -> None:
        super().__init__()
        self.trust_env = False
        self.checked: set[tuple[str, int]] = set()
        self.description = description
        self._error = error

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = super().send(request, **options)
        described = RequestsOpenAPIRequest(request)
        result = RequestsOpenAPIResponse(answer)
        # Errors are described for a few statuses of a few operations; all of them have the one shape.
        description = self._error if answer.status_code >= 400 else self.description
        description.validate_response(described, result)
        self.checked.add((f"{request.method} {described.path}", answer.status_code))
        return answer


@pytest.fixture
def session(sandbox: Sandbox, data_center_description: Path) -> DescribedSession:
    described = read_description(data_center_description, sandbox.confluence_url)
    made = DescribedSession(as_openapi(described), as_openapi(with_one_error_shape(described)))
    made.headers["Authorization"] = f"Bearer {sandbox.confluence_token}"
    return made


@pytest.fixture
def api(sandbox: Sandbox) -> str:
    return f"{sandbox.confluence_url}/rest/api"


@pytest.fixture
def page_id(sandbox: Sandbox) -> str:
    """A page with everything that can hang on one."""
    store = sandbox.store
    space = store.space("ANALYTICS")
    assert space is not None
    page = store.create_page("ANALYTICS", "주간 보고", "<p>지표</p>", space.homepage_id, author="jimin")
    store.update_page(page.id, author="haruka", body="<p>지표 2</p>", message="고침")
    store.create_page("ANALYTICS", "부록", "<p/>", page.id, author="jimin")
    store.add_attachment(page.id, "지표.png", "image/png", io.BytesIO(b"x"), "그림", "jimin")
    store.add_labels(page.id, ["주간"])
    store.set_property(page.id, "marker", {"complete": True})
    store.set_restrictions(page.id, {"update": {"user": ["report-bot", "jimin"], "group": ["analysts"]}})
    comment = store.add_comment(page.id, "<p>좋네요</p>", "haruka")
    store.add_comment(page.id, "<p>답</p>", "jimin", parent_id=comment.id)
    store.add_comment(page.id, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="지표")
    return page.id


def test_the_check_can_fail(session, api, page_id):
    answer = session.get(f"{api}/content/{page_id}", timeout=30)
    described = RequestsOpenAPIRequest(answer.request)
    for wrong in ({"id": 1}, {"version": {"number": "two"}}, {"ancestors": {}}):
        answer._content = json.dumps(answer.json() | wrong).encode()
        with pytest.raises(OpenAPIError):
            session.description.validate_response(described, RequestsOpenAPIResponse(answer))


READS = [
    "/content",
    "/content?spaceKey=ANALYTICS&title=주간 보고&status=current&status=archived",
    "/content/{page}",
    "/content/{page}?status=historical&version=1",
    "/content/{page}/history",
    "/content/{page}/child",
    "/content/{page}/child?expand=page,comment,attachment",
    "/content/{page}/child/page",
    "/content/{page}/child/comment?depth=all",
    "/content/{page}/child/attachment",
    "/content/{page}/descendant",
    "/content/{page}/descendant/page",
    "/content/{page}/label",
    "/content/{page}/property",
    "/content/{page}/property/marker",
    "/content/{page}/restriction/byOperation",
    "/content/{page}/restriction/byOperation/update",
    "/group/analysts",
    "/space/ANALYTICS/permissions/group/analysts",
    "/content/search?cql=text ~ 지표",
    "/search?cql=type in (page, comment, attachment)",
    "/space",
    "/space/ANALYTICS",
    "/space/ANALYTICS/content/page",
    "/user/current",
    "/user/anonymous",
    "/user?username=jimin",
    "/server-information",
]


@pytest.mark.parametrize("path", READS)
def test_reads(session, api, page_id, path):
    address = f"{api}{path.format(page=page_id)}"
    assert session.get(address, timeout=30).status_code == 200
    more = "&" if "?" in path else "?"
    if "expand=" not in path:
        assert session.get(f"{address}{more}expand={EVERYTHING}", timeout=30).status_code == 200
    assert session.checked


def test_groups_and_permissions_of_a_user(session, api, sandbox):
    groups = session.get(f"{api}/user/memberof?username=jimin", timeout=30).json()["results"]
    assert [group["name"] for group in groups] == ["confluence-users", "analysts", "데이터분석팀"]
    key = sandbox.store.add_user("mina", "이미나").key
    address = f"{api}/space/ANALYTICS/permissions/user/{key}"
    (first, *_) = session.get(address, timeout=30).json()
    assert first["operation"] == {"operationKey": "create", "targetType": "page"}
    assert session.get(address.replace(key, "none"), timeout=30).status_code == 404
    session.headers["Authorization"] = "Bearer sandbox-token-viewer"
    assert session.get(address, timeout=30).status_code == 403


def test_writes(session, api, page_id):
    def call(method: str, path: str, expected: int = 200, **options: Any) -> requests.Response:
        answer = session.request(method, f"{api}{path}", timeout=30, **options)
        assert answer.status_code == expected, answer.text
        return answer

    page = {"type": "page", "title": "새 쪽", "space": {"key": "ANALYTICS"}, "ancestors": [{"id": page_id}]}
    page["body"] = {"storage": {"value": "<p>새로</p>", "representation": "storage"}}
    made = call("POST", "/content", json=page).json()["id"]
    call("PUT", f"/content/{made}", json={"type": "page", "version": {"number": 2}, "title": "새 쪽 2"})
    call("POST", f"/content/{made}/label", json=[{"prefix": "global", "name": "주간"}])
    call("DELETE", f"/content/{made}/label?name=주간", 204)
    call("POST", f"/content/{made}/property", json={"key": "k", "value": {"v": 1}})
    change = {"key": "k", "value": {"v": 2}, "version": {"number": 2}}
    call("PUT", f"/content/{made}/property/k", json=change)
    call("DELETE", f"/content/{made}/property/k", 204)
    restriction = [{"operation": "update", "restrictions": {"user": [{"username": "report-bot"}]}}]
    call("PUT", f"/content/{made}/restriction", json=restriction)
    files = {"file": ("나.png", b"x", "image/png")}
    posted = call("POST", f"/content/{made}/child/attachment", files=files, headers=NO_CHECK).json()
    attached = posted["results"][0]["id"]
    one = f"/content/{made}/child/attachment/{attached}"
    call("POST", f"{one}/data", files=files, headers=NO_CHECK)
    call("PUT", one, json={"id": attached, "type": "attachment", "version": {"number": 2}})
    call("POST", f"{one}/move?newContentId={page_id}", 204, headers=NO_CHECK)
    call("DELETE", f"/content/{page_id}/child/attachment/{attached}", 204)
    comment = {"type": "comment", "container": {"id": made, "type": "page"}, "body": page["body"]}
    posted = call("POST", "/content", json=comment).json()
    call("POST", f"/content/{posted['id']}/property", json={"key": "k", "value": {"v": 1}})
    call("GET", f"/content/{posted['id']}/property/k")
    call("DELETE", f"/content/{posted['id']}", 204)
    call("POST", "/contentbody/convert/view", json=page["body"]["storage"])
    call("DELETE", f"/content/{made}", 204)
    call("PUT", f"/content/{made}", json={"id": made, "status": "current", "version": {"number": 3}})
    call("DELETE", f"/content/{made}", 204)
    call("DELETE", f"/content/{made}?status=trashed", 204)


def test_refusals_have_the_published_shape(session, api, page_id):
    page = {"type": "page", "title": "주간 보고", "space": {"key": "ANALYTICS"}}
    calls: list[tuple[int, str, str, dict[str, Any]]] = [
        (404, "GET", "/content/999", {}),
        (404, "GET", "/space/NOPE", {}),
        (404, "GET", "/content/999/label", {}),
        (404, "GET", f"/content/{page_id}/property/none", {}),
        (404, "GET", "/user?username=nobody", {}),
        (400, "POST", "/content", {"json": page}),
        (400, "POST", "/content", {"json": {}}),
        (409, "PUT", f"/content/{page_id}", {"json": {"type": "page", "version": {"number": 9}}}),
        (400, "PUT", f"/content/{page_id}", {"json": {"type": "page"}}),
        (409, "PUT", f"/content/{page_id}/property/marker", {"json": {"value": 1, "version": {"number": 9}}}),
        (400, "GET", "/content/search?cql=nonsense", {}),
        (400, "PUT", f"/content/{page_id}/restriction", {"json": {}}),
        (
            400,
            "POST",
            f"/content/{page_id}/child/attachment",
            {"files": {"file": ("지표.png", b"x")}, "headers": NO_CHECK},
        ),
    ]
    for status, method, path, options in calls:
        answer = session.request(method, f"{api}{path}", timeout=30, **options)
        assert answer.status_code == status, (path, answer.text)
        assert answer.json()["message"]
