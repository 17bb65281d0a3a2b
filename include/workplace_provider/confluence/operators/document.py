"""Operators that compose a document from many sources, and update it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, get_args

from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import as_artifacts
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
    IfOpenComments,
    check_one_of,
    page_restrictions,
    run_key,
    shorten_diff,
    summarize_files,
    uploads_of,
)
from workplace_provider.confluence.operators.composed import ComposedDocument
from workplace_provider.confluence.operators.page_result import PageResult, page_result
from workplace_provider.confluence.operators.sources import source_states
from workplace_provider.confluence.operators.templates import (
    RenderedEdits,
    TemplatedEdits,
    page_body,
    page_edits,
    ready_edits,
    render_file,
)
from workplace_provider.confluence.publishing.current import find_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page, Restrictions
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.pages.places import FillResult
    from workplace_provider.confluence.publishing.document import DocumentPlan, DocumentUpdater

DIFF_IN_RESULT: Final = 12_000
"""Most characters of a diff in the XCom for the reviewer; the log has the whole diff."""

SOURCE_NOTE: Final = "airflow-sources"


class DocumentResult(PageResult):
    """A document in XCom.

    ``missing`` lists the managed places that people have removed from the page, ``failed_sources`` the ids of the tasks
    without output.
    """

    missing: list[str]
    failed_sources: list[str]


class DraftResult(DocumentResult):
    """A draft in XCom.

    ``document`` is the artifact that :class:`ConfluenceDocumentOperator` publishes; ``diff`` shows people the changes.
    """

    document: dict[str, Any]
    diff: str
    target_url: str


class ConfluenceDocumentOperator(ConfluenceOperator):
    """Create a document from a template once, and update its managed places from then on.

    The target of an edit is a managed place: a table, a picture, a section. Each run writes only these; everything that
    people have written, moved or added stays, such as a column in a managed table (with ``key``) or another order of the
    sections. A place that people have removed is reported and not created again. A content property remembers the last
    content of a place, so that a section is found after its heading was renamed.

    ::

        ConfluenceDocumentOperator(
            task_id="document", space="ANALYTICS", title="KPI", template_title="KPI template",
            places=[edits.SetImage("kpi.png"), edits.ReplaceTableRows(table=0, rows=issues.output)],
            files=[image.output],
        )

    :param space: key of the space
    :param title: title of the page
    :param places: one edit for each managed place; outputs of tasks in them are its sources
    :param composed: document of a :class:`ConfluenceDraftOperator`, instead of ``places`` and ``files``
    :param once: edits that apply only when the page is created
    :param body: the template as storage format or Markdown, with Jinja in it
    :param template_file: the template as the name of an ``.xhtml`` or ``.md`` file in the DAG's folder or
        ``template_searchpath``
    :param template_id: the template as the id of a Confluence template
    :param template_title: the template as the title of a page in the space. Without any template the page must exist
    :param restrictions: with ``template_title``: give a new page the restrictions of the template. By default it gets
        them if the template has view restrictions; with ``False`` everyone in the space can see the page. A mapping names
        the users and groups of a new page: ``{"read": {"groups": ["analysts"]}}``, on Cloud users by account id
    :param parent_id: id of the page above
    :param parent_title: title of the page above, instead of ``parent_id``
    :param files: artifacts or paths of files to attach: one, a list, or a dict of file name to file
    :param labels: labels to add, a list or one text with commas
    :param properties: content properties by key, for a new page
    :param on_source_error: if a source task has failed: ``fail`` before anything is written, or ``placeholder``: write the
        other places, leave this one unchanged, and note it at the top of the page. The trigger rule of the task is
        ``all_done``, so that it runs after failed sources
    :param source_note: text of that note, with ``{sources}`` in it
    :param draft_id: page of a draft, which is moved to the trash when the document is written
    :param message: version comment that people see in the history
    :param minor: do not notify watchers of a new version
    :param if_open_comments: if filling a place removes the passage of an open inline comment: fill it and ``warn`` in the
        log, ``skip`` that place, or ``fail``
    :param dry_run: log the diff, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {
        **ConfluenceOperator.argument_defaults,
        "trigger_rule": "all_done",
    }

    space: Field[str] = text()
    title: Field[str] = text()
    places: Field[Sequence[TemplatedEdits | RenderedEdits]] = template(
        default=(), wrap=lambda places: [TemplatedEdits(place) for place in places], renderer="json"
    )
    composed: Field[Any] = template(default=None)
    once: Field[tuple[Edit, ...]] = page_edits()
    body: Field[str | None] = page_body()
    template_file: Field[str | None] = optional_text()
    template_id: Field[str | None] = optional_text()
    template_title: Field[str | None] = optional_text()
    restrictions: Field[bool | Restrictions | None] = page_restrictions()
    parent_id: Field[str | None] = optional_text()
    parent_title: Field[str | None] = optional_text()
    files: Field[Any] = template(default=None)
    labels: Field[tuple[str, ...]] = names(default=None)
    properties: Field[Mapping[str, Any]] = mapping()
    on_source_error: Field[str] = choice("fail", "placeholder", default="fail")
    source_note: Field[str] = text(default="Not read for this version: {sources}. These parts are as they were.")
    draft_id: Field[str | None] = optional_text()
    message: Field[str] = text(default="")
    minor: Field[bool] = boolean(default=False)
    if_open_comments: Field[IfOpenComments] = choice(*get_args(IfOpenComments), default="warn")

    def __post_init__(self) -> None:
        """Keep the arguments with the outputs of tasks in them, which Airflow replaces when it renders the fields."""
        self._given_places = list(self.places)
        self._given_files = self.files

    def check_fields(self) -> None:
        """Check that the arguments name at most one template, and either places or a composed document."""
        super().check_fields()
        check_one_of(
            "the template",
            body=self.body,
            template_file=self.template_file,
            template_id=self.template_id,
            template_title=self.template_title,
            required=False,
        )
        check_one_of("the content, as edits or as a composed document", places=self.places, composed=self.composed)

    def _result(self, client: ConfluenceClient, context: Context) -> DocumentResult:
        composed = ComposedDocument.read(self.composed) if self.composed else self._compose(context)
        return self._document(client, context, composed)

    def _compose(self, context: Context) -> ComposedDocument:
        """Return the document with the outputs of its sources.

        :raises AirflowFailException: if a source has failed, and ``on_source_error`` is ``fail``
        """
        sources = source_states(context, [*self._given_places, self._given_files])
        if sources.failed and self.on_source_error == "fail":
            raise AirflowFailException(
                f"{', '.join(sources.failed)} failed, so nothing was written. Clear it, or set on_source_error to"
                " placeholder"
            )
        places: list[Edit] = []
        for given, place in zip(self._given_places, self.places, strict=True):
            if sources.is_missing(given):
                self.log.info("unchanged, because its source has no output: %s", given.serialize())
            else:
                places += ready_edits(place)
        return ComposedDocument(places, as_artifacts(self.files), sources.failed)

    def _document(self, client: ConfluenceClient, context: Context, composed: ComposedDocument) -> DocumentResult:
        updater = self._updater(client, context, composed)
        plan = updater.plan()
        self._log_plan(plan)
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            page, changed, filled = plan.page or self._new_page(), False, plan.filled
        else:
            page, changed, filled = updater.run(plan)
            self.log.info("%s: %s (version %d)", "written" if changed else "unchanged", page.url, page.version)
            if self.draft_id:
                client.trash_page(self.draft_id)
        self.page_url = page.url
        self._log_places(filled)
        return {
            **page_result(page, changed=changed),
            "missing": list(filled.missing),
            "failed_sources": list(composed.failed_sources),
        }

    def _updater(self, client: ConfluenceClient, context: Context, composed: ComposedDocument) -> DocumentUpdater:
        from workplace_provider.confluence.pages.edits import SetNote
        from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentUpdater

        failed = ", ".join(composed.failed_sources)
        note = self.source_note.format(sources=failed) if failed else ""
        spec = DocumentSpec(
            space=self.space,
            title=self.title,
            parent_id=self._parent_id(client),
            run=run_key(context, self.task_id),
            template=self._template(client, context),
            places=composed.places,
            once=self.once,
            always=[SetNote(SOURCE_NOTE, note)],
            files=uploads_of(composed.files),
            labels=self.labels,
            properties=dict(self.properties),
            origin={"source": {"template": self.template_file or self.template_id or self.template_title or ""}},
            message=self.message,
            minor=self.minor,
            audit=self._audit,
            if_open_comments=self.if_open_comments,
        )
        return DocumentUpdater(client, spec)

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        if self.parent_title:
            return find_current(client, self.space, self.parent_title, "parent page", body=False).id
        return self.parent_id

    def _template(self, client: ConfluenceClient, context: Context) -> _Template | None:
        has_template = self.template_file or self.template_id or self.template_title or self.body
        return _Template(self, client, context) if has_template else None

    def _new_page(self) -> Page:
        """Return the page as it will be created."""
        from workplace_provider.confluence.client import Page

        return Page("", self.space, self.title, "current", 0, "", self.parent_id)

    def _log_plan(self, plan: DocumentPlan) -> None:
        lines = [f"update {plan.page.url} (version {plan.page.version})" if plan.page else f"create {self.title!r}"]
        if plan.files:
            lines += ["files:", summarize_files(plan.files)]
        lines += ["changes of the body:", shorten_diff(plan.diff)] if plan.diff else ["the body is unchanged"]
        self.log.info("%s", "\n".join(lines))

    def _log_places(self, filled: FillResult) -> None:
        for name in filled.moved:
            self.log.info("the place %r has another heading or position; its last content identified it", name)
        for name in filled.missing:
            self.log.warning("the place %r is no longer on the page, and was not created again", name)


