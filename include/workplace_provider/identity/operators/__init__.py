"""Operators that keep accounts of other systems in step with the members of a Slack workspace."""

from workplace_provider.identity.operators.memory import SYNC_STATE
from workplace_provider.identity.operators.schedule import SyncFile, sync_files
from workplace_provider.identity.operators.snapshot import SlackDirectorySnapshotOperator
from workplace_provider.identity.operators.sync import SlackUserSyncOperator

__all__ = ["SYNC_STATE", "SlackDirectorySnapshotOperator", "SlackUserSyncOperator", "SyncFile", "sync_files"]
