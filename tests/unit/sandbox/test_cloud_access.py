"""Who gets into the sandbox's cloud by which way, and what others are told."""

from __future__ import annotations

import pytest
import requests

BARE = {"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]}


def get(url: str, token: str | None = None, auth: tuple[str, str] | None = None) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return session.get(url, headers=headers, auth=auth, timeout=30, allow_redirects=False)


@pytest.fixture
def site(sandbox) -> str:
    return f"{sandbox.cloud_url}/wiki"


@pytest.fixture
def gateway(sandbox) -> str:
    return f"{sandbox.cloud_gateway_url}/ex/confluence/{sandbox.cloud_id}/wiki"


@pytest.mark.parametrize("path", ["/api/v2/spaces", "/api/v2/pages/{home}", "/api/v2/pages/1"])
def test_a_wrong_token_at_the_site_reads_as_a_404_on_v2(sandbox, site, home, path):
    """Wrong, missing, revoked or another person's: the site takes all of them for anonymous."""
    revoked = sandbox.cloud.make_api_token("jimin")
    sandbox.cloud.revoke_api_token(revoked)
    wrong = [
        None,
        ("report-bot@example.com", "no"),
        ("jimin@example.com", revoked),
        ("jimin@example.com", sandbox.cloud_token),
    ]
    for auth in wrong:
        answer = get(site + path.format(home=home), auth=auth)
        assert (answer.status_code, answer.json()) == (404, BARE)
    assert get(site + path.format(home=home), token=sandbox.cloud.consent()["access_token"]).json() == BARE


def test_a_page_that_is_not_there_is_named(sandbox, site):
    answer = get(f"{site}/api/v2/pages/999", auth=(sandbox.cloud_email, sandbox.cloud_token))
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["title"] == "Cannot find [page] entity with id [999]"


def test_a_page_that_one_may_not_see_reads_as_one_that_is_not_there(sandbox, site, home):
    page = sandbox.store.create_page("ANALYTICS", "비밀", "<p/>", home, author="jimin")
    folder = sandbox.cloud.add_folder("안", page.id)
    inside = sandbox.store.create_page("ANALYTICS", "안쪽", "<p/>", None, author="jimin")
    sandbox.cloud.put_in_folder(inside.id, folder)
    sandbox.store.set_restrictions(page.id, {"read": {"user": ["jimin"], "group": []}})
    jimin = ("jimin@example.com", f"{sandbox.cloud_token}-jimin")
    bot = (sandbox.cloud_email, sandbox.cloud_token)
    for hidden, kind in ((page.id, "pages"), (inside.id, "pages"), (folder, "folders")):
        assert get(f"{site}/api/v2/{kind}/{hidden}", auth=jimin).status_code == 200
        answer = get(f"{site}/api/v2/{kind}/{hidden}", auth=bot)
        assert answer.status_code == 404
        assert f"entity with id [{hidden}]" in answer.json()["errors"][0]["title"]
    titles = [entry["title"] for entry in get(f"{site}/api/v2/pages", auth=bot).json()["results"]]
    assert not {"비밀", "안쪽"} & set(titles)


def test_a_wrong_token_at_the_site_is_not_permitted_on_v1(sandbox, site):
    answer = get(f"{site}/rest/api/user/current", auth=(sandbox.cloud_email, "no"))
    assert answer.status_code == 403
    assert answer.json()["message"].endswith("Current user not permitted to use Confluence")


def test_a_token_with_scopes_is_for_the_gateway(sandbox, site, gateway):
    scoped = (sandbox.cloud_email, sandbox.cloud_scoped_token)
    assert get(f"{gateway}/api/v2/spaces", auth=scoped).status_code == 200
    refused = get(f"{site}/api/v2/spaces", auth=scoped)
    assert refused.status_code == 401
    assert refused.headers["content-type"].startswith("text/html")
    assert get(f"{gateway}/api/v2/spaces", token=sandbox.cloud_scoped_token).status_code == 404
    assert get(f"{gateway}/api/v2/spaces", auth=(sandbox.cloud_email, sandbox.cloud_token)).status_code == 401


def test_the_gateway_takes_paths_without_wiki(sandbox, gateway):
    scoped = (sandbox.cloud_email, sandbox.cloud_scoped_token)
    short = gateway.removesuffix("/wiki")
    assert get(f"{short}/api/v2/spaces", auth=scoped).json() == get(f"{gateway}/api/v2/spaces", auth=scoped).json()
    assert get(f"{short}/api/v2/spaces", auth=(sandbox.cloud_email, sandbox.cloud_token)).status_code == 401


def test_a_scope_that_is_missing_is_a_401(sandbox, gateway, home):
    token = sandbox.cloud.consent(["read:page:confluence"])["access_token"]
    assert get(f"{gateway}/api/v2/pages/{home}", token=token).status_code == 200
    for path in ("/api/v2/spaces", f"/api/v2/pages/{home}/direct-children", "/rest/api/user/current"):
        refused = get(gateway + path, token=token)
        assert (refused.status_code, refused.json()) == (401, {"code": 401, "message": "Unauthorized; scope does not match"})
        assert refused.headers["X-Failure-Category"] == "FAILURE_CLIENT_SCOPE_CHECK"


def test_classic_scopes_do_not_reach_v2(sandbox, gateway, home):
    token = sandbox.cloud.make_api_token(scopes=["read:confluence-content.all", "write:confluence-content"])
    auth = (sandbox.cloud_email, token)
    assert get(f"{gateway}/api/v2/pages/{home}", auth=auth).status_code == 401
    assert get(f"{gateway}/rest/api/content/{home}/restriction", auth=auth).status_code == 200


def test_the_gateway_knows_no_other_cloud(sandbox, gateway):
    token = sandbox.cloud.consent()["access_token"]
    answer = get(f"{gateway.replace(sandbox.cloud_id, 'another')}/api/v2/spaces", token=token)
    assert (answer.status_code, answer.json()["message"]) == (404, "No message available")
    assert get(f"{gateway}/api/v2/spaces").status_code == 401
    assert get(f"{gateway}/api/v2/spaces", token="no").json() == {"code": 401, "message": "Unauthorized"}


def test_the_cloud_id(sandbox):
    assert get(f"{sandbox.cloud_url}/_edge/tenant_info").json()["cloudId"] == sandbox.cloud_id
    token = sandbox.cloud.consent(["read:page:confluence", "offline_access"])["access_token"]
    (resource,) = get(f"{sandbox.cloud_gateway_url}/oauth/token/accessible-resources", token=token).json()
    assert (resource["id"], resource["url"]) == (sandbox.cloud_id, sandbox.cloud_url)
    assert resource["scopes"] == ["read:page:confluence"]
    assert get(f"{sandbox.cloud_gateway_url}/oauth/token/accessible-resources", token="no").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/content?spaceKey=ANALYTICS&title=x"),
        ("POST", "/content"),
        ("GET", "/content/{home}"),
        ("PUT", "/content/{home}"),
        ("GET", "/content/{home}/child/page"),
        ("GET", "/content/{home}/child/attachment"),
        ("GET", "/content/{home}/label"),
        ("POST", "/content/{home}/property"),
        ("GET", "/space"),
        ("POST", "/contentbody/convert/view"),
    ],
)
def test_what_v1_lost_is_gone(sandbox, site, gateway, home, method, path):
    token = sandbox.cloud.consent()["access_token"]
    for base, options in (
        (gateway, {"headers": {"Authorization": f"Bearer {token}"}}),
        (site, {"auth": (sandbox.cloud_email, sandbox.cloud_token)}),
    ):
        answer = requests.request(method, f"{base}/rest/api{path.format(home=home)}", json={}, timeout=30, **options)
        assert answer.status_code == 410
        assert answer.json()["message"].endswith("GoneException: This deprecated endpoint has been removed.")


def test_who_may_only_read(sandbox, site, home):
    viewer = ("viewer@example.com", f"{sandbox.cloud_token}-viewer")
    assert get(f"{site}/api/v2/pages/{home}", auth=viewer).status_code == 200
    change = {"status": "current", "title": "다른 이름"}
    answer = requests.put(f"{site}/api/v2/pages/{home}/title", json=change, auth=viewer, timeout=30)
    assert answer.status_code == 403
