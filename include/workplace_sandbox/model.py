"""What the sandbox keeps: users, spaces, pages, templates, attachments, comments, messages, issues.

Every timestamp is an aware UTC ``datetime``. Ids are strings, as they are in Confluence's JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

PageStatus = Literal["current", "archived", "trashed"]
CommentLocation = Literal["footer", "inline"]
MessageSource = Literal["incoming", "workflow"]


@dataclass(frozen=True, slots=True)
class User:
    """A person or a bot; ``key`` is what ``ri:userkey`` in a page body refers to."""

    username: str
    key: str
    display_name: str
    email: str


@dataclass(frozen=True, slots=True)
class Space:
    """A Confluence space; ``id`` is its number in answers, ``homepage_id`` its top page."""

    id: int
    key: str
    name: str
    homepage_id: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is now. ``body`` is storage format, exactly as it was sent."""

    id: str
    space_key: str
    title: str
    parent_id: str | None
    status: PageStatus
    version: int
    body: str
    message: str
    minor: bool
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    position: int


@dataclass(frozen=True, slots=True)
class PageVersion:
    """One version of a page, the current one included."""

    page_id: str
    number: int
    title: str
    body: str
    message: str
    minor: bool
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Template:
    """A page template of a space, or of all spaces when ``space_key`` is None. ``body`` has ``at:var`` places."""

    id: str
    space_key: str | None
    name: str
    description: str
    body: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One version of an attached file: ``path`` holds its bytes, ``created_at`` is when it was uploaded."""

    id: str
    page_id: str
    filename: str
    media_type: str
    size: int
    sha256: str
    comment: str
    version: int
    minor: bool
    created_at: datetime
    author: str
    path: Path


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a page; prints as its name."""

    id: str
    prefix: str
    name: str

    def __str__(self) -> str:
        """The name alone, which is what a page shows."""
        return self.name


@dataclass(frozen=True, slots=True)
class Property:
    """A content property: any JSON value under a key, with its own version number."""

    id: str
    page_id: str
    key: str
    value: Any
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; an inline one points at ``ac:inline-comment-marker ac:ref=marker_ref`` in the body."""

    id: str
    page_id: str
    parent_id: str | None
    location: CommentLocation
    body: str
    author: str
    at: datetime
    marker_ref: str | None
    selection: str | None
    resolved: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a Slack channel; ``payload`` is the JSON that was sent."""

    ts: str
    channel: str
    username: str
    text: str
    payload: dict[str, Any]
    source: MessageSource
    at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A project of Jira."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue of Jira as it is now. ``status`` is one of ``jira.workflow.STATUSES``; ``due`` is a day without a time."""

    id: str
    key: str
    project: str
    type: str
    summary: str
    description: str
    status: str
    priority: str
    assignee: str | None
    reporter: str
    labels: tuple[str, ...]
    created: datetime
    updated: datetime
    resolved: datetime | None
    due: date | None


@dataclass(frozen=True, slots=True)
class Member:
    """An account of the member service. Its password is taken and forgotten: nobody signs in here."""

    user_id: str
    name: str
    email: str
    role_group_id: str
    center_ids: tuple[str, ...]
    custom_type: str
    metadata: dict[str, Any]
    enabled: bool
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class MemberChange:
    """Something done to a member: by whom, and for a change every field with what it was and what it is."""

    user_id: str
    at: datetime
    actor: str
    action: str
    fields: dict[str, list[Any]]
