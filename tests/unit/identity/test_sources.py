from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.account_store import AccountStore
from support.people import BASIC, DAY, POLICY, Sync, directory, person
from support.scim_service import STRICT, TOKEN, scim_service
from workplace_provider.http.client import Bearer
from workplace_provider.http.errors import BadResponse
from workplace_provider.identity import (
    Directory,
    Identity,
    MemberKind,
    MergeRule,
    OperationKind,
    Plan,
    Scope,
    SyncPolicy,
    SyncState,
    blocking_gates,
    directory_lines,
    evaluate,
    make_plan,
    read_directory,
    read_plan,
)
from workplace_provider.identity.definition import DefinitionError, SyncDefinition, define
from workplace_provider.identity.hooks import read_people
from workplace_provider.identity.sources import file, merge_directories, read_people_file, read_scim_directory
from workplace_provider.identity.sources.file import InvalidPeopleFile
from workplace_provider.identity.targets import scim_client

COLUMNS = {"사번": "key", "이메일": "email", "이름": "display_name", "재직": "active", "부서": "attributes.department"}
CSV = "사번,이메일,이름,재직,부서,주소\n7,ann@example.com,김안나,재직,분석,서울\n8,ken@example.com,鈴木 健太,퇴직,,東京\n"


def write(folder: Path, text: str, name: str = "people.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path, **given: Any) -> Directory:
    return read_people_file(path, COLUMNS, source="file:hr", active_values=["재직"], **given)


# A file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_people_of_a_csv_file(tmp_path: Path, encoding: str) -> None:
    found = read(write(tmp_path, CSV, encoding=encoding))
    ann, ken = found.identities
    assert (found.source, found.complete, len(found.identities)) == ("file:hr", True, 2)
    assert ann == Identity(
        key="7",
        external_id="file:hr:7",
        email="ann@example.com",
        display_name="김안나",
        attributes={"department": "분석"},
    )
    assert (ken.active, ken.display_name, ken.attributes) == (False, "鈴木 健太", {})


@pytest.mark.parametrize("name", ["people.json", "people.jsonl"])
def test_people_of_a_json_file(tmp_path: Path, name: str) -> None:
    rows = [
        {"id": 7, "mail": " ann@example.com ", "on": True, "teams": ["분석", "데이터"], "kind": "guest"},
        {"id": "8", "mail": None, "on": False, "teams": "데이터; 분석", "extra": {"ignored": True}},
    ]
    text = json.dumps(rows) if name.endswith("json") else "\n".join(map(json.dumps, rows)) + "\n\n"
    columns = {"id": "key", "mail": "email", "on": "active", "teams": "groups", "kind": "kind"}
    ann, ken = read_people_file(write(tmp_path, text, name), columns, source="file:hr").identities
    assert (ann.key, ann.email, ann.active, ann.groups, ann.kind) == (
        "7",
        "ann@example.com",
        True,
        ("데이터", "분석"),
        MemberKind.GUEST,
    )
    assert (ken.key, ken.email, ken.active, ken.groups) == ("8", "", False, ("데이터", "분석"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CSV.rsplit(",", 1)[0], "line 3: the number of cells is not that of the header; the file may be cut off"),
        (CSV + 'x"y,,,,,\n9,"open', "the file may be cut off"),
        (CSV + "7,b@example.com,나,재직,,\n", "line 4: the key '7' is also that of people.csv, line 2"),
        (CSV + ",b@example.com,나,재직,,\n", "line 4: the person has no key"),
        (CSV.replace("이메일", "메일"), "has no column 이메일; it has 사번, 메일"),
        (CSV.splitlines()[0], "people.csv has no people"),
        ("", "has no column 사번"),
    ],
)
def test_a_damaged_csv_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidPeopleFile, match=message):
        read(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ('[{"사번": 1', "people.json", "not valid JSON, so it may be incomplete"),
        ("[" * 100_000, "people.json", "not valid JSON"),
        ('{"사번": 1}', "people.json", "must be a list of objects"),
        ("[1]", "people.json", "object 1: this is not an object"),
        ('[{"사번": 1}]', "people.json", "object 1: there is no '재직'"),
        ('{"사번": {"a": 1}, "재직": "재직"}', "people.jsonl", "line 1: 사번 must be a text or a number"),
        ("x", "people.xlsx", "the format is 'xlsx'; set format to one of csv, json, jsonl"),
    ],
)
def test_a_damaged_json_file_is_an_error(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(InvalidPeopleFile, match=message):
        read(write(tmp_path, text, name))


def test_other_encodings_sizes_and_values_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidPeopleFile, match="is not UTF-8"):
        read(write(tmp_path, CSV, encoding="cp949" if "鈴" not in CSV else "utf-16"))
    with pytest.raises(InvalidPeopleFile, match=r"재직 is '재직'; it must be true or false, or set active_values"):
        read_people_file(write(tmp_path, CSV), COLUMNS, source="file:hr")
    with pytest.raises(InvalidPeopleFile, match=r"부서 is '분석'; it must be one of person, guest"):
        read_people_file(write(tmp_path, CSV), {"사번": "key", "부서": "kind"}, source="file:hr")
    monkeypatch.setattr(file, "LARGEST", 64)
    with pytest.raises(InvalidPeopleFile, match="has more than"):
        read(write(tmp_path, CSV))


