"""The page of Airflow's UI on which a person gives a connection to Confluence or Jira access to their account, by OAuth.

Every process of Airflow loads plugins, but only the API server serves pages. So this module imports almost nothing, and the
application is built on the first request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.atlassian_consent.names import CALLBACK, NAME, PREFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["CALLBACK", "NAME", "PREFIX", "ConsentPages"]


class ConsentPages:
    """The pages as an ASGI application."""

    def __init__(self) -> None:
        self._application: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. Airflow logs the query of each request, so the query of a callback, with its code, is removed."""
        if self._application is None:
            from workplace_provider.atlassian_consent.application import build_application

            self._application = build_application()
        try:
            await self._application(scope, receive, send)
        finally:
            if str(scope.get("path", "")).endswith(CALLBACK):
                scope["query_string"] = b""
