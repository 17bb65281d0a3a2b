"""atlassian-python-api, which others wrote for real servers, reads and writes the sandbox."""

from __future__ import annotations

import pytest
import requests
from atlassian.confluence import ConfluenceServer

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract


@pytest.fixture
def client(sandbox: Sandbox) -> ConfluenceServer:
    return ConfluenceServer(sandbox.confluence_url, token=sandbox.confluence_token)


@pytest.fixture
def home(sandbox: Sandbox) -> str:
    space = sandbox.store.space("ANALYTICS")
    assert space is not None
    assert space.homepage_id is not None
    return space.homepage_id


@pytest.fixture
def page_id(client: ConfluenceServer, home: str) -> str:
    made = client.create_page("ANALYTICS", "20261119_데이터분석팀 주간 보고", "<p>이번 주</p>", parent_id=home)
    return str(made["id"])


def test_pages(client, home, page_id):
    title = "20261119_데이터분석팀 주간 보고"
    assert client.page_exists("ANALYTICS", title)
    assert client.get_page_id("ANALYTICS", title) == page_id
    page = client.get_page_by_id(page_id, expand="body.storage,version,ancestors,space")
    assert page["body"]["storage"]["value"] == "<p>이번 주</p>"
    assert [above["id"] for above in page["ancestors"]] == [home]
    assert [found["id"] for found in client.get_page_by_title("ANALYTICS", title)["results"]] == [page_id]
    assert not client.page_exists("ANALYTICS", "없는 쪽")


def test_blog_posts(client, sandbox):
    post = client.create_page("ANALYTICS", "릴리스 노트", "<p>글</p>", type="blogpost")
    assert post["type"] == "blogpost"
    found = client.get_page_by_title("ANALYTICS", "릴리스 노트", type="blogpost")["results"]
    assert [entry["id"] for entry in found] == [post["id"]]
    assert not client.page_exists("ANALYTICS", "릴리스 노트")
    client.update_page(post["id"], "릴리스 노트", "<p>둘</p>", type="blogpost")
    assert sandbox.store.page(post["id"]).body == "<p>둘</p>"


def test_children(client, home, page_id):
    client.create_page("ANALYTICS", "다음 주", "<p/>", parent_id=home)
    children = client.get_page_child_by_type(home, type="page", limit=100)
    assert [child["title"] for child in children] == ["20261119_데이터분석팀 주간 보고", "다음 주"]


def test_update(client, sandbox, page_id):
    client.update_page(page_id, "20261119_데이터분석팀 주간 보고", "<p>고친 것</p>", version_comment="고침")
    page = sandbox.store.page(page_id)
    assert (page.version, page.body, page.message) == (2, "<p>고친 것</p>", "고침")
    assert client.history(page_id)["lastUpdated"]["number"] == 2


def test_a_duplicate_title_is_an_error(client, page_id):
    with pytest.raises(Exception, match="A page with this title already exists"):
        client.create_page("ANALYTICS", "20261119_데이터분석팀 주간 보고", "<p/>")


def test_attachments(client, sandbox, page_id):
    client.attach_content(b"\x89PNG 1", "지표.png", "image/png", page_id=page_id, comment="first")
    listing = client.get_attachments_from_content(page_id, filename="지표.png")
    (found,) = listing["results"]
    assert found["extensions"]["fileSize"] == 6
    download = requests.get(
        f"{sandbox.confluence_url}{found['_links']['download']}",
        headers={"Authorization": f"Bearer {sandbox.confluence_token}"},
        timeout=30,
    )
    assert download.content == b"\x89PNG 1"


def test_updating_an_attachment_fails_as_it_does_on_real_servers(client, page_id):
    """The client sends the file to the address of the details, which takes JSON only: 415, its issue 1677."""
    client.attach_content(b"1", "a.png", "image/png", page_id=page_id)
    with pytest.raises(Exception, match="415"):
        client.attach_content(b"2", "a.png", "image/png", page_id=page_id)


def test_labels(client, page_id):
    client.set_page_label(page_id, "주간보고")
    client.set_page_label(page_id, "weekly")
    assert [label["name"] for label in client.get_page_labels(page_id)["results"]] == ["주간보고", "weekly"]
    client.remove_page_label(page_id, "weekly")
    assert client.get_page_labels(page_id)["size"] == 1


def test_properties(client, page_id):
    client.set_page_property(page_id, {"key": "workplace-copy", "value": {"원본": "65538"}})
    found = client.get_page_property(page_id, "workplace-copy")
    assert (found["value"], found["version"]["number"]) == ({"원본": "65538"}, 1)
    change = {"key": "workplace-copy", "value": {"원본": "1"}, "version": {"number": 2}}
    client.update_page_property(page_id, change)
    assert client.get_page_property(page_id, "workplace-copy")["value"] == {"원본": "1"}


def test_cql(client, page_id):
    found = client.cql('space = ANALYTICS and title ~ "주간 보고" and type = page')
    assert [result["content"]["id"] for result in found["results"]] == [page_id]


def test_comments_and_restrictions(client, page_id):
    client.add_comment(page_id, "<p>좋네요</p>")
    comments = client.get_page_comments(page_id, expand="body.storage")["results"]
    assert [comment["body"]["storage"]["value"] for comment in comments] == ["<p>좋네요</p>"]
    found = client.get_all_restrictions_for_content(page_id)
    assert found["read"]["restrictions"]["user"]["results"] == []


def test_spaces(client):
    assert [space["key"] for space in client.get_all_spaces()["results"]] == ["ANALYTICS"]


def test_removing_a_page(client, sandbox, page_id):
    client.remove_page(page_id)
    assert sandbox.store.page(page_id).status == "trashed"


def test_a_wrong_token_is_an_error(sandbox, page_id):
    client = ConfluenceServer(sandbox.confluence_url, token="wrong")
    with pytest.raises(Exception, match="401"):
        client.get_page_by_id(page_id)
