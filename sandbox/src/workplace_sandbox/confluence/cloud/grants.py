"""The state of Atlassian's OAuth: apps, consents, codes, and families of rotating tokens. Source: reference section 2.6.

A refresh token works once and returns a new one of the same family. Within ten minutes it works again, for two requests
that crossed; a later use ends the whole family, because the token has leaked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workplace_sandbox.confluence.cloud.accounts import BOT
from workplace_sandbox.confluence.cloud.scopes import ALL, OFFLINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workplace_sandbox.confluence.cloud.clock import CloudClock

ACCESS_LIFETIME = timedelta(hours=1)
CODE_LIFETIME = timedelta(minutes=10)
LEEWAY = timedelta(minutes=10)
INACTIVITY = timedelta(days=90)
ABSOLUTE = timedelta(days=365)


class GrantError(Exception):
    """The reason why no token is issued.

    :param status: HTTP status of the response.
    :param error: the error code of RFC 6749.
    :param description: Atlassian's description.
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An OAuth app: one that people consent to, or a service account.

    :param redirects: the allowed redirect addresses, besides any address of this machine.
    """

    client_id: str
    secret: str
    name: str
    kind: Literal["consent", "service"]
    scopes: tuple[str, ...]
    redirects: tuple[str, ...] = ()


WEB_APP = OAuthApp("sandbox-cloud-client", "sandbox-cloud-secret", "주간 보고 (sandbox)", "consent", (*ALL, OFFLINE))
SERVICE = OAuthApp("sandbox-service-client", "sandbox-service-secret", "report-bot service account", "service", ALL)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """An authorization code, which works once."""

    app: OAuthApp
    username: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None
    expires: datetime


@dataclass(slots=True)
class TokenFamily:
    """The result of one consent: all access and refresh tokens since.

    :param begun: when the person consented; the family ends a year later.
    :param cut_off: whether its access tokens are invalid as well, as after the person revoked the consent.
    """

    id: str
    app: OAuthApp
    username: str
    scopes: tuple[str, ...]
    begun: datetime
    ended: bool = False
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token."""

    family: TokenFamily
    expires: datetime


@dataclass(slots=True)
class RefreshToken:
    """A refresh token; ``used`` is when it was first used."""

    family: TokenFamily
    issued: datetime
    used: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """A response of the token endpoint.

    :param refresh: None without ``offline_access``, and for service accounts.
    """

    access: str
    refresh: str | None
    expires_in: int
    scopes: tuple[str, ...]
    family: TokenFamily = field(repr=False)


