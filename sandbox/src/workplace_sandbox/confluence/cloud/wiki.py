"""Confluence Cloud as an application: at the site's own address, or behind Atlassian's gateway.

Of REST v1, the sandbox has the calls in the published description of July 2026. All other calls of v1 respond 410. On the
gateway that is certain; for API tokens at the site the reports of 2026 contradict each other (reference section 0), so
the sandbox is as strict as the stricter ones: a client that works here does not depend on removed calls.
"""

import re

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from workplace_sandbox.confluence.cloud import (
    CLOUD_ID,
    SITE_PATH,
    attachments,
    children,
    comments,
    metadata,
    pages,
    people,
    spaces,
    v1_attachments,
    v1_content,
    v1_copy,
    v1_metadata,
    v1_people,
    v1_reads,
    v1_search,
    v1_states,
)
from workplace_sandbox.confluence.cloud.call import CloudCallDep, CloudSite, points_headers
from workplace_sandbox.confluence.cloud.errors import CloudError, gone, v1_error, v2_error
from workplace_sandbox.confluence.errors import RestError, html_page
from workplace_sandbox.ui.addresses import page_id_of_tiny_link

API = "/rest/api"
API_V2 = "/api/v2"
V1_PARTS = (v1_search, v1_content, v1_copy, v1_attachments, v1_metadata, v1_people, v1_states, v1_reads)
V2_PARTS = (pages, spaces, children, metadata, attachments, comments, people)
REMOVED = ("content", "space", "contentbody", "longtask")
# Writes of REST v1 that the sandbox does not have: they are not gone.
NOT_HERE = (
    ("PUT", r"/content/blueprint/instance/[^/]+"),
    ("POST", r"/content/blueprint/instance/[^/]+"),
    ("DELETE", r"/content/[^/]+/pageTree"),
    ("POST", r"/content/[^/]+/permission/check"),
    ("PUT", r"/content/[^/]+/restriction/byOperation/[^/]+/(user|byGroupId/[^/]+)"),
    ("DELETE", r"/content/[^/]+/restriction/byOperation/[^/]+/(user|byGroupId/[^/]+)"),
    ("POST", r"/content/[^/]+/version"),
    ("DELETE", r"/content/[^/]+/version/[^/]+"),
    ("POST", r"/contentbody/convert/async/bulk/tasks"),
    ("POST", r"/space(/_private)?"),
    ("PUT", r"/space/[^/]+(/settings|/theme)?"),
    ("DELETE", r"/space/[^/]+(/theme|/label|/permission/[^/]+)?"),
    ("POST", r"/space/[^/]+/(label|permission(/custom-content)?)"),
)
METHODS = ["GET", "POST", "PUT", "DELETE"]


def build_wiki(site: CloudSite) -> FastAPI:
    """Build the application.

    :param site: the state, and the route to it.
    :return: the application, to be mounted at ``/wiki``.
    """
    app = FastAPI(title=f"Confluence Cloud stand-in ({site.way})", openapi_url=None, redirect_slashes=False)
    app.state.site = site
    app.add_middleware(_WithoutSlash)
    for part in V2_PARTS:
        app.include_router(part.router, prefix=API_V2)
    app.include_router(_build_blog_posts(), prefix=API_V2)
    for part in V1_PARTS:
        app.include_router(part.router, prefix=API)
    app.include_router(_build_removed_calls(), prefix=API)
    app.include_router(_old_downloads())
    if site.way == "site":
        app.include_router(_for_people(site))
    app.add_exception_handler(CloudError, _respond)
    app.add_exception_handler(RestError, _respond_v1)
    app.add_exception_handler(HTTPException, _respond_http)
    return app


