"""Custom views, published data sources and flows. Source: reference sections 1.1 and 1.4 of "reach"."""

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from workplace_sandbox.tableau.calls import CallDep, TableauCall, export, latency, page
from workplace_sandbox.tableau.catalogue import TableauCustomView
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.exports import Kind, Version
from workplace_sandbox.tableau.listing import page_of, select
from workplace_sandbox.tableau.representation import CUSTOM_VIEW_FIELDS, DATASOURCE_FIELDS, FLOW_FIELDS
from workplace_sandbox.tableau.responses import element, respond
from workplace_sandbox.tableau.view_filters import ViewFilters

router = APIRouter(prefix="/{version}", dependencies=[Depends(latency)])

_SINCE: dict[Kind, Version] = {"image": (3, 18), "data": (3, 23), "pdf": (3, 23)}


@router.get("/sites/{site}/customviews")
def custom_views(call: CallDep) -> Response:
    """List custom views: one's own and those that others share."""
    _check_version(call, (3, 18))
    query = call.request.query_params
    seen = [custom for custom in call.site.custom_views if custom.shared or custom.owner == call.session.user]
    shown, pagination = page_of(select(seen, CUSTOM_VIEW_FIELDS, query), query)
    represent = call.represent("customView").custom_view
    return respond(call.request, [element("pagination", pagination), element("customViews", None, *map(represent, shown))])


@router.get("/sites/{site}/customviews/{custom_view}")
def custom_view(call: CallDep, custom_view: str) -> Response:
    """Return a custom view."""
    return respond(call.request, [call.represent("customView").custom_view(_custom_view(call, custom_view, (3, 18)))])


@router.get("/sites/{site}/customviews/{custom_view}/{kind}")
async def custom_view_file(call: CallDep, custom_view: str, kind: str) -> Response:
    """Return the picture, the data or the PDF of a custom view."""
    known = next((name for name in _SINCE if name == kind), None)
    if known is None:
        raise TableauError("404001", f"{call.request.url.path} is no method of this REST API.")
    custom = _custom_view(call, custom_view, _SINCE[known])
    saved = ViewFilters(tuple(sorted(custom.chosen)))
    return await export(call, known, call.view(custom.view, "404011"), saved)


@router.get("/sites/{site}/datasources")
def datasources(call: CallDep) -> Response:
    """List published data sources, in pages."""
    return page(call, "datasources", call.site.datasources, DATASOURCE_FIELDS, call.represent("datasource").datasource)


@router.get("/sites/{site}/datasources/{datasource}")
def datasource(call: CallDep, datasource: str) -> Response:
    """Return a published data source."""
    return respond(call.request, [call.represent("datasource").datasource(call.datasource(datasource))])


@router.get("/sites/{site}/flows")
def flows(call: CallDep) -> Response:
    """List flows, in pages."""
    return page(call, "flows", call.site.flows, FLOW_FIELDS, call.represent("flow").flow)


@router.get("/sites/{site}/flows/{flow}")
def flow(call: CallDep, flow: str) -> Response:
    """Return a flow."""
    return respond(call.request, [call.represent("flow").flow(call.flow(flow))])


def _custom_view(call: TableauCall, wanted: str, since: Version) -> TableauCustomView:
    _check_version(call, since)
    for custom in call.site.custom_views:
        if custom.luid == wanted and (custom.shared or custom.owner == call.session.user):
            return custom
    raise TableauError("404048", f"Custom view '{wanted}' could not be found.")


def _check_version(call: TableauCall, since: Version) -> None:
    if call.version < since:
        raise TableauError("404001", f"{call.request.url.path} is no method of this version of the REST API.")
