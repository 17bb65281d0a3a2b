"""Tableau's server and content: projects, workbooks, data sources, flows, views and custom views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar
from urllib.parse import quote

from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.tableau.client.responses import ResponseNode

log = get_logger("workplace_provider.tableau")
SomeContent = TypeVar("SomeContent", bound="Content")

_DEEPEST_PROJECT: Final = 100
"""Limit of nested projects. A wrong response could contain a project that is its own parent."""


@dataclass(frozen=True, slots=True)
class TableauServer:
    """A Tableau server: its product version, and the newest version of the REST API that it supports."""

    product: str
    api_version: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``path`` has the names of the projects that contain it, and its own: ``Parent/Team``."""

    id: str
    name: str
    parent_id: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A workbook, published data source or flow. ``content_url`` is its name in URLs, which a new name does not change."""

    KIND: ClassVar[str] = ""
    """Name of the element and, with an ``s``, path of the list in the REST API."""
    LABEL: ClassVar[str] = ""
    """Name of the kind in messages."""

    id: str
    name: str
    content_url: str
    project: str
    project_id: str
    owner_id: str
    created_at: datetime | None
    updated_at: datetime | None
    url: str

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.project, self.name)))


@dataclass(frozen=True, slots=True)
class Workbook(Content):
    """A workbook. ``show_tabs`` is whether it opens with tabs; ``None`` if the server does not return it."""

    KIND = "workbook"
    LABEL = "workbook"

    show_tabs: bool | None = None


@dataclass(frozen=True, slots=True)
class DataSource(Content):
    """A published data source."""

    KIND = "datasource"
    LABEL = "data source"


@dataclass(frozen=True, slots=True)
class Flow(Content):
    """A flow of Tableau Prep."""

    KIND = "flow"
    LABEL = "flow"


@dataclass(frozen=True, slots=True)
class CustomView:
    """A custom view: a view with the filters and selections that a person saved. Tableau does not list the filters."""

    id: str
    name: str
    view_id: str
    workbook_id: str
    owner_id: str
    shared: bool
    created_at: datetime | None
    updated_at: datetime | None

    def __str__(self) -> str:
        return f"{self.name!r} of the user {self.owner_id} ({self.id}{', shared' if self.shared else ''})"


@dataclass(frozen=True, slots=True)
class View:
    """A view: a worksheet, dashboard or story of a workbook.

    ``sheet_type`` is ``worksheet``, ``dashboard`` or ``story``; empty if the server does not return it. ``content_url`` has
    the form ``Workbook/sheets/Sheet``. ``updated_at`` is the time of the last change of the view or its workbook; a refresh
    of an extract changes the workbook. With ``custom_view``, exports show that custom view.
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
    project_id: str = ""
    custom_view: CustomView | None = None

    @property
    def path(self) -> str:
        """The path in the view's URL, ``Workbook/Sheet``."""
        return self.content_url.replace("/sheets/", "/", 1)

    def with_custom_view(self, custom: CustomView) -> View:
        """Return the view with one of its custom views."""
        # The browser finds a custom view by its id, whatever name follows.
        return replace(self, custom_view=custom, url=f"{self.url}/{custom.id}/{quote(custom.name, safe='')}")

    def __str__(self) -> str:
        """Return the names of project, workbook and view, and the path, which alone is unique."""
        names = " / ".join(filter(None, (self.project, self.workbook, self.name)))
        custom = f", custom view {self.custom_view.name!r}" if self.custom_view else ""
        return f"{names} ({self.path}{custom})"


def read_project(node: ResponseNode) -> Project:
    """Return the project for a ``project`` element, without its path, which needs the other projects."""
    return Project(node.get("id"), node.get("name"), node.get("parentProjectId"), node.get("name"))


def with_paths(projects: Iterable[Project]) -> list[Project]:
    """Return the projects of a site with their paths. A project whose parent the account may not see starts a path."""
    by_id = {project.id: project for project in projects}

    def path_of(project: Project) -> str:
        names = [project.name]
        while (parent := by_id.get(project.parent_id)) is not None and len(names) < _DEEPEST_PROJECT:
            names.append(parent.name)
            project = parent
        return "/".join(reversed(names))

    return [replace(project, path=path_of(project)) for project in by_id.values()]


def read_content(node: ResponseNode, kind: type[SomeContent]) -> SomeContent:
    """Return the workbook, data source or flow for an element."""
    project = node.first("project")
    content = kind(
        id=node.get("id"),
        name=node.get("name"),
        content_url=node.get("contentUrl"),
        project=project.get("name"),
        project_id=project.get("id"),
        owner_id=node.first("owner").get("id"),
        created_at=read_time(node.get("createdAt")),
        updated_at=read_time(node.get("updatedAt")),
        url=node.get("webpageUrl"),
    )
    if isinstance(content, Workbook):
        return replace(content, show_tabs=_read_bool(node.get("showTabs")))
    return content


def read_workbook(node: ResponseNode) -> Workbook:
    """Return the workbook for a ``workbook`` element."""
    return read_content(node, Workbook)


def read_custom_view(node: ResponseNode) -> CustomView:
    """Return the custom view for a ``customView`` element."""
    return CustomView(
        id=node.get("id"),
        name=node.get("name"),
        view_id=node.first("view").get("id"),
        workbook_id=node.first("workbook").get("id"),
        owner_id=node.first("owner").get("id"),
        # An item without the attribute is not shared (custom_view_item of tableauserverclient).
        shared=_read_bool(node.get("shared")) is True,
        created_at=read_time(node.get("createdAt")),
        updated_at=read_time(node.get("updatedAt")),
    )


def read_view(node: ResponseNode, browser_url: str) -> View:
    """Return the view for a ``view`` element.

    :param browser_url: base of the view's URL in a browser
    """
    workbook = node.first("workbook")
    project = node.first("project")
    content_url = node.get("contentUrl")
    return View(
        id=node.get("id"),
        name=node.get("name"),
        content_url=content_url,
        sheet_type=node.get("sheetType"),
        workbook_id=workbook.get("id"),
        workbook=workbook.get("name"),
        project=project.get("name"),
        project_id=project.get("id"),
        created_at=read_time(node.get("createdAt")),
        updated_at=max(filter(None, map(read_time, (node.get("updatedAt"), workbook.get("updatedAt")))), default=None),
        url=f"{browser_url}/views/{content_url.replace('/sheets/', '/', 1)}" if content_url else "",
    )


def _read_bool(text: str) -> bool | None:
    # Recorded responses have "True", which XML Schema does not allow.
    return {"true": True, "false": False}.get(text.lower())


def read_time(text: str) -> datetime | None:
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
