"""The Slack profiles of earlier runs: a file in the artifact store, whose location is in the asset state store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workplace_provider.common.artifacts import Artifact
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.operators.memory import set_value

if TYPE_CHECKING:
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity.operators.memory import StateStore
    from workplace_provider.identity.sources.slack_profiles import CachedProfile

log = get_logger(__name__)


class StoredProfiles:
    """A :class:`~workplace_provider.identity.sources.slack_profiles.ProfileCache` in the artifact store.

    The file has the custom fields of current people by their ids. It is replaced in every run that reads a profile.

    :param state: the state store of ``SYNC_STATE``
    :param store: store for the file
    """

    def __init__(self, state: StateStore, store: ArtifactStore) -> None:
        self._state = state
        self._store = store

    def load(self, workspace: str) -> dict[str, CachedProfile]:
        """Return the profiles of a workspace; none if the file is missing or was changed, so that all are read again."""
        from workplace_provider.identity.sources.slack_profiles import CachedProfile

        stored = self._state.get(_key(workspace))
        if not isinstance(stored, Mapping):
            return {}
        try:
            with Artifact(**stored).open() as stream:
                rows = json.loads(stream.read())
            return {str(user_id): CachedProfile(int(updated), dict(fields)) for user_id, (updated, fields) in rows.items()}
        except (OSError, TypeError, ValueError, AttributeError) as error:
            log.warning("The profiles of earlier runs cannot be read, so all are read again: %s", error)
            return {}

    def save(self, workspace: str, profiles: Mapping[str, CachedProfile]) -> None:
        """Replace the file."""
        rows = {user_id: [profile.updated, dict(profile.fields)] for user_id, profile in sorted(profiles.items())}
        folder = f"{self._store.base}/identity_sync/profiles"
        with self._store.publish(folder, f"{workspace}.json", "application/json") as sink:
            sink.write(json.dumps(rows, ensure_ascii=False).encode())
        set_value(self._state, _key(workspace), sink.artifact.as_dict(), "location of the profiles")


def _key(workspace: str) -> str:
    # A slash, so that it cannot be the name of a definition's file.
    return f"/profiles/{workspace}"
