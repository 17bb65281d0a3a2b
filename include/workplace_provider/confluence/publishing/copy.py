"""Copy a page to a new title, exactly once, and find the page to copy.

Data Center has no call that copies a page; see :mod:`~workplace_provider.confluence.publishing.create` for how it is made.
Cloud has one, which copies the files on the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.confluence.client.checks import same_space
from workplace_provider.confluence.client.comments import is_blank
from workplace_provider.confluence.client.protocol import ConfluenceClient, CopiesPages, ReportsLiveDocs
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
from workplace_provider.confluence.publishing.restrictions import kept_restrictions
from workplace_provider.confluence.publishing.update import UPDATES
from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page

__all__ = ["MARKER", "CopySpec", "PageAction", "PageCopier", "WriteResult", "find_source", "latest_before"]

log = get_logger("workplace_provider.confluence")

OURS: Final = (MARKER, LEDGER, UPDATES)
"""Content properties that say what we did to a page; they are nothing of a copy's."""

AttachmentMode = Literal["copy", "reference", "none"]


@dataclass(frozen=True, slots=True)
class CopySpec:
    """What a copy shall be.

    :param source: the page to copy, read with its body
    :param title: title of the copy
    :param parent_id: page to put it under
    :param run: who makes the copy; a repeat of the same run may find its own finished copy under ``if_exists="fail"``
    :param attachments: ``copy`` the files, let the copy ``reference`` those of the source, or ``none``
    :param labels: copy the labels
    :param properties: copy the content properties (page width among them), all or those of the given keys
    :param restrictions: copy who alone may see and edit the page; the account that makes the copy is added, else it could
        not finish it. ``None`` copies them when not everybody may see the page; see :func:`kept_restrictions`
    :param if_exists: when another page has the title already: ``return`` it as it is, ``update`` it, or ``fail``
    :param edits: edits of the copied body, made in the same write
    :param files: files to put on the copy; one of the name of a copied file takes its place
    :param space: key of the space of the copy, when it is another than the source's
    :param own_labels: labels of the copy beside those of the source
    :param own_properties: content properties of the copy, before those of the source
    :param audit: who had it made, for the version comment
    """

    source: Page
    title: str
    parent_id: str | None
    run: str
    attachments: AttachmentMode = "copy"
    labels: bool = True
    properties: bool | Sequence[str] = True
    restrictions: bool | None = None
    if_exists: IfExists = "return"
    edits: Sequence[edits.Edit] = ()
    files: tuple[Upload, ...] = ()
    space: str = ""
    own_labels: Sequence[str] = ()
    own_properties: Mapping[str, Any] = field(default_factory=dict)
    audit: str = ""


