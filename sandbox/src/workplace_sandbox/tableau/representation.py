"""Workbooks, views and projects as Tableau's elements.

``fields`` selects the content of an element: ``_default_``, ``_all_``, or names such as ``name`` and ``workbook.name``.
Shapes: the recorded responses of ``tableauserverclient``; reference section 2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from workplace_sandbox.tableau.accounts import USERS
from workplace_sandbox.tableau.catalogue import user_luid
from workplace_sandbox.tableau.clock import moment
from workplace_sandbox.tableau.responses import element

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workplace_sandbox.tableau.catalogue import (
        TableauCustomView,
        TableauDataSource,
        TableauFlow,
        TableauProject,
        TableauSite,
        TableauView,
        TableauWorkbook,
    )
    from workplace_sandbox.tableau.listing import Conditions
    from workplace_sandbox.tableau.responses import Element

WORKBOOK_FIELDS: Conditions[TableauWorkbook] = {
    "name": lambda workbook: workbook.name,
    "contentUrl": lambda workbook: workbook.content_url,
    "projectName": lambda workbook: workbook.project.name,
    "ownerName": lambda workbook: workbook.owner,
    "tags": lambda workbook: frozenset(workbook.tags),
    "createdAt": lambda workbook: workbook.created_at,
    "updatedAt": lambda workbook: workbook.updated_at,
}
VIEW_FIELDS: Conditions[TableauView] = {
    "name": lambda view: view.sheet.name,
    "title": lambda view: view.sheet.name,
    "contentUrl": lambda view: view.content_url,
    "viewUrlName": lambda view: view.sheet.url_name,
    "sheetType": lambda view: view.sheet.kind,
    "workbookName": lambda view: view.workbook.name,
    "projectName": lambda view: view.workbook.project.name,
    "ownerName": lambda view: view.workbook.owner,
    "tags": lambda view: frozenset(view.workbook.tags),
    "createdAt": lambda view: view.workbook.created_at,
    "updatedAt": lambda view: view.workbook.updated_at,
}
PROJECT_FIELDS: Conditions[TableauProject] = {
    "name": lambda project: project.name,
    "parentProjectId": lambda project: project.parent or "",
    "topLevelProject": lambda project: "false" if project.parent else "true",
}
CUSTOM_VIEW_FIELDS: Conditions[TableauCustomView] = {
    "viewId": lambda custom: custom.view,
    "workbookId": lambda custom: custom.workbook,
    "ownerId": lambda custom: user_luid(custom.owner),
}
DATASOURCE_FIELDS: Conditions[TableauDataSource] = {
    "name": lambda source: source.name,
    "contentUrl": lambda source: source.content_url,
    "projectName": lambda source: source.project.name,
    "updatedAt": lambda source: source.updated_at,
}
FLOW_FIELDS: Conditions[TableauFlow] = {
    "name": lambda flow: flow.name,
    "projectName": lambda flow: flow.project.name,
}


class Fields:
    """The parameter ``fields`` of a request.

    :param text: its value; empty when it is missing, which is ``_default_``.
    :param kind: the kind of object in the list; names may have it in front, as in ``view.name``.
    """

    def __init__(self, text: str, kind: str) -> None:
        self._asked = {name.strip().removeprefix(f"{kind}.") for name in text.split(",")} - {""}
        self.every = "_all_" in self._asked
        self._usual = not self._asked or "_default_" in self._asked

    def want(self, name: str, *, default: bool) -> bool:
        """Return whether a field is in the response.

        :param name: for example ``sheetType``, ``owner.name`` or ``tags``.
        :param usual: whether it is there by default.
        """
        return self.every or (default and self._usual) or name in self._asked

    def chosen(self, default: Mapping[str, str], more: Mapping[str, str], within: str = "") -> dict[str, str]:
        """Return the attributes in the response; those without a value never are.

        :param usual: the default attributes.
        :param more: attributes that ``fields`` must name.
        :param within: the element that has them; empty for that of the list itself.
        """
        prefix = f"{within}." if within else ""
        whole = within in self._asked
        return {
            name: value
            for name, value in {**default, **more}.items()
            if value and (whole or self.want(prefix + name, default=name in default))
        }


class TableauRepresentation:
    """Makes the elements of one response.

    :param site: their site.
    :param base: address of the server as the client wrote it.
    :param fields: the selected fields.
    :param sheet_type: whether the type of a sheet is there by default.
    """

    def __init__(self, site: TableauSite, base: str, fields: Fields, *, sheet_type: bool = True) -> None:
        self._site = site
        self._base = base
        self._fields = fields
        self._sheet_type = sheet_type

    def workbook(self, workbook: TableauWorkbook) -> Element:
        """Return a workbook in a list."""
        project = workbook.project
        own = self._fields.chosen(
            {
                "id": workbook.luid,
                "name": workbook.name,
                "description": workbook.description,
                "contentUrl": workbook.content_url,
                "webpageUrl": f"{self._base}/#{self._place()}/workbooks/{workbook.number}/views",
                "showTabs": _bool(workbook.show_tabs),
                "size": f"{workbook.size}",
                "createdAt": moment(workbook.created_at),
                "updatedAt": moment(workbook.updated_at),
            },
            {
                "sheetCount": f"{len(workbook.sheets)}",
                "hasExtracts": "true",
                "defaultViewId": workbook.views[0].luid if workbook.views else "",
            },
        )
        children = [
            *self._child("project", {"id": project.luid, "name": project.name}, {"description": project.description}),
            *self._child("location", {}, {"id": project.luid, "type": "Project", "name": project.name}),
            *self._owner(workbook),
            *self._tags(workbook),
        ]
        return element("workbook", own, *children)

    def workbook_with_views(self, workbook: TableauWorkbook) -> Element:
        """Return a workbook alone, which names its views."""
        made = self.workbook(workbook)
        made.append(self.views_of(workbook))
        return made

    def views_of(self, workbook: TableauWorkbook) -> Element:
        """Return the views of a workbook: not in pages, and without the fields that all of them share."""
        views = self._site.view_by_luid
        return element("views", None, *(self._view_of(views[sheet.luid]) for sheet in workbook.views))

    def view(self, view: TableauView) -> Element:
        """Return a view in a list, or alone."""
        workbook, project = view.workbook, view.workbook.project
        sheet_type = {"sheetType": view.sheet.kind}
        own = self._fields.chosen(
            {
                "id": view.luid,
                "name": view.sheet.name,
                "contentUrl": view.content_url,
                "createdAt": moment(workbook.created_at),
                "updatedAt": moment(workbook.updated_at),
                "viewUrlName": view.sheet.url_name,
                **(sheet_type if self._sheet_type else {}),
            },
            sheet_type | {"favoritesTotal": "0"},
        )
        more_of_workbook = {
            "name": workbook.name,
            "contentUrl": workbook.content_url,
            "showTabs": _bool(workbook.show_tabs),
            "size": f"{workbook.size}",
            "createdAt": moment(workbook.created_at),
            "updatedAt": moment(workbook.updated_at),
            "sheetCount": f"{len(workbook.sheets)}",
            "hasExtracts": "true",
        }
        of_workbook = self._child("workbook", {"id": workbook.luid}, more_of_workbook)
        if self._fields.every:
            of_workbook[0].append(_tags(workbook.tags))
        children = [
            *of_workbook,
            *self._owner(workbook),
            *self._child("project", {"id": project.luid}, {"name": project.name, "description": project.description}),
            *self._tags(workbook),
            *self._child("usage", {}, {"totalViewCount": "0"}),
            *self._child("location", {}, {"id": project.luid, "type": "Project"}),
        ]
        return element("view", own, *children)

    def project(self, project: TableauProject) -> Element:
        """Return a project in a list."""
        own = {"id": project.luid, "name": project.name, "description": project.description}
        more = {"contentPermissions": "ManagedByOwner", "topLevelProject": "false" if project.parent else "true"}
        if project.parent:
            own["parentProjectId"] = project.parent
        return element("project", self._fields.chosen(own | more, {}), *self._child("owner", {"id": user_luid("jimin")}, {}))

    def custom_view(self, custom: TableauCustomView) -> Element:
        """Return a custom view, in a list or alone."""
        own = {
            "id": custom.luid,
            "name": custom.name,
            "createdAt": moment(custom.created_at),
            "updatedAt": moment(custom.created_at),
            "shared": _bool(custom.shared),
        }
        parts = {"workbook": custom.workbook, "owner": user_luid(custom.owner), "view": custom.view}
        return element("customView", own, *(element(name, {"id": luid}) for name, luid in parts.items()))

    def datasource(self, source: TableauDataSource) -> Element:
        """Return a data source. No attribute has the time of its last refresh."""
        own = {
            "id": source.luid,
            "name": source.name,
            "contentUrl": source.content_url,
            "webpageUrl": f"{self._base}/#{self._place()}/datasources/{source.number}",
            "type": "hyper" if source.extract_at else "postgres",
            "createdAt": moment(source.updated_at),
            "updatedAt": moment(source.updated_at),
            "hasExtracts": _bool(source.extract_at is not None),
            "isCertified": "false",
            "useRemoteQueryAgent": "false",
        }
        return element("datasource", own, *self._place_and_owner(source.project, source.owner), _tags(()))

    def flow(self, flow: TableauFlow) -> Element:
        """Return a flow."""
        own = {
            "id": flow.luid,
            "name": flow.name,
            "webpageUrl": f"{self._base}/#{self._place()}/flows/{flow.number}",
            "fileType": "tflx",
            "createdAt": moment(flow.refreshed_at),
            "updatedAt": moment(flow.refreshed_at),
        }
        return element("flow", own, *self._place_and_owner(flow.project, flow.owner), _tags(()))

    def _place_and_owner(self, project: TableauProject, owner: str) -> list[Element]:
        return [element("project", {"id": project.luid, "name": project.name}), element("owner", {"id": user_luid(owner)})]

    def _view_of(self, view: TableauView) -> Element:
        default = {"id": view.luid, "name": view.sheet.name, "contentUrl": view.content_url}
        more = {
            "createdAt": moment(view.workbook.created_at),
            "updatedAt": moment(view.workbook.updated_at),
            "sheetType": view.sheet.kind,
            "viewUrlName": view.sheet.url_name,
        }
        return element("view", self._fields.chosen(default, more))

    def _place(self) -> str:
        return f"/site/{quote(self._site.content_url)}" if self._site.content_url else ""

    def _owner(self, workbook: TableauWorkbook) -> list[Element]:
        name = workbook.owner
        more = {
            "name": name,
            "fullName": USERS[name],
            "email": f"{name}@example.com",
            "siteRole": "Creator",
            "lastLogin": moment(workbook.updated_at),
        }
        return self._child("owner", {"id": user_luid(name)}, more)

    def _child(self, name: str, default: Mapping[str, str], more: Mapping[str, str]) -> list[Element]:
        """Return an element within, when any of its fields is in the response."""
        chosen = self._fields.chosen(default, more, name)
        return [element(name, chosen)] if chosen else []

    def _tags(self, workbook: TableauWorkbook) -> list[Element]:
        return [_tags(workbook.tags)] if self._fields.want("tags", default=True) else []


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _tags(tags: Sequence[str]) -> Element:
    return element("tags", None, *(element("tag", {"label": tag}) for tag in tags))
