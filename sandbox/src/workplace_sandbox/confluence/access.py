"""Authentication, and the permissions of the caller."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workplace_sandbox.confluence.errors import AuthenticationFailedError

if TYPE_CHECKING:
    from workplace_sandbox.model import Page, User
    from workplace_sandbox.store import Store

# A browser that opened a page of the web UI sends this cookie and acts as this person.
SESSION_COOKIE = "JSESSIONID"
BROWSER_SESSION = "sandbox-browser"
BROWSER_USER = "jimin"

PASSWORD = "sandbox-password"  # noqa: S105 - the sandbox has no secrets
TOKENS = {
    "sandbox-token": "report-bot",
    "sandbox-token-report-bot": "report-bot",
    "sandbox-token-jimin": "jimin",
    "sandbox-token-haruka": "haruka",
    "sandbox-token-alex": "alex",
    "sandbox-token-viewer": "viewer",
}
READ_ONLY_USERS = frozenset({"viewer"})
# Every user who can log in is in this group, as in a fresh Confluence.
DEFAULT_GROUP = "confluence-users"
# The members of the other groups.
GROUPS: Mapping[str, frozenset[str]] = {
    "analysts": frozenset({"jimin", "haruka", "report-bot"}),
    "데이터분석팀": frozenset({"jimin", "report-bot"}),
    "operators": frozenset({"alex"}),
}


def authenticate(store: Store, headers: Mapping[str, str], cookies: Mapping[str, str]) -> User | None:
    """Return the user who sent the request.

    A personal access token is a bearer without a user name; basic authentication takes name and password.

    :param store: the users.
    :param headers: request headers, by name in lower case.
    :param cookies: request cookies.
    :return: the user, None for an anonymous request.
    :raises AuthenticationFailedError: the credentials are wrong. Confluence refuses them instead of treating the caller
        as anonymous.
    """
    authorization = headers.get("authorization", "")
    scheme, _, credentials = authorization.partition(" ")
    if not authorization:
        session = cookies.get(SESSION_COOKIE) == BROWSER_SESSION
        return store.user(BROWSER_USER) if session else None
    username = None
    if scheme.lower() == "bearer":
        username = TOKENS.get(credentials.strip())
    elif scheme.lower() == "basic":
        username = _basic_user(credentials)
    user = store.user(username) if username else None
    if user is None:
        raise AuthenticationFailedError
    return user


def _basic_user(credentials: str) -> str | None:
    try:
        username, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return username if password == PASSWORD else None


def may_view(store: Store, user: User | None, page: Page) -> bool:
    """Return whether a user may see a page. View restrictions of the pages above apply as well.

    :param user: None for an anonymous caller, who sees nothing here.
    """
    if user is None:
        return False
    return all(is_among(user, subjects) for subjects in store.view_restrictions(page.id))


def may_edit(store: Store, user: User | None, page: Page) -> bool:
    """Return whether a user may change a page. Edit restrictions are not inherited."""
    if user is None or not may_write(user) or not may_view(store, user, page):
        return False
    return is_among(user, store.restrictions(page.id)["update"])


def may_write(user: User | None) -> bool:
    """Return whether a user may create and change any content."""
    return user is not None and user.username not in READ_ONLY_USERS


def is_among(user: User, subjects: Mapping[str, list[str]]) -> bool:
    """Return whether a user is among the users and groups of a restriction; without any, everyone is."""
    if not subjects["user"] and not subjects["group"]:
        return True
    if user.username in subjects["user"] or DEFAULT_GROUP in subjects["group"]:
        return True
    return any(user.username in GROUPS.get(group, ()) for group in subjects["group"])


def groups_of(user: User) -> list[str]:
    """Return the names of a user's groups."""
    return [DEFAULT_GROUP, *(name for name, members in GROUPS.items() if user.username in members)]


def group_names() -> list[str]:
    """Return the names of all groups."""
    return [DEFAULT_GROUP, *GROUPS]
