"""The states of an issue and the categories they are in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatusCategory:
    """Jira's own category of a status: its key is the same in every language, its colour that of the lozenge."""

    id: int
    key: str
    colour: str
    name: str


@dataclass(frozen=True, slots=True)
class IssueStatus:
    """A status; a site names its own."""

    id: str
    name: str
    category: StatusCategory


TODO = StatusCategory(2, "new", "default", "To Do")
DOING = StatusCategory(4, "indeterminate", "inprogress", "In Progress")
DONE = StatusCategory(3, "done", "success", "Done")
CATEGORIES = (TODO, DOING, DONE)

STATUSES = {
    status.name: status
    for status in (
        IssueStatus("10000", "할 일", TODO),
        IssueStatus("3", "진행 중", DOING),
        IssueStatus("10100", "검토 중", DOING),
        IssueStatus("10001", "완료", DONE),
    )
}

TYPES = {"Task": "10002", "Bug": "10004", "Story": "10001"}
PRIORITIES = {"Highest": "1", "High": "2", "Medium": "3", "Low": "4", "Lowest": "5"}
