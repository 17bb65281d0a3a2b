"""Sources of directories."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.identity.sources.file import read_people_file
    from workplace_provider.identity.sources.merged import merge_directories
    from workplace_provider.identity.sources.scim import read_scim_directory
    from workplace_provider.identity.sources.slack import SlackExtras, Workspace, directory_of, read_slack_directory
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "file": ["read_people_file"],
            "merged": ["merge_directories"],
            "scim": ["read_scim_directory"],
            "slack": ["SlackExtras", "Workspace", "directory_of", "read_slack_directory"],
        },
    )

__all__ = [
    "SlackExtras",
    "Workspace",
    "directory_of",
    "merge_directories",
    "read_people_file",
    "read_scim_directory",
    "read_slack_directory",
]
