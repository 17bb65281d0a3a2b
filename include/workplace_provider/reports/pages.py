"""The page of a report: a copy of the previous page, a new page from a template, or a page that exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from workplace_provider.confluence.pages.edits import ShiftDates
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier, find_source
from workplace_provider.confluence.publishing.current import find_current
from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentUpdater
from workplace_provider.confluence.publishing.labels import LabelRule
from workplace_provider.confluence.publishing.parents import find_parent
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.errors import NotFound
from workplace_provider.reports.placing import draft_edits, draft_status, wanted_place

if TYPE_CHECKING:
    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.client.model import Restrictions
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.attachments import Upload
    from workplace_provider.reports.definition import PageSpec

REHEARSAL: Final = "[rehearsal] {title}"
WITHDRAWN_LABEL: Final = "withdrawn"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page to write.

    :param spec: the page in the definition
    :param title: title for this period
    :param previous_title: title for the period before
    :param places: edits that fill the page from its sources
    :param always: edits that belong to no place, such as a warning at the top
    :param once: edits that are applied only when the page is created from a template
    :param labels: labels to add
    :param run: id of the task in its run, the same in every try
    :param task: id of the task in any run
    :param template: the template in storage format, of a file or of the page ``template_id``
    :param template_id: id of the page whose restrictions a page from ``template`` gets
    :param rehearsal: write it under the rehearsal parent, with a title that says so
    """

    spec: PageSpec
    title: str
    previous_title: str
    places: Sequence[Edit]
    run: str
    task: str
    always: Sequence[Edit] = ()
    once: Sequence[Edit] = ()
    labels: Sequence[str] = ()
    files: tuple[Upload, ...] = ()
    template: str = ""
    template_id: str = ""
    message: str = ""
    audit: str = ""
    rehearsal: bool = False

    @property
    def final_title(self) -> str:
        """The title that the page gets."""
        return REHEARSAL.format(title=self.title) if self.rehearsal else self.title

    @property
    def parent(self) -> str:
        """The page above, as the definition names it; empty for the top of the space."""
        return self.spec.rehearsal_parent if self.rehearsal else self.spec.parent


@dataclass(frozen=True, slots=True)
class PagePreview:
    """The outcome of writing the page.

    :param page: the page that has the title now
    :param body: the body that the page will have
    :param diff: differences from the page that it is made of
    :param source: title of that page
    :param before: its body
    :param is_final: the page exists, and the report does not change it again
    """

    page: Page | None
    body: str = field(repr=False)
    diff: str = field(repr=False)
    source: str
    before: str = field(default="", repr=False)
    is_final: bool = False


class PageWriter(Protocol):
    """Writes the page of a report in one of the three ways."""

    missing: Sequence[str]
    """The places that people have removed from the page; known after it was written."""

    def preview(self) -> PagePreview:
        """Read the site and return what will be written. Nothing is written."""

    def write(self) -> tuple[Page, bool]:
        """Write the page; return it, and whether anything was changed."""


def page_writer(client: ConfluenceClient, request: PageRequest) -> PageWriter:
    """Return the writer for the page of a request.

    :raises NotFound: if a page that must exist does not: the parent, or the page to copy
    """
    source = request.spec.source
    if source == "existing":
        return ExistingPage(client, request)
    if source == "previous":
        parent_id = _parent_id(client, request)
        try:
            page = _previous_page(client, request)
        except NotFound:
            if request.spec.if_previous_missing != "template":
                raise
        else:
            return CopiedPage(client, request, page, parent_id)
    return TemplatePage(client, request, _parent_id(client, request))


class CopiedPage:
    """The page is a copy of the previous one, rolled to the new period. A page that exists already is not changed."""

    missing: Sequence[str] = ()

    def __init__(self, client: ConfluenceClient, request: PageRequest, source: Page, parent_id: str | None) -> None:
        self._source = source
        spec = request.spec
        parent_id = source.parent_id if parent_id is None else parent_id
        status, copy_status = draft_status(client, spec, source)
        self._copier = PageCopier(
            client,
            CopySpec(
                source=source,
                title=request.final_title,
                parent_id=parent_id,
                space=spec.space,
                run=request.run,
                labels=LabelRule(spec.labels.copy, tuple(request.labels), (*spec.labels.drop, WITHDRAWN_LABEL)),
                roll=_rolls(spec),
                edits=[*_dates(spec), *draft_edits(spec), *request.places, *request.always],
                files=request.files,
                own_properties=spec.properties,
                status=status,
                copy_status=copy_status,
                place=wanted_place(client, spec, parent_id, source, rehearsal=request.rehearsal),
                audit=request.audit,
            ),
        )

    def preview(self) -> PagePreview:
        """Return the copy."""
        plan = self._copier.plan()
        is_final = plan.action.value == "return"
        body = (plan.present.body or "") if is_final and plan.present else plan.body
        return PagePreview(plan.present, body, plan.diff, self._source.title, self._source.body or "", is_final)

    def write(self) -> tuple[Page, bool]:
        """Create the copy, or finish one that was interrupted."""
        result = self._copier.run(self._copier.plan())
        return result.page, result.changed


