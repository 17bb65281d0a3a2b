"""The command ``workplace init``: create an Airflow project."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.project.command import write_project
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"command": ["write_project"]})

__all__ = ["write_project"]
