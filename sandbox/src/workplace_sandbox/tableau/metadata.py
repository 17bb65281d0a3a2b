"""The Metadata API: extracts of published data sources, and the sheets of dashboards.

Names and types are those of Tableau's published reference of the Metadata API; a query is run by the reference
implementation of GraphQL. A hidden sheet has an empty LUID. Tableau Server answers 404 unless an administrator has enabled
the service.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse, Response
from graphql import GraphQLSchema, build_schema, graphql_sync

from workplace_sandbox.tableau.calls import ControlsDep, ProductDep, SessionDep, latency
from workplace_sandbox.tableau.catalogue import TableauDataSource, TableauSite, TableauWorkbook
from workplace_sandbox.tableau.clock import moment
from workplace_sandbox.tableau.errors import TableauError

router = APIRouter(prefix="/metadata", dependencies=[Depends(latency)])


@router.post("/graphql")
def graphql(
    controls: ControlsDep,
    product: ProductDep,
    session: SessionDep,
    query: Annotated[str, Body()],
    variables: Annotated[dict[str, Any] | None, Body()] = None,
) -> Response:
    """Run a query on the site of the session."""
    if not (product.cloud or controls.metadata_enabled):
        raise TableauError("404001", "The Metadata API is not enabled on this server.")
    controls.jobs.settle()
    site = product.site(session.site)
    if site is None:
        raise TableauError("404000", f"Site '{session.site}' could not be found.")
    result = graphql_sync(_schema(), query, _root(site), variable_values=variables or {})
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [{"message": error.message} for error in result.errors]
    return JSONResponse(answer)


@cache
def _schema() -> GraphQLSchema:
    return build_schema(resources.files(__package__).joinpath("metadata.graphql").read_text(encoding="utf-8"))


def _root(site: TableauSite) -> dict[str, Any]:
    def data_sources(_: Any, **arguments: Any) -> list[dict[str, Any]]:
        return _matching(map(_data_source, site.datasources), arguments)

    def dashboards(_: Any, **arguments: Any) -> list[dict[str, Any]]:
        return _matching((each for workbook in site.workbooks for each in _dashboards(workbook)), arguments)

    return {"publishedDatasources": data_sources, "dashboards": dashboards}


def _matching(items: Any, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = {name: value for name, value in (arguments.get("filter") or {}).items() if value is not None}
    return [item for item in items if all(item[name] == value for name, value in wanted.items())]


def _data_source(source: TableauDataSource) -> dict[str, Any]:
    refreshed = moment(source.extract_at) if source.extract_at else None
    return {
        "luid": source.luid,
        "name": source.name,
        "projectName": source.project.name,
        "hasExtracts": refreshed is not None,
        "extractLastRefreshTime": refreshed,
        "extractLastIncrementalUpdateTime": None,
        "extractLastUpdateTime": refreshed,
    }


def _dashboards(workbook: TableauWorkbook) -> list[dict[str, Any]]:
    """Return the dashboards of a workbook, which contain all of its worksheets."""
    sheets = [
        {
            "luid": "" if sheet.hidden else sheet.luid,
            "name": sheet.name,
            "path": "" if sheet.hidden else f"{workbook.content_url}/{sheet.url_name}",
        }
        for sheet in workbook.sheets
        if sheet.kind == "worksheet"
    ]
    return [
        {"luid": sheet.luid, "name": sheet.name, "path": f"{workbook.content_url}/{sheet.url_name}", "sheets": sheets}
        for sheet in workbook.views
        if sheet.kind == "dashboard"
    ]
