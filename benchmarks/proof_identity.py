"""Sync accounts with SCIM servers that others wrote, through faults, and count the harm.

Each server runs in a process of its own on loopback; scim2-server comes from the development environment, the others are
installed by name into a temporary one. A sync of this project (planner, gates, ``ScimTarget``, apply) meets them through a
proxy that injects faults; where a server has groups, the sync manages their members. First come three rounds without
faults: people join, leave, change names, addresses and teams, get an address that became free, and come back. Then days with
faults, of which one kind is lists that are not true, and after them healthy runs until there is nothing to write.

What happened is counted on the server itself, behind the proxy. The program fails when a count is not zero.

    python benchmarks/proof_identity.py [--faults 1500] [--servers scim2-server,scimmy] [--seed 1]
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from workplace_provider.http.client import Bearer, HttpSettings
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.identity import (
    ApplyResult,
    AttributeMap,
    Directory,
    GroupRule,
    Identity,
    MemberRule,
    MemoryJournal,
    Scope,
    SyncPolicy,
    SyncState,
    TargetError,
    apply_plan,
    make_plan,
    read_accounts,
    read_groups,
)
from workplace_provider.identity.targets.scim import PatchStyle, ScimTarget
from workplace_provider.identity.targets.scim_client import connect

TOKEN = "proof-token"
SOURCE = "slack:T1"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
GLUE = Path(__file__).with_name("scim_servers")
PIP = ("django-scim2==0.23.0", "django==5.2.19")
# scimmy-routers changes the query in place; Express 5 makes it again at every access, and its pages are lost.
NPM = (
    *("scimmy@1.3.5", "scimmy-routers@1.3.2", "express@4.21.2"),
    *("@better-auth/scim@1.7.5", "better-auth@1.7.5", "@better-auth/core@1.7.5"),
)
MAPPING = (
    AttributeMap("userName", "email", required=True),
    AttributeMap("emails.value", "email", required=True),
    AttributeMap("name.givenName", "given"),
    AttributeMap("name.familyName", "family"),
)
TEAMS = ("개발팀", "営業部", "Analysts")
RULES = tuple(GroupRule(name=team, members=MemberRule(include=f"title == '{team}'")) for team in TEAMS)
# The people change teams at random, also most of a team on one day.
POLICY = SyncPolicy(rate=None, concurrency=4, max_member_drop_percent=None, max_emptied_groups=None)
PAGE_SIZE = 25
HEALTHY_RUNS = 6
HARM = (
    *("duplicates", "lost", "foreign touched", "wrongly disabled", "leavers active", "not in step", "crashes"),
    *("foreign groups touched", "wrongly removed from groups", "wrongly added to groups", "groups not in step"),
)
UNTRUE_LISTS = (
    *("short", "short, true total", "empty", "one page repeated", "everyone twice", "reordered", "growing", "shrinking"),
    *("of yesterday", "filter ignored", "filter finds no one"),
)
FAILURES = (
    *("500 before", "500 after", "503 before", "429 before", "cut before", "cut after", "half a body", "a page of HTML"),
    *("an empty body", "sent twice"),
)


# --- the servers


@dataclass(frozen=True)
class Server:
    """A server and how it is started.

    :param command: the command, from the folder of its environment, a port and a token
    :param base: what is in front of ``/Users``
    :param group_style: the form of changes to groups that it understands
    :param groups: whether it has groups
    """

    name: str
    version: str
    command: Callable[[Path, int], list[str]]
    base: str
    group_style: PatchStyle = "rfc"
    groups: bool = True


def _python(folder: Path) -> Path:
    return folder / "python" / "bin" / "python"


SERVERS = (
    Server(
        "scim2-server",
        version("scim2-server"),
        lambda _, port: [
            str(Path(sys.executable).with_name("scim2-server")),
            *("--port", str(port), "--bearer-token", TOKEN, "--dynamic-tenants"),
        ],
        "/proof/v2",
    ),
    Server("scimmy", "1.3.5, scimmy-routers 1.3.2", lambda _, port: ["node", "scimmy.mjs", str(port), TOKEN], "/proof/v2"),
    Server(
        "django-scim2",
        "0.23.0, Django 5.2.19",
        lambda folder, port: [str(_python(folder)), "django_site.py", str(port), TOKEN],
        "/v2",
        group_style="entra",
    ),
    Server(
        "@better-auth/scim",
        "1.7.5",
        lambda _, port: ["node", "better_auth.mjs", str(port), TOKEN],
        "/api/auth/scim/v2",
        groups=False,
    ),
)


def install(folder: Path, names: Sequence[str]) -> None:
    """Install the servers into a folder."""
    shutil.copytree(GLUE, folder, dirs_exist_ok=True)
    if "django-scim2" in names:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "python")], check=True)
        subprocess.run([_python(folder), "-m", "pip", "install", "--quiet", *PIP], check=True)
    if {"scimmy", "@better-auth/scim"} & set(names):
        # better-auth has peer dependencies that are not needed here. No install script of a package is run.
        options = ["--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
        subprocess.run(["npm", "install", *options, *NPM], check=True, cwd=folder)


@contextmanager
def running(server: Server, folder: Path) -> Iterator[str]:
    """Start a server.

    :return: its address, without what is in front of ``/Users``
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "users.sqlite3").unlink(missing_ok=True)
    log = folder / f"{server.name.replace('/', '_')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(server.command(folder, port), cwd=folder, stdout=output, stderr=output)
        try:
            for _ in range(600):
                with suppress(requests.ConnectionError):
                    requests.get(f"http://127.0.0.1:{port}{server.base}/ServiceProviderConfig", timeout=20)
                    break
                if process.poll() is not None:
                    sys.exit(f"{server.name} ended: {log.read_text()[-2000:]}")
                time.sleep(0.1)
            else:
                sys.exit(f"{server.name} did not start within a minute")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