# SCIM


def test_users_of_a_scim_service(tmp_path: Path) -> None:
    extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    with scim_service(STRICT) as service:
        service.add(
            id="a1",
            userName="ann",
            displayName="김안나",
            name={"givenName": "안나", "familyName": "김", "formatted": "김안나"},
            emails=[{"value": "old@example.com"}, {"value": "ann@example.com", "primary": True}],
            active=True,
            title="분석가",
            groups=[{"value": "g1", "display": "데이터"}],
            **{extension: {"department": "분석", "manager": {"value": "b2"}, "employeeNumber": 7}},
        )
        service.add(id="b2", userName="ben", active="False", emails="none", name=None, **{extension: {"manager": "c3"}})
        for number in range(5):
            service.add(id=f"c{number}", userName=f"c{number}")
        client = scim_client.connect(service.url, auth=Bearer(TOKEN))
        found = read_scim_directory(client, "scim:okta")
        ann, ben = found.identities[:2]
        assert len(found.identities) == 7
        assert (ann.external_id, ann.email, ann.groups, ann.title) == (
            "scim:okta:a1",
            "ann@example.com",
            ("g1", "데이터"),
            "분석가",
        )
        assert ann.attributes == {"department": "분석", "manager": "b2", "employeeNumber": "7"}
        assert (ben.active, ben.email, ben.attributes) == (False, "", {"manager": "c3"})
        service.after_page = lambda: service.users.pop(next(iter(service.users)), None)
        with pytest.raises(BadResponse, match=r"(?i)the number of users went from"):
            read_scim_directory(client, "scim:okta")
        client.close()


# Merging


def other(key: str, **given: Any) -> Identity:
    return replace(person(key, **given), external_id=f"slack:T2:{key}")


def japan(*people: Identity, **given: Any) -> Directory:
    return directory(*people, **{"source": "slack:T2", **given})


def merge(*directories: Directory, **rule: Any) -> dict[str, Identity]:
    return {member.key: member for member in merge_directories(directories, MergeRule(**rule), "merged:all").identities}


def test_members_with_one_address_are_one_person() -> None:
    people = merge(
        directory(person("U1", email="Ann@Example.com", title="", groups=("분석",)), person("U2")),
        japan(other("W1", email="ann@example.com", display_name="アン", title="分析", groups=("日本",)), other("W2")),
    )
    assert set(people) == {"ann@example.com", "u2@example.com", "w2@example.com"}
    ann = people["ann@example.com"]
    assert (ann.external_id, ann.display_name, ann.title, ann.groups, ann.conflict) == (
        "merged:all:ann@example.com",
        "U1 김",
        "分析",
        ("日本", "분석"),
        "",
    )


def test_a_person_is_active_while_one_workspace_lists_an_active_member() -> None:
    left = person("U1", email="ann@example.com", active=False)
    here = other("W1", email="ann@example.com", display_name="アン")
    assert (merge(directory(left), japan(here))["ann@example.com"].display_name) == "アン"
    gone = merge(directory(left), japan(replace(here, active=False)))
    assert gone["ann@example.com"].active is False


def test_an_unconfirmed_address_neither_keeps_nor_changes_the_account_of_another() -> None:
    thief = other("W1", email="ann@example.com", display_name="도둑", email_confirmed=False, groups=("admins",))
    left = merge(directory(person("U1", email="ann@example.com", active=False)), japan(thief))
    assert left["ann@example.com"].active is False
    present = merge(directory(person("U1", email="ann@example.com", email_confirmed=True)), japan(thief))
    assert (present["ann@example.com"].groups, present["ann@example.com"].display_name) == ((), "U1 김")
    alone = merge(directory(person("U2")), japan(thief))
    assert alone["ann@example.com"].email_confirmed is False


