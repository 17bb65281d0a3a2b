"""User names, and what GitHub's refusals mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import NotFound, RateLimited

SYSTEM: Final = "GitHub"
# New names have no hyphen at the end and no two in a row; older ones do. An underscore is in names that a company manages.
_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", re.ASCII)


def check_login(login: str) -> None:
    """Refuse what cannot be a user name, before it becomes part of an address.

    :raises NotFound: nobody can have that name: it has other characters than letters, digits and hyphens, or more than 39
    """
    if not _LOGIN.fullmatch(login):
        raise no_such_user(login, advice="a user name has letters, digits and hyphens, 39 at the most")


def no_such_user(login: str, **more: Any) -> NotFound:
    """The error for a name that is nobody's.

    :param more: further fields of the error
    """
    return NotFound(f"there is no user {login[:60]!r}", system=SYSTEM, **more)


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """What a refusal means; GitHub tells some limits by 403.

    Source: "Rate limits for the GraphQL API" and "Troubleshooting" of GitHub's documentation.
    """
    said = answer.json if isinstance(answer.json, dict) else {}
    message = str(said.get("message") or "")
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status in (403, 429) and (exhausted or "rate limit" in message.lower() or answer.status == 429):
        return ErrorDetails(kind=RateLimited, message=message, advice=_lifted(answer) if exhausted else "")
    advice = {401: "check the token in the connection's password", 403: "the token may not read this"}
    return ErrorDetails(message=message, advice=advice.get(answer.status, ""))


def _lifted(answer: ErrorResponse) -> str:
    reset = answer.headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdigit() and len(reset) < 12):
        return ""
    return f"the limit is lifted at {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC"
