"""The shapes of Confluence's responses. Fields that are not listed here are ignored."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

Kind = TypeVar("Kind")
Id = str | int
OPERATIONS: Final = ("read", "update")
"""The operations that restrictions apply to."""


class Decoded(msgspec.Struct, rename="camel"):
    """A part of a response."""


class Links(Decoded, kw_only=True):
    """The links of an object."""

    base: str | None = None
    webui: str | None = None
    download: str | None = None
    next: str | None = None


class Listing(Decoded, Generic[Kind], kw_only=True):
    """One page of a listing."""

    results: list[Kind]
    size: int | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    def __post_init__(self) -> None:
        # Both deployments send links with each listing, and version 1 the size. Without them, "no rows" is not believed: it
        # would mean that a page has no files, no labels and no restrictions.
        if not self.results and self.size is None and self.links is None:
            raise ValueError("the listing has neither rows nor links nor a size")

    @property
    def following(self) -> str:
        """The link to the next page; empty on the last one."""
        return (self.links.next if self.links else None) or ""


class Account(Decoded, kw_only=True):
    """A person: by user name and key on Data Center, by account id on Cloud."""

    type: str | None = None
    username: str | None = None
    user_key: str | None = None
    account_id: str | None = None
    display_name: str | None = None
    public_name: str | None = None

    @property
    def name(self) -> str:
        """The name or id of the account."""
        return self.username or self.user_key or self.account_id or ""

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.display_name or self.public_name or ""


class Version(Decoded, kw_only=True):
    """A version of a page, comment, file or property."""

    number: int
    message: str | None = None
    minor_edit: bool | None = None
    by: Account | None = None
    when: str | None = None
    author_id: str | None = None
    created_at: str | None = None


class Form(Decoded):
    """A body in one format."""

    value: str | None = None


class Above(Decoded):
    """A page above another one."""

    id: Id
    title: str | None = None


class Container(Decoded):
    """The page of a comment or a file."""

    id: Id | None = None


class Space(Decoded, kw_only=True):
    """A space."""

    key: str
    id: Id | None = None
    homepage_id: Id | None = None


class SpaceKey(Decoded):
    """The space of a page."""

    key: str | None = None


class History(Decoded):
    """The author and the time of the first version."""

    created_by: Account | None = None
    created_date: str | None = None


class Label(Decoded):
    """A label."""

    name: str
    prefix: str | None = None


class InlineProperties(Decoded):
    """The passage of an inline comment; API v2 has another name for the marker."""

    original_selection: str | None = None
    marker_ref: str | None = None
    inline_marker_ref: str | None = None


class Operation(Decoded):
    """An operation on a kind of content, such as ``create`` and ``page``."""

    operation_key: str = ""
    target_type: str = ""


class SpacePermission(Decoded):
    """A permission that a user or a group has in a space."""

    operation: Operation


class PermissionCheck(Decoded):
    """The answer to the question whether an account may do something with a page."""

    has_permission: bool


class State(Decoded):
    """A content status."""

    id: int
    name: str
    color: str


class AvailableStates(Decoded):
    """The content statuses that a page can have."""

    space_content_states: list[State] | None = None
    custom_content_states: list[State] | None = None


class PageState(Decoded):
    """The content status of a page, if it has one."""

    content_state: State | None = None


class Resolution(Decoded):
    """The resolution of an inline comment."""

    status: str | None = None


class Extensions(Decoded, kw_only=True):
    """Fields that only files and comments have."""

    file_size: int | None = None
    media_type: str | None = None
    comment: str | None = None
    location: str | None = None
    inline_properties: InlineProperties | None = None
    resolution: Resolution | None = None


class Metadata(Decoded):
    """The metadata of content: labels, and the media type and comment of a file."""

    media_type: str | None = None
    comment: str | None = None
    labels: Listing[Label] | None = None


class Child(Decoded):
    """A reply to a comment."""

    id: Id


class Children(Decoded):
    """The replies to a comment."""

    comment: Listing[Child] | None = None


class Content(Decoded, kw_only=True):
    """A page, folder, comment or file, in the fields of API v1 and of API v2."""

    id: Id
    type: str | None = None
    title: str | None = None
    status: str | None = None
    version: Version | None = None
    body: dict[str, Form | None] | None = None
    links: Links | None = msgspec.field(default=None, name="_links")
    # API v1
    space: SpaceKey | None = None
    ancestors: list[Above] | None = None
    history: History | None = None
    container: Container | None = None
    extensions: Extensions | None = None
    metadata: Metadata | None = None
    children: Children | None = None
    # API v2
    space_id: Id | None = None
    parent_id: Id | None = None
    parent_type: str | None = None
    author_id: str | None = None
    created_at: str | None = None
    media_type: str | None = None
    file_size: int | None = None
    comment: str | None = None
    resolution_status: str | None = None
    properties: InlineProperties | None = None
    subtype: str | None = None
    depth: int | None = None

    @property
    def number(self) -> int:
        """The number of the version; 0 when it was not requested."""
        return self.version.number if self.version else 0

    @property
    def parent(self) -> str | None:
        """The id of the page or comment right above it, in API v1."""
        return str(self.ancestors[-1].id) if self.ancestors else None

    @property
    def storage(self) -> str | None:
        """The body in storage format; ``None`` when it was not requested."""
        return self.form("storage")

    @property
    def webui(self) -> str:
        """The path of the link for people, below the site."""
        path = (self.links.webui if self.links else None) or ""
        # A path like "@example.com" would turn the base before it into a user name.
        return path if path.startswith("/") else f"/pages/viewpage.action?pageId={self.id}"

    def url(self, site: str, base: str | None = None) -> str:
        """Return the link for people.

        :param site: base URL of the site
        :param base: base URL in the response around this content. A base with another host or scheme is ignored: links are
            posted to Slack and written on pages, so a response must not lead people to another site
        """
        named = (self.links.base if self.links else None) or base or ""
        return (named if _is_on(site, named) else site).rstrip("/") + self.webui

    @property
    def file_comment(self) -> str:
        """The comment of a file, from API v1 or v2."""
        extensions, metadata = self.extensions or Extensions(), self.metadata or Metadata()
        return extensions.comment or metadata.comment or self.comment or ""

    def form(self, name: str) -> str | None:
        """Return the body in one format; ``None`` when it was not requested."""
        form = (self.body or {}).get(name)
        return form.value if form else None


class UploadResponse(Decoded, kw_only=True):
    """The response to an upload: a listing for a new file, a single object for a new version."""

    results: list[Content] | None = None
    id: Id | None = None
    title: str | None = None
    version: Version | None = None
    extensions: Extensions | None = None
    metadata: Metadata | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def file(self) -> Content | None:
        """The file; ``None`` when the response has none."""
        if self.results:
            return self.results[0]
        if self.id is None:
            return None
        return Content(
            id=self.id,
            title=self.title,
            version=self.version,
            extensions=self.extensions,
            metadata=self.metadata,
            links=self.links,
        )


class Property(Decoded, kw_only=True):
    """A content property."""

    key: str
    value: Any = None
    id: Id | None = None
    version: Version | None = None

    @property
    def number(self) -> int:
        """The version that an update must name."""
        return self.version.number if self.version else 1


class TemplateBody(Decoded):
    """The body of a page template."""

    storage: Form | None = None


class PageTemplate(Decoded, kw_only=True):
    """A page template."""

    body: TemplateBody
    template_id: Id | None = None
    name: str | None = None
    labels: list[Label] | None = None


class ServerInformation(Decoded):
    """The version of Data Center or Server."""

    version: str
    base_url: str | None = None


class Group(Decoded):
    """A group: by its name on Data Center, by its id on Cloud."""

    name: str | None = None
    id: str | None = None


class Members(Decoded, Generic[Kind], kw_only=True):
    """The accounts or groups of a restriction."""

    results: list[Kind]
    size: int | None = None
    total_size: int | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def whole(self) -> list[Kind]:
        """All members.

        :raises ValueError: when the response has only some of them
        """
        total = max(self.size or 0, self.total_size or 0)
        if total > len(self.results) or (self.links and self.links.next):
            raise ValueError(f"only {len(self.results)} of {total or 'more'} are in the response")
        return self.results


class Subjects(Decoded):
    """The users and groups that an operation is limited to. Both lists are present even when they are empty."""

    user: Members[Account]
    group: Members[Group]


class Restriction(Decoded):
    """The restriction of an operation."""

    restrictions: Subjects


class RestrictionsByOperation(Decoded):
    """Both restrictions of a page. A response without one of them must never be taken for a page without restrictions."""

    read: Restriction
    update: Restriction

    def of(self, operation: str) -> Subjects:
        """Return the users and groups that an operation is limited to."""
        restriction: Restriction = getattr(self, operation)
        return restriction.restrictions


class RestrictionsResponse(Decoded):
    """The restrictions of a page: at the top as servers send them, or in ``restrictions`` as documented."""

    read: Restriction | None = None
    update: Restriction | None = None
    restrictions: RestrictionsByOperation | None = None


class Task(Decoded):
    """A long task that was started."""

    id: Id


class TaskMessage(Decoded):
    """A message of a long task."""

    translation: str | None = None
    message: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return self.translation or self.message or self.key or "no reason given"


class TaskState(Decoded, kw_only=True):
    """The progress of a long task."""

    finished: bool
    successful: bool | None = None
    errors: list[TaskMessage] | None = None
    messages: list[TaskMessage] | None = None


def _is_on(site: str, url: str) -> bool:
    """Return whether a URL has the host of the site."""
    try:
        wanted, named = urlsplit(site), urlsplit(url)
        same_host = (named.hostname, named.port) == (wanted.hostname, wanted.port)
    except ValueError:  # a port that is not a number, or a bracket without its counterpart
        return False
    return named.scheme in ("http", "https") and same_host and "@" not in named.netloc
