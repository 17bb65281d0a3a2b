"""Sources of directories."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.identity.sources.slack import Workspace, directory_of, read_slack_directory
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "slack": ["Workspace", "directory_of", "read_slack_directory"],
        },
    )

__all__ = ["Workspace", "directory_of", "read_slack_directory"]
