from __future__ import annotations

import requests

from unit.sandbox.conftest import Api
from workplace_sandbox import Sandbox

EXPAND = "version,container,ancestors,extensions.resolution,body.storage,body.view"


def test_a_large_wiki_is_made_at_once(sandbox: Sandbox, api: Api, home: str) -> None:
    answer = requests.post(
        f"{sandbox.url}/_sandbox/wiki/grow", json={"space": "ANALYTICS", "pages": 300, "comments": 2}, timeout=30
    )
    made = answer.json()
    assert len(made) == len(set(made)) == 300
    assert [page.id for page in sandbox.store.ancestors(made[299])] == [home, made[0], made[14]]
    assert [comment.parent_id is None for comment in sandbox.store.comments(made[7])] == [True, False]
    assert api.get("/content/search", cql="space = ANALYTICS and type = comment", limit=200)["_links"]["next"]
    unknown = requests.post(f"{sandbox.url}/_sandbox/wiki/shrink", json={}, timeout=30)
    assert unknown.status_code == 404
    assert (
        requests.post(f"{sandbox.url}/_sandbox/wiki/grow", json={"space": "NO", "pages": 1}, timeout=30).status_code == 404
    )


def test_pages_of_ids_come_in_one_answer(sandbox: Sandbox, api: Api) -> None:
    pages = sandbox.wiki.grow("ANALYTICS", 5)
    sandbox.store.trash_page(pages[4])
    found = api.get("/content", ids=[pages[3], pages[1], pages[4], "99", "x"], expand="body.storage")
    assert [row["id"] for row in found["results"]] == [pages[3], pages[1]]
    assert all("쪽" in row["body"]["storage"]["value"] for row in found["results"])


def test_the_comments_of_some_pages_are_found_with_what_became_of_them(sandbox: Sandbox, api: Api) -> None:
    first, second, third = sandbox.wiki.grow("ANALYTICS", 3, comments=3)
    beside, _, below = sandbox.store.comments(second)
    sandbox.store.update_comment(beside.id, author="alex", resolved=True)
    sandbox.store.update_comment(below.id, author="alex", body="<p>고침</p>")
    sandbox.store.remove_comment(sandbox.store.comments(third)[0].id)
    cql = f'container in ("{second}", {third}) and type = comment order by created asc'
    rows = api.get("/content/search", cql=cql, expand=EXPAND)["results"]
    assert [row["container"]["id"] for row in rows] == [second] * 3 + [third]
    assert rows[0]["extensions"]["resolution"]["status"] == "resolved"
    assert rows[0]["version"]["number"] == 1
    assert rows[1]["ancestors"][-1]["id"] == beside.id
    edited = rows[2]
    assert (edited["version"]["number"], edited["version"]["by"]["username"]) == (2, "alex")
    assert edited["body"]["view"]["value"] == "<p>고침</p>"
    assert first not in {row["container"]["id"] for row in rows}


def test_a_search_sees_every_change_at_once(sandbox: Sandbox, api: Api) -> None:
    def count(cql: str) -> int:
        return len(api.get("/content/search", cql=cql, limit=100)["results"])

    page = sandbox.wiki.grow("ANALYTICS", 1)[0]
    assert count("space = ANALYTICS and type = comment") == 0
    comment = sandbox.store.add_comment(page, "<p>.</p>", "alex")
    assert count("space = ANALYTICS and type = comment") == 1
    sandbox.store.remove_comment(comment.id)
    assert count("space = ANALYTICS and type = comment") == 0
    assert count(f"id in ({page})") == 1
    sandbox.store.set_restrictions(page, {"read": {"user": ["alex"], "group": []}})
    assert count(f"id in ({page})") == 0
    assert count(f"id not in ({page})") == 1
