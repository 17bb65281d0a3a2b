"""Create a document from a template once, and keep its managed places up to date. Everything else belongs to its readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.places import FillResult, PlaceSnapshot, fill_places, place_names
from workplace_provider.confluence.publishing.attachments import Attacher, PlannedUpload, Upload, UploadAction
from workplace_provider.confluence.publishing.create import (
    PageAction,
    PageContents,
    PageCreator,
    PagePlan,
    PageSpec,
    body_diff,
    body_from_template,
    version_comment,
)
from workplace_provider.confluence.publishing.open_comments import CommentGuard, IfOpenComments
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.errors import NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.document import People
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.position import Place

log = get_logger("workplace_provider.confluence")

PLACES: Final = "airflow.places"
"""Content property: the name of each managed place, with a snapshot of its content after the last update."""


class DocumentTemplate(Protocol):
    """The template of a document. It is read only when the document's page does not exist yet."""

    def storage(self) -> str:
        """Return the template in storage format."""

    def restrictions(self) -> Restrictions:
        """Return the restrictions that the new page must have."""


@dataclass(frozen=True, slots=True)
class StorageTemplate:
    """A template that is given as text in storage format; the new page has no restrictions."""

    text: str = field(repr=False)

    def storage(self) -> str:
        """Return the text."""
        return self.text

    def restrictions(self) -> Restrictions:
        """Return no restrictions."""
        return Restrictions()


@dataclass(frozen=True, slots=True)
class DocumentSpec:
    """The document to create or to update.

    :param parent_id: page to create it under; ``None`` for the top of the space
    :param run: id of the run that creates it
    :param template: template of a new page; ``None`` for a page that must exist
    :param places: one edit for each managed place
    :param once: edits that are applied only when the page is created
    :param always: edits that are applied at each update and are no places, such as a note about a source that failed
    :param origin: the template of the page; stored in its marker
    :param audit: user or schedule that started the run, for the version comment
    :param if_open_comments: if filling a place removes the passage of an open inline comment: fill it and ``warn``,
        ``skip`` that place, or ``fail``
    :param place: place of a new page among its siblings
    """

    space: str
    title: str
    parent_id: str | None
    run: str
    template: DocumentTemplate | None
    places: Sequence[Edit]
    once: Sequence[Edit] = ()
    always: Sequence[Edit] = ()
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    minor: bool = False
    audit: str = ""
    if_open_comments: IfOpenComments = "warn"
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """The writes that :meth:`DocumentUpdater.run` will make.

    :param page: the page to update; ``None`` when it will be created
    :param body: the new body, provided that no person edits the page in between
    :param diff: changes of the body, readable in a log
    :param filled: which managed places are filled, moved or missing
    :param creation: the plan of the page to create; ``None`` when it exists
    """

    page: Page | None
    body: str = field(repr=False)
    diff: str = field(repr=False)
    filled: FillResult
    creation: PagePlan | None = None
    files: tuple[PlannedUpload, ...] = ()


class DocumentUpdater:
    """Creates one document from its template, or updates its managed places.

    Example::

        places = [ReplaceSection("Numbers", "<p>42 users</p>")]
        template = StorageTemplate("<h2>Numbers</h2><p>…</p>")
        spec = DocumentSpec("TEAM", "Dashboard", None, run="dashboard/2026-12-01", template=template, places=places)
        updater = DocumentUpdater(client, spec)
        page, changed, filled = updater.run(updater.plan())

    :param client: the site
    :param spec: the document
    """

    def __init__(self, client: ConfluenceClient, spec: DocumentSpec) -> None:
        self._client = client
        self._spec = spec
        self._contents = DocumentContents(spec, client)
        self._creator = PageCreator(client, _page_spec(spec), self._contents)

    def plan(self) -> DocumentPlan:
        """Read the site and decide what to do. Nothing is written.

        :raises NotFound: when a page that must exist does not, or when it has no managed place
        :raises EditError: when the template does not have a place, or a place is not as its edit expects
        """
        if self._spec.template is not None:
            creation = self._creator.plan()
            if creation.action is not PageAction.RETURN or creation.present is None:
                return DocumentPlan(creation.present, creation.body, creation.diff, self._contents.filled, creation)
            page = creation.present
        else:
            page = self._find_page()
        before = page.body or ""
        refresh = self._read_places(page)
        after = refresh.apply(before)
        files = tuple(Attacher(self._client, page.id).plan(self._spec.files)) if self._spec.files else ()
        return DocumentPlan(page, after, body_diff(before, after), refresh.filled, None, files)

    def run(self, plan: DocumentPlan) -> tuple[Page, bool, FillResult]:
        """Write what was planned. Text that a person wrote in between is kept.

        :return: the page, whether anything was written, and which managed places are filled, moved or missing
        """
        if plan.creation is not None:
            created = self._creator.run(plan.creation)
            if created.changed:
                return created.page, True, self._contents.filled
            # Another run was faster. Its page is updated like any page that existed before.
            plan = self.plan()
        page = plan.page
        if page is None:
            raise AssertionError("a plan without a creation has a page")
        with keeping_state(self._client, page.id) as state:
            updated, changed, filled = self._update(plan, page)
        return state.after(updated), changed, filled

    def _update(self, plan: DocumentPlan, page: Page) -> tuple[Page, bool, FillResult]:
        spec, changed = self._spec, False
        if plan.files:
            uploaded = Attacher(self._client, page.id).run(plan.files)
            changed = any(result.action in (UploadAction.CREATE, UploadAction.UPDATE) for result in uploaded)
        if missing := set(spec.labels) - set(self._client.labels(page.id) if spec.labels else ()):
            self._client.add_labels(page.id, [label for label in spec.labels if label in missing])
            changed = True
        refresh = self._read_places(page)
        message = version_comment(spec.message, spec.audit)
        page, written = self._client.update_page(page.id, refresh.apply, message=message, minor=spec.minor)
        self._store_places(page.id, refresh.filled)
        return page, changed or written, refresh.filled

    def _find_page(self) -> Page:
        spec = self._spec
        page = self._client.find_page(spec.space, spec.title, body=True)
        if page is None or page.status != "current":
            raise NotFound(
                f"no page {spec.title!r} in the space {spec.space}",
                advice="check title and space, or give a template to create the page from",
            )
        return page

    def _read_places(self, page: Page) -> PlaceRefresh:
        guard = CommentGuard(self._client, page, self._spec.if_open_comments)
        return PlaceRefresh(self._spec, self._stored_places(page.id), self._client, guard)

    def _stored_places(self, page_id: str) -> dict[str, PlaceSnapshot]:
        stored = self._client.get_property(page_id, PLACES)
        value = stored.value if stored and isinstance(stored.value, dict) else {}
        return {name: PlaceSnapshot.from_dict(trace) for name, trace in value.items()}

    def _store_places(self, page_id: str, filled: FillResult) -> None:
        before = {name: trace.as_dict() for name, trace in self._stored_places(page_id).items()}
        after = _as_property(before, filled)
        if after != before:
            self._client.set_property(page_id, PLACES, lambda _: after)


