"""Where OAuth tokens are kept, and who may change them when."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workplace_provider.http.errors import Invalid


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token, and the refresh token that gives the next one.

    :param expires_at: when the access token ends, in seconds since 1970
    :param issued_at: when it was given out
    :param scopes: what it may do
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
        """As JSON, in the words of RFC 6749."""
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
        """Tokens from JSON; an answer of the token address, which knows no ``expires_at``, counts as expired.

        :raises Invalid: when that is no JSON with tokens; nothing of it is repeated in the message
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
            # The cause would show the text, which may be a mistyped token.
            raise Invalid(
                "what is stored are no OAuth tokens",
                system="Atlassian",
                advice="delete it, and consent again with workplace-confluence-login",
            ) from None


class TokenStore(Protocol):
    """Keeps the tokens of one consent, for all tasks that use it."""

    name: str
    """What people call it, for messages."""

    def load(self) -> TokenSet | None:
        """The tokens as they are now; ``None`` before there was a consent."""

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens. When this returns they are there for everybody."""

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """What to hold while tokens are refreshed, the nearest first; after each the store is looked at again.

        :param done: whether somebody else has refreshed by now, so that waiting any longer is for nothing
        """


class MemoryTokenStore:
    """Tokens in memory, for one process.

    :param tokens: the first ones
    """

    name = "memory"

    def __init__(self, tokens: TokenSet | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> TokenSet | None:
        """The tokens as they are now."""
        return self._tokens

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens."""
        self._tokens = tokens

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """One lock for all threads."""
        return (self._lock,)


class FileTokenStore:
    """Tokens in a file that only its owner may read, for all processes of one machine.

    :param path: the file
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self.name = str(path)

    def load(self) -> TokenSet | None:
        """The tokens as they are now."""
        try:
            return TokenSet.read(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None

    def save(self, tokens: TokenSet) -> None:
        """Replace the tokens; nobody ever sees half of them."""
        # The temporary file is made with mode 0600.
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as file:
            file.write(tokens.as_text())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._path)

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        """A lock on a file beside it."""
        return (file_lock(self._path.with_name(f"{self._path.name}.lock")),)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock among all threads and processes of one machine; it ends with the process that holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
