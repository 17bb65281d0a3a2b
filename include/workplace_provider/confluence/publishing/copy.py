"""Copy a page to a new title, exactly once, and find the page to copy.

Cloud has an endpoint that copies a page with its files on the server. On Data Center the page is created, and its files are
downloaded and uploaded; see :mod:`~workplace_provider.confluence.publishing.create`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.common.title_dates import latest_title_before
from workplace_provider.confluence.client.checks import same_space
from workplace_provider.confluence.client.comments import is_blank
from workplace_provider.confluence.client.protocol import ReportsLiveDocs
from workplace_provider.confluence.pages import PageDocument, edits
from workplace_provider.confluence.publishing.attachments import LEDGER, Upload
from workplace_provider.confluence.publishing.create import (
    MARKER,
    IfExists,
    PageAction,
    PageContents,
    PageCreator,
    PagePlan,
    PageSpec,
    WriteResult,
)
from workplace_provider.confluence.publishing.labels import LabelRule
from workplace_provider.confluence.publishing.restrictions import kept_restrictions
from workplace_provider.confluence.publishing.series import CopiedPage, link_edit, roll_edits
from workplace_provider.confluence.publishing.states import WantedStatus
from workplace_provider.confluence.publishing.update import UPDATES
from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page, Restrictions
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.publishing.open_comments import IfOpenComments
    from workplace_provider.confluence.publishing.position import Place

__all__ = ["MARKER", "CopySpec", "PageAction", "PageCopier", "WriteResult", "find_source", "latest_before"]

log = get_logger("workplace_provider.confluence")

INTERNAL_PROPERTIES: Final = (MARKER, LEDGER, UPDATES)
"""Content properties in which the provider records its own work on a page. They are not copied."""

AttachmentMode = Literal["copy", "reference", "none"]


@dataclass(frozen=True, slots=True)
class CopySpec:
    """The copy to create.

    :param source: the page to copy, read with its body
    :param title: title of the copy
    :param parent_id: page to create it under
    :param run: id of the run that creates it. A repeat of the same run accepts its own finished copy, even under
        ``if_exists="fail"``
    :param attachments: ``copy`` the files, let the copy ``reference`` those of the source, or ``none``
    :param labels: copy the labels: all, none, or by a rule
    :param properties: copy all content properties, such as the page width, or only those with these keys
    :param restrictions: copy the source's restrictions; the account that creates the copy is added, because it could not
        finish the copy otherwise. ``None`` copies them when not everyone may read the source; see
        :func:`kept_restrictions`. Restrictions with groups by name replace those of the source
    :param if_exists: when another page already has the title: ``return`` that page unchanged, ``update`` it, or ``fail``
    :param edits: edits of the copied body, applied in the same write
    :param roll: parts of the body that roll over to the next period, of ``dates``, ``open_tasks`` and ``links``; before the
        edits
    :param files: files to upload to the copy; one with the name of a copied file replaces it
    :param space: key of the copy's space, when it differs from the source's
    :param own_labels: labels of the copy in addition to those of the source
    :param own_properties: content properties of the copy; they override those of the source
    :param status: content status of the copy, instead of that of the source
    :param copy_status: without ``status``, copy the content status of the source
    :param place: place of the copy among its siblings
    :param audit: user or schedule that started the run, for the version comment
    :param if_open_comments: when an update removes the passage of an open inline comment: ``warn``, ``skip`` the new body,
        or ``fail``
    :param together: pages that are copied together, with this one and first the one whose title determines the distance.
        Links to them lead to their copies
    :param copies: of these pages, id of a page to id of its copy, as far as they are copied
    """

    source: Page
    title: str
    parent_id: str | None
    run: str
    attachments: AttachmentMode = "copy"
    labels: bool | LabelRule = True
    properties: bool | Sequence[str] = True
    restrictions: bool | Restrictions | None = None
    if_exists: IfExists = "return"
    edits: Sequence[edits.Edit] = ()
    files: tuple[Upload, ...] = ()
    space: str = ""
    own_labels: Sequence[str] = ()
    own_properties: Mapping[str, Any] = field(default_factory=dict)
    status: WantedStatus | None = None
    copy_status: bool = True
    place: Place | None = None
    audit: str = ""
    if_open_comments: IfOpenComments = "warn"
    roll: Sequence[str] = ()
    together: Sequence[CopiedPage] = ()
    copies: Mapping[str, str] = field(default_factory=dict)


class PageCopier:
    """Creates one copy of a page, exactly once.

    Example::

        source = client.find_page("TEAM", "Weekly report 2026-11-24", body=True)
        spec = CopySpec(source, "Weekly report 2026-12-01", source.parent_id, run="weekly/2026-12-01")
        copier = PageCopier(client, spec)
        copy = copier.run(copier.plan())

    :param client: the site
    :param spec: the copy to create
    """

    def __init__(self, client: ConfluenceClient, spec: CopySpec) -> None:
        self._client = client
        self._spec = spec
        self._creator = PageCreator(client, _page_spec(spec), CopyContents(client, spec))

    def plan(self) -> PagePlan:
        """Read the site and decide what to do. Nothing is written.

        :raises AlreadyExists: when another page has the title, and ``if_exists`` does not allow that
        :raises EditError: when an edit does not find its place in the source
        """
        self._refuse_unpublished_live_doc()
        return self._creator.plan()

    def run(self, plan: PagePlan) -> WriteResult:
        """Write the copy.

        :raises AlreadyExists: when another writer took the title after the plan was made
        """
        return self._creator.run(plan)

    def _refuse_unpublished_live_doc(self) -> None:
        source, client = self._spec.source, self._client
        if not isinstance(client, ReportsLiveDocs) or source.version <= 1 or not is_blank(source.body or ""):
            return
        number = client.text_in_older_version(source)
        if number is not None:
            raise Invalid(
                f"the live doc {source.title!r} is empty in its current version, and has text in version {number}",
                advice=f"open it and publish its text, or restore version {number}: {source.url}",
            )


class CopyContents:
    """The content of a copy: the source's body after the edits, and the copied attachments, labels and so on."""

    def __init__(self, client: ConfluenceClient, spec: CopySpec) -> None:
        self._client = client
        self._spec = spec

    @cached_property
    def body(self) -> str:
        """The body of the copy.

        :raises EditError: when an edit does not find its place in the source
        """
        spec = self._spec
        document = PageDocument(spec.source.body or "", self._client)
        document.apply([edits.StripCommentMarkers()])
        # References are rewritten before the edits: content that an edit inserts belongs to the copy and its space.
        if spec.space and not same_space(spec.space, spec.source.space):
            document.apply([edits.QualifyReferences(spec.source.space)])
        if spec.attachments == "reference":
            document.apply([edits.ReferenceAttachments(spec.source.title, spec.source.space)])
        pages = spec.together or (CopiedPage(spec.source, spec.title),)
        document.apply(roll_edits(pages, spec.roll))
        # Links by address become links by title, so it follows the edit that moves links by title.
        links = link_edit(self._client, document, pages, spec.roll)
        if links is not None:
            other = spec.space if not same_space(spec.space or spec.source.space, spec.source.space) else ""
            document.apply([replace(links, new_space=other, files=spec.attachments == "copy")])
        return document.apply(edit.for_copy(spec.source.title, spec.title) for edit in spec.edits).storage

    def load(self) -> PageContents:
        """Return the body with the source's attachments, labels, properties and restrictions."""
        spec, source_id = self._spec, self._spec.source.id
        rule = LabelRule.of(spec.labels)
        return PageContents(
            body=self.body,
            attachments=tuple(self._client.attachments(source_id)) if spec.attachments == "copy" else (),
            files=spec.files,
            labels=(*rule.apply(self._client.labels(source_id) if rule.copy else ()), *spec.own_labels),
            properties={**self._copy_properties(), **spec.own_properties},
            restrictions=kept_restrictions(
                self._client, spec.source, spec.parent_id, wanted=spec.restrictions, copies=spec.copies
            ),
        )

    def _copy_properties(self) -> dict[str, Any]:
        wanted = self._spec.properties
        if wanted is False:
            return {}
        return {
            stored.key: stored.value
            for stored in self._client.properties(self._spec.source.id)
            if stored.key not in INTERNAL_PROPERTIES and (wanted is True or stored.key in wanted)
        }


