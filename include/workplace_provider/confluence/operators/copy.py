"""Operator that copies a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_bool, parse_optional_bool
from workplace_provider.confluence.operators.base import ConfluenceOperator, described_plan, find_current, run_key
from workplace_provider.confluence.operators.templated_edits import TemplatedEdits, ready_edits

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page


class ConfluenceCopyPageOperator(ConfluenceOperator):
    """Copy a page to a new title, exactly once.

    The body keeps every byte but the markers of inline comments, which belong to the page that was commented. In another
    space links without a space key get the key of the source's space, so that they lead to the same pages. A copy that died
    half way is finished by the retry; two runs at the same time make one page.

    :param space: key of the space of the copy; a source that is named by its title is looked up there, too
    :param title: title of the copy
    :param source_id: id of the page to copy, or a link to it
    :param source_title: its title, instead of the id
    :param parent_id: id of, or link to, the page or folder to put the copy under, by default the parent of the source, and
        the top of the space when the source is in another one
    :param parent_title: its title, instead of the id
    :param attachments: ``copy`` the files, let the copy ``reference`` those of the source, or ``none``
    :param labels: copy the labels
    :param properties: copy the content properties, page width among them: all, none, or those of the given keys
    :param restrictions: copy who alone may see and edit the page; the connection's account is added. By default they are
        copied when not everybody may see the page; ``False`` lets everybody see the copy
    :param if_exists: when a page has the title already: ``return`` hands it on as it is, ``update`` gives it body, files,
        labels and properties of the source, ``fail`` fails the task
    :param edits: edits of the copied body, made in the same write: an appended row is there from the first version on
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
        "edits",
        "is_dry_run",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"edits": "json"}
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
        restrictions: bool | str | None = None,
        if_exists: str = "return",
        if_source_missing: str = "fail",
        edits: Any = None,
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
        self.edits = TemplatedEdits(edits)

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        from workplace_provider.confluence.client.checks import same_space
        from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier

        parent_id = self._parent_id(client)
        source = self._source(client, parent_id)
        if parent_id is None and same_space(source.space, self.space):
            parent_id = source.parent_id
        spec = CopySpec(
            source=source,
            title=self.title,
            parent_id=parent_id,
            space=self.space,
            run=run_key(context, self.task_id),
            attachments=self.attachments,  # type: ignore[arg-type]  # checked against the choices
            labels=parse_bool(self.labels, "labels"),
            properties=self._properties(),
            restrictions=parse_optional_bool(self.restrictions, "restrictions"),
            if_exists=self.if_exists,  # type: ignore[arg-type]  # checked against the choices
            edits=ready_edits(self.edits),
            audit=self._audit,
        )
        copier = PageCopier(client, spec)
        plan = copier.plan()
        self.log.info("%s", described_plan(plan, spec.title, f"{source.title!r} (version {source.version}, {source.url})"))
        if dry_run:
            self.log.info("dry run: nothing was written")
            return plan.present or source, False
        copied = copier.run(plan)
        self.log.info("%s: %s", "written" if copied.changed else "already there", copied.page.url)
        return copied.page, copied.changed

    def _check(self) -> None:
        super()._check()
        if bool(self.source_id) == bool(self.source_title):
            raise ValueError("give either source_id or source_title: it says which page is copied")
        if self.parent_id and self.parent_title:
            raise ValueError("give either parent_id or parent_title, not both")

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        from workplace_provider.confluence.client.links import page_id_of

        if not self.parent_title:
            return page_id_of(self.parent_id) if self.parent_id else None
        return find_current(client, self.space, self.parent_title, "parent page", body=False).id

    def _source(self, client: ConfluenceClient, parent_id: str | None) -> Page:
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.copy import find_source
        from workplace_provider.http.errors import NotFound

        try:
            if self.source_id:
                source = client.get_page(page_id_of(self.source_id), body=True)
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
            return parse_bool(self.properties, "properties")
        return tuple(self.properties)
