"""Confluence Data Center as an application: all routes below a context path."""

from datetime import timedelta

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from workplace_sandbox.confluence import (
    attachments,
    content,
    metadata,
    people,
    permissions,
    restrictions,
    search,
    spaces,
    templates,
)
from workplace_sandbox.confluence.call import DataCenterSite
from workplace_sandbox.confluence.errors import (
    AuthenticationFailedError,
    RestError,
    XsrfError,
    html_page,
)
from workplace_sandbox.confluence.locks import AttachmentLocks
from workplace_sandbox.confluence.search_index import SearchIndex
from workplace_sandbox.store import Store

API = "/rest/api"
EXPERIMENTAL = "/rest/experimental"


def build_datacenter(
    store: Store,
    context_path: str,
    *,
    search_lag: timedelta = timedelta(0),
    max_attachment_bytes: int | None = None,
) -> FastAPI:
    """Build the application.

    :param store: its state.
    :param context_path: where it will be mounted; addresses in responses contain it.
    :param search_lag: how long new content stays invisible to CQL.
    :param max_attachment_bytes: the largest accepted file; None for no limit.
    :return: the application, to be mounted at ``context_path``.
    """
    app = FastAPI(title="Confluence Data Center stand-in", openapi_url=None, redirect_slashes=False)
    app.state.site = DataCenterSite(
        store, context_path, search_lag, max_attachment_bytes, AttachmentLocks(), SearchIndex(store)
    )
    # Search goes first: otherwise "/content/search" would match as a content id.
    for part in (search, content, attachments, metadata, permissions, restrictions, spaces, people):
        app.include_router(part.router, prefix=API)
    app.include_router(templates.router, prefix=EXPERIMENTAL)
    app.include_router(attachments.download_router)
    app.add_exception_handler(RestError, _respond)
    app.add_exception_handler(AuthenticationFailedError, _respond)
    app.add_exception_handler(XsrfError, _respond)
    app.add_exception_handler(HTTPException, _respond_http)
    return app


def _respond(_: Request, error: Exception) -> Response:
    if not isinstance(error, RestError | AuthenticationFailedError | XsrfError):
        raise error
    return error.response()


def _respond_http(request: Request, error: Exception) -> Response:
    """Return the error for an unknown address or method: JSON of the REST framework, or a page of the container."""
    if not isinstance(error, HTTPException):
        raise error
    status = error.status_code
    if "/rest/" in request.url.path:
        reason = f"null for uri: {request.url}" if status == 404 else f"HTTP {status} {error.detail}"
        return JSONResponse({"message": reason, "status-code": status}, status, headers=error.headers)
    return HTMLResponse(html_page(status, error.detail), status, headers=error.headers)
