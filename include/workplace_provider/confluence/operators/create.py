"""Operator that creates a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from workplace_provider.common.fields import (
    Field,
    boolean,
    choice,
    mapping,
    names,
    optional_text,
    template,
    text,
)
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    IfExists,
    IfOpenComments,
    check_one_of,
    page_restrictions,
    run_key,
    summarize_plan,
    uploads_of,
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
from workplace_provider.confluence.operators.templates import page_body, page_edits, render_file
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page, Restrictions
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.copy import PageCopier
    from workplace_provider.confluence.publishing.create import PageCreator


class ConfluenceCreatePageOperator(ConfluenceOperator):
    """Create a page, exactly once.

    Its content comes from a body, a template file, a Confluence template or another page, with edits on top of it. A retry
    finishes a page that was interrupted; two concurrent runs create one page. Files are attached before the body that
    shows them is written.

    ::

        ConfluenceCreatePageOperator(
            task_id="create", space="ANALYTICS", title="Report {{ ds }}", parent_path="Reports/2026", create_parents=True,
            body="<p>{{ params.summary }}</p>", labels=["report"],
        )

    :param space: key of the space
    :param title: title of the page
    :param body: storage format or :class:`~workplace_provider.confluence.pages.Markdown`, with Jinja in it. The value of
        ``{{ … }}`` is inserted as text, whatever it contains; ``{{ … | storage }}`` inserts markup, and in Markdown
        ``{{ … | markdown }}`` Markdown. The output of a task is not rendered
    :param template_file: name of an ``.xhtml`` or ``.md`` file, with Jinja in it, in the DAG's folder or
        ``template_searchpath``
    :param template_id: id of a Confluence template; the page gets its labels too
    :param source_id: id of a page to copy with files, labels and properties, or a link to it
    :param source_title: title of the page to copy, instead of ``source_id``
    :param restrictions: view and edit restrictions, to which the connection's account is added. A mapping names users and
        groups: ``{"read": {"groups": ["analysts"]}, "update": {"users": ["jimin"]}}``, on Cloud users by account id. For a
        copied page, ``True`` copies those of the source. By default they are copied if the source has view restrictions;
        with ``False`` everyone in the space can see the copy
    :param edits: edits of the body, before the page is written
    :param parent_id: id of the page or folder above the page, or a link to it; by default the parent of the copied page, and
        for other pages the top of the space
    :param parent_title: title of the page above, instead of ``parent_id``
    :param parent_path: titles of the pages above from the top down, such as ``팀/보고/2026``; a list if a title has a slash
        in it
    :param create_parents: create the missing pages of ``parent_path``, with a list of their children on them
    :param if_exists: if a page with the title exists already: ``return`` it unchanged, ``update`` it with the body, files,
        labels and properties, or ``fail`` the task
    :param labels: labels, a list or one text with commas
    :param properties: content properties by key, such as ``content-appearance-published`` for the page's width
    :param files: artifacts or paths of files to attach: one, a list, or a dict of file name to file
    :param if_open_comments: if ``if_exists`` is ``update`` and the new body removes the passage of an open inline comment:
        write it and ``warn`` in the log, ``skip`` the body, or ``fail``
    :param content_type: ``page``, or ``blogpost`` for a blog post of the space, which has no parent
    :param content_status: on Cloud, the content status of the page, such as ``Ready for review``, or a mapping with ``name``
        and ``color`` (``#57d9a3``) for a status of your own; a copied page gets the status of its source otherwise
    :param position: on Cloud, place of a new page under its parent: ``first``, ``last``, ``before`` or ``after`` a sibling
    :param sibling: title or id of the page beside it, for ``before`` and ``after``
    :param dry_run: log the body and the parts of the page, and write nothing; the result has an empty id
    :param confluence_conn_id: connection of type ``confluence``
    """

    space: Field[str] = text()
    title: Field[str] = text()
    body: Field[str | None] = page_body()
    template_file: Field[str | None] = optional_text()
    template_id: Field[str | None] = optional_text()
    source_id: Field[str | None] = optional_text()
    source_title: Field[str | None] = optional_text()
    restrictions: Field[bool | Restrictions | None] = page_restrictions()
    edits: Field[tuple[Edit, ...]] = page_edits()
    parent_id: Field[str | None] = optional_text()
    parent_title: Field[str | None] = optional_text()
    parent_path: Field[str | Sequence[str] | None] = template(default=None)
    create_parents: Field[bool] = boolean(default=False)
    if_exists: Field[IfExists] = choice(*get_args(IfExists), default="return")
    if_open_comments: Field[IfOpenComments] = choice(*get_args(IfOpenComments), default="warn")
    labels: Field[tuple[str, ...]] = names(default=None)
    properties: Field[Mapping[str, Any]] = mapping()
    files: Field[Any] = template(default=None)
    content_type: Field[str] = choice(*CONTENT_TYPES, default="page")
    content_status: Field[Mapping[str, str] | None] = template(default=None, parse=parse_status)
    position: Field[str | None] = template(default=None, parse=parse_position)
    sibling: Field[str | None] = optional_text()

    def check_fields(self) -> None:
        """Check that the arguments name one source, and at most one parent."""
        super().check_fields()
        check_one_of(
            "the content of the page",
            body=self.body,
            template_file=self.template_file,
            template_id=self.template_id,
            source_id=self.source_id,
            source_title=self.source_title,
        )
        check_one_of(
            "the parent page",
            parent_id=self.parent_id,
            parent_title=self.parent_title,
            parent_path=self.parent_path,
            required=False,
        )
        check_place(self.position, self.sibling)
        if self.content_type == "blogpost":
            check_blog_post(
                parent_path=self.parent_path,
                parent_id=self.parent_id,
                parent_title=self.parent_title,
                position=self.position,
            )

    def _write(self, client: ConfluenceClient, context: Context) -> tuple[Page, bool]:
        from workplace_provider.confluence.client import Page

        parent_id = self._parent_id(client)
        choose = self._copier if self.source_id or self.source_title else self._creator
        creator, source = choose(client, context, parent_id)
        plan = creator.plan()
        self.log.info("%s", summarize_plan(plan, self.title, source))
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            return plan.present or Page("", self.space, self.title, "current", 0, "", parent_id), False
        result = creator.run(plan)
        self.log.info("%s: %s", "written" if result.changed else "unchanged", result.page.url)
        return result.page, result.changed

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.parents import find_parents

        if self.parent_path:
            create = self.create_parents and not self.is_dry_run
            parent, missing = find_parents(client, self.space, self.parent_path, create=create)
            if missing and not self.create_parents:
                raise missing.error
            if missing:
                self.log.info("would create the parents %s", " / ".join(missing.titles))
                return None
            return parent.id if parent else None
        if self.parent_title:
            return find_current(client, self.space, self.parent_title, "parent page", body=False).id
        return page_id_of(self.parent_id) if self.parent_id else None

    def _copier(
        self, client: ConfluenceClient, context: Context, parent_id: str | None
    ) -> tuple[PageCopier | PageCreator, str]:
        from workplace_provider.confluence.client.checks import same_space
        from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier

        source = (
            get_current(client, self.source_id, "page to copy")
            if self.source_id
            else find_current(client, self.space, self.source_title or "", "page to copy")
        )
        spec = CopySpec(
            source=source,
            space=self.space,
            title=self.title,
            parent_id=parent_id or (source.parent_id if same_space(source.space, self.space) else None),
            run=run_key(context, self.task_id),
            restrictions=self.restrictions,
            if_exists=self.if_exists,
            edits=self.edits,
            files=uploads_of(self.files),
            own_labels=self.labels,
            own_properties=dict(self.properties),
            status=wanted_status(self.content_status),
            place=wanted_place(self.position, self.sibling),
            audit=self._audit,
            if_open_comments=self.if_open_comments,
        )
        return PageCopier(client, spec), f"{source.title!r} (version {source.version}, {source.url})"

    def _creator(
        self, client: ConfluenceClient, context: Context, parent_id: str | None
    ) -> tuple[PageCopier | PageCreator, str]:
        from workplace_provider.confluence.client import Restrictions
        from workplace_provider.confluence.publishing.create import PageCreator, PageSpec, TemplateContents
        from workplace_provider.confluence.publishing.restrictions import with_group_ids

        labels = self.labels
        origin: dict[str, Any] = {}
        if self.template_id:
            page_template = client.get_template(self.template_id)
            storage, source = page_template.body, f"the template {page_template.name!r}"
            origin = {"source": {"template": page_template.id}}
            labels = (*page_template.labels, *labels)
        elif self.template_file:
            storage, source = render_file(self, context, self.template_file), self.template_file
            origin = {"source": {"file": self.template_file}}
        else:
            storage, source = self.body or "", "its body"
        spec = PageSpec(
            space=self.space,
            title=self.title,
            parent_id=parent_id,
            run=run_key(context, self.task_id),
            origin=origin,
            if_exists=self.if_exists,
            status=wanted_status(self.content_status),
            place=wanted_place(self.position, self.sibling),
            audit=self._audit,
            if_open_comments=self.if_open_comments,
        )
        contents = TemplateContents(
            storage,
            self.edits,
            files=uploads_of(self.files),
            labels=labels,
            properties=dict(self.properties),
            people=client,
            restrictions=with_group_ids(client, self.restrictions)
            if isinstance(self.restrictions, Restrictions)
            else Restrictions(),
        )
        return PageCreator(client, spec, contents), source
