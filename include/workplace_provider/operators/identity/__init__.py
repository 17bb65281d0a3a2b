"""Operators that keep accounts of other systems in step with the members of a Slack workspace."""

from workplace_provider.operators.identity.memory import SYNC_STATE
from workplace_provider.operators.identity.schedule import SyncFile, sync_files
from workplace_provider.operators.identity.snapshot import SlackDirectorySnapshotOperator
from workplace_provider.operators.identity.sync import SlackUserSyncOperator

__all__ = ["SYNC_STATE", "SlackDirectorySnapshotOperator", "SlackUserSyncOperator", "SyncFile", "sync_files"]
