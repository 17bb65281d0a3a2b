from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import Context, EnterpriseUser, User

from support.counting_proxy import CountingProxy
from support.examples import examples
from support.people import BASIC, POLICY, Sync, directory, person
from support.scim_service import SLOPPY, STRICT, TERSE, TOKEN, ScimService, scim_service
from support.scripted_server import Reply, ScriptedServer, drop, reply
from workplace_provider.http.client import Bearer, HttpSettings
from workplace_provider.http.errors import BadResponse
from workplace_provider.identity import (
    Account,
    AccountExists,
    Lookup,
    LookupKey,
    OperationStatus,
    Scope,
    TargetError,
    Write,
    WriteKind,
    lookups,
    make_plan,
)
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.scim import ScimTarget
from workplace_provider.identity.targets.scim_resources import LISTINGS
from workplace_provider.identity.text import values_equal

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CREW = [person(f"U{number:03}") for number in range(40)]


@pytest.fixture
def strict() -> Iterator[ScimService]:
    with scim_service(STRICT) as service:
        yield service


def target_of(service: ScimService, **options: object) -> ScimTarget:
    return ScimTarget(scim.connect(service.url, auth=Bearer(TOKEN)), attributes=["displayName"], **options)  # type: ignore[arg-type]


def fresh(proxy: CountingProxy, **options: object) -> ScimTarget:
    client = scim.connect(f"{proxy.url}/{uuid.uuid4().hex}/v2", auth=Bearer(TOKEN))
    return ScimTarget(client, **options)  # type: ignore[arg-type]


def test_many_accounts_go_in_few_requests_where_the_service_offers_that(scim2_server: CountingProxy) -> None:
    target = fresh(scim2_server, attributes=["displayName"])
    assert target.capabilities.bulk == 100
    assert target.capabilities.versions
    sync = Sync(target, policy=replace(POLICY, max_disable=None, max_source_drop_percent=None))
    before = len(scim2_server.asked)
    plan = sync.plan(*CREW)
    result = sync.apply(plan)
    assert result.complete, result.outcomes
    assert result.writes == 40
    assert [path.rpartition("/")[2] for method, path in scim2_server.asked[before:] if method != "GET"] == ["Bulk"]
    # Of the whole request it tells of each operation: one name is taken, the others are made.
    more = [person(f"V{number}") for number in range(3)]
    plan = sync.plan(*CREW, *more)
    target.create({"userName": "V1", "displayName": "by hand", "emails.value": "v1@example.com"}, {})
    result = sync.apply(plan)
    assert [each.status for each in result.outcomes] == [OperationStatus.DONE, OperationStatus.LINKED, OperationStatus.DONE]
    gone = [replace(each, active=False) for each in CREW]
    assert sync.run(*gone, *more).complete
    assert sum(each.active for each in target.read()) == 3
    assert sync.plan(*gone, *more).empty


def test_what_was_written_is_what_others_read(scim2_server: CountingProxy) -> None:
    base = f"{scim2_server.url}/{uuid.uuid4().hex}/v2"
    client = scim.connect(base, auth=Bearer(TOKEN))
    target = ScimTarget(client, attributes=["title", "name.familyName", f"{ENTERPRISE}:department"], bulk="never")
    made = target.create(
        {
            "userName": "ann",
            "externalId": "slack:T1:U1",
            "emails.value": "ann@example.com",
            "name.familyName": "김",
            "title": "Analyst",
            f"{ENTERPRISE}:department": "데이터",
        },
        {"password": "Passw0rd-Passw0rd"},
    )
    target.update(made.id, {f"{ENTERPRISE}:department": "분석", "title": "Lead"}, made.version)
    answer = requests.get(f"{base}/Users/{made.id}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5)
    user = User[EnterpriseUser].model_validate(answer.json(), scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    assert (user.user_name, user.external_id, user.title, user.active) == ("ann", "slack:T1:U1", "Lead", True)
    assert user.name is not None
    assert user.name.family_name == "김"
    assert user[EnterpriseUser].department == "분석"
    (account,) = target.read()
    assert account.attributes == {"title": "Lead", "name.familyName": "김", f"{ENTERPRISE}:department": "분석"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40), deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).filter(
        lambda text: text == text.strip() and text
    )
)
def test_any_name_is_found_by_itself_and_nothing_else(strict: ScimService, name: str) -> None:
    target = target_of(strict)
    strict.users.clear()
    strict.users["other"] = {"id": "other", "userName": "other"}
    strict.versions["other"] = 1
    (made,) = [target.create({"userName": name}, {})] if name.lower() != "other" else [Account(id="other")]
    assert [each.id for each in target.read([(LookupKey("userName", name),)])] == [made.id]
    assert list(target.read([(LookupKey("userName", f'{name}" or userName pr'),)])) == []


