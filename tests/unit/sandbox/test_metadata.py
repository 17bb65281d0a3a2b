from __future__ import annotations

import pytest


@pytest.fixture
def page_id(api) -> str:
    return api.create("T")["id"]


def test_labels(api, page_id):
    address = f"/content/{page_id}/label"
    added = api.call("POST", address, json=[{"prefix": "global", "name": "주간보고"}, {"name": "Weekly"}])
    assert [label["name"] for label in added.json()["results"]] == ["주간보고", "weekly"]
    again = api.call("POST", address, json={"prefix": "global", "name": "weekly"})
    assert again.json()["size"] == 2, "adding a label twice changes nothing"
    assert api.get(address, prefix="my")["results"] == []
    assert api.get("/content/search", cql="label = 주간보고")["size"] == 1
    assert api.call("DELETE", f"{address}/weekly").status_code == 204
    assert api.call("DELETE", address, params={"name": "주간보고"}).status_code == 204
    assert api.refused("DELETE", address, params={"name": "주간보고"})[0] == 404
    for bad in ({"name": "a b"}, {"name": ""}, {"prefix": "other", "name": "a"}, 1):
        assert api.refused("POST", address, json=[bad])[0] == 400


def test_properties_are_compared_and_set(api, page_id):
    address = f"/content/{page_id}/property"
    value = {"원본": {"id": "1", "version": 3}, "complete": False}
    made = api.call("POST", address, json={"key": "workplace.copy", "value": value}).json()
    assert (made["key"], made["value"], made["version"]["number"]) == ("workplace.copy", value, 1)
    assert api.refused("POST", address, json={"key": "workplace.copy", "value": 1})[0] == 400
    one = f"{address}/workplace.copy"
    change = {"key": "workplace.copy", "value": {"complete": True}, "version": {"number": 2}}
    assert api.call("PUT", one, json=change).json()["version"]["number"] == 2
    assert api.refused("PUT", one, json=change)[0] == 409
    assert api.refused("PUT", one, json={"value": 1, "version": {"number": 1}})[0] == 409
    assert api.refused("PUT", one, json={"value": 1})[0] == 400
    assert api.refused("PUT", one, json={"version": {"number": 3}})[0] == 400
    assert api.refused("PUT", one, json=change | {"key": "other"})[0] == 400
    assert api.get(one)["value"] == {"complete": True}
    assert [entry["key"] for entry in api.get(address)["results"]] == ["workplace.copy"]
    assert api.call("DELETE", one).status_code == 204
    assert api.refused("GET", one)[0] == 404
    assert api.refused("PUT", one, json=change | {"version": {"number": 3}})[0] == 404
    assert api.call("PUT", one, json=change | {"version": {"number": 1}}).status_code == 200, "1 creates it"


def test_a_property_that_is_too_long(api, page_id):
    address = f"/content/{page_id}/property"
    assert api.call("POST", address, json={"key": "a", "value": "가" * 32_766}).status_code == 200
    assert api.refused("POST", address, json={"key": "b", "value": "가" * 32_767})[0] == 413


def test_what_is_sent_replaces_the_restrictions_of_an_operation(api, page_id):
    address = f"/content/{page_id}/restriction"

    def subjects(operation):
        found = api.get(f"{address}/byOperation")[operation]["restrictions"]
        users = [user["username"] for user in found["user"]["results"]]
        return users, [group["name"] for group in found["group"]["results"]]

    both = [{"type": "known", "username": name} for name in ("report-bot", "jimin")]
    one = [{"operation": "update", "restrictions": {"user": both, "group": [{"name": "analysts"}]}}]
    answer = api.call("PUT", address, json=one)
    assert [entry["operation"] for entry in answer.json()["results"]] == ["read", "update"]
    assert subjects("update") == (["jimin", "report-bot"], ["analysts"])
    assert subjects("read") == ([], [])

    copied = [api.get(f"{address}/byOperation/update")]
    copied[0]["restrictions"].pop("group")
    copied[0]["restrictions"]["user"]["results"].pop(0)
    assert api.call("PUT", address, json=copied).status_code == 200, "what GET answers can be sent back"
    assert subjects("update") == (["report-bot"], ["analysts"]), "groups were not sent and stay"

    free = [{"operation": "update", "restrictions": {"user": [], "group": []}}]
    assert api.call("PUT", address, json=free).status_code == 200
    assert subjects("update") == ([], [])


