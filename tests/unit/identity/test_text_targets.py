from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from workplace_provider.identity import Account, TargetError, Write, WriteKind
from workplace_provider.identity.targets import JsonTarget, YamlTarget
from workplace_provider.identity.targets import record_text as records

COLUMNS = {
    "id": "id",
    "mark": "externalId",
    "login": "userName",
    "active": "active",
    "mail": "emails.value",
    "name": "displayName",
}

YAML = """\
# 시드 데이터
version: 3
users:            # maintained by the sync
  # the administrators
  - id: "1"
    login: root   # do not rename
    active: yes
    tags: [a, b]

  - id: 2
    mark: slack:T1:U2
    login: 'ann'
    name: "김안나"
    active: true
    notes: |
      여러 줄
      の文章
    mail: ann@example.com   # work
other: &keep {x: 1}
again: *keep
"""
JSON = """\
{
  "version": 3,
  "users": [
    {"id": 1, "login": "root", "active": true, "tags": ["a", {"b": null}]},
    {
      "id": "2",
      "mark": "slack:T1:U2",
      "name": "\\uae40\\uc548\\ub098",
      "login": "ann",
      "active": true,
      "rate": 1.50,
      "mail": "ann@example.com"
    }
  ],
  "other":   {"x": 1}
}
"""


def target(tmp_path: Path, kind: str, text: str | None, path: str = "users") -> Any:
    file = tmp_path / f"사용자.{kind}"
    if text is not None:
        file.write_text(text, "utf-8")
    return (YamlTarget if kind == "yaml" else JsonTarget)(file, COLUMNS, records=path)


def text_of(found: Any) -> str:
    return str(found.path.read_text("utf-8"))


def changes(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and not line.startswith(("+++", "---"))]


def plain(found: Any) -> Any:
    text = text_of(found)
    return yaml.safe_load(text) if found.path.suffix == ".yaml" else json.loads(text)


def create(name: str, **values: Any) -> Write:
    return Write(kind=WriteKind.CREATE, values={"userName": name, **values})


@pytest.mark.parametrize(("kind", "text"), [("yaml", YAML), ("json", JSON)])
def test_accounts_are_read(tmp_path: Path, kind: str, text: str) -> None:
    root, ann = target(tmp_path, kind, text).read()
    assert (root.id, root.user_name, root.active, root.external_id, root.emails) == ("1", "root", True, "", ())
    assert ann == Account(
        id="2",
        external_id="slack:T1:U2",
        user_name="ann",
        emails=("ann@example.com",),
        active=True,
        attributes={"displayName": "김안나"},
    )


def test_only_changed_values_of_yaml_get_new_text(tmp_path: Path) -> None:
    found = target(tmp_path, "yaml", YAML)
    found.update("2", {"displayName": "田中 '美咲'", "userName": "ann's", "emails.value": "new@example.com"})
    found.set_active("2", False)
    assert changes(YAML, text_of(found)) == [
        "-    login: 'ann'",
        '-    name: "김안나"',
        "-    active: true",
        "+    login: 'ann''s'",
        "+    name: \"田中 '美咲'\"",
        "+    active: false",
        "-    mail: ann@example.com   # work",
        "+    mail: new@example.com   # work",
    ]
    before = text_of(found)
    found.update("1", {"externalId": "slack:T1:U1", "emails.value": "yes"})
    assert changes(before, text_of(found)) == ["+    mark: slack:T1:U1", "+    mail: 'yes'"]
    assert plain(found)["again"] == {"x": 1}


def test_only_changed_values_of_json_get_new_text(tmp_path: Path) -> None:
    found = target(tmp_path, "json", JSON)
    found.update("2", {"displayName": "田中", "emails.value": None})
    assert changes(JSON, text_of(found)) == [
        '-      "name": "\\uae40\\uc548\\ub098",',
        '+      "name": "\\u7530\\u4e2d",',
        '-      "mail": "ann@example.com"',
        '+      "mail": ""',
    ]
    before = text_of(found)
    found.update("1", {"externalId": "slack:T1:U1"})
    assert changes(before, text_of(found)) == [
        '-    {"id": 1, "login": "root", "active": true, "tags": ["a", {"b": null}]},',
        '+    {"id": 1, "login": "root", "active": true, "tags": ["a", {"b": null}], "mark": "slack:T1:U1"},',
    ]
    found.update("2", {"externalId": "새 표시"})
    assert '"mark": "새 표시",' in text_of(found)


@pytest.mark.parametrize(("kind", "text"), [("yaml", YAML), ("json", JSON)])
def test_new_accounts_come_last_and_removed_ones_take_their_lines_with_them(tmp_path: Path, kind: str, text: str) -> None:
    found = target(tmp_path, kind, text)
    results = found.bulk([create("haruka", displayName="春香: #1", **{"emails.value": "h@example.com"}), create("민수")])
    added = changes(text, text_of(found))
    assert [account.user_name for account in found.read()] == ["root", "ann", "haruka", "민수"]
    assert sum(line.startswith("-") for line in added) <= (1 if kind == "json" else 0)  # the comma after the last object
    found.delete("2")
    found.delete(results[1].id)
    assert [row["login"] for row in plain(found)["users"]] == ["root", "haruka"]
    found.delete(results[0].id)
    found.delete("1")
    assert plain(found)["users"] == []
    found.create({"userName": "ann"}, {})
    assert [row["login"] for row in plain(found)["users"]] == ["ann"]
    assert list(plain(found)) == list(yaml.safe_load(text))
    if kind == "yaml":
        assert text_of(found).startswith("# 시드 데이터\nversion: 3\nusers:")


