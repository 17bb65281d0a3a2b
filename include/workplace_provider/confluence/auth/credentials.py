"""The kinds of credentials for Confluence Cloud, and the URL that accepts each of them."""

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
    """An API token without scopes. It is sent to the site itself, with the e-mail address of its account."""

    email: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScopedToken:
    """An API token with scopes. Only Atlassian's gateway accepts it, with the e-mail address of its account.

    :param cloud_id: cloud id of the site; looked up when empty
    """

    email: str
    token: str = field(repr=False)
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An OAuth app that a person has consented to.

    :param store: store of the consent's tokens
    :param cloud_id: cloud id of the site, when the consent is for several sites and no host is given
    """

    client_id: str
    client_secret: str = field(repr=False)
    store: TokenStore
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


@dataclass(frozen=True, slots=True)
class ServiceAccountApp:
    """The OAuth credential of a service account, which needs no consent.

    :param cloud_id: cloud id of the site, when the account may use several sites and no host is given
    """

    client_id: str
    client_secret: str = field(repr=False)
    cloud_id: str = ""
    atlassian: Atlassian = field(default_factory=Atlassian)


CloudCredential: TypeAlias = ApiToken | ScopedToken | OAuthApp | ServiceAccountApp


def auth_for(credential: CloudCredential, settings: HttpSettings | None, sleep: Callable[[float], None]) -> AuthBase:
    """Return the authentication that puts a credential on requests.

    :param credential: any of the kinds above
    :param settings: time-outs, TLS and limits of requests for tokens
    :param sleep: sleeps for that many seconds
    """
    if isinstance(credential, ApiToken | ScopedToken):
        return Basic(credential.email, credential.token)
    endpoint = TokenEndpoint(
        credential.client_id, credential.client_secret, credential.atlassian.auth, settings=settings, sleep=sleep
    )
    if isinstance(credential, OAuthApp):
        return RefreshTokenAuth(endpoint, credential.store, sleep=sleep)
    return ServiceAccount(endpoint)
