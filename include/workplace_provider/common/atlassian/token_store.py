"""Stores of OAuth tokens, and the locks under which tokens are refreshed.

The lease of this module is a lock for machines that share only a value which all of them can read and overwrite, such as an
Airflow Variable: a task may get, set and delete it, but there is no compare-and-swap. Mutual exclusion is still possible
when the longest duration of a write is known (Fischer's algorithm; Lamport, "A Fast Mutual Exclusion Algorithm", 1987):
wait until the value is empty, write our own entry, wait longer than the write of another machine that saw the value empty
can take, and read again. The machine whose entry is still stored holds the lease. An entry expires, so a machine that fails
locks no one out.

If a write takes longer than that, two machines hold the lease at once. For a refresh of tokens this is harmless: Atlassian
accepts the same refresh token again within ten minutes, and an entry lasts for one.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from workplace_provider.http.errors import Invalid

LASTS: Final = 60.0
"""Seconds after which an entry of a lease has expired."""

SETTLES: Final = 2.0
"""Seconds after which a write is visible to all machines."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token, and the refresh token for the next one.

    :param expires_at: expiry of the access token, in seconds since 1970
    :param issued_at: time at which it was issued
    :param scopes: scopes of the access token
    """

    access_token: str = field(repr=False)
    expires_at: float
    refresh_token: str = field(default="", repr=False)
    issued_at: float = 0.0
    scopes: tuple[str, ...] = ()

    @property
    def bearer(self) -> str:
        """The value of ``Authorization``."""
        return f"Bearer {self.access_token}"

    def as_text(self) -> str:
        """Return the tokens as JSON, with the names of RFC 6749."""
        return json.dumps(
            {
                "access_token": self.access_token,
                "refresh_token": self.refresh_token,
                "expires_at": self.expires_at,
                "issued_at": self.issued_at,
                "scope": " ".join(self.scopes),
            }
        )

    @classmethod
    def read(cls, text: str) -> TokenSet:
        """Return tokens from JSON. A response of the token server, which has no ``expires_at``, counts as expired.

        :raises Invalid: when it is not JSON with tokens; the message does not quote it
        """
        try:
            data: Any = json.loads(text)
            if not isinstance(data, dict) or not (data.get("access_token") or data.get("refresh_token")):
                raise ValueError("no tokens")
            return cls(
                access_token=str(data.get("access_token") or ""),
                expires_at=float(data.get("expires_at") or 0),
                refresh_token=str(data.get("refresh_token") or ""),
                issued_at=float(data.get("issued_at") or 0),
                scopes=tuple(str(data.get("scope") or "").split()),
            )
        except (TypeError, ValueError):
            # The cause is dropped: it would show the text, which may be a mistyped token.
            raise Invalid(
                "the stored value is not a set of OAuth tokens",
                system="Atlassian",
                advice="delete it, and consent again with workplace-confluence-login",
            ) from None


class TokenStore(Protocol):
    """A store of the tokens of one consent, for all tasks that use it."""

    name: str
    """Name of the store in messages."""

    def load(self) -> TokenSet | None:
        """Return the current tokens; ``None`` before the first consent."""

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens. When the call returns, all tasks see the new ones."""

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """Return the locks to hold during a refresh, in order. The store is read again after each.

        :param done: returns whether another task has refreshed the tokens by now, which ends the wait
        """


class MemoryTokenStore:
    """A store in memory, for one process.

    :param tokens: the initial tokens
    """

    name = "memory"

    def __init__(self, tokens: TokenSet | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> TokenSet | None:
        """Return the current tokens."""
        return self._tokens

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens."""
        self._tokens = tokens

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """Return one lock for all threads."""
        return (self._lock,)


class FileTokenStore:
    """A store in a file that only its owner may read, for all processes of one machine.

    :param path: the file
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self.name = str(path)

    def load(self) -> TokenSet | None:
        """Return the current tokens."""
        try:
            return TokenSet.read(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens atomically."""
        # NamedTemporaryFile creates the file with mode 0600.
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as file:
            file.write(tokens.as_text())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._path)

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """Return a lock on a file next to the store."""
        return (file_lock(self._path.with_name(f"{self._path.name}.lock")),)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock among all threads and processes of one machine. It is released when its process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class LeaseStore(Protocol):
    """A value that all machines can read and overwrite."""

    def read(self) -> str:
        """Return the value; empty when there is none."""

    def write(self, value: str) -> None:
        """Overwrite the value. An empty value clears it."""


@contextmanager
def lease(
    store: LeaseStore,
    done: Callable[[], bool],
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
    lasts: float = LASTS,
    settles: float = SETTLES,
) -> Iterator[bool]:
    """Wait for the lease and hold it.

    :param done: checked during the wait; the wait ends when it returns ``True``
    :param lasts: seconds until an entry expires; clocks of different machines may differ by a part of that
    :param settles: seconds after which a write is visible to all machines
    :return: whether the lease is held; it is not when ``done`` ended the wait
    """
    owner = uuid.uuid4().hex
    while True:
        if _held_until(store.read()) > now():
            if done():
                yield False
                return
            sleep(settles * random.uniform(0.2, 0.4))  # noqa: S311 - spreads reads, guards nothing
            continue
        store.write(json.dumps({"owner": owner, "until": now() + lasts}))
        sleep(settles)
        if _entry(store.read()).get("owner") == owner:
            break
    try:
        yield True
    finally:
        # Another machine may hold the lease after our entry has expired. Its entry is kept.
        if _entry(store.read()).get("owner") == owner:
            store.write("")


def _held_until(text: str) -> float:
    until = _entry(text).get("until")
    return float(until) if isinstance(until, int | float) else 0.0


def _entry(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text) if text else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
