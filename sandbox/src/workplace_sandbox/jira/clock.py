"""The clock of the Jira server: the zone of its users, and its format of a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# JQL reads dates in the zone of the user; the seeded team is in Seoul, which has no daylight saving time.
SERVER_ZONE = timezone(timedelta(hours=9), "KST")
ZONE_NAME = "Asia/Seoul"


def moment(at: datetime) -> str:
    """Return a time as Jira writes it: the offset has no colon, which ISO 8601 readers of some languages refuse."""
    local = at.astimezone(SERVER_ZONE)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"
