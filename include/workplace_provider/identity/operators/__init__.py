"""Operators that sync the accounts of other systems with the members of a Slack workspace."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.identity.operators.memory import SYNC_STATE
    from workplace_provider.identity.operators.people import SlackPeopleSnapshotOperator
    from workplace_provider.identity.operators.schedule import SyncFile, sync_files
    from workplace_provider.identity.operators.snapshot import SlackDirectorySnapshotOperator
    from workplace_provider.identity.operators.sync import SlackUserSyncOperator
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "memory": ["SYNC_STATE"],
            "people": ["SlackPeopleSnapshotOperator"],
            "schedule": ["SyncFile", "sync_files"],
            "snapshot": ["SlackDirectorySnapshotOperator"],
            "sync": ["SlackUserSyncOperator"],
        },
    )

__all__ = [
    "SYNC_STATE",
    "SlackDirectorySnapshotOperator",
    "SlackPeopleSnapshotOperator",
    "SlackUserSyncOperator",
    "SyncFile",
    "sync_files",
]
