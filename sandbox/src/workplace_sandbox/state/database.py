"""The database under the state: one SQLite connection behind one lock.

The sandbox serves one person or one test suite, and serialised writes make every rule (title uniqueness, version numbers)
hold without a retry loop. Uploads and downloads do not hold the lock.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Content ids of a fresh Confluence start in the 65,000s: its id generator hands out blocks of 32,768.
FIRST_CONTENT_ID = 65537


class Database:
    """Connection, transactions and the sequence of ids.

    :param directory: the directory of the database; created if it does not exist.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._lock = threading.RLock()
        self._db = sqlite3.connect(directory / "sandbox.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(resources.files(__package__).joinpath("schema.sql").read_text("utf-8"))

    def close(self) -> None:
        """Close the database; the state stays on disk."""
        with self._lock:
            self._db.close()

    def reset(self) -> None:
        """Remove everything, the sequence of ids too."""
        with self._transaction() as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the names are ours

    @property
    def changes(self) -> int:
        """The number of rows changed so far: the same number means the same state."""
        return self._db.total_changes

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make many changes as one: all of them or none, and much faster."""
        with self._transaction():
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: all changes or none; a nested transaction belongs to the outer one."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def _row(self, sql: str, *parameters: object) -> tuple[Any, ...] | None:
        rows = self._rows(sql, *parameters)
        return rows[0] if rows else None

    def _next_id(self) -> int:
        """Return the next id. Pages, attachments, comments and labels share one sequence, as in Confluence."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO counter VALUES ('content', ?)", (FIRST_CONTENT_ID - 1,))
            row = db.execute("UPDATE counter SET value = value + 1 WHERE name = 'content' RETURNING value").fetchone()
            return int(row[0])


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def as_number(content_id: str) -> int:
    """Return the number of a content id; -1, which no content has, for an invalid one."""
    digits = content_id.removeprefix("att")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1


def as_text(at: datetime | None) -> str:
    """Return a time as it is stored; now when None."""
    return (at or now()).astimezone(UTC).isoformat(timespec="microseconds")


def as_moment(text: str) -> datetime:
    """Return a stored time."""
    return datetime.fromisoformat(text)
