"""What an HTTP status and its headers mean, whichever system sent them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)

A_YEAR: Final = 366 * 24 * 3600.0
SLOWEST: Final = 5.0
"""Seconds between two requests at the most, when a budget of requests nears its end."""


def kind_of(status: int) -> type[WorkplaceError]:
    """The error of an HTTP status that is no success."""
    if status < 400:
        return BadResponse
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

    :return: a year at the most; ``None`` when there is no such header, or it cannot be read
    """
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():  # "²" is a digit to Python, and no number
        # A number of any length is allowed; dates and durations that are computed from it are not.
        return min(float(value), A_YEAR)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), A_YEAR)


def wait_asked_for(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: its Retry-After, or for a 429 without one the time its limit is reset.

    :return: ``None`` when it asks for nothing
    """
    asked = retry_after_seconds(headers.get("Retry-After"))
    return _seconds_to_reset(headers) if asked is None and status == 429 else asked


def near_limit_seconds(headers: Mapping[str, str]) -> float:
    """Seconds to wait after an answer with ``X-RateLimit-NearLimit: true``; 0 for any other.

    Atlassian tells so that little of the budget is left, and what is left is spread over the time until it is filled again.
    """
    if headers.get("X-RateLimit-NearLimit", "").strip().lower() != "true":
        return 0.0
    until = _seconds_to_reset(headers)
    left = headers.get("X-RateLimit-Remaining", "").strip()
    if until is None or not (left.isascii() and left.isdigit()):
        return 1.0
    return min(SLOWEST, until / max(1.0, float(left)))


def _seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until ``X-RateLimit-Reset``, where that is an ISO 8601 time; other systems send other things in it."""
    value = headers.get("X-RateLimit-Reset", "").strip()
    if "T" not in value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), A_YEAR)
