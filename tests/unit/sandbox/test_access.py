from __future__ import annotations

import requests


def test_a_token_and_a_password_say_who_is_calling(api, sandbox):
    assert api.get("/user/current")["username"] == "report-bot"
    basic = requests.get(f"{sandbox.confluence_url}/rest/api/user/current", auth=("haruka", "sandbox-password"), timeout=30)
    assert basic.json()["displayName"] == "佐藤 遥"


def test_wrong_credentials_are_refused_with_html(sandbox):
    address = f"{sandbox.confluence_url}/rest/api/user/current"
    for options in (
        {"headers": {"Authorization": "Bearer wrong"}},
        {"headers": {"Authorization": "Basic ???"}},
        {"headers": {"Authorization": "Digest x"}},
        {"auth": ("report-bot", "wrong")},
        {"auth": ("nobody", "sandbox-password")},
    ):
        answer = requests.get(address, timeout=30, **options)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"


def test_anonymous_callers_get_a_person_but_no_content(anonymous, home):
    assert anonymous.get("/user/current")["type"] == "anonymous"
    assert anonymous.refused("GET", f"/content/{home}")[0] == 404
    assert anonymous.refused("GET", "/space/ANALYTICS")[0] == 404
    assert anonymous.get("/content")["results"] == []
    assert anonymous.get("/space")["results"] == []
    assert anonymous.refused("GET", "/user", params={"username": "jimin"})[0] == 403
    assert anonymous.refused("GET", "/server-information")[0] == 401


def test_a_reader_reads_and_writes_nothing(viewer, api, home):
    assert viewer.get(f"/content/{home}")["id"] == home
    whole = {"type": "page", "title": "T", "space": {"key": "ANALYTICS"}}
    writes = [
        ("POST", "/content", whole),
        ("PUT", f"/content/{home}", {"type": "page", "version": {"number": 2}}),
        ("DELETE", f"/content/{home}", None),
        ("POST", f"/content/{home}/label", [{"prefix": "global", "name": "x"}]),
        ("DELETE", f"/content/{home}/label?name=x", None),
        ("POST", f"/content/{home}/property", {"key": "k", "value": 1}),
        ("PUT", f"/content/{home}/restriction", []),
    ]
    for method, path, body in writes:
        status, message = viewer.refused(method, path, json=body)
        assert status == 403, (method, path)
        assert "PermissionException" in message
    answer = viewer.attach(home, "a.png")
    assert answer.status_code == 403
    assert api.get(f"/content/{home}/child/attachment")["results"] == []


def test_a_restricted_page_and_everything_below_it_is_hidden(api, jimin, sandbox, home):
    hidden = jimin.create("비밀", parent=home)["id"]
    below = jimin.create("비밀 아래", parent=hidden)["id"]
    sandbox.store.set_restrictions(hidden, {"read": {"user": ["jimin"]}})
    for page_id in (hidden, below):
        assert api.refused("GET", f"/content/{page_id}") == (
            404,
            f"No content found with id: ContentId{{id={page_id}}}",
        )
        assert jimin.get(f"/content/{page_id}")["id"] == page_id
    assert api.get(f"/content/{home}/child/page")["results"] == []
    assert api.get("/content/search", cql="title ~ 비밀")["results"] == []
    duplicate = api.refused("POST", "/content", json={"type": "page", "title": "비밀", "space": {"key": "ANALYTICS"}})
    assert duplicate[0] == 400, "its title is taken all the same"


def test_a_page_that_others_may_not_edit(api, jimin, home):
    made = jimin.create("김지민만 고침", parent=home)["id"]
    body = [{"operation": "update", "restrictions": {"user": [{"type": "known", "username": "jimin"}]}}]
    assert jimin.call("PUT", f"/content/{made}/restriction", json=body).status_code == 200
    assert api.get(f"/content/{made}")["id"] == made
    assert api.update(made, 2, title="x").status_code == 403


def test_users_by_name_and_key(api):
    found = api.get("/user", username="jimin")
    assert found["displayName"] == "김지민"
    assert api.get("/user", key=found["userKey"]) == found
    assert api.refused("GET", "/user", params={"username": "nobody"})[0] == 404


def test_what_the_server_says_of_itself(api):
    assert api.get("/server-information")["version"] == "10.0.3"
    assert api.get("/accessmode") == "READ_WRITE"


def test_a_browser_that_opened_a_page_sees_its_pictures(api, sandbox, home):
    download = api.attach(home, "그림.png", b"\x89PNG").json()["results"][0]["_links"]["download"]
    browser = requests.Session()
    refused = browser.get(sandbox.confluence_url + download, timeout=30)
    assert refused.url.endswith("/login.action"), "nobody is logged in yet"
    assert refused.status_code == 200
    browser.get(f"{sandbox.confluence_url}/pages/viewpage.action?pageId={home}", timeout=30)
    assert browser.get(sandbox.confluence_url + download, timeout=30).content == b"\x89PNG"


def test_a_foreign_host_name_is_refused(sandbox):
    answer = requests.get(sandbox.url, headers={"Host": "evil.example"}, timeout=30)
    assert answer.status_code == 400
