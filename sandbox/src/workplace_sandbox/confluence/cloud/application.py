"""The application with all parts of the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_sandbox.confluence.cloud import GATEWAY_PATH, WIKI_PATH
from workplace_sandbox.confluence.cloud.call import CloudSite
from workplace_sandbox.confluence.cloud.media import build_media_router
from workplace_sandbox.confluence.cloud.oauth import build_oauth_router
from workplace_sandbox.confluence.cloud.wiki import build_site_router, build_wiki
from workplace_sandbox.confluence.search_index import SearchIndex

if TYPE_CHECKING:
    from datetime import timedelta

    from fastapi import FastAPI

    from workplace_sandbox.confluence.cloud.state import CloudState
    from workplace_sandbox.store import Store


def mount_cloud(
    app: FastAPI,
    store: Store,
    state: CloudState,
    context_path: str,
    *,
    search_lag: timedelta,
    max_attachment_bytes: int | None,
) -> None:
    """Add the cloud to the sandbox.

    :param app: the sandbox.
    :param store: the wiki.
    :param state: the state that is kept in memory only.
    :param context_path: where the user interface shows the wiki.
    :param search_lag: how long new content stays invisible to CQL.
    :param max_attachment_bytes: the largest accepted file; None for no limit.
    """
    app.include_router(build_site_router())
    app.include_router(build_oauth_router(store, state))
    app.include_router(build_media_router(state))
    index = SearchIndex(store)
    site = CloudSite(store, state, "site", context_path, search_lag, max_attachment_bytes, index)
    gateway = CloudSite(store, state, "gateway", context_path, search_lag, max_attachment_bytes, index)
    # Confluence responds without "/wiki" as well; mcp-atlassian uses such addresses (sooperset/mcp-atlassian#576).
    for end in ("/wiki", ""):
        app.mount(f"{GATEWAY_PATH}/ex/confluence/{{cloud_id}}{end}", build_wiki(gateway))
    app.mount(WIKI_PATH, build_wiki(site))