def test_pages_may_be_smaller_than_what_was_asked_for(strict: ScimService) -> None:
    target = target_of(strict, page_size=50)
    for number in range(10):
        target.create({"userName": f"u{number}"}, {})
    strict.asked.clear()
    assert len(list(target.read())) == 10
    assert len(strict.asked) == 5  # the last one is empty


def listing(*ids: int, **said: object) -> Reply:
    return reply(200, json.dumps({"Resources": [{"id": each, "userName": f"u{each}"} for each in ids], **said}).encode())


@pytest.mark.parametrize(
    ("pages", "people"),
    [
        pytest.param([listing(1, 2), listing(3), listing()], 3, id="no_total"),
        pytest.param([listing(1, 2, totalResults=2), listing(3, totalResults=3)], 3, id="total_of_what_came"),
        pytest.param([listing(1, 2, totalResults="3"), listing(3, totalResults="3")], 3, id="total_as_text"),
        pytest.param(
            [listing(1, 2, totalResults=3), listing(2, 3, totalResults=4), listing(4, totalResults=4)], 4, id="joined"
        ),
        pytest.param([listing(1, totalResults=2), listing(2, totalResults=2)], 2, id="short_pages"),
        pytest.param([reply(200, b'{"totalResults": 0}')], 0, id="nobody_left_out"),
        pytest.param([reply(200, b'{"totalResults": 0, "Resources": null}')], 0, id="nobody_as_null"),
    ],
)
def test_a_list_is_read_to_its_end_whatever_its_total(server: ScriptedServer, pages: list[Reply], people: int) -> None:
    server.will(*pages, reply(400))
    client = scim.connect(server.url)
    assert [each.id for each in ScimTarget(client, page_size=2).read()] == [str(each + 1) for each in range(people)]


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        # As of a service that knows no startIndex: taken for all, it would leave out most of the accounts.
        ([listing(1, totalResults=3)], "The list has 1 users, but the service's total is 3"),
        ([listing(1, totalResults=3, startIndex=1)], "The list has 1 users, but the service's total is 3"),
        ([listing(1, 2, totalResults=2), listing(3, totalResults=1)], "The number of users went from 2 to 1"),
    ],
    ids=["the_same_again", "with_its_index", "total_of_the_page"],
)
def test_a_list_that_cannot_be_all_is_an_error(server: ScriptedServer, pages: list[Reply], problem: str) -> None:
    server.will(*(pages * LISTINGS))
    with pytest.raises(BadResponse, match=f"{problem}.*read=lookup"):
        list(ScimTarget(scim.connect(server.url), page_size=2).read())


def test_a_list_that_moves_up_while_it_is_read_is_read_again(strict: ScimService) -> None:
    # Whoever stood first on the second page stands last on the first when somebody on that one is gone.
    for number in range(8):
        strict.add(id=f"{number}", userName=f"u{number}")
    strict.after_page = lambda: strict.users.pop("1", None)
    assert [each.id for each in target_of(strict).read()] == ["0", "2", "3", "4", "5", "6", "7"]


def test_a_service_whose_list_never_stands_still_is_told(strict: ScimService) -> None:
    for number in range(40):
        strict.add(id=f"{number}", userName=f"u{number}")
    strict.after_page = lambda: strict.users.popitem()
    with pytest.raises(BadResponse, match=r"went from .* while they were read"):
        list(target_of(strict).read())


