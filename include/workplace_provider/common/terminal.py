"""Output of commands in a terminal, and their access to Airflow's connections."""

from __future__ import annotations

import os

from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.http.redaction import clean_text


def use_all_connections() -> None:
    """Let this process read connections from Airflow's database, too.

    ``airflow connections get`` selects the database as a source in the same way: airflow.cli.commands.connection_command.
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


def for_terminal(line: str) -> str:
    """Return a line without secrets, and without control characters, which a terminal would obey."""
    return clean_text(redact_outgoing(line))


def print_text(text: str) -> None:
    """Print each line of a text, as :func:`for_terminal` returns it."""
    print("\n".join(map(for_terminal, text.splitlines())))