@dataclass(frozen=True, slots=True)
class _Template:
    """The template of a document operator; read only when the document's page does not exist yet."""

    operator: ConfluenceDocumentOperator
    client: ConfluenceClient
    context: Context

    def storage(self) -> str:
        """Return the template in storage format."""
        operator = self.operator
        if operator.template_file:
            return render_file(operator, self.context, operator.template_file)
        if operator.template_id:
            return self.client.get_template(operator.template_id).body
        if operator.template_title:
            return find_current(self.client, operator.space, operator.template_title, "template page").body or ""
        return operator.body or ""

    def restrictions(self) -> Restrictions:
        """Return the restrictions that a page created from the template page must have."""
        from workplace_provider.confluence.client import Restrictions
        from workplace_provider.confluence.publishing.restrictions import kept_restrictions, with_group_ids

        operator = self.operator
        if isinstance(operator.restrictions, Restrictions):
            return with_group_ids(self.client, operator.restrictions)
        if not operator.template_title:
            return Restrictions()
        page = find_current(self.client, operator.space, operator.template_title, "template page", body=False)
        return kept_restrictions(self.client, page, operator._parent_id(self.client), wanted=operator.restrictions)


class ConfluenceDraftOperator(ConfluenceDocumentOperator):
    """Show a reviewer the next version of a document: the diff, and a draft page.

    It has the arguments of :class:`ConfluenceDocumentOperator`, which then publishes the same content, even if the sources
    change in between. It fails for the same reasons as publishing: a template without a managed place, a failed source.

    ::

        draft = ConfluenceDraftOperator(task_id="draft", space="ANALYTICS", title="KPI", places=[...])
        ConfluenceDocumentOperator(
            task_id="publish", space="ANALYTICS", title="KPI", composed=draft.output["document"], draft_id=draft.output["id"]
        )

    :param output_path: folder or object-storage URL for the composed document; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param draft: create the draft page; with ``False`` only the diff is made, and nothing is written
    :param draft_title: title of the draft page, with ``{title}`` in it
    """

    draft: Field[bool] = boolean(default=True)
    draft_title: Field[str] = text(default="Draft: {title}")
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()

    def _document(self, client: ConfluenceClient, context: Context, composed: ComposedDocument) -> DraftResult:
        plan = self._updater(client, context, composed).plan()
        self._log_plan(plan)
        self._log_places(plan.filled)
        target = plan.page or self._new_page()
        page, changed = target, False
        if self.draft and not self.is_dry_run:
            page, changed = self._write_draft(client, context, composed, plan)
        self.page_url = page.url
        store = ArtifactStore(self.output_path, self.output_conn_id)
        return {
            **page_result(page, changed=changed),
            "missing": list(plan.filled.missing),
            "failed_sources": list(composed.failed_sources),
            "document": composed.publish(store, store.run_folder(context, self.task_id)).as_dict(),
            "diff": plan.diff if len(plan.diff) <= DIFF_IN_RESULT else f"{plan.diff[:DIFF_IN_RESULT]}\n…",
            "target_url": target.url,
        }

    def _write_draft(
        self, client: ConfluenceClient, context: Context, composed: ComposedDocument, plan: DocumentPlan
    ) -> tuple[Page, bool]:
        from workplace_provider.confluence.publishing.create import PageContents, PageCreator, PageSpec
        from workplace_provider.confluence.publishing.restrictions import kept_restrictions

        target = plan.page or self._new_page()
        spec = PageSpec(
            space=self.space,
            title=self.draft_title.format(title=self.title),
            parent_id=target.parent_id or self._parent_id(client),
            run=run_key(context, self.task_id),
            if_exists="update",
        )
        # The draft has the content of the document, so it gets the same restrictions.
        restrictions = (
            kept_restrictions(client, plan.page, spec.parent_id, wanted=None)
            if plan.page
            else _Template(self, client, context).restrictions()
        )
        contents = PageContents(plan.body, files=uploads_of(composed.files), restrictions=restrictions)
        creator = PageCreator(client, spec, contents)
        result = creator.run(creator.plan())
        self.log.info("draft: %s", result.page.url)
        return result.page, result.changed
