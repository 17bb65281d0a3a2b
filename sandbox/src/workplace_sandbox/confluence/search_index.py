"""The search index: pages, comments and attachments with the facts that CQL can query."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_sandbox.store import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from workplace_sandbox.confluence.cql import Query
    from workplace_sandbox.model import Attachment, Comment, Page
    from workplace_sandbox.store import Store

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


class SearchIndex:
    """The searchable content, cached until something changes.

    :param store: the state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._content: tuple[int, list[IndexedContent]] | None = None
        self._results: tuple[int, str, list[IndexedContent]] | None = None

    def run(self, query: Query, text: str, pages: Callable[[], Mapping[str, Page]], lag: timedelta) -> list[IndexedContent]:
        """Return the results of a query.

        :param text: identifies the query.
        :param pages: returns the pages that the caller may see, by id.
        :param lag: changes within this time are not in the index yet.
        """
        if lag or self._store.hides_pages():
            return query.run(findings(self._store, pages(), lag))
        changes = self._store.changes
        # A client that pages through many results repeats the same query.
        results, content = self._results, self._content
        if query.timeless and results is not None and results[:2] == (changes, text):
            return results[2]
        if content is None or content[0] != changes:
            content = self._content = (changes, findings(self._store, pages(), lag))
        matches = query.run(content[1])
        self._results = (changes, text, matches)
        return matches


def plain_text(storage: str) -> str:
    """Return the words of a body, without markup."""
    return html.unescape(_TAG.sub(lambda match: f" {match.group(1) or ''} ", storage)).strip()


def findings(store: Store, pages: Mapping[str, Page], lag: timedelta) -> list[IndexedContent]:
    """Return everything on ``pages`` that the index knows.

    :param store: comments, attachments and labels.
    :param pages: the pages that the caller may see, by id.
    :param lag: changes within this time are not in the index yet.
    :return: each page followed by its attachments and comments.
    """
    latest = now() - lag
    contents: list[IndexedContent] = []
    names = {space.key: space.name for space in store.spaces()}
    labels, authors = store.label_names(), store.all_authors()
    files: dict[str, list[Attachment]] = {}
    for file in store.all_attachments():
        files.setdefault(file.page_id, []).append(file)
    comments: dict[str, list[Comment]] = {}
    for comment in store.all_comments():
        comments.setdefault(comment.page_id, []).append(comment)
    nothing: frozenset[str] = frozenset()
    for page in pages.values():
        space_name = names.get(page.space_key, page.space_key)
        entries = [
            IndexedContent(
                page.id, page.kind, page.title, page.body, page, space_name, page.parent_id, _ancestors(page, pages),
                labels.get(page.id, nothing), page.created_at, page.updated_at, page.created_by,
                authors.get(page.id, nothing),
            )
        ]  # fmt: skip
        entries += [
            IndexedContent(
                file.id, "attachment", file.filename, html.escape(file.comment), page, space_name, page.id, nothing,
                nothing, file.created_at, file.created_at, file.author, frozenset({file.author}),
                attachment=file,
            )
            for file in files.get(page.id, ())
        ]  # fmt: skip
        entries += [
            IndexedContent(
                entry.id, "comment", f"Re: {page.title}", entry.body, page, space_name, page.id,
                nothing, nothing, entry.at, entry.updated_at, entry.author, frozenset({entry.author, entry.updated_by}),
                comment=entry,
            )
            for entry in comments.get(page.id, ())
        ]  # fmt: skip
        contents += [entry for entry in entries if not lag or entry.modified <= latest]
    return contents


def _ancestors(page: Page, pages: Mapping[str, Page]) -> frozenset[str]:
    above: set[str] = set()
    parent = page.parent_id
    while parent is not None and parent not in above:
        above.add(parent)
        parent = pages[parent].parent_id if parent in pages else None
    return frozenset(above)
