"""Operator that attaches files to a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.common.fields import Field, boolean, template, text
from workplace_provider.confluence.operators.base import ConfluenceOperator, summarize_files, uploads_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page


class ConfluenceAttachOperator(ConfluenceOperator):
    """Attach files to a page, without a new version of the page.

    A file with unchanged content is not uploaded again. A version that a person has uploaded after ours, such as a cropped
    picture, is kept. Files are streamed.

    ::

        ConfluenceAttachOperator(
            task_id="attach", page_id=copy.output["id"], files=[image.output, "/data/report.csv"], comment="Week {{ ds }}"
        )

    :param page_id: id of the page, or a link to it
    :param files: artifacts, object-storage paths or local paths: one, a list, or a dict of file name to file
    :param comment: comment that people see beside the files
    :param keep_manual: keep a version that a person has uploaded after ours
    :param minor: do not notify watchers
    :param dry_run: log the action for each file, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    page_id: Field[str] = text()
    files: Field[Any] = template()
    comment: Field[str] = text(default="")
    keep_manual: Field[bool] = boolean(default=True)
    minor: Field[bool] = boolean(default=True)

    def _write(self, client: ConfluenceClient, context: Context) -> tuple[Page, bool]:
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.attachments import Attacher, UploadAction
        from workplace_provider.confluence.publishing.states import keeping_state

        uploads = uploads_of(self.files, self.comment)
        page = client.get_page(page_id_of(self.page_id))
        self.page_url = page.url
        attacher = Attacher(client, page.id, keep_manual=self.keep_manual, minor=self.minor)
        plan = attacher.plan(uploads)
        self.log.info("%d files for %r (%s)\n%s", len(plan), page.title, page.url, summarize_files(plan))
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            return page, False
        with keeping_state(client, page.id) as state:
            done = attacher.run(plan)
        return state.after(page), any(upload.action in (UploadAction.CREATE, UploadAction.UPDATE) for upload in done)
