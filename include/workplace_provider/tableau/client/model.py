"""What Tableau's site consists of, as far as exports need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.tableau.client.answers import Node

log = get_logger("workplace_provider.tableau")


@dataclass(frozen=True, slots=True)
class Server:
    """What answers: product version, and the newest version of the REST API that it speaks."""

    product: str
    api_version: str


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook. ``content_url`` is its name in URLs, unique on a site and kept when it is renamed."""

    id: str
    name: str
    content_url: str
    project: str
    project_id: str
    owner_id: str
    created_at: datetime | None
    updated_at: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class View:
    """A view: a worksheet, dashboard or story of a workbook.

    ``sheet_type`` is ``worksheet``, ``dashboard`` or ``story``, and empty where the server does not tell.
    ``content_url`` is of the form ``Workbook/sheets/Sheet``. ``updated_at`` is when the view or its workbook changed last: a
    refreshed extract changes the workbook.
    """

    id: str
    name: str
    content_url: str
    sheet_type: str
    workbook_id: str
    workbook: str
    project: str
    created_at: datetime | None
    updated_at: datetime | None
    url: str

    @property
    def path(self) -> str:
        """The view as people write it down: ``Workbook/Sheet`` of its URL."""
        return self.content_url.replace("/sheets/", "/", 1)

    def __str__(self) -> str:
        """The view for people: names, project, and its part of the URL, which alone is unique."""
        names = " / ".join(filter(None, (self.project, self.workbook, self.name)))
        return f"{names} ({self.path})"


def read_workbook(node: Node) -> Workbook:
    """Read a ``workbook`` element."""
    project = node.first("project")
    return Workbook(
        id=node.get("id"),
        name=node.get("name"),
        content_url=node.get("contentUrl"),
        project=project.get("name"),
        project_id=project.get("id"),
        owner_id=node.first("owner").get("id"),
        created_at=_moment(node.get("createdAt")),
        updated_at=_moment(node.get("updatedAt")),
        url=node.get("webpageUrl"),
    )


def read_view(node: Node, browser_url: str) -> View:
    """Read a ``view`` element.

    :param browser_url: address that a view's path is put behind for people
    """
    workbook = node.first("workbook")
    content_url = node.get("contentUrl")
    return View(
        id=node.get("id"),
        name=node.get("name"),
        content_url=content_url,
        sheet_type=node.get("sheetType"),
        workbook_id=workbook.get("id"),
        workbook=workbook.get("name"),
        project=node.first("project").get("name"),
        created_at=_moment(node.get("createdAt")),
        updated_at=max(filter(None, map(_moment, (node.get("updatedAt"), workbook.get("updatedAt")))), default=None),
        url=f"{browser_url}/views/{content_url.replace('/sheets/', '/', 1)}" if content_url else "",
    )


def _moment(text: str) -> datetime | None:
    """The time of an attribute; ``None`` for one that no calendar has, which concerns that item alone."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        log.info("%r is not a time; it counts as unknown", text)
        return None
    # Tableau writes UTC; a proxy or an old server may leave out the zone.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
