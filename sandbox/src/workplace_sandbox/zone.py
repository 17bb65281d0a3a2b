"""The time zone of the seeded team, which is also that of the imitated servers."""

from __future__ import annotations

from datetime import timedelta, timezone

# Korea has no daylight saving time.
SEOUL = timezone(timedelta(hours=9), "KST")
