"""Operator that comments on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.fields import Field, optional_text
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    check_one_of,
    task_key,
)
from workplace_provider.confluence.operators.page_result import PageResult, page_result
from workplace_provider.confluence.operators.templates import page_body
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page


class CommentResult(PageResult):
    """A commented page in XCom; ``changed`` is true if this task has added the comment."""

    comment_id: str


class ConfluenceCommentOperator(ConfluenceOperator):
    """Add a comment below a page, exactly once per run of the task.

    A retry or a cleared task finds the comment by a content property with the run, and adds no second one. The page gets no
    new version.

    ::

        ConfluenceCommentOperator(
            task_id="comment", page_id=copy.output["id"], text="Numbers of {{ ds }} are complete: {{ params.rows }} rows."
        )

    :param page_id: id of the page, or a link to it
    :param space: key of the page's space; with ``title``, instead of ``page_id``
    :param title: title of the page
    :param text: the comment as text, with blank lines between paragraphs. It is escaped
    :param body: the comment as storage format or :class:`~workplace_provider.confluence.pages.Markdown` with Jinja in it,
        instead of ``text``
    :param dry_run: log the comment, and write nothing; the result has an empty ``comment_id``
    :param confluence_conn_id: connection of type ``confluence``
    """

    page_id: Field[str | None] = optional_text()
    space: Field[str | None] = optional_text()
    title: Field[str | None] = optional_text()
    text: Field[str | None] = optional_text()
    body: Field[str | None] = page_body()

    def check_fields(self) -> None:
        """Check that the arguments name one page and one text."""
        super().check_fields()
        check_one_of("the page to comment on", page_id=self.page_id, title=self.title)
        if bool(self.space) != bool(self.title):
            raise ValueError("space and title belong together; set both, or page_id: the page to comment on")
        check_one_of("the comment", text=self.text, body=self.body)

    def _result(self, client: ConfluenceClient, context: Context) -> CommentResult:
        from workplace_provider.confluence.pages.edits.sections import paragraphs
        from workplace_provider.confluence.publishing.comments import CommentSpec, PageCommenter

        page = self._page(client)
        self.page_url = page.url
        body = self.body if self.body is not None else paragraphs(self.text or "")
        spec = CommentSpec(page.id, body, key=f"{task_key(context, self.task_id)}/{context['run_id']}")
        commenter = PageCommenter(client, spec)
        if self.is_dry_run:
            present = commenter.find()
            self.log.info("dry run: nothing was written; %s: %s", "present" if present else "new", body)
            return {**page_result(page, changed=False), "comment_id": present.id if present else ""}
        comment, created = commenter.run()
        self.log.info("%s: comment %s on %s", "written" if created else "unchanged", comment.id, page.url)
        return {**page_result(page, changed=created), "comment_id": comment.id}

    def _page(self, client: ConfluenceClient) -> Page:
        if self.page_id:
            return get_current(client, self.page_id)
        return find_current(client, self.space or "", self.title or "", body=False)
