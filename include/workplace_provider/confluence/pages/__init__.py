"""Confluence pages as documents that keep every byte an edit did not touch."""

from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.pages.compare import same_content
from workplace_provider.confluence.pages.diff import PageDiff, page_diff, storage_diff
from workplace_provider.confluence.pages.document import IllFormedStorage, PageDocument
from workplace_provider.confluence.pages.markdown import markdown_to_storage
from workplace_provider.confluence.pages.values import Image, Link, Markdown, Status, Storage, User

__all__ = [
    "IllFormedStorage",
    "Image",
    "Link",
    "Markdown",
    "PageDiff",
    "PageDocument",
    "Status",
    "Storage",
    "User",
    "edits",
    "markdown_to_storage",
    "page_diff",
    "same_content",
    "storage_diff",
]
