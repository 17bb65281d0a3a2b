"""The page *Reports* of Airflow's UI, and the tab *Report* of a run.

Every process of Airflow loads plugins, but only the API server serves pages. So this module imports almost nothing, and the
application is built on the first request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["PREFIX", "VIEWS", "ReportPages"]

PREFIX: Final = "/workplace"
"""Path of the pages below ``[api] base_url``."""

VIEWS: Final = [
    {
        "name": "Reports",
        "href": f"{PREFIX.lstrip('/')}/reports",
        "destination": "nav",
        "category": "browse",
        "url_route": "reports",
    },
    {
        "name": "Report",
        "href": f"{PREFIX.lstrip('/')}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "report",
    },
]
"""The pages in Airflow's UI, each in a frame."""


class ReportPages:
    """The pages as an ASGI application."""

    def __init__(self) -> None:
        self._application: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._application is None:
            from workplace_provider.reports.web.application import build_application

            self._application = build_application()
        await self._application(scope, receive, send)