class Truth:
    """The users of a server as they are, read and written behind the proxy."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"})

    def users(self) -> list[dict[str, Any]]:
        """Return all users, sorted by id."""
        users: dict[str, dict[str, Any]] = {}
        while True:
            response = self._session.get(
                f"{self._url}/Users", params={"startIndex": len(users) + 1, "count": 200}, timeout=30
            )
            response.raise_for_status()
            page = response.json().get("Resources") or []
            fresh = {user["id"]: user for user in page if user["id"] not in users}
            if not fresh:
                return [users[key] for key in sorted(users)]
            users |= fresh

    def groups(self) -> dict[str, dict[str, set[str]]]:
        """Return the members of all groups, by name and id."""
        response = self._session.get(f"{self._url}/Groups", params={"startIndex": 1, "count": 200}, timeout=30)
        response.raise_for_status()
        found: dict[str, dict[str, set[str]]] = {}
        for listed in response.json().get("Resources") or []:
            group = self._session.get(f"{self._url}/Groups/{listed['id']}", timeout=30).json()
            members = {str(member["value"]) for member in group.get("members") or []}
            found.setdefault(group["displayName"], {})[str(group["id"])] = members
        return found

    def create(self, place: str = "Users", **values: Any) -> dict[str, Any]:
        """Create a user or a group that does not belong to the sync."""
        body = {"schemas": [USER], "active": True, **values} if place == "Users" else {"schemas": [GROUP], **values}
        response = self._session.post(f"{self._url}/{place}", data=json.dumps(body), timeout=30)
        response.raise_for_status()
        created: dict[str, Any] = response.json()
        return created


# --- the proxy


@dataclass
class Day:
    """The faults of one day.

    :param untrue: how lists are untrue; empty for lists as they are
    :param share: how many requests fail, from 0 to 1
    """

    untrue: str = ""
    share: float = 0.0


@dataclass
class Proxy:
    """Passes requests on, with faults.

    :param injected: how many faults of each kind there were
    :param faulted: requests that had a fault, since the last day began
    """

    truth: Truth
    chance: random.Random
    url: str = ""
    day: Day = field(default_factory=Day)
    injected: Counter[str] = field(default_factory=Counter)
    faulted: list[str] = field(default_factory=list)
    yesterday: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    listing: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, day: Day) -> None:
        """Begin a day."""
        self.day, self.faulted, self.asked = day, [], 0

    def failure(self, request: str) -> str:
        """Return which failure a request has, if any."""
        with self.lock:
            if self.chance.random() >= self.day.share:
                return ""
            kind = self.chance.choice(FAILURES)
            self.injected[kind] += 1
            self.faulted.append(request)
            return kind

    def listed(self, query: dict[str, list[str]]) -> bytes | None:
        """Return an untrue list, or ``None`` for the true one."""
        with self.lock:
            filtered, kind = "filter" in query, self.day.untrue
            if not kind or filtered != kind.startswith("filter"):
                return None
            start, count = (int(query.get(name, [default])[0]) for name, default in (("startIndex", "1"), ("count", "100")))
            # A list of several pages is one fault.
            self.injected[kind] += start == 1
            self.faulted.append("GET /Users")
            self.asked += 1
            if start == 1 or not self.listing:
                self.listing = self.truth.users()
            users = list(self.listing)
            users, total, start = self._untrue(kind, users, start)
        page = users[start - 1 : start - 1 + count]
        if kind == "everyone twice":
            page = [user for user in page for _ in range(2)]
        content = {
            "schemas": [LIST],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": len(page),
            "Resources": page,
        }
        return json.dumps(content).encode()

    def _untrue(self, kind: str, users: list[dict[str, Any]], start: int) -> tuple[list[dict[str, Any]], int, int]:
        """Return the users of a list, its total, and the index at which its page begins."""
        total, half = len(users), len(users) // 2
        if kind.startswith("short"):
            return users[:half], half if kind == "short" else total, start
        if kind in ("empty", "filter finds no one"):
            return [], 0, start
        if kind == "one page repeated":
            return users, total, 1
        if kind == "reordered":
            self.chance.shuffle(users)
        if kind == "growing":
            ghost = {"schemas": [USER], "userName": "ghost", "active": True}
            ghosts = [{**ghost, "id": f"ghost-{n}", "userName": f"ghost{n}"} for n in range(min(self.asked, 30))]
            return users + ghosts, total + len(ghosts), start
        if kind == "shrinking":
            return users[self.asked - 1 :], total - self.asked + 1, start
        if kind == "of yesterday":
            return self.yesterday, len(self.yesterday), start
        return users, total, start


SCIM_JSON = "application/scim+json"


def damaged(kind: str, status: int, content: bytes) -> tuple[int, bytes, str]:
    """Return a response after a fault: status, body and media type."""
    if kind == "half a body":
        return status, content[: len(content) // 2], SCIM_JSON
    if kind == "a page of HTML":
        return 200, b"<html><body>Please sign in</body></html>", "text/html"
    if kind == "an empty body":
        return status, b"", SCIM_JSON
    return status, content, SCIM_JSON


@contextmanager
def faulting_proxy(upstream: str, proxy: Proxy) -> Iterator[Proxy]:
    """Run a proxy on loopback before a server on loopback."""
    behind = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            if self.command == "GET" and parts.path.endswith("/Users"):
                content = proxy.listed(parse_qs(parts.query))
                if content is not None:
                    self._respond(200, content)
                    return
            kind = proxy.failure(f"{self.command} {parts.path}")
            if kind.endswith("before"):
                self._fail(kind)
                return
            status, content = self._forward(body)
            if kind == "sent twice":
                status, content = self._forward(body)
            if kind.endswith("after"):
                self._fail(kind)
            else:
                self._respond(*damaged(kind, status, content))

        def _forward(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(behind, timeout=30)
            names = ("authorization", "content-type", "accept", "if-match")
            headers = {name: value for name, value in self.headers.items() if name.lower() in names}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
            connection.close()
            return response.status, content

        def _fail(self, kind: str) -> None:
            if kind.startswith("cut"):
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._respond(int(kind[:3]), b'{"detail": "a fault"}')

        def _respond(self, status: int, content: bytes, media_type: str = SCIM_JSON) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    service = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.daemon_threads = True
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy.url = f"http://127.0.0.1:{service.server_address[1]}"
    try:
        yield proxy
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


# --- the company


class Company:
    """The people of a company, and what happens to them."""

    def __init__(self, chance: random.Random) -> None:
        self.people: dict[str, Identity] = {}
        self.chance = chance
        self._numbers = iter(range(10_000))
        self._free: list[str] = []

    def directory(self) -> Directory:
        """Return the directory of today."""
        return Directory.of(self.people.values(), source=SOURCE, taken_at=datetime.now(UTC), complete=True)

    def some(self, *, active: bool = True) -> Identity | None:
        """Return an active person, or a leaver."""
        people = [person for person in self.people.values() if person.active is active]
        return self.chance.choice(people) if people else None

    def join(self, email: str = "") -> None:
        """Add a person."""
        number = next(self._numbers)
        key = f"U{number:04}"
        self.people[key] = Identity(
            key=key,
            external_id=f"{SOURCE}:{key}",
            email=email or f"person{number}@example.com",
            given=f"철수{number}",
            family="김",
            title=self.chance.choice(TEAMS),
        )

    def leave(self) -> None:
        """Deactivate a person."""
        if person := self.some():
            self.people[person.key] = replace(person, active=False)

    def rename(self) -> None:
        """Rename a person."""
        if person := self.some():
            self.people[person.key] = replace(person, family=f"박{next(self._numbers)}")

    def move(self) -> None:
        """Change a person's address; the old one becomes free."""
        if person := self.some():
            self.people[person.key] = replace(person, email=f"moved{next(self._numbers)}@example.com")
            if not any(other.email == person.email for other in self.people.values()):
                self._free.append(person.email)

    def change_team(self) -> None:
        """Move a person to a team."""
        if person := self.some():
            self.people[person.key] = replace(person, title=self.chance.choice(TEAMS))

    def reuse(self) -> None:
        """Add a person with an address that another person had earlier."""
        if not self._free:
            self.move()
        if self._free:
            self.join(self._free.pop())

    def reuse_of_leaver(self) -> None:
        """Add a person with the address of a leaver, whose account still has it."""
        left = self.some(active=False)
        if left and not any(other.active and other.email == left.email for other in self.people.values()):
            self.join(left.email)

    def come_back(self) -> None:
        """Activate a leaver again, unless another person has the address now."""
        left = self.some(active=False)
        if left and not any(other.active and other.email == left.email for other in self.people.values()):
            self.people[left.key] = replace(left, active=True)

    def day(self) -> None:
        """Apply some random events."""
        events = [self.join, self.leave, self.leave, self.rename, self.move, self.reuse, self.come_back, self.change_team]
        for event in self.chance.sample(events, self.chance.randint(2, 5)):
            event()
        if self.chance.random() < 0.1:
            self.reuse_of_leaver()


