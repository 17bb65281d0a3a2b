"""The kinds of credentials for Atlassian's cloud, and the site that each of them is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from workplace_provider.common.atlassian.oauth import RefreshTokenAuth, ServiceAccount, TokenEndpoint
from workplace_provider.common.atlassian.sites import Atlassian, Site, find_by_host, find_by_token, site_url
from workplace_provider.http.client import Basic, HttpSettings

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.common.atlassian.token_store import TokenStore


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


def find_site(
    credential: ScopedToken | OAuthApp | ServiceAccountApp,
    host: str,
    auth: AuthBase,
    system: str,
    settings: HttpSettings | None,
    sleep: Callable[[float], None],
) -> Site:
    """Return the site of a credential that only Atlassian's gateway accepts.

    :param host: URL of the site; may be empty when the credential has a cloud id, or is for one site only
    :param auth: authentication by this credential
    :param system: the product, for errors
    :return: the site; its URL is empty when only a token with scopes and a cloud id are given
    """
    cloud_id, url = credential.cloud_id, site_url(host)
    if cloud_id and (url or isinstance(credential, ScopedToken)):
        return Site(cloud_id, url)
    if isinstance(credential, ScopedToken):
        return find_by_host(url, system, settings, sleep)
    return find_by_token(url, cloud_id, auth, credential.atlassian, settings, sleep)
