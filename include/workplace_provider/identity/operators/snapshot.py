"""Operator that reads the directory once for several syncs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, integer, mapping, names, optional_text, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.identity.hooks import read_slack
from workplace_provider.identity.operators.memory import SYNC_STATE, remember_directory, state_store
from workplace_provider.identity.operators.profiles import StoredProfiles
from workplace_provider.identity.operators.retention import remove_old_files

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactSink
    from workplace_provider.identity import Directory

FILE_NAME = "directory.jsonl"
JSON_LINES = "application/jsonl"


class SlackDirectorySnapshotOperator(WorkplaceOperator):
    """Read all members of a Slack workspace and its user groups into one file: the whole directory, or an error.

    The token needs ``users:read`` and ``users:read.email``, and ``usergroups:read`` for syncs whose scope names groups.
    Slack sends up to 999 members per request, about 20 requests per minute: 50,000 members take two and a half minutes.

    The file contains names and e-mail addresses, so only Airflow should have access to the folder of the artifacts. Files of
    earlier runs are removed after ``[workplace] identity_retention_days``::

        snapshot = SlackDirectorySnapshotOperator(task_id="directory")
        SlackUserSyncOperator(task_id="sync", target="members.yaml", directory=snapshot.output, mode="apply")


    :param team_id: workspace; required for a token of an Enterprise organization
    :param channels: channels that scopes name, by id or name; needs ``channels:read``, and ``groups:read`` for private ones
    :param profile_fields: custom fields of profiles by label or id, which become attributes, such as
        ``{"department": "Department", "manager": "Xf0BOSS"}`` for ``attributes.department`` in a mapping; needs
        ``users.profile:read``. A field of a person has the e-mail address
    :param max_profile_reads: profiles to read in one run, about 100 per minute. Only changed ones are read; people whose
        profile was never read get no account until it is, and their accounts are not changed
    :param output_path: folder or object-storage URL for the file; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True, "inlets": [SYNC_STATE]}
    ui_color = "#ecf6e6"

    team_id: Field[str | None] = optional_text()
    channels: Field[tuple[str, ...]] = names()
    profile_fields: Field[dict[str, str]] = mapping()
    max_profile_reads: Field[int] = integer(default=1000, least=1)
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()
    slack_conn_id: Field[str] = text(default="slack_api_default")

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the directory.

        :return: ``directory``, the artifact; ``source`` such as ``slack:T1``; ``taken_at``; the number of ``members`` and of
            active ``people`` among them; the ``kinds`` of members; the ``groups``
        :raises AirflowFailException: a retry cannot help, such as when the token cannot see e-mail addresses
        """
        with fail_on_permanent_error():
            from workplace_provider.identity.sources.slack import SlackExtras

            self.parse_fields()
            store = ArtifactStore(self.output_path, self.output_conn_id)
            extras = SlackExtras(
                channels=self.channels,
                profile_fields=self.profile_fields,
                max_profile_reads=self.max_profile_reads,
                cache=StoredProfiles(state_store(context), store),
            )
            directory = read_slack(self.slack_conn_id, self.team_id, extras)
            remove_old_files(store, context)
            with store.publish(store.run_folder(context, self.task_id), FILE_NAME, JSON_LINES) as sink:
                write_directory(directory, sink)
            remember_directory(state_store(context), sink.artifact)
            people = sum(identity.is_active_person for identity in directory.identities)
            self.log.info("The directory has %d members, %d of them active people", len(directory.identities), people)
            return {
                "directory": sink.artifact.as_dict(),
                "source": directory.source,
                "taken_at": directory.taken_at.isoformat(),
                "members": len(directory.identities),
                "people": people,
                "kinds": dict(Counter(str(identity.kind) for identity in directory.identities)),
                "groups": list(directory.groups),
            }


def write_directory(directory: Directory, sink: ArtifactSink) -> None:
    """Write a directory as lines of JSON."""
    from workplace_provider.identity import directory_lines

    for line in directory_lines(directory):
        sink.write(line.encode() + b"\n")
