"""How far a sync may go by itself, with limits that are meant to stop what no one meant."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final, Literal

from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, USER_NAME

DEFAULT_MATCH_ON: Final = (EXTERNAL_ID, USER_NAME, EMAIL)
_PER: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPolicy:
    """The rules of one sync. A limit of ``None`` does not limit.

    :param match_on: attributes that tell whose account it is, tried in turn; two hits are a conflict
    :param on_missing: what becomes of the account of somebody who left the directory or the scope; with ``delete``, an
        account without our mark is disabled all the same, unless ``manage`` is ``all``
    :param delete_after: how long after this sync has disabled it an account is deleted; ``None`` for never
    :param disable_grace: runs in a row that somebody must be away before that is believed; who is said to be deactivated is
        believed at once
    :param manage: ``owned``: accounts with our mark, which an unmarked account gets when it is matched; ``matched``: also
        accounts with another sync's mark, whose mark stays; ``all``: whoever is not in the directory is missing, whoever
        made the account
    :param max_disable: accounts disabled at once
    :param max_disable_percent: the same, deletions included, of the accounts that we manage and that are active
    :param min_accounts_for_percent: below this many managed accounts, percentages say nothing and are not looked at
    :param max_delete: accounts deleted at once
    :param max_create: accounts created at once
    :param max_update_percent: accounts updated or linked at once, of those that we manage
    :param max_identity_links: links that change an identifying attribute of the account (its user name or its address): with
        another address, whoever has the address has the account
    :param max_migrations: accounts whose mark changes because the directory has another name for the same people, as after a
        workspace has joined an organization
    :param migrate_from: what external ids began with before, such as ``slack:T1``, where the memory does not know it
    :param max_managed_drop_percent: by how much the accounts that we manage may have become fewer in the system since the
        last run; that none is left is never believed
    :param min_managed_drop: a drop of fewer accounts than this is no drop
    :param max_unremembered: accounts with the mark of a sync that a run without memory may find in the system without asking
    :param trial: operations that are tried after a run that was stopped, before the others follow
    :param min_source_users: people that there must be in the directory
    :param max_source_drop_percent: by how much their number may have dropped since the last run that was carried out
    :param min_source_drop: a drop of fewer people than this is no drop: of five people, one who leaves is a fifth
    :param require_complete_source: nothing is written from a part of a directory
    :param require_email_scope: nothing is written when e-mail addresses cannot be seen
    :param max_plan_age: how old the directory of a plan may be when it is carried out
    :param max_failures: failed operations after which the run stops
    :param max_failure_percent: the same, of the operations tried
    :param min_tries_for_percent: operations that must have been tried before that percentage says anything
    :param concurrency: requests under way at a time
    :param rate: writes at the most, such as ``10/s`` or ``300/m``; ``None`` for as fast as it goes
    """

    match_on: tuple[str, ...] = DEFAULT_MATCH_ON
    on_missing: Literal["disable", "ignore", "delete"] = "disable"
    delete_after: timedelta | None = None
    disable_grace: int = 1
    manage: Literal["owned", "matched", "all"] = "owned"
    max_disable: int | None = 10
    max_disable_percent: float | None = 5.0
    min_accounts_for_percent: int = 100
    max_delete: int | None = 10
    max_create: int | None = 200
    max_update_percent: float | None = 50.0
    max_identity_links: int | None = 0
    max_migrations: int | None = 0
    migrate_from: str = ""
    max_managed_drop_percent: float | None = 10.0
    min_managed_drop: int = 5
    max_unremembered: int | None = 0
    trial: int = 3
    min_source_users: int = 1
    max_source_drop_percent: float | None = 10.0
    min_source_drop: int = 5
    require_complete_source: bool = True
    require_email_scope: bool = True
    max_plan_age: timedelta = timedelta(hours=24)
    max_failures: int | None = None
    max_failure_percent: float | None = 40.0
    min_tries_for_percent: int = 10
    concurrency: int = 8
    rate: str | None = "10/s"

    def __post_init__(self) -> None:
        object.__setattr__(self, "match_on", tuple(self.match_on))
        for name, allowed in (("on_missing", ("disable", "ignore", "delete")), ("manage", ("owned", "matched", "all"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        if not self.match_on:
            raise ValueError("match_on is empty: without it every person would get a second account")
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            least = 1 if each.name in ("disable_grace", "concurrency", "trial") else 0
            if str(each.type).startswith("int") and not isinstance(value, int):
                raise ValueError(f"{each.name} is {value}; it must be a whole number")
            if value < least:
                raise ValueError(f"{each.name} is {value}; it must be {least} or more, or None for no limit")
            if each.name.endswith("_percent") and not each.name.startswith("min_accounts") and value > 100:
                raise ValueError(f"{each.name} is {value}; it must be 100 or less, or None for no limit")
        if self.max_plan_age <= timedelta(0) or (self.delete_after is not None and self.delete_after < timedelta(0)):
            raise ValueError("max_plan_age and delete_after must be spans of time such as 1 day")
        _ = self.seconds_per_write

    @property
    def seconds_per_write(self) -> float:
        """How long at least from one write to the next."""
        if self.rate is None:
            return 0.0
        if not isinstance(self.rate, str):
            raise ValueError(f"rate is {self.rate!r}; it must be a number and a unit, such as 10/s or 300/m")
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*([smh])\s*", self.rate)
        if not found or float(found[1]) <= 0:
            raise ValueError(f"rate is {self.rate!r}; it must be a number and a unit, such as 10/s or 300/m")
        return _PER[found[2]] / float(found[1])
