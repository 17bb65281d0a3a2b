"""Operators that compose a document of many sources and keep it fresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.arguments import parse_bool, parse_optional_bool
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.confluence.operators.base import (
    ConfluenceOperator,
    described_files,
    find_current,
    labels_of,
    logged_diff,
    run_key,
    uploads_of,
)
from workplace_provider.confluence.operators.composed import Composed
from workplace_provider.confluence.operators.page_result import PageResult, page_result
from workplace_provider.confluence.operators.sources import ON_SOURCE_ERROR, source_states
from workplace_provider.confluence.operators.templated_edits import TemplatedEdits, ready_edits
from workplace_provider.confluence.operators.templated_storage import TemplatedStorage, plain_body, rendered_file

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page, Restrictions
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.pages.places import FillResult
    from workplace_provider.confluence.publishing.document import DocumentPlan, DocumentUpdater

DIFF_IN_RESULT: Final = 12_000
"""Characters of a diff that go through XCom to the reviewer; the log has all of it."""

SOURCE_NOTE: Final = "airflow-sources"


class DocumentResult(PageResult):
    """A document as tasks hand it on.

    ``missing`` has the names of managed places that somebody took away, ``failed_sources`` the tasks that brought nothing.
    """

    missing: list[str]
    failed_sources: list[str]


class DraftResult(DocumentResult):
    """A draft as tasks hand it on.

    ``document`` is the artifact that :class:`ConfluenceDocumentOperator` publishes, ``diff`` what that changes, for people.
    """

    document: dict[str, Any]
    diff: str
    target_url: str


class ConfluenceDocumentOperator(ConfluenceOperator):
    """Make a document of a template once, and keep its managed places fresh from then on.

    A managed place is what an edit is about: a table, a picture, a section. Running it again fills only these; what people
    wrote, moved or added stays, be it a column in a managed table (with ``key``) or another order of the sections. A place
    that somebody took away is reported and not made again. What a place looked like is remembered in a content property, so
    that a section whose heading was renamed is still found.

    :param space: key of the space
    :param title: title of the page
    :param places: one edit for each managed place; outputs of tasks in them are its sources
    :param composed: instead of ``places`` and ``files``, what a :class:`ConfluenceDraftOperator` has composed
    :param once: edits that are made when the page is made, and never again
    :param body: the template as storage format with Jinja in it
    :param template_file: the template as the name of an ``.xhtml`` file in the DAG's folder or ``template_searchpath``
    :param template_id: the template as the id of a Confluence template
    :param template_title: the template as the title of a page in the space. Without any template the page must be there
    :param restrictions: of a template that is a page: give a page that is made the same restrictions. By default it gets
        them when not everybody may see the template; ``False`` lets everybody see the page
    :param parent_id: id of the page to put it under
    :param parent_title: its title, instead of the id
    :param files: artifacts or paths of files to put on the page: one, a list, or a dict of file name to file
    :param labels: labels to add, a list or one text with commas
    :param properties: content properties by key, for a page that is made
    :param on_source_error: when a task failed that a place needs: ``fail`` before anything is written, or ``placeholder``:
        write the rest, leave the place as it is, and say so at the top of the page. The task's trigger rule is
        ``all_done``, so that it can say which
    :param source_note: what the page says then, with ``{sources}`` in it
    :param draft_id: page of a draft, which goes to the trash when the document is written
    :param message: version comment that people see in the history
    :param minor: send no notification about a new version
    :param dry_run: log the diff, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "space",
        "title",
        "places",
        "composed",
        "once",
        "body",
        "template_file",
        "template_id",
        "template_title",
        "restrictions",
        "parent_id",
        "parent_title",
        "files",
        "labels",
        "properties",
        "on_source_error",
        "source_note",
        "draft_id",
        "message",
        "minor",
        "is_dry_run",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"body": "html", "places": "json", "once": "json"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"on_source_error": ON_SOURCE_ERROR}

    def __init__(
        self,
        *,
        space: str,
        title: str,
        places: Sequence[Any] = (),
        composed: Any = None,
        once: Any = None,
        body: Any = None,
        template_file: str | None = None,
        template_id: str | None = None,
        template_title: str | None = None,
        restrictions: bool | str | None = None,
        parent_id: str | None = None,
        parent_title: str | None = None,
        files: Any = None,
        labels: Any = None,
        properties: Mapping[str, Any] | None = None,
        on_source_error: str = "fail",
        source_note: str = "Not read for this version: {sources}. These parts are as they were.",
        draft_id: str | None = None,
        message: str = "",
        minor: bool | str = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("trigger_rule", "all_done")
        super().__init__(**kwargs)
        self.space = space
        self.title = title
        self.places = [TemplatedEdits(place) for place in places]
        self.composed = composed
        self.once = TemplatedEdits(once)
        self.body = TemplatedStorage(body)
        self.template_file = template_file
        self.template_id = template_id
        self.template_title = template_title
        self.restrictions = restrictions
        self.parent_id = parent_id
        self.parent_title = parent_title
        self.files = files
        self.labels = labels
        self.properties = properties
        self.on_source_error = on_source_error
        self.source_note = source_note
        self.draft_id = draft_id
        self.message = message
        self.minor = minor
        # As they were given: rendering takes the tasks out of which a place's content comes.
        self.given_places = list(places)
        self.given_files = files

    def _result(self, client: ConfluenceClient, context: Context) -> DocumentResult:
        composed = Composed.read(self.composed) if self.composed else self._compose(context)
        return self._document(client, context, composed)

    def _compose(self, context: Context) -> Composed:
        """Bring together what the sources have.

        :raises AirflowFailException: a source failed, and that shall fail
        """
        sources = source_states(context, [*self.given_places, self.given_files])
        if sources.failed and self.on_source_error == "fail":
            raise AirflowFailException(
                f"nothing was written, because {', '.join(sources.failed)} failed: clear it, or set on_source_error to "
                "placeholder"
            )
        places: list[Edit] = []
        for given, place in zip(self.given_places, self.places, strict=True):
            if sources.lacks(given):
                self.log.info("left as it is, since there is no output for it: %s", TemplatedEdits(given).serialize())
            else:
                places += ready_edits(place)
        return Composed(places, as_artifacts(self.files), sources.failed)

    def _document(self, client: ConfluenceClient, context: Context, composed: Composed) -> DocumentResult:
        keeper = self._keeper(client, context, composed)
        plan = keeper.plan()
        self._log_plan(plan)
        if parse_bool(self.is_dry_run, "dry_run"):
            self.log.info("dry run: nothing was written")
            page, changed, filled = plan.page or self._page_to_be(), False, plan.filled
        else:
            page, changed, filled = keeper.run(plan)
            self.log.info("%s: %s (version %d)", "written" if changed else "nothing to write", page.url, page.version)
            if self.draft_id:
                client.trash_page(self.draft_id)
        self.page_url = page.url
        self._tell(filled)
        return {
            **page_result(page, changed=changed),
            "missing": list(filled.missing),
            "failed_sources": list(composed.failed_sources),
        }

    def _keeper(self, client: ConfluenceClient, context: Context, composed: Composed) -> DocumentUpdater:
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
            once=ready_edits(self.once),
            always=[SetNote(SOURCE_NOTE, note)],
            files=uploads_of(composed.files),
            labels=labels_of(self.labels),
            properties=dict(self.properties or {}),
            origin={"source": {"template": self._template_name()}},
            message=self.message,
            minor=parse_bool(self.minor, "minor"),
            audit=self._audit,
        )
        return DocumentUpdater(client, spec)

    def _parent_id(self, client: ConfluenceClient) -> str | None:
        if self.parent_title:
            return find_current(client, self.space, self.parent_title, "parent page", body=False).id
        return self.parent_id or None

    def _template(self, client: ConfluenceClient, context: Context) -> _Template | None:
        has_template = self.template_file or self.template_id or self.template_title or plain_body(self.body)
        return _Template(self, client, context) if has_template else None

    def _template_name(self) -> str:
        return self.template_file or self.template_id or self.template_title or ""

    def _check(self) -> None:
        super()._check()
        given = [
            name
            for name, value in (
                ("body", plain_body(self.body)),
                ("template_file", self.template_file),
                ("template_id", self.template_id),
                ("template_title", self.template_title),
            )
            if value
        ]
        if len(given) > 1:
            raise ValueError(f"give at most one template; given: {', '.join(given)}")
        if bool(self.places) == bool(self.composed):
            raise ValueError("give either places, an edit for each place that is kept fresh, or composed")

    def _page_to_be(self) -> Page:
        from workplace_provider.confluence.client import Page

        return Page("", self.space, self.title, "current", 0, "", self.parent_id)

    def _log_plan(self, plan: DocumentPlan) -> None:
        what = f"refresh {plan.page.url} (version {plan.page.version})" if plan.page else f"make {self.title!r}"
        lines = [what]
        if plan.files:
            lines += ["files:", described_files(plan.files)]
        lines += ["changes of the body:", logged_diff(plan.diff)] if plan.diff else ["the body stays as it is"]
        self.log.info("%s", "\n".join(lines))

    def _tell(self, filled: FillResult) -> None:
        for name in filled.moved:
            self.log.info("the place %r was found by what was written there last; its heading or position is another", name)
        for name in filled.missing:
            self.log.warning("the place %r is not on the page any more, and was not made again", name)


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
            return rendered_file(operator, self.context, operator.template_file)
        if operator.template_id:
            return self.client.get_template(operator.template_id).body
        if operator.template_title:
            return find_current(self.client, operator.space, operator.template_title, "template page").body or ""
        return plain_body(operator.body) or ""

    def restrictions(self) -> Restrictions:
        """Return the restrictions that a page created from the template page must have."""
        from workplace_provider.confluence.client import Restrictions
        from workplace_provider.confluence.publishing.restrictions import kept_restrictions

        operator = self.operator
        if not operator.template_title:
            return Restrictions()
        template = find_current(self.client, operator.space, operator.template_title, "template page", body=False)
        wanted = parse_optional_bool(operator.restrictions, "restrictions")
        return kept_restrictions(self.client, template, operator._parent_id(self.client), wanted=wanted)


