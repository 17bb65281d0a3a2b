"""Operators for Confluence pages."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.artifacts import as_artifacts
from workplace_provider.flags import flag
from workplace_provider.operators.failure import permanent_errors_fail
from workplace_provider.operators.page_result import PageLink, PageResult, emit_page_event, page_result

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.clients.confluence import ConfluenceClient, Page
    from workplace_provider.clients.confluence.attaching import Planned
    from workplace_provider.clients.confluence.copying import CopyPlan
    from workplace_provider.hooks.confluence import ConfluenceHook


class _ConfluenceOperator(BaseOperator):
    """What the page operators share: connection, dry run, link, result.

    :param confluence_conn_id: connection of type ``confluence``
    :param dry_run: log what would be written, and write nothing
    """

    operator_extra_links = (PageLink(),)
    ui_color = "#deebff"

    def __init__(
        self, *, confluence_conn_id: str = "confluence_default", dry_run: bool | str = False, **kwargs: Any
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.confluence_conn_id = confluence_conn_id
        self.is_dry_run = dry_run  # BaseOperator.dry_run is a method
        self.page_url = ""

    @cached_property
    def hook(self) -> ConfluenceHook:
        """The hook of the connection."""
        from workplace_provider.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def execute(self, context: Context) -> PageResult:
        """Do it.

        :return: id, title, url and version of the page, and whether anything was written
        :raises AirflowFailException: when a retry cannot help
        """
        with permanent_errors_fail():
            try:
                page, changed = self._run(self.hook.client, context, dry_run=flag(self.is_dry_run, "dry_run"))
            finally:
                self.hook.client.close()
        self.page_url = page.url
        result = page_result(page, changed=changed)
        emit_page_event(context, self.outlets, result)
        return result

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        raise NotImplementedError


class ConfluenceCopyPageOperator(_ConfluenceOperator):
    """Copy a page to a new title, exactly once.

    The body keeps every byte but the markers of inline comments, which belong to the page that was commented. A copy that
    died half way is finished by the retry; two runs at the same time make one page.

    :param space: key of the space
    :param title: title of the copy
    :param source_id: id of the page to copy
    :param source_title: its title, instead of the id
    :param parent_id: id of the page to put the copy under, by default the parent of the source
    :param parent_title: its title, instead of the id
    :param attachments: ``copy`` the files, let the copy ``reference`` those of the source, or ``none``
    :param labels: copy the labels
    :param properties: copy the content properties, page width among them: all, none, or those of the given keys
    :param restrictions: copy who alone may see and edit the page; the connection's account is added
    :param if_exists: when a page has the title already: ``return`` hands it on as it is, ``update`` gives it body, files,
        labels and properties of the source, ``fail`` fails the task
    :param if_source_missing: when there is no such page to copy: ``fail``, ``skip``, or take the ``latest_child`` of the
        parent whose title is of the same make and comes before the new one
    :param dry_run: log the diff and what would be copied, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "space",
        "title",
        "source_id",
        "source_title",
        "parent_id",
        "parent_title",
        "attachments",
        "labels",
        "properties",
        "restrictions",
        "if_exists",
        "if_source_missing",
        "is_dry_run",
    )
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "attachments": ("copy", "reference", "none"),
        "if_exists": ("return", "update", "fail"),
        "if_source_missing": ("fail", "skip", "latest_child"),
    }

    def __init__(
        self,
        *,
        space: str,
        title: str,
        source_id: str | None = None,
        source_title: str | None = None,
        parent_id: str | None = None,
        parent_title: str | None = None,
        attachments: str = "copy",
        labels: bool | str = True,
        properties: bool | str | Sequence[str] = True,
        restrictions: bool | str = False,
        if_exists: str = "return",
        if_source_missing: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.space = space
        self.title = title
        self.source_id = source_id
        self.source_title = source_title
        self.parent_id = parent_id
        self.parent_title = parent_title
        self.attachments = attachments
        self.labels = labels
        self.properties = properties
        self.restrictions = restrictions
        self.if_exists = if_exists
        self.if_source_missing = if_source_missing

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        from workplace_provider.clients.confluence.copying import CopySpec, PageCopier

        self._check()
        parent_id = self._parent_id(client)
        source = self._source(client, parent_id)
        spec = CopySpec(
            source=source,
            title=self.title,
            parent_id=parent_id or source.parent_id,
            run="/".join((context["dag"].dag_id, context["run_id"], self.task_id)),
            attachments=self.attachments,  # type: ignore[arg-type]  # checked against the choices
            labels=flag(self.labels, "labels"),
            properties=self._properties(),
            restrictions=flag(self.restrictions, "restrictions"),
            if_exists=self.if_exists,  # type: ignore[arg-type]  # checked against the choices
        )
        copier = PageCopier(client, spec)
        plan = copier.plan()
        self.log.info("%s", _described(plan, spec.title, source))
        if dry_run:
            self.log.info("dry run: nothing was written")
            return plan.present or source, False
        copied = copier.carry_out(plan)
        self.log.info("%s: %s", "written" if copied.changed else "already there", copied.page.url)
        return copied.page, copied.changed

    def _check(self) -> None:
        for name, allowed in self.choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        if bool(self.source_id) == bool(self.source_title):
            raise ValueError("give either source_id or source_title: it says which page is copied")
        if self.parent_id and self.parent_title:
            raise ValueError("give either parent_id or parent_title, not both")

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        from workplace_provider.clients.errors import NotFound

        if not self.parent_title:
            return self.parent_id or None
        parent = client.find_page(self.space, self.parent_title)
        if parent is None or parent.status != "current":
            raise NotFound(
                f"there is no parent page {self.parent_title!r} in the space {self.space}",
                system="Confluence",
                advice="check title and space, and that the connection's account may see the page",
            )
        return parent.id

    def _source(self, client: ConfluenceClient, parent_id: str | None) -> Page:
        from workplace_provider.clients.confluence.copying import find_source
        from workplace_provider.clients.errors import NotFound

        try:
            if self.source_id:
                source = client.get_page(self.source_id, body=True)
                if source.status == "current":
                    return source
                raise NotFound(
                    f"the page to copy is {source.status}: {source.title!r} ({source.url})",
                    system="Confluence",
                    code="source-missing",
                    advice="restore it, or give another source",
                )
            return find_source(
                client,
                space=self.space,
                title=self.source_title or "",
                new_title=self.title,
                parent_id=parent_id,
                latest_child=self.if_source_missing == "latest_child",
            )
        except NotFound as error:
            if self.if_source_missing == "skip":
                raise AirflowSkipException(f"nothing to copy: {error}") from error
            raise

    def _properties(self) -> bool | Sequence[str]:
        if isinstance(self.properties, bool | str):
            return flag(self.properties, "properties")
        return tuple(self.properties)


class ConfluenceAttachOperator(_ConfluenceOperator):
    """Put files onto a page; the page itself is not changed.

    A content that is there already is not uploaded again. A version that a person uploaded after ours, such as a picture
    cropped by hand, is kept. Files are streamed.

    :param page_id: id of the page
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
        from workplace_provider.clients.confluence.attaching import Action, Attacher, make_upload
        from workplace_provider.clients.http import FilePart

        artifacts = as_artifacts(self.files)
        uploads = [
            make_upload(FilePart(each.name, each.open, each.media_type), comment=self.comment, sha256=each.sha256)
            for each in artifacts
        ]
        page = client.get_page(self.page_id)
        self.page_url = page.url
        attacher = Attacher(
            client,
            page.id,
            keep_manual=flag(self.keep_manual, "keep_manual"),
            minor=flag(self.minor, "minor"),
        )
        plan = attacher.plan(uploads)
        self.log.info("%s", _listed(plan, page))
        if dry_run:
            self.log.info("dry run: nothing was written")
            return page, False
        done = attacher.carry_out(plan)
        return page, any(each.action in (Action.CREATE, Action.UPDATE) for each in done)


def _described(plan: CopyPlan, title: str, source: Page) -> str:
    lines = [f"{plan.action} {title!r} from {source.title!r} (version {source.version}, {source.url})"]
    if plan.present is not None:
        lines.append(f"there is: {plan.present.url} (version {plan.present.version})")
    if plan.attachments:
        lines.append("attachments: " + ", ".join(f"{each.name} ({each.size} bytes)" for each in plan.attachments))
    if plan.labels:
        lines.append("labels: " + ", ".join(plan.labels))
    if plan.properties:
        lines.append("properties: " + ", ".join(plan.properties))
    if plan.restrictions:
        lines.append(f"restrictions: {plan.restrictions}")
    lines.append("changes of the body:" if plan.diff else "the body is taken over unchanged")
    return "\n".join([*lines, textwrap.indent(plan.diff, "  ")]).rstrip()


def _listed(plan: Sequence[Planned], page: Page) -> str:
    lines = [f"{len(plan)} files for {page.title!r} ({page.url})"]
    for planned in plan:
        there = f", there is version {planned.present.version}" if planned.present else ""
        lines.append(f"  {planned.action}: {planned.upload.file.name}{there}")
    return "\n".join(lines)
