"""Jira's projects and issues."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import AgileBoard, Issue, JiraProject, Sprint
from workplace_sandbox.state.database import Database, as_moment, as_text, now
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

# The first issue id of a fresh Jira.
FIRST_ISSUE_ID = 10000


class IssueTables(Database):
    """Projects and issues."""

    def projects(self) -> list[JiraProject]:
        """Return every project, by key."""
        return [JiraProject(*row) for row in self._rows("SELECT key, name FROM project ORDER BY key")]

    def add_project(self, key: str, name: str) -> None:
        """Create a project, or rename the one of that key."""
        with self._transaction() as db:
            db.execute("INSERT INTO project VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET name = excluded.name", (key, name))

    def issues(self) -> list[Issue]:
        """Return every issue, by age."""
        return [_issue(row) for row in self._rows("SELECT * FROM issue ORDER BY id")]

    def issue(self, key: str) -> Issue | None:
        """Return the issue of that key or id, or None."""
        project, _, number = key.rpartition("-")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        by_key = "SELECT * FROM issue WHERE project = ? AND number = ?"
        row = self._row(by_key, project.upper(), int(number)) if project else None
        row = row or (None if project else self._row("SELECT * FROM issue WHERE id = ?", int(number)))
        return _issue(row) if row else None

    def add_issue(
        self,
        project: str,
        summary: str,
        *,
        type: str = "Task",  # noqa: A002 - Jira's word
        description: str = "",
        status: str = "할 일",
        priority: str = "Medium",
        assignee: str | None = None,
        reporter: str = "jimin",
        labels: Iterable[str] = (),
        created: datetime | None = None,
        updated: datetime | None = None,
        resolved: datetime | None = None,
        due: date | None = None,
    ) -> Issue:
        """Add an issue; it gets the next number of its project.

        :param project: key of the project, which is created if it does not exist.
        :param summary: its title.
        :param status: one of ``jira.workflow.STATUSES``.
        :param created: when; now when None.
        :param updated: when; the time of creation or resolution when None.
        :return: the issue.
        """
        made = created or now()
        changed = updated or resolved or made
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO project VALUES (?, ?)", (project, project))
            number = db.execute("SELECT coalesce(max(number), 0) + 1 FROM issue WHERE project = ?", (project,)).fetchone()[0]
            issue_id = db.execute("SELECT coalesce(max(id), ?) + 1 FROM issue", (FIRST_ISSUE_ID - 1,)).fetchone()[0]
            row = (
                issue_id,
                number,
                project,
                type,
                summary,
                description,
                status,
                priority,
                assignee,
                reporter,
                json.dumps(list(labels), ensure_ascii=False),
                as_text(made),
                as_text(changed),
                as_text(resolved) if resolved else None,
                due.isoformat() if due else None,
            )
            db.execute(f"INSERT INTO issue VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - only question marks
        return _issue(row)

    def boards(self) -> list[AgileBoard]:
        """Return every board, by id."""
        return [AgileBoard(*row) for row in self._rows("SELECT id, name, type, project FROM agile_board ORDER BY id")]

    def add_board(self, name: str, project: str, type: str = "scrum") -> AgileBoard:  # noqa: A002 - Jira's word
        """Create a board for the issues of a project."""
        with self._transaction() as db:
            cursor = db.execute("INSERT INTO agile_board (name, type, project) VALUES (?, ?, ?)", (name, type, project))
        return AgileBoard(int(cursor.lastrowid or 0), name, type, project)

    def sprints(self) -> list[Sprint]:
        """Return every sprint, by id."""
        return [_sprint(row) for row in self._rows("SELECT * FROM sprint ORDER BY id")]

    def sprint(self, sprint_id: int) -> Sprint | None:
        """Return the sprint of that id, or None."""
        row = self._row("SELECT * FROM sprint WHERE id = ?", sprint_id)
        return _sprint(row) if row else None

    def add_sprint(self, board_id: int, name: str, issues: Iterable[str] = (), *, goal: str = "") -> Sprint:
        """Plan a sprint.

        :param issues: keys of the issues in it.
        """
        with self._transaction() as db:
            cursor = db.execute(
                "INSERT INTO sprint (board, name, state, goal) VALUES (?, ?, 'future', ?)", (board_id, name, goal)
            )
            sprint_id = int(cursor.lastrowid or 0)
            for key in issues:
                issue = self.issue(key)
                if issue is None:
                    raise NotFoundError(key)
                db.execute("INSERT INTO sprint_issue VALUES (?, ?)", (sprint_id, int(issue.id)))
        return self._require_sprint(sprint_id)

    def start_sprint(self, sprint_id: int, at: datetime | None = None, due: datetime | None = None) -> Sprint:
        """Start a sprint, or reopen a closed one."""
        begun = at or now()
        return self._set_sprint(sprint_id, "active", as_text(begun), as_text(due or begun), None)

    def close_sprint(self, sprint_id: int, at: datetime | None = None) -> Sprint:
        """Close a sprint; unfinished issues stay in it, as they do in Jira until they are moved."""
        sprint = self._require_sprint(sprint_id)
        begun, due = (as_text(moment) if moment else None for moment in (sprint.begun, sprint.due))
        return self._set_sprint(sprint_id, "closed", begun, due, as_text(at or now()))

    def sprint_issues(self, sprint_id: int) -> frozenset[str]:
        """Return the ids of the issues in a sprint."""
        return frozenset(str(row[0]) for row in self._rows("SELECT issue FROM sprint_issue WHERE sprint = ?", sprint_id))

    def _set_sprint(self, sprint_id: int, state: str, begun: str | None, due: str | None, completed: str | None) -> Sprint:
        with self._transaction() as db:
            values = (state, begun, due, completed, sprint_id)
            db.execute("UPDATE sprint SET state = ?, begun = ?, due = ?, completed = ? WHERE id = ?", values)
        return self._require_sprint(sprint_id)

    def _require_sprint(self, sprint_id: int) -> Sprint:
        sprint = self.sprint(sprint_id)
        if sprint is None:
            raise NotFoundError(str(sprint_id))
        return sprint


def _sprint(row: tuple[Any, ...]) -> Sprint:
    sprint_id, board, name, state, goal, *moments = row
    begun, due, completed = (as_moment(moment) if moment else None for moment in moments)
    return Sprint(sprint_id, board, name, state, goal, begun, due, completed)


def _issue(row: tuple[Any, ...]) -> Issue:
    (number_of_all, number, project, kind, summary, description, status, priority, assignee, reporter, labels) = row[:11]
    created, updated, resolved, due = row[11:]
    return Issue(
        str(number_of_all),
        f"{project}-{number}",
        project,
        kind,
        summary,
        description,
        status,
        priority,
        assignee,
        reporter,
        tuple(json.loads(labels)),
        as_moment(created),
        as_moment(updated),
        as_moment(resolved) if resolved else None,
        date.fromisoformat(due) if due else None,
    )
