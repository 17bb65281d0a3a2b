"""Copy a page with its child pages: each page exactly once, in the order of the page tree, with links among them moved on.

A killed attempt is continued by the next one: each page has its own marker, so that finished pages are returned, an
unfinished one is finished, and the others are created. Cloud's call that copies a whole tree is not used: it may rename
pages and skip files with a mere warning, and it applies no edits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.client.checks import page_title, same_space, same_title
from workplace_provider.confluence.client.protocol import HasFolders
from workplace_provider.confluence.pages.edits import ShiftDates
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
from workplace_provider.confluence.publishing.series import CopiedPage, TitleSeries
from workplace_provider.http.errors import Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.publishing.create import PagePlan, WriteResult

log = get_logger("workplace_provider.confluence")

MOST_PAGES: Final = 200
"""Pages of one tree, with the page at its top."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A page of the tree, and its copy.

    :param source: read without its body
    :param title: title of the copy
    :param above: index of the page above it in the list of nodes; ``None`` for the page at the top
    """

    source: Page
    title: str
    above: int | None


@dataclass(frozen=True, slots=True)
class TreePlan:
    """The pages to copy, each after the page above it, and the plan of the page at the top."""

    nodes: tuple[TreeNode, ...]
    top: PagePlan


class TreeCopier:
    """Copies a page with its child pages, each page exactly once.

    Titles of child pages move on by the same distance as that of the page at the top.

    Example::

        source = client.find_page("TEAM", "20261112_Weekly", body=True)
        copier = TreeCopier(client, CopySpec(source, "20261119_Weekly", source.parent_id, run="weekly/2026-11-19"))
        result, changed = copier.run(copier.plan())

    :param client: the site
    :param spec: the copy of the page at the top. Its edits, files, own properties and place apply to this page only, all
        other rules to each page
    :param child_title: title of the copy of a page whose title does not move, with ``{title}`` and ``{top}`` in it; without
        it, such a page is an error, because titles are unique in a space
    :param most: most pages of the tree
    """

    def __init__(self, client: ConfluenceClient, spec: CopySpec, *, child_title: str = "", most: int = MOST_PAGES) -> None:
        self._client = client
        self._spec = spec
        self._child_title = child_title
        self._most = most
        self._series = TitleSeries(spec.source.title, spec.title)

    @cached_property
    def _in_same_space(self) -> bool:
        return not self._spec.space or same_space(self._spec.space, self._spec.source.space)

    def plan(self) -> TreePlan:
        """Read the site and decide what to do. Nothing is written.

        :raises Invalid: when the tree is too large, a title is not unique, or the copy would be inside the tree
        :raises AlreadyExists: when another page has the title of the copy
        """
        for edit in self._spec.edits:
            if isinstance(edit, ShiftDates) and "links" in edit.within:
                raise Invalid(
                    "ShiftDates would move links among the copied pages twice",
                    advice='give roll=["dates", "links"] instead, or within=("text", "time")',
                )
        nodes = tuple(self._walk())
        self._check_titles(nodes)
        if any(node.source.id == self._spec.parent_id for node in nodes):
            raise Invalid("the copy would be inside the page tree that is copied", advice="give another parent")
        copier = PageCopier(self._client, self._spec_of(nodes, nodes[0], self._spec.source, self._spec.parent_id))
        return TreePlan(nodes, copier.plan())

    def run(self, plan: TreePlan) -> tuple[WriteResult, int]:
        """Write the copies.

        :return: the page at the top, and the number of pages that were written
        """
        results: list[WriteResult] = []
        copies: dict[str, str] = {}
        for node in plan.nodes:
            is_top = node.above is None
            source = self._spec.source if is_top else self._client.get_page(node.source.id, body=True)
            parent_id = self._spec.parent_id if node.above is None else results[node.above].page.id
            spec = self._spec_of(plan.nodes, node, source, parent_id)
            copier = PageCopier(self._client, replace(spec, copies=copies))
            result = copier.run(plan.top if is_top else copier.plan())
            log.info("%s: %s", "written" if result.changed else "unchanged", result.page.url)
            results.append(result)
            copies[node.source.id] = result.page.id
        return results[0], sum(result.changed for result in results)

    def _spec_of(self, nodes: tuple[TreeNode, ...], node: TreeNode, source: Page, parent_id: str | None) -> CopySpec:
        together = tuple(CopiedPage(other.source, other.title) for other in nodes)
        spec = replace(self._spec, source=source, title=node.title, parent_id=parent_id, together=together)
        if node.above is None:
            return spec
        return replace(spec, edits=(), files=(), own_properties={}, place=None)

    def _walk(self) -> Iterator[TreeNode]:
        """Yield the pages of the tree, each before the pages below it, in the order of the tree."""
        count = 1
        yield TreeNode(self._spec.source, page_title(self._spec.title), None)
        waiting: list[tuple[Page, int]] = [(page, 0) for page in reversed(self._children(self._spec.source))]
        while waiting:
            page, above = waiting.pop()
            if count == self._most:
                raise Invalid(
                    f"the page tree of {self._spec.source.title!r} has more than {self._most} pages",
                    code="tree-too-large",
                    advice="copy smaller parts of it",
                )
            yield TreeNode(page, page_title(self._title_of(page)), above)
            waiting += [(child, count) for child in reversed(self._children(page))]
            count += 1

    def _children(self, page: Page) -> list[Page]:
        if isinstance(self._client, HasFolders) and (others := self._client.other_children(page.id)):
            log.warning("%r: not copied, because they are no pages: %s", page.title, ", ".join(map(repr, others)))
        return list(self._client.children(page.id))

    def _title_of(self, page: Page) -> str:
        title = self._series.move(page.title)
        if same_title(title, page.title) and self._in_same_space and self._child_title:
            return self._child_title.replace("{title}", page.title).replace("{top}", self._spec.title)
        return title

    def _check_titles(self, nodes: tuple[TreeNode, ...]) -> None:
        taken = [node.source.title for node in nodes] if self._in_same_space else []
        unmoved = [node.title for node in nodes if any(same_title(node.title, title) for title in taken)]
        if unmoved:
            raise Invalid(
                f"the copies of {len(unmoved)} pages would have titles that pages of the tree have: "
                + ", ".join(map(repr, unmoved[:10])),
                code="title-exists",
                advice="titles are unique in a space: put a date into them, or give child_title, such as '{title} ({top})'",
            )
        seen: list[str] = []
        for node in nodes:
            if any(same_title(node.title, title) for title in seen):
                raise Invalid(f"two copies would have the title {node.title!r}", advice="rename one of the pages")
            seen.append(node.title)
