"""URLs of Socket Mode's WebSockets, each valid for one connection attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.slack.client.api_response import SYSTEM, Envelope
from workplace_provider.slack.client.reader import BASE_URL, SlackReader

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpSettings

METHOD: Final = "apps.connections.open"
_RENEW: Final = (
    "create an app-level token (xapp-) with the scope connections:write, and store it as the connection's password"
)
_ADVICE: Final = {
    "invalid_auth": f"the token is wrong; {_RENEW}",
    "not_allowed_token_type": f"this is not an app-level token; {_RENEW}",
    "missing_scope": _RENEW,
    "token_revoked": _RENEW,
}


class _Opened(Envelope, kw_only=True):
    url: str | None = None


class SocketUrls:
    """Requests URLs from Slack. Its calls block, so they belong in a thread.

    :param app_token: app-level token, ``xapp-…``
    :param base_url: URL of the methods, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and TLS. Retries are up to the caller
    """

    def __init__(self, app_token: str, *, base_url: str = BASE_URL, settings: HttpSettings) -> None:
        self._reader = SlackReader(app_token, base_url=base_url, settings=replace(settings, attempts=1))

    def request(self) -> str:
        """Return a new URL. It is a credential: anyone with it can connect as the app.

        :raises WorkplaceError: Slack refuses, or the request failed
        """
        try:
            opened: _Opened = self._reader.submit(METHOD, _Opened, {}, idempotent=True)
        except WorkplaceError as error:
            error.advice = _ADVICE.get(error.code, error.advice)
            raise
        if not opened.url:
            raise BadResponse("the response has no url", system=SYSTEM, method="POST", url=self._reader.http.url(METHOD))
        return opened.url

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
