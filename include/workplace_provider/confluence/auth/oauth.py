"""OAuth 2.0 of Atlassian: consent of a person with rotating refresh tokens, and service accounts.

An access token lasts an hour. A refresh token works once and gives the next one; used again within ten minutes it still
gives one, for requests that crossed, and used later it ends the whole family: then a person has to consent again. So:

* Whoever refreshes holds the locks of the store, and looks into the store after each of them: most find that another
  has refreshed meanwhile.
* A new refresh token is written into the store before anything is done with what came with it. Whoever dies in between has
  left the old one there, which is good for ten minutes.
* An answer that is lost is asked for again with the same refresh token, at once.
* When a refresh token is refused, the store is read again: another one there means that the race was lost, and that one is
  used; the same one means that the family has ended.
"""

from __future__ import annotations

import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from requests.auth import AuthBase

from workplace_provider.confluence.auth.scopes import OFFLINE, SCOPES
from workplace_provider.confluence.auth.token_store import TokenSet, TokenStore
from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.credentials import InvalidCredential, check_token
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    import requests

    from workplace_provider.confluence.auth.sites import Atlassian

log = get_logger("workplace_provider.confluence")

SYSTEM: Final = "Atlassian"
MARGIN: Final = 120.0
"""Seconds before its end at which an access token is replaced."""

USUAL_SECONDS: Final = 3600.0
LONGEST_SECONDS: Final = 24 * 3600.0
"""No access token of Atlassian lives longer; one that claims to would never be replaced."""

ATTEMPTS: Final = 3
GRANT_ENDED: Final = "invalid_grant"
CONSENT_AGAIN: Final = (
    "a consent ends after 90 days without use and after a year in any case, or it was taken back: "
    "consent again with workplace-confluence-login, or under Admin, Connect Confluence"
)


class TokenEndpoint:
    """Where Atlassian gives out tokens.

    :param client_id: of the app or the service account
    :param client_secret: its secret
    :param auth_url: Atlassian's address for that
    :param settings: time-outs, TLS and limits
    :param sleep: waits between attempts
    :param now: seconds since 1970
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        auth_url: str,
        *,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = {"client_id": client_id, "client_secret": client_secret}
        self._http = HttpClient(auth_url, system=SYSTEM, settings=settings, parse_error=parse_error, sleep=sleep)
        self._now = now

    def refresh(self, refresh_token: str) -> TokenSet:
        """The next tokens. Sending it again within ten minutes is as good as once.

        :raises AuthFailed: with the code ``invalid_grant`` when the refresh token is no good any more
        """
        given = self._given({"grant_type": "refresh_token", "refresh_token": refresh_token})
        return given if given.refresh_token else _with_refresh_token(given, refresh_token)

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> TokenSet:
        """The first tokens, for the code that a consent gave."""
        return self._given(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            idempotent=False,
        )

    def client_credentials(self) -> TokenSet:
        """An access token of a service account."""
        return self._given({"grant_type": "client_credentials"})

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _given(self, grant: Mapping[str, str], *, idempotent: bool = True) -> TokenSet:
        asked_at = self._now()
        answer = self._http.request("POST", "oauth/token", json={**self._app, **grant}, idempotent=idempotent)
        data: Any = self._http.json_of(answer)
        if not isinstance(data, Mapping) or not data.get("access_token"):
            raise BadResponse("no access token in the answer", system=SYSTEM, method="POST", url=answer.url)
        return TokenSet(
            access_token=self._token(data["access_token"], "access token", answer.url),
            expires_at=asked_at + _seconds(data.get("expires_in")),
            refresh_token=self._token(data.get("refresh_token") or "", "refresh token", answer.url),
            issued_at=asked_at,
            scopes=tuple(str(data.get("scope") or "").split()),
        )

    def _token(self, value: Any, what: str, url: str) -> str:
        # It goes into a header and into the store, where it takes the place of one that works.
        try:
            if not isinstance(value, str):
                raise InvalidCredential(f"the {what} is no text")
            return check_token(value, f"the {what}")
        except InvalidCredential as error:
            raise BadResponse(f"the answer is unusable: {error}", system=SYSTEM, method="POST", url=url) from None


class TokenAuth(AuthBase):
    """Puts an access token on requests, and renews it before it ends and when it is refused.

    :param endpoint: where the tokens come from
    :param now: seconds since 1970
    """

    def __init__(self, endpoint: TokenEndpoint, now: Callable[[], float] = time.time) -> None:
        self._endpoint = endpoint
        self._now = now
        self._lock = threading.Lock()
        self._tokens: TokenSet | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request."""
        request.headers["Authorization"] = self.current().bearer
        return request

    def current(self) -> TokenSet:
        """Tokens that will still be good when a request arrives."""
        with self._lock:
            if self._tokens is None or not self._lasts(self._tokens):
                self._tokens = self._next(self._tokens)
            return self._tokens

    def renew(self, sent: str) -> bool:
        """Get a new access token in place of a refused one, unless that was done already."""
        with self._lock:
            if self._tokens is None or self._tokens.bearer == sent:
                self._tokens = self._next(self._tokens)
            return self._tokens.bearer != sent

    def outdated(self, sent: str) -> bool:
        """Whether another access token is in use by now."""
        return self._tokens is not None and self._tokens.bearer != sent

    def scopes(self) -> Collection[str]:
        """What the access token may do, as far as is known."""
        return self._tokens.scopes if self._tokens else ()

    def close(self) -> None:
        """Close the connections to where tokens come from."""
        self._endpoint.close()

    def _lasts(self, tokens: TokenSet) -> bool:
        return bool(tokens.access_token) and tokens.expires_at - self._now() > MARGIN

    def _next(self, used: TokenSet | None) -> TokenSet:
        """Other tokens than those that were used so far, if any were."""
        raise NotImplementedError


