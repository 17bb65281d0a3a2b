"""What a team gets wrong in its files is reported when they are read: with file, line, key, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from workplace_provider.identity.definition import define, load
from workplace_provider.identity.operators.schedule import schedule_of
from workplace_provider.identity.targets import description

TARGET = "target: {type: scim, conn_id: app}\n"
COLUMNS = "columns: {nr: id, mark: externalId, user: userName, on: active}"
# The text below TARGET, the line that the error names (0 for none), and words that it has.
DEFINITIONS: list[tuple[str, int, tuple[str, ...]]] = [
    ("policy: {max_disable: 5}\nmapping: {userName: email}\npolicy: {max_disable: 500}", 4, ("'policy'", "line 2")),
    ("mapping:\n  userName: email\n  userName: user_name", 4, ("'userName'", "line 3")),
    ("scope:\n  protect: [root]\n  domains: [a.com]\n  protect: []", 5, ("'protect'", "line 3")),
    ("mapping:\n  title: {source: title, source: tz}", 3, ("'source'",)),
    ("police: {}", 2, ("'police'", "did you mean 'policy'?", "mapping")),
    ("Policy: {}", 2, ("'Policy'", "did you mean 'policy'?")),
    ("scopes: {}", 2, ("did you mean 'scope'?",)),
    ("mappings: {}", 2, ("did you mean 'mapping'?",)),
    ("secret: {}", 2, ("did you mean 'secrets'?",)),
    ("shedule: snapshot", 2, ("did you mean 'schedule'?",)),
    ("name: 5", 2, ("name is 5", "a text")),
    ("key: ['a']", 2, ("key is ['a']", "a text")),
    ("retire: soon", 2, ("retire is 'soon'", "true or false")),
    ("policy: 3", 2, ("policy is 3", "a mapping")),
    ("policy:\n  max_disabled: 1", 3, ("'max_disabled'", "did you mean 'max_disable'?")),
    ("policy:\n  max-create: 1", 3, ("did you mean 'max_create'?",)),
    ("policy:\n  max_disable: many", 3, ("max_disable is 'many'", "a whole number")),
    ("policy:\n  max_disable: 2.5", 3, ("max_disable is 2.5", "a whole number")),
    ("policy:\n  max_disable: -1", 3, ("max_disable is -1", "0 or more")),
    ("policy:\n  max_disable: true", 3, ("max_disable is True", "a whole number")),
    ("policy:\n  max_disable_percent: 5%", 3, ("'5%'", "a number")),
    ("policy:\n  max_disable_percent: 500", 3, ("is 500", "100 or less")),
    ("policy:\n  max_update_percent: '10'", 3, ("'10'", "a number")),
    ("policy:\n  max_create: all", 3, ("'all'", "a whole number")),
    ("policy:\n  concurrency: 8.5", 3, ("concurrency is 8.5", "a whole number")),
    ("policy:\n  concurrency: 0", 3, ("concurrency is 0", "1 or more")),
    ("policy:\n  rate: 10", 3, ("rate is 10", "a text")),
    ("policy:\n  rate: quick", 3, ("rate is 'quick'", "10/s")),
    ("policy:\n  rate: 10/d", 3, ("'10/d'", "10/s")),
    ("policy:\n  rate: 0/s", 3, ("'0/s'",)),
    ("policy:\n  delete_after: soon", 3, ("'soon'", "30 days")),
    ("policy:\n  delete_after: 30", 3, ("30 days",)),
    ("policy:\n  max_plan_age: 1 fortnight", 3, ("'1 fortnight'", "12 hours")),
    ("policy:\n  max_plan_age: 0 days", 3, ("positive durations",)),
    ("policy:\n  on_missing: forget", 3, ("'forget'", "disable, ignore, delete")),
    ("policy:\n  on_missing: disabled", 3, ("did you mean 'disable'?",)),
    ("policy:\n  manage: mine", 3, ("'mine'", "owned, matched, all")),
    ("policy:\n  match_on: email", 3, ("'email'", "a list of texts")),
    ("policy:\n  match_on: []", 3, ("match_on is empty",)),
    ("policy:\n  match_on: [email]", 3, ("no 'email'", "did you mean 'emails.value'?")),
    ("policy:\n  match_on: [externalID, userName]", 3, ("no 'externalID'",)),
    ("policy:\n  match_on: [username]", 3, ("no 'username'", "did you mean 'userName'?")),
    ("policy:\n  disable_grace: 0", 3, ("disable_grace is 0", "1 or more")),
    ("policy:\n  require_complete_source: 'yes'", 3, ("'yes'", "true or false")),
    ("scope: [a]", 2, ("scope is ['a']", "a mapping")),
    ("scope:\n  domain: [example.com]", 3, ("did you mean 'domains'?",)),
    ("scope:\n  domains: example.com", 3, ("'example.com'", "a list of texts")),
    ("scope:\n  domains: [5]", 3, ("[5]", "a list of texts")),
    ("scope:\n  guests: 'no'", 3, ("'no'", "true or false")),
    ("scope:\n  exclude: [robot]", 3, ("'robot'", "did you mean 'bot'?", "workflow_bot")),
    ("scope:\n  exclude: guest", 3, ("'guest'", "a list of")),
    ("scope:\n  include: 'title =='", 3, ("not a valid expression",)),
    ("scope:\n  email_confirmed: maybe", 3, ("'maybe'", "required_for_create")),
    ("scope:\n  protect: ['svc-(']", 3, ("'svc-('", "not a valid regular expression")),
    ("mapping: 5", 2, ("mapping is 5", "a mapping")),
    ("mapping:\n  title: 3", 3, ("source is 3", "email|lower")),
    ("mapping:\n  title: {from: x}", 3, ("'from'", "source, on")),
    ("mapping:\n  title: {source: title, requird: true}", 3, ("did you mean 'required'?",)),
    ("mapping:\n  title: {source: title, required: 'yes'}", 3, ("'yes'", "true or false")),
    ("mapping:\n  title: {source: title, on: sometimes}", 3, ("'sometimes'", "always, create or empty")),
    ("mapping:\n  title: profile.title", 3, ("no 'profile'",)),
    ("mapping:\n  userName: email\n  displayName: 'email|lowercase'", 4, ("unknown filter 'lowercase'",)),
    ("mapping:\n  title: '{{ title'", 3, ("not a valid template",)),
    ("mapping:\n  id: key", 3, ("id is set by the sync",)),
    ("mapping:\n  password: generated", 3, ("looks like a secret",)),
    ("mapping:\n  password: {source: email, secret: true}", 3, ("generated",)),
    ("mapping:\n  password: {source: '=letmein', secret: true}", 3, ("the same for all people",)),
    ("mapping:\n  password: {source: 'generated:4', secret: true}", 3, ("12 characters or more",)),
    ("mapping:\n  role: '=ADMIN'", 3, ("'ADMIN'", "allow")),
    ("mapping:\n  관리자: '=true'", 3, ("관리자", "allow")),
    ("mapping:\n  is_staff: '=1'", 3, ("is_staff", "allow")),
    ("mapping:\n  ｒｏｌｅ: '=x'", 3, ("allow",)),
    ("mapping:\n  role: {source: title, allow: AGENT}", 3, ("allow is 'AGENT'", "a list")),
    ("mapping:\n  password: {source: 'derived:pepper', secret: true}", 2, ("pepper", "secrets")),
    ("mapping:\n  password: {source: 'derived:pepper', secret: true}\nsecrets: {peper: x}", 4, ("'pepper'",)),
    (
        "mapping:\n  password: {source: 'derived:pepper', secret: true}\nsecrets: {pepper: a, salt: b}",
        4,
        ("salt is not used",),
    ),
    ("mapping:\n  password: {source: 'derived:pepper', secret: true}\nsecrets: {pepper: 5}", 4, ("id of a connection",)),
    ("schedule: tomorrow", 0, ("'tomorrow'", "cron")),
    ("schedule: '0 7 * * *'\ntimezone: Mars/Base", 0, ("'Mars/Base'",)),
]
TARGETS: list[tuple[str, int, tuple[str, ...]]] = [
    ("name: x", 0, ("target is missing",)),
    ("- a", 0, ("a mapping",)),
    ("target: [", 1, ("expected",)),
    ("target: members", 1, ("'members'",)),
    ("target: {type: scmi, conn_id: x}", 1, ("'scmi'", "did you mean 'scim'?", "scim, rest, csv")),
    ("target: {type: scim}", 1, ("conn_id is missing",)),
    ("target: {type: rest, conn_id: x}", 1, ("service is missing",)),
    ("target: {type: scim, conn_id: 5}", 1, ("conn_id is 5", "a text")),
    ("target: {type: scim, conn_id: x, read: lookups}", 1, ("did you mean 'lookup'?",)),
    ("target: {type: scim, conn_id: x, bulk: false}", 1, ("bulk is False", "auto, never")),
    ("target: {type: scim, conn_id: x, patchstyle: put}", 1, ("did you mean 'patch_style'?",)),
    ("target: {type: scim, conn_id: x, attributes: title}", 1, ("'title'", "a list of texts")),
    ("target: {type: scim, conn_id: x, page_size: 1.5}", 1, ("1.5", "a whole number")),
    ("target: {type: csv, path: a.csv, columns: [a]}", 1, ("columns is ['a']",)),
    ("target: {type: csv, path: a.csv, columns: {nr: id, mark: externalId, user: username, s: active}}", 1, ("userName",)),
    ("target:\n  type: csv\n  path: 5\n  " + COLUMNS.replace("on:", "s:"), 3, ("path is 5",)),
]
SERVICE = "name: X\naccount: {id: id, userName: login}\nlist: {method: GET, path: /users}\n"
SERVICES: list[tuple[str, int, tuple[str, ...]]] = [
    ("acount: {}", 4, ("'acount'", "did you mean 'account'?")),
    ("name: Y", 4, ("'name'", "line 1")),
    ("create: {method: PSOT, path: /users}", 4, ("'PSOT'", "did you mean 'POST'?")),
    ("create: {method: POST, path: /users, body: {}}", 4, ("'body'", "json")),
    ("create: {method: POST, path: 5}", 4, ("create.path", "it must be a text")),
    ("create:\n  method: POST\n  path: /users\n  jsn: {}", 7, ("did you mean 'json'?",)),
    ("create: {method: POST, path: /u, json: {u: '{{ values.username }}'}}", 4, ("did you mean values.userName?",)),
    ("create: {method: POST, path: /u, json: {u: '{{ values.emails.valeu }}'}}", 4, ("did you mean values.emails.value?",)),
    ("create: {method: POST, path: /u, json: {u: '{{ value.userName }}'}}", 0, ()),
    ("create: {method: POST, path: /u, json: {u: '{{ vals.userName }}'}}", 4, ("'vals'", "did you mean 'value")),
    ("create: {method: POST, path: /u, json: {u: '{{ values.userName'}}", 4, ("not a valid template",)),
    ("create: {method: POST, path: /u, json: {password: letmein}}", 4, ("the same for all people",)),
    ("create: {method: POST, path: /u, json: {role: ADMIN}}", 4, ("role", "allow")),
    ("create: {method: POST, path: /u, json: {user: {is_staff: true}}}", 4, ("is_staff", "allow")),
    ("create: {method: POST, path: /u, json: {관리자: true}}", 4, ("관리자", "allow")),
    ("create: {method: POST, path: /u, success: [ok]}", 4, ("create.success",)),
    ("create: {method: POST, path: /u, conflict: 'code =='}", 4, ("not a valid expression",)),
    ("allow: {role: AGENT}", 4, ("allow",)),
    ("find:\n  userName: {method: GET, pat: /users}", 5, ("'pat'", "did you mean 'path'?")),
    ("update: {method: PATCH}", 4, ("path",)),
]
PAGINGS: list[tuple[str, tuple[str, ...]]] = [
    ("{style: pages, parameter: page}", ("'pages'", "did you mean 'page'?")),
    ("{style: page}", ("parameter is missing",)),
    ("{style: next}", ("next is missing",)),
    ("{style: cursor, parameter: c}", ("next is missing",)),
    ("{style: page, parameter: page, size: 0}", ("size",)),
    ("{style: page, parameter: page, size: 2.5}", ("size",)),
    ("{style: page, parameter: page, ends: missing}", ("did you mean 'end'?",)),
    ("{style: page, parameter: page, end: '404'}", ("'404'", "empty, missing, repeated")),
]


def test_there_are_eighty_of_them() -> None:
    assert len(DEFINITIONS) + len(TARGETS) + len(SERVICES) + len(PAGINGS) >= 80


def read_with_schedule(file: Path) -> None:
    definition = load(file)
    schedule_of(definition.schedule, definition.where)


def refused(tmp_path: Path, text: str, line: int, words: tuple[str, ...]) -> None:
    file = tmp_path / "상담.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="상담") as problem:
        read_with_schedule(file)
    message = str(problem.value)
    assert message.startswith("상담.yaml")
    assert not line or message.startswith(f"상담.yaml, line {line}: "), message
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(("text", "line", "words"), DEFINITIONS)
def test_a_mistake_in_a_definition(tmp_path: Path, text: str, line: int, words: tuple[str, ...]) -> None:
    refused(tmp_path, TARGET + text, line, words)


@pytest.mark.parametrize(("text", "line", "words"), TARGETS)
def test_a_mistake_in_a_target(tmp_path: Path, text: str, line: int, words: tuple[str, ...]) -> None:
    refused(tmp_path, text, line, words)


@pytest.mark.parametrize(("text", "line", "words"), [each for each in SERVICES if each[2]])
def test_a_mistake_in_a_service(tmp_path: Path, text: str, line: int, words: tuple[str, ...]) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(SERVICE + text, "utf-8")
    with pytest.raises(description.DescriptionError) as problem:
        description.load(file)
    message = str(problem.value)
    assert message.startswith(f"service.yaml, line {line}: "), message
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(("paging", "words"), PAGINGS)
def test_a_mistake_in_paging(tmp_path: Path, paging: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "service.yaml"
    text = f"name: X\naccount: {{id: id, userName: login}}\nlist:\n  method: GET\n  path: /users\n  paging: {paging}\n"
    file.write_text(text, "utf-8")
    with pytest.raises(description.DescriptionError) as problem:
        description.load(file)
    message = str(problem.value)
    assert message.startswith("service.yaml, line 6: "), message
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(
    ("payload", "mapping", "words"),
    [
        ("{u: '{{ values.login }}'}", "{userName: email}", ("values.login", "does not have")),
        ("{u: '{{ values.department }}'}", "{userName: email, departmnt: title}", ("did you mean 'departmnt'?",)),
        ("{p: '{{ secrets.pasword }}'}", "{password: {source: generated, secret: true}}", ("did you mean 'password'?",)),
    ],
)
def test_a_service_and_a_mapping_that_do_not_fit(tmp_path: Path, payload: str, mapping: str, words: tuple[str, ...]) -> None:
    import yaml

    file = tmp_path / "service.yaml"
    file.write_text(f"{SERVICE}create: {{method: POST, path: /u, json: {payload}}}\n", "utf-8")
    service = description.load(file)
    plain = {"target": {"type": "rest", "conn_id": "x", "service": "s"}, "mapping": yaml.safe_load(mapping)}
    declared = define(plain, key="k", where="k.yaml", folder=tmp_path)
    with pytest.raises(description.DescriptionError) as problem:
        description.check_mapping(service, declared.mapping, "k.yaml and service.yaml")
    assert [word for word in words if word not in str(problem.value)] == [], problem.value


def test_what_is_right_is_read(repository: Path) -> None:
    folder = repository / "include" / "identity"
    declared = load(folder / "members.yaml")
    service = description.load(folder / "services" / "member_service.yaml")
    description.check_mapping(service, declared.mapping, "members.yaml")
