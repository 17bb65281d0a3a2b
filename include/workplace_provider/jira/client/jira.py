"""The client of one Jira site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from workplace_provider.common.atlassian import sites
from workplace_provider.common.atlassian.credentials import ApiToken, auth_for, find_site
from workplace_provider.common.atlassian.oauth import TokenAuth
from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.http.errors import AuthFailed, BadResponse, Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.jira.client.agile import Sprint, closed_sprints, find_sprint
from workplace_provider.jira.client.responses import SCOPE, parse_cloud_error, parse_error
from workplace_provider.jira.client.search import SYSTEM, SearchResult, not_logged_in, search_cloud, search_data_center
from workplace_provider.jira.client.values import site_of

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.common.atlassian.credentials import CloudCredential
    from workplace_provider.http.client import ErrorDetails, ErrorResponse

log = get_logger("workplace_provider.jira")

Deployment = Literal["auto", "datacenter", "cloud"]
GONE = 410


def is_cloud(base_url: str) -> bool:
    """Return whether a URL belongs to a site on Atlassian's domains, or leads through Atlassian's gateway.

    >>> is_cloud("https://your-team.atlassian.net"), is_cloud("https://jira.example.com/jira")
    (True, False)
    """
    return sites.is_cloud(base_url) or "/ex/jira/" in urlsplit(base_url).path


class JiraClient:
    """A client of one Jira site, which sends no request before its first call.

    ::

        with JiraClient("https://jira.example.com/jira", auth=Bearer(token)) as jira:
            result = jira.search("project = DATA", ["summary"], limit=500)

    :param base_url: URL of the site, with its context path; may be empty when the credential is for one site only
    :param auth: sets the credential of a request; ``None`` for anonymous access
    :param credential: credential for Jira Cloud, instead of ``auth``. All kinds except API tokens without scopes send their
        requests to Atlassian's gateway
    :param deployment: ``auto`` takes the site for Data Center until it reports to be on Cloud
    :param settings: time-outs, TLS and limits
    :param sleep: waits for that many seconds
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: AuthBase | None = None,
        credential: CloudCredential | None = None,
        deployment: Deployment = "auto",
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/") if credential is None else sites.site_url(base_url)
        cloud = credential is not None or (deployment == "auto" and is_cloud(self.base_url))
        self.deployment: Deployment = "cloud" if cloud else deployment
        self._credential = credential
        self._auth = auth if credential is None else auth_for(credential, settings, sleep)
        self._settings = settings
        self._sleep = sleep
        self._clients: list[HttpClient] = []

    def __enter__(self) -> JiraClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()
        if isinstance(self._auth, TokenAuth):
            self._auth.close()

    def search(self, jql: str, fields: Sequence[str], *, limit: int | None = None) -> SearchResult:
        """Return the issues that match a query, from all pages of the search.

        :param jql: query
        :param fields: names of the fields to return
        :param limit: maximum number of issues; ``None`` for all
        :raises WorkplaceError: the search failed. For an invalid query it is
            :class:`~workplace_provider.http.errors.Invalid` with the query in its message
        """
        if self.deployment != "cloud":
            try:
                return search_data_center(self._site, jql, fields, limit=limit)
            except NotFound as error:
                # Jira Cloud has removed this search. Its sites are known by their domain; this is one with its own.
                if error.status != GONE or self.deployment == "datacenter" or not self._reports_cloud():
                    raise
            self.deployment = "cloud"
        return self._search_cloud(jql, fields, limit)

    def find_sprint(self, sprint: str, board: str | None = None) -> Sprint:
        """Return a sprint; see :func:`~workplace_provider.jira.client.agile.find_sprint`."""
        with self._checked_login():
            return find_sprint(self._http, sprint, board)

    def closed_sprints(self, board: str, since: datetime, sprint: str | None = None) -> list[Sprint]:
        """Return the sprints of a board that were closed after a time, the earliest first.

        :param board: id or name of the board
        :param sprint: id or name of the only sprint to look at
        """
        with self._checked_login():
            return closed_sprints(self._http, board, since, sprint)

    def myself(self) -> Mapping[str, Any]:
        """Return the account of the credential.

        :raises AuthFailed: the credential was not accepted
        """
        version = 3 if self.deployment == "cloud" else 2
        account = self._http.get_json(f"rest/api/{version}/myself")
        return account if isinstance(account, Mapping) else {}

    def site_of(self, issue: Mapping[str, Any]) -> str:
        """Return the URL of the web pages that show an issue."""
        return self.site_url if self.deployment == "cloud" else site_of(issue, self.base_url)

    @cached_property
    def site_url(self) -> str:
        """The URL of Jira's web pages; it is requested if the connection has only the gateway."""
        if self.base_url and "/ex/jira/" not in urlsplit(self.base_url).path:
            return self.base_url
        info = self._cloud.get_json("rest/api/3/serverInfo")
        url = info.get("baseUrl") if isinstance(info, Mapping) else None
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise BadResponse("Jira does not report the URL of its site", system=SYSTEM, advice="set the connection's host")
        return url.rstrip("/")

    def _search_cloud(self, jql: str, fields: Sequence[str], limit: int | None) -> SearchResult:
        try:
            result = search_cloud(self._cloud, jql, fields, limit=limit)
        except Invalid as error:
            # A project that an anonymous user may not see "does not exist", so a bad token looks like a wrong query.
            if error.status == 400:
                self._check_login()
            raise
        if not result.issues:
            self._check_login()
        return result

    @contextmanager
    def _checked_login(self) -> Iterator[None]:
        """Check the login when nothing was found: to an anonymous user of Cloud, boards and sprints do not exist."""
        try:
            yield
        except NotFound:
            if self.deployment == "cloud":
                self._check_login()
            raise

    @property
    def _http(self) -> HttpClient:
        """The client of the deployment."""
        return self._cloud if self.deployment == "cloud" else self._site

    def _check_login(self) -> None:
        """Check that Jira Cloud accepted the credential.

        A site responds to a wrong or expired API token as to an anonymous user, who finds no issues (brekkylab/backlot#123
        and #134). Only ``/myself`` responds 401.

        :raises AuthFailed: it did not
        """
        try:
            self.myself()
        except AuthFailed as error:
            failure = not_logged_in()
            failure.system, failure.method, failure.url, failure.status = SYSTEM, error.method, error.url, error.status
            raise failure from error
        except Forbidden as error:
            if error.code != SCOPE:
                raise
            # The gateway knows the token, so the search was not anonymous.
            log.info("the token cannot read its own account: it does not have the scope read:jira-user")

    def _reports_cloud(self) -> bool:
        try:
            info = self._site.get_json("rest/api/2/serverInfo")
        except WorkplaceError:
            return False
        return isinstance(info, Mapping) and info.get("deploymentType") == "Cloud"

    @cached_property
    def _site(self) -> HttpClient:
        """The client of the site, as Data Center."""
        return self._client(self.base_url, parse_error)

    @cached_property
    def _cloud(self) -> HttpClient:
        """The client of Jira Cloud, at the site or at the gateway."""
        credential, auth = self._credential, self._auth
        if credential is None or auth is None or isinstance(credential, ApiToken):
            return self._client(self.base_url, parse_cloud_error)
        site = find_site(credential, self.base_url, auth, SYSTEM, self._settings, self._sleep)
        self.base_url = site.url
        return self._client(f"{credential.atlassian.api.rstrip('/')}/ex/jira/{site.cloud_id}", parse_cloud_error)

    def _client(self, url: str, parse: Callable[[ErrorResponse], ErrorDetails]) -> HttpClient:
        client = HttpClient(
            url,
            system=SYSTEM,
            auth=self._auth,
            settings=self._settings,
            parse_error=parse,
            recover_auth=self._auth.recover if isinstance(self._auth, TokenAuth) else None,
            sleep=self._sleep,
        )
        self._clients.append(client)
        return client