class OAuthState:
    """The state of ``auth.atlassian.com``.

    :param clock: the clock by which tokens expire.
    """

    def __init__(self, clock: CloudClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.access_lifetime = ACCESS_LIFETIME
        self._apps: dict[str, OAuthApp] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}
        self.reset()

    def reset(self) -> None:
        """Remove all consents."""
        with self._lock:
            self.access_lifetime = ACCESS_LIFETIME
            self._apps = {app.client_id: app for app in (WEB_APP, SERVICE)}
            self._codes.clear()
            self._access.clear()
            self._refresh.clear()

    # --- apps

    def app(self, client_id: str) -> OAuthApp | None:
        """Return the app of that id, or None."""
        with self._lock:
            return self._apps.get(client_id)

    def add_app(self, app: OAuthApp) -> None:
        """Register an app, or change the one of that id."""
        with self._lock:
            self._apps[app.client_id] = app

    def authenticate(self, client_id: str, secret: str) -> OAuthApp:
        """Return the app with this id and secret.

        :raises GrantError: the app is unknown, or the secret is wrong.
        """
        app = self.app(client_id)
        if app is None or not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise GrantError(401, "access_denied", "Unauthorized")
        return app

    # --- tokens

    def consent(
        self, app: OAuthApp, username: str, scopes: Iterable[str], redirect_uri: str, challenge: str | None = None
    ) -> str:
        """Record a person's consent.

        :param challenge: ``code_challenge`` of PKCE, by SHA-256.
        :return: the authorization code.
        """
        code = f"sandbox-code-{uuid.uuid4().hex}"
        expires = self._clock.now() + CODE_LIFETIME
        with self._lock:
            self._codes[code] = AuthorizationCode(app, username, tuple(scopes), redirect_uri, challenge, expires)
        return code

    def exchange(self, app: OAuthApp, code: str, redirect_uri: str, verifier: str | None) -> IssuedTokens:
        """Return tokens for an authorization code.

        :raises GrantError: the code is unknown, used, expired or another app's, or the address or verifier does not fit.
        """
        with self._lock:
            grant = self._codes.pop(code, None)
            if grant is None or grant.app.client_id != app.client_id or grant.expires <= self._clock.now():
                raise GrantError(403, "invalid_grant", "Invalid authorization code")
            if grant.redirect_uri != redirect_uri:
                raise GrantError(403, "invalid_grant", "The redirect URI is wrong")
            if grant.challenge is not None and grant.challenge != _challenge(verifier or ""):
                raise GrantError(403, "invalid_grant", "Failed to verify code verifier")
            family = TokenFamily(uuid.uuid4().hex, app, grant.username, grant.scopes, self._clock.now())
            return self._issue(family, with_refresh=OFFLINE in grant.scopes)

    def rotate(self, app: OAuthApp, refresh_token: str) -> IssuedTokens:
        """Return new tokens for a refresh token.

        :raises GrantError: it is unknown, another app's, too old, used before, or its family has ended.
        """
        refused = GrantError(403, "invalid_grant", "Unknown or invalid refresh token.")
        with self._lock:
            refresh = self._refresh.get(refresh_token)
            at = self._clock.now()
            if refresh is None or refresh.family.app.client_id != app.client_id or refresh.family.ended:
                raise refused
            if at >= refresh.issued + INACTIVITY or at >= refresh.family.begun + ABSOLUTE:
                raise refused
            if refresh.used is not None and at > refresh.used + LEEWAY:
                refresh.family.ended = True
                raise refused
            if refresh.used is None:
                refresh.used = at
            return self._issue(refresh.family, with_refresh=True)

    def serve(self, app: OAuthApp) -> IssuedTokens:
        """Return a token for a service account, which has no refresh token.

        :raises GrantError: the app is for people.
        """
        if app.kind != "service":
            raise GrantError(403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.")
        with self._lock:
            family = TokenFamily(uuid.uuid4().hex, app, BOT, app.scopes, self._clock.now())
            return self._issue(family, with_refresh=False)

    def revoke(self, app: OAuthApp, token: str) -> None:
        """Revoke a token at the app's request; an unknown token is not an error (RFC 7009)."""
        with self._lock:
            issued = self._refresh.get(token) or self._access.get(token)
            if issued is not None and issued.family.app.client_id == app.client_id:
                issued.family.ended = issued.family.cut_off = True

    def access(self, token: str) -> TokenFamily | None:
        """Return the family of an access token; None when the token is unknown, expired or cut off."""
        with self._lock:
            issued = self._access.get(token)
            if issued is None or issued.family.cut_off or issued.expires <= self._clock.now():
                return None
            return issued.family

    # --- the end of consents and tokens

    def end_families(self, username: str | None = None) -> int:
        """End consents, with all their tokens.

        :param username: the person; everyone when None.
        :return: the number of consents.
        """
        with self._lock:
            every = [entry.family for entry in self._refresh.values()]
            every += [entry.family for entry in self._access.values()]
            families = {family.id: family for family in every if username in (None, family.username)}
            ending = [family for family in families.values() if not family.cut_off]
            for family in ending:
                family.ended = family.cut_off = True
            return len(ending)

    def end_family(self, token: str) -> bool:
        """End the family of an access or refresh token; its valid access tokens end as well.

        :return: whether there is such a token.
        """
        with self._lock:
            issued = self._refresh.get(token) or self._access.get(token)
            if issued is not None:
                issued.family.ended = issued.family.cut_off = True
            return issued is not None

    def expire_access(self) -> int:
        """Expire all access tokens.

        :return: their number.
        """
        with self._lock:
            count = len(self._access)
            self._access.clear()
            return count

    def _issue(self, family: TokenFamily, *, with_refresh: bool) -> IssuedTokens:
        at = self._clock.now()
        access = f"sandbox-access-{uuid.uuid4().hex}{uuid.uuid4().hex}"
        self._access[access] = AccessToken(family, at + self.access_lifetime)
        refresh = None
        if with_refresh:
            refresh = f"sandbox-refresh-{uuid.uuid4().hex}{uuid.uuid4().hex}"
            self._refresh[refresh] = RefreshToken(family, at)
        granted = tuple(scope for scope in family.scopes if scope != OFFLINE or with_refresh)
        return IssuedTokens(access, refresh, int(self.access_lifetime.total_seconds()), granted, family)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
