"""A pace that several threads keep together."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RateLimiter:
    """Lets one pass at a time, with a distance between them.

    :param distance: seconds between two of them; 0 for no waiting
    :param clock: seconds
    :param sleep: waits for that many seconds
    """

    def __init__(self, distance: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._distance = distance
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is this one's turn."""
        if not self._distance:
            return
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._distance
        if turn > now:
            self._sleep(turn - now)
