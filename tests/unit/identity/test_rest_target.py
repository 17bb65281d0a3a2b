from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from support.people import BASIC, Sync, person
from support.scripted_server import ScriptedServer, reply
from workplace_provider.http.errors import BadResponse, NotFound
from workplace_provider.identity import AccountExists, AttributeMap, LookupKey, TargetError
from workplace_provider.identity.targets.description import DescriptionError, describe, load
from workplace_provider.identity.targets.rest import RestTarget
from workplace_provider.identity.targets.templates import PathTemplate, Payload, TemplateProblem
from workplace_sandbox import Sandbox

FIELDS = {"id": "id", "userName": "login"}


def described(**given: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"name": "Svc", "account": FIELDS, "list": {"method": "GET", "path": "/users", "items": "data"}}
    return {**usual, **given}


def page(*ids: str, **more: Any) -> bytes:
    return json.dumps({"data": [{"id": each, "login": each} for each in ids], **more}).encode()


def listed(server: ScriptedServer, **paging: Any) -> list[str]:
    plain = described(list={"method": "GET", "path": "/users", "items": "data", "paging": paging})
    return [each.id for each in RestTarget(describe(plain), f"{server.url}/api").read()]


PAGED = {"style": "page", "parameter": "page", "size_parameter": "size", "size": 2, "total": "total"}


def test_the_member_service_gets_what_the_description_says_and_nobody_becomes_an_administrator(
    sandbox: Sandbox, repository: Path
) -> None:
    target = RestTarget(
        load(repository / "include/identity/services/member_service.yaml"), sandbox.members_url, login="sync"
    )
    mapping = (*BASIC, AttributeMap("password", "derived:pepper", secret=True))
    assert Sync(target, mapping).run(person("Ann")).complete
    made = sandbox.store.member_account("ann")
    assert made is not None
    assert (made.name, made.email, made.role_group_id) == ("Ann 김", "ann@example.com", "AGENT")
    assert (made.center_ids, made.custom_type) == (("spectra",), "user")
    assert made.metadata == {"counselType": "user", "externalId": "slack:T1:Ann"}
    assert [(change.actor, change.action) for change in sandbox.store.member_changes("ann")] == [("sync", "created")]


def test_what_is_sent_is_what_the_original_script_sent_but_for_role_and_password(
    server: ScriptedServer, repository: Path
) -> None:
    target = RestTarget(load(repository / "include/identity/services/member_service.yaml"), server.url, login="sync")
    server.will(reply(201, b'{"userId": "ann", "name": "Ann"}'))
    target.create({"userName": "ann", "displayName": "Ann", "externalId": "slack:T1:U1"}, {"password": "made-up"})
    (asked,) = server.asked
    assert json.loads(asked.body) == {
        "userId": "ann",
        "name": "Ann",
        "password": "made-up",
        "roleGroupId": "AGENT",
        "centerIds": ["spectra"],
        "customType": "user",
        "metadata": {"counselType": "user", "externalId": "slack:T1:U1"},
    }
    assert (asked.headers["X-Attic-User"], asked.headers["X-Attic-Role"]) == ("sync", "manageMember")


def test_an_administrator_of_the_member_service_is_left_alone(sandbox: Sandbox, repository: Path) -> None:
    target = RestTarget(
        load(repository / "include/identity/services/member_service.yaml"), sandbox.members_url, login="root"
    )
    headers = {"X-Attic-User": "root", "X-Attic-Role": "manageMember"}
    body = {"userId": "ann", "name": "Ann", "password": "1", "roleGroupId": "ADMIN"}
    assert requests.post(f"{sandbox.members_url}/members", json=body, headers=headers, timeout=5).status_code == 201
    (operation,) = Sync(target).plan(person("Ann")).operations
    assert (operation.kind, operation.reason) == ("skip", "administrator")


