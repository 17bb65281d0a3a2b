"""Sites of Atlassian's cloud: their domain, and their cloud ids, which the URLs of Atlassian's gateway contain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from workplace_provider.common.atlassian.oauth import SYSTEM, TokenAuth
from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid, NotFound

if TYPE_CHECKING:
    import requests
    from requests.auth import AuthBase

_DOMAINS: Final = (".atlassian.net", ".jira.com", ".atlassian-us-gov-mod.net")


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


def is_cloud(url: str) -> bool:
    """Return whether a URL, with or without its scheme, belongs to a site on Atlassian's domain."""
    host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    return host.lower().endswith(_DOMAINS)


def site_url(host: str) -> str:
    """Return a site's URL without the path of a product, which the browser's address bar shows.

    >>> site_url("https://your-team.atlassian.net/wiki/")
    'https://your-team.atlassian.net'
    """
    return host.rstrip("/").removesuffix("/wiki").removesuffix("/jira").rstrip("/")


def find_by_host(host: str, system: str, settings: HttpSettings | None, sleep: Callable[[float], None]) -> Site:
    """Return a site by its URL. A site reports its cloud id without a credential.

    :param system: the product, for errors
    :raises NotFound: when no site has this URL
    """
    url = site_url(host)
    with HttpClient(url, system=system, settings=settings, sleep=sleep) as http:
        return Site(_read_cloud_id(http), url)


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
    recover_auth = auth.recover if isinstance(auth, TokenAuth) else None
    with HttpClient(
        atlassian.api, system=SYSTEM, auth=auth, settings=settings, recover_auth=recover_auth, sleep=sleep
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


def _read_cloud_id(http: HttpClient) -> str:
    """Return the cloud id of a site, which it reports without a credential.

    :param http: client of the site, without a credential; its system is named in the errors
    :raises NotFound: the URL is no site of Atlassian's cloud
    :raises BadResponse: the response has no cloud id
    """
    try:
        info = http.get_json("_edge/tenant_info")
    except (NotFound, AuthFailed, BadResponse) as error:
        raise NotFound(
            f"no {http.system} Cloud site at {http.base_url}: it does not report a cloud id",
            system=http.system,
            method="GET",
            url=error.url,
            status=error.status,
            advice="check the host, such as https://your-team.atlassian.net, or set cloud_id in the connection",
        ) from error
    cloud_id = info.get("cloudId") if isinstance(info, Mapping) else None
    # It becomes a part of the gateway's URLs.
    if not isinstance(cloud_id, str) or not cloud_id.replace("-", "").isalnum():
        raise BadResponse(
            f"the response of {http.base_url} has no cloud id", system=http.system, advice="set cloud_id in the connection"
        )
    return cloud_id


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
