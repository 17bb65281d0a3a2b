"""An Airflow of many processes that share no disk: Celery, PostgreSQL, Redis and an object store.

Each node has its own AIRFLOW_HOME, HOME, TMPDIR and working directory. Where Linux allows it, a node runs in a mount
namespace: everything but its own directory is read-only, and its directory has the same path as that of every other node,
so a local path in XCom leads to a file of the wrong node, as on separate machines.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.processes import OWNER, Program, signals_held_back
from workplace_sandbox.local.program import Interrupted, free_port, interruptible, report_error, work_directory
from workplace_sandbox.local.rest import AirflowApi
from workplace_sandbox.local.sandbox import LocalSandbox
from workplace_sandbox.local.services import Services, install_packages
from workplace_sandbox.local.settings import ConnectionEntry, Settings, read_settings
from workplace_sandbox.local.standalone import COMPONENTS, USER, airflow_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from workplace_sandbox.local.console import Progress

COMMANDS = {
    "api": ["api-server", "--workers", "1"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "worker": ["celery", "worker", "--skip-serve-logs"],
}
NODES = ("api", "scheduler1", "scheduler2", "dag-processor", "triggerer1", "triggerer2", "worker1", "worker2")
PROJECT_FOLDERS = ("dags", "plugins", "include")
STORE = "s3://aws_default@"
START_PATIENCE = 400.0  # seconds: eight processes that import Airflow at the same time on two cores
MIGRATE_PATIENCE = 300.0
STOP_GRACE = 5.0
POLL = 0.5
SANDBOX_PORT, AIRFLOW_PORT = 8765, 8080

# $1 is the node's directory, $2 where it sees it, $3 its name, $4 the size of its TMPDIR or nothing.
ISOLATE = """\
mount -o remount,ro,bind /
mount -t tmpfs tmpfs /dev/shm
mount --bind "$1" "$2"
mount -o remount,rw,bind "$2"
if [ -n "$4" ]; then mount -t tmpfs -o "size=$4" tmpfs "$2/tmp"; fi
hostname "$3"
"""
ENTER = """\
cd "$2/cwd"
shift 4
exec "$@"
"""


class Cluster:
    """The nodes of an Airflow, and the services that they share.

    :param project: directory with ``dags/``, ``plugins/`` and ``include/``; each node gets a copy.
    :param work: directory for the nodes and the logs.
    :param port: free port for the API server and the UI.
    :param settings: more environment variables of all nodes.
    :param people: who may log in beside the administrator, and in which role.
    """

    def __init__(
        self,
        project: Path,
        work: Path,
        port: int,
        *,
        settings: Mapping[str, str] | None = None,
        people: Mapping[str, str] | None = None,
    ) -> None:
        roles = {USER: "admin"} | dict(people or {})
        self.passwords = {name: secrets.token_urlsafe(9) for name in roles}
        self.password = self.passwords[USER]
        self.url = f"http://127.0.0.1:{port}"
        self.logs = work / "logs"
        self.api = AirflowApi(self.url)
        self.is_isolated = _can_isolate(work)
        self._project = project
        self._work = work
        self.services = Services(work)
        self._shared = self._shared_settings(port, roles) | dict(settings or {})
        self.nodes = {name: self.node(name) for name in NODES}

    def node(self, name: str, tmp_size: str = "") -> Program:
        """Return the program of a node.

        :param name: kind and number, such as ``worker1``.
        :param tmp_size: size of a file system for its TMPDIR, such as ``4m``; only for isolated nodes.
        """
        kind = name.rstrip("0123456789")
        celery_name = ["--celery-hostname", f"{name}@%h"] if kind == "worker" else []
        return self._program(name, name, [*COMMANDS[kind], *celery_name], tmp_size)

    def start_services(self, warehouse: Path, wait: Callable[[Callable[[], list[str]]], None]) -> None:
        """Start PostgreSQL, Redis and the object store, and create the databases.

        :param warehouse: the sandbox's SQLite database, copied into PostgreSQL.
        :param wait: waits until nothing is missing.
        :raises LocalError: a database cannot be created.
        """
        self.services.start()
        wait(self.services.missing)
        self.services.create_databases(warehouse)
        for name in NODES:
            self._prepare(name)
        status, output = self.command(["db", "migrate"], MIGRATE_PATIENCE)
        if status:
            raise LocalError(f"airflow db migrate ended with {status}:\n{output}")

    def start(self) -> None:
        """Start the nodes; ``missing`` names those that are not ready."""
        for program in self.nodes.values():
            program.start()

    def missing(self) -> list[str]:
        """Return the components and nodes that are not ready.

        :raises ProcessEnded: a program has ended.
        """
        self.check()
        health = self.api.health()
        missing = [name for name in COMPONENTS if health.get(name) != "healthy"]
        workers = [name for name in self.nodes if name.startswith("worker")]
        return missing + [name for name in workers if " ready." not in self.nodes[name].tail(1000)]

    def check(self) -> None:
        """Check that all programs run.

        :raises ProcessEnded: one has ended.
        """
        for program in (*self.services.all, *self.nodes.values()):
            program.check()

    def restart(self, name: str, tmp_size: str = "") -> None:
        """End a node, and start it again with an empty directory, as on another machine."""
        self.nodes[name].stop()
        self._prepare(name)
        self.nodes[name] = self.node(name, tmp_size)
        self.nodes[name].start()

    def log_in(self) -> None:
        """Log ``api`` in as the administrator."""
        self.api.log_in(USER, self.password)

    def connect(self, settings: Settings) -> None:
        """Replace the SQLite warehouse in the settings by that of this cluster."""
        url = self.services.database_url("warehouse")
        for entry in settings.connections or []:
            if entry.conn_type == "sqlite":
                _point_at_postgres(entry, url)

    def command(self, arguments: Sequence[str], timeout: float) -> tuple[int, str]:
        """Run an `airflow` command on the API server's node.

        :param arguments: the arguments after `airflow`.
        :param timeout: seconds.
        :return: its status and the end of its output.
        """
        program = self._program("api", f"airflow-{arguments[0]}", arguments, "")
        return program.run(timeout), program.tail()

    def stop(self) -> None:
        """End every process; the logs stay."""
        with ExitStack() as stack:
            stack.callback(self.services.stop)
            for program in self.nodes.values():
                program.terminate()
            for program in self.nodes.values():
                stack.callback(program.stop)

    def _program(self, node: str, name: str, arguments: Sequence[str], tmp_size: str) -> Program:
        directory = self._work / "nodes" / node
        root = self._work / "node" if self.is_isolated else directory
        airflow = [sys.executable, str(Path(sys.executable).with_name("airflow")), *arguments]
        return Program(
            name,
            _inside(self.is_isolated, directory, root, node, tmp_size, airflow),
            environment=airflow_environment(os.environ, project=root, work=root, port=0)
            | {"HOME": str(root / "home"), "TMPDIR": str(root / "tmp")}
            | self._shared,
            log=self.logs / f"{name}.log",
            grace=STOP_GRACE,
        )

    def _prepare(self, name: str) -> None:
        """Write the files of a node: its copy of the project, and the passwords of the API server."""
        directory = self._work / "nodes" / name
        shutil.rmtree(directory, ignore_errors=True)
        (self._work / "node").mkdir(exist_ok=True)
        for folder in ("airflow", "home", "tmp", "cwd"):
            (directory / folder).mkdir(parents=True)
        for folder in PROJECT_FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__", "workplace_provider")
            shutil.copytree(self._project / folder, directory / folder, ignore=ignored)
        passwords = directory / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps(self.passwords if name == "api" else {}), encoding="utf-8")

    def _shared_settings(self, port: int, roles: Mapping[str, str]) -> dict[str, str]:
        """Return the settings that all nodes have in common, such as keys and addresses."""
        own = airflow_environment({}, project=self._project, work=self._work, port=port)
        database = self.services.database_url()
        keys = ("FERNET_KEY", "EXECUTION_API_SERVER_URL", "HOST", "PORT", "BASE_URL", "SECRET_KEY", "JWT_SECRET")
        return {name: value for name, value in own.items() if name.rpartition("__")[2] in keys} | {
            OWNER: str(self._work),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in roles.items()),
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2:{database}",
            "AIRFLOW__CELERY__BROKER_URL": self.services.broker_url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql:{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW_CONN_AWS_DEFAULT": self.services.aws_connection,
            "AIRFLOW__WORKPLACE__ARTIFACTS_PATH": f"{STORE}analytics/artifacts",
            "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"{STORE}airflow/xcom",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
            "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
            "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://logs/tasks",
            "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_default",
            "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        }


def _inside(isolated: bool, directory: Path, root: Path, name: str, tmp_size: str, command: Sequence[str]) -> list[str]:
    """Return the command line that runs a command in a node."""
    script = ["sh", "-ec", (ISOLATE if isolated else "") + ENTER, "sh", str(directory), str(root), name, tmp_size]
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    namespace = ["unshare", *as_root, "--mount", "--uts", "--propagation", "private"] if isolated else []
    return [*namespace, *script, *command]


def _can_isolate(work: Path) -> bool:
    """Return whether this machine lets us run a node in namespaces of its own."""
    if not shutil.which("unshare"):
        return False
    directory, root = work / "nodes" / "probe", work / "node"
    (directory / "cwd").mkdir(parents=True, exist_ok=True)
    (directory / "tmp").mkdir(exist_ok=True)
    root.mkdir(exist_ok=True)
    command = _inside(True, directory, root, "probe", "1m", ["true"])
    ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  the command is built here
    shutil.rmtree(directory)
    return ended.returncode == 0


def _point_at_postgres(entry: ConnectionEntry, url: str) -> None:
    """Change a connection to a database of PostgreSQL."""
    parts = urlsplit(f"postgresql:{url}")
    entry.conn_type, entry.conn_host, entry.conn_port = "postgres", parts.hostname, parts.port
    entry.conn_login, entry.conn_password = parts.username, unquote(parts.password or "")
    entry.conn_schema = parts.path.lstrip("/")


def run_cluster(project: Path, work: Path, settings_file: Path, progress: Progress) -> int:
    """Start the sandbox and a cluster, print the addresses, and stay up until the user ends the program.

    :return: the program's exit status: 0 when the user ended a running cluster.
    """
    is_up = False
    try:
        with interruptible(), work_directory(work, progress):
            install_packages(progress.say)
            sandbox = LocalSandbox(work, free_port(SANDBOX_PORT), None)
            cluster = Cluster(project, work, free_port(AIRFLOW_PORT), people={"slack-approvals": "user"})
            with _running(sandbox, cluster, progress):
                _set_up(sandbox, cluster, settings_file, progress)
                is_up = True
                progress.say(addresses(sandbox, cluster))
                while True:
                    sandbox.program.check()
                    cluster.check()
                    time.sleep(POLL)
    except Interrupted as interrupted:
        return 0 if is_up else interrupted.status
    except Exception as error:
        report_error(error, progress)
        return 1


@contextmanager
def _running(sandbox: LocalSandbox, cluster: Cluster, progress: Progress) -> Iterator[None]:
    """Start the sandbox, and end everything on every exit; a second Ctrl-C does not interrupt this."""
    try:
        sandbox.program.start()
        yield
    finally:
        with signals_held_back(), progress.step("Stopping everything"), ExitStack() as stack:
            stack.callback(sandbox.program.stop)
            stack.callback(cluster.stop)


def _set_up(sandbox: LocalSandbox, cluster: Cluster, settings_file: Path, progress: Progress) -> None:
    with progress.step("Starting the sandbox"):
        _wait(lambda: [] if sandbox.ready() else ["the sandbox"])
    with progress.step("Starting PostgreSQL, Redis and the object store"):
        cluster.start_services(Path(sandbox.addresses["warehouse"]), _wait)
    with progress.step(f"Starting {', '.join(NODES)}"):
        cluster.start()
        _wait(cluster.missing)
    cluster.log_in()
    settings = read_settings(settings_file, sandbox.url)
    settings.connect_to_airflow(cluster.url, cluster.passwords["slack-approvals"])
    cluster.connect(settings)
    cluster.api.apply(settings)


def _wait(missing: Callable[[], list[str]]) -> None:
    """Wait until nothing is missing.

    :raises LocalError: it takes too long.
    """
    give_up = time.monotonic() + START_PATIENCE
    while names := missing():
        if time.monotonic() > give_up:
            raise LocalError(f"not ready in {START_PATIENCE:.0f} s: {', '.join(names)}")
        time.sleep(POLL)


def addresses(sandbox: LocalSandbox, cluster: Cluster) -> str:
    """Return the addresses of all parts, and how well the nodes are separated."""
    separated = (
        "Each node sees only its own files: everything else is read-only."
        if cluster.is_isolated
        else "Weaker than separate machines: without mount namespaces, a node can read and write the files of others."
    )
    return f"""
Sandbox  {sandbox.url}
Wiki     {sandbox.addresses["confluence_url"]}
Slack    {sandbox.addresses["slack_channel_url"]}
S3       {cluster.services.object_store_url}   buckets airflow, analytics, logs
Logs     {cluster.logs}
Airflow  {cluster.url}   user {USER}   password {cluster.password}

{separated}
The DAGs are paused. Ctrl-C stops everything."""
