from __future__ import annotations

import json

import pytest

DUPLICATE = "A page with this title already exists: A page already exists with the title {} in the space with key {}"


def test_a_body_comes_back_as_it_was_sent(api):
    body = (
        "<p>한국어 &rarr; 日本語\r\n&nbsp;</p><p /><p></p>"
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[a < b && "c"]]></ac:plain-text-body>'
        "</ac:structured-macro>"
    )
    made = api.create("본문 그대로", body)
    assert made["body"]["storage"]["value"] == body
    assert api.get(f"/content/{made['id']}", expand="body.storage")["body"]["storage"]["value"] == body


@pytest.mark.parametrize(
    "body",
    ["<p>open", "<p>a</b>", "&unknown;", "<x:y/>", "a < b", "<p>\x00</p>", "<!DOCTYPE p><p/>", "<p a=1/>"],
)
def test_a_body_that_does_not_parse_is_refused_with_its_place(api, body):
    status, message = api.refused("POST", "/content", json=_page("나쁜 본문", body))
    assert status == 400
    assert message.startswith("Error parsing xhtml: ")
    assert "[row,col {unknown-source}]" in message


def test_recorded_bodies_are_accepted_and_kept(api, recorded_pages):
    for path in recorded_pages:
        body = path.read_bytes().decode("utf-8")
        made = api.create(path.name, body)
        assert made["body"]["storage"]["value"] == body


def test_create_says_what_is_missing(api):
    whole = _page("제목")
    for name, word in (("type", "type is required"), ("space", "Space is required"), ("title", "Title is required")):
        status, message = api.refused("POST", "/content", json={k: v for k, v in whole.items() if k != name})
        assert status == 400
        assert word in message
    assert api.refused("POST", "/content", json=whole | {"space": {"key": "NOPE"}}) == (
        404,
        "No space with key : NOPE",
    )
    assert api.refused("POST", "/content", json=whole | {"ancestors": [{"id": "999"}]})[0] == 400
    assert api.refused("POST", "/content", json=[1])[0] == 400


def test_a_title_has_at_most_255_characters(api):
    api.create("가" * 255)
    assert api.refused("POST", "/content", json=_page("나" * 256))[0] == 400


def test_a_duplicate_title_is_refused_wherever_it_is_in_the_space(api, sandbox, home):
    made = api.create("주간 보고", parent=home)
    expected = (400, DUPLICATE.format("주간 보고", "ANALYTICS"))
    assert api.refused("POST", "/content", json=_page("주간 보고")) == expected
    sandbox.store.archive_page(made["id"])
    assert api.refused("POST", "/content", json=_page("주간 보고")) == expected
    other = api.create("다른 것")
    answer = api.update(other["id"], 2, title="주간 보고")
    assert (answer.status_code, answer.json()["message"]) == expected


def test_an_archived_page_is_found_only_by_its_status(api, sandbox):
    made = api.create("보관")
    sandbox.store.archive_page(made["id"])

    def found(**params):
        return [page["id"] for page in api.get("/content", spaceKey="ANALYTICS", title="보관", **params)["results"]]

    assert found() == []
    assert found(status="archived") == [made["id"]]
    assert found(status=["current", "archived"]) == [made["id"]]
    assert found(status="any") == [made["id"]]
    assert found(status=["any", "current"]) == [], "'any' counts only when it stands alone"
    assert api.refused("GET", f"/content/{made['id']}")[0] == 404


def test_title_look_up_is_exact_and_ignores_case(api):
    api.create("Weekly Report")
    api.create("Weekly Report 2")
    found = api.get("/content", spaceKey="ANALYTICS", title="weekly report")["results"]
    assert [page["title"] for page in found] == ["Weekly Report"]
    assert api.refused("GET", "/content", params={"spaceKey": "NOPE"}) == (404, "No space with key : NOPE")


def test_update_wants_the_next_version_number(api):
    made = api.create("T")
    stale = (409, "Version must be incremented on update. Current version is: 1")
    for number in (0, 1, 3):
        answer = api.update(made["id"], number, title="T")
        assert (answer.status_code, answer.json()["message"]) == stale
    assert api.refused("PUT", f"/content/{made['id']}", json={"type": "page", "title": "T"}) == (
        400,
        "Must supply an incremented version when updating Content. No version supplied.",
    )
    assert api.refused("PUT", f"/content/{made['id']}", json={"version": {"number": 2}})[0] == 400
    assert api.get(f"/content/{made['id']}")["version"]["number"] == 1


def test_update_keeps_what_is_not_sent(api):
    made = api.create("T", "<p>1</p>")
    version = {"number": 2, "message": "제목만", "minorEdit": True}
    content = {"type": "page", "title": "T2", "version": version}
    answer = api.call("PUT", f"/content/{made['id']}", json=content)
    body = answer.json()
    assert body["title"] == "T2"
    assert body["body"]["storage"]["value"] == "<p>1</p>"
    assert (body["version"]["message"], body["version"]["minorEdit"]) == ("제목만", True)
    old = api.get(f"/content/{made['id']}", status="historical", version=1, expand="version")
    assert (old["title"], old["status"], old["version"]["number"]) == ("T", "historical", 1)


