"""Operator that reads the directory once, for every sync that follows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.identity.operators.retention import remove_old_files

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactSink
    from workplace_provider.identity import Directory

FILE_NAME = "directory.jsonl"
JSON_LINES = "application/jsonl"


class SlackDirectorySnapshotOperator(WorkplaceOperator):
    """Read all members of a Slack workspace, with their user groups, into one file: the whole directory, or an error.

    The token needs ``users:read`` and ``users:read.email``, and ``usergroups:read`` for syncs whose scope names groups.
    Slack gives up to 999 members at a time, some 20 times a minute: 50,000 members take two and a half minutes.

    The file has names and e-mail addresses in it, so the place of the artifacts must be one that only Airflow reads.
    Files of earlier runs are removed when they are older than ``[workplace] identity_retention_days``.

    :param team_id: workspace, which a token of an Enterprise organization must name
    :param output_path: folder or object-storage URL for the file; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    """

    template_fields: Sequence[str] = ("slack_conn_id", "team_id", "output_path", "output_conn_id")
    ui_color = "#ecf6e6"

    def __init__(
        self,
        *,
        team_id: str | None = None,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.team_id = team_id
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.slack_conn_id = slack_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the directory.

        :return: ``directory``, the artifact; ``source`` such as ``slack:T1``; ``taken_at``; how many ``members`` there are
            and how many ``people`` among them are there; the ``kinds`` of members; the ``groups``
        :raises AirflowFailException: when a retry cannot help, such as when the token may not see e-mail addresses
        """
        with fail_on_permanent_error():
            directory = read_slack(self.slack_conn_id, self.team_id or None)
            store = ArtifactStore(self.output_path, self.output_conn_id)
            remove_old_files(store, context)
            with store.publish(store.run_folder(context, self.task_id), FILE_NAME, JSON_LINES) as sink:
                write_directory(directory, sink)
            people = sum(each.is_active_person for each in directory.identities)
            self.log.info("%d members, %d of them people who are there", len(directory.identities), people)
            return {
                "directory": sink.artifact.as_dict(),
                "source": directory.source,
                "taken_at": directory.taken_at.isoformat(),
                "members": len(directory.identities),
                "people": people,
                "kinds": dict(Counter(str(each.kind) for each in directory.identities)),
                "groups": list(directory.groups),
            }


def read_slack(slack_conn_id: str, team_id: str | None = None) -> Directory:
    """The directory as Slack has it now."""
    from workplace_provider.identity.sources.slack import read_slack_directory
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=slack_conn_id, team_id=team_id)) as hook:
        return read_slack_directory(hook)


def write_directory(directory: Directory, sink: ArtifactSink) -> None:
    """Write a directory line by line."""
    from workplace_provider.identity import directory_lines

    for line in directory_lines(directory):
        sink.write(line.encode() + b"\n")
