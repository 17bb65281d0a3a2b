from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from support.counting_proxy import FAULTS, CountingProxy, counting_proxy
from support.people import POLICY, Sync, person
from support.scim_service import SLOPPY, STRICT, TERSE, TOKEN, Manners, scim_service
from workplace_provider.http.client import Bearer, HttpSettings
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.identity import GroupRule, Identity, MemberRule, TargetError
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.scim import ScimTarget

TEAMS = ("개발팀", "営業部", "Analysts")
RULES = tuple(GroupRule(name=team, members=MemberRule(include=f"title == '{team}'")) for team in TEAMS)
GROUP = scim.GROUP


@dataclass
class Company:
    """People who join, change teams, leave and come back, and what must be true after every day."""

    sync: Sync
    truth: scim.ScimClient
    proxy: CountingProxy
    chance: random.Random
    people: dict[str, Identity] = field(default_factory=dict)
    injected: Counter[str] = field(default_factory=Counter)
    share: float = 0.0
    harm: list[str] = field(default_factory=list)

    def furnish(self) -> None:
        """Make people and a group of others, and put a person of others into a group of ours."""
        for _ in range(9):
            self.join()
        self.settle()
        self.root = self.truth.create(user("root"))["id"]
        others = {"schemas": [GROUP], "displayName": "Others", "members": [{"value": self.root}]}
        self.truth.groups.create(others)
        (ours,) = self.groups(TEAMS[0])
        self.sync.target.groups.change_members(ours["id"], add=[self.root])  # type: ignore[attr-defined]
        assert self.root in self.members(TEAMS[0])
        self.proxy.fault = self.fault

    def fault(self, method: str, path: str) -> str:
        if self.chance.random() >= self.share:
            return ""
        kind = self.chance.choice(FAULTS)
        self.injected[kind] += 1
        return kind

    def join(self) -> None:
        number = len(self.people)
        self.people[f"U{number:03}"] = person(f"U{number:03}", title=TEAMS[number % len(TEAMS)])

    def day(self) -> None:
        """Let some things happen, and sync with faults."""
        active = [each for each in self.people.values() if each.active]
        left = [each for each in self.people.values() if not each.active]
        self.join()
        for each in self.chance.sample(active, 2):
            self.people[each.key] = replace(each, title=self.chance.choice(TEAMS))
        for each in self.chance.sample(active, 1 if len(active) > 8 else 0):
            self.people[each.key] = replace(self.people[each.key], active=False)
        for each in self.chance.sample(left, 1 if len(left) > 2 else 0):
            self.people[each.key] = replace(each, active=True)
        before = {team: set(self.members(team)) for team in TEAMS}
        self.share = self.chance.choice([0.1, 0.3, 0.5])
        try:
            self.sync.run(*self.people.values())
        except (WorkplaceError, TargetError):
            pass
        finally:
            self.share = 0.0
        self.look(before)

    def look(self, before: dict[str, set[str]]) -> None:
        """Note what must not happen on any day."""
        names = {each["id"]: each["userName"] for each in self.truth.users()}
        wanted = {each.user_name: each.title for each in self.people.values() if each.active}
        for team, members in before.items():
            now = set(self.members(team))
            self.harm += [
                f"{names[gone]} was removed from {team}"
                for gone in members - now
                if wanted.get(names[gone]) == team or gone == self.root
            ]
            self.harm += [f"{names[new]} was added to {team}" for new in now - members if wanted.get(names[new]) != team]
        (other,) = self.groups("Others")
        if [each["value"] for each in other["members"]] != [self.root]:
            self.harm.append(f"a group of others is now {other}")

    def settle(self) -> None:
        """Sync without faults until there is nothing to write; then the memberships are those of the rules."""
        people = tuple(self.people.values())
        for _ in range(6):
            result = self.sync.run(*people)
            if not result.outcomes and not result.blocked:
                break
        assert self.sync.plan(*people).empty, [(each.kind, each.title, each.detail) for each in result.outcomes]
        names = {each["id"]: each["userName"] for each in self.truth.users()}
        for team in TEAMS:
            wanted = [each.user_name for each in people if each.active and each.title == team]
            there = [names[member] for member in self.members(team)]
            assert sorted(set(there) - {"root"}) == wanted

    def groups(self, name: str) -> list[dict[str, Any]]:
        """Return the groups with a name; of two that a repeated request has made, the one with members."""
        found = [self.truth.groups.get(each["id"]) or {} for each in self.truth.groups.all() if each["displayName"] == name]
        return [each for each in found if each.get("members")] or found[:1]

    def members(self, name: str) -> list[str]:
        return [str(each["value"]) for group in self.groups(name) for each in group.get("members") or ()]