# --- the proof


@dataclass
class Proof:
    """The sync of one server, and its counts.

    :param harm: counts that must be zero
    :param counts: other counts
    """

    truth: Truth
    proxy: Proxy
    company: Company
    server: Server
    state: SyncState = field(default_factory=SyncState)
    harm: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _last: str = ""
    foreign: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)

    def furnish(self) -> None:
        """Create accounts of other syncs and accounts without a mark, which the sync must not change."""
        for number in range(8):
            name = f"other{number}@example.com"
            values: dict[str, Any] = {"userName": name, "emails": [{"value": name, "primary": True, "type": "work"}]}
            values["name"] = {"givenName": "Other", "familyName": str(number)}
            if number % 2:
                values["externalId"] = f"okta:{number}"
            created = self.truth.create(**values)
            self.foreign[created["id"]] = created
        self.foreign = {user["id"]: _stable(user) for user in self.truth.users()}
        if self.server.groups:
            self.truth.create("Groups", displayName="Others")
            self.others = self.truth.groups()["Others"]

    def run(self) -> ApplyResult | None:
        """Sync once like the operator, and count the harm."""
        before = self.truth.users()
        groups_before = self.truth.groups() if self.server.groups else {}
        rules = RULES if self.server.groups else ()
        directory, result = self.company.directory(), None
        settings = HttpSettings(attempts=2, max_wait=0.02, read_timeout=30)
        client = connect(f"{self.proxy.url}{self.server.base}", auth=Bearer(TOKEN), settings=settings)
        target = ScimTarget(
            client,
            attributes=["name.givenName", "name.familyName"],
            page_size=PAGE_SIZE,
            group_patch_style=self.server.group_style,
        )
        self.counts["runs"] += 1
        try:
            snapshot = read_accounts(target, directory, MAPPING, Scope(), POLICY, self.state)
            plan = make_plan(
                directory,
                snapshot.accounts,
                MAPPING,
                Scope(),
                POLICY,
                previous=self.state,
                capabilities=target.capabilities,
                gone=snapshot.gone,
                unreadable=snapshot.unreadable,
                groups=rules,
                group_snapshot=read_groups(target, rules, directory.source, self.state),
            )
            result = apply_plan(
                plan,
                target,
                journal=MemoryJournal(),
                policy=POLICY,
                mapping=MAPPING,
                current=self.state,
                sleep=lambda _: None,
            )
            self.state = result.state or self.state
            self.counts["writes"] += result.writes
            self.counts["runs with a gate closed"] += bool(result.blocked)
        except (WorkplaceError, TargetError):
            self.counts["runs that ended with an error"] += 1
        except Exception as error:
            self._harm("crashes", f"{type(error).__name__}: {error}")
        finally:
            client.close()
        self._last = self._summary(result)
        self._look(before)
        if self.server.groups:
            self._look_at_groups(groups_before)
        self.proxy.yesterday = before
        return result

    def converge(self) -> None:
        """Sync without faults until there is nothing to write, and count accounts that differ from their people."""
        self.proxy.begin(Day())
        for _ in range(HEALTHY_RUNS):
            result = self.run()
            if result and not result.blocked and not result.outcomes:
                break
        else:
            gates = [verdict.sentence for verdict in result.blocked] if result else []
            failed = (
                [f"{o.operation.kind} {o.operation.key} {o.status} {o.detail}" for o in result.outcomes] if result else []
            )
            self._harm("not in step", f"still writing after {HEALTHY_RUNS} runs: {gates} {failed}")
        users = self.truth.users()
        waiting = self._waiting(users)
        for person in self.company.people.values():
            accounts = [user for user in users if user.get("externalId") == person.external_id]
            if (
                person.active
                and person.external_id not in waiting
                and [_facts(user) for user in accounts] != [_wanted(person)]
            ):
                self._harm("not in step", f"{person} has {accounts}")
        if self.server.groups:
            groups, teams = self.truth.groups(), self._teams(users)
            for team in TEAMS:
                members = set().union(*groups.get(team, {}).values())
                wanted = {account_id for account_id, title in teams.items() if title == team}
                if members != wanted:
                    self._harm("groups not in step", f"{team} has {members}, not {wanted}")

    def _teams(self, users: list[dict[str, Any]]) -> dict[str, str]:
        """Return the teams of active people, by the ids of their accounts."""
        teams = {person.external_id: person.title for person in self.company.people.values() if person.active}
        marks = {str(user["id"]): str(user.get("externalId")) for user in users}
        return {account_id: teams[mark] for account_id, mark in marks.items() if mark in teams}

    def _look_at_groups(self, before: dict[str, dict[str, set[str]]]) -> None:
        """Count the harm of the last run to groups."""
        groups, teams = self.truth.groups(), self._teams(self.truth.users())
        if groups.get("Others") != self.others:
            self._harm("foreign groups touched", f"{self.others} became {groups.get('Others')}")
        for team in TEAMS:
            earlier, members = (set().union(*found.get(team, {}).values()) for found in (before, groups))
            if removed := [account_id for account_id in earlier - members if teams.get(account_id) == team]:
                self._harm("wrongly removed from groups", f"{removed} from {team}", len(removed))
            if added := [account_id for account_id in members - earlier if teams.get(account_id) != team]:
                self._harm("wrongly added to groups", f"{added} to {team}", len(added))

    def _waiting(self, users: list[dict[str, Any]]) -> set[str]:
        """Return the people with a conflict, because the account of a leaver has their address."""
        left = {person.external_id for person in self.company.people.values() if not person.active}
        held = {user["userName"] for user in users if user.get("externalId") in left}
        marks = {user.get("externalId") for user in users}
        people = self.company.people.values()
        return {
            person.external_id
            for person in people
            if person.active and person.email in held and person.external_id not in marks
        }

    def _look(self, before: list[dict[str, Any]]) -> None:
        """Count the harm of the last run."""
        users = self.truth.users()
        people = {person.external_id: person for person in self.company.people.values()}
        ours = [user for user in users if user["id"] not in self.foreign]
        self._count_duplicates(users, ours, people)
        self._count_changes(before, {user["id"]: user for user in users}, people)
        self._leavers(ours, people)

    def _count_duplicates(
        self, users: list[dict[str, Any]], ours: list[dict[str, Any]], people: dict[str, Identity]
    ) -> None:
        """Count accounts with the same mark, name or address, and accounts without a person."""
        for name, values in (
            ("externalId", [user.get("externalId") for user in ours]),
            ("userName", [user["userName"].lower() for user in users]),
            ("address", [_address(user) for user in users]),
        ):
            for value, number in Counter(values).items():
                if number > 1:
                    self._harm("duplicates", f"{name} {value}: {number}", number - 1)
        for user in ours:
            if user.get("externalId") not in people:
                self._harm("duplicates", f"an account without a person: {user}")

    def _count_changes(
        self, before: list[dict[str, Any]], after: dict[str, dict[str, Any]], people: dict[str, Identity]
    ) -> None:
        """Count accounts that the last run lost, changed or disabled by mistake."""
        for account_id, known in self.foreign.items():
            if account_id not in after:
                self._harm("lost", f"foreign {known}")
            elif _stable(after[account_id]) != known:
                self._harm("foreign touched", f"{known} became {after[account_id]}")
        for user in before:
            if user["id"] in self.foreign:
                continue
            now, person = after.get(user["id"]), people.get(str(user.get("externalId")))
            if now is None:
                self._harm("lost", f"{user}")
            elif now.get("externalId") != user.get("externalId"):
                self._harm("foreign touched", f"{user} became {now}")
            elif person and person.active and user["active"] and not now["active"]:
                self._harm("wrongly disabled", f"{user}")

    def _leavers(self, ours: list[dict[str, Any]], people: dict[str, Identity]) -> None:
        """Count leavers whose account is still active after a run that should have disabled it.

        The only excuse is a failure of the request for this account, of a request with several changes, or of the first
        request, which reads the features of the service.
        """
        for user in ours:
            person = people.get(str(user.get("externalId")))
            if person is None or person.active or not user["active"]:
                continue
            excuses = (f"/{user['id']}", "/Bulk", "/ServiceProviderConfig")
            if any(request.endswith(excuses) for request in self.proxy.faulted):
                self.counts["leavers whose own request failed"] += 1
            else:
                self._harm("leavers active", f"{user['id']} of {person.key}; {self._last}")

    @staticmethod
    def _summary(result: ApplyResult | None) -> str:
        if result is None:
            return "the run ended with an error"
        gates = [verdict.sentence for verdict in result.blocked]
        outcomes = [
            f"{outcome.operation.kind} {outcome.operation.key} {outcome.status} {outcome.detail}"
            for outcome in result.outcomes
        ]
        return f"stopped: {result.stopped}; gates: {gates}; outcomes: {outcomes}"

    def _harm(self, kind: str, note: str, number: int = 1) -> None:
        self.harm[kind] += number
        self.notes.append(f"{kind}: {note} ({self.proxy.day})")
        print(self.server.base, self.notes[-1][:900], flush=True)


