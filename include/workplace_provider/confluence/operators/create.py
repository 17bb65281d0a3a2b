"""Operator that creates a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.common.arguments import parse_bool, parse_optional_bool
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    described_plan,
    find_current,
    labels_of,
    run_key,
    uploads_of,
)
from workplace_provider.confluence.operators.templated_edits import TemplatedEdits, ready_edits
from workplace_provider.confluence.operators.templated_storage import TemplatedStorage, plain_body, rendered_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.publishing.copy import PageCopier
    from workplace_provider.confluence.publishing.create import PageCreator


class ConfluenceCreatePageOperator(ConfluenceOperator):
    """Create a page, exactly once.

    What it says comes from a body, a template file, a Confluence template or another page, and edits on top of it. A page
    whose making died half way is finished by the retry; two runs at the same time make one page. Files are on the page
    before the body that shows them.

    :param space: key of the space
    :param title: title of the page
    :param body: storage format with Jinja in it. What ``{{ … }}`` stands for is text, whatever is in it; markup goes through
        ``{{ … | storage }}``. The output of a task is taken as it is
    :param template_file: name of an ``.xhtml`` file with the same in it, in the DAG's folder or ``template_searchpath``
    :param template_id: id of a Confluence template; the page gets its labels too
    :param source_id: id of, or link to, a page to copy, with files, labels and properties
    :param source_title: its title, instead of the id
    :param restrictions: of a page that is copied: copy who alone may see and edit it; the connection's account is added. By
        default they are copied when not everybody may see the page; ``False`` lets everybody see the copy
    :param edits: edits of the body, before the page is written
    :param parent_id: id of, or link to, the page or folder to put it under; without a parent, a copy goes beside its
        source, another page to the top of the space
    :param parent_title: its title, instead of the id
    :param parent_path: titles from the top down, each under the one before, such as ``팀/보고/2026``; a list where a title
        has a slash in it
    :param create_parents: create the pages of ``parent_path`` that are missing, with a list of their children on them
    :param if_exists: when a page has the title already: ``return`` hands it on as it is, ``update`` gives it the body,
        files, labels and properties, ``fail`` fails the task
    :param labels: labels, a list or one text with commas
    :param properties: content properties by key, such as ``content-appearance-published`` for the page's width
    :param files: artifacts or paths of files to put on the page: one, a list, or a dict of file name to file
    :param dry_run: log the body and what would be made, and write nothing; the id in the result is empty then
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "space",
        "title",
        "body",
        "template_file",
        "template_id",
        "source_id",
        "source_title",
        "restrictions",
        "edits",
        "parent_id",
        "parent_title",
        "parent_path",
        "create_parents",
        "if_exists",
        "labels",
        "properties",
        "files",
        "is_dry_run",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"body": "html", "edits": "json"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"if_exists": ("return", "update", "fail")}

    def __init__(
        self,
        *,
        space: str,
        title: str,
        body: Any = None,
        template_file: str | None = None,
        template_id: str | None = None,
        source_id: str | None = None,
        source_title: str | None = None,
        restrictions: bool | str | None = None,
        edits: Any = None,
        parent_id: str | None = None,
        parent_title: str | None = None,
        parent_path: str | Sequence[str] | None = None,
        create_parents: bool | str = False,
        if_exists: str = "return",
        labels: Any = None,
        properties: Mapping[str, Any] | None = None,
        files: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.space = space
        self.title = title
        self.body = TemplatedStorage(body)
        self.template_file = template_file
        self.template_id = template_id
        self.source_id = source_id
        self.source_title = source_title
        self.restrictions = restrictions
        self.edits = TemplatedEdits(edits)
        self.parent_id = parent_id
        self.parent_title = parent_title
        self.parent_path = parent_path
        self.create_parents = create_parents
        self.if_exists = if_exists
        self.labels = labels
        self.properties = properties
        self.files = files

    def _run(self, client: ConfluenceClient, context: Context, *, dry_run: bool) -> tuple[Page, bool]:
        from workplace_provider.confluence.client import Page

        parent_id = self._parent_id(client, dry_run=dry_run)
        make = self._copier if self.source_id or self.source_title else self._maker
        maker, made_of = make(client, context, parent_id)
        plan = maker.plan()
        self.log.info("%s", described_plan(plan, self.title, made_of))
        if dry_run:
            self.log.info("dry run: nothing was written")
            return plan.present or Page("", self.space, self.title, "current", 0, "", parent_id), False
        made = maker.run(plan)
        self.log.info("%s: %s", "written" if made.changed else "already there", made.page.url)
        return made.page, made.changed

    def _check(self) -> None:
        super()._check()
        sources = {
            "body": plain_body(self.body),
            "template_file": self.template_file,
            "template_id": self.template_id,
            "source_id": self.source_id,
            "source_title": self.source_title,
        }
        if sum(bool(value) for value in sources.values()) != 1:
            given = ", ".join(name for name, value in sources.items() if value) or "none"
            raise ValueError(f"give exactly one of {', '.join(sources)}: it says what the page is made from; given: {given}")
        parents = {"parent_id": self.parent_id, "parent_title": self.parent_title, "parent_path": self.parent_path}
        if sum(bool(value) for value in parents.values()) > 1:
            raise ValueError(f"give at most one of {', '.join(parents)}")
        if self.properties is not None and not isinstance(self.properties, Mapping):
            raise ValueError(f"properties is {self.properties!r}; it must be a mapping of keys to values")

    def _parent_id(self, client: ConfluenceClient, *, dry_run: bool) -> str | None:
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.parents import find_parents

        if self.parent_path:
            create = parse_bool(self.create_parents, "create_parents")
            found, missing = find_parents(client, self.space, self.parent_path, create=create and not dry_run)
            if missing and not create:
                raise missing.error
            if missing:
                self.log.info("would create the parents %s", " / ".join(missing.titles))
                return None
            return found.id if found else None
        if self.parent_title:
            return find_current(client, self.space, self.parent_title, "parent page", body=False).id
        return page_id_of(self.parent_id) if self.parent_id else None

    def _copier(
        self, client: ConfluenceClient, context: Context, parent_id: str | None
    ) -> tuple[PageCopier | PageCreator, str]:
        from workplace_provider.confluence.client.checks import same_space
        from workplace_provider.confluence.client.links import page_id_of
        from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier

        source = (
            client.get_page(page_id_of(self.source_id), body=True)
            if self.source_id
            else find_current(client, self.space, self.source_title or "", "page to copy")
        )
        if source.status != "current":
            raise ValueError(f"the page to copy is {source.status}: {source.title!r} ({source.url})")
        spec = CopySpec(
            source=source,
            space=self.space,
            title=self.title,
            parent_id=parent_id or (source.parent_id if same_space(source.space, self.space) else None),
            run=run_key(context, self.task_id),
            restrictions=parse_optional_bool(self.restrictions, "restrictions"),
            if_exists=self.if_exists,  # type: ignore[arg-type]  # checked against the choices
            edits=ready_edits(self.edits),
            files=uploads_of(self.files),
            own_labels=labels_of(self.labels),
            own_properties=dict(self.properties or {}),
            audit=self._audit,
        )
        return PageCopier(client, spec), f"{source.title!r} (version {source.version}, {source.url})"

    def _maker(
        self, client: ConfluenceClient, context: Context, parent_id: str | None
    ) -> tuple[PageCopier | PageCreator, str]:
        from workplace_provider.confluence.publishing.create import PageCreator, PageSpec, TemplateContents

        labels = labels_of(self.labels)
        origin: dict[str, Any] = {}
        if self.template_id:
            template = client.get_template(self.template_id)
            storage, made_of = template.body, f"the template {template.name!r}"
            origin = {"source": {"template": template.id}}
            labels = (*template.labels, *labels)
        elif self.template_file:
            storage, made_of = rendered_file(self, context, self.template_file), self.template_file
            origin = {"source": {"file": self.template_file}}
        else:
            storage, made_of = plain_body(self.body) or "", "its body"
        spec = PageSpec(
            space=self.space,
            title=self.title,
            parent_id=parent_id,
            run=run_key(context, self.task_id),
            origin=origin,
            if_exists=self.if_exists,  # type: ignore[arg-type]  # checked against the choices
            audit=self._audit,
        )
        contents = TemplateContents(
            storage,
            ready_edits(self.edits),
            files=uploads_of(self.files),
            labels=labels,
            properties=dict(self.properties or {}),
            people=client,
        )
        return PageCreator(client, spec, contents), made_of
