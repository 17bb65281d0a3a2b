"""The tree of a space with its folders, which only the cloud has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_sandbox.model import Folder, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workplace_sandbox.store import Store

PageOrFolder = Page | Folder


def parent(store: Store, node: PageOrFolder) -> PageOrFolder | None:
    """Return the parent of a page or folder; None at the top of the space."""
    if node.parent_id is not None:
        return store.page(node.parent_id)
    if isinstance(node, Folder):
        return store.folder(node.folder_id) if node.folder_id else None
    return store.folder_of(node.id)


def above(store: Store, node: PageOrFolder) -> Iterator[PageOrFolder]:
    """Iterate over the ancestors of a page or folder, from its parent to the top."""
    seen: set[str] = set()
    at = parent(store, node)
    while at is not None and at.id not in seen:
        seen.add(at.id)
        yield at
        at = parent(store, at)


def children(store: Store, node: PageOrFolder) -> list[PageOrFolder]:
    """Return the pages and folders directly below, in their order."""
    pages = store.children(node.id) if isinstance(node, Page) else store.pages_in_folder(node.id)
    nodes: list[PageOrFolder] = [*pages, *store.folders_below(node.id)]
    return sorted(nodes, key=lambda entry: (entry.position, int(entry.id)))


def descendants(store: Store, node: PageOrFolder, depth: int) -> Iterator[tuple[PageOrFolder, PageOrFolder, int]]:
    """Iterate over the descendants down to a depth: each with its parent and its depth, parents first."""
    waiting: list[tuple[PageOrFolder, PageOrFolder, int]] = [(child, node, 1) for child in children(store, node)]
    while waiting:
        child, over, level = waiting.pop(0)
        yield child, over, level
        if level < depth:
            waiting += [(entry, child, level + 1) for entry in children(store, child)]


def kind(node: PageOrFolder) -> str:
    """Return ``page`` or ``folder``."""
    return "page" if isinstance(node, Page) else "folder"
