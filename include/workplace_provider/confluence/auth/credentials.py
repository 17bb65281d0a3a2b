"""The kinds of credentials that Confluence Cloud takes, and by which way each goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from workplace_provider.confluence.auth.oauth import RotatingTokens, ServiceAccount, TokenEndpoint
from workplace_provider.confluence.auth.sites import WIKI, Atlassian, find_by_host, find_by_token, site_url
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.http.client import Basic, HttpSettings
from workplace_provider.http.errors import Invalid

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
class ConsentedApp:
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


CloudCredential: TypeAlias = ApiToken | ScopedToken | ConsentedApp | ServiceAccountApp


def open_cloud(
    host: str,
    credential: CloudCredential,
    *,
    settings: HttpSettings | None = None,
    sleep: Callable[[float], None] | None = None,
) -> CloudClient:
    """A client for a site on Cloud. Nothing is sent yet.

    :param host: the site; may be empty when the credential tells the site
    :raises Invalid: when the host is none
    """
    wait = sleep or time.sleep
    if host and "://" not in host:
        host = f"https://{host}"
    if not host and isinstance(credential, ApiToken | ScopedToken):
        raise Invalid(
            "no site was given", system="Confluence", advice="give its URL, such as https://your-team.atlassian.net"
        )
    auth = _auth(credential, settings, wait)

    def bases() -> tuple[str, str]:
        if isinstance(credential, ApiToken):
            site = site_url(host) + WIKI
            return site, site
        cloud_id, url = credential.cloud_id, site_url(host)
        if not cloud_id or not url:
            if isinstance(credential, ScopedToken):
                found = find_by_host(host, settings, wait)
            else:
                found = find_by_token(host, cloud_id, auth, credential.atlassian, settings, wait)
            cloud_id, url = found.cloud_id, found.url
        return url + WIKI, f"{credential.atlassian.api.rstrip('/')}/ex/confluence/{cloud_id}{WIKI}"

    return CloudClient(bases, auth=auth, settings=settings, sleep=sleep)


def _auth(credential: CloudCredential, settings: HttpSettings | None, sleep: Callable[[float], None]) -> AuthBase:
    if isinstance(credential, ApiToken | ScopedToken):
        return Basic(credential.email, credential.token)
    endpoint = TokenEndpoint(
        credential.client_id, credential.client_secret, credential.atlassian.auth, settings=settings, sleep=sleep
    )
    if isinstance(credential, ConsentedApp):
        return RotatingTokens(endpoint, credential.store, sleep=sleep)
    return ServiceAccount(endpoint)
