"""OAuth 2.0 of Atlassian: consent of a person with rotating refresh tokens, and service accounts.

An access token lasts an hour. A refresh token works once and returns the next one. If it is used again within ten minutes,
it still returns one, because requests may cross. If it is used later, all tokens of the consent end, and a person has to
consent again. Therefore:

* A task refreshes tokens only under the locks of the store, and reads the store after each lock: in most cases another task
  has refreshed them in the meantime.
* A new refresh token is stored before the access token that came with it is used. If a task is killed in between, the store
  still has the old refresh token, which works for ten minutes.
* If a response is lost, the same refresh token is sent again at once.
* If a refresh token is refused, the store is read again. If it has another token, another task was faster, and its token is
  used. If it has the same token, the consent has ended.
"""

from __future__ import annotations

import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from requests.auth import AuthBase

from workplace_provider.common.atlassian.token_store import TokenSet, TokenStore
from workplace_provider.http.attempts import attempts
from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.credentials import InvalidCredential, check_token
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.errors import WorkplaceError

log = get_logger("workplace_provider.atlassian")

SYSTEM: Final = "Atlassian"
OFFLINE: Final = "offline_access"
"""Without this scope a consent gives no refresh token, and ends after an hour."""

MARGIN: Final = 120.0
"""Seconds before its expiry at which an access token is replaced."""

DEFAULT_LIFETIME: Final = 3600.0
LONGEST_LIFETIME: Final = 24 * 3600.0
"""Longest lifetime in seconds that is believed: an access token with a longer one would never be replaced."""

ATTEMPTS: Final = 3
GRANT_ENDED: Final = "invalid_grant"
CONSENT_AGAIN: Final = (
    "a consent ends after 90 days without use and after a year in any case, or it was revoked: "
    "consent again with workplace-confluence-login, or under Admin, Connect Atlassian"
)


