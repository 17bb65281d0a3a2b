"""The clock of Atlassian's cloud, which a test turns forward: tokens expire, an hour of points ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workplace_sandbox.store import now


class CloudClock:
    """The present moment, and how far it was turned forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The time it is, aware, in UTC."""
        return now() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass.

        :raises ValueError: time does not go back.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        self._ahead += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Back to the real time."""
        self._ahead = timedelta(0)

    def next_hour(self) -> datetime:
        """The beginning of the next hour in UTC."""
        at = self.now()
        return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def written(at: datetime) -> str:
    """A time as Confluence Cloud writes it: ISO 8601 in UTC with milliseconds and a ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