@pytest.mark.parametrize(
    ("kind", "text", "path"),
    [
        ("yaml", None, "seed.users"),
        ("yaml", "", ""),
        ("yaml", "# nothing yet\n", "users"),
        ("yaml", "users:\n", "users"),
        ("yaml", "users: []  # none\n", "users"),
        ("yaml", "users:   []\nnext: 1\n", "users"),
        ("yaml", "seed:\n  users:\n", "seed.users"),
        ("yaml", "users: [{id: a, mark: x, login: zoe}]\n", "users"),
        ("yaml", "- {id: a, login: zoe}", ""),
        ("yaml", "- id: a\n  login: zoe", ""),
        ("yaml", "users:\n- id: a\n  login: zoe\n\n# end\n", "users"),
        ("json", None, "seed.users"),
        ("json", "", ""),
        ("json", "[]", ""),
        ("json", '{"users": []}\n', "users"),
        ("json", '{\n\t"users": [\n\t\t{\n\t\t\t"id": "a",\n\t\t\t"login": "zoe"\n\t\t}\n\t]\n}\n', "users"),
        ("json", '[{"id":"a","login":"zoe"}]', ""),
        ("json", "[\n  {}\n]".replace("{}", '{"id": "a"}'), ""),
    ],
)
def test_every_layout_takes_new_accounts_and_values(tmp_path: Path, kind: str, text: str | None, path: str) -> None:
    found = target(tmp_path, kind, text, path)
    before = [account.user_name for account in found.read()]
    account = found.create({"userName": "ann", "displayName": "yes"}, {})
    found.update(account.id, {"emails.value": "ann@example.com"})
    found.create({"userName": "ben"}, {})
    assert [each.user_name for each in found.read()] == [*before, "ann", "ben"]
    for old in [each for each in found.read() if each.id == "a"]:
        assert found.update(old.id, {"displayName": "새 이름"}).attributes == {"displayName": "새 이름"}
    if text and "# " in text:
        assert text.partition("# ")[2].split("\n")[0] in text_of(found)
    if text and "\t" in text:
        assert '\n\t\t\t"login": "ann"' in text_of(found)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("yaml", "users: 3\n", "users must be a list of mappings"),
        ("yaml", "people: []\n", "there is no list users; the keys are people"),
        ("yaml", "- 1\n", "there is no list users"),
        ("yaml", "users: [1]\n", "record 1 is not a mapping"),
        ("yaml", "users: [{id: 1, id: 2}]\n", "record 1 has a key twice"),
        ("yaml", "users: [{login: x}]\n", "record 1: id is ''; it must be a unique id"),
        ("yaml", "users: [{id: 1}, {id: '1'}]\n", "record 2: id is '1'; it must be a unique id"),
        ("yaml", "users: {\n", "while parsing"),
        ("yaml", "users: [{id: !!python/name:os.system x}]\n", "could not determine a constructor"),
        ("json", "[", "Expecting value"),
        ("json", "[] []", "there is text after the value"),
        ("json", "[]", "there is no list users"),
        ("json", '{"people": []}', "there is no list users; the keys are people"),
        ("json", '{"users": {}}', "users must be a list of objects"),
        ("json", '{"users": [1]}', "record 1 is not an object"),
        ("json", '{"users": [{"id": 1, "id": 2}]}', "record 1 has a key twice"),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, kind: str, text: str, message: str) -> None:
    found = target(tmp_path, kind, text)
    with pytest.raises(TargetError, match=message):
        list(found.read())
    with pytest.raises(TargetError, match=message):
        found.create({"userName": "ann"}, {})
    assert text_of(found) == text


def test_a_file_that_cannot_be_changed_in_place_stays(tmp_path: Path) -> None:
    text = "users:\n  - id: 1\n    login: &name ann\n    name: *name\n"
    found = target(tmp_path, "yaml", text)
    with pytest.raises(TargetError, match=r"사용자\.yaml"):
        found.update("1", {"userName": "ben"})
    assert text_of(found) == text
    flow = target(tmp_path, "yaml", "users: [{id: 1, login: ann}, {id: 2, login: ben}]\n")
    with pytest.raises(ValueError, match="a list in brackets cannot be removed in place"):
        flow.delete("1")


def test_other_encodings_and_sizes_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = target(tmp_path, "json", None)
    found.path.write_bytes('{"users": [{"id": "é"}]}'.encode("latin-1"))
    with pytest.raises(TargetError, match="is not UTF-8"):
        found.read()
    monkeypatch.setattr(records, "LARGEST", 8)
    with pytest.raises(TargetError, match="has more than"):
        found.read()


def test_without_a_change_the_file_is_not_written(tmp_path: Path) -> None:
    found = target(tmp_path, "yaml", YAML)
    before = found.path.stat().st_ino
    found.update("2", {"displayName": "김안나"})
    assert (found.path.stat().st_ino, text_of(found)) == (before, YAML)


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("kind", ["yaml", "json"])
@settings(max_examples=examples(40), deadline=None)
@given(names=st.lists(VALUES, min_size=1, max_size=3))
def test_any_text_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, kind: str, names: list[str]) -> None:
    found = target(tmp_path_factory.mktemp("any"), kind, YAML if kind == "yaml" else JSON)
    found.bulk([create(f"user{number}", displayName=name) for number, name in enumerate(names)])
    found.update("2", {"displayName": names[0], "userName": names[-1]})
    shown = {account.user_name: account.attributes.get("displayName", "") for account in found.read()}
    assert shown[names[-1]] == names[0]
    assert [shown[f"user{number}"] for number in range(len(names))] == names
