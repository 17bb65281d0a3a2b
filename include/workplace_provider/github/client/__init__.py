"""GitHub: the contribution calendar of a person, from the public page or, with a token, from the API."""

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
    """Where contribution calendars are read."""

    def contributions(self, login: str, today: date) -> Contributions:
        """The calendar of the last year.

        :param login: the person's user name
        :param today: the day it is where the person is
        :raises NotFound: nobody has that name, or nobody could
        :raises BadResponse: what was read is no calendar that fits together
        """

    def close(self) -> None:
        """Close the connections."""


def connect(base_url: str = GITHUB, *, token: str = "", settings: HttpSettings | None = None) -> ContributionSource:
    """A reader; nothing is sent yet.

    :param base_url: GitHub's address, or that of an Enterprise Server
    :param token: reads from the API with it; from the public page when it is empty
    """
    if token:
        return GraphqlApi(_client(graphql_root(base_url), settings, token))
    return PublicPage(_client(base_url, settings))


def graphql_root(base_url: str) -> str:
    """The address that ``/graphql`` is put behind.

    Source: "Forming calls with GraphQL" of GitHub's documentation; GHE.com has it on a host of its own, as github.com
    does, an Enterprise Server below ``/api``.

    :param base_url: that of GitHub for people, or of its REST API as Airflow's connections of type ``github`` have it
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
