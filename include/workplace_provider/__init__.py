"""Apache Airflow provider for the routine work around Confluence, Tableau and Slack."""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "get_provider_info"]

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow reads about a provider; named by the entry point ``apache_airflow_provider``."""
    from workplace_provider.provider_info import provider_info

    return provider_info()
