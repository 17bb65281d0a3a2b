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
from support.people import BASIC, POLICY, Sync, directory, person
from support.scim_service import STRICT, TOKEN, ScimService, scim_service
from support.scripted_server import ScriptedServer, drop, reply
from workplace_provider.clients import scim
from workplace_provider.clients.errors import BadAnswer
from workplace_provider.clients.http import Bearer, HttpSettings
from workplace_provider.identity import (
    Account,
    Key,
    Lookup,
    Scope,
    Status,
    TargetError,
    Write,
    WriteKind,
    lookups,
    make_plan,
)
from workplace_provider.targets.scim import ScimTarget

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
    target.create({"userName": "V1", "displayName": "by hand"}, {})
    result = sync.apply(plan)
    assert [each.status for each in result.outcomes] == [Status.DONE, Status.LINKED, Status.DONE]
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
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
    assert [each.id for each in target.read([(Key("userName", name),)])] == [made.id]
    assert list(target.read([(Key("userName", f'{name}" or userName pr'),)])) == []


def test_pages_may_be_smaller_than_what_was_asked_for(strict: ScimService) -> None:
    target = target_of(strict, page_size=50)
    for number in range(10):
        target.create({"userName": f"u{number}"}, {})
    strict.asked.clear()
    assert len(list(target.read())) == 10
    assert len(strict.asked) == 4


@pytest.mark.parametrize("extra", [{}, {"startIndex": 1}])
def test_a_list_that_is_too_short_or_the_same_again_is_an_error(server: ScriptedServer, extra: dict[str, int]) -> None:
    # As of a service that knows no startIndex: taken for all, it would leave out most of the accounts.
    server.will(reply(200, json.dumps({"totalResults": 3, "Resources": [{"id": "1", "userName": "a"}], **extra}).encode()))
    target = ScimTarget(scim.connect(server.url))
    with pytest.raises(BadAnswer, match=r"the listing has 1 users, and the service says there are 3 .*read=lookup"):
        list(target.read())


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
        return make_plan(whole, target.read(asked), BASIC, Scope(), POLICY, capabilities=target.capabilities)

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
    assert "password *** is too weak" in str(caught.value)
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


def test_a_base_url_that_is_not_that_of_scim_says_so(server: ScriptedServer) -> None:
    server.will(reply(200, b'{"hello": 1, "Resources": "x"}'))
    with pytest.raises(BadAnswer, match="/scim/v2"):
        list(ScimTarget(scim.connect(server.url)).read())
