"""The page of Airflow's UI on which a person gives a connection to Confluence or Jira access to their account, by OAuth.

This module imports almost nothing, since every process of Airflow loads it with the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.atlassian_consent.names import CALLBACK, NAME, PREFIX
from workplace_provider.common.web import LazyApplication

if TYPE_CHECKING:
    from workplace_provider.common.web import Application, Receive, Scope, Send

__all__ = ["CALLBACK", "NAME", "PREFIX", "ConsentPages"]


class ConsentPages(LazyApplication):
    """The pages as an ASGI application."""

    def build(self) -> Application:
        """Build the application."""
        from workplace_provider.atlassian_consent.application import build_application

        return build_application()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. Airflow logs the query of each request, so the query of a callback, with its code, is removed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if str(scope.get("path", "")).endswith(CALLBACK):
                scope["query_string"] = b""