def user(name: str) -> dict[str, Any]:
    return {"schemas": [scim.USER], "userName": name, "active": True, "emails": [{"value": f"{name}@x.y", "primary": True}]}


@contextmanager
def _scripted(request: pytest.FixtureRequest, manners: Manners, **options: Any) -> Iterator[tuple[CountingProxy, str, str]]:
    with scim_service(manners) as service, counting_proxy(service.url) as proxy:
        service.page_limit = 200
        for name, value in options.items():
            setattr(service.groups, name, value)
        yield proxy, proxy.url, service.url


@contextmanager
def _scim2(request: pytest.FixtureRequest, _: Manners) -> Iterator[tuple[CountingProxy, str, str]]:
    server: CountingProxy = request.getfixturevalue("scim2_server")
    tenant = uuid.uuid4().hex
    with counting_proxy(server.url) as proxy:
        yield proxy, f"{proxy.url}/{tenant}/v2", f"{server.url}/{tenant}/v2"


SERVICES: dict[str, tuple[Callable[..., Any], Manners, dict[str, Any], dict[str, Any]]] = {
    "scim2_server": (_scim2, STRICT, {}, {}),
    "scim2_server_put": (_scim2, STRICT, {}, {"patch_style": "put"}),
    "strict": (_scripted, STRICT, {}, {}),
    "versions": (_scripted, TERSE, {"versions": True}, {}),
    "put_versions": (_scripted, TERSE, {"versions": True, "patches": False}, {"patch_style": "put"}),
    "entra_no_marks": (_scripted, SLOPPY, {"form": "entra", "keeps_marks": False}, {"patch_style": "entra"}),
    "late": (_scripted, STRICT, {"late": 1}, {}),
}
SMALL = ("scim2_server", "strict", "put_versions", "entra_no_marks")
CASES = [
    *(pytest.param(*SERVICES[name], 12, id=f"{name}-12") for name in SMALL),
    *(pytest.param(*options, 300, id=f"{name}-300", marks=pytest.mark.large) for name, options in SERVICES.items()),
]


@pytest.mark.parametrize(("open_service", "manners", "service_options", "options", "faults"), CASES)
def test_three_rounds_with_faults_end_with_the_memberships_of_the_rules(
    request: pytest.FixtureRequest,
    open_service: Callable[..., Any],
    manners: Manners,
    service_options: dict[str, Any],
    options: dict[str, Any],
    faults: int,
) -> None:
    with open_service(request, manners, **service_options) as (proxy, url, true_url):
        settings = HttpSettings(attempts=2, max_wait=0.01)
        client = scim.connect(url, auth=Bearer(TOKEN), settings=settings)
        policy = replace(POLICY, max_member_drop_percent=None, max_emptied_groups=None, max_managed_drop_percent=None)
        truth = scim.connect(true_url, auth=Bearer(TOKEN))
        company = Company(
            Sync(ScimTarget(client, attributes=["displayName"], **options), policy=policy, groups=RULES),
            truth,
            proxy,
            random.Random(f"{faults} {open_service.__name__} {options}"),
        )
        company.furnish()
        for number in range(1, 4):
            while company.injected.total() < faults * number / 3:
                company.day()
            company.settle()
        assert company.harm == []
        client.close()
        truth.close()
