"""The seeded data warehouse: the weekly figures in SQLite, for DAGs that query a database."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.seed import numbers

if TYPE_CHECKING:
    from pathlib import Path

WEEKS = 60
"""The number of its weeks; the last one is the latest Thursday's."""

_SCHEMA = """
CREATE TABLE weekly_kpi (
  week TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,
  value REAL NOT NULL, previous REAL NOT NULL, target REAL NOT NULL, PRIMARY KEY (week, name)
);
CREATE TABLE channel_revenue (
  week TEXT NOT NULL, channel TEXT NOT NULL, revenue REAL NOT NULL, PRIMARY KEY (week, channel)
);
"""


def write_warehouse(path: Path, today: date) -> None:
    """Write the database from scratch; open connections keep the old one.

    :param path: of the file.
    :param today: the current day in Seoul.
    """
    fresh = path.with_name(f".{path.name}")
    fresh.unlink(missing_ok=True)
    newest = numbers.latest_thursday(today)
    with contextlib.closing(sqlite3.connect(fresh)) as database, database:
        database.executescript(_SCHEMA)
        for back in range(WEEKS):
            day = newest - timedelta(weeks=back)
            database.executemany(
                "INSERT INTO weekly_kpi VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        day.isoformat(),
                        position,
                        kpi.name,
                        kpi.unit,
                        *(round(figure, kpi.decimals) for figure in (kpi.value, kpi.before, kpi.target)),
                    )
                    for position, kpi in enumerate(numbers.kpis(day))
                ],
            )
            database.executemany(
                "INSERT INTO channel_revenue VALUES (?, ?, ?)",
                zip([day.isoformat()] * 5, numbers.CHANNELS, numbers.revenue_by_channel(day), strict=True),
            )
    fresh.replace(path)
