"""The command ``workplace-sandbox``: serve, run, reset, export."""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workplace_sandbox.server import Sandbox

DEFAULT_PORT = 8765
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the arguments after the command's name; those of this process when None.
    :return: exit code.
    """
    options = build_parser().parse_args(arguments)
    run: Command = options.run
    try:
        return run(options)
    except (OSError, ValueError) as error:
        print(f"workplace-sandbox: {error}", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command adds its own part and names the function that runs it."""
    parser = argparse.ArgumentParser(
        prog="workplace-sandbox", description="A local Confluence Data Center, Jira Data Center, Slack and Tableau."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser


def add_serve(commands: Any) -> None:
    """Add ``serve``."""
    parser = commands.add_parser("serve", help="serve until interrupted")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; nothing else is accepted")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port, 0 for a free one (%(default)s)")
    parser.add_argument("--state", type=Path, help="directory to keep the state in; temporary by default")
    parser.add_argument("--ready-file", type=Path, help="file to write the addresses to, as JSON, when ready")
    parser.add_argument("--last-report", type=Path, help="storage-format file of last week's report")
    parser.add_argument("--today", type=date.fromisoformat, help="current day of the wiki and of Tableau, YYYY-MM-DD")
    parser.add_argument("--context-path", default="/confluence", help="path of Confluence (%(default)s)")
    parser.set_defaults(run=serve)


def add_run(commands: Any) -> None:
    """Add ``run``."""
    parser = commands.add_parser(
        "run",
        help="run a command with Airflow's connections to a sandbox",
        description="Start a sandbox, run a command such as `airflow dags test weekly_report` with Airflow's connections to "
        "it in the environment, and stop.",
    )
    parser.add_argument("--export", type=Path, metavar="DIR", help="then write wiki and channels as files")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command with its arguments")
    parser.set_defaults(run=run)


def add_reset(commands: Any) -> None:
    """Add ``reset``."""
    parser = commands.add_parser("reset", help="remove everything and seed again")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="a running sandbox")
    parser.add_argument("--empty", action="store_true", help="without the seeded wiki")
    parser.set_defaults(run=reset)


def add_export(commands: Any) -> None:
    """Add ``export``."""
    parser = commands.add_parser("export", help="write wiki and channels as files")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="a running sandbox")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="directory to write to")
    parser.set_defaults(run=export)


COMMANDS: list[Callable[[Any], None]] = [add_serve, add_run, add_reset, add_export]


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    require_loopback(options.host)
    if options.last_report is not None and not options.last_report.is_file():
        raise ValueError(f"no file {options.last_report}")
    from workplace_sandbox.server import Sandbox

    stopped = threading.Event()
    # Before anything starts, so that an early signal ends the process cleanly too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    sandbox = Sandbox(
        options.state,
        today=options.today,
        last_report=options.last_report,
        port=options.port,
        context_path=options.context_path,
    )
    with sandbox:
        address_list = addresses(sandbox)
        for name, value in address_list.items():
            print(f"{name.removesuffix('_url').replace('_', ' '):>16}  {value}", flush=True)
        if options.ready_file is not None:
            write_atomically(options.ready_file, json.dumps(address_list, indent=2) + "\n")
        stopped.wait()
    return 0


def run(options: argparse.Namespace) -> int:
    """Run a command on a sandbox of its own.

    :return: the exit code of the command.
    """
    if not options.command:
        raise ValueError("no command to run; write it at the end: workplace-sandbox run airflow dags test weekly_report")
    from workplace_sandbox.server import Sandbox

    with Sandbox() as sandbox:
        connections = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)
            for conn_id, connection in sandbox.airflow_connections().items()
        }
        command: list[str] = options.command
        status = subprocess.run(command, env=os.environ | connections, check=False).returncode  # noqa: S603 - the user's own
        if options.export:
            sandbox.export(options.export.resolve())
    return status


def reset(options: argparse.Namespace) -> int:
    """Reset a running sandbox."""
    _post(f"{options.url}/_sandbox/reset", {"seed": not options.empty})
    return 0


def export(options: argparse.Namespace) -> int:
    """Export a running sandbox to files."""
    directory = options.to.resolve()
    _post(f"{options.url}/_sandbox/export", {"directory": str(directory)})
    print(directory)
    return 0


def addresses(sandbox: Sandbox) -> dict[str, str | int]:
    """Return the addresses of a running sandbox, and its process id."""
    return {
        "url": sandbox.url,
        "confluence_url": sandbox.confluence_url,
        "cloud_url": sandbox.cloud_url,
        "cloud_gateway_url": sandbox.cloud_gateway_url,
        "atlassian_auth_url": sandbox.atlassian_auth_url,
        "jira_url": sandbox.jira_url,
        "github_url": sandbox.github_url,
        "tableau_url": sandbox.tableau_url,
        "warehouse": str(sandbox.warehouse),
        "tableau_cloud_url": sandbox.tableau_cloud_url,
        "slack_api_url": sandbox.slack_api_url,
        "incoming_webhook_url": sandbox.incoming_webhook_url,
        "alarm_webhook_url": sandbox.alarm_webhook_url,
        "workflow_webhook_url": sandbox.workflow_webhook_url,
        "slack_channel_url": sandbox.slack_channel_url,
        "pid": os.getpid(),
    }


def require_loopback(host: str) -> None:
    """Refuse to listen to other machines: its tokens are in this source, so anyone could log in.

    :raises ValueError: the host is not a loopback address.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host) == ipaddress.ip_address("127.0.0.1")
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the sandbox listens on 127.0.0.1 only, not on {host}: its tokens are public")


def write_atomically(path: Path, text: str) -> None:
    """Write a file in one step, so that a waiting process never reads half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _post(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - the address of a sandbox, given by its owner
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    # The sandbox runs on this machine: a proxy from the environment would look for it elsewhere.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=120).close()
    except urllib.error.HTTPError as error:
        detail = error.read(2000).decode("utf-8", "replace")
        raise ValueError(f"{url} returned {error.code}: {detail}") from error


if __name__ == "__main__":
    sys.exit(main())