@pytest.mark.parametrize(
    ("paging", "answers", "queries"),
    [
        ({}, [page("a", "b")], [""]),
        (
            PAGED,
            [page("a", "b", total=3), page("c", total=3)],
            ["size=2&page=1", "size=2&page=2"],
        ),
        (
            {"style": "offset", "parameter": "from"},
            [page("a", "b"), page("c"), page()],
            ["from=0", "from=2", "from=3"],
        ),
        (
            {"style": "cursor", "parameter": "after", "next": "meta.next"},
            [page("a", "b", meta={"next": "x/y="}), page(meta={"next": "z"}), page("c")],
            ["", "after=x%2Fy%3D", "after=z"],
        ),
        (
            {"style": "next", "next": "next"},
            [page("a", "b", next="/api/users?p=2&f=a&f=b"), page("c", next=None)],
            ["", "p=2&f=a&f=b"],
        ),
    ],
    ids=["none", "page", "offset", "cursor", "next"],
)
def test_a_list_is_read_to_its_end(
    server: ScriptedServer, paging: dict[str, Any], answers: list[bytes], queries: list[str]
) -> None:
    server.will(*[reply(200, answer) for answer in answers])
    assert listed(server, **paging)[:2] == ["a", "b"]
    assert [each.path for each in server.asked] == [f"/api/users{'?' if query else ''}{query}" for query in queries]


@pytest.mark.parametrize("end", ["missing", "repeated"])
@pytest.mark.parametrize("style", ["page", "offset"])
def test_a_list_ends_where_the_service_is_described_to_end_it(server: ScriptedServer, style: str, end: str) -> None:
    behind = reply(404) if end == "missing" else reply(200, page("c"))
    server.will(reply(200, page("a", "b")), reply(200, page("c")), behind)
    assert listed(server, style=style, parameter="p", end=end) == ["a", "b", "c"]


@pytest.mark.parametrize("end", ["", "repeated"])
def test_a_page_that_is_missing_is_no_end_unless_the_description_says_so(server: ScriptedServer, end: str) -> None:
    server.will(reply(200, page("a")), reply(404))
    with pytest.raises(NotFound):
        listed(server, style="page", parameter="p", **({"end": end} if end else {}))


def test_a_first_page_that_is_missing_is_never_an_empty_list(server: ScriptedServer) -> None:
    server.will(reply(404))
    with pytest.raises(NotFound):
        listed(server, style="page", parameter="p", end="missing")


@pytest.mark.parametrize("end", ["missing", "repeated"])
def test_a_list_that_ends_before_its_total_is_an_error(server: ScriptedServer, end: str) -> None:
    server.will(reply(200, page("a", total=3)), reply(404) if end == "missing" else reply(200, page("a", total=3)))
    with pytest.raises(BadResponse, match="The list has 1 accounts, but the service's total is 3"):
        listed(server, **PAGED, end=end)


def test_a_list_by_link_headers(server: ScriptedServer) -> None:
    server.will(reply(200, page("a"), Link='</api/users?p=2>; rel="next", </x>; rel="last"'), reply(200, page("b")))
    assert listed(server, style="link") == ["a", "b"]


