"""What a sync must remember from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from workplace_provider.identity.directory import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """The memory of one sync; without secrets, and small unless the system keeps no external ids.

    :param absent: by external id, in how many runs in a row somebody has been away whose account is still enabled
    :param disabled_at: by external id, when this sync disabled the account (ISO 8601)
    :param links: by external id, the account, where the system keeps no external id
    :param source_users: people in the directory of the last run that was carried out
    :param quarantined: why nothing is written any more until somebody has looked; empty when all is well
    """

    absent: Mapping[str, int] = field(default_factory=nothing, hash=False)
    disabled_at: Mapping[str, str] = field(default_factory=nothing, hash=False)
    links: Mapping[str, str] = field(default_factory=nothing, hash=False)
    source_users: int | None = None
    quarantined: str = ""

    def to_json(self) -> str:
        """The state as text."""
        plain = {name: dict(value) if isinstance(value, Mapping) else value for name, value in self._items()}
        return json.dumps(plain, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SyncState:
        """Read a state.

        :raises ValueError: it is none
        """
        plain: dict[str, Any] = json.loads(text)
        unknown = set(plain) - {each.name for each in fields(cls)} if isinstance(plain, dict) else {text[:40]}
        if unknown:
            raise ValueError(f"this is no state of a sync; it has {', '.join(sorted(unknown))}")
        return cls(**plain)

    def _items(self) -> list[tuple[str, Any]]:
        return [(each.name, getattr(self, each.name)) for each in fields(self)]
