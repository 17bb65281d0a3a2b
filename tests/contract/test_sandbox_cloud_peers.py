"""atlassian-python-api, which others wrote for the real cloud, reads and writes the sandbox's: where its version can."""

from __future__ import annotations

import pytest
import requests
from atlassian.confluence_v2 import ConfluenceV2

from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.contract, pytest.mark.filterwarnings("ignore:V1 methods are deprecated")]

TITLE = "20261119_데이터분석팀 주간 보고"


@pytest.fixture(params=["site", "gateway", "scoped"])
def client(request, sandbox: Sandbox) -> ConfluenceV2:
    """By an API token at the site, by OAuth at the gateway, by a token with scopes at the gateway."""
    if request.param == "site":
        return ConfluenceV2(f"{sandbox.cloud_url}/wiki", username=sandbox.cloud_email, password=sandbox.cloud_token)
    gateway = f"{sandbox.cloud_gateway_url}/ex/confluence/{sandbox.cloud_id}/wiki"
    if request.param == "gateway":
        return ConfluenceV2(gateway, token=sandbox.cloud.consent()["access_token"])
    return ConfluenceV2(gateway, username=sandbox.cloud_email, password=sandbox.cloud_scoped_token)


@pytest.fixture
def page(client: ConfluenceV2) -> dict:
    space = client.get_space_by_key("ANALYTICS")
    home = space["homepageId"]
    return client.create_page(space["id"], TITLE, "<p>이번 주</p>", parent_id=home, representation="storage")


def test_pages(client, page):
    assert client.get_page_id("ANALYTICS", TITLE) == page["id"]
    found = client.get_page_by_id(page["id"], body_format="storage")
    assert found["body"]["storage"]["value"] == "<p>이번 주</p>"
    assert client.get_page_by_title("ANALYTICS", "없는 쪽")["results"] == []


def test_update(client, sandbox, page):
    """Told the version; to look it up it asks for the body format "none", which the cloud refuses."""
    change = {"status": "current", "representation": "storage"}
    client.update_page(page["id"], TITLE, "<p>고친 것</p>", version=1, **change)
    with pytest.raises(requests.HTTPError) as refused:
        client.update_page(page["id"], TITLE, "<p>もう一度</p>", **change)
    assert refused.value.response.status_code == 400
    stored = sandbox.store.page(page["id"])
    assert (stored.version, stored.body) == (2, "<p>고친 것</p>")
    assert [entry["number"] for entry in client.get_page_versions(page["id"])["results"]] == [2, 1]


def test_pages_of_a_listing(client, sandbox, page):
    """Its way through pages keeps the address it began with: the one that survives the gateway."""
    for number in range(7):
        sandbox.store.create_page("ANALYTICS", f"쪽 {number}", "<p/>", page["id"], author="jimin")
    children = client.get_child_pages(page["id"], status=None, limit=3)
    assert [child["title"] for child in children] == [f"쪽 {number}" for number in range(7)]


def test_properties_and_comments(client, page):
    made = client.create_page_property(page["id"], "marker", {"complete": False})
    assert client.get_page_properties(page["id"])[0]["id"] == made["id"]
    client.post(
        "api/v2/footer-comments", data={"pageId": page["id"], "body": {"representation": "storage", "value": "<p/>"}}
    )
    assert len(client.get_page_footer_comments(page["id"])) == 1


def test_a_duplicate_title_is_an_error(client, page):
    with pytest.raises(requests.HTTPError) as refused:
        client.create_page(page["spaceId"], TITLE, "<p/>", representation="storage")
    assert refused.value.response.json()["errors"][0]["title"].startswith("A page with this title already exists")
