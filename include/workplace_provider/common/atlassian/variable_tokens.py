"""Store for OAuth tokens in an Airflow Variable: a task may write Variables, but not connections."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from airflow.sdk import Variable
from airflow.sdk.log import mask_secret

from workplace_provider.common.atlassian.token_store import TokenSet, file_lock, lease
from workplace_provider.http.errors import Invalid

DESCRIPTION: Final = "OAuth tokens of a Confluence or Jira connection; the tasks that use them refresh them here."


class Variables(Protocol):
    """Access to Airflow's Variables, which differs between tasks and the API server."""

    def get(self, key: str) -> str | None:
        """Return the value from the environment, the secrets backend or the database; ``None`` if it does not exist."""

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value into Airflow's database."""


class TaskVariables:
    """Access to Variables in a task."""

    def get(self, key: str) -> str | None:
        """Return the value; ``None`` if it does not exist."""
        value = Variable.get(key, default=None)
        return None if value is None else str(value)

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value.

        :raises Invalid: if this is not a task
        """
        try:
            Variable.set(key, value, description=description)
        except ImportError as error:
            raise Invalid(
                "the access token has expired, and only tasks can write the new one to a Variable",
                system="Airflow",
                advice="run a task that uses the connection, and test it again within the hour",
            ) from error


class VariableTokenStore:
    """A token store in a Variable, which Airflow encrypts with its Fernet key.

    Two locks keep tasks from refreshing at the same time. On one machine, tasks wait for a lock on a file. The task with
    the lock takes a lease in a second Variable, for tasks on other machines. Variables have no compare-and-swap, so the
    lease is safe only if other machines see a write within two seconds; see
    :mod:`~workplace_provider.common.atlassian.token_store`. Otherwise two machines may use the same refresh token within the
    minute of a lease: Atlassian accepts it again for ten minutes, both get valid tokens, and the tokens that are written
    last stay in use.

    The lease is written before a refresh token is used, so an account without the permission to write Variables does not
    spend a token.

    :param key: key of the Variable
    :param variables: access to Variables; by default that of a task
    """

    def __init__(self, key: str, variables: Variables | None = None) -> None:
        self._key = key
        self._variables = variables or TaskVariables()
        self.name = f"the Variable {key}"

    def load(self) -> TokenSet | None:
        """Return the current tokens; ``None`` before the first consent."""
        text = self._variables.get(self._key)
        if not text:
            return None
        tokens = TokenSet.read(text)
        _mask(tokens)
        return tokens

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens.

        :raises Invalid: if Airflow reads the Variable from another place than it writes to
        """
        _mask(tokens)
        before = self._variables.get(self._key)
        self._variables.set(self._key, tokens.as_text(), DESCRIPTION)
        if before is not None and before != tokens.as_text() and self._variables.get(self._key) == before:
            raise Invalid(
                f"{self.name} does not change when it is written: it comes from the environment or a secrets backend",
                system="Airflow",
                advice="remove it there, and consent again, so that the Variable is in Airflow's database",
            )

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """Return the file lock for this machine, and the lease for other machines."""
        mark = hashlib.sha256(self._key.encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"workplace-tokens-{os.getuid()}-{mark}.lock"
        return (file_lock(path), lease(_VariableLeaseStore(f"{self._key}_lease", self._variables), done))


class _VariableLeaseStore:
    """The Variable that holds the lease."""

    def __init__(self, key: str, variables: Variables) -> None:
        self._key = key
        self._variables = variables

    def read(self) -> str:
        return self._variables.get(self._key) or ""

    def write(self, value: str) -> None:
        self._variables.set(self._key, value, "Who refreshes OAuth tokens now; may be deleted at any time.")


def _mask(tokens: TokenSet) -> None:
    for secret in (tokens.access_token, tokens.refresh_token):
        if secret:
            mask_secret(secret)
