"""The session of a client, which its threads share. It is renewed before it expires, and when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client.credentials import Credential, PersonalAccessToken, describe, sign_in_body
from workplace_provider.tableau.client.responses import SYSTEM, ResponseNode, SessionLost, parse_response

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

log = get_logger("workplace_provider.tableau")
Result = TypeVar("Result")

TOKEN_HEADER: Final = "X-Tableau-Auth"  # noqa: S105 - the header's name
XML: Final = "application/xml"
# Tableau Cloud ends a session after 120 minutes, Tableau Server after 240 idle minutes. A long export must still fit.
SESSION_SECONDS: Final = 105 * 60.0
RE_SIGN_INS: Final = 2
"""Maximum number of times that one call signs in again."""


class TableauSessionStolen(SessionLost):
    """The session was ended repeatedly, because another program signs in with the same personal access token.

    A retry can succeed when the other program has finished.
    """

    retryable_by_default = True


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its token, site and user, the index of its credential, and its start by the client's clock."""

    token: str = field(repr=False)
    site_id: str
    site: str
    user_id: str
    credential: int
    began: float

    @property
    def headers(self) -> dict[str, str]:
        """The headers for requests of this session."""
        return {TOKEN_HEADER: self.token, "Accept": XML}


class Sessions:
    """Manages the session of a client. It has one session at a time, which all threads share.

    :param http: returns the HTTP client for the REST API; called on the first sign-in, because its URL has the API version
    :param credentials: credentials to sign in with; when a session is lost, the next one is used
    :param site: name of the site in URLs
    :param first: index of the first credential to use, so that parallel tasks start with different ones
    :param on_secret: called with every session token, so that logs can mask it
    :param clock: monotonic clock, in seconds
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
                "no credentials to sign in with",
                advice="set a token name and secret in the connection, or a user and password",
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
        """Call a function with the session. If the session was lost, sign in and call the function again.

        :param send: sends a request. Repeating it is safe: Tableau rejects a lost session before it does anything
        :raises TableauSessionStolen: the session of a personal access token was lost three times
        :raises SessionLost: the session of another credential was lost three times
        """
        session = self.current()
        for attempt in attempts(1 + RE_SIGN_INS, lambda error: isinstance(error, SessionLost), backoff=0.0):
            if attempt.previous is not None:
                session = self._renew(session)
            with attempt:
                try:
                    result = send(session)
                except SessionLost as error:
                    if attempt.number > RE_SIGN_INS:
                        raise self._stolen_error(session, error) from error
                    raise
        return result

    def current(self) -> Session:
        """Return the session. Signs in if there is none, or if it may expire within the next call."""
        with self._lock:
            session = self._session
            if session is None or self._clock() - session.began > SESSION_SECONDS:
                session = self._sign_in()
            return session

    def end(self) -> None:
        """Sign out. Errors are only logged: the work is done, and a lost session has ended already."""
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        try:
            self._http().request("POST", "auth/signout", headers=session.headers, idempotent=False)
        except WorkplaceError as error:
            log.info("sign-out failed; the session will expire: %s", error)

    def _renew(self, lost: Session) -> Session:
        with self._lock:
            # If another thread has signed in in the meantime, a second sign-in would end that thread's session.
            if self._session is None or self._session is lost:
                self._next = (lost.credential + 1) % len(self._credentials)
                self.re_sign_ins += 1
                return self._sign_in()
            return self._session

    def _sign_in(self) -> Session:
        credential = self._credentials[self._next]
        http = self._http()

        def decode(response: requests.Response) -> ResponseNode:
            credentials = parse_response(http, response).first("credentials")
            if not credentials.get("token") or not credentials.first("site").get("id"):
                raise http.invalid_response(response, BadResponse, "the response to the sign-in has no token")
            return credentials

        response = http.exchange(
            "POST",
            "auth/signin",
            decode,
            content=sign_in_body(credential, self._site),
            headers={"Content-Type": XML, "Accept": XML},
            # A repeated sign-in is safe: the second session replaces the first.
            idempotent=True,
        )
        token, site = response.get("token"), response.first("site")
        self._on_secret(token)
        self._session = Session(
            token=token,
            site_id=site.get("id"),
            site=site.get("contentUrl", self._site),
            user_id=response.first("user").get("id"),
            credential=self._next,
            began=self._clock(),
        )
        log.info(
            "signed in with %s to %s", describe(credential), f"the site {self._site!r}" if self._site else "the default site"
        )
        return self._session

    def _stolen_error(self, session: Session, error: SessionLost) -> WorkplaceError:
        credential = self._credentials[session.credential]
        problem = f"the session was ended {RE_SIGN_INS + 1} times during one call"
        request: dict[str, Any] = {
            "system": SYSTEM,
            "method": error.method,
            "url": error.url,
            "status": error.status,
            "code": error.code,
        }
        if isinstance(credential, PersonalAccessToken):
            return TableauSessionStolen(
                f"{problem}: a personal access token has one session at a time, and another program signs in with "
                f"{credential.name!r}",
                **request,
                advice="run tasks that share a token in a pool with one slot (tableau_pat), add more tokens (extra pats) or "
                "use a connected app; do not use this token in other tools",
            )
        return SessionLost(
            f"{problem}, with {describe(credential)}", **request, advice="ask the site's administrator", retryable=True
        )
