"""The session of ``requests`` that a client has per thread."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from workplace_provider.http.transport import LimitedAdapter

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.http.addresses import PublicAddresses
    from workplace_provider.http.model import HttpSettings


class Session(requests.Session):
    """A session with limits, which keeps credentials from other hosts.

    :param base_url: URL of the system, which decides about the environment's proxy
    :param settings: time-outs, TLS, proxy and limits
    :param auth: sets the credential of a request
    :param secret_headers: headers that no redirect may take to another host
    :param addresses: where connections may lead; anywhere when ``None``
    """

    def __init__(
        self,
        base_url: str,
        settings: HttpSettings,
        *,
        auth: AuthBase | None,
        secret_headers: tuple[str, ...],
        addresses: PublicAddresses | None,
    ) -> None:
        super().__init__()
        self._secret_headers = secret_headers
        self.adapter = LimitedAdapter(
            seconds=settings.response_seconds,
            max_bytes=settings.max_response_bytes,
            addresses=addresses,
            legacy_tls=settings.legacy_tls,
            pool_size=settings.pool_size,
        )
        self.mount("https://", self.adapter)
        self.mount("http://", self.adapter)
        # Off, because it reads .netrc, also after redirects. Proxies and certificates of the environment are read below.
        self.trust_env = False
        self.proxies = dict(get_environ_proxies(base_url) if settings.proxies is None else settings.proxies)
        self.auth = auth
        self.max_redirects = settings.max_redirects
        self.verify = settings.verify and (
            settings.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        self.cert = settings.client_cert
        self.headers["User-Agent"] = "airflow-provider-workplace"

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the target of a redirect.

        :raises requests.exceptions.InvalidURL: it is not a URL
        """
        try:
            target: str | None = super().get_redirect_target(resp)
            urlsplit(target or "")
        except ValueError:
            raise requests.exceptions.InvalidURL("a redirect", response=resp) from None
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials from a request that is redirected to another host."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        current_url, next_url = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(current_url, next_url):  # type: ignore[no-untyped-call]
            for name in self._secret_headers:
                prepared_request.headers.pop(name, None)
