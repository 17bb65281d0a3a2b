"""Whether a refusal of Confluence Cloud means what it says.

API v2 answers a credential that it does not know with a bare 404 "Not Found". Taken at its word, a revoked token would turn
every page into a missing one, which the next task then creates. So "not found" is believed only after the site has told who
we are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from workplace_provider.confluence.auth.scopes import SCOPE, lacking
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import AuthFailed, Forbidden, NotFound, WorkplaceError

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

WHO: Final = "rest/api/user/current"


@runtime_checkable
class Renewable(Protocol):
    """A credential that ends and is renewed."""

    def renew(self, sent: str) -> bool:
        """Get a new access token in place of the one that a request was refused with.

        :param sent: the request's ``Authorization``
        :return: whether there is another one now
        """

    def outdated(self, sent: str) -> bool:
        """Whether another access token is in use by now than in that ``Authorization``."""

    def scopes(self) -> Collection[str]:
        """What the access token may do, as far as is known."""


class Access:
    """Looks at what a site refuses.

    :param http: the client of the site
    :param credential: the credential, when it can be renewed
    """

    def __init__(self, http: Callable[[], HttpClient], credential: Renewable | None) -> None:
        self._http = http
        self._credential = credential
        self._certain = False

    def who(self) -> Any:
        """The account that the credential belongs to, as API v1 describes it.

        :raises AuthFailed: when the site takes us for nobody
        """
        data = self._http().get_json(WHO)
        if not isinstance(data, dict) or data.get("type") == "anonymous" or not data.get("accountId"):
            raise AuthFailed(
                "the site takes us for anonymous",
                system=SYSTEM,
                method="GET",
                url=self._http().url(WHO),
                advice="the credential of the connection is wrong, expired or revoked, or a proxy strips it",
            )
        self._certain = True
        return data

    def check(self) -> None:
        """Make certain that the credential is good.

        :raises AuthFailed: when it is not
        """
        try:
            self.who()
        except Forbidden as error:
            # Whether a scope is missing is only asked of a token that is known.
            if error.code != SCOPE:
                raise
            self._certain = True

    def ensure(self) -> None:
        """The same, once; before it is believed that something is not there."""
        if not self._certain:
            self.check()

    def recover(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Renew the credential, or find out that a 404 is about the credential.

        :return: whether to send the request again
        :raises AuthFailed: when the 404 was about the credential
        """
        base, asked = self._http().base_url, str(request.url)
        if not asked.startswith(f"{base}/"):
            return False  # a redirect has led elsewhere, where the credential was not sent
        sent = str(request.headers.get("Authorization", ""))
        path = urlsplit(asked).path[len(urlsplit(base).path) + 1 :]
        if failure.code == SCOPE:
            granted = self._credential.scopes() if self._credential else ()
            failure.advice = lacking(str(request.method), path, granted)
            return False
        if isinstance(failure, AuthFailed):
            self._certain = False
            return self._credential is not None and self._credential.renew(sent)
        if isinstance(failure, NotFound):
            if path == WHO:
                raise AuthFailed(
                    failure.message,
                    system=failure.system,
                    method=failure.method,
                    url=failure.url,
                    status=failure.status,
                    advice="nobody is at home there: check the credential of the connection, its host and cloud_id",
                )
            self.check()
            return self._credential is not None and self._credential.outdated(sent)
        return False
