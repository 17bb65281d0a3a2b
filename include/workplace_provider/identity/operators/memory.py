"""The state of syncs between runs, in Airflow's asset state store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowRuntimeError

from workplace_provider.common.artifacts import Artifact
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity import SyncState
from workplace_provider.identity.operators.schedule import sync_keys

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactStore

SYNC_STATE: Final = Asset("identity_sync")
"""Asset whose state store has the state of every sync. Every task that syncs needs it as an inlet."""

LARGEST: Final = 48 * 1024
"""Largest state in bytes for the store, which allows 64 KiB. A larger state is a file, and the store has its location."""
_FOLDER: Final = "identity_sync"
_DIRECTORY: Final = "/directory"
_SYSTEMS: Final = "/systems"
"""Key of the map from systems to syncs. It has a slash, so it cannot be the name of a file."""
log = get_logger(__name__)


class StateStore(Protocol):
    """The asset state store of ``SYNC_STATE``, as Airflow's ``AssetStateStoreAccessor`` has it."""

    def get(self, key: str, /) -> Any:
        """Return a value; ``None`` if there is none."""

    def set(self, key: str, value: Any, /) -> Any:
        """Store a value."""


class SyncMemory:
    """The stored state of one sync.

    :param state: the state store; in a task, ``state_store(context)``
    :param store: store for a large state
    :param key: key of the sync; two syncs with the same key share one state
    :param system: id of the sync's target; empty if the state must not be found by it
    :param folder: folder of all definitions. If the sync's file was renamed, the state of the old key is used, because
        no other definition has that key
    """

    def __init__(
        self,
        state: StateStore,
        store: ArtifactStore,
        key: str,
        *,
        system: str = "",
        folder: Path | None = None,
    ) -> None:
        self._state = self.states = state
        self._store = store
        self._key = key
        self._system = system
        self._folder = folder

    def load(self) -> SyncState:
        """Return the state of the last run; an empty one before the first run.

        :raises ValueError: the state cannot be read
        """
        stored: Any = self._state.get(self._key)
        if stored is None:
            stored = self._of_renamed_file()
        if stored is None:
            return SyncState()
        if isinstance(stored, Mapping):
            with Artifact(**stored).open() as stream:
                stored = stream.read().decode()
        return SyncState.from_json(str(stored))

    def _of_renamed_file(self) -> Any:
        """Return the state of the same system under an old key that no definition has any more."""
        before = self._systems().get(self._system) if self._system else None
        if before is None or before == self._key:
            return None
        if before in (sync_keys(self._folder) if self._folder is not None else ()):
            log.warning("%s and %s sync the same system, and each has its own state", before, self._key)
            return None
        log.warning("%s uses the state of %s, which was the sync of the same system", self._key, before)
        return self._state.get(before)

    def _systems(self) -> dict[str, str]:
        systems = self._state.get(_SYSTEMS)
        return dict(systems) if isinstance(systems, Mapping) else {}

    def save(self, state: SyncState) -> None:
        """Store the state for the next run.

        :raises ValueError: the state cannot be stored
        """
        systems = self._systems()
        if self._system and systems.get(self._system) != self._key:
            self._set(_SYSTEMS, {**systems, self._system: self._key})
        text = state.to_json()
        if len(text.encode()) <= LARGEST:
            self._set(self._key, text)
            return
        # The name has the digest, so the store always points to a complete file.
        digest = hashlib.sha256(text.encode()).hexdigest()
        folder = f"{self._store.base}/{_FOLDER}/{self._key}"
        with self._store.publish(folder, f"state-{digest[:16]}.json", "application/json") as sink:
            sink.write(text.encode())
        self._set(self._key, sink.artifact.as_dict())

    def is_rejected(self, fingerprint: str) -> bool:
        """Return whether this is the last plan that a person has rejected."""
        return bool(self._state.get(f"{self._key}.rejected") == fingerprint)

    def reject(self, fingerprint: str) -> None:
        """Store the fingerprint of a rejected plan. The same plan needs no second decision."""
        self._set(f"{self._key}.rejected", fingerprint)

    def has_changes(self, conflicts: Sequence[str], *, remember: bool) -> bool:
        """Return whether there are conflicts that differ from those remembered last.

        :param remember: remember these conflicts
        """
        digest = hashlib.sha256(json.dumps(sorted(conflicts)).encode()).hexdigest()[:16] if conflicts else ""
        key = f"{self._key}.conflicts"
        changed = digest != (self._state.get(key) or "")
        if changed and remember:
            self._set(key, digest)
        return changed and bool(digest)

    def _set(self, key: str, value: Any) -> None:
        set_value(self._state, key, value, f"state of the sync {self._key}")


def remember_directory(state: StateStore, artifact: Artifact) -> None:
    """Store the location of the newest directory of the workspace."""
    set_value(state, _DIRECTORY, artifact.as_dict(), "location of the directory")


def last_directory(state: StateStore) -> Artifact | None:
    """Return the newest directory of the workspace; ``None`` before the first one."""
    stored = state.get(_DIRECTORY)
    return Artifact(**stored) if isinstance(stored, Mapping) else None


def set_value(state: StateStore, key: str, value: Any, what: str) -> None:
    """Store a value.

    :param what: the value in messages
    :raises ValueError: it cannot be stored
    """
    try:
        state.set(key, value)
    except AirflowRuntimeError as error:
        raise ValueError(
            f"The {what} cannot be stored: {error}. Add inlets=[SYNC_STATE] to the task, so that Airflow knows the asset"
        ) from error


def state_store(context: Context) -> StateStore:
    """Return the state store of ``SYNC_STATE`` in a task."""
    if "asset_state_store" in context:
        return cast("StateStore", context["asset_state_store"][SYNC_STATE])
    # A task made with partial() has no state store in its context, even if the operator's constructor sets inlets.
    from airflow.sdk.execution_time.context import AssetStateStoreAccessor

    return AssetStateStoreAccessor(name=SYNC_STATE.name)