def test_update_moves_a_page_below_the_ancestor(api, home):
    parent = api.create("부모", parent=home)
    made = api.create("아이")
    body = api.update(made["id"], 2, ancestors=[{"id": parent["id"]}]).json()
    assert [above["id"] for above in body["ancestors"]] == [home, parent["id"]]
    refused = api.update(parent["id"], 2, ancestors=[{"id": made["id"]}])
    assert refused.status_code == 400, "a page cannot be below itself"


def test_trash_restore_and_purge(api):
    made = api.create("T", "<p>1</p>")
    address = f"/content/{made['id']}"
    assert api.call("DELETE", address).status_code == 204
    assert api.refused("GET", address) == (404, f"No content found with id: ContentId{{id={made['id']}}}")
    assert api.get(address, status="trashed")["status"] == "trashed"
    assert api.refused("DELETE", address)[0] == 404
    restored = api.call("PUT", address, json={"id": made["id"], "status": "current", "version": {"number": 2}})
    assert (restored.status_code, restored.json()["status"]) == (200, "current")
    assert api.refused("DELETE", address, params={"status": "trashed"})[0] == 404, "it is not in the trash"
    api.call("DELETE", address)
    assert api.call("DELETE", address, params={"status": "trashed"}).status_code == 204
    assert api.refused("GET", address, params={"status": "any"})[0] == 404


def test_a_request_over_five_mebibytes_is_too_large(api):
    body = "<p>" + "가" * 1_700_000 + "</p>"
    content = json.dumps(_page("큰 것", body), ensure_ascii=False).encode()
    assert len(content) < 0x500000
    send = {"Content-Type": "application/json"}
    assert api.call("POST", "/content", data=content, headers=send).status_code == 200
    larger = json.dumps(_page("더 큰 것", body + " " * 200_000), ensure_ascii=False).encode()
    assert len(larger) > 0x500000
    assert api.refused("POST", "/content", data=larger, headers=send)[0] == 413


def test_other_media_types_and_broken_json_are_refused(api):
    assert api.refused("POST", "/content", data=b"{}", headers={"Content-Type": "text/plain"})[0] == 415
    send = {"Content-Type": "application/json"}
    assert api.refused("POST", "/content", data=b"{", headers=send)[0] == 400
    half_a_pair = b'{"type":"page","title":"\\ud800","space":{"key":"ANALYTICS"}}'
    assert api.refused("POST", "/content", data=half_a_pair, headers=send)[0] == 400


def test_properties_can_be_sent_with_a_page(api):
    made = api.create("T", metadata={"properties": {"editor": {"value": "v2"}}})
    expand = "metadata.properties.editor"
    properties = api.get(f"/content/{made['id']}", expand=expand)["metadata"]["properties"]
    assert properties["editor"]["value"] == "v2"


def test_what_is_not_expanded_is_named_and_unknown_names_are_ignored(api):
    made = api.create("T")
    plain = api.get(f"/content/{made['id']}", expand="nonsense,body.nonsense")
    assert {"version", "space", "history", "ancestors"} <= set(plain["_expandable"])
    assert "version" not in plain
    assert api.get(f"/content/{made['id']}")["version"]["number"] == 1, "version is expanded by default"
    whole = api.get(
        f"/content/{made['id']}",
        expand="body.view,children.page,children.attachment,children.comment,restrictions.read.restrictions.user,"
        "metadata.labels,history.lastUpdated,history.contributors.publishers,container,operations,descendants.page",
    )
    assert "본문" in whole["body"]["view"]["value"]
    assert whole["children"]["page"]["results"] == []
    assert whole["history"]["lastUpdated"]["number"] == 1


def test_a_korean_title_has_an_address_by_id(api):
    assert api.create("주간 보고")["_links"]["webui"].startswith("/pages/viewpage.action?pageId=")
    links = api.create("Weekly Report 1")["_links"]
    assert links["webui"] == "/display/ANALYTICS/Weekly+Report+1"
    assert links["base"] == api.base
    assert links["context"] == "/confluence"


def test_rendered_bodies_and_conversion(api):
    storage = {"value": "<p>가</p>", "representation": "storage"}
    answer = api.call("POST", "/contentbody/convert/view", json=storage)
    assert (answer.status_code, answer.json()["representation"]) == (200, "view")
    assert "가" in answer.json()["value"]
    assert api.refused("POST", "/contentbody/convert/nonsense", json=storage)[0] == 400
    assert api.refused("POST", "/contentbody/convert/view", json=storage | {"representation": "view"})[0] == 400


def _page(title, body="<p>본문</p>"):
    return {
        "type": "page",
        "title": title,
        "space": {"key": "ANALYTICS"},
        "body": {"storage": {"value": body, "representation": "storage"}},
    }
