from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from airflow.sdk import Asset, CronTriggerTimetable

from support.dags import parse_for
from workplace_provider.identity import SCIM_MAPPING, MemberKind, Scope, SyncPolicy
from workplace_provider.identity.definition import SyncDefinition, load
from workplace_provider.identity.directory import NOT_PEOPLE
from workplace_provider.identity.operators import sync_files

WHOLE = """
name: 상담 시스템
target: {type: scim, conn_id: app}
schedule: "0 7 * * MON-FRI"
timezone: Asia/Seoul
scope:
  domains: [example.com]
  groups: [analysts]
  guests: true
  exclude: [bot, app]
  protect: [root]
mapping:
  userName: {source: "email|lower|localpart", on: create, required: true}
  displayName: "{{ family }}{{ given }}"
  password: {source: derived:pepper, secret: true}
policy:
  max_disable: 3
  max_disable_percent: null
  match_on: [externalId]
  delete_after: 30 days
  max_plan_age: 12 hours
secrets: {pepper: member_pepper}
"""


def read(tmp_path: Path, text: str) -> SyncDefinition:
    file = tmp_path / "상담.yaml"
    file.write_text(dedent(text), "utf-8")
    return load(file)


def test_a_file_says_which_system_who_what_and_how_far(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert (found.key, found.name, found.folder) == ("상담", "상담 시스템", tmp_path)
    assert found.target == {"type": "scim", "conn_id": "app"}
    assert found.scope.domains == ("example.com",)
    assert (found.scope.groups, found.scope.guests, found.scope.protect) == (("analysts",), True, ("root",))
    assert found.scope.exclude == NOT_PEOPLE | {MemberKind.BOT, MemberKind.APP}
    user_name, display_name, password = found.mapping.maps
    assert (user_name.source, user_name.on, user_name.required) == ("email|lower|localpart", "create", True)
    assert (display_name.source, display_name.on) == ("{{ family }}{{ given }}", "always")
    assert password.secret
    assert (found.policy.max_disable, found.policy.max_disable_percent, found.policy.match_on) == (3, None, ("externalId",))
    assert found.policy.delete_after == timedelta(days=30)
    assert found.policy.max_plan_age == timedelta(hours=12)
    assert found.secrets == {"pepper": "member_pepper"}


def test_what_is_left_out_is_as_usual(tmp_path: Path) -> None:
    found = read(tmp_path, "target: {type: scim, conn_id: app}")
    assert (found.scope, found.policy, found.mapping.maps) == (Scope(), SyncPolicy(), SCIM_MAPPING)


def test_a_folder_tells_when_its_syncs_run_and_a_broken_file_breaks_none(tmp_path: Path) -> None:
    for name, text in {
        "a.yaml": "target: {}",
        "b.yaml": "schedule: '0 7 * * *'\ntimezone: Asia/Seoul",
        "c.yaml": "schedule: {asset: hr_import}",
        "d.yaml": "schedule: tomorrow",
        "e.yaml": "schedule: '0 7 * * *'\ntimezone: Mars/Base",
        "f.yaml": "target: [",
        "g.yaml": "schedule: {asset: [x]}",
        "h.yaml": "schedule: {asset: 인사_시스템}",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = {each.key: each.schedule for each in sync_files(tmp_path)}
    assert found == {
        "a": None,
        "b": CronTriggerTimetable("0 7 * * *", timezone="Asia/Seoul"),
        "c": [Asset("hr_import")],
        **dict.fromkeys("defgh"),
    }


def test_a_task_of_a_dag_with_its_own_schedule_reads_only_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"a": "target: {}", "b": "schedule: '0 7 * * *'", "c": "schedule: '0 8 * * *'"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)

    def keys(dag_id: str | None) -> list[str]:
        parse_for(monkeypatch, dag_id)
        return [file.key for file in sync_files(tmp_path, dag_prefix="sync_")]

    assert keys("sync_b") == ["b"]
    # a has no schedule of its own (any more), so its DAG does not exist.
    for dag_id in (None, "sync", "sync_a", "sync_x", "b"):
        assert keys(dag_id) == ["a", "b", "c"]


def test_the_guide_shows_the_file_that_is_there(repository: Path) -> None:
    shown = (repository / "docs" / "identity.md").read_text("utf-8").split("```yaml\n")[1].partition("```")[0]
    assert yaml.safe_load(shown) == yaml.safe_load((repository / "include" / "identity" / "members.yaml").read_text("utf-8"))


GROUPS = """
target: {type: scim, conn_id: app, members: filter}
groups:
  개발팀: [developers, S0DEV]
  Sales: {include: "'sales' in title"}
  Analysts: {groups: [analytics], adopt: true, others: remove}
  Admins: {include: 'true', grants_admin: true}
"""


def test_groups_have_rules(tmp_path: Path) -> None:
    dev, sales, analysts, admins = read(tmp_path, GROUPS).groups
    assert (dev.name, dev.members.groups, dev.adopt, dev.others) == ("개발팀", ("developers", "S0DEV"), False, "keep")
    assert sales.members.include == "'sales' in title"
    assert (analysts.adopt, analysts.others) == (True, "remove")
    assert admins.grants_admin


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("{A: {groups: dev}}", "line 3: groups.A: groups is 'dev'; it must be a list of names or ids"),
        ("{A: {include: true}}", "line 3: groups.A: include is True; it must be an expression as a text, such as 'true'"),
        ("{A: {}}", "line 3: groups.A: it has no rule"),
        ("{A: dev}", "line 3: groups.A is 'dev'; it must be a list of groups, or a mapping"),
        ("{A: {group: [dev]}}", "did you mean 'groups'"),
        ("{A: {groups: [dev], adopt: 1}}", "line 3: groups.A.adopt is 1; it must be true or false"),
        ("{A: {groups: [dev], others: drop}}", "line 3: groups.A: others is 'drop'; it must be keep or remove"),
        ("{A: {include: 'a ='}}", "line 3: groups.A: include: 'a =' is not a valid expression"),
        ("{관리자: [dev]}", "line 3: groups.관리자: '관리자' looks like a group of administrators"),
        ("{A: [dev], a: [ops]}", "line 3: groups has 'A' and 'a', which are the same group"),
        ("{1: [dev]}", "groups has the key 1; the name of a group must be a text"),
        ("{' ': [dev]}", "a group has no name"),
    ],
)
def test_an_error_in_a_group_names_its_line(tmp_path: Path, groups: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, f"target: {{type: scim, conn_id: app}}\n\ngroups: {groups}\n")


def test_only_a_system_with_groups_has_rules_for_them(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: groups needs a target of type scim; a target of type rest has no groups"):
        read(tmp_path, "target: {type: rest, conn_id: a, service: b.yaml}\ngroups: {A: [dev]}\n")
