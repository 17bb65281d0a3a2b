"""People on GitHub, and the days of their contributions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from workplace_sandbox.model import GithubUser
from workplace_sandbox.state.database import Database

if TYPE_CHECKING:
    from collections.abc import Mapping


class ContributorTables(Database):
    """People with their days."""

    def contributor(self, login: str) -> GithubUser | None:
        """Return the person of that user name, in any case, or None."""
        key = login.casefold()
        row = self._row("SELECT login FROM contributor WHERE lower_login = ?", key)
        if row is None:
            return None
        days = self._rows("SELECT day, count FROM contribution WHERE lower_login = ? ORDER BY day", key)
        return GithubUser(row[0], {date.fromisoformat(day): count for day, count in days})

    def contributors(self) -> list[str]:
        """Return every user name."""
        return [login for (login,) in self._rows("SELECT login FROM contributor ORDER BY lower_login")]

    def put_contributor(self, login: str, counts: Mapping[date, int]) -> GithubUser:
        """Add a person, or replace the days of an existing one.

        :param counts: contributions by day; a day without any may be left out.
        """
        person = GithubUser(login, {day: counts[day] for day in sorted(counts) if counts[day] > 0})
        with self._transaction() as db:
            self.remove_contributor(login)
            db.execute("INSERT INTO contributor VALUES (?, ?)", (login.casefold(), login))
            rows = [(login.casefold(), day.isoformat(), count) for day, count in person.counts.items()]
            db.executemany("INSERT INTO contribution VALUES (?, ?, ?)", rows)
        return person

    def remove_contributor(self, login: str) -> None:
        """Remove a person with their days."""
        with self._transaction() as db:
            db.execute("DELETE FROM contribution WHERE lower_login = ?", (login.casefold(),))
            db.execute("DELETE FROM contributor WHERE lower_login = ?", (login.casefold(),))
