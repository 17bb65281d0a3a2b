"""The clock of Atlassian's cloud. A test can advance it: tokens expire, an hour of points ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workplace_sandbox.store import now


class CloudClock:
    """The current time, and by how much it was advanced."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return now() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock.

        :raises ValueError: the number is negative.
        """
        if seconds < 0:
            raise ValueError("the clock cannot go back")
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Return to the real time."""
        self._ahead = timedelta(0)

    def next_hour(self) -> datetime:
        """Return the beginning of the next hour in UTC."""
        at = self.now()
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def moment(at: datetime) -> str:
    """Return a time as Confluence Cloud writes it: ISO 8601 in UTC with milliseconds and a ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