class ServiceAccount(TokenAuth):
    """The credential of a service account; every client gets a token for itself, and nothing is kept."""

    def _next(self, used: TokenSet | None) -> TokenSet:
        return self._endpoint.client_credentials()


class RefreshTokenAuth(TokenAuth):
    """The credential of a consent.

    :param endpoint: where the tokens come from
    :param store: where they are kept, for all tasks that use the consent
    :param sleep: waits between attempts
    :param now: seconds since 1970
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        store: TokenStore,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(endpoint, now)
        self._store = store
        self._sleep = sleep

    def _next(self, used: TokenSet | None) -> TokenSet:
        stored = self._loaded()
        if self._serves(stored, used):
            return stored
        with ExitStack() as held:
            for lock in self._store.locks(lambda: self._serves(self._loaded(), used)):
                held.enter_context(lock)
                stored = self._loaded()
                if self._serves(stored, used):
                    return stored
            return self._rotated(stored)

    def _serves(self, stored: TokenSet, used: TokenSet | None) -> bool:
        return self._lasts(stored) and (used is None or stored.access_token != used.access_token)

    def _rotated(self, stored: TokenSet) -> TokenSet:
        for _ in range(ATTEMPTS):
            if not stored.refresh_token:
                raise AuthFailed(
                    f"the access token in {self._store.name} has ended, and there is no refresh token",
                    system=SYSTEM,
                    advice=f"consent again, with the scope {OFFLINE}",
                )
            try:
                fresh = self._endpoint.refresh(stored.refresh_token)
            except AuthFailed as error:
                if error.code != GRANT_ENDED:
                    raise
                now_stored = self._loaded()
                if now_stored.refresh_token == stored.refresh_token:
                    error.advice = CONSENT_AGAIN
                    raise
                if self._lasts(now_stored):
                    return now_stored
                stored = now_stored
            else:
                self._save(fresh)
                return fresh
        raise AuthFailed(f"the tokens in {self._store.name} change all the time", system=SYSTEM, advice="run it again")

    def _save(self, fresh: TokenSet) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._store.save(fresh)
            except Exception:
                # Whatever went wrong in the store, the token before is used up, and this one is nowhere but here.
                if attempt == ATTEMPTS:
                    log.exception(
                        "the new tokens could not be written into %s; the old refresh token is good for ten minutes more",
                        self._store.name,
                    )
                    raise
                self._sleep(0.5 * attempt)
            else:
                log.info("refreshed the tokens in %s", self._store.name)
                return

    def _loaded(self) -> TokenSet:
        tokens = self._store.load()
        if tokens is None:
            raise AuthFailed(
                f"there are no tokens in {self._store.name}",
                system=SYSTEM,
                advice="consent first, with workplace-confluence-login, or under Admin, Connect Confluence",
            )
        return tokens


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that a person is asked for.

    :param client_id: of the app
    :param redirect_uri: where the person is sent back to; one of those in the app's settings
    :param scopes: what is asked for
    :param state: comes back with the person; an answer with another one is somebody else's
    :param verifier: proves later that the code is exchanged by whoever asked for it (PKCE, RFC 7636)
    """

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...] = (*SCOPES, OFFLINE)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    def url(self, atlassian: Atlassian) -> str:
        """Where to send the person."""
        challenge = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "audience": "api.atlassian.com",
                "client_id": self.client_id,
                "scope": " ".join(self.scopes),
                "redirect_uri": self.redirect_uri,
                "state": self.state,
                "response_type": "code",
                "prompt": "consent",
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{atlassian.auth.rstrip('/')}/authorize?{query}"

    def tokens(self, answer: Mapping[str, str], endpoint: TokenEndpoint) -> TokenSet:
        """The tokens for what a person came back with.

        :param answer: the query of the address that the person was sent back to
        :raises Invalid: when that is no answer to this consent, or the person declined
        """
        if not secrets.compare_digest(answer.get("state", "").encode(), self.state.encode()):
            raise Invalid("the answer is to another request", system=SYSTEM, advice="begin the consent again")
        if "code" not in answer:
            said = answer.get("error_description") or answer.get("error") or "no code in the answer"
            raise Invalid(f"there is no consent: {said}", system=SYSTEM, advice="begin the consent again")
        tokens = endpoint.exchange(answer["code"], self.redirect_uri, self.verifier)
        if not tokens.refresh_token:
            raise Invalid(
                "the consent gives no refresh token, and would end after an hour",
                system=SYSTEM,
                advice=f"ask for the scope {OFFLINE} too",
            )
        return tokens


