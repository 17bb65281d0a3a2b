"""Accounts: listing a workspace beside slack_sdk, creating accounts beside scim2-client and a loop, and how planning grows.

The workspace is that of slack_stub.py, in a process of its own. "ours" takes a snapshot: it checks the token's scopes and
the presence of addresses, keeps every member, removes duplicates, sorts, and computes a digest. "ours, iterated" and
slack_sdk keep four fields of each member.

The system of accounts is scim2-server, a third-party server, in a process of its own and in memory; every run has a
service of its own there. "ours" does a whole sync: it reads, plans, checks the gates, keeps a journal on disk, and
creates. The peers only create.

    python benchmarks/identity.py [--repeat 3] [--members 50000] [--accounts 500] [--people 200000]
"""

from __future__ import annotations

import gc
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from side_by_side import OURS, Comparison, arguments_of, measure_here
from slack_stub import COUNTS, running_workspace

PEERS = (OURS, "scim2-client", "plain loop", "ours, no Bulk")
LISTING_PEERS = (OURS, "ours, iterated", "slack_sdk", "slack_sdk, with retries", "slack_sdk, 200 a page")
LARGEST_PAGE = 999
"""The page size that Slack allows and ours requests; slack_sdk uses the same by default."""
TOKEN = "benchmark-token"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
SIZES = (1_000, 10_000, 50_000, 100_000, 200_000)
DAY = datetime(2026, 11, 23, tzinfo=UTC)


def snapshot(given: dict[str, Any]) -> Callable[[], object]:
    """Return the whole directory as a sync reads it."""
    from workplace_provider.slack.client import SlackReader, directory_snapshot

    reader = SlackReader(TOKEN, base_url=given["url"])

    def work() -> object:
        taken = directory_snapshot(reader)
        assert len(taken.users) == given["members"]
        return taken

    return work


def iterated(given: dict[str, Any]) -> Callable[[], object]:
    """Return four fields of every member, without a snapshot."""
    from workplace_provider.slack.client import SlackReader, iter_users

    reader = SlackReader(TOKEN, base_url=given["url"])

    def work() -> object:
        people = [(user.id, user.email, user.shown_name, user.deleted) for user in iter_users(reader)]
        assert len(people) == given["members"]
        return people

    return work


def sdk(given: dict[str, Any], *, size: int = LARGEST_PAGE, retries: bool = False) -> Callable[[], object]:
    """Return the same four fields with slack_sdk, as its documentation shows it.

    :param retries: with the handlers for limits and server errors, as people add them
    """
    from slack_sdk import WebClient
    from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler

    client = WebClient(TOKEN, base_url=given["url"])
    if retries:
        client.retry_handlers += [RateLimitErrorRetryHandler(max_retry_count=3), ServerErrorRetryHandler()]

    def work() -> object:
        people = []
        for page in client.users_list(limit=size):
            for each in page["members"]:
                profile = each["profile"]
                name = profile.get("display_name") or profile.get("real_name")
                people.append((each["id"], profile.get("email"), name, each["deleted"]))
        assert len(people) == given["members"]
        return people

    return work


def sync(given: dict[str, Any], bulk: Literal["auto", "never"]) -> Callable[[], object]:
    """Return a whole sync of this project."""
    from workplace_provider.http.client import Bearer
    from workplace_provider.identity import SCIM_MAPPING, FileJournal, Scope, SyncPolicy, apply_plan, make_plan
    from workplace_provider.identity.targets.scim import ScimTarget
    from workplace_provider.identity.targets.scim_client import connect

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
    """Return the same accounts with scim2-client, as its documentation shows it."""
    import httpx

    # Its engine is for httpx2, an extra of its own; httpx has everything but one check, which is left out.
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
    """Return the same with requests alone."""
    import requests

    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"})

    def work() -> object:
        for each in resources(given["accounts"]):
            session.post(f"{given['url']}/Users", data=json.dumps(each), timeout=30).raise_for_status()
        return None

    return work


def directory(number: int) -> Any:
    """Return the people of a directory."""
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
    """Return the accounts of these people, as SCIM has them."""
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
    """Run scim2-server in a process of its own; the first part of a path selects a service of its own."""
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
    """Return the seconds to plan for so many people and accounts, some new, changed, gone or foreign; and the writes."""
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


def listing(members: int, folder: Path, repeat: int) -> None:
    """Print the cost of listing a workspace; a ratio above 1 is in our favour."""
    runs: dict[str, list[tuple[float, float]]] = {peer: [] for peer in LISTING_PEERS}
    counted: dict[str, list[int]] = {}
    comparison = Comparison(__file__, LISTING_PEERS, folder, repeat)
    with running_workspace(members) as url:
        for _ in range(repeat):
            for peer in LISTING_PEERS:
                outcome = comparison.measured("list", peer, {"url": url, "members": members})
                if isinstance(outcome, str):
                    sys.exit(f"{peer} failed: {outcome}")
                runs[peer].append(outcome)
                with urllib.request.urlopen(url + COUNTS, timeout=30) as answer:
                    counted[peer] = json.load(answer)
    title = f"list {members:,} members"
    print(f"{title:<26}{'time':>9}{'against ours':>14}{'calls':>8}{'connections':>13}{'memory':>11}")
    ours = statistics.median(seconds for seconds, _ in runs[OURS])
    for peer in LISTING_PEERS:
        seconds, memory = (statistics.median(each) for each in zip(*runs[peer], strict=True))
        calls, connections = counted[peer]
        print(
            f"{peer:<26}{seconds:>7.2f} s{seconds / ours:>13.1f}x{calls:>8,}{connections:>13,}{memory / 1e6:>8.0f} MB",
            flush=True,
        )


def main() -> None:
    """Start the servers, compare, stop them."""
    parser = arguments_of(__doc__, (*PEERS, *LISTING_PEERS[1:]), repeat=3)
    parser.add_argument("--members", type=int, default=50_000, help="members to list (default 50,000)")
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
        listers: dict[str, Callable[[dict[str, Any]], Callable[[], object]]] = {
            OURS: snapshot,
            "ours, iterated": iterated,
            "slack_sdk": sdk,
            "slack_sdk, with retries": lambda given: sdk(given, retries=True),
            "slack_sdk, 200 a page": lambda given: sdk(given, size=200),
        }
        measure_here((listers if options.job == "list" else makers)[options.peer](given))
        return
    with tempfile.TemporaryDirectory() as name:
        listing(options.members, Path(name), options.repeat)
        print()
    with tempfile.TemporaryDirectory() as name, running_server() as server:
        comparison = Comparison(__file__, PEERS, Path(name), options.repeat)
        comparison.heading()
        comparison.compare(
            "create",
            lambda _: {"url": f"{server}/{uuid.uuid4().hex}/v2", "accounts": options.accounts, "folder": name},
            f"create {options.accounts} accounts",
        )
    planning(options.people, options.repeat)


if __name__ == "__main__":
    main()
