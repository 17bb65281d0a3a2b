"""One session with Tableau, shared by the threads of a client: kept young, and renewed when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client.answers import SYSTEM, Node, SessionLost, readable
from workplace_provider.tableau.client.credentials import Credential, PersonalAccessToken, named, sign_in_body

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

log = get_logger("workplace_provider.tableau")
Result = TypeVar("Result")

TOKEN_HEADER: Final = "X-Tableau-Auth"  # noqa: S105 - the header's name
XML: Final = "application/xml"
# Tableau Cloud ends a session after 120 minutes, a server after 240 idle ones; a long export must still fit in.
SESSION_SECONDS: Final = 105 * 60.0
RE_SIGN_INS: Final = 2
"""How often one call may sign in again before its error says why sessions get lost."""


class TableauSessionStolen(SessionLost):
    """The session was ended again and again: somebody else signs in with the same personal access token.

    A retry can succeed once the other one is done.
    """

    retryable_by_default = True


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its token, the site it is for, whose it is, and when it began."""

    token: str = field(repr=False)
    site_id: str
    site: str
    user_id: str
    credential: int
    began: float

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this session carries."""
        return {TOKEN_HEADER: self.token, "Accept": XML}


class Sessions:
    """Makes the session of a client, one at a time, whatever number of threads ask for it.

    :param http: client whose base URL is that of the REST API with its version
    :param credentials: one to sign in with; with several, the next one is taken when a session is lost
    :param site: the site's name in URLs
    :param first: which of several credentials to begin with, so that parallel tasks begin with different ones
    :param on_secret: told every session token, so that logs can mask it
    :param clock: seconds that only ever grow
    """

    def __init__(
        self,
        http: Callable[[], HttpClient],
        credentials: Sequence[Credential],
        site: str,
        *,
        first: int = 0,
        on_secret: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not credentials:
            raise Invalid(
                "there is nothing to sign in with",
                system=SYSTEM,
                advice="give the connection a token name and secret, or a user and password",
            )
        self._http = http
        self._credentials = tuple(credentials)
        self._site = site
        self._next = first % len(self._credentials)
        self._on_secret = on_secret or (lambda _: None)
        self._clock = clock
        self._lock = threading.Lock()
        self._session: Session | None = None
        self.re_sign_ins = 0

    def call(self, send: Callable[[Session], Result]) -> Result:
        """Do something with the session; sign in again and repeat it when the session turns out to be lost.

        :param send: a request that may be repeated: Tableau refuses a lost session before it does anything
        :raises TableauSessionStolen: the session of a personal access token was lost three times
        :raises SessionLost: any other was
        """
        session = self.current()
        for attempt in attempts(1 + RE_SIGN_INS, lambda error: isinstance(error, SessionLost), backoff=0.0):
            if attempt.previous is not None:
                session = self._renewed(session)
            with attempt:
                try:
                    result = send(session)
                except SessionLost as error:
                    if attempt.number > RE_SIGN_INS:
                        raise self._stolen(session, error) from error
                    raise
        return result

    def current(self) -> Session:
        """The session; signs in when there is none, or when it is so old that it may end within the next call."""
        with self._lock:
            session = self._session
            if session is None or self._clock() - session.began > SESSION_SECONDS:
                session = self._sign_in()
            return session

    def end(self) -> None:
        """Sign out. Never an error: the work is done, and a lost session has ended already."""
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        try:
            self._http().request("POST", "auth/signout", headers=session.headers, idempotent=False)
        except WorkplaceError as error:
            log.info("not signed out, which does no harm: %s", error)

    def _renewed(self, lost: Session) -> Session:
        with self._lock:
            # Another thread may have signed in again already: signing in once more would end that thread's session.
            if self._session is None or self._session is lost:
                self._next = (lost.credential + 1) % len(self._credentials)
                self.re_sign_ins += 1
                return self._sign_in()
            return self._session

    def _sign_in(self) -> Session:
        credential = self._credentials[self._next]
        http = self._http()

        def decode(response: requests.Response) -> Node:
            credentials = readable(http, response).first("credentials")
            if not credentials.get("token") or not credentials.first("site").get("id"):
                raise http.invalid_response(response, BadResponse, "the response to the sign-in has no token")
            return credentials

        found = http.exchange(
            "POST",
            "auth/signin",
            decode,
            content=sign_in_body(credential, self._site),
            headers={"Content-Type": XML, "Accept": XML},
            # Twice is as good as once: the second session simply takes the place of the first.
            idempotent=True,
        )
        token, site = found.get("token"), found.first("site")
        self._on_secret(token)
        self._session = Session(
            token=token,
            site_id=site.get("id"),
            site=site.get("contentUrl", self._site),
            user_id=found.first("user").get("id"),
            credential=self._next,
            began=self._clock(),
        )
        log.info(
            "signed in with %s to %s", named(credential), f"the site {self._site!r}" if self._site else "the default site"
        )
        return self._session

    def _stolen(self, session: Session, error: SessionLost) -> WorkplaceError:
        credential = self._credentials[session.credential]
        lost = f"the session was ended {RE_SIGN_INS + 1} times during one call"
        said: dict[str, Any] = {
            "system": SYSTEM,
            "method": error.method,
            "url": error.url,
            "status": error.status,
            "code": error.code,
        }
        if isinstance(credential, PersonalAccessToken):
            return TableauSessionStolen(
                f"{lost}: a personal access token has one session at a time, and something else keeps signing in with "
                f"{credential.name!r}",
                **said,
                advice="let tasks that share a token run in a pool of one slot (tableau_pat), give each a token of its own "
                "(extra pats), or use a connected app; and do not use this token in other tools",
            )
        return SessionLost(
            f"{lost}, with {named(credential)}", **said, advice="ask the site's administrator", retryable=True
        )
