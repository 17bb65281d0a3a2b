"""The kinds of credentials that Confluence Cloud takes, and by which way each goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from workplace_provider.confluence.auth.oauth import RefreshTokenAuth, ServiceAccount, TokenEndpoint
from workplace_provider.confluence.auth.sites import Atlassian
from workplace_provider.http.client import Basic, HttpSettings

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.confluence.auth.token_store import TokenStore


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token without scopes, which goes to the site itself with its account's e-mail address."""

    email: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScopedToken:
    """An API token with scopes, which only the gateway takes, with its account's e-mail address.

    :param cloud_id: of the site; looked up when empty
    """

    email: str
    token: str = field(repr=False)
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An OAuth app that a person has consented to.

    :param store: where the tokens of the consent are kept
    :param cloud_id: of the site, when the consent is for several and no host tells
    """

    client_id: str
    client_secret: str = field(repr=False)
    store: TokenStore
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


@dataclass(frozen=True, slots=True)
class ServiceAccountApp:
    """The OAuth credential of a service account, which nobody has to consent to.

    :param cloud_id: of the site, when the account may use several and no host tells
    """

    client_id: str
    client_secret: str = field(repr=False)
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


CloudCredential: TypeAlias = ApiToken | ScopedToken | OAuthApp | ServiceAccountApp


def auth_for(credential: CloudCredential, settings: HttpSettings | None, sleep: Callable[[float], None]) -> AuthBase:
    """Return what signs requests with a credential.

    :param credential: any of the kinds above
    :param settings: time-outs, TLS and limits of requests for tokens
    :param sleep: waits for that many seconds
    """
    if isinstance(credential, ApiToken | ScopedToken):
        return Basic(credential.email, credential.token)
    endpoint = TokenEndpoint(
        credential.client_id, credential.client_secret, credential.atlassian.auth, settings=settings, sleep=sleep
    )
    if isinstance(credential, OAuthApp):
        return RefreshTokenAuth(endpoint, credential.store, sleep=sleep)
    return ServiceAccount(endpoint)
