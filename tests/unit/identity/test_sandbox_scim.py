from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from scim2_models import Context, Group, ListResponse, User

from support.people import BASIC, POLICY, Sync, person
from workplace_provider.http.client import Bearer
from workplace_provider.identity import GroupRule, MemberRule
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.scim import ScimTarget
from workplace_provider.identity.targets.scim_resources import PATCH
from workplace_sandbox import Sandbox
from workplace_sandbox.scim import SCIM_TOKEN

RULES = (GroupRule(name="개발팀", members=MemberRule(groups=("dev",))), GroupRule(name="All"))


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[requests.Session]:
    sandbox.reset(seed=False)
    with requests.Session() as session:
        session.headers.update({"Authorization": f"Bearer {SCIM_TOKEN}"})
        yield session


@pytest.mark.parametrize("style", ["rfc", "put"])
def test_accounts_and_groups_are_synced(sandbox: Sandbox, session: requests.Session, style: Any) -> None:
    client = scim.connect(sandbox.members_scim_url, auth=Bearer(SCIM_TOKEN))
    sync = Sync(ScimTarget(client, attributes=["displayName"], patch_style=style), mapping=BASIC, groups=RULES)
    sync.policy = replace(POLICY, max_member_drop_percent=None, max_emptied_groups=None)
    ann, ben = person("U1", groups=("dev",)), person("U2", groups=("dev",), display_name="田中")
    assert sync.run(ann, ben).complete
    members = {group.name: group.members for group in sandbox.store.member_groups()}
    assert members == {"All": ("u1", "u2"), "개발팀": ("u1", "u2")}
    people = replace(ann, groups=(), display_name="안나"), replace(ben, active=False)
    result = sync.run(*people, groups=["dev"])
    assert result.complete, [(each.operation.id, each.status, each.detail) for each in result.outcomes]
    members = {group.name: group.members for group in sandbox.store.member_groups()}
    assert members == {"All": ("u1",), "개발팀": ()}
    assert sync.plan(*people, groups=["dev"]).empty
    page = requests.get(f"{sandbox.url}/members", timeout=5).text
    assert "<h2>Groups</h2>" in page
    assert "slack:T1:group:개발팀" in page
    client.close()


def test_responses_are_those_of_the_rfc(sandbox: Sandbox, session: requests.Session) -> None:
    url = sandbox.members_scim_url
    body = {
        "schemas": [scim.USER],
        "userName": "ann",
        "externalId": "x:1",
        "emails": [{"value": "ann@x.y", "primary": True}],
    }
    made = session.post(f"{url}/Users", json=body, timeout=5)
    assert (made.status_code, made.headers["Content-Type"]) == (201, "application/scim+json")
    User.model_validate(made.json(), scim_ctx=Context.RESOURCE_CREATION_RESPONSE)
    group = {"schemas": [scim.GROUP], "displayName": "A", "members": [{"value": "ann"}, {"value": "ann"}]}
    first = session.post(f"{url}/Groups", json=group, timeout=5).json()
    shown = Group.model_validate(first, scim_ctx=Context.RESOURCE_CREATION_RESPONSE)
    assert [member.value for member in shown.members or []] == ["ann"]
    listed = session.get(f"{url}/Groups", params={"excludedAttributes": "members", "count": 1}, timeout=5).json()
    assert ListResponse[Group].model_validate(listed, scim_ctx=Context.RESOURCE_QUERY_RESPONSE).total_results == 1
    assert "members" not in listed["Resources"][0]
    assert session.get(f"{url}/Users/ann", timeout=5).json()["groups"] == [{"value": first["id"], "display": "A"}]
    found = session.get(f"{url}/Groups", params={"filter": f'id eq "{first["id"]}" and members eq "ann"'}, timeout=5)
    assert found.json()["totalResults"] == 1
    assert session.delete(f"{url}/Users/ann", timeout=5).status_code == 204
    assert session.get(f"{url}/Groups/{first['id']}", timeout=5).json()["members"] == []
    assert session.delete(f"{url}/Groups/{first['id']}", timeout=5).status_code == 204


PATCHES: list[tuple[dict[str, Any], int, str]] = [
    ({"op": "remove", "path": "members", "value": [{"value": "ann"}]}, 400, "invalidValue"),
    ({"op": "drop", "path": "members"}, 400, "invalidSyntax"),
    ({"op": "add", "path": 'members[value eq "ann"]'}, 400, "invalidPath"),
    ({"op": "remove"}, 400, "noTarget"),
    ({"op": "add", "path": "members", "value": [{"value": "nobody"}]}, 400, "invalidValue"),
    ({"op": "replace", "path": "displayName", "value": ""}, 400, "invalidValue"),
    ({"op": "replace", "path": "members", "value": "ann"}, 400, "invalidValue"),
    ({"op": "replace", "path": "displayName", "value": "b"}, 409, "uniqueness"),
    ({"op": "replace", "value": {"displayName": "C"}}, 200, ""),
    ({"op": "remove", "path": "members"}, 200, ""),
]


def test_what_it_refuses(sandbox: Sandbox, session: requests.Session) -> None:
    url = sandbox.members_scim_url
    assert requests.get(f"{url}/Users", timeout=5).status_code == 401
    session.post(f"{url}/Users", json={"schemas": [scim.USER], "userName": "ann"}, timeout=5)
    body = {"schemas": [scim.GROUP], "displayName": "A", "members": [{"value": "ann"}]}
    made = session.post(f"{url}/Groups", json=body, timeout=5).json()
    session.post(f"{url}/Groups", json={**body, "displayName": "B"}, timeout=5)
    for operation, status, kind in PATCHES:
        sent = {"schemas": [PATCH], "Operations": [operation]}
        answer = session.patch(f"{url}/Groups/{made['id']}", json=sent, timeout=5)
        assert (answer.status_code, answer.json().get("scimType", "")) == (status, kind), operation
    headers = {"If-Match": 'W/"1"'}
    assert session.put(f"{url}/Groups/{made['id']}", json=body, headers=headers, timeout=5).status_code == 412
    for method, path, sent, status in [
        ("POST", "Users", {"userName": "x"}, 400),
        ("POST", "Users", {"schemas": [scim.USER], "userName": "a/b"}, 400),
        ("POST", "Users", {"schemas": [scim.USER], "userName": "ANN"}, 409),
        ("POST", "Users", {"schemas": [scim.USER], "userName": "x", "active": "True"}, 400),
        ("PUT", "Users/ann", {"schemas": [scim.USER], "userName": "other"}, 400),
        ("PATCH", "Users/ann", {"schemas": [PATCH], "Operations": "x"}, 400),
        ("PUT", "Users/ANN", {"schemas": [scim.USER], "userName": "ann"}, 404),
        ("GET", "Groups/none", None, 404),
        ("GET", 'Users?filter=userName sw "a"', None, 400),
        ("POST", "Groups", [], 400),
    ]:
        assert session.request(method, f"{url}/{path}", json=sent, timeout=5).status_code == status, path