def test_nobody_locks_themselves_out(api, page_id):
    address = f"/content/{page_id}/restriction"
    other = [{"operation": "read", "restrictions": {"user": [{"username": "jimin"}]}}]
    assert api.refused("PUT", address, json=other)[0] == 400
    unknown = [{"operation": "read", "restrictions": {"user": [{"username": "nobody"}]}}]
    assert api.refused("PUT", address, json=unknown)[0] == 400
    assert api.refused("PUT", address, json=[{"operation": "fly", "restrictions": {}}])[0] == 400
    assert api.get(f"/content/{page_id}")["id"] == page_id


def test_comments_by_place_and_depth(api, sandbox, page_id):
    store = sandbox.store
    footer = store.add_comment(page_id, "<p>좋네요</p>", "jimin")
    store.add_comment(page_id, "<p>답</p>", "haruka", parent_id=footer.id)
    store.add_comment(page_id, "<p>옆</p>", "jimin", location="inline", marker_ref="r1", selection="지표")
    store.add_comment(page_id, "<p>끝</p>", "jimin", location="inline", marker_ref="r2", resolved=True)
    address = f"/content/{page_id}/child/comment"

    def bodies(**params):
        found = api.get(address, expand="body.storage", **params)["results"]
        return [comment["body"]["storage"]["value"] for comment in found]

    assert bodies() == ["<p>좋네요</p>", "<p>옆</p>", "<p>끝</p>"]
    assert bodies(depth="all") == ["<p>좋네요</p>", "<p>답</p>", "<p>옆</p>", "<p>끝</p>"]
    assert bodies(location="inline") == ["<p>옆</p>"]
    assert bodies(location=["resolved", "footer"]) == ["<p>좋네요</p>", "<p>끝</p>"]
    expand = "extensions.inlineProperties,extensions.resolution,ancestors"
    inline = api.get(address, location="inline", expand=expand)["results"][0]["extensions"]
    assert inline["inlineProperties"] == {"originalSelection": "지표", "markerRef": "r1"}
    assert inline["resolution"] == {"status": "open"}
    answers = api.get(address, depth="all", expand="ancestors")["results"]
    assert [above["id"] for above in answers[1]["ancestors"]] == [footer.id]


def test_a_comment_is_content_with_a_container(api, page_id):
    content = {
        "type": "comment",
        "container": {"id": page_id, "type": "page"},
        "body": {"storage": {"value": "<p>한 말씀</p>", "representation": "storage"}},
    }
    made = api.call("POST", "/content", json=content).json()
    assert made["title"] == "Re: T"
    assert api.get(f"/content/{made['id']}", expand="body.storage")["type"] == "comment"
    assert api.refused("POST", "/content", json=content | {"container": {}})[0] == 400


def test_spaces_and_what_is_in_them(api, home):
    api.create("위")
    assert [space["key"] for space in api.get("/space")["results"]] == ["ANALYTICS"]
    space = api.get("/space/analytics", expand="homepage,description.plain")
    assert (space["name"], space["homepage"]["id"]) == ("데이터분석팀", home)
    assert api.refused("GET", "/space/NOPE") == (404, "No space with key : NOPE")
    assert api.get("/space/ANALYTICS/content")["page"]["size"] == 2
    api.create("아래", parent=home)
    assert api.get("/space/ANALYTICS/content/page")["size"] == 3
    assert api.get("/space/ANALYTICS/content/page", depth="root")["size"] == 2
    assert api.get("/space", spaceKey="OTHER")["results"] == []


def test_history_and_descendants(api, home):
    top = api.create("위", parent=home)["id"]
    below = api.create("아래", parent=top)["id"]
    api.update(top, 2, title="위 2")
    history = api.get(f"/content/{top}/history")
    assert history["lastUpdated"]["number"] == 2
    assert history["previousVersion"]["number"] == 1
    found = api.get(f"/content/{home}/descendant/page")["results"]
    assert [page["id"] for page in found] == [top, below]
    assert api.get(f"/content/{home}/child", expand="page")["page"]["size"] == 1
