"""The expected state of the accounts after they were synced with the Slack workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from workplace_sandbox.seed.members import JOINED, LEFT, OUTSIDERS, RENAMED

if TYPE_CHECKING:
    from workplace_sandbox.local.sandbox import LocalSandbox


@dataclass(frozen=True)
class Accounts:
    """The accounts of the member service at one moment, by user id."""

    by_id: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, sandbox: LocalSandbox) -> Self:
        """Read them over the service's API."""
        return cls({account["userId"]: account for account in sandbox.accounts()})

    def faults_since(self, before: Accounts) -> list[str]:
        """Return the differences from the expected state after the first run, given the accounts before it."""
        wrong = [f"{name} joined and has no account" for name in JOINED if not self._is_enabled(name)]
        wrong += [f"{name} left and has an enabled account" for name in LEFT if self._is_enabled(name)]
        wrong += [
            f"{name} has another name in Slack and is still {old} in the account"
            for name, old in RENAMED.items()
            if self.by_id[name]["name"] == old
        ]
        wrong += [f"{name} is not in Slack and was changed" for name in OUTSIDERS if self.by_id[name] != before.by_id[name]]
        return wrong

    def _is_enabled(self, name: str) -> bool:
        return bool(self.by_id.get(name, {}).get("enabled"))
