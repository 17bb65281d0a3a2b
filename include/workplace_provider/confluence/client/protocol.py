"""The protocols that the Confluence clients of both deployments implement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import (
        Attachment,
        Comment,
        ContentProperty,
        ContentState,
        ContentType,
        Page,
        PageVersion,
        Restrictions,
        Scope,
        Server,
        Template,
        User,
        WikiComment,
    )
    from workplace_provider.http.client import Download, FilePart
    from workplace_provider.http.client import Sink as DownloadSink


class ConfluenceClient(Protocol):
    """A client for one Confluence site.

    Every method raises the typed errors of :mod:`workplace_provider.http.errors`. Listings request page after page until the
    last one, or raise.

    Example::

        with closing(connect("https://wiki.example.com", token="…")) as client:
            page = client.find_page("TEAM", "Weekly report", body=True)
            client.update_page(page.id, lambda storage: storage.replace("red", "green"), message="Fixed")
            client.add_labels(page.id, ["reviewed"])
    """

    @property
    def base_url(self) -> str:
        """The URL of the site, as people open it."""

    @property
    def content_type(self) -> ContentType:
        """The content that this client reads and writes: pages, or blog posts."""

    def blog_posts(self) -> ConfluenceClient:
        """Return a client for the blog posts of the same site, over the same connection.

        A blog post is read and written like a page without a parent. Its title is looked up in the whole blog of the space.
        """

    def close(self) -> None:
        """Close all connections."""

    def wait(self, seconds: float) -> None:
        """Sleep between two attempts."""

    def current_user(self) -> User:
        """Return the account that the credential belongs to."""

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of a user, or ``None`` where it is unknown. Each user is looked up once.

        :param kind: what the id is, as in storage format: ``account-id``, ``userkey`` or ``username``
        :param user: the id
        """

    def server(self) -> Server:
        """Return the deployment and the version of the site."""

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """Return a page by id, with any status. With ``body``, its storage format is read too."""

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """Return the current or archived page with a title in a space; ``None`` when the title is free."""

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """Return one version of a page, the current one or an earlier one."""

    def get_template(self, template_id: str) -> Template:
        """Return a page template with its body."""

    def children(self, page_id: str) -> Iterator[Page]:
        """Iterate over the current child pages, in the order of the page tree."""

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """Iterate over the content that a CQL query finds.

        The search index lags behind writes, so exactly-once decisions must not depend on it.
        """

    @property
    def comments_first_version(self) -> bool:
        """``True`` when the request that creates a page takes a version comment."""

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None, message: str = "") -> Page:
        """Create a page exactly once, even if the response is lost.

        :param message: version comment, where the site takes one
        :raises AlreadyExists: when another page has the title
        """

    def update_page(
        self,
        page_id: str,
        edit: Callable[[str], str],
        *,
        title: str | None = None,
        message: str = "",
        minor: bool = False,
    ) -> tuple[Page, bool]:
        """Edit a page's body. A version that someone else writes in between is not overwritten, but edited.

        :param edit: maps the current storage format to the new one; called again with the current body after a conflict
        :return: the page, and whether a new version was written, which is not the case if the edit changes nothing
        """

    def move_page(self, page_id: str, parent_id: str) -> Page:
        """Move a page with its child pages below another page of the space, as its last child.

        :raises BadResponse: when the site does not show the page there afterwards
        """

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash. A page in the trash is not changed."""

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """Iterate over the files of a page."""

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """Return the file with this name on a page."""

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Upload a new file with one request.

        :class:`~workplace_provider.confluence.publishing.attachments.Attacher` uploads a file exactly once.

        :raises AlreadyExists: when the page has a file of that name
        """

    def update_attachment(
        self, attachment: Attachment, file: FilePart, *, comment: str = "", minor: bool = True
    ) -> Attachment:
        """Upload a new version of a file with one request."""

    def download_attachment(self, attachment: Attachment, sink: IO[bytes]) -> Download:
        """Stream a file's bytes into ``sink``."""

    def labels(self, page_id: str) -> list[str]:
        """Return the page's global labels."""

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels. Labels that the page has already stay."""

    def remove_label(self, page_id: str, label: str) -> None:
        """Remove a label, if the page has it."""

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """Iterate over the content properties of a page."""

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """Return one content property."""

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its current value (``None`` when absent) and write it.

        :param update: maps the current value to the new one; called again when someone else wrote in between
        :param absent: the property is expected to be absent, so it is not read first
        :return: the value that is stored now
        """

    def restrictions(self, page_id: str) -> Restrictions:
        """Return the restrictions that are set on the page itself."""

    def set_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Replace the page's restrictions."""

    def find_group(self, name: str) -> str:
        """Return a group as restrictions identify it: by name on Data Center, by id on Cloud.

        :raises NotFound: when the account sees no group with this name
        """

    def may_create_below(self, page: Page, account: str) -> bool:
        """Return whether an account may create pages below a page.

        :param account: name of the account, on Cloud its id
        :raises Forbidden: when the account of the connection may not ask about others
        """

    def create_comment(self, page_id: str, body: str) -> Comment:
        """Add a comment below a page with one request.

        :class:`~workplace_provider.confluence.publishing.comments.PageCommenter` adds a comment exactly once.
        """

    def remove_comment(self, comment_id: str) -> None:
        """Remove a comment below a page, if it exists."""

    def comment_property(self, comment_id: str, key: str) -> ContentProperty | None:
        """Return one content property of a comment."""

    def set_comment_property(self, comment_id: str, key: str, value: Any) -> None:
        """Create a content property of a comment, which must not have another value."""

    def comments(self, page_id: str) -> Iterator[Comment]:
        """Iterate over the comments of a page with their replies, in the order of the site."""

    def reader(self) -> WikiReader:
        """Return a reader for whole wikis, which lists many pages per request."""


