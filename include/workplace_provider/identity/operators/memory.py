"""What the syncs remember from run to run, in Airflow's asset state store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowRuntimeError

from workplace_provider.common.artifacts import Artifact
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity import SyncState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactStore

SYNC_STATE: Final = Asset("identity_sync")
"""The asset whose state store has the memory of every sync; a task that syncs has it among its inlets."""

LARGEST: Final = 48 * 1024
"""Bytes of a memory that go into the store, which is for values up to 64 KiB; a larger one is a file that it points to."""
_FOLDER: Final = "identity_sync"
_SYSTEMS: Final = "/systems"
"""Key of the store under which it says which sync is of which system. No file name without extension has a slash."""
log = get_logger(__name__)


class SyncMemory:
    """The memory of one sync.

    :param context: the task's context
    :param store: where a large memory is kept as a file
    :param key: the sync; two that have one key have one memory
    :param system: what the sync's target is told from others by; empty when it is not to be found again by it
    :param other_keys: the keys of all syncs that there are; the memory of one that is not among them any more goes over to
        the sync of the same system: its file was renamed
    """

    def __init__(
        self,
        context: Context,
        store: ArtifactStore,
        key: str,
        *,
        system: str = "",
        other_keys: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._state = _state_store(context)
        self._store = store
        self._key = key
        self._system = system
        self._other_keys = other_keys

    def load(self) -> SyncState:
        """Return what the last run left; an empty memory before the first.

        :raises ValueError: it cannot be read
        """
        kept: Any = self._state.get(self._key)
        if kept is None:
            kept = self._of_renamed_file()
        if kept is None:
            return SyncState()
        if isinstance(kept, Mapping):
            with Artifact(**kept).open() as stream:
                kept = stream.read().decode()
        return SyncState.from_json(str(kept))

    def _of_renamed_file(self) -> Any:
        """The memory of the same system under another key that no file has any more."""
        before = self._systems().get(self._system) if self._system else None
        if before is None or before == self._key:
            return None
        if before in self._other_keys():
            log.warning("%s and %s are syncs of the same system, and each has a memory of its own", before, self._key)
            return None
        log.warning("%s starts from the memory of %s, which was the sync of the same system", self._key, before)
        return self._state.get(before)

    def _systems(self) -> dict[str, str]:
        kept = self._state.get(_SYSTEMS)
        return dict(kept) if isinstance(kept, Mapping) else {}

    def save(self, state: SyncState) -> None:
        """Remember this for the next run.

        :raises ValueError: it cannot be kept
        """
        systems = self._systems()
        if self._system and systems.get(self._system) != self._key:
            self._set(_SYSTEMS, {**systems, self._system: self._key})
        text = state.to_json()
        if len(text.encode()) <= LARGEST:
            self._set(self._key, text)
            return
        # By its digest, so that what the store points to is whole whenever the task ends.
        digest = hashlib.sha256(text.encode()).hexdigest()
        folder = f"{self._store.base}/{_FOLDER}/{self._key}"
        with self._store.publish(folder, f"state-{digest[:16]}.json", "application/json") as sink:
            sink.write(text.encode())
        self._set(self._key, sink.artifact.as_dict())

    def is_rejected(self, fingerprint: str) -> bool:
        """Return whether a person decided against the last plan that was asked for, and it was this one."""
        return bool(self._state.get(f"{self._key}.rejected") == fingerprint)

    def reject(self, fingerprint: str) -> None:
        """Remember what a person decided against, so that it is not asked for again as long as it is the same."""
        self._set(f"{self._key}.rejected", fingerprint)

    def has_changes(self, conflicts: Sequence[str], *, remember: bool) -> bool:
        """Whether there are conflicts, and others than those that were remembered last.

        :param remember: take these for told from now on
        """
        digest = hashlib.sha256(json.dumps(sorted(conflicts)).encode()).hexdigest()[:16] if conflicts else ""
        key = f"{self._key}.conflicts"
        changed = digest != (self._state.get(key) or "")
        if changed and remember:
            self._set(key, digest)
        return changed and bool(digest)

    def _set(self, key: str, value: Any) -> None:
        try:
            self._state.set(key, value)
        except AirflowRuntimeError as error:
            raise ValueError(
                f"the memory of the sync {self._key} cannot be kept: {error}. The task needs inlets=[SYNC_STATE], so that "
                "Airflow knows the asset; a task made by partial() must be given them"
            ) from error


def _state_store(context: Context) -> Any:
    if "asset_state_store" in context:
        return context["asset_state_store"][SYNC_STATE]
    # A task made by partial() gets none in its context, whatever its operator's constructor says.
    from airflow.sdk.execution_time.context import AssetStateStoreAccessor

    return AssetStateStoreAccessor(name=SYNC_STATE.name)
