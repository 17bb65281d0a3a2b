"""A piece of content with the facts that CQL can query."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.model import Attachment, Comment, Page

_TAG = re.compile(r"<!\[CDATA\[(.*?)\]\]>|<[^>]*>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class IndexedContent:
    """A piece of content as the search index knows it; ``page`` is the page itself, or the owner of a file or comment."""

    id: str
    type: str
    title: str
    storage: str
    page: Page
    space_name: str
    parent_id: str | None
    ancestor_ids: frozenset[str]
    labels: frozenset[str]
    created: datetime
    modified: datetime
    creator: str
    contributors: frozenset[str]
    attachment: Attachment | None = None
    comment: Comment | None = None

    @property
    def text(self) -> str:
        """The words of its body; computed on demand, because most queries do not need them."""
        return plain_text(self.storage)


def plain_text(storage: str) -> str:
    """Return the words of a body, without markup."""
    return html.unescape(_TAG.sub(lambda match: f" {match.group(1) or ''} ", storage)).strip()