@pytest.mark.parametrize("body", [b'{"hello": 1}', b'{"Resources": "x"}', b'{"Resources": [{"userName": "no id"}]}', b"[]"])
def test_what_is_no_list_of_users_is_not_taken_for_nobody(server: ScriptedServer, body: bytes) -> None:
    # With nobody there, everybody would be created anew.
    server.will(reply(200, body))
    with pytest.raises(BadResponse, match="/scim/v2"):
        list(ScimTarget(scim.connect(server.url)).read())


def test_who_has_another_s_id_in_other_case_is_not_taken_for_them() -> None:
    # RFC 7643 3.1 has an externalId compared to the letter; not every service does.
    with scim_service(SLOPPY) as service:
        service.add(id="1", userName="other", externalId="slack:T1:u1")
        service.add(id="2", userName="ann")
        target = target_of(service)
        asked = (LookupKey("externalId", "slack:T1:U1"), LookupKey("userName", "Ann"))
        assert [each.id for each in target.read([asked])] == ["2"]


def test_a_version_that_is_told_in_the_header_alone_is_named_in_a_change() -> None:
    with scim_service(TERSE) as service:
        target = target_of(service)
        made = target.create({"userName": "ann"}, {})
        assert made.version == 'W/"1"'
        target.update(made.id, {"displayName": "김"}, made.version)
        (account,) = target.read([(LookupKey("id", made.id),)])
        assert (account.version, account.attributes) == ('W/"2"', {"displayName": "김"})
        with pytest.raises(TargetError, match="428"):
            target.delete(made.id)
        target.delete(made.id, account.version)
        assert service.users == {}


def test_an_address_is_changed_and_the_others_stay(strict: ScimService) -> None:
    target = target_of(strict)
    emails = [{"value": "home@x.y", "type": "home"}, {"value": "old@x.y", "type": "work", "primary": True}]
    strict.users["1"], strict.versions["1"] = {"id": "1", "userName": "ann", "emails": emails}, 1
    (account,) = target.read()
    assert account.emails == ("old@x.y", "home@x.y")
    target.update("1", {"emails.value": "new@x.y"}, account.version)
    assert strict.users["1"]["emails"] == [emails[0], {"value": "new@x.y", "type": "work", "primary": True}]


@pytest.mark.parametrize("style", ["rfc", "put"])
def test_what_is_not_in_the_mapping_stays(strict: ScimService, style: str) -> None:
    target = target_of(strict, patch_style=style)
    strict.users["1"] = {"id": "1", "userName": "ann", "title": "kept", "name": {"givenName": "kept"}}
    strict.versions["1"] = 1
    target.update("1", {"name.familyName": "김"})
    assert strict.users["1"]["name"] == {"givenName": "kept", "familyName": "김"}
    assert strict.users["1"]["title"] == "kept"


def test_a_service_without_a_listing_is_planned_by_look_ups(strict: ScimService) -> None:
    target = target_of(strict, read="lookup")
    sync = Sync(target)
    people, foreign = CREW[:3], {"id": "f", "userName": "foreign"}
    strict.users["f"], strict.versions["f"] = foreign, 1

    def plan(members: list[object]) -> object:
        whole = directory(*members)  # type: ignore[arg-type]
        asked: list[Lookup] = lookups(whole, BASIC, Scope(), POLICY)
        accounts = target.read(asked)
        return make_plan(whole, accounts, BASIC, Scope(), POLICY, previous=sync.state, capabilities=target.capabilities)

    assert not target.capabilities.listing
    assert sync.apply(plan(people)).complete  # type: ignore[arg-type]
    assert plan(people).empty  # type: ignore[attr-defined]
    assert sync.apply(plan([replace(people[0], active=False), *people[1:]])).complete  # type: ignore[arg-type]
    assert strict.users["f"] == foreign
    assert [each["active"] for each in strict.users.values() if "active" in each] == [False, True, True]