class PageCopier:
    """Makes one copy.

    :param client: the site
    :param spec: what the copy shall be
    """

    def __init__(self, client: ConfluenceClient, spec: CopySpec) -> None:
        self._client = client
        self._spec = spec

    def plan(self) -> PagePlan:
        """Look at what is there and decide; nothing is written.

        :raises AlreadyExists: when a page that is not ours has the title and may not be taken
        :raises EditError: when an edit does not find its place in the source
        """
        source, client = self._spec.source, self._client
        if isinstance(client, ReportsLiveDocs) and is_blank(source.body or "") and source.version > 1:
            number = client.text_in_older_version(source)
            if number is not None:
                raise Invalid(
                    f"the live doc {source.title!r} is empty in its current version, and has text in version {number}",
                    system="Confluence",
                    advice=f"open it and publish its text, or restore version {number}: {source.url}",
                )
        return self._maker.plan()

    def run(self, plan: PagePlan) -> WriteResult:
        """Write the copy.

        :raises AlreadyExists: when somebody else took the title since the plan was made
        """
        return self._maker.run(plan)

    @cached_property
    def _maker(self) -> PageCreator:
        spec, source = self._spec, self._spec.source
        page = PageSpec(
            space=spec.space or source.space,
            title=spec.title,
            parent_id=spec.parent_id,
            run=spec.run,
            body=self._body,
            origin={"source": {"id": source.id, "version": source.version}},
            before=source.body or "",
            message=f"Copied from {source.title}",
            audit=spec.audit,
            if_exists=spec.if_exists,
        )
        return PageCreator(self._client, page, self._belongings, self._copied)

    def _copied(self, body: str, has: PageContents) -> Page | None:
        """The copy that the site makes by itself, where it saves carrying files.

        Not of a page with restrictions: they have to be there before the files that they protect.
        """
        client, spec = self._client, self._spec
        if not isinstance(client, CopiesPages) or not has.attachments or has.restrictions:
            return None
        return client.copy_page(spec.source, spec.space or spec.source.space, spec.title, body, parent_id=spec.parent_id)

    def _body(self) -> str:
        spec = self._spec
        document = PageDocument(spec.source.body or "")
        document.apply([edits.StripCommentMarkers()])
        if spec.space and not same_space(spec.space, spec.source.space):
            # Before the edits, too: what they write is for the space of the copy.
            document.apply([edits.QualifyReferences(spec.source.space)])
        if spec.attachments == "reference":
            # Before the edits: an image that they put in is a file of the copy.
            document.apply([edits.ReferenceAttachments(spec.source.title, spec.source.space)])
        return document.apply(edit.for_copy(spec.source.title, spec.title) for edit in spec.edits).storage

    def _belongings(self) -> PageContents:
        spec, source_id = self._spec, self._spec.source.id
        return PageContents(
            attachments=tuple(self._client.attachments(source_id)) if spec.attachments == "copy" else (),
            files=spec.files,
            labels=(*(self._client.labels(source_id) if spec.labels else ()), *spec.own_labels),
            properties={**self._properties(), **spec.own_properties},
            restrictions=kept_restrictions(self._client, spec.source, spec.parent_id, wanted=spec.restrictions),
        )

    def _properties(self) -> dict[str, Any]:
        wanted = self._spec.properties
        if wanted is False:
            return {}
        return {
            found.key: found.value
            for found in self._client.properties(self._spec.source.id)
            if found.key not in OURS and (wanted is True or found.key in wanted)
        }


def latest_before(title: str, children: Sequence[Page]) -> Page | None:
    """The page whose title is of the same make as ``title``, and comes last before it.

    Titles are of the same make when they are equal but for their numbers; the numbers are compared from left to right. So
    ``20261112_주간 보고`` comes before ``20261119_주간 보고``. A pattern that puts the day before the year cannot be ordered
    over the turn of a year.
    """
    make, numbers = _title_make(title)
    earlier = [
        (_title_make(page.title)[1], page)
        for page in children
        if page.status == "current" and _title_make(page.title)[0] == make and _title_make(page.title)[1] < numbers
    ]
    return max(earlier, key=lambda each: each[0])[1] if earlier else None


def find_source(
    client: ConfluenceClient,
    *,
    space: str,
    title: str,
    new_title: str,
    parent_id: str | None,
    latest_child: bool,
) -> Page:
    """The page to copy, with its body.

    :param title: its title
    :param new_title: the title of the copy
    :param parent_id: the page it is under; where it is not the parent, the page counts as missing
    :param latest_child: when there is no such page, take the latest page under the parent before ``new_title``
    :raises NotFound: when there is none
    """
    found = client.find_page(space, title, body=True)
    if found is not None and found.status == "current" and parent_id in (None, found.parent_id):
        return found
    children = list(client.children(parent_id)) if parent_id is not None else []
    if latest_child and (latest := latest_before(new_title, children)) is not None:
        log.info("no page %r under the parent; taking the latest before, %r", title, latest.title)
        return client.get_page(latest.id, body=True)
    if found is not None and found.status != "current":
        why = f"the page {title!r} is {found.status}: {found.url}"
    elif found is not None:
        why = f"the page {title!r} is not under the parent, but at {found.url}"
    else:
        why = f"there is no page {title!r} in the space {space}"
    titles = ", ".join(repr(page.title) for page in children[-5:]) or "no pages"
    raise NotFound(
        why,
        system="Confluence",
        code="source-missing",
        advice=f"check the title pattern and the report date; under the parent there are {len(children)}, last: {titles}"
        if parent_id is not None
        else "check the title pattern, the report date and the space",
    )


def _title_make(title: str) -> tuple[str, tuple[int, ...]]:
    return re.sub(r"\d+", "0", title.strip()), tuple(int(number) for number in re.findall(r"\d+", title))