class TokenEndpoint:
    """Atlassian's token endpoint.

    :param client_id: of the app or the service account
    :param client_secret: its secret
    :param auth_url: URL of Atlassian's token server
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
        """Return the next tokens. Idempotent within ten minutes.

        :raises AuthFailed: with the code ``invalid_grant`` when the refresh token is not valid any more
        """
        tokens = self._request({"grant_type": "refresh_token", "refresh_token": refresh_token})
        return tokens if tokens.refresh_token else replace(tokens, refresh_token=refresh_token)

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> TokenSet:
        """Return the first tokens of a consent, for the code that it returned."""
        return self._request(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            idempotent=False,
        )

    def client_credentials(self) -> TokenSet:
        """Return an access token of a service account."""
        return self._request({"grant_type": "client_credentials"})

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _request(self, grant: Mapping[str, str], *, idempotent: bool = True) -> TokenSet:
        requested_at = self._now()
        response = self._http.request("POST", "oauth/token", json={**self._app, **grant}, idempotent=idempotent)
        data: Any = self._http.json_of(response)
        if not isinstance(data, Mapping) or not data.get("access_token"):
            raise BadResponse("the response has no access token", system=SYSTEM, method="POST", url=response.url)
        return TokenSet(
            access_token=self._token(data["access_token"], "access token", response.url),
            expires_at=requested_at + _lifetime(data.get("expires_in")),
            refresh_token=self._token(data.get("refresh_token") or "", "refresh token", response.url),
            issued_at=requested_at,
            scopes=tuple(str(data.get("scope") or "").split()),
        )

    def _token(self, value: Any, what: str, url: str) -> str:
        # Checked before it is sent in a header or replaces a working token in the store.
        try:
            if not isinstance(value, str):
                raise InvalidCredential(f"the {what} is not text")
            return check_token(value, f"the {what}")
        except InvalidCredential as error:
            raise BadResponse(f"the response cannot be used: {error}", system=SYSTEM, method="POST", url=url) from None


class TokenAuth(AuthBase):
    """Authentication by an access token, which is renewed before it expires and when it is refused.

    :param endpoint: issues the tokens
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
        """Return tokens that are still valid when a request arrives."""
        with self._lock:
            if self._tokens is None or not self._lasts(self._tokens):
                self._tokens = self._next(self._tokens)
            return self._tokens

    def renew(self, sent: str) -> bool:
        """Get a new access token in place of a refused one, unless another thread has done that."""
        with self._lock:
            if self._tokens is None or self._tokens.bearer == sent:
                self._tokens = self._next(self._tokens)
            return self._tokens.bearer != sent

    def recover(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Renew the access token after a request was refused for it.

        :return: whether to send the request again
        """
        # A redirect to another host removes the credential, so such a request says nothing about the token.
        sent = str(request.headers.get("Authorization", ""))
        return bool(sent) and isinstance(failure, AuthFailed) and self.renew(sent)

    def outdated(self, sent: str) -> bool:
        """Return whether another access token is in use by now."""
        return self._tokens is not None and self._tokens.bearer != sent

    def scopes(self) -> Collection[str]:
        """Return the scopes of the access token, as far as they are known."""
        return self._tokens.scopes if self._tokens else ()

    def close(self) -> None:
        """Close the connections to the token server."""
        self._endpoint.close()

    def _lasts(self, tokens: TokenSet) -> bool:
        return bool(tokens.access_token) and tokens.expires_at - self._now() > MARGIN

    def _next(self, used: TokenSet | None) -> TokenSet:
        """Return other tokens than the ones used so far."""
        raise NotImplementedError


class ServiceAccount(TokenAuth):
    """The credential of a service account. Each client gets its own token, and none is stored."""

    def _next(self, used: TokenSet | None) -> TokenSet:
        return self._endpoint.client_credentials()


class _TokensReplaced(AuthFailed):
    """Another process replaced the tokens, and those it stored have expired already."""


class RefreshTokenAuth(TokenAuth):
    """The credential of a consent, whose refresh token rotates.

    :param endpoint: issues the tokens
    :param store: stores them for all tasks that use the consent
    :param sleep: sleeps between attempts
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
        stored = self._load()
        if self._is_newer(stored, used):
            return stored
        with ExitStack() as held:
            for lock in self._store.locks(lambda: self._is_newer(self._load(), used)):
                held.enter_context(lock)
                stored = self._load()
                if self._is_newer(stored, used):
                    return stored
            return self._rotate(stored)

    def _is_newer(self, stored: TokenSet, used: TokenSet | None) -> bool:
        return self._lasts(stored) and (used is None or stored.access_token != used.access_token)

    def _rotate(self, stored: TokenSet) -> TokenSet:
        for attempt in attempts(ATTEMPTS, lambda error: isinstance(error, _TokensReplaced), backoff=0.0):
            with attempt:
                tokens = self._refresh(stored if attempt.previous is None else self._load())
        return tokens

    def _refresh(self, stored: TokenSet) -> TokenSet:
        """Return new tokens, or those that another process has stored in the meantime."""
        if not stored.refresh_token:
            raise AuthFailed(
                f"the access token in {self._store.name} has expired, and no refresh token is stored",
                system=SYSTEM,
                advice=f"consent again, with the scope {OFFLINE}",
            )
        try:
            fresh = self._endpoint.refresh(stored.refresh_token)
        except AuthFailed as error:
            if error.code != GRANT_ENDED:
                raise
            current = self._load()
            if current.refresh_token == stored.refresh_token:
                error.advice = CONSENT_AGAIN
                raise
            if self._lasts(current):
                return current
            message = f"other tasks keep replacing the tokens in {self._store.name}"
            raise _TokensReplaced(message, system=SYSTEM, advice="run it again") from error
        self._save(fresh)
        return fresh

    def _save(self, fresh: TokenSet) -> None:
        try:
            for attempt in attempts(ATTEMPTS, lambda _: True, errors=Exception, sleep=self._sleep):
                with attempt:
                    self._store.save(fresh)
        except Exception:
            # Retried after any error: the old refresh token is used up, and the new one exists only in this process.
            log.exception(
                "the new tokens could not be stored in %s; the old refresh token works for ten minutes more",
                self._store.name,
            )
            raise
        log.info("refreshed the tokens in %s", self._store.name)

    def _load(self) -> TokenSet:
        tokens = self._store.load()
        if tokens is None:
            raise AuthFailed(
                f"no tokens in {self._store.name}",
                system=SYSTEM,
                advice="consent first, with workplace-confluence-login, or under Admin, Connect Atlassian",
            )
        return tokens


@dataclass(frozen=True, slots=True)
class Consent:
    """A request for a person's consent.

    :param client_id: client id of the app
    :param redirect_uri: URL that Atlassian redirects the person to; one of the app's callback URLs
    :param scopes: requested scopes, besides ``offline_access``
    :param state: returned with the redirect; a redirect with another state belongs to another request
    :param verifier: proves that the code is exchanged by the process that requested it (PKCE, RFC 7636)
    """

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    def url(self, auth_url: str) -> str:
        """Return the URL to open in the person's browser.

        :param auth_url: URL of Atlassian's token server
        """
        challenge = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "audience": "api.atlassian.com",
                "client_id": self.client_id,
                "scope": " ".join((*self.scopes, OFFLINE)),
                "redirect_uri": self.redirect_uri,
                "state": self.state,
                "response_type": "code",
                "prompt": "consent",
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{auth_url.rstrip('/')}/authorize?{query}"

    def tokens(self, query: Mapping[str, str], endpoint: TokenEndpoint) -> TokenSet:
        """Exchange the code of a redirect for tokens.

        :param query: the query parameters of the redirect
        :raises Invalid: when they belong to another request, or the person declined
        """
        if not secrets.compare_digest(query.get("state", "").encode(), self.state.encode()):
            raise Invalid("the redirect belongs to another request", system=SYSTEM, advice="start the consent again")
        if "code" not in query:
            reason = query.get("error_description") or query.get("error") or "the redirect has no code"
            raise Invalid(f"the consent was not given: {reason}", system=SYSTEM, advice="start the consent again")
        tokens = endpoint.exchange(query["code"], self.redirect_uri, self.verifier)
        if not tokens.refresh_token:
            raise Invalid(
                "the consent has no refresh token, and would end after an hour",
                system=SYSTEM,
                advice=f"request the scope {OFFLINE} too",
            )
        return tokens


def missing_scopes(tokens: TokenSet, needed: Iterable[str]) -> list[str]:
    """Return the needed scopes that were not granted; empty when the granted ones are unknown."""
    return sorted(set(needed) - set(tokens.scopes)) if tokens.scopes else []


def parse_error(response: ErrorResponse) -> ErrorDetails:
    """Parse the error format of RFC 6749, ``{"error", "error_description"}``."""
    data = response.json if isinstance(response.json, dict) else {}
    code, message = str(data.get("error") or ""), str(data.get("error_description") or data.get("error") or "")
    if code == GRANT_ENDED or (response.status == 403 and "refresh token" in message):
        return ErrorDetails(AuthFailed, message, GRANT_ENDED, CONSENT_AGAIN)
    if code in ("access_denied", "invalid_client", "unauthorized_client") or response.status == 401:
        advice = "check the client id and the client secret in the connection (login and password)"
        return ErrorDetails(AuthFailed, message, code, advice)
    return ErrorDetails(None, message, code)


def _lifetime(value: Any) -> float:
    """Return the lifetime of an access token in seconds.

    An invalid number is replaced, not raised: the refresh token that came with it must be stored, because the old one is
    used up.
    """
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_LIFETIME
    return seconds if 0 < seconds <= LONGEST_LIFETIME else DEFAULT_LIFETIME