def test_guests_and_bots() -> None:
    guest = {"email": "ann@example.com", "kind": MemberKind.GUEST}
    people = merge(
        directory(person("U1", **guest), person("UBOT", email="", kind=MemberKind.BOT), person("U2")),
        japan(other("W1", email="ann@example.com"), other("W2", email="", active=False)),
    )
    assert {name: member.kind for name, member in people.items()} == {
        "ann@example.com": MemberKind.PERSON,
        "u2@example.com": MemberKind.PERSON,
    }
    assert merge(directory(person("U1", **guest)), japan(other("W2")))["ann@example.com"].kind == MemberKind.GUEST


def test_conflicts_are_named() -> None:
    people = merge(
        directory(
            person("U1", email="ann@example.com", attributes={"number": 7}),
            person("U2", email="ANN@example.com"),
            person("U3", email="", active=True),
            person("U4", user_name="ben", email="ben@example.com"),
        ),
        japan(other("W4", user_name="Benny", email="ben@example.com"), other("W1", email="ann@example.com")),
        agree=("user_name", "title"),
    )
    assert people["ann@example.com"].conflict == (
        "U1 and U2 of slack:T1 have the same email; user_name is 'u1' in slack:T1, 'u2' in slack:T1, 'w1' in slack:T2"
    )
    assert people["slack:T1:U3"].conflict == "U3 of slack:T1 has no email, by which the sources are merged"
    assert people["ben@example.com"].conflict == "user_name is 'Benny' in slack:T2, 'ben' in slack:T1"


def test_another_attribute_identifies_people() -> None:
    people = merge(
        directory(person("U1", email="ann@old.com", attributes={"number": "N7", "team": "분석"})),
        japan(other("W1", email="ann@new.com", attributes={"number": "n7", "floor": "3"})),
        by="attributes.number",
    )
    assert list(people) == ["n7"]
    assert people["n7"].attributes == {"number": "N7", "team": "분석", "floor": "3"}


def test_a_source_cannot_be_merged_with_itself() -> None:
    with pytest.raises(ValueError, match="slack:T1 is merged with itself"):
        merge(directory(person("U1")), directory(person("U2")))


def plan_of(found: Directory, state: SyncState | None = None) -> Plan:
    return make_plan(found, AccountStore().read(), BASIC, Scope(), POLICY, previous=state)


def blocked(plan: Plan, policy: SyncPolicy = POLICY) -> list[str]:
    return [verdict.sentence for verdict in blocking_gates(evaluate(plan, policy))]


def test_a_conflict_of_sources_is_a_conflict_of_the_plan() -> None:
    both = [directory(person("U1", email="a@example.com"), person("U2", email="a@example.com")), japan(other("W1"))]
    plan = plan_of(merge_directories(both, MergeRule(), "merged:all"))
    (conflict,) = plan.of_kind(OperationKind.CONFLICT)
    assert (conflict.reason, conflict.detail) == ("sources_contradict", "U1 and U2 of slack:T1 have the same email")
    assert [operation.key for operation in plan.of_kind(OperationKind.CREATE)] == ["w1@example.com"]


def test_each_source_has_gates_of_its_own() -> None:
    korea = directory(*(person(f"U{number}") for number in range(100)))
    both = merge_directories([korea, japan(*(other(f"W{number}") for number in range(10)))], MergeRule(), "merged:all")
    first = plan_of(both)
    assert blocked(first) == []
    state = replace(first.state, generation=1)
    assert state.source_parts == {"slack:T1": 100, "slack:T2": 10}
    fewer = merge_directories([korea, japan(other("W1"), other("W2"))], MergeRule(), "merged:all")
    assert blocked(plan_of(fewer, state)) == [
        "The source slack:T2 has 2 people after 10 in the last run: 80 % less, the limit is 10 %."
    ]
    hidden = merge_directories([korea, japan(other("W1", email=""))], MergeRule(by="user_name"), "merged:all")
    assert "The source slack:T2 shows no e-mail address for any of 1 people." in blocked(plan_of(hidden))[0]
    partial = merge_directories([korea, japan(other("W1"), complete=False)], MergeRule(), "merged:all")
    assert [sentence.partition(",")[0] for sentence in blocked(plan_of(partial))] == [
        "The directory is incomplete",
        "The source slack:T2 is incomplete",
    ]
    empty = merge_directories([korea, japan(other("W1", active=False))], MergeRule(), "merged:all")
    assert "The source slack:T2 has 0 people; the minimum is 1." in blocked(plan_of(empty))


def test_sources_and_conflicts_survive_their_files() -> None:
    both = [directory(person("U1", email="a@example.com"), person("U2", email="a@example.com")), japan(other("W1"))]
    found = merge_directories(both, MergeRule(), "merged:all")
    assert read_directory(directory_lines(found)) == found
    plan = plan_of(found, SyncState(generation=1, source_parts={"slack:T1": 5}))
    again = read_plan(plan.lines())
    assert (again, again.digest) == (plan, plan.digest)
    assert [(part.name, part.last_users) for part in again.summary.parts] == [("slack:T1", 5), ("slack:T2", None)]
    assert SyncState.from_json(plan.state.to_json()).source_parts == {"slack:T1": 2, "slack:T2": 1}


