"""The records of the sandbox: users, spaces, pages, templates, attachments, comments, issues, contributions, Slack.

Every timestamp is an aware UTC ``datetime``. Ids are strings, as they are in Confluence's JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

PageStatus = Literal["current", "archived", "trashed"]
PageKind = Literal["page", "blogpost"]
PAGE_KINDS: dict[str, PageKind] = {"page": "page", "blogpost": "blogpost"}
CommentLocation = Literal["footer", "inline"]
MessageSource = Literal["incoming", "workflow", "api", "person", "system"]
ConversationKind = Literal["public_channel", "private_channel", "im", "mpim"]
SlackUserKind = Literal[
    "member", "admin", "owner", "guest", "single_channel_guest", "bot", "workflow_bot", "slackbot", "invited", "stranger"
]


@dataclass(frozen=True, slots=True)
class User:
    """A person or a bot; ``ri:userkey`` in a page body refers to ``key``."""

    username: str
    key: str
    display_name: str
    email: str


@dataclass(frozen=True, slots=True)
class Space:
    """A Confluence space; ``id`` is its number in responses, ``homepage_id`` its top page."""

    id: int
    key: str
    name: str
    homepage_id: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page or a blog post as it is now. ``body`` is storage format, exactly as it was sent."""

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
    kind: PageKind = "page"


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
class Folder:
    """A folder of the cloud: below a page (``parent_id``), below a folder (``folder_id``), or at the top of its space."""

    id: str
    space_key: str
    title: str
    parent_id: str | None
    folder_id: str | None
    position: int
    created_at: datetime
    created_by: str


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
        """Return the name alone, as a page shows it."""
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
    version: int
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class SlackUser:
    """A member of the Slack workspace: a person, a guest or a bot.

    ``name`` is the user name and the text of mentions, the same as in the other systems. ``extra`` overrides fields of
    the member in the Web API, its ``profile`` fields of the profile: so a test makes a key null, empty or odd.
    """

    id: str
    name: str
    real_name: str
    display_name: str
    email: str
    kind: SlackUserKind = "member"
    title: str = ""
    tz: str = "Asia/Seoul"
    deleted: bool = False
    forgotten: bool = False
    email_confirmed: bool = True
    updated: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_bot(self) -> bool:
        """The value of ``is_bot`` in Slack; false for Slackbot."""
        return self.kind in ("bot", "workflow_bot")

    @property
    def bot_id(self) -> str | None:
        """Id of the bot behind a bot's user."""
        return f"B{self.id[1:]}" if self.is_bot else None

    @property
    def shown_name(self) -> str:
        """The name on the messages."""
        return self.display_name or self.real_name or self.name


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A conversation of Slack. ``name`` is without ``#``; that of a direct message is the other person's."""

    id: str
    name: str
    kind: ConversationKind
    archived: bool
    created: datetime
    creator: str
    topic: str
    purpose: str

    @property
    def is_direct(self) -> bool:
        """True for a direct message, False for a channel."""
        return self.kind in ("im", "mpim")

    @property
    def label(self) -> str:
        """The name as people write it: ``#weekly-report``, ``@jimin``."""
        return f"{'@' if self.is_direct else '#'}{self.name}"


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message of a Slack channel; ``payload`` is the JSON in the request.

    ``channel`` is the channel's name with its ``#``, ``username`` the visible sender when it was posted. A reply has the
    parent's ``ts`` as its ``thread_ts``; one with ``broadcast`` is shown in the channel as well.
    """

    ts: str
    channel: str
    username: str
    text: str
    payload: dict[str, Any]
    source: MessageSource
    at: datetime
    channel_id: str
    user_id: str | None = None
    thread_ts: str | None = None
    broadcast: bool = False
    subtype: str | None = None
    edited_by: str | None = None
    edited_ts: str | None = None

    @property
    def custom_name(self) -> str | None:
        """The sender's name that a bot requested; those of webhooks are ignored."""
        name = self.payload.get("username") if self.source == "api" else None
        return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class MessageNews:
    """A new, changed or deleted message.

    :param before: the message as it was, when it was changed or deleted.
    """

    kind: Literal["posted", "changed", "deleted"]
    message: SlackMessage
    before: SlackMessage | None = None


@dataclass(frozen=True, slots=True)
class EphemeralMessage:
    """A message that only one person sees; Slack does not keep it, and no method of the Web API shows it.

    :param user_id: the person.
    :param name: the visible sender.
    :param payload: its other fields: ``blocks`` and ``attachments``.
    """

    ts: str
    channel_id: str
    user_id: str
    name: str
    text: str
    payload: dict[str, Any]
    thread_ts: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    """A message of the bot that will be posted later; times are seconds since 1970."""

    id: str
    channel_id: str
    post_at: int
    created: int
    text: str
    payload: dict[str, Any]
    thread_ts: str | None
    broadcast: bool


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """The replies of a parent message in summary.

    Their number, their authors in the order of first replies, and the latest ``ts``.
    """

    count: int
    users: tuple[str, ...]
    latest: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji under a message, with the ids of those who chose it, the first one first."""

    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReactionNews:
    """A reaction that was added or removed.

    :param user_id: the person who reacted.
    """

    kind: Literal["added", "removed"]
    message: SlackMessage
    name: str
    user_id: str


@dataclass(frozen=True, slots=True)
class SlackFile:
    """A file in Slack; ``path`` holds its bytes, ``shares`` are the channel ids and ``ts`` of the messages that show it."""

    id: str
    user_id: str
    name: str
    title: str
    media_type: str
    size: int
    created: datetime
    path: Path
    shares: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SlackUserGroup:
    """A group of people; mentions use its handle."""

    id: str
    handle: str
    name: str
    description: str
    users: tuple[str, ...]
    disabled: bool


@dataclass(frozen=True, slots=True)
class JiraProject:
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
class AgileBoard:
    """A board of Jira; ``type`` is ``scrum``, ``kanban`` or ``simple``. It shows the issues of a project."""

    id: int
    name: str
    type: str
    project: str


@dataclass(frozen=True, slots=True)
class Sprint:
    """A sprint of a board; ``state`` is ``future``, ``active`` or ``closed``. Closing it sets ``completed``."""

    id: int
    board_id: int
    name: str
    state: str
    goal: str
    begun: datetime | None
    due: datetime | None
    completed: datetime | None


@dataclass(frozen=True, slots=True)
class MemberAccount:
    """An account of the member service. Its password is accepted and dropped: there is no log-in."""

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
class MemberGroup:
    """A group of members.

    :param members: ids of the members.
    """

    id: str
    name: str
    external_id: str
    members: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of a member: its author, and the old and new value of each changed field."""

    user_id: str
    at: datetime
    actor: str
    action: str
    fields: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class GithubUser:
    """A person on GitHub; ``counts`` has the number of contributions of each day that had any."""

    login: str
    counts: dict[date, int]


@dataclass(frozen=True, slots=True)
class BoardNotice:
    """A notice on the notice board."""

    id: int
    title: str
    author: str
    body: str
    pinned: bool
    published: datetime
    updated: datetime
