"""Services that the nodes of a cluster share over TCP: PostgreSQL, Redis, and an object store with the protocol of S3."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests

from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.object_store import REGION, SWITCH
from workplace_sandbox.local.processes import OWNER, Program
from workplace_sandbox.local.program import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKAGES = {"initdb": "postgresql", "redis-server": "redis-server"}
"""The Debian package of each program."""

DATABASES = ("airflow", "warehouse")
BUCKETS = ("airflow", "analytics", "logs")
STOP_GRACE = 10.0
INSTALL_PATIENCE = 600.0
INITDB_PATIENCE = 120.0
_USER = "airflow"


def missing_packages() -> list[str]:
    """Return the Debian packages that a cluster needs and this machine does not have."""
    return [package for program, package in PACKAGES.items() if not _find(program)]


def install_packages(say: Callable[[str], None]) -> None:
    """Install the missing Debian packages.

    :raises LocalError: packages are missing and cannot be installed; the message has the command for an administrator.
    """
    if not (packages := missing_packages()):
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LocalError(f"a cluster needs {' and '.join(packages)}. On Debian or Ubuntu: sudo {' '.join(command)}")
    say(f"Installing {' and '.join(packages)}")
    # The packages would start services of their own on the usual ports; RUNLEVEL=1 keeps invoke-rc.d from it.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["apt-get", "update", "--quiet"], command):
        ended = subprocess.run(  # noqa: S603  the commands are built here
            step, env=environment, capture_output=True, text=True, check=False, timeout=INSTALL_PATIENCE
        )
    if ended.returncode or missing_packages():
        raise LocalError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")


class Services:
    """PostgreSQL, Redis and the object store on free ports of loopback, each with a password of its own.

    :param work: directory for logs and settings.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._password = secrets.token_urlsafe(16)
        self._postgres_port, self._redis_port, self._s3_port = (free_port() for _ in range(3))
        # Not below the work directory: as root, the server runs as a user who may not be able to enter its parents.
        self._data = Path(tempfile.mkdtemp(prefix="workplace-postgres-"))
        postgres = [_find("postgres"), "-D", str(self._data / "db"), "-p", str(self._postgres_port)]
        for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "fsync=off"):
            postgres += ["-c", setting]
        self.postgres = self._program("postgresql", _as_postgres(postgres), stop_signal=signal.SIGINT)  # fast shutdown
        self._redis_settings = work / "redis.conf"
        self.redis = self._program("redis", [_find("redis-server"), str(self._redis_settings)])
        module = ["-m", "workplace_sandbox.local.object_store", str(self._s3_port), *BUCKETS]
        self.object_store = self._program("object-store", [sys.executable, *module])
        self.all = (self.postgres, self.redis, self.object_store)

    @property
    def broker_url(self) -> str:
        """Celery's broker."""
        return f"redis://:{self._password}@127.0.0.1:{self._redis_port}/0"

    @property
    def object_store_url(self) -> str:
        """The endpoint of the object store."""
        return f"http://127.0.0.1:{self._s3_port}"

    def database_url(self, name: str = "airflow") -> str:
        """Return the address of a database without a scheme: ``//user:password@host:port/name``."""
        return f"//{_USER}:{quote(self._password)}@127.0.0.1:{self._postgres_port}/{name}"

    @property
    def aws_connection(self) -> str:
        """Airflow's connection to the object store, as JSON."""
        extra = {"endpoint_url": self.object_store_url, "region_name": REGION}
        return json.dumps({"conn_type": "aws", "login": "sandbox", "password": "sandbox", "extra": extra})

    def start(self) -> None:
        """Create the databases, and start all programs; ``missing`` names those that are not ready."""
        self._init_database()
        lines = (f"port {self._redis_port}", "bind 127.0.0.1", 'save ""', f"requirepass {self._password}")
        self._redis_settings.touch(mode=0o600)
        self._redis_settings.write_text("\n".join([*lines, f"dir {self._work}", ""]), encoding="utf-8")
        for program in self.all:
            program.start()

    def missing(self) -> list[str]:
        """Return the programs that do not answer yet.

        :raises ProcessEnded: one of them has ended.
        """
        import psycopg2
        import redis

        for program in self.all:
            program.check()
        missing = []
        try:
            psycopg2.connect(f"postgresql:{self.database_url('postgres')}").close()
        except psycopg2.OperationalError:
            missing.append(self.postgres.name)
        try:
            redis.Redis.from_url(self.broker_url).ping()
        except redis.RedisError:
            missing.append(self.redis.name)
        try:
            requests.get(self.object_store_url, timeout=5)
        except requests.RequestException:
            missing.append(self.object_store.name)
        return missing

    def create_databases(self, warehouse: Path) -> None:
        """Create Airflow's database, and one with the tables of the sandbox's SQLite database."""
        import psycopg2

        with closing(psycopg2.connect(f"postgresql:{self.database_url('postgres')}")) as server:
            server.autocommit = True
            for name in DATABASES:
                server.cursor().execute(f"create database {name}")
        url = f"postgresql:{self.database_url('warehouse')}"
        with closing(sqlite3.connect(warehouse)) as source, closing(psycopg2.connect(url)) as target, target:
            cursor = target.cursor()
            tables = source.execute("select name, sql from sqlite_master where type = 'table'").fetchall()
            for name, definition in tables:
                cursor.execute(definition.replace("REAL", "double precision"))
                for row in source.execute(f"select * from {name}"):  # noqa: S608  a name that the database has
                    cursor.execute(f"insert into {name} values ({','.join(['%s'] * len(row))})", row)  # noqa: S608

    def switch_object_store_off(self, seconds: float) -> None:
        """Let the object store answer every request with 503 for some time."""
        requests.post(f"{self.object_store_url}{SWITCH}?{seconds}", timeout=5).raise_for_status()

    def stop(self) -> None:
        """End all programs, and remove the databases."""
        for program in self.all:
            program.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def _init_database(self) -> None:
        password_file = self._data / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="utf-8")
        if os.geteuid() == 0:
            shutil.chown(self._data, "postgres", "postgres")
            shutil.chown(password_file, "postgres", "postgres")
        command = [_find("initdb"), "-D", str(self._data / "db"), "-U", _USER, "--pwfile", str(password_file)]
        command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        ended = subprocess.run(  # noqa: S603  the command is built here
            _as_postgres(command), cwd=self._data, capture_output=True, text=True, check=False, timeout=INITDB_PATIENCE
        )
        if ended.returncode:
            raise LocalError(f"initdb ended with {ended.returncode}:\n{ended.stderr[-2000:]}")

    def _program(self, name: str, command: Sequence[str], stop_signal: signal.Signals = signal.SIGTERM) -> Program:
        environment = {**os.environ, OWNER: str(self._work)}
        log = self._work / "logs" / f"{name}.log"
        return Program(name, command, environment=environment, log=log, grace=STOP_GRACE, stop_signal=stop_signal)


def _find(program: str) -> str:
    """Return the path of a program; empty if there is none. Debian has those of PostgreSQL in a folder of their version."""
    found = shutil.which(program)
    if found:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    return str(versions[-1]) if versions else ""


def _as_postgres(command: Sequence[str]) -> list[str]:
    """Return the command, run by the user of the Debian package if we are root: PostgreSQL refuses to run as root."""
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return [*as_user, *command]