def test_a_person_whose_data_is_unknown_waits_and_a_leaver_does_not() -> None:
    waiting = person("U1", hold="profile_not_read")
    sync = Sync(AccountStore(), scope=Scope(include="attributes.department == '분석'"))
    sync.run(person("U2", attributes={"department": "분석"}))
    plan = sync.plan(waiting, replace(person("U2"), hold="profile_not_read", active=False))
    assert [(operation.key, operation.kind, operation.reason) for operation in plan.operations] == [
        ("U2", OperationKind.DISABLE, "deactivated"),
        ("U1", OperationKind.SKIP, "profile_not_read"),
    ]
    assert read_directory(directory_lines(directory(waiting))).identities[0].hold == "profile_not_read"


# Definitions


def with_source(source: Any, folder: Path) -> SyncDefinition:
    plain = {"target": {"type": "scim", "conn_id": "portal"}, "source": source}
    return define(plain, key="x", where="x.yaml", folder=folder)


FILE = {"type": "file", "path": "people.csv", "name": "hr", "columns": {"id": "key"}}
SLACK = {"type": "slack", "conn_id": "slack_kr"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("slack", "source is 'slack'; it must be a mapping"),
        ({"type": "csv"}, "source.type is 'csv'. It must be one of slack, scim, file, merged"),
        ({"type": "slack"}, "source.conn_id is missing; a source of type slack needs it"),
        ({**SLACK, "conn": "x"}, "source of type slack has a key 'conn'; did you mean 'conn_id'?"),
        ({**SLACK, "team_id": 3}, "source.team_id is 3; it must be a text"),
        ({**SLACK, "profile_fields": ["x"]}, "source.profile_fields is .*; it must map names of attributes"),
        ({**SLACK, "max_profile_reads": 0}, "source.max_profile_reads is 0; it must be a whole number of 1 or more"),
        ({**FILE, "name": "a:b"}, "source.name is 'a:b'; it must be a name of letters"),
        ({**FILE, "columns": ["id"]}, "must map each column to a field of a person"),
        ({**FILE, "columns": {"id": "kee"}}, "columns has the field 'kee'; did you mean 'key'?"),
        ({**FILE, "columns": {"id": "email"}}, "columns has no column for key"),
        ({**FILE, "columns": {"id": "key", "x": "key"}}, "two columns for key"),
        ({**FILE, "columns": {"id": "key", "x": "attributes."}}, "the field 'attributes.'"),
        ({**FILE, "format": "xls"}, "source.format is 'xls'; it must be one of csv, json, jsonl"),
        ({**FILE, "active_values": "yes"}, "source.active_values is 'yes'; it must be a list of texts"),
        ({"type": "merged", "name": "all", "sources": [SLACK]}, "it must be a list of two sources or more"),
        ({"type": "merged", "name": "all", "sources": [SLACK, {"type": "file"}]}, r"source.sources\[1\].path is missing"),
        ({"type": "merged", "name": "all", "sources": [SLACK, FILE], "by": "mail"}, "by is 'mail'; it must be email"),
        ({"type": "merged", "name": "all", "sources": [SLACK, FILE], "agree": ["x"]}, "agree has 'x'; it must have some"),
    ],
)
def test_an_invalid_source_names_the_key(source: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        with_source(source, Path())


def test_sources_are_read_by_their_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "id,mail\n1,a@example.com\n")
    write(tmp_path, json.dumps([{"id": 2, "mail": "A@example.com"}]), "people.json")
    columns = {"id": "key", "mail": "email"}
    with scim_service(STRICT) as service:
        service.add(id="s1", userName="sam", emails=[{"value": "sam@example.com"}])
        connection = {"conn_type": "scim", "host": service.url, "password": TOKEN}
        monkeypatch.setenv("AIRFLOW_CONN_OKTA", json.dumps(connection))
        definition = with_source(
            {
                "type": "merged",
                "name": "all",
                "sources": [
                    {"type": "scim", "conn_id": "okta"},
                    {**FILE, "columns": columns},
                    {**FILE, "name": "temps", "path": f"file://{tmp_path}/people.json", "columns": columns},
                ],
            },
            tmp_path,
        )
        found = read_people(definition, "slack_api_default")
    assert [member.key for member in found.identities] == ["a@example.com", "sam@example.com"]
    assert [part.name for part in found.parts] == ["scim:okta", "file:hr", "file:temps"]
    assert found.taken_at > DAY
