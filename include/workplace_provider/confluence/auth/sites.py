"""Find the Cloud site behind the gateway: every site has a cloud id, which the gateway's addresses need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

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
    """Where Atlassian's own addresses are; others for its government cloud, or a stand-in.

    :param api: the gateway to all sites
    :param auth: where tokens come from
    """

    api: str = "https://api.atlassian.com"
    auth: str = "https://auth.atlassian.com"


@dataclass(frozen=True, slots=True)
class Site:
    """A site: its id, and its URL as people know it."""

    cloud_id: str
    url: str


def site_url(host: str) -> str:
    """A site's URL without the path to Confluence in it."""
    return host.rstrip("/").removesuffix(WIKI).rstrip("/")


def find_by_host(host: str, settings: HttpSettings | None, sleep: Callable[[float], None]) -> Site:
    """A site by its URL, which it tells without a credential.

    :raises NotFound: when there is no such site
    """
    url = site_url(host)
    with HttpClient(url, system=SYSTEM, settings=settings, sleep=sleep) as http:
        try:
            data = http.get_json("_edge/tenant_info")
        except (NotFound, AuthFailed, BadResponse) as error:
            raise NotFound(
                f"{url} does not tell its cloud id",
                system=SYSTEM,
                method="GET",
                url=error.url,
                status=error.status,
                advice="check the host, such as https://your-team.atlassian.net, or put cloud_id into the connection",
            ) from error
    found = data.get("cloudId") if isinstance(data, Mapping) else None
    if not found:
        raise BadResponse(f"{url} answered without a cloud id", system=SYSTEM, advice="put cloud_id into the connection")
    return Site(str(found), url)


def find_by_token(
    host: str,
    cloud_id: str,
    auth: AuthBase,
    atlassian: Atlassian,
    settings: HttpSettings | None,
    sleep: Callable[[float], None],
) -> Site:
    """The site that an access token is for: the one of that host or id, else the only one.

    :raises Invalid: when the token is for several and none is named
    :raises NotFound: when it is not for the one that is named
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
        advice="put the host or the cloud_id of one of them into the connection",
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
    first, second = (urlsplit(site_url(each)) for each in (one, other))
    return (first.netloc.lower(), first.path) == (second.netloc.lower(), second.path)
