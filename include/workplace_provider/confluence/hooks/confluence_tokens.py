"""The tokens of a consent in an Airflow Variable, which is all of Airflow's database that a task may write."""

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

from workplace_provider.confluence.auth.token_store import TokenSet, file_lock, lease
from workplace_provider.http.errors import Invalid

DESCRIPTION: Final = "OAuth tokens of a Confluence connection; the tasks that use them refresh them here."


class Variables(Protocol):
    """Airflow's Variables, as they are reached from where the code runs."""

    def get(self, key: str) -> str | None:
        """The value, from wherever Airflow looks for it; ``None`` when there is none."""

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value into Airflow's database."""


class TaskVariables:
    """Variables as a task reaches them."""

    def get(self, key: str) -> str | None:
        """The value; ``None`` when there is none."""
        value = Variable.get(key, default=None)
        return None if value is None else str(value)

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value.

        :raises Invalid: outside of a task
        """
        try:
            Variable.set(key, value, description=description)
        except ImportError as error:
            raise Invalid(
                "the access token has ended, and only tasks can write the new one into a Variable",
                system="Airflow",
                advice="run a task that uses the connection, and test it again within the hour",
            ) from error


class VariableTokenStore:
    """Keeps tokens in a Variable, which Airflow encrypts with its Fernet key.

    Refreshing takes turns in two steps. Tasks on one machine wait for a lock on a file, which costs nothing; the one that
    has it takes a lease in a second Variable against other machines. Variables know no compare-and-swap, so the lease is
    certain only as long as a write is seen within two seconds (see :mod:`~workplace_provider.confluence.auth.token_store`).
    Beyond that, two machines may refresh with the same refresh token within the minute that a lease lasts: Atlassian takes
    it again for ten minutes, both get tokens of the same family, and whichever is written last is used from then on.

    The lease is written before a refresh token is used, so whoever may not write Variables uses none up.

    :param key: the Variable
    :param variables: how Variables are reached; as a task does when not given
    """

    def __init__(self, key: str, variables: Variables | None = None) -> None:
        self._key = key
        self._variables = variables or TaskVariables()
        self.name = f"the Variable {key}"

    def load(self) -> TokenSet | None:
        """The tokens as they are now; ``None`` before there was a consent."""
        text = self._variables.get(self._key)
        if not text:
            return None
        tokens = TokenSet.read(text)
        _mask(tokens)
        return tokens

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens.

        :raises Invalid: when they are read from elsewhere than they are written to
        """
        _mask(tokens)
        before = self._variables.get(self._key)
        self._variables.set(self._key, tokens.as_text(), DESCRIPTION)
        if before is not None and before != tokens.as_text() and self._variables.get(self._key) == before:
            raise Invalid(
                f"{self.name} does not change when it is written: it comes from the environment or a secrets backend",
                system="Airflow",
                advice="take it away there, and consent again into a Variable in Airflow's database",
            )

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """The file lock of this machine, and the lease against others."""
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
