"""The states of an issue and the categories they are in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """Jira's own category of a status: its key is the same in every language, its colour that of the lozenge."""

    id: int
    key: str
    colour: str
    name: str


@dataclass(frozen=True, slots=True)
class Status:
    """A status; a site names its own."""

    id: str
    name: str
    category: Category


TODO = Category(2, "new", "default", "To Do")
DOING = Category(4, "indeterminate", "inprogress", "In Progress")
DONE = Category(3, "done", "success", "Done")
CATEGORIES = (TODO, DOING, DONE)

STATUSES = {
    status.name: status
    for status in (
        Status("10000", "할 일", TODO),
        Status("3", "진행 중", DOING),
        Status("10100", "검토 중", DOING),
        Status("10001", "완료", DONE),
    )
}

TYPES = {"Task": "10002", "Bug": "10004", "Story": "10001"}
PRIORITIES = {"Highest": "1", "High": "2", "Medium": "3", "Low": "4", "Lowest": "5"}