class DocumentContents:
    """The content of a new document: the template with every managed place filled.

    :param spec: the document
    :param people: display names of mentioned users
    """

    def __init__(self, spec: DocumentSpec, people: People) -> None:
        self._spec = spec
        self._people = people

    @property
    def body(self) -> str:
        """The body in storage format."""
        return self._filled_template[0]

    @property
    def filled(self) -> FillResult:
        """The managed places of the template, as they were filled."""
        return self._filled_template[1]

    def load(self) -> PageContents:
        """Return the body with files, labels, properties and the template's restrictions."""
        spec = self._spec
        return PageContents(
            body=self.body,
            files=spec.files,
            labels=spec.labels,
            properties={**spec.properties, PLACES: _as_property({}, self.filled)},
            restrictions=spec.template.restrictions() if spec.template else Restrictions(),
        )

    @cached_property
    def _filled_template(self) -> tuple[str, FillResult]:
        spec = self._spec
        template = spec.template.storage() if spec.template else ""
        document = PageDocument(body_from_template(template, spec.once, self._people), self._people)
        filled = fill_places(document, spec.places, None)
        return document.apply(spec.always).storage, filled


class PlaceRefresh:
    """The edit that fills the managed places of an existing page.

    :param spec: the document
    :param stored: snapshots of the places from the last update
    :param people: display names of mentioned users
    :param guard: protects open comments
    """

    def __init__(self, spec: DocumentSpec, stored: Mapping[str, PlaceSnapshot], people: People, guard: CommentGuard) -> None:
        self._spec = spec
        self._stored = stored
        self._people = people
        self._guard = guard
        self.filled = FillResult({}, (), ())

    def apply(self, storage: str) -> str:
        """Return the body with its places filled; the result is in :attr:`filled`.

        :raises NotFound: when the page has no managed place
        """
        document = PageDocument(storage, self._people)
        places = self._without_orphans(storage)
        self.filled = fill_places(document, places, self._stored)
        names = place_names(places)
        if names and len(self.filled.missing) == len(names):
            raise NotFound(
                f"the page {self._spec.title!r} has none of the managed places {', '.join(map(repr, names))}",
                advice="check that it is the right page, and that its headings, tables and images match the places",
            )
        return self._guard.accept(storage, document.apply(self._spec.always).storage)

    def _without_orphans(self, storage: str) -> Sequence[Edit]:
        """Return the places that can be filled without orphaning an open comment, if such places are to be skipped."""
        spec = self._spec
        if spec.if_open_comments != "skip":
            return spec.places
        kept: list[Edit] = []
        for name, edit in zip(place_names(spec.places), spec.places, strict=True):
            document = PageDocument(storage, self._people)
            fill_places(document, [edit], self._stored)
            if self._guard.accept(storage, document.storage, what=f"the place {name!r}") == document.storage:
                kept.append(edit)
        return kept


def _page_spec(spec: DocumentSpec) -> PageSpec:
    return PageSpec(
        space=spec.space,
        title=spec.title,
        parent_id=spec.parent_id,
        run=spec.run,
        origin=spec.origin,
        message=spec.message,
        audit=spec.audit,
        place=spec.place,
    )


def _as_property(before: Mapping[str, Any], filled: FillResult) -> dict[str, Any]:
    """Return the snapshots to store. A missing place keeps its old snapshot, so that it is not created again later."""
    return {**before, **{name: trace.as_dict() for name, trace in filled.snapshots.items()}}
