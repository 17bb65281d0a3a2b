"""The users of the systems."""

from __future__ import annotations

from workplace_sandbox.model import User
from workplace_sandbox.state.database import Database


class UserTable(Database):
    """Users."""

    def users(self) -> list[User]:
        """Return every user, by user name."""
        return [User(*row) for row in self._rows("SELECT * FROM user ORDER BY username")]

    def user(self, username: str) -> User | None:
        """Return the user of that name, or None."""
        row = self._row("SELECT * FROM user WHERE username = ?", username)
        return User(*row) if row else None

    def user_by_key(self, key: str) -> User | None:
        """Return the user whose key is in a page body (``ri:userkey``), or None."""
        row = self._row("SELECT * FROM user WHERE key = ?", key)
        return User(*row) if row else None

    def add_user(self, username: str, display_name: str, email: str = "", key: str | None = None) -> User:
        """Add a user, or change the one of that name.

        :param username: the log-in name, e.g. ``jimin``.
        :param display_name: the visible name, e.g. ``김지민``.
        :param email: e-mail address; ``<username>@example.com`` when empty.
        :param key: user key; a stable one is made from the user name when None.
        :return: the user.
        """
        # Real keys are 32 hexadecimal digits; a derived one keeps seeded pages and restarts in step.
        made_key = key or "ff80808" + username.encode().hex()[:25].zfill(25)
        user = User(username, made_key, display_name, email or f"{username}@example.com")
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?)",
                (user.username, user.key, user.display_name, user.email),
            )
        return user