class WikiReader(Protocol):
    """A reader for whole wikis: listings of many pages, comments and files.

    Listings are iterated, never collected, and request page after page until the last one, or raise. They may lag behind
    recent writes, as the site's search index does.
    """

    def pages(self, scope: Scope) -> Iterator[Page]:
        """Iterate over the current pages of a scope, without bodies."""

    def pages_by_id(self, ids: Sequence[str], bodies: Sequence[str]) -> Iterator[Page]:
        """Iterate over the current pages with these ids, with bodies, many per response and in any order.

        Pages that are gone or hidden from the account are left out. To be certain of that, each page that the listing does
        not contain is requested separately.
        """

    def comments(
        self, *, space: str = "", page_ids: Sequence[str] = (), bodies: Sequence[str] = ()
    ) -> Iterator[WikiComment]:
        """Iterate over all comments and replies, open and resolved, of a space or of at most a hundred pages."""

    def files(self, *, space: str = "", page_ids: Sequence[str] = ()) -> Iterator[Attachment]:
        """Iterate over all files of a space or of at most a hundred pages."""

    def download(self, file: Attachment, sink: IO[bytes] | DownloadSink) -> Download:
        """Stream a file's bytes into ``sink``."""


@runtime_checkable
class CopiesPages(Protocol):
    """A site that copies a page with its files on the server."""

    def copy_page(self, source: Page, space: str, title: str, body: str, *, parent_id: str | None = None) -> Page:
        """Copy a page and its files, with another body, exactly once, even if the response is lost.

        :raises AlreadyExists: when another page has the title
        """


@runtime_checkable
class ArchivesPages(Protocol):
    """A site that archives pages."""

    def archive_page(self, page_id: str) -> None:
        """Archive a page, and wait until the site has finished. An archived page is not changed."""


@runtime_checkable
class RemovesFileVersions(Protocol):
    """A site that removes one version of a file."""

    def remove_repeated_version(self, attachment: Attachment, sha256: str) -> Attachment | None:
        """Remove a version of a file when the version before it has the same content.

        :param attachment: the version
        :param sha256: the digest of its content
        :return: the version before, or ``None`` when it has another content and nothing was removed
        """


@runtime_checkable
class HasContentStates(Protocol):
    """A site whose pages have a content status, such as *Verified*, which other writes clear."""

    def content_state(self, page_id: str) -> ContentState | None:
        """Return the content status of a page; ``None`` when it has no status."""

    def available_content_states(self, page_id: str) -> list[ContentState]:
        """Return the content statuses that a page can have: those of its space, and recent ones of the account."""

    def set_content_state(self, page_id: str, state: ContentState) -> None:
        """Set the content status of a page, as its next version."""


@runtime_checkable
class OrdersPages(Protocol):
    """A site that moves a page to a place beside another page."""

    def move_beside(self, page_id: str, position: Literal["before", "after"], target_id: str) -> None:
        """Move a page before or after another page, under the parent of that page."""


@runtime_checkable
class ReportsLiveDocs(Protocol):
    """A site with live docs. Their current version may be empty while an older one has text."""

    def text_in_older_version(self, page: Page) -> int | None:
        """Return the latest older version with text if the page is a live doc, otherwise ``None``."""


@runtime_checkable
class HasFolders(Protocol):
    """A site whose page tree has folders, which contain pages and have no body."""

    def find_folder(self, space: str, title: str, *, parent_id: str | None = None) -> Page | None:
        """Return a folder by its title, as if it were a page.

        :param parent_id: the page or folder right above it; anywhere in the space when ``None``
        :raises Invalid: when several folders have the title
        """

    def other_children(self, page_id: str) -> list[str]:
        """Return the titles of what is right below a page or folder and is no page, such as folders and whiteboards."""
