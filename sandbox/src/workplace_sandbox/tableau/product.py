"""Tableau Server and Tableau Cloud: one catalogue, two sets of rules. Source: reference section 2.7."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.tableau import CLOUD_PATH, TABLEAU_PATH
from workplace_sandbox.tableau.cache import ExportCache
from workplace_sandbox.tableau.credentials import CredentialChecker
from workplace_sandbox.tableau.sessions import Sessions

if TYPE_CHECKING:
    from workplace_sandbox.tableau.catalogue import Catalogue, TableauSite
    from workplace_sandbox.tableau.clock import TableauClock

IDLE_LIMIT = timedelta(minutes=240)
"""``wgserver.session.idle_limit`` of Tableau Server."""

CLOUD_LIFE = timedelta(minutes=120)


@dataclass(frozen=True, slots=True)
class Product:
    """A running server.

    :param cloud: whether it is Tableau Cloud.
    :param path: its path on the sandbox.
    """

    cloud: bool
    path: str
    catalogue: Catalogue
    sessions: Sessions
    cache: ExportCache
    doorkeeper: CredentialChecker

    def site(self, content_url: str) -> TableauSite | None:
        """Return a site; Tableau Cloud has no default site."""
        return None if self.cloud and not content_url else self.catalogue.site(content_url)

    def sites(self) -> list[TableauSite]:
        """Return the sites of this server."""
        return [site for site in self.catalogue.sites() if site.content_url or not self.cloud]

    def reset(self) -> None:
        """End the sessions and clear the cache of exports."""
        self.sessions.end_after(None)
        self.sessions.close_all()
        self.cache.clear()
        self.doorkeeper.forget()


def server(catalogue: Catalogue, clock: TableauClock) -> Product:
    """Return Tableau Server: sessions end when they are not used for four hours."""
    sessions = Sessions(clock, idle=IDLE_LIMIT)
    return Product(False, TABLEAU_PATH, catalogue, sessions, ExportCache(clock), CredentialChecker())


def cloud(catalogue: Catalogue, clock: TableauClock) -> Product:
    """Return Tableau Cloud: sessions end two hours after they began."""
    sessions = Sessions(clock, absolute=CLOUD_LIFE)
    return Product(True, CLOUD_PATH, catalogue, sessions, ExportCache(clock), CredentialChecker())
