"""What a sync must remember from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from workplace_provider.identity.directory import empty_mapping

VERSION: Final = 2
"""Of the format. 1 had no version, and links of systems without external ids only; reading it fills in the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """The memory of one sync, without secrets.

    :param generation: how often the memory was saved; a plan made from an older one is refused
    :param plan: digest of the plan whose run saved it last, so that a retry of that run may go on
    :param unconfirmed: whether no plan has passed the gates since the memory was empty; only leavers were disabled
    :param absent: by external id, in how many runs in a row somebody has been away whose account is still enabled
    :param disabled_at: by external id, when this sync disabled the account (ISO 8601)
    :param links: by external id, the account, for all accounts that this sync manages: they tell what is missing in a list,
        and whose account it is where the system keeps no external id
    :param sources: what external ids began with in earlier runs; more than one after a workspace has joined an organization
    :param not_kept: attributes that the system takes and does not store
    :param kept_as: by external id and attribute, fingerprint of what was written and of what the system made of it
    :param source_users: people in the directory of the last run that was applied
    :param quarantined: why later runs write nothing but a trial, beside what the directory states of leavers; empty when all
        is well
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
    source_users: int | None = None
    quarantined: str = ""

    def __post_init__(self) -> None:
        for name in ("sources", "not_kept"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def is_first_run(self) -> bool:
        """Whether no run has left anything: the first one, or the memory was lost."""
        return self.unconfirmed or (self.generation == 0 and self.source_users is None and not self.links)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON has it; what is empty is left out."""
        plain: dict[str, Any] = {"version": VERSION}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not False and value not in (None, "", ()) and value != {}:
                plain[each.name] = _plain(value)
        return plain

    def to_json(self) -> str:
        """Return the state as text."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SyncState:
        """Read a state.

        :raises ValueError: it is none, or one of a newer version of this package
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, plain: Any) -> SyncState:
        """Read a state, also one of the first format; see :meth:`from_json`."""
        if not isinstance(plain, Mapping):
            raise ValueError(f"this is no state of a sync: {str(plain)[:40]!r}")
        values = dict(plain)
        version = values.pop("version", 1)
        if not isinstance(version, int) or version > VERSION:
            raise ValueError(
                f"the state of the sync has format {version}, and this version of the package knows formats up to "
                f"{VERSION}: install the version that wrote it, or a newer one"
            )
        if unknown := set(values) - {each.name for each in fields(cls)}:
            raise ValueError(f"this is no state of a sync; it has {', '.join(sorted(unknown))}")
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return list(value) if isinstance(value, tuple) else value
