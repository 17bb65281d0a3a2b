"""The pages of Tableau: the content of the sites, and one view with its chart and its data."""

from __future__ import annotations

from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from workplace_sandbox.tableau.exports import picture, table_of, thumbnail
from workplace_sandbox.tableau.view_filters import ViewFilters

if TYPE_CHECKING:
    from collections.abc import Callable

    from workplace_sandbox.tableau.catalogue import TableauSite, TableauView, TableauWorkbook
    from workplace_sandbox.tableau.controls import TableauControls
    from workplace_sandbox.tableau.product import Product

_SHOWN_WORKBOOKS = 40
_SHOWN_ROWS = 200


class TableauRenderer(Protocol):
    """Fills a template."""

    def __call__(self, template: str, status: int = 200, *, script: bool = False, **values: Any) -> HTMLResponse:
        """Return the page.

        :param script: whether it may run the sandbox's own script.
        """
        ...


def build_tableau_pages(
    controls: TableauControls, html: TableauRenderer, not_found: Callable[[str], HTMLResponse]
) -> APIRouter:
    """Return the routes of Tableau's pages.

    :param controls: the controls of Tableau.
    :param html: fills a template.
    :param not_found: returns the page for an unknown view.
    """
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    router.add_api_route("/_ui/tableau.js", script)
    router.add_api_route("/_ui/tableau/{luid}.png", _Pages(controls.server, html, not_found).image)
    for product in (controls.server, controls.cloud):
        pages = _Pages(product, html, not_found)
        router.add_api_route(product.path, pages.overview)
        router.add_api_route(f"{product.path}/", pages.overview)
        router.add_api_route(f"{product.path}/views/{{workbook}}/{{sheet}}", pages.view)
        router.add_api_route(f"{product.path}/t/{{site}}/views/{{workbook}}/{{sheet}}", pages.view)
    return router


def script() -> Response:
    """Return the script of the overview."""
    text = resources.files("workplace_sandbox.ui").joinpath("static/tableau.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


class _Pages:
    """The endpoints of one server."""

    def __init__(self, product: Product, html: TableauRenderer, not_found: Callable[[str], HTMLResponse]) -> None:
        self._product = product
        self._html = html
        self._not_found = not_found

    def overview(self) -> HTMLResponse:
        """Return the overview of the sites."""
        sites = [(site, _by_project(site)) for site in self._product.sites()]
        return self._html(
            "tableau.html",
            script=True,
            here="tableau",
            cloud=self._product.cloud,
            sites=sites,
            limit=_SHOWN_WORKBOOKS,
            address=self._address,
        )

    def view(self, request: Request, workbook: str, sheet: str, site: str | None = None) -> HTMLResponse:
        """Return one view, under the filters in the address."""
        # Without a site, any site that has the view: a person may see the views of all.
        places = [candidate for candidate in self._product.sites() if site is None or candidate.content_url == site]
        match = next(((place, view) for place in places if (view := place.find_view(workbook, sheet))), None)
        if match is None:
            return self._not_found(f"There is no view {workbook}/{sheet}. Hidden sheets are not shown.")
        place, shown = match
        filters = _filters(request)
        table = table_of(shown, filters)
        return self._html(
            "tableau_view.html",
            here="tableau",
            site=place,
            view=shown,
            filters=filters,
            query=request.url.query,
            table=table,
            rows=table.rows[:_SHOWN_ROWS],
            of=shown.workbook.data_sheet(shown.sheet),
            address=self._address,
            home=f"{self._product.path}/",
        )

    def image(self, request: Request, luid: str) -> Response:
        """Return the picture of a view, as the pages have it."""
        found = next((view for site in self._product.sites() if (view := site.view_by_luid.get(luid))), None)
        if found is None:
            return self._not_found(f"There is no view {luid}.")
        filters = _filters(request)
        # Twice as many pixels for a chart that is shown large. A parameter that begins with a colon is not a filter.
        small = ":small" in request.query_params
        png = thumbnail(found, filters) if small else picture(found, filters, density=2)
        return Response(png, media_type="image/png", headers={"Cache-Control": "no-cache"})

    def _address(self, site: TableauSite, view: TableauView) -> str:
        of_site = f"/t/{quote(site.content_url, safe='')}" if site.content_url else ""
        names = (quote(name, safe="") for name in (view.workbook.content_url, view.sheet.url_name))
        return f"{self._product.path}{of_site}/views/{'/'.join(names)}"


def _filters(request: Request) -> ViewFilters:
    """Return the filters in an address: ``?기기=PC`` as people type it, and ``vf_기기=PC`` from a log of requests."""
    query = parse_qsl(request.url.query, keep_blank_values=True)
    return ViewFilters.read(
        [(name.removeprefix("vf_"), value) for name, value in query if not name.startswith(":")], prefix=""
    )


def _by_project(site: TableauSite) -> list[tuple[str, list[TableauWorkbook]]]:
    """Return names of projects with their workbooks."""
    ordered = sorted(site.workbooks, key=lambda workbook: (workbook.project.name, workbook.number))
    return [(project, list(of)) for project, of in groupby(ordered, key=lambda workbook: workbook.project.name)]
