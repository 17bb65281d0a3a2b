from __future__ import annotations

from typing import Any

import pytest
import requests

from workplace_sandbox import Sandbox

MANAGER = {"X-Attic-User": "admin", "X-Attic-Role": "manageMember"}
ANN: dict[str, Any] = {
    "userId": "ann",
    "name": "안나 <b>",
    "password": "1",
    "roleGroupId": "AGENT",
    "centerIds": ["spectra"],
    "customType": "user",
    "metadata": {"counselType": "user"},
}


def call(sandbox: Sandbox, method: str, path: str, headers: dict[str, str] | None = None, **given: Any) -> requests.Response:
    return requests.request(method, f"{sandbox.members_url}{path}", headers=headers or MANAGER, timeout=10, **given)


def test_a_member_is_made_read_changed_and_removed_and_all_of_it_is_remembered(sandbox: Sandbox) -> None:
    made = call(sandbox, "POST", "/members", json=ANN)
    assert made.status_code == 201
    assert made.json()["enabled"] is True
    assert "password" not in made.json()
    changed = call(sandbox, "PATCH", "/members/ANN", json={"enabled": False, "metadata": {"team": "데이터"}})
    assert changed.json()["metadata"] == {"counselType": "user", "team": "데이터"}
    assert call(sandbox, "GET", "/members/ann").json() == changed.json()
    assert call(sandbox, "PATCH", "/members/ann", json={"enabled": False}).json() == changed.json()
    assert call(sandbox, "DELETE", "/members/ann").status_code == 204
    assert call(sandbox, "GET", "/members/ann").status_code == 404
    history = call(sandbox, "GET", "/members/ann/history").json()["changes"]
    assert [(each["by"], each["action"]) for each in history] == [
        ("admin", "deleted"),
        ("admin", "changed"),
        ("admin", "created"),
    ]
    assert history[1]["fields"]["enabled"] == [True, False]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**ANN, "userId": "ANN"}, 409, "duplicate"),
        ({**ANN, "userId": "a/b"}, 400, "invalid"),
        ({**ANN, "userId": "x", "password": ""}, 400, "invalid"),
        ({**ANN, "userId": "x", "name": 7}, 400, "invalid"),
        ({**ANN, "userId": "x", "roleGroupId": "KING"}, 400, "invalid"),
        ({**ANN, "userId": "x", "unknown": 1}, 400, "invalid"),
        ([], 400, "invalid"),
    ],
)
def test_what_is_refused(sandbox: Sandbox, body: Any, status: int, code: str) -> None:
    assert call(sandbox, "POST", "/members", json=ANN).status_code == 201
    refused = call(sandbox, "POST", "/members", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert len(sandbox.store.member_accounts()) == 1


def test_who_calls_must_say_so(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", "/members", {"X-Attic-Role": "manageMember"}).status_code == 401
    assert call(sandbox, "GET", "/members", {"X-Attic-User": "admin", "X-Attic-Role": "guest"}).status_code == 403


def test_the_list_comes_in_pages(sandbox: Sandbox) -> None:
    for number in range(5):
        call(sandbox, "POST", "/members", json={**ANN, "userId": f"u{number}", "metadata": {"externalId": f"x{number}"}})
    pages = [call(sandbox, "GET", "/members", params={"page": page, "size": 2}).json() for page in (1, 2, 3, 4)]
    assert [[each["userId"] for each in page["members"]] for page in pages] == [["u0", "u1"], ["u2", "u3"], ["u4"], []]
    assert {page["total"] for page in pages} == {5}
    assert call(sandbox, "GET", "/members", params={"size": 9999}).json()["size"] == 200
    found = call(sandbox, "GET", "/members", params={"externalId": "x3"}).json()["members"]
    assert [each["userId"] for each in found] == ["u3"]
    assert call(sandbox, "GET", "/members", params={"page": "0"}).status_code == 400


def test_people_see_the_accounts_and_what_happened_to_them(sandbox: Sandbox) -> None:
    page = requests.get(f"{sandbox.url}/members", timeout=10)
    assert page.status_code == 200
    assert "No members yet" in page.text
    call(sandbox, "POST", "/members", json=ANN)
    call(sandbox, "PATCH", "/members/ann", json={"email": "ann@example.com"})
    page = requests.get(f"{sandbox.url}/members", timeout=10)
    assert "안나 &lt;b&gt;" in page.text
    assert '<a href="/members" class="here">Members</a>' in page.text
    one = requests.get(f"{sandbox.url}/members/ann", timeout=10)
    assert "email:  → ann@example.com" in one.text
    call(sandbox, "DELETE", "/members/ann")
    assert "deleted" in requests.get(f"{sandbox.url}/members/ann", timeout=10).text
    assert requests.get(f"{sandbox.url}/members/nobody", timeout=10).status_code == 404
    assert 'href="/members"' in requests.get(sandbox.url, timeout=10).text
