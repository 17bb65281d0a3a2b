"""Find the cloud id of a site on Confluence Cloud; URLs of Atlassian's gateway contain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from workplace_provider.common.atlassian import read_cloud_id
from workplace_provider.confluence.auth.access import RenewableCredential
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid, NotFound, WorkplaceError

if TYPE_CHECKING:
    import requests
    from requests.auth import AuthBase

WIKI: Final = "/wiki"


@dataclass(frozen=True, slots=True)
class Atlassian:
    """Atlassian's own URLs. Its government cloud and stand-ins for tests have others.

    :param api: the gateway to all sites
    :param auth: the token server
    """

    api: str = "https://api.atlassian.com"
    auth: str = "https://auth.atlassian.com"


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its cloud id, and its URL as people open it."""

    cloud_id: str
    url: str


def site_url(host: str) -> str:
    """Return a site's URL without the path to Confluence."""
    return host.rstrip("/").removesuffix(WIKI).rstrip("/")


def find_by_host(host: str, settings: HttpSettings | None, sleep: Callable[[float], None]) -> Site:
    """Return a site by its URL. A site reports its cloud id without a credential.

    :raises NotFound: when no site has this URL
    """
    url = site_url(host)
    with HttpClient(url, system=SYSTEM, settings=settings, sleep=sleep) as http:
        return Site(read_cloud_id(http), url)


def find_by_token(
    host: str,
    cloud_id: str,
    auth: AuthBase,
    atlassian: Atlassian,
    settings: HttpSettings | None,
    sleep: Callable[[float], None],
) -> Site:
    """Return the site that an access token is for: the one with this host or id, otherwise the only one.

    :raises Invalid: when the token is for several sites and none is named
    :raises NotFound: when it is not for the named site
    """

    def recover_auth(failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        sent = str(request.headers.get("Authorization", ""))
        return isinstance(failure, AuthFailed) and isinstance(auth, RenewableCredential) and auth.renew(sent)

    with HttpClient(
        atlassian.api, system="Atlassian", auth=auth, settings=settings, recover_auth=recover_auth, sleep=sleep
    ) as http:
        resources = http.fetch("oauth/token/accessible-resources", lambda response: _resources(http, response))
    sites = {resource.id: Site(resource.id, site_url(resource.url)) for resource in resources}
    listed = ", ".join(sorted(site.url for site in sites.values())) or "none"
    wanted = [
        site
        for site in sites.values()
        if (not cloud_id or site.cloud_id == cloud_id) and (not host or _same_site(site.url, host))
    ]
    if len(wanted) == 1:
        return wanted[0]
    if not wanted:
        raise NotFound(
            f"the token is not for {cloud_id or site_url(host) or 'any site'}, but for: {listed}",
            system=SYSTEM,
            advice="correct host or cloud_id in the connection, or consent again and choose the site",
        )
    raise Invalid(
        f"the token is for several sites: {listed}",
        system=SYSTEM,
        advice="set the host or the cloud_id of one of them in the connection",
    )


def _resources(http: HttpClient, response: requests.Response) -> list[_Resource]:
    try:
        return msgspec.json.decode(response.content, type=list[_Resource])
    except msgspec.ValidationError as error:
        raise http.invalid_response(
            response, BadResponse, f"the response does not list the sites of the token: {error}"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise http.not_json(response) from error


class _Resource(msgspec.Struct):
    """A site that an access token is for."""

    id: str
    url: str


def _same_site(one: str, other: str) -> bool:
    first, second = (urlsplit(site_url(url)) for url in (one, other))
    return (first.netloc.lower(), first.path) == (second.netloc.lower(), second.path)
