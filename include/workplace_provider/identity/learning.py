"""Learning how a system stores values: attributes that it does not store, or changes.

RFC 7643 lets a service ignore attributes that it does not know. Without this knowledge, every run would update every account
again, and the report would list changes that no person has made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.identity.accounts import ACTIVE

if TYPE_CHECKING:
    from workplace_provider.identity.state import SyncState

_NOTHING: Final[tuple[Any, ...]] = (None, "", [], ())


def fingerprint(wanted: Any, stored: Any) -> str:
    """Return a fingerprint of a written and a stored value for the state, which has no values of people."""
    return hashlib.sha256(json.dumps([wanted, stored], default=str).encode()).hexdigest()[:12]


@dataclass
class Observations:
    """The values that a run has written, and the values that the system has stored.

    :param readable: the attributes that the system returns; ``None`` for any
    """

    readable: Iterable[str] | None = None
    kept: set[str] = field(default_factory=set)
    changed: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)

    def add(self, external_id: str, attribute: str, wanted: Any, stored: Any, *, equal: bool) -> None:
        """Record the written and the stored value of one attribute of one account."""
        if attribute == ACTIVE:
            return
        if equal:
            self.kept.add(attribute)
        else:
            self.changed.setdefault(attribute, {})[external_id] = (wanted, stored)

    def not_kept(self) -> tuple[str, ...]:
        """Return the attributes that were written and are empty in every account."""
        return tuple(
            sorted(
                name
                for name, accounts in self.changed.items()
                if name not in self.kept
                and (self.readable is None or name in self.readable)
                and all(stored in _NOTHING for _, stored in accounts.values())
            )
        )

    def remember(self, state: SyncState) -> SyncState:
        """Return the state with the new observations."""
        lost = self.not_kept()
        kept_as: dict[str, Mapping[str, str]] = dict(state.kept_as)
        for name, accounts in self.changed.items():
            if name in lost:
                continue
            for external_id, (wanted, stored) in accounts.items():
                kept_as[external_id] = {**kept_as.get(external_id, {}), name: fingerprint(wanted, stored)}
        return replace(state, not_kept=tuple(sorted({*state.not_kept, *lost})), kept_as=kept_as)