def _page_spec(spec: CopySpec) -> PageSpec:
    source = spec.source
    return PageSpec(
        space=spec.space or source.space,
        title=spec.title,
        parent_id=spec.parent_id,
        run=spec.run,
        origin={"source": {"id": source.id, "version": source.version}},
        before=source.body or "",
        message=f"Copied from {source.title}",
        audit=spec.audit,
        if_exists=spec.if_exists,
        status=spec.status or (WantedStatus(of_page=source.id) if spec.copy_status else None),
        place=spec.place,
        copy_of=source,
        if_open_comments=spec.if_open_comments,
    )


def latest_before(title: str, children: Sequence[Page]) -> Page | None:
    """Return the page whose title follows the same pattern as ``title`` and comes last before it.

    So ``20261112_주간 보고`` comes before ``20261119_주간 보고``, and ``Weekly 30 Nov 2026`` before
    ``Weekly 7 Dec 2026``. The rules are those of :func:`~workplace_provider.common.title_dates.latest_title_before`.
    """
    pages = {page.title: page for page in children if page.status == "current"}
    latest = latest_title_before(title, list(pages))
    return None if latest is None else pages[latest]


def find_source(
    client: ConfluenceClient,
    *,
    space: str,
    title: str,
    new_title: str,
    parent_id: str | None,
    latest_child: bool,
) -> Page:
    """Return the page to copy, with its body.

    :param title: its title
    :param new_title: the title of the copy
    :param parent_id: its parent; a page elsewhere counts as missing
    :param latest_child: when the page is missing, use the latest page under the parent before ``new_title``
    :raises NotFound: when no page matches
    """
    page = client.find_page(space, title, body=True)
    if page is not None and page.status == "current" and parent_id in (None, page.parent_id):
        return page
    children = list(client.children(parent_id)) if parent_id is not None else []
    if latest_child and (latest := latest_before(new_title, children)) is not None:
        log.info("no page %r under the parent; copying the latest earlier one, %r", title, latest.title)
        return client.get_page(latest.id, body=True)
    if page is not None and page.status != "current":
        cause = f"the page {title!r} is {page.status}: {page.url}"
    elif page is not None:
        cause = f"the page {title!r} is not under the parent, but at {page.url}"
    else:
        cause = f"no page {title!r} in the space {space}"
    titles = ", ".join(repr(child.title) for child in children[-5:]) or "no pages"
    raise NotFound(
        cause,
        code="source-missing",
        advice=f"check the title pattern and the report date; pages under the parent: {len(children)}, last: {titles}"
        if parent_id is not None
        else "check the title pattern, the report date and the space",
    )
