"""The part of Tableau's REST API that clients use to read and export.

Responses are XML unless a client accepts JSON. Every route but ``serverinfo`` and the sign-in needs a token, which
belongs to one site.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from workplace_sandbox.residents import USERS
from workplace_sandbox.tableau.cache import DEFAULT_MINUTES
from workplace_sandbox.tableau.catalogue import TableauSite, TableauView, TableauWorkbook, user_luid
from workplace_sandbox.tableau.controls import TableauControls
from workplace_sandbox.tableau.credentials import read_request, read_sign_in, site_of
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.exports import Kind, Version, check_allowed, make_file, read_options, stream, thumbnail
from workplace_sandbox.tableau.listing import Conditions, page_of, select
from workplace_sandbox.tableau.packages import POWERPOINT_TYPE, WORKBOOK_TYPE, packaged_workbook, presentation
from workplace_sandbox.tableau.product import Product
from workplace_sandbox.tableau.representation import (
    PROJECT_FIELDS,
    VIEW_FIELDS,
    WORKBOOK_FIELDS,
    Fields,
    TableauRepresentation,
)
from workplace_sandbox.tableau.responses import Element, element, error_response, respond, send, wants_json, write
from workplace_sandbox.tableau.sessions import Session
from workplace_sandbox.tableau.view_filters import ViewFilters

OLDEST: Version = (2, 4)
NEWEST: Version = (3, 29)
PRODUCT_VERSION = "2026.2.0"
BUILD = "20262.26.0714.1012"
# It looks like an absolute limit in hours, but a session ends long before: clients that rely on it fail.
ESTIMATED_LIFE = "240:00:00"

MAX_BODY_BYTES = 64 * 1024
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,3})")
_UNKNOWN_VIEW: dict[Kind, str] = {"image": "404011", "data": "400080", "pdf": "400080", "crosstab": "404011"}

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class TableauCall:
    """A request of a signed-in user to the site of their session."""

    request: Request
    controls: TableauControls
    product: Product
    session: Session
    site: TableauSite
    version: Version

    def represent(self, kind: str) -> TableauRepresentation:
        """Return the representation for the response.

        :param kind: the kind of object that the request is about.
        """
        fields = Fields(self.request.query_params.get("fields", ""), kind)
        base = f"{self.request.url.scheme}://{self.request.url.netloc}{self.product.path}"
        # Tableau Cloud omits the type of a sheet unless ``fields`` names it.
        return TableauRepresentation(self.site, base, fields, sheet_type=not self.product.cloud)

    def workbook(self, wanted: str) -> TableauWorkbook:
        """Return a workbook by LUID."""
        record = self.site.workbook_by_luid.get(wanted)
        if record is None:
            raise TableauError("404006", f"Workbook '{wanted}' could not be found.")
        return record

    def view(self, wanted: str, code: str) -> TableauView:
        """Return a view by LUID.

        :param code: the error code for an unknown view, which differs between the methods.
        """
        record = self.site.view_by_luid.get(wanted)
        if record is None:
            raise TableauError(code, f"View '{wanted}' could not be found on this site.")
        return record


def _controls(request: Request) -> TableauControls:
    controls: TableauControls = request.app.state.controls
    return controls


def _product(request: Request) -> Product:
    product: Product = request.app.state.product
    return product


def _version(version: str) -> Version:
    match = _VERSION.fullmatch(version)
    numbers = (int(match[1]), int(match[2])) if match else (0, 0)
    if numbers < OLDEST:
        raise TableauError("404003", f"There is no version {version} of the REST API.")
    return numbers


def _offered_version(version: str) -> Version:
    numbers = _version(version)
    if numbers > NEWEST:
        raise TableauError(
            "404003", f"Version {version} of the REST API is newer than {_version_text(NEWEST)}, the newest here."
        )
    return numbers


ControlsDep = Annotated[TableauControls, Depends(_controls)]
ProductDep = Annotated[Product, Depends(_product)]
VersionDep = Annotated[Version, Depends(_offered_version)]


async def _latency(controls: ControlsDep) -> None:
    await controls.wait()


async def _signed_in(request: Request, product: ProductDep, version: VersionDep) -> Session:
    del version
    return product.sessions.use(request.headers.get("x-tableau-auth"))


SessionDep = Annotated[Session, Depends(_signed_in)]


async def _call(
    request: Request, controls: ControlsDep, product: ProductDep, version: VersionDep, session: SessionDep, site: str
) -> TableauCall:
    mine = product.site(session.site)
    if mine is None or mine.luid != site:
        if not any(candidate.luid == site for candidate in product.sites()):
            raise TableauError("404000", f"Site '{site}' could not be found.")
        raise TableauError("403004", "The token belongs to another site. Sign in to this one.")
    return TableauCall(request, controls, product, session, mine, version)


CallDep = Annotated[TableauCall, Depends(_call)]

router = APIRouter(prefix="/{version}", dependencies=[Depends(_latency)])


# The documentation writes it in lower case, tableauserverclient does not.
@router.get("/serverinfo", dependencies=[Depends(_version)])
@router.get("/serverInfo", dependencies=[Depends(_version)])
async def server_info(request: Request) -> Response:
    """Return the versions; without a log-in, and in any version."""
    product = element("productVersion", {"build": BUILD}, text=PRODUCT_VERSION)
    version = element("restApiVersion", text=_version_text(NEWEST))
    return respond(request, [element("serverInfo", None, product, version)])


@router.post("/auth/signin", dependencies=[Depends(_offered_version)])
async def sign_in(request: Request, product: ProductDep) -> Response:
    """Begin a session."""
    request_data = read_sign_in(read_request(await _body(request), request.headers.get("content-type", "")))
    signed_in = product.doorkeeper.check(request_data, cloud=product.cloud)
    site = product.site(request_data.site)
    if site is None:
        raise TableauError(
            "401001", f"Error signing in to Tableau Server: there is no site '{request_data.site}' for this user."
        )
    return _session_response(request, site, product.sessions.open(signed_in.user, site.content_url, signed_in.pat))


@router.post("/auth/signout")
async def sign_out(product: ProductDep, session: SessionDep) -> Response:
    """End a session."""
    product.sessions.close(session)
    return Response(status_code=204)


@router.post("/auth/switchSite")
async def switch_site(request: Request, product: ProductDep, session: SessionDep) -> Response:
    """End a session and begin one on another site. Tableau Cloud has no such method."""
    if product.cloud:
        raise TableauError("405000", "Switching sites is not available on Tableau Cloud. Sign in to the other site.")
    wanted = site_of(read_request(await _body(request), request.headers.get("content-type", "")))
    site = product.site(wanted)
    if site is None:
        raise TableauError("401003", f"The site '{wanted}' is not available.")
    if wanted == session.site:
        raise TableauError("403070", "The user is already signed in to this site.")
    product.sessions.close(session)
    return _session_response(request, site, product.sessions.open(session.user, wanted, session.pat))


@router.get("/sites/{site}")
def own_site(call: CallDep) -> Response:
    """Return the site of the session."""
    attributes = {"id": call.site.luid, "name": call.site.name, "contentUrl": call.site.content_url}
    return respond(call.request, [element("site", {**attributes, "adminMode": "ContentAndUsers", "state": "Active"})])


@router.get("/sites/{site}/users/{user}")
def user(call: CallDep, user: str) -> Response:
    """Return a user; clients request it after the sign-in."""
    for name, full_name in USERS.items():
        if user_luid(name) == user:
            attributes = {"id": user, "name": name, "fullName": full_name, "siteRole": "Creator"}
            return respond(call.request, [element("user", attributes)])
    raise TableauError("404002", f"User '{user}' could not be found.")


@router.get("/sites/{site}/customviews")
def custom_views(call: CallDep) -> Response:
    """List custom views, of which there are none."""
    return _empty_page(call, "customViews")


@router.get("/sites/{site}/datasources")
def datasources(call: CallDep) -> Response:
    """List published data sources, of which there are none: the workbooks have their own."""
    return _empty_page(call, "datasources")


@router.get("/sites/{site}/flows")
def flows(call: CallDep) -> Response:
    """List flows of Tableau Prep, of which there are none."""
    return _empty_page(call, "flows")


@router.get("/sites/{site}/projects")
def projects(call: CallDep) -> Response:
    """List projects, in pages."""
    represent = call.represent("project")
    return _page(call, "projects", call.site.projects, PROJECT_FIELDS, represent.project)


@router.get("/sites/{site}/workbooks")
def workbooks(call: CallDep) -> Response:
    """List workbooks, in pages."""
    represent = call.represent("workbook")
    return _page(call, "workbooks", call.site.workbooks, WORKBOOK_FIELDS, represent.workbook)


@router.get("/sites/{site}/workbooks/{workbook}")
def workbook(call: CallDep, workbook: str) -> Response:
    """Return a workbook with its views."""
    return respond(call.request, [call.represent("workbook").workbook_with_views(call.workbook(workbook))])


@router.get("/sites/{site}/workbooks/{workbook}/views")
def views_of_workbook(call: CallDep, workbook: str) -> Response:
    """Return the views of a workbook, all of them."""
    return respond(call.request, [call.represent("view").views_of(call.workbook(workbook))])


@router.get("/sites/{site}/workbooks/{workbook}/pdf")
async def workbook_pdf(call: CallDep, workbook: str) -> Response:
    """Return a workbook as a PDF: without tabs, as here, its default view alone."""
    return await _export(call, "pdf", call.workbook(workbook).views[0].luid)


@router.get("/sites/{site}/workbooks/{workbook}/content")
def workbook_content(call: CallDep, workbook: str) -> Response:
    """Return a workbook as a file for Tableau Desktop."""
    record = call.workbook(workbook)
    filename = f"filename*=UTF-8''{quote(record.content_url)}.twbx"
    headers = {"content-type": WORKBOOK_TYPE, "content-disposition": f'name="tableau_workbook"; {filename}'}
    return Response(packaged_workbook(record), headers=headers)


@router.get("/sites/{site}/workbooks/{workbook}/powerpoint")
async def workbook_powerpoint(call: CallDep, workbook: str) -> Response:
    """Return a workbook as a PowerPoint file, one slide for each view."""
    record = call.workbook(workbook)
    views = tuple(call.view(sheet.luid, "404011") for sheet in record.views)
    for view in views:
        check_allowed("pdf", view, call.session.user)
    call.product.sessions.count_export(call.session)
    await call.controls.wait(exporting=True)
    return Response(await run_in_threadpool(presentation, record, views), headers={"content-type": POWERPOINT_TYPE})


@router.get("/sites/{site}/workbooks/{workbook}/previewImage")
async def workbook_preview_image(call: CallDep, workbook: str) -> Response:
    """Return the small picture of a workbook: that of its default view."""
    view = call.view(call.workbook(workbook).views[0].luid, "404011")
    return Response(await run_in_threadpool(thumbnail, view, ViewFilters()), media_type="image/png")


@router.get("/sites/{site}/workbooks/{workbook}/views/{view}/previewImage")
async def preview_image(call: CallDep, workbook: str, view: str) -> Response:
    """Return the small picture of a view."""
    of_workbook = call.workbook(workbook)
    record = call.view(view, "404011")
    if record.workbook.luid != of_workbook.luid:
        raise TableauError("404011", f"View '{view}' is not in workbook '{workbook}'.")
    return Response(await run_in_threadpool(thumbnail, record, ViewFilters()), media_type="image/png")


@router.get("/sites/{site}/views")
def views(call: CallDep) -> Response:
    """List views, in pages; also used to find a view by its URL name."""
    represent = call.represent("view")
    return _page(call, "views", call.site.views, VIEW_FIELDS, represent.view)


@router.get("/sites/{site}/views/{view}")
def view(call: CallDep, view: str) -> Response:
    """Return a view."""
    return respond(call.request, [call.represent("view").view(call.view(view, "404006"))])


@router.get("/sites/{site}/views/{view}/image")
async def view_image(call: CallDep, view: str) -> Response:
    """Return the picture of a view."""
    return await _export(call, "image", view)


@router.get("/sites/{site}/views/{view}/data")
async def view_data(call: CallDep, view: str) -> Response:
    """Return the data of a view as CSV."""
    return await _export(call, "data", view)


@router.get("/sites/{site}/views/{view}/pdf")
async def view_pdf(call: CallDep, view: str) -> Response:
    """Return a view as a PDF."""
    return await _export(call, "pdf", view)


@router.get("/sites/{site}/views/{view}/crosstab/excel")
async def view_crosstab(call: CallDep, view: str) -> Response:
    """Return the data of a view as a spreadsheet."""
    return await _export(call, "crosstab", view)


def build_tableau(controls: TableauControls, product: Product) -> FastAPI:
    """Build the application of the REST API.

    :param controls: the delays.
    :param product: the server.
    :return: the application, to be mounted at ``api`` below the path of the product.
    """
    app = FastAPI(title="Tableau stand-in", openapi_url=None, redirect_slashes=False)
    app.state.controls = controls
    app.state.product = product
    app.include_router(router)
    app.add_exception_handler(TableauError, _respond)
    app.add_exception_handler(HTTPException, _respond)
    return app


def _respond(request: Request, error: Exception) -> Response:
    if isinstance(error, TableauError):
        return error_response(request, error)
    code = "405000" if isinstance(error, HTTPException) and error.status_code == 405 else "404001"
    return error_response(request, TableauError(code, f"{request.method} {request.url.path} is no method of this REST API."))


async def _export(call: TableauCall, kind: Kind, luid_of_view: str) -> Response:
    view = call.view(luid_of_view, _UNKNOWN_VIEW[kind])
    check_allowed(kind, view, call.session.user)
    query = parse_qsl(call.request.url.query, keep_blank_values=True)
    options = read_options(kind, dict(query), call.version)
    filters = ViewFilters.read(query)
    cloud = call.product.cloud
    call.product.sessions.count_export(call.session)
    await call.controls.wait(exporting=True)
    if streamed := stream(kind, view, cloud=cloud):
        headers = {"content-length": f"{streamed.size}", "content-type": streamed.media_type}
        return StreamingResponse(_each(streamed.pieces), headers=headers)
    key = (view.luid, kind, filters, options)
    file = await run_in_threadpool(
        call.product.cache.get, key, _minutes(query), lambda: make_file(kind, view, filters, options, cloud=cloud)
    )
    # As a header, because the framework would add a charset to the media type.
    return Response(file.content, headers={"content-type": file.media_type})


def _page(
    call: TableauCall,
    name: str,
    things: Sequence[Thing],
    conditions: Conditions[Thing],
    represent: Callable[[Thing], Element],
) -> Response:
    query, as_json = call.request.query_params, wants_json(call.request)

    def body() -> bytes:
        page, pagination = page_of(select(things, conditions, query), query)
        return write([element("pagination", pagination), element(name, None, *map(represent, page))], as_json=as_json)

    return send(call.site.cached((str(call.request.url), as_json), body), as_json=as_json)


def _empty_page(call: TableauCall, name: str) -> Response:
    pagination = element("pagination", {"pageNumber": "1", "pageSize": "100", "totalAvailable": "0"})
    return respond(call.request, [pagination, element(name)])


async def _each(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Making a piece takes less time than switching to another thread and back.
    for piece in pieces:
        yield piece


def _session_response(request: Request, site: TableauSite, session: Session) -> Response:
    attributes = {"token": session.token, "estimatedTimeToExpiration": ESTIMATED_LIFE}
    inside: tuple[Element, ...] = (
        element("site", {"id": site.luid, "contentUrl": site.content_url}),
        element("user", {"id": user_luid(session.user)}),
    )
    return respond(request, [element("credentials", attributes, *inside)])


def _minutes(query: Sequence[tuple[str, str]]) -> int:
    text = dict(query).get("maxAge", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else DEFAULT_MINUTES


async def _body(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise TableauError("400000", "The request body is too large")
    return bytes(received)


def _version_text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
