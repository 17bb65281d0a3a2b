"""A real Airflow on this machine: scheduler, DAG processor, triggerer and API server on SQLite, by `airflow standalone`."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workplace_sandbox.local.processes import OWNER, Program
from workplace_sandbox.local.rest import AirflowApi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER = "admin"
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
STOP_GRACE = 5.0  # seconds; the work is done by then, and the database is not used again
LOOPBACK = "127.0.0.1,localhost,::1"

# standalone starts its components through the `airflow` that is first on PATH. Scheduler and triggerer would each open a
# log server on every network interface, at fixed ports, which no setting turns off; the API server reads the log files of
# this machine without them.
AIRFLOW_COMMAND = """\
#!/bin/sh
case "$1" in
  scheduler|triggerer) exec {airflow} "$@" --skip-serve-logs ;;
  *) exec {airflow} "$@" ;;
esac
"""


class LocalAirflow:
    """One Airflow with its own home, keys and password, for as long as the program runs.

    :param project: directory with `dags/` and `plugins/`.
    :param work: directory for its home and its logs.
    :param port: free port for the API server and the UI.
    :param schedule: whether the scheduler makes the runs that are due; without it, runs are triggered or backfilled only.
    :param people: who may log in beside the administrator, and in which role: viewer, user, op or admin.
    """

    def __init__(
        self, project: Path, work: Path, port: int, *, schedule: bool, people: Mapping[str, str] | None = None
    ) -> None:
        roles = {USER: "admin"} | dict(people or {})
        self.passwords = {name: secrets.token_urlsafe(9) for name in roles}
        self.password = self.passwords[USER]
        self.url = f"http://127.0.0.1:{port}"
        self.logs = work / "logs"
        self.environment = airflow_environment(os.environ, project=project, work=work, port=port) | {
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(schedule),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in roles.items()),
        }
        self.api = AirflowApi(self.url)
        self.shell = work / "env.sh"
        """File with which a shell's `airflow` and `workplace` commands work on this Airflow: `. env.sh`."""
        self._work = work
        self._passwords = Path(self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        self.program = self._command("Airflow", ["standalone"], STOP_GRACE)

    def start(self) -> None:
        """Start all components; `missing` names those that are not ready."""
        self.prepare()
        self.program.start()

    def prepare(self) -> None:
        """Write the files it starts with: the log-in, and the `airflow` command that starts its components."""
        Path(self.environment["AIRFLOW_HOME"]).mkdir(parents=True, exist_ok=True)
        self._write_command()
        self.shell.touch(mode=0o600)  # the keys of this Airflow are in it
        self.shell.write_text(shell_exports(self.environment), encoding="utf-8")
        self._passwords.touch(mode=0o600)
        self._passwords.write_text(json.dumps(self.passwords), encoding="utf-8")

    def missing(self) -> list[str]:
        """Return the components that are not healthy yet.

        standalone's own "ready" does not check the API server, and the API server's response does not cover the others;
        the health call covers them all.

        :raises ProcessEnded: Airflow has ended.
        """
        self.program.check()
        health = self.api.health()
        if not health:
            return ["api_server", *COMPONENTS]
        return [name for name in COMPONENTS if health.get(name) != "healthy"]

    def log_in(self) -> None:
        """Log `api` in as the administrator."""
        self.api.log_in(USER, self.password)

    def command(self, arguments: Sequence[str], timeout: float) -> tuple[int, str]:
        """Run an `airflow` command against this Airflow.

        :param arguments: the arguments after `airflow`.
        :param timeout: seconds.
        :return: its status and the end of its output.
        """
        program = self._command(f"airflow-{arguments[0]}", arguments, grace=2.0)
        return program.run(timeout), program.tail()

    def stop(self) -> None:
        """End every process; the logs stay.

        :raises LeftBehind: a process does not end.
        """
        try:
            self.program.stop()
        finally:
            self._passwords.unlink(missing_ok=True)
            self.shell.unlink(missing_ok=True)

    def _command(self, name: str, arguments: Sequence[str], grace: float) -> Program:
        return Program(
            name,
            [str(self._work / "bin" / "airflow"), *arguments],
            environment=self.environment,
            log=self.logs / f"{name.lower()}.log",
            grace=grace,
        )

    def _write_command(self) -> None:
        """Write an `airflow` that runs with this interpreter, even if an activated environment has another one on PATH."""
        command = self._work / "bin" / "airflow"
        command.parent.mkdir(parents=True, exist_ok=True)
        airflow = Path(sys.executable).with_name("airflow")
        command.write_text(AIRFLOW_COMMAND.format(airflow=shlex.join([sys.executable, str(airflow)])), encoding="utf-8")
        command.chmod(0o755)


def shell_exports(environment: Mapping[str, str]) -> str:
    """Return the commands of a POSIX shell that set Airflow's variables and the path of its commands."""
    names = sorted(name for name in environment if name == "PATH" or name.startswith("AIRFLOW"))
    return "".join(f"export {name}={shlex.quote(environment[name])}\n" for name in names)


def airflow_environment(inherited: Mapping[str, str], *, project: Path, work: Path, port: int) -> dict[str, str]:
    """Return the environment of every Airflow process.

    The caller's Airflow settings are not passed on: AIRFLOW_CONN_CONFLUENCE_DEFAULT would override the connection to the
    sandbox, and the demonstration would write to a real wiki.

    :param inherited: the caller's environment.
    :param project: directory with `dags/` and `plugins/`.
    :param work: directory for everything Airflow writes.
    :param port: port of the API server.
    """
    home = work / "airflow"
    url = f"http://127.0.0.1:{port}"
    kept = {key: value for key, value in inherited.items() if not key.startswith(("AIRFLOW", "_AIRFLOW"))}
    path = os.pathsep.join([str(work / "bin"), str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    no_proxy = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), LOOPBACK]))
    return kept | {
        "PATH": path,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
        OWNER: str(work),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A DAG that starts on its own could run before its connections exist.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(work / "passwords.json"),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",  # the first task of a cold start takes longer than the default 5 s
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # A changed DAG file is read within ten seconds even so; a changed definition that a DAG file reads, within a
        # minute. Reading every DAG file every ten seconds would keep a core busy.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(work / "logs" / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(work / "logs" / "dag_processor"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__WORKPLACE__ARTIFACTS_PATH": (work / "artifacts").as_uri(),
    }
