"""What every Confluence dialect offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import (
        Attachment,
        Comment,
        ContentProperty,
        ContentState,
        Page,
        PageVersion,
        Restrictions,
        Server,
        Template,
        User,
    )
    from workplace_provider.confluence.client.wiki import WikiReader
    from workplace_provider.http.client import Download, FilePart


class ConfluenceClient(Protocol):
    """One Confluence site.

    Every method raises the typed errors of :mod:`workplace_provider.http.errors`; listings follow the paging to its
    end or raise.
    """

    @property
    def base_url(self) -> str:
        """The site, as people call it."""

    def close(self) -> None:
        """Close all connections."""

    def wait(self, seconds: float) -> None:
        """Let time pass between two attempts."""

    def current_user(self) -> User:
        """The account that the credential belongs to."""

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of a user, or ``None`` where it is unknown. Each user is looked up once.

        :param kind: what the id is, as in storage format: ``account-id``, ``userkey`` or ``username``
        :param user: the id
        """

    def server(self) -> Server:
        """Which deployment and version answers."""

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """A page by id, whatever its status. With ``body`` its storage format is read too."""

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """The page that holds a title in a space, be it current or archived; ``None`` when the title is free."""

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """One version of a page, the current one or an earlier one."""

    def get_template(self, template_id: str) -> Template:
        """A page template with its body."""

    def children(self, page_id: str) -> Iterator[Page]:
        """The current child pages, in the order of the page tree."""

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """The content that a CQL query finds. The index lags behind writes: no ground for exactly-once decisions."""

    @property
    def comments_first_version(self) -> bool:
        """Whether the request that creates a page takes a version comment."""

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None, message: str = "") -> Page:
        """Create a page, once, even if the answer to the request is lost.

        :param message: version comment, where the site takes one
        :raises AlreadyExists: when a page holds the title
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
        """Edit a page's body; somebody else's edit in between is kept.

        :param edit: turns the current storage format into the new one; called again on the fresh body after a conflict
        :return: the page, and whether a new version was written; none is when the edit changes nothing
        """

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash; nothing happens when it is there already."""

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """All files of a page."""

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """The file of that name on a page."""

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Add a file. The request is sent once; see :class:`~workplace_provider.confluence.publishing.attachments.Attacher`.

        :raises AlreadyExists: when the page has a file of that name
        """

    def update_attachment(
        self, attachment: Attachment, file: FilePart, *, comment: str = "", minor: bool = True
    ) -> Attachment:
        """Add a new version to a file. The request is sent once."""

    def download_attachment(self, attachment: Attachment, sink: IO[bytes]) -> Download:
        """Stream a file's bytes into ``sink``."""

    def labels(self, page_id: str) -> list[str]:
        """The page's global labels."""

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels; those that are there stay."""

    def remove_label(self, page_id: str, label: str) -> None:
        """Take a label away; nothing happens when it is not there."""

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """All content properties of a page."""

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """One content property."""

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its present value (``None`` when absent) and write it.

        :param update: called again with the fresh value when somebody else wrote in between
        :param absent: it is not there as far as is known, so it need not be read first
        :return: the value that is there now
        """

    def restrictions(self, page_id: str) -> Restrictions:
        """Who alone may see or edit the page, set on the page itself."""

    def set_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Replace the page's restrictions."""

    def comments(self, page_id: str) -> Iterator[Comment]:
        """All comments with their replies, in the order of the site."""

    def reader(self) -> WikiReader:
        """What reads whole wikis, in listings of many pages."""


@runtime_checkable
class CopiesPages(Protocol):
    """A site that copies a page by itself, its files included."""

    def copy_page(self, source: Page, space: str, title: str, body: str, *, parent_id: str | None = None) -> Page:
        """Copy a page and its files, with another body, once, even if the answer to the request is lost.

        :raises AlreadyExists: when a page holds the title
        """


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
        """The content status of a page; ``None`` when it has none."""

    def set_content_state(self, page_id: str, state: ContentState) -> None:
        """Set the content status of a page, as its next version."""


@runtime_checkable
class ReportsLiveDocs(Protocol):
    """A site that has live docs: their current version may be empty while an older one has text."""

    def text_in_older_version(self, page: Page) -> int | None:
        """The latest older version with text, where the page is a live doc; ``None`` otherwise."""


@runtime_checkable
class HasFolders(Protocol):
    """A site whose page tree has folders, which hold pages and have no body."""

    def find_folder(self, space: str, title: str, *, parent_id: str | None = None) -> Page | None:
        """A folder by its title, as if it were a page.

        :param parent_id: the page or folder right above it; anywhere in the space when ``None``
        :raises Invalid: when there are several
        """
