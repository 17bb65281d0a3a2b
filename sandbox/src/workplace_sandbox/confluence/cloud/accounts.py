"""The accounts of the site, and their API tokens."""

from __future__ import annotations

import base64
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_sandbox.confluence.cloud import CLOUD_ID
from workplace_sandbox.confluence.cloud.scopes import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workplace_sandbox.model import User
    from workplace_sandbox.store import Store

BOT = "report-bot"
TOKEN = "sandbox-cloud-token"  # noqa: S105 - the sandbox has no secrets
SCOPED_TOKEN = "sandbox-cloud-scoped-token"  # noqa: S105 - the sandbox has no secrets


def account_id(username: str) -> str:
    """Return the id of an account: the same in each sandbox. ``ri:account-id`` in a page body refers to it."""
    return f"712020:{uuid.uuid5(uuid.UUID(CLOUD_ID), username)}"


def user_by_account(store: Store, wanted: str) -> User | None:
    """Return the user of an account id, or None."""
    return next((user for user in store.users() if account_id(user.username) == wanted), None)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token of a person.

    :param scopes: its scopes; None for a token without scopes, which may do everything that the person may.
    """

    username: str
    scopes: tuple[str, ...] | None = None


class ApiTokens:
    """The API tokens. Each user has ``sandbox-cloud-token-<user name>`` and ``sandbox-cloud-scoped-token-<user name>``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, ApiToken] = {}
        self._revoked: set[str] = set()

    def reset(self) -> None:
        """Restore the initial tokens."""
        with self._lock:
            self._made.clear()
            self._revoked.clear()

    def make(self, username: str, scopes: Iterable[str] | None = None) -> str:
        """Create a token.

        :param scopes: its scopes; None for a token without scopes.
        :return: the token.
        """
        token = f"ATATT-sandbox-{uuid.uuid4().hex}"
        with self._lock:
            self._made[token] = ApiToken(username, None if scopes is None else tuple(scopes))
        return token

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        with self._lock:
            self._revoked.add(token)

    def find(self, token: str) -> ApiToken | None:
        """Return the token with that text, or None."""
        with self._lock:
            if token in self._revoked:
                return None
            if made := self._made.get(token):
                return made
        for start, scopes in ((SCOPED_TOKEN, ALL), (TOKEN, None)):
            if token == start:
                return ApiToken(BOT, scopes)
            if token.startswith(f"{start}-"):
                return ApiToken(token.removeprefix(f"{start}-"), scopes)
        return None

    def sign_in(self, store: Store, credentials: str) -> tuple[User, ApiToken] | None:
        """Return the user and the token of basic authentication: an e-mail address and a token of the same person.

        :return: None when they are wrong.
        """
        try:
            email, _, text = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None
        token = self.find(text)
        user = store.user(token.username) if token else None
        if token is None or user is None or user.email.lower() != email.strip().lower():
            return None
        return user, token
