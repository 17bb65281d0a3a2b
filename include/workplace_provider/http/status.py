"""The meaning of HTTP statuses and headers that is the same for all systems."""

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
"""Longest pause in seconds between two requests, when a budget of requests is nearly used up."""


def kind_of(status: int) -> type[WorkplaceError]:
    """Return the type of error for an HTTP status that is no success."""
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
    """Return the seconds to wait by a Retry-After header; RFC 9110, 10.2.3 allows a number of seconds or a date.

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


def requested_wait(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait: its Retry-After, or for a 429 without one, until its limit is reset.

    :return: ``None`` when it does not ask to wait
    """
    requested = retry_after_seconds(headers.get("Retry-After"))
    return _seconds_to_reset(headers) if requested is None and status == 429 else requested


def near_limit_seconds(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait after a response with ``X-RateLimit-NearLimit: true``; 0 for any other response.

    Atlassian sends this header when little of the request budget is left. The wait spreads the rest of the budget over the
    time until its reset.
    """
    if headers.get("X-RateLimit-NearLimit", "").strip().lower() != "true":
        return 0.0
    until = _seconds_to_reset(headers)
    left = headers.get("X-RateLimit-Remaining", "").strip()
    if until is None or not (left.isascii() and left.isdigit()):
        return 1.0
    return min(SLOWEST, until / max(1.0, float(left)))


def _seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until ``X-RateLimit-Reset`` if that is an ISO 8601 time; other systems send other values in it."""
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
