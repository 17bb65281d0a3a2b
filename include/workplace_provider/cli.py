"""The command ``workplace``. A subcommand is one row of ``COMMANDS``, and its module is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from workplace_provider import __version__
from workplace_provider.common.yaml_description import closest

PROGRAM: Final = "workplace"
USAGE_ERROR: Final = 2
"""Exit code for an invalid command line, as in ``argparse``."""
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as in a shell: 128 and the number of the signal."""


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand.

    :param name: the name that people type
    :param module: module with the function ``main(arguments, *, prog)``, which returns the exit code: 0 for success, 1 for a
        problem that is reported on standard error, 2 for an invalid command line
    :param summary: one line for the help
    """

    name: str
    module: str
    summary: str

    def run(self, arguments: Sequence[str]) -> int:
        """Import the module and run its function."""
        main = cast("Callable[..., int]", import_module(self.module).main)
        return main(arguments, prog=f"{PROGRAM} {self.name}")


COMMANDS: Final = (
    Command(
        "confluence-login",
        "workplace_provider.atlassian_consent.login",
        "consent to an OAuth app for Confluence or Jira Cloud",
    ),
    Command(
        "doctor", "workplace_provider.doctor.command", "check an installation: what is missing or wrong, and what to do"
    ),
    Command("identity", "workplace_provider.identity.command", "check and plan account syncs"),
    Command("init", "workplace_provider.project.command", "write an Airflow project into an empty folder"),
    Command("report", "workplace_provider.reports.command", "create, check and preview reports"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    :param arguments: arguments of the command; ``None`` for those of this process
    :return: exit code
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    command = next((command for command in COMMANDS if command.name == options.command), None)
    if command is None:
        names = [command.name for command in COMMANDS]
        parser.error(
            f"unknown command {options.command!r}{closest(options.command, names)} The commands are {', '.join(names)}"
        )
    try:
        return command.run(options.arguments)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe such as `| head` has ended. Python would report the error again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    width = max(len(command.name) for command in COMMANDS)
    listing = "\n".join(f"  {command.name:{width}}  {command.summary}" for command in COMMANDS)
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Work with the Workplace provider from a terminal.",
        epilog=f"commands:\n{listing}\n\n'{PROGRAM} COMMAND --help' shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"airflow-provider-workplace {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="see below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="options of the command")
    return parser
