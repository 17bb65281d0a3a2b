"""Verify the credential before an error response of Confluence Cloud is believed.

API v2 responds to an unknown credential with a bare 404 "Not Found". If that were believed, a revoked token would make every
page look missing, and the next task would create it. So "not found" is believed only after the site has named our account.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from workplace_provider.confluence.auth.scopes import SCOPE, missing_scope_advice
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import AuthFailed, Forbidden, NotFound, WorkplaceError

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

WHOAMI: Final = "rest/api/user/current"


@runtime_checkable
class RenewableCredential(Protocol):
    """A credential with access tokens that expire and are renewed."""

    def renew(self, sent: str) -> bool:
        """Get a new access token in place of the one that a request was refused with.

        :param sent: the request's ``Authorization``
        :return: whether there is another access token now
        """

    def outdated(self, sent: str) -> bool:
        """Return whether the access token in that ``Authorization`` has been replaced by now."""

    def scopes(self) -> Collection[str]:
        """Return the scopes of the access token, as far as they are known."""


class Access:
    """Verifies the credential of a site, and renews it.

    :param credential: the credential, when it can be renewed
    """

    def __init__(self, credential: RenewableCredential | None) -> None:
        self._credential = credential
        self._verified = False

    def connect(self, http: HttpClient) -> None:
        """Use this client of the site; called once, before the first request."""
        self._http = http

    def whoami(self) -> Any:
        """Return the account that the credential belongs to, as API v1 describes it.

        :raises AuthFailed: when the site treats the request as anonymous
        """
        data = self._http.get_json(WHOAMI)
        if not isinstance(data, dict) or data.get("type") == "anonymous" or not data.get("accountId"):
            raise AuthFailed(
                "anonymous access: the credential was not accepted",
                system=SYSTEM,
                method="GET",
                url=self._http.url(WHOAMI),
                advice="the credential of the connection is wrong, expired or revoked, or a proxy strips it",
            )
        self._verified = True
        return data

    def verify(self) -> None:
        """Verify that the site accepts the credential.

        :raises AuthFailed: when it does not
        """
        try:
            self.whoami()
        except Forbidden as error:
            # A site checks the scopes only of a token that it knows.
            if error.code != SCOPE:
                raise
            self._verified = True

    def ensure_verified(self) -> None:
        """Verify the credential, unless that was done before."""
        if not self._verified:
            self.verify()

    def recover(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Renew the credential, or find out whether a 404 is about the credential.

        :return: whether to send the request again
        :raises AuthFailed: when the 404 was about the credential
        """
        base, url = self._http.base_url, str(request.url)
        if not url.startswith(f"{base}/"):
            return False  # A redirect has led to another host, which never gets the credential.
        sent = str(request.headers.get("Authorization", ""))
        path = urlsplit(url).path[len(urlsplit(base).path) + 1 :]
        if failure.code == SCOPE:
            granted = self._credential.scopes() if self._credential else ()
            failure.advice = missing_scope_advice(str(request.method), path, granted)
            return False
        if isinstance(failure, AuthFailed):
            self._verified = False
            return self._credential is not None and self._credential.renew(sent)
        if isinstance(failure, NotFound):
            if path == WHOAMI:
                raise AuthFailed(
                    failure.message,
                    system=failure.system,
                    method=failure.method,
                    url=failure.url,
                    status=failure.status,
                    advice="anonymous access: check the credential of the connection, its host and its cloud_id",
                )
            self.verify()
            return self._credential is not None and self._credential.outdated(sent)
        return False
