"""Facts of Atlassian's cloud that hold for Confluence and Jira: the domain of its sites, and their cloud ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workplace_provider.http.errors import AuthFailed, BadResponse, NotFound

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

_DOMAINS: Final = (".atlassian.net", ".jira.com", ".atlassian-us-gov-mod.net")


def is_cloud(url: str) -> bool:
    """Return whether a URL, with or without its scheme, belongs to a site on Atlassian's domain."""
    host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    return host.lower().endswith(_DOMAINS)


def read_cloud_id(http: HttpClient) -> str:
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
