"""Base class of the operators for Confluence pages, and functions that they share."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.audit import audit_trail, describe_audit
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.page_result import PageLink, PageResult, emit_page_event, page_result
from workplace_provider.confluence.operators.templates import ReadyEdits, TemplatedEdits, TemplatedStorage

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
    from workplace_provider.confluence.publishing.attachments import PlannedUpload, Upload
    from workplace_provider.confluence.publishing.create import PagePlan

IfExists = Literal["return", "update", "fail"]
IfOpenComments = Literal["warn", "skip", "fail"]

LOGGED_LINES: Final = 400
LOGGED_WIDTH: Final = 600


class ConfluenceOperator(WorkplaceOperator):
    """Base class of the page operators: connection, dry run, link, result, templates in edits and bodies.

    A subclass implements :meth:`_write`::

        class TouchOperator(ConfluenceOperator):
            page_id: Field[str] = text()

            def _write(self, client, context):
                return client.get_page(self.page_id), False

    :param confluence_conn_id: connection of type ``confluence``
    :param dry_run: log what would be written, and write nothing
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (PageLink(),)
    ui_color = "#deebff"

    confluence_conn_id: Field[str] = text(default="confluence_default")
    # BaseOperator has a method dry_run, so the attribute cannot have that name.
    is_dry_run: Field[bool] = boolean(default=False, alias="dry_run")

    page_url = ""
    _audit = ""

    @cached_property
    def hook(self) -> ConfluenceHook:
        """Return the hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a value of a template field, except for outputs of tasks in a mapped task."""
        if isinstance(content, TemplatedEdits):
            return content.render(self, context, jinja_env, seen_oids or ())
        if isinstance(content, TemplatedStorage):
            return content.render(self, context, seen_oids or ())
        if isinstance(content, ReadyEdits):
            return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def _as_data(self, value: Any, context: Context) -> Any:
        if isinstance(value, TemplatedEdits):
            return value.render(self, context, resolved={id(value.source)})
        if isinstance(value, TemplatedStorage):
            return value.render(self, context, {id(value.source)})
        if isinstance(value, list):
            return [self._as_data(item, context) for item in value]
        return super()._as_data(value, context)

    def execute(self, context: Context) -> PageResult:
        """Write the page.

        :return: id, title, URL and version of the page, and whether this task has changed it
        :raises AirflowFailException: for an error that a retry cannot fix
        """
        with fail_on_permanent_error("Confluence"):
            self.parse_fields()
            trail = audit_trail(context, self.task_id)
            self._audit = describe_audit(trail)
            client = self.hook.client
            try:
                # Not every operator has this argument: some work with pages only.
                is_blog = getattr(self, "content_type", "page") == "blogpost"
                result = self._result(client.blog_posts() if is_blog else client, context)
            finally:
                client.close()
        if trail is not None:
            result["audit"] = trail
        if not self.is_dry_run:
            self.record_output(result["url"])
        emit_page_event(context, self.outlets, result)
        return result

    def _result(self, client: ConfluenceClient, context: Context) -> PageResult:
        page, changed = self._write(client, context)
        self.page_url = page.url
        return page_result(page, changed=changed)

    def _write(self, client: ConfluenceClient, context: Context) -> tuple[Page, bool]:
        """Write the page, or in a dry run only log it; return the page and whether it was changed."""
        raise NotImplementedError


def page_restrictions() -> Any:
    """Declare the restrictions of a page: a truth value, a blank value, or users and groups by operation."""

    def parse(value: Any, where: str) -> Any:
        from workplace_provider.confluence.publishing.restrictions import restrictions_of

        return restrictions_of(value, where)

    return template(default=None, parse=parse)


def run_key(context: Context, task_id: str) -> str:
    """Return a key of this task in this run."""
    return "/".join((context["dag"].dag_id, context["run_id"], task_id))


def task_key(context: Context, task_id: str) -> str:
    """Return a key of this task in any run; mapped tasks have different keys."""
    index = getattr(context.get("ti"), "map_index", -1)
    return "/".join((context["dag"].dag_id, task_id, *([str(index)] if isinstance(index, int) and index >= 0 else [])))


def uploads_of(files: Any, comment: str = "") -> tuple[Upload, ...]:
    """Return the files of an operator as uploads to a page.

    :param files: artifacts, object-storage paths or local paths: one, a list, or a dict of file name to file
    :param comment: comment that people see beside the files
    """
    from workplace_provider.confluence.publishing.attachments import make_upload
    from workplace_provider.http.client import FilePart

    artifacts = as_artifacts(files)
    for artifact in artifacts:
        # Checked before a page is created: the file may be on another worker's disk.
        artifact.check_present()
    return tuple(
        make_upload(
            FilePart(artifact.name, artifact.open, artifact.media_type, artifact.size),
            comment=comment,
            sha256=artifact.sha256,
        )
        for artifact in artifacts
    )


def check_one_of(purpose: str, *, required: bool = True, **arguments: Any) -> None:
    """Check that exactly one of several arguments is set.

    :param purpose: what they are for, as in "the page to copy"
    :param required: ``False`` if it is also valid that none of them is set
    :raises ValueError: with the names of the arguments
    """
    names = [name for name, value in arguments.items() if value]
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} are both set; set only one of them: {purpose}")
    if required and not names:
        raise ValueError(f"{purpose} is missing; set one of {', '.join(arguments)}")


def summarize_plan(plan: PagePlan, title: str, source: str) -> str:
    """Return a log message about the plan of a page."""
    contents = plan.contents
    lines = [f"{plan.action} {title!r} from {source}"]
    if plan.present is not None:
        lines.append(f"existing page: {plan.present.url} (version {plan.present.version})")
    if contents.attachments:
        lines.append("attachments: " + ", ".join(f"{file.name} ({file.size} bytes)" for file in contents.attachments))
    if contents.files:
        lines.append("files: " + ", ".join(upload.file.name for upload in contents.files))
    if contents.labels:
        lines.append("labels: " + ", ".join(contents.labels))
    if contents.properties:
        lines.append("properties: " + ", ".join(contents.properties))
    if contents.restrictions:
        lines.append(f"restrictions: {contents.restrictions}")
    lines.append("changes of the body:" if plan.diff else "the body is copied unchanged")
    return "\n".join([*lines, shorten_diff(plan.diff)]).rstrip()


def summarize_files(plan: Sequence[PlannedUpload]) -> str:
    """Return a log message with the action for each file."""
    return "\n".join(
        f"  {upload.action}: {upload.upload.file.name}"
        + (f" (the page has version {upload.present.version})" if upload.present else "")
        for upload in plan
    )


def shorten_diff(diff: str) -> str:
    """Return a diff with at most ``LOGGED_LINES`` lines, each of at most ``LOGGED_WIDTH`` characters."""
    lines = [line if len(line) <= LOGGED_WIDTH else f"{line[:LOGGED_WIDTH]}…" for line in diff.splitlines()]
    if len(lines) > LOGGED_LINES:
        lines[LOGGED_LINES:] = [f"… {len(lines) - LOGGED_LINES} more lines"]
    return textwrap.indent("\n".join(lines), "  ")
