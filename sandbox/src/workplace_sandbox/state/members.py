"""The accounts of the member service, and their changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import MemberAccount, MemberChange, MemberGroup
from workplace_sandbox.state.database import Database, as_moment, as_text, now
from workplace_sandbox.state.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemberTakenError(StoreError):
    """A member has that id, in any case."""


class MemberTables(Database):
    """Members and their history."""

    def member_accounts(self) -> list[MemberAccount]:
        """Return every member, by id."""
        return [_member(row) for row in self._rows("SELECT * FROM member ORDER BY lower_id")]

    def has_member_accounts(self) -> bool:
        """Return whether there is, or ever was, a member."""
        return self._row("SELECT 1 FROM member_change LIMIT 1") is not None

    def member_account(self, user_id: str) -> MemberAccount | None:
        """Return the member of that id, in any case, or None."""
        row = self._row("SELECT * FROM member WHERE lower_id = ?", user_id.casefold())
        return _member(row) if row else None

    def add_member_account(self, member: MemberAccount, actor: str) -> None:
        """Add a member.

        :param actor: the author of the change, for the history.
        :raises MemberTakenError: a member has that id.
        """
        with self._transaction():
            if self.member_account(member.user_id):
                raise MemberTakenError(f"There is a member {member.user_id}")
            self._put(member)
            self._remember(member.user_id, actor, "created", {})

    def change_member_account(self, user_id: str, actor: str, changes: Mapping[str, Any]) -> MemberAccount | None:
        """Set fields of a member; None for an unknown member. Unchanged fields are not in the history."""
        with self._transaction():
            before = self.member_account(user_id)
            if before is None:
                return None
            after = replace(before, **changes, updated=now())
            differing = {
                name: [getattr(before, name), value] for name, value in changes.items() if getattr(before, name) != value
            }
            if differing:
                self._put(after)
                self._remember(before.user_id, actor, "changed", differing)
            return after if differing else before

    def remove_member_account(self, user_id: str, actor: str) -> bool:
        """Remove a member; its history stays."""
        with self._transaction() as db:
            existed = db.execute("DELETE FROM member WHERE lower_id = ?", (user_id.casefold(),)).rowcount > 0
            if existed:
                self._remember(user_id, actor, "deleted", {})
                for group in self.member_groups():
                    if user_id in group.members:
                        members = tuple(member for member in group.members if member != user_id)
                        self.put_member_group(replace(group, members=members, version=group.version + 1))
            return existed

    def member_groups(self) -> list[MemberGroup]:
        """Return every group, by name."""
        return [_group(row) for row in self._rows("SELECT * FROM member_group ORDER BY lower_name")]

    def member_group(self, group_id: str) -> MemberGroup | None:
        """Return a group, or None."""
        row = self._row("SELECT * FROM member_group WHERE id = ?", group_id)
        return _group(row) if row else None

    def put_member_group(self, group: MemberGroup) -> None:
        """Add or replace a group.

        :raises MemberTakenError: another group has the name.
        """
        with self._transaction() as db:
            sql = "SELECT 1 FROM member_group WHERE lower_name = ? AND id != ?"
            if self._row(sql, group.name.casefold(), group.id) is not None:
                raise MemberTakenError(f"There is a group {group.name}")
            members = json.dumps(group.members, ensure_ascii=False)
            values = (group.id, group.name.casefold(), group.name, group.external_id, members, group.version)
            db.execute("INSERT OR REPLACE INTO member_group VALUES (?, ?, ?, ?, ?, ?)", values)

    def remove_member_group(self, group_id: str) -> None:
        """Remove a group."""
        with self._transaction() as db:
            db.execute("DELETE FROM member_group WHERE id = ?", (group_id,))

    def member_changes(self, user_id: str | None = None) -> list[MemberChange]:
        """Return the changes of a member, or of all, the newest first."""
        if user_id is None:
            rows = self._rows("SELECT user_id, at, actor, action, fields FROM member_change ORDER BY id DESC")
        else:
            sql = "SELECT user_id, at, actor, action, fields FROM member_change WHERE lower_id = ? ORDER BY id DESC"
            rows = self._rows(sql, user_id.casefold())
        return [MemberChange(row[0], as_moment(row[1]), row[2], row[3], json.loads(row[4])) for row in rows]

    def _put(self, member: MemberAccount) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    member.user_id.casefold(),
                    member.user_id,
                    member.name,
                    member.email,
                    member.role_group_id,
                    json.dumps(member.center_ids, ensure_ascii=False),
                    member.custom_type,
                    json.dumps(member.metadata, ensure_ascii=False),
                    member.enabled,
                    as_text(member.created),
                    as_text(member.updated),
                ),
            )

    def _remember(self, user_id: str, actor: str, action: str, fields: Mapping[str, Any]) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO member_change (lower_id, user_id, at, actor, action, fields) VALUES (?, ?, ?, ?, ?, ?)",
                (user_id.casefold(), user_id, as_text(None), actor, action, json.dumps(fields, ensure_ascii=False)),
            )


def _group(row: Any) -> MemberGroup:
    return MemberGroup(row[0], row[2], row[3], tuple(json.loads(row[4])), row[5])


def _member(row: tuple[Any, ...]) -> MemberAccount:
    _, user_id, name, email, role, centers, custom_type, metadata, enabled, created, updated = row
    return MemberAccount(
        user_id,
        name,
        email,
        role,
        tuple(json.loads(centers)),
        custom_type,
        json.loads(metadata),
        bool(enabled),
        as_moment(created),
        as_moment(updated),
    )
