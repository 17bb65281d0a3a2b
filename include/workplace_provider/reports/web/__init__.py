"""The page *Reports* of Airflow's UI, and the tab *Report* of a run.

This module imports almost nothing, since every process of Airflow loads it with the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.common.web import LazyApplication

if TYPE_CHECKING:
    from workplace_provider.common.web import Application

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


class ReportPages(LazyApplication):
    """The pages as an ASGI application."""

    def build(self) -> Application:
        """Build the application."""
        from workplace_provider.reports.web.application import build_application

        return build_application()
