"""A rate limit that several threads share."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RateLimiter:
    """Waits so that calls have a minimum interval.

    :param interval: seconds between two calls; 0 for no limit
    :param clock: returns seconds
    :param sleep: waits for a number of seconds
    """

    def __init__(self, interval: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait until the next call is allowed."""
        if not self._interval:
            return
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)
