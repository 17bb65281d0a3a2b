"""Points: the hourly quota of apps. Source: reference section 2.5.

A read costs one point and one more for each object in its response, a write costs one. API tokens are exempt.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.confluence.cloud.errors import CloudError

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.confluence.cloud.clock import CloudClock

POINTS_AN_HOUR = 65_000
# The headers warn when less than a fifth is left.
NEAR = 0.2


class Budget:
    """The points of each app.

    :param clock: the clock that starts each hour.
    """

    def __init__(self, clock: CloudClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit = POINTS_AN_HOUR
        self._used: dict[str, int] = {}
        self._ends: datetime | None = None

    def set(self, limit: int, remaining: int | None = None) -> None:
        """Give apps ``limit`` points an hour, of which ``remaining`` are left; all of them when None."""
        with self._lock:
            self._limit = limit
            self._used = {} if remaining is None else {"": limit - remaining}
            self._ends = self._clock.next_hour()

    def reset(self) -> None:
        """Restore the initial limit, with no points used."""
        self.set(POINTS_AN_HOUR)

    def take(self, app: str, points: int) -> None:
        """Use points. A call may cost more than is left; the excess is owed, not refused."""
        with self._lock:
            self._turn()
            # Points that a test marked as used count for the first app that calls.
            self._used[app] = self._used.pop("", 0) + self._used.get(app, 0) + points

    def check(self, app: str) -> None:
        """Check that an app may make a call.

        :raises CloudError: 429 when no points are left.
        """
        with self._lock:
            self._turn()
            left = self._left(app)
            seconds = self._seconds()
        if left <= 0:
            headers = {"Retry-After": str(seconds), "RateLimit-Reason": "confluence-quota-global-based"}
            raise CloudError(429, {"code": 429, "message": "Rate limit exceeded"}, headers)

    def headers(self, app: str) -> dict[str, str]:
        """Return the headers of each response to an app."""
        with self._lock:
            self._turn()
            left = max(self._left(app), 0)
            ends = self._ends or self._clock.next_hour()
            headers_of_app = {
                "X-RateLimit-Limit": str(self._limit),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset": moment(ends),
            }
            if left < self._limit * NEAR:
                headers_of_app["X-RateLimit-NearLimit"] = "true"
            return headers_of_app

    def _turn(self) -> None:
        """Start a new hour when the old one is over."""
        if self._ends is None or self._clock.now() >= self._ends:
            self._used, self._ends = {}, self._clock.next_hour()

    def _left(self, app: str) -> int:
        return self._limit - self._used.get(app, 0) - self._used.get("", 0)

    def _seconds(self) -> int:
        ends = self._ends or self._clock.next_hour()
        return max(math.ceil((ends - self._clock.now()).total_seconds()), 1)
