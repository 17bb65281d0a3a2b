"""The routes of GitHub: the fragment with a person's calendar, and the GraphQL API."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from workplace_sandbox.github import GITHUB_PATH, TOKEN
from workplace_sandbox.github.controls import GithubBehaviour
from workplace_sandbox.github.graph import run_query
from workplace_sandbox.github.markup import fragment
from workplace_sandbox.store import Store

MAX_BODY_BYTES = 256 * 1024
_DOCUMENTATION = "https://docs.github.com/graphql"


def build_router(store: Store, behaviour: GithubBehaviour) -> APIRouter:
    """Build the routes.

    :param store: the state.
    :param behaviour: the current day, and the markup of the page.
    :return: the routes, to be included without a prefix.
    """
    router = APIRouter(prefix=GITHUB_PATH)

    @router.get("/users/{login}/contributions")
    def contributions(login: str) -> Response:
        contributor = store.contributor(login)
        if contributor is None:
            return PlainTextResponse("Not Found", 404)
        return HTMLResponse(fragment(contributor, behaviour.today, behaviour.markup))

    async def graphql(request: Request) -> Response:
        if (refused := _authentication_error(request)) is not None:
            return refused
        body = await _json(request)
        if body is None:
            return JSONResponse({"message": "Problems parsing JSON", "documentation_url": _DOCUMENTATION}, 400)
        site = f"{request.url.scheme}://{request.url.netloc}{GITHUB_PATH}"
        result = await run_in_threadpool(run_query, store, behaviour, site, str(body.get("query")), body.get("variables"))
        return JSONResponse(result)

    # As on an Enterprise Server, and as on api.github.com.
    for path in ("/api/graphql", "/graphql"):
        router.add_api_route(path, graphql, methods=["POST"])
    return router


def _authentication_error(request: Request) -> Response | None:
    """Return the response to a caller without a token, or with a wrong one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        message = "This endpoint requires you to be authenticated."
    elif scheme.lower() in ("bearer", "token") and token == TOKEN:
        return None
    else:
        message = "Bad credentials"
    return JSONResponse({"message": message, "documentation_url": _DOCUMENTATION, "status": "401"}, 401)


async def _json(request: Request) -> dict[str, Any] | None:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            return None
    try:
        value = json.loads(received.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