class ConfluenceDraftOperator(ConfluenceDocumentOperator):
    """Show what a document will be, for a reviewer: the difference, and a draft page.

    It takes the parameters of :class:`ConfluenceDocumentOperator`, which publishes. Composing fails when publishing would:
    for a place that the template lacks, for a source that failed. What the reviewer saw is what is published
    (``composed=draft.output["document"]``), whatever the sources say by then.

    :param output_path: folder or object-storage URL for what was composed; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param draft: make the draft page; without, only the difference is worked out and nothing is written
    :param draft_title: title of the draft page, with ``{title}`` in it
    """

    template_fields: Sequence[str] = (
        *ConfluenceDocumentOperator.template_fields,
        "draft",
        "draft_title",
        "output_path",
        "output_conn_id",
    )

    def __init__(
        self,
        *,
        draft: bool | str = True,
        draft_title: str = "Draft: {title}",
        output_path: str | None = None,
        output_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.draft = draft
        self.draft_title = draft_title

    def _document(self, client: ConfluenceClient, context: Context, composed: Composed) -> DraftResult:
        from workplace_provider.confluence.publishing.create import PageContents, PageCreator, PageSpec
        from workplace_provider.confluence.publishing.restrictions import kept_restrictions

        plan = self._keeper(client, context, composed).plan()
        self._log_plan(plan)
        self._tell(plan.filled)
        target = plan.page or self._page_to_be()
        page, changed = target, False
        if parse_bool(self.draft, "draft") and not parse_bool(self.is_dry_run, "dry_run"):
            spec = PageSpec(
                space=self.space,
                title=self.draft_title.format(title=self.title),
                parent_id=target.parent_id or self._parent_id(client),
                run=run_key(context, self.task_id),
                if_exists="update",
            )
            # A draft says what the document will say, so nobody else may read it.
            restrictions = (
                kept_restrictions(client, plan.page, spec.parent_id, wanted=None)
                if plan.page
                else _Template(self, client, context).restrictions()
            )
            contents = PageContents(plan.body, files=uploads_of(composed.files), restrictions=restrictions)
            creator = PageCreator(client, spec, contents)
            result = creator.run(creator.plan())
            page, changed = result.page, result.changed
            self.log.info("the draft: %s", page.url)
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
