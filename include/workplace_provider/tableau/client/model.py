"""Tableau's server, workbooks and views, with the fields that exports need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.tableau.client.responses import ResponseNode

log = get_logger("workplace_provider.tableau")


@dataclass(frozen=True, slots=True)
class TableauServer:
    """A Tableau server: its product version, and the newest version of the REST API that it supports."""

    product: str
    api_version: str


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook. ``content_url`` is its name in URLs: unique on a site, and unchanged when the workbook is renamed."""

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

    ``sheet_type`` is ``worksheet``, ``dashboard`` or ``story``; empty if the server does not return it. ``content_url`` has
    the form ``Workbook/sheets/Sheet``. ``updated_at`` is the time of the last change of the view or its workbook; a refresh
    of an extract changes the workbook.
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
        """The path in the view's URL, ``Workbook/Sheet``."""
        return self.content_url.replace("/sheets/", "/", 1)

    def __str__(self) -> str:
        """Return the names of project, workbook and view, and the path, which alone is unique."""
        names = " / ".join(filter(None, (self.project, self.workbook, self.name)))
        return f"{names} ({self.path})"


def read_workbook(node: ResponseNode) -> Workbook:
    """Return the workbook for a ``workbook`` element."""
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


def read_view(node: ResponseNode, browser_url: str) -> View:
    """Return the view for a ``view`` element.

    :param browser_url: base of the view's URL in a browser
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
    """Return the time in an attribute; ``None`` for an invalid one, so that other items are not affected."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        log.info("invalid time %r in a response; it is treated as unknown", text)
        return None
    # Tableau uses UTC; a proxy or an old server may omit the zone.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
