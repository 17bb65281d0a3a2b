"""The clock of the Confluence server: its time zone, and its format of a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# A server writes times in its own zone; the seeded team is in Seoul, which has no daylight saving time.
SERVER_ZONE = timezone(timedelta(hours=9), "KST")


def moment(at: datetime) -> str:
    """Return a time as Confluence writes it: ISO 8601 with milliseconds and offset."""
    return at.astimezone(SERVER_ZONE).isoformat(timespec="milliseconds")