def missing_scopes(tokens: TokenSet) -> list[str]:
    """What of the scopes that everything here works with was not granted; nothing when it is not known what was."""
    return sorted(set(SCOPES) - set(tokens.scopes)) if tokens.scopes else []


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Read the error format of RFC 6749, ``{"error", "error_description"}``.

    :param answer: an answer that is no success
    """
    data = answer.json if isinstance(answer.json, dict) else {}
    code, said = str(data.get("error") or ""), str(data.get("error_description") or data.get("error") or "")
    if code == GRANT_ENDED or (answer.status == 403 and "refresh token" in said):
        return ErrorDetails(AuthFailed, said, GRANT_ENDED, CONSENT_AGAIN)
    if code in ("access_denied", "invalid_client", "unauthorized_client") or answer.status == 401:
        return ErrorDetails(
            AuthFailed, said, code, "check the client id and the client secret in the connection (login and password)"
        )
    return ErrorDetails(None, said, code)


def _seconds(given: Any) -> float:
    """How long an access token is good for.

    What is no such number must not cost the refresh token that came with it: the one before is used up.
    """
    try:
        seconds = float(given)
    except (TypeError, ValueError, OverflowError):
        return USUAL_SECONDS
    return seconds if 0 < seconds <= LONGEST_SECONDS else USUAL_SECONDS


def _with_refresh_token(tokens: TokenSet, refresh_token: str) -> TokenSet:
    return TokenSet(tokens.access_token, tokens.expires_at, refresh_token, tokens.issued_at, tokens.scopes)
