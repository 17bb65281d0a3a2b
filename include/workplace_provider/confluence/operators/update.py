"""Operator that edits an existing page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from workplace_provider.common.fields import Field, boolean, choice, names, optional_text, template, text
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    IfOpenComments,
    check_one_of,
    shorten_diff,
    summarize_files,
    task_key,
    uploads_of,
)
from workplace_provider.confluence.operators.placement import CONTENT_TYPES, parse_status, wanted_status
from workplace_provider.confluence.operators.templates import page_edits
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.update import UpdatePlan


class ConfluenceUpdatePageOperator(ConfluenceOperator):
    """Edit a page, and keep what people have written on it.

    The edits apply to the current body, and again to the new body if a person saves the page in between. Without a change
    there is no new version. Edits that are not idempotent, such as an appended row or shifted dates, apply once per run,
    however often the task is retried or cleared. The log shows the diff.

    ::

        ConfluenceUpdatePageOperator(
            task_id="update", space="ANALYTICS", title="KPI", message="Numbers of {{ ds }}",
            edits=[edits.UpsertRow(table=0, key={"Team": "Sales"}, row={"Open": "{{ params.open }}"})],
        )

    :param page_id: id of the page, or a link to it
    :param space: key of the page's space; with ``title``, instead of ``page_id``
    :param title: title of the page
    :param edits: edits of :mod:`workplace_provider.confluence.pages.edits`: objects, dicts, outputs of tasks, or JSON or
        YAML text
    :param new_title: new title of the page
    :param message: version comment that people see in the history
    :param minor: do not notify watchers
    :param files: artifacts or paths of files to attach before the edits: one, a list, or a dict of file name to file
    :param labels: labels to add, a list or one text with commas
    :param if_open_comments: if an edit removes the passage of an open inline comment: apply it and ``warn`` in the log,
        ``skip`` that edit, or ``fail``
    :param content_type: ``page``, or ``blogpost`` for a blog post of the space, which has no parent
    :param content_status: on Cloud, the content status of the page after the edits, such as ``Verified``, or a mapping with
        ``name`` and ``color`` (``#57d9a3``); by default it stays
    :param dry_run: log the diff, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    page_id: Field[str | None] = optional_text()
    space: Field[str | None] = optional_text()
    title: Field[str | None] = optional_text()
    edits: Field[tuple[Edit, ...]] = page_edits()
    new_title: Field[str | None] = optional_text()
    message: Field[str] = text(default="")
    minor: Field[bool] = boolean(default=False)
    files: Field[Any] = template(default=None)
    labels: Field[tuple[str, ...]] = names(default=None)
    if_open_comments: Field[IfOpenComments] = choice(*get_args(IfOpenComments), default="warn")
    content_type: Field[str] = choice(*CONTENT_TYPES, default="page")
    content_status: Field[Mapping[str, str] | None] = template(default=None, parse=parse_status)

    def check_fields(self) -> None:
        """Check that the arguments name one page."""
        super().check_fields()
        check_one_of("the page to edit", page_id=self.page_id, title=self.title)
        if bool(self.space) != bool(self.title):
            raise ValueError("space and title belong together; set both, or page_id: the page to edit")

    def _write(self, client: ConfluenceClient, context: Context) -> tuple[Page, bool]:
        from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec

        spec = UpdateSpec(
            edits=self.edits,
            task=task_key(context, self.task_id),
            run=context["run_id"],
            title=self.new_title,
            message=self.message,
            minor=self.minor,
            files=uploads_of(self.files),
            labels=self.labels,
            status=wanted_status(self.content_status),
            audit=self._audit,
            if_open_comments=self.if_open_comments,
        )
        page = (
            get_current(client, self.page_id)
            if self.page_id
            else find_current(client, self.space or "", self.title or "", "page")
        )
        self.page_url = page.url
        updater = PageUpdater(client, spec)
        plan = updater.plan(page)
        self._log_plan(plan)
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            return page, False
        written, changed = updater.run(plan)
        if changed and updater.diff != plan.diff:
            self.log.info("another person saved the page; changes of its new version:\n%s", shorten_diff(updater.diff))
        self.log.info("%s: %s (version %d)", "written" if changed else "unchanged", written.url, written.version)
        return written, changed

    def _log_plan(self, plan: UpdatePlan) -> None:
        lines = [f"edit {plan.page.title!r} (version {plan.page.version}, {plan.page.url})"]
        if plan.files:
            lines += ["files:", summarize_files(plan.files)]
        if plan.labels:
            lines.append("labels: " + ", ".join(plan.labels))
        if plan.applied_in is not None:
            lines.append(f"this run has applied the edits in version {plan.applied_in}; they are not applied again")
        else:
            lines += ["changes of the body:", shorten_diff(plan.diff)] if plan.diff else ["the body is unchanged"]
        self.log.info("%s", "\n".join(lines))
