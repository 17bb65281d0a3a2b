"""Clients for contribution calendars: GitHub's public page or, with a token, its API."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from workplace_provider.github.client.graphql import GraphqlApi
from workplace_provider.github.client.page import PublicPage
from workplace_provider.github.client.people import SYSTEM, parse_error
from workplace_provider.http.client import Bearer, HttpClient, HttpSettings

if TYPE_CHECKING:
    from workplace_provider.github.contributions import Contributions

__all__ = ["GITHUB", "ContributionSource", "GraphqlApi", "PublicPage", "connect", "graphql_root"]

GITHUB: Final = "https://github.com"
_OF_GITHUB: Final = frozenset({"github.com", "www.github.com", "api.github.com"})


class ContributionSource(Protocol):
    """A reader for contribution calendars."""

    def contributions(self, login: str, today: date, since: date | None = None) -> Contributions:
        """Return the calendar of the last year.

        :param login: user name
        :param today: today's date in the person's time zone
        :param since: a day that the calendar should include; only the API has days of earlier years
        :raises NotFound: the user does not exist, or the name is invalid
        :raises BadResponse: the response is not a consistent calendar
        """

    def close(self) -> None:
        """Close the connections."""


def connect(base_url: str = GITHUB, *, token: str = "", settings: HttpSettings | None = None) -> ContributionSource:
    """Return a reader. Nothing is sent yet.

    ::

        with closing(connect()) as source:
            calendar = source.contributions("octocat", date.today())

    :param base_url: URL of GitHub, or of an Enterprise Server
    :param token: token for the API; without it, the public page is read
    """
    if token:
        return GraphqlApi(_client(graphql_root(base_url), settings, token))
    return PublicPage(_client(base_url, settings))


def graphql_root(base_url: str) -> str:
    """Return the base URL of ``/graphql``.

    github.com and GHE.com have a separate host for the API; an Enterprise Server has the path ``/api``.
    Source: "Forming calls with GraphQL" of GitHub's documentation.

    :param base_url: URL of GitHub's web pages, or of its REST API, as in Airflow's connections of type ``github``
    """
    host = urlsplit(base_url).hostname or ""
    if host in _OF_GITHUB or host.endswith(".ghe.com"):
        return f"https://api.{host.removeprefix('api.').removeprefix('www.')}"
    root = base_url.rstrip("/").removesuffix("/graphql").removesuffix("/api").removesuffix("/api/v3")
    return f"{root}/api"


def _client(base_url: str, settings: HttpSettings | None, token: str = "") -> HttpClient:
    return HttpClient(
        base_url, system=SYSTEM, auth=Bearer(token) if token else None, settings=settings, parse_error=parse_error
    )
