"""Operator that reads single members of a Slack workspace again, after events about them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_list
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, mapping, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.identity.operators.memory import SYNC_STATE, last_directory, remember_directory, state_store
from workplace_provider.identity.operators.retention import remove_old_files
from workplace_provider.identity.operators.snapshot import FILE_NAME, JSON_LINES, write_directory

if TYPE_CHECKING:
    from airflow.sdk import Context

MAX_AGE: Final = timedelta(hours=20)
"""Age of the last snapshot. A plan must be applied within ``max_plan_age`` of it, which is 24 hours by default."""
MOST: Final = 200
"""Members that are read in one run; after more changes, the next snapshot syncs all people."""


def _parse_people(value: Any, where: str) -> list[str]:
    """Parse ids of members, or events of ``SlackEventsOperator``."""
    items = value if isinstance(value, list | tuple) else parse_list(value)
    ids = [item.get("user") if isinstance(item, Mapping) else item for item in items]
    if not all(user_id is None or (isinstance(user_id, str) and user_id.isalnum()) for user_id in ids):
        raise ValueError(f"{where} is {value!r}; it must have ids of members, or events")
    return list(dict.fromkeys(user_id for user_id in ids if user_id))


class SlackPeopleSnapshotOperator(WorkplaceOperator):
    """Read some members of a Slack workspace again, into a copy of the last directory.

    The task is skipped if nothing that a sync uses has changed, and if there is no snapshot of the last 20 hours by
    :class:`SlackDirectorySnapshotOperator`; then the next one syncs these people. Only ids are used of an event: the members
    are read from Slack. The token needs the same scopes as for the snapshot::

        people = SlackPeopleSnapshotOperator(task_id="people", people=events.output)
        SlackUserSyncOperator(
            task_id="sync", target="crm.yaml", mode="apply", directory=people.output, only=people.output["people"]
        )

    :param people: ids of members, or the result of ``SlackEventsOperator`` with the events ``team_join`` and ``user_change``
    :param profile_fields: the same as of the snapshot
    :param output_path: folder or object-storage URL for the file; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param slack_conn_id: connection of type ``slack``
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True, "inlets": [SYNC_STATE]}
    ui_color = "#ecf6e6"

    people: Field[list[str]] = template(parse=_parse_people)
    profile_fields: Field[dict[str, str]] = mapping()
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()
    slack_conn_id: Field[str] = text(default="slack_api_default")

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the members.

        :return: ``directory``, the artifact; ``people``, the ids of those who have changed
        :raises AirflowSkipException: nothing has changed, or there is no recent snapshot
        """
        with fail_on_permanent_error():
            from workplace_provider.identity import read_directory
            from workplace_provider.identity.sources.slack import refresh_people
            from workplace_provider.slack.hooks.directory import SlackDirectoryHook

            self.parse_fields()
            state = state_store(context)
            last = last_directory(state)
            if last is None:
                raise AirflowSkipException("There is no snapshot of the directory yet. The next one syncs these people")
            if len(self.people) > MOST:
                raise AirflowSkipException(f"{len(self.people)} members have changed. The next snapshot syncs them")
            with last.open() as stream, io.TextIOWrapper(stream, "utf-8") as lines:
                directory = read_directory(lines)
            if datetime.now(UTC) - directory.taken_at > MAX_AGE:
                raise AirflowSkipException(f"The last snapshot is of {directory.taken_at:%Y-%m-%d %H:%M}; it is too old")
            with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
                directory, changed = refresh_people(hook, directory, self.people, self.profile_fields)
            if not changed:
                raise AirflowSkipException("Nothing that a sync uses has changed")
            store = ArtifactStore(self.output_path, self.output_conn_id)
            remove_old_files(store, context)
            with store.publish(store.run_folder(context, self.task_id), FILE_NAME, JSON_LINES) as sink:
                write_directory(directory, sink)
            remember_directory(state, sink.artifact)
            return {"directory": sink.artifact.as_dict(), "people": changed}
