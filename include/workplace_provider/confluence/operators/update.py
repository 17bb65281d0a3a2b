"""Operator that edits a page that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.common.arguments import parse_bool
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    described_files,
    find_current,
    labels_of,
    logged_diff,
    task_key,
    uploads_of,
)
from workplace_provider.confluence.operators.templated_edits import TemplatedEdits, ready_edits

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.publishing.update import UpdatePlan


class ConfluenceUpdatePageOperator(ConfluenceOperator):
    """Edit a page; what people wrote on it stays.

    The edits are made on the body as it is at that moment, and again on the fresh body when a person saves in between.
    Nothing is written when nothing changes. Edits that cannot be repeated, such as an appended row or shifted dates, are
    made once per run, however often the task is retried or cleared. The log shows what changed.

    :param page_id: id of the page, or a link to it
    :param space: key of the space, to name the page by its title instead
    :param title: title of the page
    :param edits: what goes where, see :mod:`workplace_provider.confluence.pages.edits`: edits, edits as dicts, outputs
        of tasks, or JSON or YAML text
    :param new_title: title to give to the page
    :param message: version comment that people see in the history
    :param minor: send no notification about it
    :param files: artifacts or paths of files to put on the page first: one, a list, or a dict of file name to file
    :param labels: labels to add, a list or one text with commas
    :param dry_run: log the diff, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "page_id",
        "space",
        "title",
        "edits",
        "new_title",
        "message",
        "minor",
        "files",
        "labels",
        "is_dry_run",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"edits": "json"}

    def __init__(
        self,
        *,
        page_id: str | None = None,
        space: str | None = None,
        title: str | None = None,
        edits: Any = None,
        new_title: str | None = None,
        message: str = "",
        minor: bool | str = False,
        files: Any = None,
        labels: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.page_id = page_id
        self.space = space
        self.title = title
        self.edits = TemplatedEdits(edits)
        self.new_title = new_title
        self.message = message
        self.minor = minor
        self.files = files
        self.labels = labels

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec

        spec = UpdateSpec(
            edits=ready_edits(self.edits),
            task=task_key(context, self.task_id),
            run=context["run_id"],
            title=self.new_title or None,
            message=self.message,
            minor=parse_bool(self.minor, "minor"),
            files=uploads_of(self.files),
            labels=labels_of(self.labels),
            audit=self._audit,
        )
        page = self._page(client)
        self.page_url = page.url
        updater = PageUpdater(client, spec)
        plan = updater.plan(page)
        self._log_plan(plan)
        if dry_run:
            self.log.info("dry run: nothing was written")
            return page, False
        written, changed = updater.run(plan)
        if changed and updater.diff != plan.diff:
            self.log.info("somebody wrote in between; made on the fresh page:\n%s", logged_diff(updater.diff))
        self.log.info("%s: %s (version %d)", "written" if changed else "nothing to write", written.url, written.version)
        return written, changed

    def _check(self) -> None:
        super()._check()
        if bool(self.page_id) == bool(self.title) or bool(self.space) != bool(self.title):
            raise ValueError("give either page_id, or space and title: it says which page is edited")

    def _page(self, client: ConfluenceClient) -> Page:
        from workplace_provider.confluence.client.links import page_id_of

        if not self.page_id:
            return find_current(client, self.space or "", self.title or "", "page")
        page = client.get_page(page_id_of(self.page_id), body=True)
        if page.status != "current":
            raise ValueError(f"the page is {page.status}: {page.title!r} ({page.url}); restore it, or name another")
        return page

    def _log_plan(self, plan: UpdatePlan) -> None:
        lines = [f"edit {plan.page.title!r} (version {plan.page.version}, {plan.page.url})"]
        if plan.files:
            lines += ["files:", described_files(plan.files)]
        if plan.labels:
            lines.append("labels: " + ", ".join(plan.labels))
        if plan.applied_in is not None:
            lines.append(f"this run has applied these edits already, in version {plan.applied_in}; they are not repeated")
        else:
            lines += ["changes of the body:", logged_diff(plan.diff)] if plan.diff else ["the body stays as it is"]
        self.log.info("%s", "\n".join(lines))
