"""Operator that puts files onto a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workplace_provider.common.arguments import parse_bool
from workplace_provider.confluence.operators.base import ConfluenceOperator, described_files, uploads_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page


class ConfluenceAttachOperator(ConfluenceOperator):
    """Put files onto a page; the page itself is not changed.

    A content that is there already is not uploaded again. A version that a person uploaded after ours, such as a picture
    cropped by hand, is kept. Files are streamed.

    :param page_id: id of the page, or a link to it
    :param files: artifacts, object-storage paths or local paths: one, a list, or a dict of file name to file
    :param comment: comment that people see beside the files
    :param keep_manual: keep a version that a person uploaded after ours
    :param minor: send no notification about it
    :param dry_run: log what would become of each file, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "page_id",
        "files",
        "comment",
        "keep_manual",
        "minor",
        "is_dry_run",
    )

    def __init__(
        self,
        *,
        page_id: str,
        files: Any,
        comment: str = "",
        keep_manual: bool | str = True,
        minor: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.page_id = page_id
        self.files = files
        self.comment = comment
        self.keep_manual = keep_manual
        self.minor = minor

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.attachments import Attacher, UploadAction
        from workplace_provider.confluence.publishing.states import keeping_state

        uploads = uploads_of(self.files, self.comment)
        page = client.get_page(page_id_of(self.page_id))
        self.page_url = page.url
        attacher = Attacher(
            client,
            page.id,
            keep_manual=parse_bool(self.keep_manual, "keep_manual"),
            minor=parse_bool(self.minor, "minor"),
        )
        plan = attacher.plan(uploads)
        self.log.info("%d files for %r (%s)\n%s", len(plan), page.title, page.url, described_files(plan))
        if dry_run:
            self.log.info("dry run: nothing was written")
            return page, False
        with keeping_state(client, page.id) as state:
            done = attacher.run(plan)
        return state.after(page), any(each.action in (UploadAction.CREATE, UploadAction.UPDATE) for each in done)
