"""Accounts: creating them beside scim2-client and a plain loop on the same server, and how planning grows, in one run.

The server is scim2-server, which others wrote, in a process of its own and in memory; every run has one of its own there.
"ours" does what a sync does: it reads, plans, asks the gates, keeps a journal on disk, and creates. The peers only create.

    python benchmarks/identity.py [--repeat 3] [--accounts 500] [--people 200000]
"""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from side_by_side import OURS, Comparison, arguments_of, measure_here

PEERS = (OURS, "scim2-client", "plain loop", "ours, no Bulk")
TOKEN = "benchmark-token"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
SIZES = (1_000, 10_000, 50_000, 100_000, 200_000)
DAY = datetime(2026, 11, 23, tzinfo=UTC)


def sync(given: dict[str, Any], bulk: Literal["auto", "never"]) -> Callable[[], object]:
    """A whole sync of this project."""
    from workplace_provider.clients.http import Bearer
    from workplace_provider.clients.scim import connect
    from workplace_provider.identity import SCIM_MAPPING, FileJournal, Scope, SyncPolicy, apply_plan, make_plan
    from workplace_provider.targets.scim import ScimTarget

    target = ScimTarget(connect(given["url"], auth=Bearer(TOKEN)), bulk=bulk)
    people, policy = directory(given["accounts"]), SyncPolicy(rate=None)

    def work() -> object:
        plan = make_plan(people, target.read(), SCIM_MAPPING, Scope(), policy, capabilities=target.capabilities)
        journal = FileJournal(Path(given["folder"]) / f"{uuid.uuid4().hex}.jsonl")
        result = apply_plan(plan, target, journal=journal, policy=policy, mapping=SCIM_MAPPING, now=lambda: DAY)
        assert result.complete, result.outcomes[:1]
        return result

    return work


def scim2(given: dict[str, Any]) -> Callable[[], object]:
    """The same accounts with scim2-client, as its documentation shows it."""
    import httpx

    # Its engine is for httpx2, which is an extra of its own; httpx does all of it but one check, which is left out.
    sys.modules.setdefault("httpx2", httpx)
    from scim2_client.engines.httpx2 import SyncSCIMClient

    class Client(SyncSCIMClient):
        def _stays_under_base_url(self, endpoint: str) -> bool:
            return True

    client = Client(httpx.Client(base_url=given["url"], headers={"Authorization": f"Bearer {TOKEN}"}))
    client.discover()
    user = client.get_resource_model("User")
    assert user is not None

    def work() -> object:
        for each in resources(given["accounts"]):
            client.create(user.model_validate(each))
        return None

    return work


def loop(given: dict[str, Any]) -> Callable[[], object]:
    """The same with requests and nothing else."""
    import requests

    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"})

    def work() -> object:
        for each in resources(given["accounts"]):
            session.post(f"{given['url']}/Users", data=json.dumps(each), timeout=30).raise_for_status()
        return None

    return work


def directory(number: int) -> Any:
    """People of a directory."""
    from workplace_provider.identity import Directory, Identity

    people = (
        Identity(
            key=f"U{n:07}",
            external_id=f"slack:T1:U{n:07}",
            email=f"person{n}@example.com",
            display_name=f"김 {n}",
            given="김",
            family=f"f{n}",
            active=n % 100 != 1,
        )
        for n in range(number)
    )
    return Directory.of(people, source="slack:T1", taken_at=DAY, complete=True)


def resources(number: int) -> Iterator[dict[str, Any]]:
    """The accounts of these people, as SCIM has them."""
    for each in directory(number).identities:
        if each.active:
            yield {
                "schemas": [USER],
                "userName": each.email,
                "externalId": each.external_id,
                "displayName": each.display_name,
                "name": {"givenName": each.given, "familyName": each.family},
                "emails": [{"value": each.email, "type": "work", "primary": True}],
                "active": True,
            }


@contextmanager
def running_server() -> Iterator[str]:
    """scim2-server in a process of its own; the first part of a path is a service of its own."""
    import requests

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("scim2-server"))
    command = [program, "--port", str(port), "--bearer-token", TOKEN, "--dynamic-tenants"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with suppress(requests.ConnectionError):
                requests.get(f"http://127.0.0.1:{port}/start/v2/ServiceProviderConfig", timeout=2)
                break
            time.sleep(0.1)
        else:
            sys.exit("scim2-server did not start within a minute")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def plan_once(number: int) -> tuple[float, int]:
    """Seconds to plan for so many people and accounts, of which a part is new, changed, gone or foreign; and the writes."""
    from workplace_provider.identity import SCIM_MAPPING, Account, Scope, SyncPolicy, make_plan

    people = directory(number)
    accounts = [
        Account(
            id=f"a{n}",
            external_id=f"slack:T1:U{n:07}" if n % 20 else "",
            user_name=f"person{n}@example.com",
            emails=(f"person{n}@example.com",),
            attributes={"displayName": f"김 {n}", "name.givenName": "김", "name.familyName": f"f{n}" if n % 10 else "old"},
        )
        for n in range(number // 50, number + number // 50)
    ]
    gc.collect()
    started = time.perf_counter()
    plan = make_plan(people, accounts, SCIM_MAPPING, Scope(), SyncPolicy())
    assert plan.digest
    return time.perf_counter() - started, len(plan.writes)


def planning(most: int, repeat: int) -> None:
    """Print how planning grows."""
    print(f"\n{'people and accounts':<24}{'writes planned':>16}{'plan':>12}{'per person':>14}{'against the first':>20}")
    first = 0.0
    for number in (size for size in SIZES if size <= most):
        seconds, writes = min(plan_once(number) for _ in range(repeat))
        each = seconds / number
        first = first or each
        print(f"{number:<24,}{writes:>16,}{seconds:>10.3f} s{each * 1e6:>11.1f} µs{each / first:>19.2f}x", flush=True)


def main() -> None:
    """Start a server, compare, end it."""
    parser = arguments_of(__doc__, PEERS, repeat=3)
    parser.add_argument("--accounts", type=int, default=500, help="accounts to create (default 500)")
    parser.add_argument("--people", type=int, default=200_000, help="the most people to plan for (default 200,000)")
    options = parser.parse_args()
    if options.job:
        given = json.loads(Path(options.given).read_text())
        makers: dict[str, Callable[[dict[str, Any]], Callable[[], object]]] = {
            OURS: lambda given: sync(given, "auto"),
            "ours, no Bulk": lambda given: sync(given, "never"),
            "scim2-client": scim2,
            "plain loop": loop,
        }
        measure_here(makers[options.peer](given))
        return
    with tempfile.TemporaryDirectory() as name, running_server() as server:
        comparison = Comparison(__file__, PEERS, Path(name), options.repeat)
        comparison.heading()
        comparison.compare(
            "create",
            lambda _: {"url": f"{server}/{uuid.uuid4().hex}/v2", "accounts": options.accounts, "folder": name},
            f"create {options.accounts} accounts",
        )
    # Listing the directory is compared in a job of its own, as soon as the hook for it is here.
    planning(options.people, options.repeat)


if __name__ == "__main__":
    main()
