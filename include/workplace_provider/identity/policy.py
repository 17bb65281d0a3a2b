"""The rules and limits of a sync. The limits stop unintended changes."""

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
    """The rules of one sync. ``None`` disables a limit.

        policy = SyncPolicy(max_disable=20, on_missing="disable", rate="5/s")

    :param match_on: attributes that identify a person's account, tried in this order; two matches are a conflict
    :param on_missing: the operation for the account of a person who left the directory or the scope; with ``delete``, an
        account without our mark is only disabled, unless ``manage`` is ``all``
    :param delete_after: delete an account this long after this sync has disabled it; ``None`` for never
    :param disable_grace: number of runs in a row in which a person must be absent before the account is disabled; a person
        whom the directory lists as deactivated has no grace period
    :param manage: ``owned``: accounts with our mark; an account without a mark gets ours when it is matched. ``matched``:
        also accounts with another sync's mark, which is not replaced. ``all``: every account, so an account without a
        person in the directory is treated as a leaver's
    :param max_disable: accounts disabled in one run
    :param max_disable_percent: the same in percent of the active managed accounts, deletions included
    :param min_accounts_for_percent: below this number of managed accounts, percentages are not checked
    :param max_delete: accounts deleted in one run
    :param max_create: accounts created in one run
    :param max_update_percent: accounts updated or linked in one run, in percent of the managed accounts
    :param max_identity_links: links that change an identifying attribute of the account (its user name or its address): the
        owner of the new address can take over the account
    :param max_migrations: accounts whose mark changes because the directory has new ids for the same people, such as after a
        workspace has joined an organization
    :param migrate_from: the earlier prefix of external ids, such as ``slack:T1``, if the state does not have it
    :param max_managed_drop_percent: the allowed drop of managed accounts in the system since the last run, in percent; a
        drop to zero always blocks
    :param min_managed_drop: a drop of fewer accounts than this is ignored
    :param max_unremembered: accounts with our mark that a run without state may find in the system
    :param max_membership_changes: members added to and removed from groups in one run, without leavers
    :param max_member_drop_percent: members removed from one group in one run, in percent of its members, without leavers
    :param min_member_drop: the removal of fewer members than this is not checked in percent
    :param max_emptied_groups: groups whose rule matches no one although they have members, such as after the group of the
        directory was emptied or renamed
    :param trial: operations of each kind that are tried first after a stopped run
    :param min_source_users: the smallest number of people in the directory
    :param max_source_drop_percent: the allowed drop of this number since the last run that was applied, in percent
    :param min_source_drop: a drop of fewer people than this is ignored: of five people, one leaver is a fifth
    :param require_complete_source: write nothing from an incomplete directory
    :param require_email_scope: write nothing when e-mail addresses cannot be seen
    :param max_plan_age: the largest age of a plan's directory when the plan is applied
    :param max_failures: the run stops after more failed operations than this
    :param max_failure_percent: the same in percent of the operations tried
    :param min_tries_for_percent: this percentage is checked after this number of operations
    :param concurrency: parallel requests
    :param rate: the largest rate of writes, such as ``10/s`` or ``300/m``; ``None`` for no limit
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
    max_membership_changes: int | None = 200
    max_member_drop_percent: float | None = 30.0
    min_member_drop: int = 5
    max_emptied_groups: int | None = 0
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
            raise ValueError("match_on is empty: without it, every person would get a second account")
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is None or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            least = 1 if limit.name in ("disable_grace", "concurrency", "trial") else 0
            if str(limit.type).startswith("int") and not isinstance(value, int):
                raise ValueError(f"{limit.name} is {value}; it must be a whole number")
            if value < least:
                raise ValueError(f"{limit.name} is {value}; it must be {least} or more, or None for no limit")
            if limit.name.endswith("_percent") and not limit.name.startswith("min_accounts") and value > 100:
                raise ValueError(f"{limit.name} is {value}; it must be 100 or less, or None for no limit")
        if self.max_plan_age <= timedelta(0) or (self.delete_after is not None and self.delete_after < timedelta(0)):
            raise ValueError("max_plan_age and delete_after must be positive durations such as 1 day")
        _ = self.seconds_per_write

    @property
    def seconds_per_write(self) -> float:
        """The minimum interval between two writes."""
        if self.rate is None:
            return 0.0
        if not isinstance(self.rate, str):
            raise ValueError(f"rate is {self.rate!r}; it must be a number and a unit, such as 10/s or 300/m")
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*([smh])\s*", self.rate)
        if not found or float(found[1]) <= 0:
            raise ValueError(f"rate is {self.rate!r}; it must be a number and a unit, such as 10/s or 300/m")
        return _PER[found[2]] / float(found[1])