def _address(user: dict[str, Any]) -> str:
    return str((user.get("emails") or [{}])[0].get("value") or user["id"]).lower()


def _stable(user: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if name != "meta"}


def _facts(user: dict[str, Any]) -> tuple[object, ...]:
    name = user.get("name") or {}
    return user["active"], user["userName"], _address(user), name.get("givenName"), name.get("familyName")


def _wanted(person: Identity) -> tuple[object, ...]:
    return True, person.email, person.email, person.given, person.family


def rounds(proof: Proof) -> None:
    """Run three rounds without faults, with every kind of event."""
    company = proof.company
    for _ in range(24):
        company.join()
    proof.converge()
    for _ in range(3):
        for event in (company.join, company.join, company.leave, company.leave, company.rename, company.move):
            event()
        for event in (company.reuse, company.reuse_of_leaver, company.come_back, company.change_team):
            event()
        proof.converge()


def days_with_faults(proof: Proof, faults: int) -> None:
    """Run days with faults until the number of faults is reached."""
    proxy, chance = proof.proxy, proof.company.chance
    kinds = list(UNTRUE_LISTS)
    while proxy.injected.total() < faults:
        for _ in range(chance.randint(2, 5)):
            proof.company.day()
            untrue = kinds[proof.counts["days"] % len(kinds)] if chance.random() < 0.7 else ""
            # On half of the days with an untrue list no request fails, so there is no excuse.
            share = chance.choice([0.0, 0.2]) if untrue else chance.choice([0.2, 0.5, 0.8])
            proof.counts["days"] += 1
            proxy.begin(Day(untrue, share))
            proof.run()
        proof.converge()


