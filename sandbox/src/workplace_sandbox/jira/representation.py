"""Issues and people as the JSON of Jira's REST API, version 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from workplace_sandbox.jira.workflow import PRIORITIES, STATUSES, TYPES
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workplace_sandbox.model import Issue, User
    from workplace_sandbox.store import Store

Json = dict[str, Any]

# Fields that ``*navigable`` omits: the list of issues cannot show them.
_NOT_NAVIGABLE = frozenset({"description", "comment"})


def moment(at: datetime) -> str:
    """Return a time as Jira writes it: the offset has no colon, which ISO 8601 readers of some languages refuse."""
    local = at.astimezone(SEOUL)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


class JiraRepresentation:
    """Makes the JSON of one response.

    :param store: the people and projects.
    :param base: the address of Jira as the client wrote it; ``self`` begins with it.
    """

    version: ClassVar[int] = 2

    def __init__(self, store: Store, base: str) -> None:
        self._store = store
        self._base = base
        self._api = f"{base}/rest/api/{self.version}"
        self._users = {user.username: user for user in store.users()}
        self._projects = {project.key: project for project in store.projects()}

    def issue(self, issue: Issue, fields: Sequence[str]) -> Json:
        """Return an issue with the requested fields."""
        every = self._fields(issue)
        return {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": issue.id,
            "self": f"{self._api}/issue/{issue.id}",
            "key": issue.key,
            "fields": {name: every[name] for name in chosen(list(every), fields)},
        }

    def user(self, user: User) -> Json:
        """Return a person; ``key`` is Jira's own id of the account, ``name`` the log-in."""
        picture = f"{self._base}/secure/useravatar?avatarId=10122"
        return {
            "self": f"{self._api}/user?username={quote(user.username)}",
            "name": user.username,
            "key": user.username,
            "emailAddress": user.email,
            "avatarUrls": dict.fromkeys(("48x48", "24x24", "16x16", "32x32"), picture),
            "displayName": user.display_name,
            "active": True,
            "timeZone": "Asia/Seoul",
        }

    def project(self, key: str) -> Json:
        """Return a project."""
        ids = {project_key: str(10000 + number) for number, project_key in enumerate(self._projects)}
        return {
            "self": f"{self._api}/project/{ids[key]}",
            "id": ids[key],
            "key": key,
            "name": self._projects[key].name,
            "projectTypeKey": "software",
        }

    def _fields(self, issue: Issue) -> Json:
        status = STATUSES[issue.status]
        category = status.category
        done = {"self": f"{self._api}/resolution/10000", "id": "10000", "description": "", "name": "Done"}
        return {
            "summary": issue.summary,
            "description": self.rich_text(issue.description),
            "issuetype": {
                "self": f"{self._api}/issuetype/{TYPES[issue.type]}",
                "id": TYPES[issue.type],
                "name": issue.type,
                "subtask": False,
            },
            "project": self.project(issue.project),
            "status": {
                "self": f"{self._api}/status/{status.id}",
                "description": "",
                "name": status.name,
                "id": status.id,
                "statusCategory": {
                    "self": f"{self._api}/statuscategory/{category.id}",
                    "id": category.id,
                    "key": category.key,
                    "colorName": category.colour,
                    "name": category.name,
                },
            },
            "resolution": done if issue.resolved else None,
            "priority": {
                "self": f"{self._api}/priority/{PRIORITIES[issue.priority]}",
                "name": issue.priority,
                "id": PRIORITIES[issue.priority],
            },
            "assignee": self._person(issue.assignee),
            "reporter": self._person(issue.reporter),
            "creator": self._person(issue.reporter),
            "labels": list(issue.labels),
            "components": [],
            "fixVersions": [],
            "created": moment(issue.created),
            "updated": moment(issue.updated),
            "resolutiondate": moment(issue.resolved) if issue.resolved else None,
            "duedate": issue.due.isoformat() if issue.due else None,
            "comment": {"comments": [], "maxResults": 0, "total": 0, "startAt": 0},
        }

    def rich_text(self, text: str) -> Any:
        """Return the text of a field with formatting, which is wiki markup; None for an empty one."""
        return text or None

    def _person(self, username: str | None) -> Json | None:
        user = self._users.get(username or "")
        return self.user(user) if user else None


def chosen(available: Sequence[str], requested: Sequence[str]) -> list[str]:
    """Return the fields to send.

    :param every: all fields.
    :param asked: names, ``*all``, ``*navigable``, and names with a leading ``-`` that are left out; an empty list
        selects
        the default of the route. A name that does not exist is ignored, as Jira ignores it.
    """
    wanted: set[str] = set()
    if "*all" in requested or not requested or all(name.startswith("-") for name in requested):
        wanted |= set(available)
    if "*navigable" in requested:
        wanted |= set(available) - _NOT_NAVIGABLE
    wanted |= {name for name in requested if not name.startswith("-")}
    wanted -= {name[1:] for name in requested if name.startswith("-")}
    return [name for name in available if name in wanted]
