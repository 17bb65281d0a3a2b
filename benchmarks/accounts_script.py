"""Three days of a company with a script for accounts, as people publish them, and with a sync of this project.

The script creates an account for each member that Slack lists, with one password for everyone, and ignores 409. Both run
once a day on the member service of a sandbox, which starts empty for each of them.

    python benchmarks/accounts_script.py
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from workplace_provider.identity import (
    Account,
    Directory,
    Identity,
    MemoryJournal,
    SyncPolicy,
    SyncState,
    apply_plan,
    make_plan,
    read_accounts,
)
from workplace_provider.identity.definition import load as load_definition
from workplace_provider.identity.targets.description import load
from workplace_provider.identity.targets.rest import RestTarget
from workplace_sandbox import Sandbox

DEFINITIONS = Path(__file__).parents[1] / "include" / "identity"
DAYS = 3
Run = Callable[[list[Identity]], None]


def person(key: str, name: str, **more: Any) -> Identity:
    """Return a member of the workspace."""
    values = {"email": f"{name}@example.com", "display_name": f"김{name}", **more}
    return Identity(key=key, external_id=f"slack:T1:{key}", **values)


def company() -> Iterator[tuple[str, list[Identity]]]:
    """Yield the events of each day, and the members that Slack lists then."""
    people = {f"U{n}": person(f"U{n}", f"person{n}") for n in range(1, 11)}
    yield "ten people", list(people.values())
    people["U1"], people["U2"] = (replace(people[key], active=False) for key in ("U1", "U2"))
    people["U3"] = replace(people["U3"], display_name="박person3", email="married@example.com")
    people["U11"] = person("U11", "person11")
    yield "one joins, two leave, one changes name and address", list(people.values())
    people["U1"] = replace(people["U1"], active=True)
    people["U4"] = replace(people["U4"], active=False)
    people["U12"] = person("U12", "person2", display_name="이person2")
    yield "one is back, one leaves, one joins with the address of a leaver", list(people.values())


@contextmanager
def script(sandbox: Sandbox, passwords: list[str]) -> Iterator[Run]:
    """Run a script like the published ones."""
    session = requests.Session()
    session.headers.update({"X-Attic-User": "script", "X-Attic-Role": "manageMember"})
    initial = "Welcome2026!"

    def run(members: list[Identity]) -> None:
        for member in members:
            if not member.active:
                continue
            body = {
                "userId": member.email.split("@")[0],
                "name": member.display_name,
                "email": member.email,
                "password": initial,
                "roleGroupId": "AGENT",
                "centerIds": ["spectra"],
            }
            response = session.post(f"{sandbox.members_url}/members", json=body, timeout=30)
            if response.status_code == 201:
                passwords.append(initial)
            elif response.status_code != 409:
                response.raise_for_status()

    yield run
    session.close()


@contextmanager
def sync(sandbox: Sandbox, passwords: list[str]) -> Iterator[Run]:
    """Run a sync like the operator, with the definition of the repository."""

    class Target(RestTarget):
        def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
            account = super().create(values, secrets)
            passwords.append(secrets["password"])
            return account

    target = Target(load(DEFINITIONS / "services" / "member_service.yaml"), sandbox.members_url, login="sync")
    definition = load_definition(DEFINITIONS / "members.yaml")
    mapping, scope = definition.mapping, definition.scope
    policy: SyncPolicy = replace(definition.policy, rate=None)
    state = SyncState()

    def run(members: list[Identity]) -> None:
        nonlocal state
        directory = Directory.of(members, source="slack:T1", taken_at=datetime.now(UTC), complete=True)
        snapshot = read_accounts(target, directory, mapping, scope, policy, state)
        plan = make_plan(
            directory,
            snapshot.accounts,
            mapping,
            scope,
            policy,
            previous=state,
            capabilities=target.capabilities,
            gone=snapshot.gone,
            unreadable=snapshot.unreadable,
        )
        result = apply_plan(plan, target, journal=MemoryJournal(), policy=policy, mapping=mapping, current=state)
        assert result.complete, result
        state = result.state or state

    yield run
    target.close()


def facts(sandbox: Sandbox, members: list[Identity], passwords: list[str]) -> list[int]:
    """Return the counts of the service at the end of a day."""
    accounts = {account.user_id: account for account in sandbox.store.member_accounts()}
    names: dict[str, list[Identity]] = {}
    for member in members:
        names.setdefault(member.email.split("@")[0], []).append(member)
    active = [account for account in accounts.values() if account.enabled]
    known = {(member.display_name, member.email) for member in members if member.active}
    # The name identifies the owner: the newcomer with the address of a leaver did not get an account.
    left = {member.display_name for member in members if not member.active}
    leavers = [account for account in active if account.name in left]
    stale = [account for account in active if account not in leavers and (account.name, account.email) not in known]
    return [len(accounts), len(active), len(set(passwords)), len(leavers), len(stale)]


def main() -> None:
    """Print both as one table."""
    logging.disable(logging.WARNING)
    rows: dict[str, list[list[int]]] = {}
    for name, kind in (("script", script), ("sync", sync)):
        passwords: list[str] = []
        rows[name] = []
        with Sandbox(seed=False) as sandbox:
            sandbox.reset(seed=False)
            with kind(sandbox, passwords) as run:
                for _, members in company():
                    run(members)
                    rows[name].append(facts(sandbox, members, passwords))
    columns = (
        "accounts",
        "active",
        "different passwords",
        "active accounts of leavers",
        "active with an old name or address",
    )
    print(f"| day | with | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    for day, (what, _) in enumerate(company()):
        for name, days in rows.items():
            print(f"| {f'{day + 1}: {what}' if name == 'script' else ''} | {name} | {' | '.join(map(str, days[day]))} |")


if __name__ == "__main__":
    main()
