from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from support.account_store import AccountStore
from support.counting_proxy import CountingProxy, counting_proxy
from support.people import BASIC
from support.scim_service import NUMBERS, SLOPPY, STRICT, TERSE, TOKEN, Manners, scim_service
from workplace_provider.http.client import Bearer
from workplace_provider.identity import AttributeMap, Capabilities, IdentityTarget, TargetError
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.csv_file import CsvTarget
from workplace_provider.identity.targets.description import load
from workplace_provider.identity.targets.rest import RestTarget
from workplace_provider.identity.targets.scim import PatchStyle, ScimTarget
from workplace_provider.identity.targets.text_files import YamlTarget
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault

PASSWORD = AttributeMap("password", "derived:pepper", secret=True)
STARTS_WITHIN = 60.0


@dataclass
class System:
    """A system under a sync, and how many writes reached it.

    :param refuse: lets the system refuse every write with a status from now on, or with 0 none; ``None`` for a system that
        does not refuse by itself
    """

    target: IdentityTarget
    count: Callable[[], int]
    mapping: tuple[AttributeMap, ...] = BASIC
    refuse: Callable[[int], None] | None = None

    def __post_init__(self) -> None:
        self.forget()

    @property
    def writes(self) -> int:
        return self.count() - self._before

    def forget(self) -> None:
        """Count from here on."""
        self._before = self.count()


Opened = Callable[[str], AbstractContextManager[System]]

SYSTEMS = [
    *("memory", "memory_versions", "memory_no_marks"),
    *("scim_strict", "scim_strict_put", "scim_terse", "scim_terse_put", "scim_sloppy", "scim_sloppy_put", "scim_numbers"),
    *("scim2_server", "scim2_server_bulk", "members", "csv", "yaml"),
]


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, opened: Opened) -> Iterator[System]:
    """Every kind of system, one after the other."""
    with opened(request.param) as system:
        yield system


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Opened:
    """Opens a system by its name, with nobody in it."""

    def open_(name: str) -> AbstractContextManager[System]:
        kind, _, variant = name.partition("_")
        return contextmanager(_BUILDERS[kind])(request, variant)

    return open_


def _memory(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    store = AccountStore(capabilities=Capabilities(versions=variant == "versions", external_id=variant != "no_marks"))

    def refuse(status: int) -> None:
        def before_write(_: str) -> None:
            if status:
                raise TargetError(f"refused with {status}", fatal=status == 401)

        store.before_write = before_write

    yield System(store, lambda: len(store.written), (*BASIC, PASSWORD), refuse)


def _scim(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    manners, style = _SCIM[variant]
    with scim_service(manners) as service:
        client = scim.connect(service.url, auth=Bearer(TOKEN))
        yield System(
            ScimTarget(client, attributes=["displayName"], patch_style=style),
            lambda: service.writes,
            (*BASIC, PASSWORD),
            lambda status: setattr(service, "refuses_writes", status),
        )
        client.close()


_SCIM: dict[str, tuple[Manners, PatchStyle]] = {
    "strict": (STRICT, "rfc"),
    "strict_put": (STRICT, "put"),
    "terse": (TERSE, "rfc"),
    "terse_put": (TERSE, "put"),
    "sloppy": (SLOPPY, "entra"),
    "sloppy_put": (SLOPPY, "put"),
    "numbers": (NUMBERS, "rfc"),
}


@pytest.fixture(scope="session")
def scim2_server() -> Iterator[CountingProxy]:
    """``scim2-server`` from PyPI as its own process; every first part of a path is a service of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("scim2-server"))
    command = [program, "--port", str(port), "--bearer-token", TOKEN, "--dynamic-tenants"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        with counting_proxy(f"http://127.0.0.1:{port}") as proxy:
            yield proxy
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/start/v2/ServiceProviderConfig", timeout=2)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("scim2-server did not start")


def _scim2(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    proxy: CountingProxy = request.getfixturevalue("scim2_server")
    tenant = uuid.uuid4().hex
    client = scim.connect(f"{proxy.url}/{tenant}/v2", auth=Bearer(TOKEN))

    def count() -> int:
        return sum(method != "GET" and path.startswith(f"/{tenant}/") for method, path in proxy.asked)

    bulk = "auto" if "bulk" in variant else "never"
    target = ScimTarget(client, attributes=["displayName"], bulk=bulk)  # type: ignore[arg-type]
    yield System(target, count, (*BASIC, PASSWORD), lambda status: proxy.refuses_writes.update({tenant: status}))
    client.close()


def _members(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    sandbox.reset(seed=False)
    repository: Path = request.getfixturevalue("repository")
    description = load(repository / "include" / "identity" / "services" / "member_service.yaml")
    target = RestTarget(description, sandbox.members_url, login="sync")

    def count() -> int:
        return sum(each.method != "GET" for each in sandbox.requests("/members/api"))

    def refuse(status: int) -> None:
        sandbox.clear_faults()
        for method in ("POST", "PATCH", "DELETE") if status else ():
            sandbox.add_fault(Fault("^/members/api", "status", method=method, times=None, status=status))

    yield System(target, count, (*BASIC, PASSWORD), refuse)
    target.close()


def _csv(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    path: Path = request.getfixturevalue("tmp_path") / uuid.uuid4().hex / "계정.csv"
    columns = {
        "id": "id",
        "external id": "externalId",
        "user": "userName",
        "state": "active",
        "mail": "emails.value",
        "name": "displayName",
    }
    target = _CountingCsv(path, columns)
    yield System(target, lambda: target.carried_out)


def _yaml(request: pytest.FixtureRequest, variant: str) -> Iterator[System]:
    path: Path = request.getfixturevalue("tmp_path") / uuid.uuid4().hex / "계정.yaml"
    columns = {
        "id": "id",
        "mark": "externalId",
        "login": "userName",
        "active": "active",
        "mail": "emails.value",
        "name": "displayName",
    }
    target = _CountingYaml(path, columns, records="people")
    yield System(target, lambda: target.carried_out)


class _Counting:
    """Rows that were written, told by the target's own method that carries out one of them."""

    carried_out = 0

    def bulk(self, writes):  # type: ignore[no-untyped-def]
        self.carried_out += len(writes)
        return super().bulk(writes)  # type: ignore[misc]


class _CountingCsv(_Counting, CsvTarget):
    pass


class _CountingYaml(_Counting, YamlTarget):
    pass


_BUILDERS = {"memory": _memory, "scim": _scim, "scim2": _scim2, "members": _members, "csv": _csv, "yaml": _yaml}
