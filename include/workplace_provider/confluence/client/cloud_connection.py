"""The connection to a site on Confluence Cloud, for every kind of credential."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from workplace_provider.common.atlassian.credentials import ApiToken, ScopedToken, auth_for, find_site
from workplace_provider.common.atlassian.oauth import TokenAuth
from workplace_provider.common.atlassian.sites import site_url
from workplace_provider.confluence.auth.access import Access, RenewableCredential
from workplace_provider.confluence.client.errors import parse_cloud_error
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import Invalid

if TYPE_CHECKING:
    from workplace_provider.common.atlassian.credentials import CloudCredential
    from workplace_provider.http.client import HttpSettings

WIKI: Final = "/wiki"


class CloudConnection:
    """A connection to a site on Cloud. Nothing is sent before the first request.

    There are two base URLs: requests go to the site or to Atlassian's gateway, links for people always lead to the site.

    :param host: the site; may be empty when the credential belongs to one site only
    :param settings: time-outs, TLS and limits
    :param sleep: sleeps between attempts
    :raises Invalid: when the site is not given
    """

    def __init__(
        self,
        host: str,
        credential: CloudCredential,
        *,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if not host and isinstance(credential, ApiToken | ScopedToken):
            raise Invalid("no site was given", advice="give its URL, such as https://your-team.atlassian.net")
        self.sleep = sleep or time.sleep
        self._host = f"https://{host}" if host and "://" not in host else host
        self._credential = credential
        self._settings = settings
        self._auth = auth_for(credential, settings, self.sleep)
        self._lock = threading.Lock()
        self._opened: tuple[str, HttpClient] | None = None
        self._access = Access(self._auth if isinstance(self._auth, RenewableCredential) else None)

    @property
    def base_url(self) -> str:
        """The URL of the site, as people open it."""
        return self._open()[0]

    @property
    def http(self) -> HttpClient:
        """The client of the site's API."""
        return self._open()[1]

    @property
    def access(self) -> Access:
        """The check of the credential."""
        self._open()
        return self._access

    def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            self._opened[1].close()
        if isinstance(self._auth, TokenAuth):
            self._auth.close()

    def _open(self) -> tuple[str, HttpClient]:
        with self._lock:
            if self._opened is None:
                site, api = self._find_bases()
                http = HttpClient(
                    api,
                    system=SYSTEM,
                    auth=self._auth,
                    settings=self._settings,
                    parse_error=parse_cloud_error,
                    recover_auth=self._access.recover,
                    sleep=self.sleep,
                )
                self._access.connect(http)
                self._opened = site.rstrip("/"), http
            return self._opened

    def _find_bases(self) -> tuple[str, str]:
        """Return the base URL of the site and that of its API, both with ``/wiki``."""
        credential = self._credential
        if isinstance(credential, ApiToken):
            wiki = site_url(self._host) + WIKI
            return wiki, wiki
        site = find_site(credential, self._host, self._auth, SYSTEM, self._settings, self.sleep)
        return site.url + WIKI, f"{credential.atlassian.api.rstrip('/')}/ex/confluence/{site.cloud_id}{WIKI}"
