"""Sessions: the signed-in users, their sites, and the end of a session.

A personal access token has one session at a time, on any site; signing in with it again ends the one before. Source:
reference section 2.1.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_sandbox.tableau.errors import TableauError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from workplace_sandbox.tableau.clock import TableauClock


@dataclass(slots=True)
class Session:
    """A session; requests contain its token.

    :param site: content URL of its site.
    :param pat: name of the personal access token of the sign-in; None for a password or a JSON web token.
    :param exports: the number of exported files.
    """

    token: str
    user: str
    site: str
    pat: str | None
    began: datetime
    used: datetime
    exports: int = 0


class Sessions:
    """The sessions of a server.

    :param clock: the clock that ages them.
    :param idle: a session ends when it is not used for so long; None for never.
    :param absolute: a session ends so long after it began; None for never.
    """

    def __init__(self, clock: TableauClock, *, idle: timedelta | None = None, absolute: timedelta | None = None) -> None:
        self._clock = clock
        self._idle = idle
        self._absolute = absolute
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._export_limit: tuple[int, bool] | None = None

    def open(self, user: str, site: str, pat: str | None) -> Session:
        """Begin a session, and end an earlier one of the same personal access token."""
        now = self._clock.now()
        session = Session(secrets.token_urlsafe(24), user, site, pat, now, now)
        with self._lock:
            kept = {token: other for token, other in self._sessions.items() if pat is None or other.pat != pat}
            self._sessions = kept | {session.token: session}
        return session

    def use(self, token: str | None) -> Session:
        """Return the session of a request.

        :raises TableauError: the token is missing, unknown or expired.
        """
        if not token:
            raise TableauError("401000", "Authentication credentials were not provided.")
        now = self._clock.now()
        with self._lock:
            self._sessions = {key: candidate for key, candidate in self._sessions.items() if self._lives(candidate, now)}
            session = self._sessions.get(token)
            if session is None:
                raise _invalid()
            session.used = now
            return session

    def count_export(self, session: Session) -> None:
        """Count an export.

        :raises TableauError: the session ended, because of ``end_after``.
        """
        with self._lock:
            if self._export_limit is not None and session.exports >= self._export_limit[0]:
                if not self._export_limit[1]:
                    self._export_limit = None
                self._sessions.pop(session.token, None)
                raise _invalid()
            session.exports += 1

    def close(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session.token, None)

    def close_all(self) -> None:
        """End all sessions."""
        with self._lock:
            self._sessions = {}

    def end_after(self, exports: int | None, *, every_time: bool = False) -> None:
        """End a session at the export that follows so many; Tableau Cloud does so now and then.

        :param exports: how many succeed; None for no such limit.
        :param every_time: whether later sessions end as well, or only one.
        """
        with self._lock:
            self._export_limit = None if exports is None else (exports, every_time)

    def living(self) -> list[Session]:
        """Return the sessions that have not ended, the oldest first."""
        now = self._clock.now()
        with self._lock:
            return [session for session in self._sessions.values() if self._lives(session, now)]

    def _lives(self, session: Session, now: datetime) -> bool:
        idle = self._idle is None or now - session.used < self._idle
        return idle and (self._absolute is None or now - session.began < self._absolute)


def _invalid() -> TableauError:
    return TableauError("401002", "Invalid authentication credentials were provided.")
