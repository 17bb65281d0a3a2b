"""The state of a sync from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from workplace_provider.identity.directory import empty_mapping

VERSION: Final = 3
"""Version of the format. Format 1 has no version, and only the links of systems without external ids. Format 2 has no
groups."""
_WITHOUT_GROUPS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """The state of one sync, without secrets.

    :param generation: the number of times the state was saved; a plan from an older generation is refused
    :param plan: digest of the plan whose run saved the state last, so that a retry of that run can continue
    :param unconfirmed: whether no plan has passed the gates since the state was empty, so only leavers were disabled
    :param absent: number of runs in a row in which a person with an enabled account was absent, by external id
    :param disabled_at: when this sync disabled the account (ISO 8601), by external id
    :param links: the accounts that this sync manages, by external id. They show which accounts are missing in a list, and
        whose account it is if the system does not store external ids
    :param sources: earlier prefixes of external ids; more than one after a workspace has joined an organization
    :param not_kept: attributes that the system accepts and does not store
    :param kept_as: fingerprint of the written and the stored value, by external id and attribute
    :param groups: the groups that this sync manages, by the names of their rules: ``id``, and ``members``: ids of the
        accounts that the sync has added, or that a rule has matched once
    :param source_users: people in the directory at the last run that was applied
    :param source_parts: the same for each source of a merged directory, by its name
    :param quarantined: the reason why later runs only write leavers and a trial; empty without a quarantine
    """

    generation: int = 0
    plan: str = ""
    unconfirmed: bool = False
    absent: Mapping[str, int] = field(default_factory=empty_mapping, hash=False)
    disabled_at: Mapping[str, str] = field(default_factory=empty_mapping, hash=False)
    links: Mapping[str, str] = field(default_factory=empty_mapping, hash=False)
    sources: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()
    kept_as: Mapping[str, Mapping[str, str]] = field(default_factory=empty_mapping, hash=False)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=empty_mapping, hash=False)
    source_users: int | None = None
    source_parts: Mapping[str, int] = field(default_factory=empty_mapping, hash=False)
    quarantined: str = ""

    def __post_init__(self) -> None:
        for name in ("sources", "not_kept"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def is_first_run(self) -> bool:
        """Return whether there is no state of an earlier run, because this is the first one or the state was lost."""
        return self.unconfirmed or (self.generation == 0 and self.source_users is None and not self.links)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON values, without empty ones."""
        # An earlier version of this package can read the state of a sync without groups.
        plain: dict[str, Any] = {"version": VERSION if self.groups else _WITHOUT_GROUPS}
        for state_field in fields(self):
            value = getattr(self, state_field.name)
            if value is not False and value not in (None, "", ()) and value != {}:
                plain[state_field.name] = _to_plain(value)
        return plain

    def to_json(self) -> str:
        """Return the state as JSON text."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SyncState:
        """Read a state.

        :raises ValueError: the text is not a state, or was saved by a newer version of this package
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, plain: Any) -> SyncState:
        """Read a state from JSON values, also of format 1; see :meth:`from_json`."""
        if not isinstance(plain, Mapping):
            raise ValueError(f"This is not the state of a sync: {str(plain)[:40]!r}")
        values = dict(plain)
        version = values.pop("version", 1)
        if not isinstance(version, int) or version > VERSION:
            raise ValueError(
                f"The state of the sync has the newer format {version}. Install the version of this package that saved "
                f"it, or a newer one (this one reads formats up to {VERSION})"
            )
        if unknown := set(values) - {state_field.name for state_field in fields(cls)}:
            raise ValueError(f"This is not the state of a sync; it has the unknown keys {', '.join(sorted(unknown))}")
        return cls(**values)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