def prove(server: Server, folder: Path, faults: int, seed: int) -> Proof:
    """Run the proof of one server."""
    with running(server, folder) as url:
        truth, chance = Truth(f"{url}{server.base}"), random.Random(f"{seed} {server.name}")
        with faulting_proxy(url, Proxy(truth, random.Random(f"{seed} faults {server.name}"))) as proxy:
            proof = Proof(truth, proxy, Company(chance), server)
            proof.furnish()
            rounds(proof)
            calm = sum(proof.harm.values())
            days_with_faults(proof, faults)
    print(
        f"{server.name}: harm in the rounds without faults {calm}, afterwards {sum(proof.harm.values()) - calm}", flush=True
    )
    return proof


def table(proofs: dict[str, Proof]) -> None:
    """Print the counts as a table in Markdown."""
    names = list(proofs)
    untrue = Counter({name: sum(proofs[name].proxy.injected[kind] for kind in UNTRUE_LISTS) for name in names})
    rows: list[tuple[str, Callable[[str], int]]] = [
        ("faults", lambda name: proofs[name].proxy.injected.total()),
        ("of which untrue lists", lambda name: untrue[name]),
        *(
            (what, lambda name, what=what: proofs[name].counts[what])  # type: ignore[misc]
            for what in ("runs", "writes", "runs with a gate closed", "runs that ended with an error")
        ),
        ("leavers whose own request failed", lambda name: proofs[name].counts["leavers whose own request failed"]),
        *((f"**{kind}**", lambda name, kind=kind: proofs[name].harm[kind]) for kind in HARM),  # type: ignore[misc]
    ]
    print(f"\n| | {' | '.join(names)} | together |\n|{'---|' * (len(names) + 2)}")
    for title, count in rows:
        numbers = [count(name) for name in names]
        print(f"| {title} | {' | '.join(f'{number:,}' for number in [*numbers, sum(numbers)])} |")
    kinds = sum((proof.proxy.injected for proof in proofs.values()), Counter[str]())
    print("\n" + "; ".join(f"{kind}: {kinds[kind]}" for kind in (*UNTRUE_LISTS, *FAILURES)))


def main() -> None:
    """Install the servers, run the proofs, print the counts, and fail if any harm was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1500, help="faults, on all servers together (default 1500)")
    parser.add_argument("--servers", default="", help="names of servers, with commas; by default all")
    parser.add_argument("--seed", type=int, default=1, help="another number gives other days (default 1)")
    parser.add_argument("--folder", default="", help="where the servers are installed; by default a temporary folder")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    chosen = [server for server in SERVERS if not options.servers or server.name in options.servers.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary).resolve()
        if not (folder / "django_site.py").exists():
            install(folder, [server.name for server in chosen])
        share = -(-options.faults // len(chosen))
        with ThreadPoolExecutor(len(chosen)) as pool:
            proved = pool.map(lambda server: prove(server, folder, share, options.seed), chosen)
            proofs = {server.name: proof for server, proof in zip(chosen, proved, strict=True)}
    for server in chosen:
        print(f"{server.name} {server.version}")
    table(proofs)
    harm = [f"{name}: {note}" for name, proof in proofs.items() for note in proof.notes]
    if harm:
        sys.exit("\n".join(["", f"{len(harm)} findings, such as:", *harm[:20]]))


if __name__ == "__main__":
    main()
