from __future__ import annotations

import pytest

from workplace_sandbox import Sandbox


@pytest.fixture
def children(sandbox, home):
    return [
        sandbox.store.create_page("ANALYTICS", f"{number:03} 주간 보고", "<p/>", home, author="jimin").id
        for number in range(120)
    ]


def test_a_list_has_25_entries_and_a_link_below_the_context_path(api, home, children):
    listing = api.get(f"/content/{home}/child/page", expand="version")
    assert [page["id"] for page in listing["results"]] == children[:25]
    assert (listing["start"], listing["limit"], listing["size"]) == (0, 25, 25)
    links = listing["_links"]
    assert links["next"].startswith(f"/rest/api/content/{home}/child/page?")
    assert links["base"] == api.base
    assert links["context"] == "/confluence"
    assert "prev" not in links


def test_following_next_finds_every_child_once(api, home, children):
    found = []
    listing = api.get(f"/content/{home}/child/page", expand="version,body.storage", limit=500)
    while True:
        assert all("version" in page for page in listing["results"]), "the expansions go on to the next page"
        found += [page["id"] for page in listing["results"]]
        following = listing["_links"].get("next")
        if following is None:
            break
        listing = api.session.get(listing["_links"]["base"] + following).json()
    assert found == children
    assert listing["_links"]["prev"]


def test_the_largest_limit_is_lower_with_bodies(api, home, children):
    address = f"/content/{home}/child/page"
    assert api.get(address, limit=1000)["limit"] == 500
    with_bodies = api.get(address, limit=1000, expand="body.storage")
    assert (with_bodies["limit"], with_bodies["size"]) == (50, 50)


def test_paging_parameters_outside_the_list(api, home, children):
    address = f"/content/{home}/child/page"
    assert api.get(address, start=500)["results"] == []
    assert api.get(address, limit=0)["size"] == 0
    assert api.refused("GET", address, params={"limit": "many"})[0] == 404
    assert api.refused("GET", address, params={"start": "-1"})[0] == 404


def test_a_query_with_korean_text_stays_itself_in_the_link(api, home, children):
    listing = api.get("/content/search", cql='title ~ "주간 보고"', limit=10)
    found = [page["id"] for page in listing["results"]]
    listing = api.session.get(listing["_links"]["base"] + listing["_links"]["next"]).json()
    assert not set(found) & {page["id"] for page in listing["results"]}
    assert listing["size"] == 10


@pytest.mark.parametrize("context_path", ["", "/wiki/data"])
def test_other_context_paths(context_path):
    with Sandbox(seed=False, context_path=context_path) as sandbox:
        import requests

        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.confluence_token}"
        store = sandbox.store
        for number in range(30):
            store.create_page("ANALYTICS", str(number), "", author="jimin")
        listing = session.get(f"{sandbox.confluence_url}/rest/api/content").json()
        assert listing["_links"]["base"] == sandbox.confluence_url
        assert listing["_links"]["context"] == context_path
        rest = session.get(sandbox.confluence_url + listing["_links"]["next"]).json()
        assert rest["size"] == 6
        if context_path:
            outside = session.get(f"{sandbox.url}/rest/api/content")
            assert outside.status_code == 404


def test_without_its_context_path_it_is_not_confluence(api, sandbox):
    answer = api.session.get(f"{sandbox.url}/rest/api/content/1")
    assert answer.status_code == 404
