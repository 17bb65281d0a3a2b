"""The whole sandbox as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from workplace_sandbox.confluence.access import BROWSER_SESSION, SESSION_COOKIE
from workplace_sandbox.confluence.cloud import AUTH_PATH, GATEWAY_PATH, SITE_PATH, WIKI_PATH
from workplace_sandbox.confluence.cloud.application import mount_cloud
from workplace_sandbox.confluence.datacenter import build_datacenter
from workplace_sandbox.connection import SwallowMiddleware
from workplace_sandbox.control import build_control_router
from workplace_sandbox.faults import FaultMiddleware
from workplace_sandbox.github import GITHUB_PATH
from workplace_sandbox.github.api import build_router as build_github_router
from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.jira.api import build_jira
from workplace_sandbox.jira.cloud import mount_jira_cloud
from workplace_sandbox.journal import JournalMiddleware
from workplace_sandbox.members import MEMBERS_PATH, build_members
from workplace_sandbox.notices.feeds import build_feed_router
from workplace_sandbox.scim import build_scim
from workplace_sandbox.slack.api import build_api_router
from workplace_sandbox.slack.files import build_file_router
from workplace_sandbox.slack.socket_routes import build_socket_router
from workplace_sandbox.slack.webhooks import build_router as build_slack_router
from workplace_sandbox.slack.workspace import API_PATH, FILES_PATH, UPLOAD_PATH
from workplace_sandbox.tableau.api import build_tableau
from workplace_sandbox.ui.router import build_router as build_ui_router

if TYPE_CHECKING:
    from datetime import timedelta

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from workplace_sandbox.control import Controls
    from workplace_sandbox.store import Store

# A web page elsewhere could make a browser send requests here, under a host name of its own that resolves to this machine.
HOSTS = ["127.0.0.1", "localhost"]


def build_app(
    store: Store,
    controls: Controls,
    context_path: str,
    *,
    search_lag: timedelta,
    max_attachment_bytes: int | None,
) -> ASGIApp:
    """Assemble the systems, the user interface and the controls.

    :param store: the state.
    :param controls: faults, journal, reset, export, and the controls of each system.
    :param context_path: the path of Confluence; empty for the root.
    :param search_lag: how long new content stays invisible to CQL.
    :param max_attachment_bytes: the largest accepted file; None for no limit.
    :return: the application.
    """
    app = FastAPI(title="Workplace sandbox", openapi_url=None, redirect_slashes=False)
    app.include_router(build_control_router(controls), prefix="/_sandbox")
    app.include_router(build_slack_router(store))
    app.include_router(build_socket_router(controls.sockets, controls.responses))
    app.include_router(build_api_router(store, controls.slack.behaviour, controls.slack.composer.interactions))
    app.include_router(build_file_router(store))
    app.include_router(build_github_router(store, controls.github.behaviour))
    app.include_router(build_feed_router(store))
    ui = build_ui_router(
        store,
        context_path,
        controls.tableau,
        github=controls.github.behaviour,
        notices=controls.notices,
        composer=controls.slack.composer,
    )
    app.include_router(ui)
    # Before Confluence, which matches every path when it is at the root.
    app.mount(f"{JIRA_PATH}/rest", build_jira(store))
    mount_jira_cloud(app, store, controls.cloud.state)
    app.mount(f"{MEMBERS_PATH}/api", build_members(store))
    app.mount(f"{MEMBERS_PATH}/scim/v2", build_scim(store))
    for product in (controls.tableau.server, controls.tableau.cloud):
        app.mount(f"{product.path}/api", build_tableau(controls.tableau, product))
    mount_cloud(
        app,
        store,
        controls.cloud.state,
        context_path,
        search_lag=search_lag,
        max_attachment_bytes=max_attachment_bytes,
    )
    datacenter = build_datacenter(store, context_path, search_lag=search_lag, max_attachment_bytes=max_attachment_bytes)
    app.mount(context_path, datacenter)
    inner = BrowserSessionMiddleware(app, context_path)
    faulty = SwallowMiddleware(FaultMiddleware(inner, controls.faults))
    recorded = JournalMiddleware(faulty, controls.journal)
    return TrustedHostMiddleware(recorded, allowed_hosts=HOSTS, www_redirect=False)


class BrowserSessionMiddleware:
    """Logs a browser in when it opens a page of the user interface.

    The pictures on a wiki page come from Confluence's own download address, which shows nothing to anonymous callers.
    """

    def __init__(self, app: ASGIApp, context_path: str) -> None:
        self._app = app
        # API paths: a session there would hide that a client sends no credentials.
        wiki = tuple(f"{context_path}/{name}" for name in ("rest/", "download/", "login.action"))
        cloud = (f"{WIKI_PATH}/api/", f"{WIKI_PATH}/rest/", f"{SITE_PATH}/rest/", GATEWAY_PATH, AUTH_PATH)
        self._not_pages = (*wiki, *cloud, f"{JIRA_PATH}/rest/", f"{GITHUB_PATH}/users/", API_PATH, FILES_PATH, UPLOAD_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["path"].startswith(self._not_pages):
            await self._app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = dict(message["headers"])
                if headers.get(b"content-type", b"").startswith(b"text/html"):
                    cookie = f"{SESSION_COOKIE}={BROWSER_SESSION}; Path=/; HttpOnly; SameSite=Lax"
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self._app(scope, receive, with_cookie)