def test_a_secret_that_the_service_repeats_in_its_refusal_is_not_told(server: ScriptedServer) -> None:
    server.will(reply(400, b'{"detail": "password hunter2-hunter2 is too weak"}'))
    target = ScimTarget(scim.connect(server.url), bulk="never")
    with pytest.raises(TargetError) as caught:
        target.create({"userName": "ann"}, {"password": "hunter2-hunter2"})
    assert "Password *** is too weak" in str(caught.value)
    server.will(
        reply(200, b'{"Operations": [{"bulkId": "0", "status": "400", "response": {"detail": "no hunter2-hunter2"}}]}')
    )
    write = Write(kind=WriteKind.CREATE, values={"userName": "a"}, secrets={"password": "hunter2-hunter2"})
    assert "hunter2" not in repr(write)
    (answer,) = target.bulk([write])
    assert "no ***" in str(answer)


def test_a_bulk_answer_that_is_lost_leaves_every_operation_open(server: ScriptedServer) -> None:
    server.will(reply(200), drop)
    client = scim.connect(server.url, settings=HttpSettings(attempts=1))
    writes = [Write(kind=WriteKind.CREATE, values={"userName": name}) for name in ("a", "b")]
    target = ScimTarget(client, bulk="never")
    answers = target.bulk(writes)
    assert [isinstance(each, TargetError) and each.outcome_unknown for each in answers] == [True, True]


@pytest.mark.parametrize(("status", "body"), [(409, b"{}"), (400, b'{"scimType": "uniqueness", "detail": "userName"}')])
def test_a_name_that_is_taken_means_that_the_account_exists(server: ScriptedServer, status: int, body: bytes) -> None:
    server.will(reply(status, body))
    target = ScimTarget(scim.connect(server.url), bulk="never")
    with pytest.raises(AccountExists):
        target.create({"userName": "ann"}, {})


def test_in_a_bulk_request_as_well_and_other_refusals_are_none(server: ScriptedServer) -> None:
    answers = [
        {"bulkId": "0", "status": "400", "response": {"scimType": "uniqueness"}},
        {"bulkId": "1", "status": "400", "response": {"scimType": "invalidValue"}},
    ]
    server.will(reply(200, json.dumps({"Operations": answers}).encode()))
    writes = [Write(kind=WriteKind.CREATE, values={"userName": name}) for name in ("ann", "ben")]
    taken, refused = ScimTarget(scim.connect(server.url), bulk="never").bulk(writes)
    assert isinstance(taken, AccountExists)
    assert isinstance(refused, TargetError)
    assert not isinstance(refused, AccountExists)


COMPLEX = [
    ("roles", ["agent", "editor"], "roles", [{"value": "agent"}, {"value": "editor"}]),
    ("entitlements", "seat", "entitlements", [{"value": "seat"}]),
    ("phoneNumbers.value", "+82 2 1", "phoneNumbers", [{"value": "+82 2 1"}]),
    (f"{ENTERPRISE}:manager", "26118915", "manager", {"value": "26118915"}),
]


@pytest.mark.parametrize(("attribute", "value", "key", "sent"), COMPLEX, ids=[row[2] for row in COMPLEX])
def test_values_of_complex_attributes_are_objects_and_are_read_back_as_values(
    scim2_server: CountingProxy, attribute: str, value: object, key: str, sent: object
) -> None:
    base = f"{scim2_server.url}/{uuid.uuid4().hex}/v2"
    target = ScimTarget(scim.connect(base, auth=Bearer(TOKEN)), attributes=[attribute], bulk="never")
    made = target.create({"userName": "ann", attribute: value}, {})
    user = requests.get(f"{base}/Users/{made.id}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5).json()
    assert (user[ENTERPRISE] if attribute.startswith("urn:") else user)[key] == sent
    (account,) = target.read()
    assert values_equal(account.value(attribute), value, ignore_case=False)


@pytest.mark.parametrize("style", ["rfc", "entra", "put"])
def test_a_change_of_a_complex_attribute_is_one_as_well(scim2_server: CountingProxy, style: str) -> None:
    target = fresh(scim2_server, attributes=["roles"], bulk="never", patch_style=style)
    made = target.create({"userName": "ann", "roles": ["agent"]}, {})
    target.update(made.id, {"roles": ["editor"]})
    (account,) = target.read()
    assert account.value("roles") == ["editor"]
