"""Addresses of WebSockets, each of which is good for one attempt to connect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.slack.client.answers import SYSTEM, Envelope
from workplace_provider.slack.client.reader import BASE_URL, SlackReader

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpSettings

METHOD: Final = "apps.connections.open"
_RENEW: Final = "make an app-level token (xapp-) with the scope connections:write, and put it into the connection's password"
_ADVICE: Final = {
    "invalid_auth": f"the token is wrong; {_RENEW}",
    "not_allowed_token_type": f"this is no app-level token; {_RENEW}",
    "missing_scope": _RENEW,
    "token_revoked": _RENEW,
}


class _Opened(Envelope, kw_only=True):
    url: str | None = None


class Tickets:
    """Asks Slack for addresses to connect to. It blocks, so that it belongs in a thread.

    :param app_token: app-level token, ``xapp-…``
    :param base_url: where the methods are, such as ``https://slack.com/api/``
    :param settings: time-outs, proxy and TLS; it is for the caller to ask again
    """

    def __init__(self, app_token: str, *, base_url: str = BASE_URL, settings: HttpSettings) -> None:
        self._reader = SlackReader(app_token, base_url=base_url, settings=replace(settings, attempts=1))

    def take(self) -> str:
        """An address that no attempt has used yet. It is a secret: whoever has it connects as the app.

        :raises WorkplaceError: Slack refuses, or could not be asked
        """
        try:
            opened: _Opened = self._reader.submit(METHOD, _Opened, {}, idempotent=True)
        except WorkplaceError as error:
            error.advice = _ADVICE.get(error.code, error.advice)
            raise
        if not opened.url:
            raise BadResponse("the answer has no url", system=SYSTEM, method="POST", url=self._reader.http.url(METHOD))
        return opened.url

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
