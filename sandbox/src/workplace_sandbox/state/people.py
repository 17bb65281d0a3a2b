"""The members of the Slack workspace and their groups."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import SlackUser, SlackUserGroup
from workplace_sandbox.state.database import Database, now
from workplace_sandbox.state.errors import NotFoundError
from workplace_sandbox.state.slack_ids import slack_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_FIELDS = tuple(field.name for field in fields(SlackUser))
_COLUMNS = ", ".join(_FIELDS)
MOST_EVENTS = 100
"""Members that are added at once with an event for each; more are a workspace that is filled."""
_VALUES = ", ".join("?" * len(_FIELDS))


class PersonTables(Database):
    """People and user groups.

    ``on_member`` is called with each new or changed member, and whether the member is new.
    """

    on_member: Callable[[SlackUser, bool], None] | None = None

    def people(self, after: str | None = None, limit: int = -1) -> list[SlackUser]:
        """Return the members in the order of their arrival.

        :param after: id of the member before the first one; None to begin with the first.
        :param limit: how many; -1 for all.
        :raises NotFoundError: there is no member ``after``.
        """
        position = 0
        if after is not None:
            found = self._row("SELECT position FROM slack_person WHERE id = ?", after)
            if found is None:
                raise NotFoundError(after)
            position = found[0]
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM slack_person WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 - names are ours
            position,
            limit,
        )
        return [_person(row) for row in rows]

    def people_count(self) -> int:
        """Return the number of members, deactivated ones and bots included."""
        return int(self._rows("SELECT count(*) FROM slack_person")[0][0])

    def person(self, who: str) -> SlackUser | None:
        """Return the member of that id, or else of that name, or None."""
        by = f"SELECT {_COLUMNS} FROM slack_person WHERE %s = ? ORDER BY position"  # noqa: S608 - the names are ours
        row = self._row(by % "id", who) or self._row(by % "name", who.removeprefix("@"))
        return _person(row) if row else None

    def person_by_email(self, email: str) -> SlackUser | None:
        """Return the member of that e-mail address in any case, or None."""
        row = self._row(f"SELECT {_COLUMNS} FROM slack_person WHERE lower(email) = lower(?)", email)  # noqa: S608 - ours
        return _person(row) if row else None

    def put_people(self, people: Iterable[SlackUser]) -> None:
        """Add members, or change those with existing ids."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS if name != "id")
        people = list(people)
        announced = people if self.on_member and len(people) <= MOST_EVENTS else []
        joined = {person.id for person in announced if self.person(person.id) is None}
        with self._transaction() as db:
            db.executemany(
                f"INSERT INTO slack_person ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608 - the names are ours
                f" ON CONFLICT (id) DO UPDATE SET {changes}",
                map(_row, people),
            )
        for person in announced:
            if self.on_member:
                self.on_member(person, person.id in joined)

    def change_person(self, who: str, **changes: Any) -> SlackUser:
        """Change a member.

        :param who: id or name.
        :param changes: fields of ``SlackUser``; ``updated`` is now by default.
        :return: the member after the change.
        :raises NotFoundError: there is no such member.
        """
        with self._transaction():
            person = self.person(who)
            if person is None:
                raise NotFoundError(who)
            changed = replace(person, **({"updated": int(now().timestamp())} | changes))
            self.put_people([changed])
        return changed

    def remove_person(self, who: str) -> None:
        """Remove a member without a trace, which Slack itself never does: it deactivates."""
        with self._transaction() as db:
            db.execute("DELETE FROM slack_person WHERE id = ? OR name = ?", (who, who))

    def user_groups(self) -> list[SlackUserGroup]:
        """Return the groups by handle."""
        return [
            SlackUserGroup(number, handle, name, description, tuple(json.loads(users)), bool(disabled))
            for number, handle, name, description, users, disabled in self._rows(
                "SELECT id, handle, name, description, users, disabled FROM slack_user_group ORDER BY handle"
            )
        ]

    def put_user_group(
        self, handle: str, name: str, users: Sequence[str], description: str = "", *, disabled: bool = False
    ) -> SlackUserGroup:
        """Create a user group, or change the one of that handle; ``users`` are ids."""
        group = SlackUserGroup(slack_id("S", handle), handle, name, description, tuple(users), disabled)
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO slack_user_group VALUES (?, ?, ?, ?, ?, ?)",
                (group.id, handle, name, description, json.dumps(users), disabled),
            )
        return group


def _row(person: SlackUser) -> tuple[Any, ...]:
    return (*(getattr(person, name) for name in _FIELDS[:-1]), json.dumps(person.extra) if person.extra else "{}")


def _person(row: tuple[Any, ...]) -> SlackUser:
    number, name, real_name, display_name, email, kind, title, tz, deleted, forgotten, confirmed, updated, extra = row
    gone, unknown, more = bool(deleted), bool(forgotten), {} if extra == "{}" else json.loads(extra)
    return SlackUser(
        number, name, real_name, display_name, email, kind, title, tz, gone, unknown, bool(confirmed), updated, more
    )
