"""Operator that copies a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_bool, parse_choice, parse_names
from workplace_provider.common.fields import Field, boolean, choice, optional_text, template, text
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    IfExists,
    IfOpenComments,
    check_one_of,
    page_restrictions,
    run_key,
    summarize_plan,
)
from workplace_provider.confluence.operators.placement import (
    CONTENT_TYPES,
    check_blog_post,
    check_place,
    parse_position,
    parse_status,
    wanted_place,
    wanted_status,
)
from workplace_provider.confluence.operators.templates import page_edits
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page, Restrictions
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.copy import CopySpec
    from workplace_provider.confluence.publishing.labels import LabelRule

AttachmentMode = Literal["copy", "reference", "none"]
ROLLS: Final = ("dates", "open_tasks", "links")


def _parse_properties(value: Any, where: str) -> bool | Sequence[str]:
    return parse_bool(value, where) if isinstance(value, bool | str) else tuple(value)


def _parse_labels(value: Any, where: str) -> bool | LabelRule:
    from workplace_provider.confluence.publishing.labels import LabelRule

    rule = LabelRule.of(value, where)
    return rule if isinstance(value, LabelRule) or rule.add or rule.drop else rule.copy


def _parse_roll(value: Any, where: str) -> tuple[str, ...]:
    return tuple(parse_choice(part, where, ROLLS) for part in parse_names(value, where))


class ConfluenceCopyPageOperator(ConfluenceOperator):
    """Copy a page to a new title, exactly once.

    The copy has the same body byte for byte, without the markers of inline comments, which belong to the source. In another
    space, links without a space key get the key of the source's space, so that they still lead to the same pages. A retry
    finishes a copy that was interrupted; two concurrent runs create one page.

    ::

        ConfluenceCopyPageOperator(
            task_id="copy", space="ANALYTICS", source_title="Weekly report 45", title="Weekly report 46",
            roll=["dates", "open_tasks", "links"], labels={"add": ["2026-w46"], "drop": ["20??-w??"]},
        )

    :param space: key of the space of the copy; the operator also looks up ``source_title`` there
    :param title: title of the copy
    :param source_id: id of the page to copy, or a link to it
    :param source_title: title of the page to copy, instead of ``source_id``
    :param parent_id: id of the page or folder above the copy, or a link to it; by default the parent of the source, and in
        another space the top of the space
    :param parent_title: title of the page above the copy, instead of ``parent_id``
    :param attachments: ``copy`` the files, ``reference`` the files of the source, or ``none``
    :param labels: copy the labels: all, none, or by a rule with the keys ``copy`` (default true), ``add`` and ``drop``. The
        last two are lists of labels, in ``drop`` also patterns such as ``20??-w??``
    :param properties: copy the content properties, such as the page width: all, none, or those with the given keys
    :param restrictions: copy the view and edit restrictions, and add the connection's account to them. By default they are
        copied if the source has view restrictions; with ``False`` everyone in the space can see the copy. A mapping names
        users and groups: ``{"read": {"groups": ["analysts"]}}``, on Cloud users by account id
    :param if_exists: if a page with the title exists already: ``return`` it unchanged, ``update`` it with the body, files,
        labels and properties of the source, or ``fail`` the task
    :param roll: parts of the page that roll over to the next period, before the edits: ``dates`` move as far as the date in
        the title, only ``open_tasks`` are carried over, ``links`` to the page itself and to other pages of the series move
        on, so that "last week" is the page that is copied
    :param children: copy the child pages, too, at every level. Their titles move on by the same distance, links among the
        pages lead to the copies, and all rules except ``edits`` apply to them. ``edits`` must not move links
    :param child_title: title of the copy of a child page whose title has no date, such as ``{title} ({top})``. Without it,
        such a page is an error, because titles are unique in a space
    :param edits: edits of the copied body. The first version of the copy has them already
    :param content_type: ``page``, or ``blogpost`` for a blog post of the space, which has no parent
    :param content_status: on Cloud, the content status of the copy: ``copy`` that of the source, ``none``, a name such as
        ``Ready for review``, or a mapping with ``name`` and ``color`` (``#57d9a3``) for a status of your own
    :param position: on Cloud, place of the copy under its parent: ``first``, ``last``, ``before`` or ``after`` a sibling
    :param sibling: title or id of the page beside it, for ``before`` and ``after``
    :param if_source_missing: if there is no page to copy: ``fail``, ``skip``, or copy the ``latest_child`` of the parent:
        the page whose title has the same pattern as the new one and precedes it
    :param if_open_comments: if ``if_exists`` is ``update`` and the new body removes the passage of an open inline comment:
        write it and ``warn`` in the log, ``skip`` the body, or ``fail``
    :param dry_run: log the diff and the parts of the page, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    space: Field[str] = text()
    title: Field[str] = text()
    source_id: Field[str | None] = optional_text()
    source_title: Field[str | None] = optional_text()
    parent_id: Field[str | None] = optional_text()
    parent_title: Field[str | None] = optional_text()
    attachments: Field[AttachmentMode] = choice(*get_args(AttachmentMode), default="copy")
    labels: Field[bool | LabelRule] = template(default=True, parse=_parse_labels)
    properties: Field[bool | Sequence[str]] = template(default=True, parse=_parse_properties)
    restrictions: Field[bool | Restrictions | None] = page_restrictions()
    if_exists: Field[IfExists] = choice(*get_args(IfExists), default="return")
    if_open_comments: Field[IfOpenComments] = choice(*get_args(IfOpenComments), default="warn")
    if_source_missing: Field[str] = choice("fail", "skip", "latest_child", default="fail")
    roll: Field[tuple[str, ...]] = template(default=None, parse=_parse_roll)
    children: Field[bool] = boolean(default=False)
    child_title: Field[str] = text(default="")
    edits: Field[tuple[Edit, ...]] = page_edits()
    content_type: Field[str] = choice(*CONTENT_TYPES, default="page")
    content_status: Field[Mapping[str, str] | None] = template(default="copy", parse=parse_status)
    position: Field[str | None] = template(default=None, parse=parse_position)
    sibling: Field[str | None] = optional_text()

    def check_fields(self) -> None:
        """Check that the arguments name one source, and at most one parent."""
        super().check_fields()
        check_one_of("the page to copy", source_id=self.source_id, source_title=self.source_title)
        check_one_of("the parent page", parent_id=self.parent_id, parent_title=self.parent_title, required=False)
        check_place(self.position, self.sibling)
        if self.content_type == "blogpost":
            check_blog_post(
                if_source_missing=self.if_source_missing == "latest_child",
                attachments=self.attachments == "reference",
                children=self.children,
                parent_id=self.parent_id,
                parent_title=self.parent_title,
                position=self.position,
            )

    def _write(self, client: ConfluenceClient, context: Context) -> tuple[Page, bool]:
        from workplace_provider.confluence.client.checks import same_space
        from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier

        parent_id = self._parent_id(client)
        source = self._source(client, parent_id)
        self.record_input(source.url)
        if parent_id is None and same_space(source.space, self.space):
            parent_id = source.parent_id
        wording = (self.content_status or {"name": "none"})["name"]
        spec = CopySpec(
            source=source,
            title=self.title,
            parent_id=parent_id,
            space=self.space,
            run=run_key(context, self.task_id),
            attachments=self.attachments,
            labels=self.labels,
            properties=self.properties,
            restrictions=self.restrictions,
            if_exists=self.if_exists,
            roll=self.roll,
            edits=self.edits,
            status=None if wording in ("copy", "none") else wanted_status(self.content_status),
            copy_status=wording == "copy",
            place=wanted_place(self.position, self.sibling),
            audit=self._audit,
            if_open_comments=self.if_open_comments,
        )
        described = f"{source.title!r} (version {source.version}, {source.url})"
        if self.children:
            return self._copy_tree(client, spec, described)
        copier = PageCopier(client, spec)
        plan = copier.plan()
        self.log.info("%s", summarize_plan(plan, spec.title, described))
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            return plan.present or source, False
        result = copier.run(plan)
        self.log.info("%s: %s", "written" if result.changed else "unchanged", result.page.url)
        return result.page, result.changed

    def _copy_tree(self, client: ConfluenceClient, spec: CopySpec, described: str) -> tuple[Page, bool]:
        from workplace_provider.confluence.publishing.tree import TreeCopier

        copier = TreeCopier(client, spec, child_title=self.child_title)
        plan = copier.plan()
        self.log.info("%s", summarize_plan(plan.top, spec.title, described))
        titles = "\n".join(f"  {node.source.title!r} -> {node.title!r}" for node in plan.nodes[1:])
        self.log.info("%d child pages\n%s", len(plan.nodes) - 1, titles)
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            return plan.top.present or spec.source, False
        result, written = copier.run(plan)
        self.log.info("%d pages written", written)
        return result.page, written > 0

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        from workplace_provider.confluence.client.links import page_id_of

        if not self.parent_title:
            return page_id_of(self.parent_id) if self.parent_id else None
        return find_current(client, self.space, self.parent_title, "parent page", body=False).id

    def _source(self, client: ConfluenceClient, parent_id: str | None) -> Page:
        from workplace_provider.confluence.publishing.copy import find_source
        from workplace_provider.http.errors import NotFound

        try:
            if self.source_id:
                return get_current(client, self.source_id, "page to copy")
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
                raise AirflowSkipException(f"there is no page to copy: {error}") from error
            raise
