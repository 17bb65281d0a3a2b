"""What an HTTP status and its headers mean, whichever system sent them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from workplace_provider.clients.errors import (
    AuthFailed,
    BadAnswer,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)


def kind_of(status: int) -> type[WorkplaceError]:
    """The error of an HTTP status that is no success."""
    if status < 400:
        return BadAnswer
    by_status: dict[int, type[WorkplaceError]] = {
        401: AuthFailed,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: NotFound,
        413: TooLarge,
        429: RateLimited,
    }
    return by_status.get(status, SourceUnavailable if status >= 500 else Invalid)


def retry_after_seconds(value: str | None) -> float | None:
    """Seconds to wait by a Retry-After header; RFC 9110 10.2.3 allows a number of seconds or a date.

    :return: ``None`` when there is no such header, or it cannot be read
    """
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():  # "²" is a digit to Python, and no number
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
