"""A document that is made of a template once and kept fresh: the managed places are ours, the rest is people's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.places import Filled, Trace, fill_places, place_names
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
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.errors import NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.edits import Edit

log = get_logger("workplace_provider.confluence")

PLACES: Final = "airflow.places"
"""Content property: name of each managed place -> what it looked like when it was filled last."""


@dataclass(frozen=True, slots=True)
class DocumentSpec:
    """What a document shall be.

    :param parent_id: page to put it under; ``None`` for the top of the space
    :param run: who makes it
    :param template: gives the storage format that a new page is made of; ``None`` for a page that must be there
    :param once: edits that are made when the page is made, and never again
    :param places: one edit for each managed place
    :param always: edits that are made each time and are no places, such as a note of what could not be read
    :param origin: what the page was made from; kept in its marker
    :param restrictions: who alone may see and edit a page that is made; asked for only then
    :param audit: who had it made, for the version comment
    """

    space: str
    title: str
    parent_id: str | None
    run: str
    template: Callable[[], str] | None
    places: Sequence[Edit]
    once: Sequence[Edit] = ()
    always: Sequence[Edit] = ()
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    minor: bool = False
    restrictions: Callable[[], Restrictions] = Restrictions
    audit: str = ""


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """What will be written.

    :param page: the page that is there; ``None`` when it will be made
    :param body: what it will say, as far as nobody writes on it in between
    :param diff: what that changes, for people
    :param filled: what becomes of the managed places
    """

    page: Page | None
    body: str = field(repr=False)
    diff: str = field(repr=False)
    filled: Filled
    making: PagePlan | None = None
    files: tuple[PlannedUpload, ...] = ()


class DocumentUpdater:
    """Makes one document, or keeps it fresh.

    :param client: the site
    :param spec: what the document shall be
    """

    def __init__(self, client: ConfluenceClient, spec: DocumentSpec) -> None:
        self._client = client
        self._spec = spec
        self._names = place_names(spec.places)
        self._filled = Filled({}, (), ())
        self._maker = PageCreator(client, self._page_spec(), self._belongings)

    def plan(self) -> DocumentPlan:
        """Look and decide; nothing is written.

        :raises NotFound: the page must be there and is not, or has none of the places
        :raises EditError: the template lacks a place, or a place is not as its edit expects
        """
        making = self._maker.plan() if self._spec.template else self._returned()
        if making.action is not PageAction.RETURN:
            return DocumentPlan(making.present, making.body, making.diff, self._made[1], making)
        page = making.present
        if page is None:
            raise AssertionError("a page that is returned is there")
        before = page.body or ""
        after = self._refreshed(page.id)(before)
        files = tuple(Attacher(self._client, page.id).plan(self._spec.files)) if self._spec.files else ()
        return DocumentPlan(page, after, body_diff(before, after), self._filled, None, files)

    def run(self, plan: DocumentPlan) -> tuple[Page, bool, Filled]:
        """Write what was planned; a person's words in between stay.

        :return: the page, whether anything was written, and what became of the managed places
        """
        if plan.making is not None:
            made = self._maker.run(plan.making)
            if made.changed:
                return made.page, True, self._made[1]
            # Another run was faster: its page is refreshed like any that was there.
            plan = self.plan()
        page = plan.page
        if page is None:
            raise AssertionError("a page that is refreshed is there")
        with keeping_state(self._client, page.id) as state:
            refreshed, changed, filled = self._refresh(plan, page)
        return state.after(refreshed), changed, filled

    def _refresh(self, plan: DocumentPlan, page: Page) -> tuple[Page, bool, Filled]:
        changed = False
        if plan.files:
            done = Attacher(self._client, page.id).run(plan.files)
            changed = any(each.action in (UploadAction.CREATE, UploadAction.UPDATE) for each in done)
        if missing := set(self._spec.labels) - set(self._client.labels(page.id) if self._spec.labels else ()):
            self._client.add_labels(page.id, [label for label in self._spec.labels if label in missing])
            changed = True
        page, written = self._client.update_page(
            page.id,
            self._refreshed(page.id),
            message=version_comment(self._spec.message, self._spec.audit),
            minor=self._spec.minor,
        )
        self._remember(page.id)
        return page, changed or written, self._filled

    def _page_spec(self) -> PageSpec:
        spec = self._spec
        return PageSpec(
            space=spec.space,
            title=spec.title,
            parent_id=spec.parent_id,
            run=spec.run,
            body=lambda: self._made[0],
            origin=spec.origin,
            message=spec.message,
            audit=spec.audit,
        )

    @cached_property
    def _made(self) -> tuple[str, Filled]:
        """The body of a new page: the template, with every place filled; and what became of the places."""
        spec = self._spec
        template = spec.template() if spec.template else ""
        document = PageDocument(body_from_template(template, spec.once))
        filled = fill_places(document, spec.places, None)
        return document.apply(spec.always).storage, filled

    def _belongings(self) -> PageContents:
        spec = self._spec
        places = _as_property({}, self._made[1])
        return PageContents(
            files=spec.files,
            labels=spec.labels,
            properties={**spec.properties, PLACES: places},
            restrictions=spec.restrictions(),
        )

    def _returned(self) -> PagePlan:
        spec = self._spec
        present = self._client.find_page(spec.space, spec.title, body=True)
        if present is None or present.status != "current":
            raise NotFound(
                f"there is no page {spec.title!r} in the space {spec.space}",
                system="Confluence",
                advice="check title and space, or give a template to make the page of",
            )
        return PagePlan(PageAction.RETURN, "", present, PageContents(), "")

    def _refreshed(self, page_id: str) -> Callable[[str], str]:
        """The edit of a body that is there."""
        remembered = self._remembered(page_id)

        def refreshed(storage: str) -> str:
            document = PageDocument(storage)
            self._filled = fill_places(document, self._spec.places, remembered)
            if self._names and len(self._filled.missing) == len(self._names):
                raise NotFound(
                    f"the page {self._spec.title!r} has none of the managed places {', '.join(map(repr, self._names))}",
                    system="Confluence",
                    advice="is it the right page? Its headings, tables and pictures say where the places are",
                )
            return document.apply(self._spec.always).storage

        return refreshed

    def _remembered(self, page_id: str) -> dict[str, Trace]:
        found = self._client.get_property(page_id, PLACES)
        value = found.value if found and isinstance(found.value, dict) else {}
        return {name: Trace.read(each) for name, each in value.items()}

    def _remember(self, page_id: str) -> None:
        before = {name: trace.as_dict() for name, trace in self._remembered(page_id).items()}
        after = _as_property(before, self._filled)
        if after != before:
            self._client.set_property(page_id, PLACES, lambda _: after)


def _as_property(before: Mapping[str, Any], filled: Filled) -> dict[str, Any]:
    """The traces to remember; a place that is missing keeps its old one, so that it is not made again later."""
    return {**before, **{name: trace.as_dict() for name, trace in filled.traces.items()}}
