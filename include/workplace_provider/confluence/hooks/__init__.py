"""Airflow's connections of type ``confluence``."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "confluence": ["ConfluenceHook"],
        },
    )

__all__ = ["ConfluenceHook"]
