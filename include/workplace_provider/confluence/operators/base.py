"""What the operators for Confluence pages share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common.arguments import parse_bool, parse_choice
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.audit import audit_trail, describe_audit
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.page_result import PageLink, PageResult, emit_page_event, page_result
from workplace_provider.confluence.operators.templated_edits import TemplatedEdits
from workplace_provider.confluence.operators.templated_storage import TemplatedStorage

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
    from workplace_provider.confluence.publishing.attachments import PlannedUpload, Upload
    from workplace_provider.confluence.publishing.create import PagePlan

LOGGED_LINES: Final = 400
LOGGED_WIDTH: Final = 600


class ConfluenceOperator(WorkplaceOperator):
    """What the page operators share: connection, dry run, link, result, templates in edits and bodies.

    :param confluence_conn_id: connection of type ``confluence``
    :param dry_run: log what would be written, and write nothing
    """

    operator_extra_links = (PageLink(),)
    ui_color = "#deebff"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(
        self, *, confluence_conn_id: str = "confluence_default", dry_run: bool | str = False, **kwargs: Any
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.confluence_conn_id = confluence_conn_id
        self.is_dry_run = dry_run  # BaseOperator.dry_run is a method
        self.page_url = ""
        self._audit = ""

    @classmethod  # type: ignore[misc]  # BaseOperator has the name as a dataclass field
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """The operator's arguments that are the same for all mapped tasks."""
        if "edits" in kwargs:
            # Airflow looks for task outputs in lists, not in edits.
            kwargs["edits"] = TemplatedEdits(kwargs["edits"])
        partial: Callable[..., OperatorPartial] = super().partial
        return partial(**kwargs)

    @cached_property
    def hook(self) -> ConfluenceHook:
        """The hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a value of a template field; what a mapped task got from another task's output is none."""
        if isinstance(content, TemplatedEdits):
            return content.rendered(self, context, jinja_env, seen_oids or ())
        if isinstance(content, TemplatedStorage):
            return content.rendered(self, context, seen_oids or ())
        return super().render_template(content, context, jinja_env, seen_oids)

    def _as_data(self, value: Any, context: Context) -> Any:
        if isinstance(value, TemplatedEdits):
            return value.rendered(self, context, resolved={id(value.given)})
        if isinstance(value, TemplatedStorage):
            return value.rendered(self, context, {id(value.given)})
        if isinstance(value, list):
            return [self._as_data(item, context) for item in value]
        return super()._as_data(value, context)

    def execute(self, context: Context) -> PageResult:
        """Do it.

        :return: id, title, url and version of the page, and whether anything was written
        :raises AirflowFailException: when a retry cannot help
        """
        with fail_on_permanent_error():
            self._check()
            trail = audit_trail(context, self.task_id)
            self._audit = describe_audit(trail)
            try:
                result = self._result(self.hook.client, context)
            finally:
                self.hook.client.close()
        if trail is not None:
            result["audit"] = trail
        emit_page_event(context, self.outlets, result)
        return result

    def _result(self, client: ConfluenceClient, context: Context) -> PageResult:
        page, changed = self._run(client, context, dry_run=parse_bool(self.is_dry_run, "dry_run"))
        self.page_url = page.url
        return page_result(page, changed=changed)

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        raise NotImplementedError

    def _check(self) -> None:
        """Refuse parameters that contradict each other, before anything is asked of the site."""
        for name, allowed in self.choices.items():
            parse_choice(getattr(self, name), name, allowed)


def run_key(context: Context, task_id: str) -> str:
    """Which run of which task it is."""
    return "/".join((context["dag"].dag_id, context["run_id"], task_id))


def task_key(context: Context, task_id: str) -> str:
    """Which task it is, whatever the run; each of the mapped ones by itself."""
    index = getattr(context.get("ti"), "map_index", -1)
    return "/".join((context["dag"].dag_id, task_id, *([str(index)] if isinstance(index, int) and index >= 0 else [])))


def uploads_of(files: Any, comment: str = "") -> tuple[Upload, ...]:
    """Get the files that an operator was given ready for a page.

    :param files: artifacts, object-storage paths or local paths: one, a list, or a dict of file name to file
    :param comment: comment that people see beside the files
    """
    from workplace_provider.confluence.publishing.attachments import make_upload
    from workplace_provider.http.client import FilePart

    artifacts = as_artifacts(files)
    for artifact in artifacts:
        # Before a page is created for it: the file may be on another worker's disk.
        artifact.check_present()
    return tuple(
        make_upload(FilePart(each.name, each.open, each.media_type, each.size), comment=comment, sha256=each.sha256)
        for each in artifacts
    )


def labels_of(labels: Any) -> tuple[str, ...]:
    """Labels as a list, or as one text with commas between them."""
    if labels is None:
        return ()
    if isinstance(labels, str):
        labels = labels.split(",")
    if not isinstance(labels, Collection) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"labels is {labels!r}; it must be a list of texts")
    return tuple(dict.fromkeys(label.strip() for label in labels if label.strip()))


def find_current(client: ConfluenceClient, space: str, title: str, what: str = "page", *, body: bool = True) -> Page:
    """The current page of a title.

    :param what: what the page is to the task, for the message
    :param body: read its body, too
    :raises NotFound: when there is none
    """
    from workplace_provider.http.errors import NotFound

    found = client.find_page(space, title, body=body)
    if found is None or found.status != "current":
        raise NotFound(
            f"there is no {what} {title!r} in the space {space}" + (f"; it is {found.status}" if found else ""),
            system="Confluence",
            advice="check title and space, and that the connection's account may see the page",
        )
    return found


def described_plan(plan: PagePlan, title: str, made_of: str) -> str:
    """A plan to make a page, for the log."""
    contents = plan.contents
    lines = [f"{plan.action} {title!r} from {made_of}"]
    if plan.present is not None:
        lines.append(f"there is: {plan.present.url} (version {plan.present.version})")
    if contents.attachments:
        lines.append("attachments: " + ", ".join(f"{each.name} ({each.size} bytes)" for each in contents.attachments))
    if contents.files:
        lines.append("files: " + ", ".join(upload.file.name for upload in contents.files))
    if contents.labels:
        lines.append("labels: " + ", ".join(contents.labels))
    if contents.properties:
        lines.append("properties: " + ", ".join(contents.properties))
    if contents.restrictions:
        lines.append(f"restrictions: {contents.restrictions}")
    lines.append("changes of the body:" if plan.diff else "the body is taken over unchanged")
    return "\n".join([*lines, logged_diff(plan.diff)]).rstrip()


def described_files(plan: Sequence[PlannedUpload]) -> str:
    """What becomes of each file, for the log."""
    return "\n".join(
        f"  {each.action}: {each.upload.file.name}{f', there is version {each.present.version}' if each.present else ''}"
        for each in plan
    )


def logged_diff(diff: str) -> str:
    """A diff as the log shows it: a page of it can be read, a hundred cannot."""
    lines = [line if len(line) <= LOGGED_WIDTH else f"{line[:LOGGED_WIDTH]}…" for line in diff.splitlines()]
    if len(lines) > LOGGED_LINES:
        lines[LOGGED_LINES:] = [f"… {len(lines) - LOGGED_LINES} more lines"]
    return textwrap.indent("\n".join(lines), "  ")