class TemplatePage:
    """The page is created from a template, and its places are filled again by each run."""

    missing: Sequence[str] = ()

    def __init__(self, client: ConfluenceClient, request: PageRequest, parent_id: str | None) -> None:
        self._request = request
        self._updater = DocumentUpdater(
            client,
            DocumentSpec(
                space=request.spec.space,
                title=request.final_title,
                parent_id=parent_id,
                run=request.run,
                template=_Template(client, request),
                places=request.places,
                once=request.once,
                always=request.always,
                files=request.files,
                labels=tuple(request.labels),
                properties=request.spec.properties,
                origin={"source": {"template": _template_name(request.spec)}},
                message=request.message,
                audit=request.audit,
                place=wanted_place(client, request.spec, parent_id, request.previous_title, rehearsal=request.rehearsal),
            ),
        )

    def preview(self) -> PagePreview:
        """Return the filled template, or the present page with its places filled."""
        plan = self._updater.plan()
        before = plan.page.body or "" if plan.page else ""
        return PagePreview(plan.page, plan.body, plan.diff, _template_name(self._request.spec), before)

    def write(self) -> tuple[Page, bool]:
        """Create or update the page."""
        page, changed, filled = self._updater.run(self._updater.plan())
        self.missing = filled.missing
        return page, changed


class ExistingPage:
    """The page exists; its places are filled, and everything else stays."""

    missing: Sequence[str] = ()

    def __init__(self, client: ConfluenceClient, request: PageRequest) -> None:
        self._client = client
        self._request = request
        self._updater = PageUpdater(
            client,
            UpdateSpec(
                edits=[*request.places, *request.always],
                task=request.task,
                run=request.run,
                message=request.message,
                minor=True,
                files=request.files,
                labels=tuple(request.labels),
                audit=request.audit,
            ),
        )

    def preview(self) -> PagePreview:
        """Return the page with its places filled."""
        plan = self._updater.plan(self._page())
        before = plan.page.body or ""
        return PagePreview(plan.page, self._updater.apply(before), plan.diff, self._request.title, before)

    def write(self) -> tuple[Page, bool]:
        """Update the page."""
        return self._updater.run(self._updater.plan(self._page()))

    def _page(self) -> Page:
        return find_current(self._client, self._request.spec.space, self._request.title, "page")


@dataclass(frozen=True, slots=True)
class _Template:
    """The template of a new page: another page of the space, or a text."""

    client: ConfluenceClient
    request: PageRequest

    def storage(self) -> str:
        """Return the template in storage format."""
        return self.request.template or self._page(body=True).body or ""

    def restrictions(self) -> Restrictions:
        """Return the restrictions of the template page, which the new page gets, too."""
        from workplace_provider.confluence.client.model import Restrictions
        from workplace_provider.confluence.publishing.restrictions import kept_restrictions

        if self.request.template and not self.request.template_id:
            return Restrictions()
        return kept_restrictions(self.client, self._page(), _parent_id(self.client, self.request), wanted=None)

    def _page(self, *, body: bool = False) -> Page:
        if self.request.template_id:
            return self.client.get_page(self.request.template_id, body=body)
        spec = self.request.spec
        return find_current(self.client, spec.space, _template_name(spec), "template page", body=body)


def _rolls(spec: PageSpec) -> list[str]:
    return [rule for rule in spec.roll if rule != "dates" or not spec.leave]


def _dates(spec: PageSpec) -> list[Edit]:
    """Return the edit that moves dates, if it must leave those of some sections."""
    if not spec.leave or "dates" not in spec.roll:
        return []
    # Links move with the rule of their own, and would move twice.
    return [ShiftDates(days="titles", within=("text", "time"), tasks=False, leave=tuple(spec.leave))]


def _template_name(spec: PageSpec) -> str:
    source = spec.source
    return spec.template if isinstance(source, str) else source.template or source.file


def _previous_page(client: ConfluenceClient, request: PageRequest) -> Page:
    spec = request.spec
    # A rehearsal copies the real page of the period before, which is under the real parent.
    parent = find_parent(client, spec.space, spec.parent).id if spec.parent else None
    return find_source(
        client,
        space=spec.space,
        title=request.previous_title,
        new_title=request.title,
        parent_id=parent,
        latest_child=spec.if_previous_missing == "latest",
    )


def _parent_id(client: ConfluenceClient, request: PageRequest) -> str | None:
    if not request.parent:
        return None
    return find_parent(client, request.spec.space, request.parent).id


def as_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels in Confluence's form: lower case, without spaces."""
    return tuple(dict.fromkeys(label.strip().lower().replace(" ", "-") for label in labels if label.strip()))
