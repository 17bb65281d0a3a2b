"""The few types that pass through every Confluence dialect: pages, attachments, restrictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workplace_provider.confluence.pages import same_content

TITLE_LIMIT = 255
"""Characters that a page title may have."""

HOLDS_TITLE = ("current", "archived")
"""The statuses in which a page keeps its title to itself; a page in the trash does not."""


@dataclass(frozen=True, slots=True)
class User:
    """The account that a credential belongs to; ``name`` is empty for an anonymous request."""

    name: str
    display_name: str

    @property
    def anonymous(self) -> bool:
        """Whether the system took the request for nobody's."""
        return not self.name


@dataclass(frozen=True, slots=True)
class Server:
    """Which deployment answered: ``datacenter`` or ``cloud``, its version, and the base URL it calls itself by."""

    deployment: str
    version: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page as read at one moment.

    :param body: storage format; ``None`` when it was not asked for
    :param url: link for people
    :param created_by: account name of the author of the first version; empty when it was not asked for
    """

    id: str
    space: str
    title: str
    status: str
    version: int
    url: str
    parent_id: str | None = None
    body: str | None = field(default=None, repr=False)
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class PageVersion:
    """Who wrote a version of a page, and the comment that was given with it."""

    number: int
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Template:
    """A page template.

    :param body: storage format, in which ``at:var`` elements stand for what is to be filled in
    :param labels: labels that a page made from it gets
    """

    id: str
    name: str
    body: str = field(repr=False)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a page, at its latest version.

    :param size: bytes
    :param download: where its bytes are, as a path below the base URL
    """

    id: str
    page_id: str
    name: str
    version: int
    size: int
    media_type: str
    comment: str
    download: str


@dataclass(frozen=True, slots=True)
class ContentState:
    """The content status of a page, such as *Verified*; the numbers 0 to 3 are those of the space."""

    id: int
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with its body in storage format; ``location`` is ``footer``, ``inline`` or ``resolved``.

    :param marker: the ``ac:ref`` of the marker in the page's body that an inline comment is about
    """

    id: str
    location: str
    author: str
    body: str
    parent_id: str | None = None
    marker: str = ""


@dataclass(frozen=True, slots=True)
class ContentProperty:
    """A JSON value that is kept with a page, and the version that an update must name."""

    key: str
    value: Any
    version: int


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Who alone may do an operation (``read``, ``update``): account and group names. Empty: everybody the space lets."""

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.users.values()) or any(self.groups.values())

    def including(self, user: str) -> Restrictions:
        """The same, with ``user`` let in wherever anybody is kept out."""
        users = {
            operation: names if user in names or not (names or self.groups.get(operation)) else (*names, user)
            for operation, names in self.users.items()
        }
        return Restrictions(users, self.groups)


def is_unfinished_create(page: Page, *, author: str, body: str, parent_id: str | None) -> bool:
    """Whether a page is what a create request leaves behind that nobody has touched since.

    It answers "was that ours?" when the answer to the request was lost, before a marker could be put on the page.

    :param page: read with its body
    :param author: the account that sent the request
    :param body: the body that was sent
    """
    return (
        page.status == "current"
        and page.version == 1
        and page.created_by == author
        and (parent_id is None or page.parent_id == parent_id)
        and same_content(page.body or "", body)
    )