@pytest.mark.parametrize(
    ("paging", "answer", "problem"),
    [
        (PAGED, page("a", total=9), "A page has the same accounts"),
        ({"style": "next", "next": "next"}, page("a", next="http://evil.example/api/users"), "evil.example/api/users"),
        ({"total": "total"}, page("a", total=2), "The list has 1 accounts, but the service's total is 2"),
        ({}, b'{"users": []}', "The response has no data; it has users"),
    ],
    ids=["ignored", "elsewhere", "short", "elsewhere_in_the_answer"],
)
def test_a_list_that_cannot_be_all_is_an_error(
    server: ScriptedServer, paging: dict[str, Any], answer: bytes, problem: str
) -> None:
    server.will(reply(200, answer))
    with pytest.raises(BadResponse, match=problem):
        listed(server, **paging)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"nmae": "x"}, "there is a key 'nmae'; did you mean 'name'?"),
        ({"create": {"method": "SEND", "path": "/x"}}, "create.method is 'SEND'. It must be one of GET, POST"),
        ({"create": {"method": "POST"}}, "create: Object missing required field `path`"),
        ({"create": {"method": "POST", "path": "/x", "json": {"a": "{{ b"}}}, "create.json: '{{ b'"),
        ({"account": {"id": "id"}}, "account: Object missing required field `userName`"),
        ({"list": None}, "list and find are both missing"),
        (
            {"list": {"method": "GET", "path": "/x", "paging": {"style": "page"}}},
            "list.paging: parameter is missing; the style page needs it",
        ),
        (
            {"create": {"method": "POST", "path": "/x", "json": {"password": "1"}}},
            "create.json.password is the same for all people",
        ),
        (
            {"create": {"method": "POST", "path": "/x", "json": {"user": {"roles": ["AGENT", "ADMIN"]}}}},
            "user.roles would be ['AGENT', 'ADMIN'] for all people",
        ),
    ],
)
def test_a_description_that_is_wrong_or_dangerous_names_file_and_key(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        describe(described(**given), "svc.yaml")
    assert str(caught.value).startswith("svc.yaml: ")
    assert problem in str(caught.value)


def test_a_file_that_is_no_yaml_names_itself(tmp_path: Path) -> None:
    file = tmp_path / "svc.yaml"
    file.write_text("a: [")
    with pytest.raises(DescriptionError, match=r"svc\.yaml"):
        load(file)


def test_an_expression_makes_no_administrator_either(server: ScriptedServer) -> None:
    server.will(reply(201, b'{"id": "1", "login": "a"}'))
    create = {"method": "POST", "path": "/users", "json": {"role": "{{ values.title }}"}}
    target = RestTarget(describe(described(create=create, allow={"role": ["AGENT"]})), server.url)
    with pytest.raises(TargetError, match="role='ADMIN' grants rights"):
        target.create({"title": "ADMIN"}, {})
    assert server.asked == []
    assert target.create({"title": "AGENT"}, {}).id == "1"


def test_a_payload_keeps_types_and_nothing_in_a_value_becomes_part_of_it() -> None:
    nasty = '김", "role": "ADMIN'
    payload = Payload(
        {
            "name": "{{ values.name }}",
            "greeting": "Hello {{ values.name }}",
            "on": "{{ values.on }}",
            "tags": "{{ values.tags }}",
            "none": "{{ values.deep.down | default(omit) }}",
            "list": ["{{ values.no | default(omit) }}", 1],
        }
    )
    assert payload.fill(values={"name": nasty, "on": True, "tags": ["a"]}) == {
        "name": nasty,
        "greeting": f"Hello {nasty}",
        "on": True,
        "tags": ["a"],
        "list": [1],
    }
    with pytest.raises(TemplateProblem, match=r"values\.nothing.* has no value\. To leave the key out"):
        Payload({"x": "{{ values.nothing }}"}).fill(values={})
    # A value that looks like a template is a value.
    assert Payload("{{ values.x }}").fill(values={"x": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("value", "path"),
    [("a/b", "/u/a%2Fb"), ("김", "/u/%EA%B9%80"), ("a?x=1#y", "/u/a%3Fx%3D1%23y"), (7, "/u/7")],
)
def test_a_path_leads_nowhere_else(value: object, path: str) -> None:
    assert PathTemplate("/u/{{ id }}").fill(id=value) == path


def test_an_id_of_dots_is_refused_before_anything_is_sent(server: ScriptedServer) -> None:
    target = RestTarget(describe(described(delete={"method": "DELETE", "path": "/u/{{ id }}"})), server.url)
    with pytest.raises(TargetError, match="only dots"):
        target.delete("..")
    assert server.asked == []


@pytest.mark.parametrize(
    ("conflict", "answer"),
    [
        ([409], reply(409, b'{"error": {"code": "dup"}}')),
        ("code == 'dup'", reply(400, b'{"error": {"code": "dup"}}')),
        ("body and not body.ok and code == 'dup'", reply(200, b'{"ok": false, "error": {"code": "dup"}}')),
    ],
    ids=["status", "code", "status_200"],
)
def test_what_means_that_there_is_such_an_account(server: ScriptedServer, conflict: Any, answer: Any) -> None:
    server.will(answer)
    create = {"method": "POST", "path": "/users", "json": {}, "success": "body.ok", "conflict": conflict}
    target = RestTarget(describe(described(create=create, error={"code": "error.code"})), server.url)
    with pytest.raises(AccountExists):
        target.create({"userName": "a"}, {})


def test_a_failure_with_status_200_is_a_failure(server: ScriptedServer) -> None:
    server.will(reply(200, b'{"ok": false, "why": "quota"}'))
    disable = {"method": "POST", "path": "/users/{{ id }}/off", "success": "body.ok"}
    target = RestTarget(describe(described(disable=disable, error={"message": "why"})), server.url)
    with pytest.raises(TargetError, match="quota"):
        target.set_active("1", False)
    assert server.asked[0].path == "/users/1/off"


def test_a_service_that_finds_too_much_is_not_believed(server: ScriptedServer) -> None:
    find = {"userName": {"method": "GET", "path": "/users", "query": {"q": "{{ value }}"}, "items": "data"}}
    server.will(reply(200, page("ann", "annette")))
    target = RestTarget(describe(described(find=find)), server.url)
    assert [each.id for each in target.read([(LookupKey("userName", "ANN"),)])] == ["ann"]
    assert server.asked[0].path == "/users?q=ANN"
