"""The content of the wiki's pages in the user interface: the tree of a space, a page with its comments and files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workplace_sandbox.confluence.cloud.accounts import user_by_account
from workplace_sandbox.ui.render import PageEntry, PageRef, render_storage

if TYPE_CHECKING:
    from workplace_sandbox.model import Attachment, Comment, Page, PageVersion, Space
    from workplace_sandbox.store import Store
    from workplace_sandbox.ui.addresses import Addresses


@dataclass
class TreeEntry:
    """A page in the tree of its space.

    :param open: whether its children are shown: it is the home page, the current page, or above it.
    """

    page: Page
    href: str
    children: list[TreeEntry] = field(default_factory=list)
    open: bool = False
    current: bool = False


@dataclass(frozen=True)
class CommentThread:
    """A comment with its replies."""

    comment: Comment
    author: str
    html: str
    replies: list[CommentThread]


@dataclass(frozen=True)
class PageView:
    """A page ready to be shown."""

    page: Page
    space: Space
    shown: PageVersion
    html: str
    ancestors: list[Page]
    labels: list[str]
    attachments: list[Attachment]
    footer_comments: list[CommentThread]
    inline_comments: list[CommentThread]
    restricted: dict[str, list[str]]
    full_width: bool

    @property
    def is_old(self) -> bool:
        """True for an old version."""
        return self.shown.number != self.page.version


def page_tree(store: Store, space: Space, addresses: Addresses, current: Page | None = None) -> list[TreeEntry]:
    """Return the pages of a space as a tree, the home page first.

    :param store: the pages.
    :param space: the space.
    :param addresses: makes the links.
    :param current: the current page; the tree is open down to it.
    :return: the top pages; a page whose parent is not current (archived, for one) is a top page.
    """
    pages = store.pages(space.key)
    nodes = {page.id: TreeEntry(page, addresses.page(page)) for page in pages}
    below: dict[str | None, list[TreeEntry]] = defaultdict(list)
    for page in sorted(pages, key=lambda page: (page.position, int(page.id))):
        parent = page.parent_id if page.parent_id in nodes else None
        below[parent].append(nodes[page.id])
    for node in nodes.values():
        node.children = below[node.page.id]
    at = nodes.get(current.id) if current else None
    if at is not None:
        at.current = True
    top = nodes.get(space.homepage_id or "")
    if top is not None:
        top.open = True
    while at is not None:
        at.open = True
        at = nodes.get(at.page.parent_id or "")
    return sorted(below[None], key=lambda node: node.page.id != space.homepage_id)


def unfold(nodes: list[TreeEntry], depth: int = 2) -> None:
    """Open the upper levels of a tree.

    :param nodes: the result of ``page_tree``.
    :param depth: how many levels show their children; those below stay closed.
    """
    for node in nodes:
        node.open = depth > 0
        unfold(node.children, depth - 1)


def page_view(store: Store, page: Page, addresses: Addresses, version: int | None = None) -> PageView | None:
    """Return a page with its comments and files.

    :param store: the pages.
    :param page: the page.
    :param addresses: makes the links.
    :param version: an old version to show instead of the current one.
    :return: None when there is no such version, or the space is gone.
    """
    space = store.space(page.space_key)
    shown = store.page_version(page.id, page.version if version is None else version)
    if space is None or shown is None:
        return None
    threads = _threads(store, page, addresses)
    restrictions = store.restrictions(page.id)
    # Confluence reads the width from one property, and writes two.
    width = {entry.key: entry.value for entry in store.properties(page.id)}.get("content-appearance-published")
    return PageView(
        page=page,
        space=space,
        shown=shown,
        html=body_html(store, page, addresses, shown.body),
        ancestors=store.ancestors(page.id),
        labels=[label.name for label in store.labels(page.id)],
        attachments=store.attachments(page.id),
        footer_comments=[thread for thread in threads if thread.comment.location == "footer"],
        inline_comments=[thread for thread in threads if thread.comment.location == "inline"],
        restricted={
            operation: [display_name(store, user) for user in subjects["user"]] + subjects["group"]
            for operation, subjects in restrictions.items()
            if subjects["user"] or subjects["group"]
        },
        full_width=width in ("full-width", "max"),
    )


def body_html(store: Store, page: Page, addresses: Addresses, body: str | None = None, anchor_prefix: str = "") -> str:
    """Return a body as HTML, with its references looked up in the store.

    :param store: pages, files and users.
    :param page: the page of the body.
    :param addresses: makes the links.
    :param body: storage format of an old version or of a comment; the page's own when None.
    :param anchor_prefix: see ``render_storage``.
    """

    def find(reference: PageRef) -> Page | None:
        if reference.content_id:
            return store.page(reference.content_id)
        return store.page_by_title(reference.space_key or page.space_key, reference.title or "")

    def attachment_url(reference: PageRef | None, filename: str) -> str | None:
        owner = page if reference is None else find(reference)
        file = store.attachment_by_name(owner.id, filename) if owner else None
        return addresses.attachment(file) if file else None

    def link_url(reference: PageRef) -> str | None:
        if reference.title is None and reference.content_id is None:
            space = store.space(reference.space_key or "")
            return addresses.space(space) if space else None
        target = find(reference)
        return addresses.page(target) if target else None

    def user_name(reference: str) -> str | None:
        user = store.user_by_key(reference) or store.user(reference) or user_by_account(store, reference)
        return user.display_name if user else None

    return render_storage(
        page.body if body is None else body,
        page_id=page.id,
        attachment_url=attachment_url,
        link_url=link_url,
        user_name=user_name,
        children=_entries(store, page.id, addresses),
        anchor_prefix=anchor_prefix,
    )


def display_name(store: Store, username: str) -> str:
    """Return the display name of a user; the user name itself for an unknown user."""
    user = store.user(username)
    return user.display_name if user else username


def _entries(store: Store, page_id: str, addresses: Addresses) -> list[PageEntry]:
    return [
        PageEntry(child.title, addresses.page(child), _entries(store, child.id, addresses))
        for child in store.children(page_id)
    ]


def _threads(store: Store, page: Page, addresses: Addresses) -> list[CommentThread]:
    replies: dict[str | None, list[Comment]] = defaultdict(list)
    for comment in store.comments(page.id):
        replies[comment.parent_id].append(comment)

    def thread(comment: Comment) -> CommentThread:
        return CommentThread(
            comment=comment,
            author=display_name(store, comment.author),
            html=body_html(store, page, addresses, comment.body, anchor_prefix=f"c{comment.id}-"),
            replies=[thread(reply) for reply in replies[comment.id]],
        )

    return [thread(comment) for comment in replies[None]]
