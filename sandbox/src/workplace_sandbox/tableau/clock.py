"""The clock of the Tableau servers for sessions, caches and refreshes. A test can advance it."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta


class TableauClock:
    """The real time of day, on the current day of the sandbox.

    :param today: the current day; the real one when None.
    """

    def __init__(self, today: date | None = None) -> None:
        self._lock = threading.Lock()
        self._start = today
        self._offset = timedelta(0) if today is None else today - date.today()
        self._advanced = timedelta(0)

    def now(self) -> datetime:
        """Return the time, in UTC."""
        with self._lock:
            return datetime.now(UTC) + self._offset + self._advanced

    def today(self) -> date:
        """Return the current day of the sandbox."""
        with self._lock:
            return (self._start or date.today()) + self._advanced

    def advance(self, by: timedelta) -> None:
        """Advance the clock.

        :param by: how much; not negative.
        """
        if by < timedelta(0):
            raise ValueError(f"the clock cannot go back: {by}")
        with self._lock:
            self._advanced += by

    def reset(self) -> None:
        """Return to the start."""
        with self._lock:
            self._advanced = timedelta(0)


def moment(at: datetime) -> str:
    """Return a time as Tableau writes it: UTC, whole seconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
