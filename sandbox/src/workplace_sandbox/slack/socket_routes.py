"""The routes of Socket Mode: ticket requests, connections, and answers through response URLs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from workplace_sandbox.slack.workspace import (
    API_PATH,
    APP,
    APP_TOKEN,
    LINK_PATH,
    REFUSED_APP_TOKENS,
    RESPONSE_PATH,
    TOKENS,
)

if TYPE_CHECKING:
    from workplace_sandbox.slack.response_urls import ResponseUrls
    from workplace_sandbox.slack.sockets import SocketMode


def build_socket_router(sockets: SocketMode, responses: ResponseUrls) -> APIRouter:
    """Build the routes.

    :param sockets: the connections.
    :param responses: receives the answers to commands and interactions.
    :return: the routes, to be included at the root before those of the other methods of the Web API.
    """
    router = APIRouter()

    @router.api_route(f"{API_PATH}apps.connections.open", methods=["GET", "POST"])
    def open_connection(request: Request) -> Response:
        refusal = _refusal(request.headers.get("authorization", ""))
        if refusal is not None:
            return JSONResponse({"ok": False} | refusal)
        scheme = "wss" if request.url.scheme == "https" else "ws"
        url = f"{scheme}://{request.url.netloc}{LINK_PATH}?ticket={sockets.ticket()}&app_id={APP}"
        return JSONResponse({"ok": True, "url": url})

    @router.websocket(LINK_PATH)
    async def link(websocket: WebSocket) -> None:
        await sockets.serve(websocket)

    @router.post(RESPONSE_PATH + "/{token}")
    async def respond(request: Request, token: str) -> Response:
        try:
            answer = json.loads(await request.body())
        except ValueError:
            answer = None
        problem = await run_in_threadpool(responses.respond, token, answer)
        if problem is None:
            return PlainTextResponse("ok")
        return JSONResponse({"ok": False, "error": problem}, 404 if problem.endswith("_url") else 400)

    return router


def _refusal(authorization: str) -> dict[str, Any] | None:
    """Return the error of the token, which only the header may contain; None without one."""
    scheme, _, bearer = authorization.partition(" ")
    token = bearer.strip()
    if scheme.lower() != "bearer" or not token:
        return {"error": "not_authed"}
    if token in TOKENS:
        return {"error": "not_allowed_token_type"}
    if token in REFUSED_APP_TOKENS:
        return dict(REFUSED_APP_TOKENS[token])
    return None if token == APP_TOKEN else {"error": "invalid_auth"}