class _WithoutSlash:
    """Removes the slash at the end of a call's path, as the site does: md2conf creates pages by ``POST …/pages/``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and scope["path"].endswith("/") and (API in scope["path"] or API_V2 in scope["path"]):
            scope = {**scope, "path": scope["path"].rstrip("/")}
        await self._app(scope, receive, send)


def build_site_router() -> APIRouter:
    """Build the site outside Confluence: its cloud id, without credentials."""
    router = APIRouter()

    @router.get(f"{SITE_PATH}/_edge/tenant_info")
    def tenant_info() -> dict[str, str]:
        return {"cloudId": CLOUD_ID, "cloudName": "sandbox"}

    return router


def _build_removed_calls() -> APIRouter:
    """Build the removed calls of REST v1."""
    router = APIRouter()

    @router.api_route("/{family}", methods=METHODS)
    @router.api_route("/{family}/{rest:path}", methods=METHODS)
    def removed(call: CloudCallDep, family: str) -> Response:
        if _is_described(call.request):
            raise v1_error(501, "This operation is not part of the sandbox")
        if family in REMOVED:
            raise gone()
        raise v1_error(404, f"null for uri: {call.request.url}")

    return router


def _is_described(request: Request) -> bool:
    """Return whether the description of July 2026 has the operation of this request; the sandbox has all its reads."""
    path = request.url.path
    below = path[path.index(API) + len(API) :]
    return any(request.method == method and re.fullmatch(pattern, below) for method, pattern in NOT_HERE)


def _for_people(site: CloudSite) -> APIRouter:
    """Build the links to the wiki: a short link leads to the long one, and that to the user interface."""
    router = APIRouter()
    store = site.store

    @router.get("/x/{name}")
    def tiny(name: str) -> Response:
        page_id = page_id_of_tiny_link(name)
        page = store.page(page_id) if page_id else None
        if page is None:
            return HTMLResponse(html_page(404, "Page not found"), 404)
        return RedirectResponse(f"{SITE_PATH}/wiki/spaces/{page.space_key}/pages/{page.id}", 302)

    @router.get("/spaces/{key}/overview")
    def overview(key: str) -> Response:
        return RedirectResponse(f"{site.context_path}/spaces/{key}", 302)

    @router.get("/spaces/{rest:path}")
    def shown(rest: str) -> Response:
        return RedirectResponse(f"{site.context_path}/spaces/{rest}", 302)

    @router.get("/pages/{rest:path}")
    def page_by_query(request: Request, rest: str) -> Response:
        return RedirectResponse(f"{site.context_path}/pages/{rest}?{request.url.query}", 302)

    return router


def _build_blog_posts() -> APIRouter:
    """Build the calls of blog posts, which are those of pages at another address, without a call for the title."""
    router = APIRouter()
    for part in (pages, metadata, attachments, comments):
        for route in part.router.routes:
            if isinstance(route, APIRoute) and route.path.startswith("/pages") and route.endpoint is not pages.rename_page:
                path, methods = route.path.replace("/pages", "/blogposts", 1), list(route.methods or ())
                router.add_api_route(path, route.endpoint, methods=methods, dependencies=route.dependencies)
    return router


def _old_downloads() -> APIRouter:
    """Build the former addresses of attachments; API tokens and apps are refused there now (CHANGE-2735)."""
    router = APIRouter()

    @router.get("/download/attachments/{rest:path}")
    def refused(rest: str) -> Response:
        return HTMLResponse(html_page(401, f"Unauthorized: /download/attachments/{rest}"), 401)

    return router


def _respond(request: Request, error: Exception) -> Response:
    if not isinstance(error, CloudError):
        raise error
    response = error.response()
    response.headers.update(points_headers(request))
    return response


def _respond_v1(request: Request, error: Exception) -> Response:
    """Return an error of a part that both dialects share."""
    if not isinstance(error, RestError):
        raise error
    return _respond(request, v1_error(error.status, error.message))


def _respond_http(request: Request, error: Exception) -> Response:
    """Return the error for an address or method that does not exist."""
    if not isinstance(error, HTTPException):
        raise error
    status = error.status_code
    if "/api/v2/" in request.url.path:
        return _respond(request, v2_error(status, str(error.detail)))
    if "/rest/" in request.url.path:
        return _respond(request, v1_error(status, f"HTTP {status} {error.detail}"))
    return HTMLResponse(html_page(status, str(error.detail)), status)
