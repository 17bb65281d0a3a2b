"""User names of GitHub, and its errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import NotFound, RateLimited

SYSTEM: Final = "GitHub"
# Old names may end with a hyphen or have two in a row; new ones cannot. Names managed by a company have an underscore.
_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", re.ASCII)


def check_login(login: str) -> None:
    """Check a user name before it becomes part of a URL.

    :raises NotFound: the name is invalid: it has characters other than letters, digits and hyphens, or more than 39
    """
    if not _LOGIN.fullmatch(login):
        raise no_such_user(login, advice="a user name has up to 39 letters, digits and hyphens")


def no_such_user(login: str, **more: Any) -> NotFound:
    """Return the error for a user that does not exist.

    :param more: further fields of the error
    """
    return NotFound(f"no GitHub user {login[:60]!r}", system=SYSTEM, **more)


def parse_error(response: ErrorResponse) -> ErrorDetails:
    """Read an error response. GitHub reports some rate limits with status 403.

    Source: "Rate limits for the GraphQL API" and "Troubleshooting" of GitHub's documentation.
    """
    body = response.json if isinstance(response.json, dict) else {}
    message = str(body.get("message") or "")
    is_exhausted = response.headers.get("x-ratelimit-remaining") == "0"
    if response.status in (403, 429) and (is_exhausted or "rate limit" in message.lower() or response.status == 429):
        return ErrorDetails(kind=RateLimited, message=message, advice=_reset_time(response) if is_exhausted else "")
    advice = {401: "check the token in the connection's password", 403: "the token does not have access"}
    return ErrorDetails(message=message, advice=advice.get(response.status, ""))


def _reset_time(response: ErrorResponse) -> str:
    reset = response.headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit() and len(reset) < 12):
        return ""
    return f"the rate limit is reset at {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC"
