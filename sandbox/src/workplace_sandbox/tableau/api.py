"""The part of Tableau's REST API that clients use to read and export.

Responses are XML unless a client accepts JSON. Every route but ``serverinfo`` and the sign-in needs a token, which
belongs to one site.
"""

from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from workplace_sandbox.residents import USERS
from workplace_sandbox.tableau.calls import (
    NEWEST,
    UNKNOWN_VIEW,
    CallDep,
    ProductDep,
    SessionDep,
    any_version,
    body_of,
    export,
    latency,
    offered_version,
    page,
    version_text,
)
from workplace_sandbox.tableau.catalogue import TableauSite, user_luid
from workplace_sandbox.tableau.controls import TableauControls
from workplace_sandbox.tableau.credentials import read_request, read_sign_in, site_of
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.exports import check_allowed, read_options, thumbnail, workbook_file
from workplace_sandbox.tableau.job_routes import router as job_router
from workplace_sandbox.tableau.metadata import router as metadata_router
from workplace_sandbox.tableau.packages import POWERPOINT_TYPE, WORKBOOK_TYPE, packaged_workbook, presentation
from workplace_sandbox.tableau.product import Product
from workplace_sandbox.tableau.reach_routes import router as reach_router
from workplace_sandbox.tableau.representation import PROJECT_FIELDS, VIEW_FIELDS, WORKBOOK_FIELDS
from workplace_sandbox.tableau.responses import Element, element, error_response, respond
from workplace_sandbox.tableau.sessions import Session
from workplace_sandbox.tableau.view_filters import ViewFilters

PRODUCT_VERSION = "2026.2.0"
BUILD = "20262.26.0714.1012"
# It looks like an absolute limit in hours, but a session ends long before: clients that rely on it fail.
ESTIMATED_LIFE = "240:00:00"

"""The part of Tableau's REST API that clients use to read and export.

Responses are XML unless a client accepts JSON. Every route but ``serverinfo`` and the sign-in needs a token, which
belongs to one site.
"""


router = APIRouter(prefix="/{version}", dependencies=[Depends(latency)])


# The documentation writes it in lower case, tableauserverclient does not.
@router.get("/serverinfo", dependencies=[Depends(any_version)])
@router.get("/serverInfo", dependencies=[Depends(any_version)])
async def server_info(request: Request) -> Response:
    """Return the versions; without a log-in, and in any version."""
    product = element("productVersion", {"build": BUILD}, text=PRODUCT_VERSION)
    version = element("restApiVersion", text=version_text(NEWEST))
    return respond(request, [element("serverInfo", None, product, version)])


@router.post("/auth/signin", dependencies=[Depends(offered_version)])
async def sign_in(request: Request, product: ProductDep) -> Response:
    """Begin a session."""
    request_data = read_sign_in(read_request(await body_of(request), request.headers.get("content-type", "")))
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
    wanted = site_of(read_request(await body_of(request), request.headers.get("content-type", "")))
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


@router.get("/sites/{site}/projects")
def projects(call: CallDep) -> Response:
    """List projects, in pages."""
    represent = call.represent("project")
    return page(call, "projects", call.site.projects, PROJECT_FIELDS, represent.project)


@router.get("/sites/{site}/workbooks")
def workbooks(call: CallDep) -> Response:
    """List workbooks, in pages."""
    represent = call.represent("workbook")
    return page(call, "workbooks", call.site.workbooks, WORKBOOK_FIELDS, represent.workbook)


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
    """Return a workbook as a PDF: all its views if it shows tabs, otherwise its default view alone."""
    record = call.workbook(workbook)
    views = [call.view(sheet.luid, UNKNOWN_VIEW["pdf"]) for sheet in record.views]
    if not record.show_tabs:
        return await export(call, "pdf", views[0])
    for view in views:
        check_allowed("pdf", view, call.session.user)
    query = parse_qsl(call.request.url.query, keep_blank_values=True)
    options, filters = read_options("pdf", dict(query), call.version), ViewFilters.read(query)
    call.product.sessions.count_export(call.session)
    await call.controls.wait(exporting=True)
    file = await run_in_threadpool(workbook_file, views, filters, options)
    return Response(file.content, headers={"content-type": file.media_type})


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
    return page(call, "views", call.site.views, VIEW_FIELDS, represent.view)


@router.get("/sites/{site}/views/{view}")
def view(call: CallDep, view: str) -> Response:
    """Return a view."""
    return respond(call.request, [call.represent("view").view(call.view(view, "404006"))])


@router.get("/sites/{site}/views/{view}/image")
async def view_image(call: CallDep, view: str) -> Response:
    """Return the picture of a view."""
    return await export(call, "image", call.view(view, UNKNOWN_VIEW["image"]))


@router.get("/sites/{site}/views/{view}/data")
async def view_data(call: CallDep, view: str) -> Response:
    """Return the data of a view as CSV."""
    return await export(call, "data", call.view(view, UNKNOWN_VIEW["data"]))


@router.get("/sites/{site}/views/{view}/pdf")
async def view_pdf(call: CallDep, view: str) -> Response:
    """Return a view as a PDF."""
    return await export(call, "pdf", call.view(view, UNKNOWN_VIEW["pdf"]))


@router.get("/sites/{site}/views/{view}/crosstab/excel")
async def view_crosstab(call: CallDep, view: str) -> Response:
    """Return the data of a view as a spreadsheet."""
    return await export(call, "crosstab", call.view(view, UNKNOWN_VIEW["crosstab"]))


def build_tableau(controls: TableauControls, product: Product) -> FastAPI:
    """Build the application of the REST API.

    :param controls: the delays.
    :param product: the server.
    :return: the application, to be mounted at ``api`` below the path of the product.
    """
    app = FastAPI(title="Tableau stand-in", openapi_url=None, redirect_slashes=False)
    app.state.controls = controls
    app.state.product = product
    app.include_router(metadata_router)
    for part in (router, job_router, reach_router):
        app.include_router(part)
    app.add_exception_handler(TableauError, _respond)
    app.add_exception_handler(HTTPException, _respond)
    return app


def _respond(request: Request, error: Exception) -> Response:
    if isinstance(error, TableauError):
        return error_response(request, error)
    code = "405000" if isinstance(error, HTTPException) and error.status_code == 405 else "404001"
    return error_response(request, TableauError(code, f"{request.method} {request.url.path} is no method of this REST API."))


def _session_response(request: Request, site: TableauSite, session: Session) -> Response:
    attributes = {"token": session.token, "estimatedTimeToExpiration": ESTIMATED_LIFE}
    inside: tuple[Element, ...] = (
        element("site", {"id": site.luid, "contentUrl": site.content_url}),
        element("user", {"id": user_luid(session.user)}),
    )
    return respond(request, [element("credentials", attributes, *inside)])
