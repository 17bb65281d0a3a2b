from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.account_store import AccountStore
from support.people import BASIC, POLICY, Sync, person
from support.scim_service import STRICT, TOKEN, scim_service
from workplace_provider.http.client import Bearer
from workplace_provider.identity import AttributeMap, MappingError, MemberRule, MemberValues
from workplace_provider.identity.definition import load
from workplace_provider.identity.operators import sync_files
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.scim import ScimTarget

RIGHTS = MemberValues({"상담원": MemberRule(groups=("support",)), "editor": MemberRule(include="'lead' in title")})
ROLES = AttributeMap("roles", RIGHTS, allow=("상담원", "editor"))
ANN = person("U1", groups=("support",), title="lead")
BEN = person("U2")


def test_roles_are_given_and_taken_and_those_of_others_stay() -> None:
    store = AccountStore()
    sync = Sync(store, mapping=(*BASIC, ROLES))
    sync.run(ANN, BEN, groups=["support"])
    assert sync.account("u1").value("roles") == ["editor", "상담원"]
    assert sync.account("u2").value("roles") is None
    assert sync.plan(ANN, BEN).empty
    account = sync.account("u1")
    store.accounts[account.id] = replace(
        account, attributes={**account.attributes, "roles": ["auditor", "상담원", "editor"]}
    )
    assert sync.plan(ANN, BEN).empty
    moved = replace(ANN, groups=())
    plan = sync.plan(moved, BEN, groups=["support"])
    assert [change.after for each in plan.writes for change in each.changes] == [["auditor", "editor"]]
    assert sync.apply(plan).complete
    nothing = replace(moved, title="")
    assert sync.run(nothing, BEN, groups=["support"]).complete
    assert sync.account("u1").value("roles") == ["auditor"]
    assert sync.plan(nothing, BEN, groups=["support"]).empty


@pytest.mark.parametrize("style", ["rfc", "entra", "put"])
def test_values_of_others_keep_their_other_parts(style: Any) -> None:
    with scim_service(STRICT) as service, pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.scim_service.KNOWN_ATTRIBUTES", {*service_attributes(), "roles"})
        target = ScimTarget(scim.connect(service.url, auth=Bearer(TOKEN)), attributes=["roles"], patch_style=style)
        if style == "entra":
            service.manners = replace(service.manners, exact=False)
        kept = {"value": "auditor", "type": "work", "display": "감사"}
        service.add(id="1", userName="u1", externalId="slack:T1:U1", active=True, roles=[kept, {"value": "editor"}])
        sync = Sync(target, mapping=(BASIC[0], ROLES), policy=replace(POLICY, max_unremembered=None))
        assert sync.run(person("U1", groups=("support",))).complete
        assert service.users["1"]["roles"] == [kept, {"value": "상담원"}]
        assert sync.run(person("U1"), groups=["support"]).complete
        assert service.users["1"]["roles"] == [kept]
        assert sync.plan(person("U1"), groups=["support"]).empty


def service_attributes() -> set[str]:
    from support.scim_service import KNOWN_ATTRIBUTES

    return set(KNOWN_ATTRIBUTES)


def test_a_right_must_be_in_the_allow_list() -> None:
    with pytest.raises(MappingError, match="roles grants rights, and '상담원' is not in its allow-list"):
        AttributeMap("roles", RIGHTS, allow=("editor",))
    with pytest.raises(MappingError, match="entitlements grants rights"):
        AttributeMap("entitlements", RIGHTS)
    with pytest.raises(ValueError, match=r"has no group 'support'. Correct mapping.roles.values.상담원.groups"):
        Sync(AccountStore(), mapping=(*BASIC, ROLES)).plan(BEN)
    with pytest.raises(ValueError, match="groups is 'support'; it must be a list"):
        MemberRule(groups="support")  # type: ignore[arg-type]


FILE = """
target: {type: scim, conn_id: app}
scope: {channels: ["#all"]}
groups:
  개발팀: {channels: [help, C0DEV]}
mapping:
  userName: email
  roles:
    values:
      agent: [support]
      editor: {channels: ["#Docs", help]}
    allow: [agent, editor]
"""


def test_rights_and_channels_come_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "portal.yaml"
    file.write_text(FILE, "utf-8")
    definition = load(file)
    assert definition.channels == ("#all", "#help", "C0DEV", "#docs")
    (found,) = sync_files(tmp_path)
    assert found.channels == ("#all", "help", "C0DEV", "#Docs")
    roles = definition.mapping.by_target["roles"]
    assert roles.owned_values == {"agent", "editor"}
    member = person("U1", groups=("support", "#docs"))
    assert definition.mapping.value(member, "roles") == ["agent", "editor"]
    (rule,) = definition.groups
    assert [rule.members.matches(person("U", groups=(name,))) for name in ("#help", "C0DEV", "help")] == [True, True, False]


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ("{values: {agent: [support]}}", "roles grants rights, and 'agent' is not in its allow-list"),
        ("{values: [agent], allow: [agent]}", "mapping.roles.values is ['agent']; it must map each value to a rule"),
        (
            "{values: {agent: support}, allow: [agent]}",
            "mapping.roles.values.agent is 'support'; it must be a list of groups",
        ),
        ("{values: {agent: {group: [a]}}, allow: [agent]}", "did you mean 'groups'"),
        ("{values: {agent: {}}, allow: [agent]}", "mapping.roles.values.agent: it has no rule"),
        ("{values: {agent: [a]}, source: title}", "mapping.roles has source and values; it must have one of them"),
    ],
)
def test_an_error_in_a_right_names_its_place(tmp_path: Path, roles: str, message: str) -> None:
    file = tmp_path / "portal.yaml"
    file.write_text(f"target: {{type: scim, conn_id: app}}\nmapping:\n  userName: email\n  roles: {roles}\n", "utf-8")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        load(file)
    assert message in str(caught.value)
    assert "line 4" in str(caught.value)


def test_a_rule_with_a_channel_that_was_not_read_fails() -> None:
    mapping = AttributeMap("title", MemberValues({"helper": MemberRule(channels=("help",))}))
    with pytest.raises(ValueError, match=r"has no channel #help. Correct mapping.title.values.helper.channels"):
        Sync(AccountStore(), mapping=(*BASIC, mapping)).plan(BEN)
