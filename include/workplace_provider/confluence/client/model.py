"""The data that Confluence clients of both deployments return: pages, attachments, comments and restrictions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from workplace_provider.common.query import quoted
from workplace_provider.confluence.pages import same_content
from workplace_provider.http.errors import Invalid

TITLE_LIMIT = 255
"""Characters that a page title may have."""

HOLDS_TITLE = ("current", "archived")
"""The statuses in which a page keeps its title reserved; the title of a page in the trash is free."""

ContentType = Literal["page", "blogpost"]

BODIES: Final = ("storage", "view")
"""The formats in which a body is read: storage format and HTML."""

_ORDER = re.compile(r"""\border\s+by\b[^"']*$""", re.I)


@dataclass(frozen=True, slots=True)
class User:
    """The account that a credential belongs to; ``name`` is empty for an anonymous request."""

    name: str
    display_name: str

    @property
    def anonymous(self) -> bool:
        """``True`` when the site treated the request as anonymous."""
        return not self.name


@dataclass(frozen=True, slots=True)
class Server:
    """The deployment behind a URL: ``datacenter`` or ``cloud``, its version, and the base URL that it reports."""

    deployment: str
    version: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Author:
    """The account that wrote something: its name (on Cloud its account id), and the name that people see."""

    name: str = ""
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Authorship:
    """The time of a write, as the site reports it (ISO 8601 with zone), and its author; empty when not requested."""

    at: str = ""
    by: Author = field(default_factory=Author)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as read at one moment.

    :param url: link for people
    :param parent_id: page or folder right above it; listings of whole wikis give ``ancestors`` instead
    :param body: storage format; ``None`` when it was not requested
    :param view: HTML; ``None`` when it was not requested
    :param message: comment of this version
    :param minor: this version sent no notification
    :param created: author and time of the first version
    :param updated: author and time of this version
    :param ancestors: id and title of each page above it, from the top; only in listings of whole wikis
    :param labels: global labels, sorted; only in listings of whole wikis
    """

    id: str
    space: str
    title: str
    status: str
    version: int
    url: str
    parent_id: str | None = None
    body: str | None = field(default=None, repr=False)
    view: str | None = field(default=None, repr=False)
    message: str = ""
    minor: bool = False
    created: Authorship = field(default_factory=Authorship)
    updated: Authorship = field(default_factory=Authorship)
    ancestors: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def created_by(self) -> str:
        """The account name of the first version's author; empty when it was not requested."""
        return self.created.by.name

    @property
    def bodies(self) -> Mapping[str, str]:
        """The bodies that were requested, by format; see :data:`BODIES`."""
        formats = {"storage": self.body, "view": self.view}
        return {name: text for name, text in formats.items() if text is not None}


@dataclass(frozen=True, slots=True)
class PageVersion:
    """The author and the comment of one version of a page."""

    number: int
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Template:
    """A page template.

    :param body: storage format, in which ``at:var`` elements are placeholders for values
    :param labels: labels for a page that is created from it
    """

    id: str
    name: str
    body: str = field(repr=False)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a page, at its latest version.

    :param size: bytes
    :param download: path of its bytes below the base URL
    :param updated: author and time of this version
    """

    id: str
    page_id: str
    name: str
    version: int
    size: int
    media_type: str
    comment: str
    download: str
    updated: Authorship = field(default_factory=Authorship)


@dataclass(frozen=True, slots=True)
class ContentState:
    """The content status of a page, such as *Verified*; ids 0 to 3 belong to the space."""

    id: int
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on one page, with its body in storage format; ``location`` is ``footer``, ``inline`` or ``resolved``.

    :param author: name that people see
    :param author: the name that people see
    :param marker: for an inline comment, the ``ac:ref`` of its marker in the page's body
    :param account: name of the author's account, on Cloud its id
    """

    id: str
    location: str
    author: str
    body: str
    parent_id: str | None = None
    marker: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class WikiComment:
    """A comment or a reply, as listings of a whole wiki have it.

    :param parent_id: the comment that it replies to
    :param location: ``footer``, or ``inline`` next to a passage of the page
    :param resolution: state of an inline comment as the site names it: ``open``, ``resolved``, ``reopened``, ``dangling``
    :param selection: the passage
    :param marker: ``ac:ref`` of the passage's marker in the body
    """

    id: str
    page_id: str
    parent_id: str | None
    location: str
    resolution: str
    version: int
    created: Authorship
    updated: Authorship
    selection: str = ""
    marker: str = ""
    bodies: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class ContentProperty:
    """A JSON value that is stored with a page, and the version that an update must name."""

    key: str
    value: Any
    version: int


@dataclass(frozen=True, slots=True)
class Restrictions:
    """The users and groups that an operation (``read``, ``update``) is limited to; empty when the space decides."""

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.users.values()) or any(self.groups.values())

    def including(self, user: str) -> Restrictions:
        """Return the restrictions with ``user`` added to each operation that is restricted."""
        users = {
            operation: names if user in names or not (names or self.groups.get(operation)) else (*names, user)
            for operation, names in self.users.items()
        }
        return Restrictions(users, self.groups)


@dataclass(frozen=True, slots=True)
class Scope:
    """A selection of pages: all pages of a space, a page with its descendants, or the results of a CQL query.

    :param kind: ``space``, ``root`` or ``cql``
    :param value: key of the space, id of the top page, or the query
    :param content_type: pages or blog posts; a blog post is in no tree
    """

    kind: Literal["space", "root", "cql"]
    value: str
    content_type: ContentType = "page"

    @classmethod
    def of(
        cls,
        *,
        space: str | None = None,
        root: str | None = None,
        cql: str | None = None,
        content_type: ContentType = "page",
    ) -> Scope:
        """Return the scope of the one argument that is not empty.

        :raises ValueError: when none is given, or several are, or blog posts are requested by their root
        """
        kinds: tuple[tuple[Literal["space", "root", "cql"], str | None], ...] = (
            ("space", space),
            ("root", root),
            ("cql", cql),
        )
        scopes = [cls(kind, value.strip(), content_type) for kind, value in kinds if value is not None and value.strip()]
        if len(scopes) != 1:
            names = ", ".join(scope.kind for scope in scopes) or "none"
            raise ValueError(f"give one of space, root and cql; {names} was given")
        if content_type == "blogpost" and scopes[0].kind == "root":
            raise ValueError("root is the top of a page tree, and blog posts are in no tree; use space or cql")
        return scopes[0]

    def __str__(self) -> str:
        words = {"space": "the space", "root": "the tree of page", "cql": "the query"}
        return f"{'the blog posts of ' if self.content_type == 'blogpost' else ''}{words[self.kind]} {self.value}"

    @property
    def cql(self) -> str:
        """The pages as a CQL query. An ``order by`` of the query is dropped: it is not allowed inside parentheses."""
        if self.kind == "space":
            return f"space = {quoted(self.value)} and type = {self.content_type}"
        if self.kind == "root":
            return f"(id = {quoted(self.value)} or ancestor = {quoted(self.value)}) and type = page"
        query = _ORDER.sub("", self.value).strip()
        if not query:
            raise Invalid("the CQL query has no condition", advice="add a condition, such as label = x")
        return f"({query}) and type = {self.content_type}"


def is_unfinished_create(page: Page, *, author: str, body: str, parent_id: str | None) -> bool:
    """Return whether a page is the unchanged result of our own create request.

    It decides whether a request whose response was lost has created the page, before a marker is on the page.

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
