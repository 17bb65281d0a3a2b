"""A client for a site on Confluence Cloud, whatever the credential."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from workplace_provider.confluence.auth.credentials import ApiToken, ScopedToken, auth_for
from workplace_provider.confluence.auth.sites import WIKI, find_by_host, find_by_token, site_url
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.http.errors import Invalid

if TYPE_CHECKING:
    from workplace_provider.confluence.auth.credentials import CloudCredential
    from workplace_provider.http.client import HttpSettings


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
    auth = auth_for(credential, settings, wait)

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
