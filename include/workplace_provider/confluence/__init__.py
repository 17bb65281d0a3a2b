"""Confluence, Data Center and Cloud: client, pages, publishing, export, and what Airflow sees of them."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.client import connect
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "client": ["connect"],
        },
    )

__all__ = ["connect"]
