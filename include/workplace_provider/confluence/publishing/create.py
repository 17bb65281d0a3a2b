"""Make a page exactly once, whatever breaks on the way, and wherever its content comes from.

The page is created, marked as ours and incomplete, given its restrictions, files, labels and properties, and marked
complete. A run that finds an incomplete page of ours finishes it.
"""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.confluence.client.checks import same_space
from workplace_provider.confluence.client.model import Attachment, Page, Restrictions, is_unfinished_create
from workplace_provider.confluence.pages import PageDocument, page_diff, same_content, storage_diff
from workplace_provider.confluence.pages.document import AT
from workplace_provider.confluence.publishing.attachments import Attacher, Upload, UploadAction, make_upload, without_mark
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import AlreadyExists, Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.edits import Edit

log = get_logger("workplace_provider.confluence")

MARKER: Final = "airflow.copy"
"""Content property of a page that we made: where it comes from, run, complete."""

PLACEHOLDER_BODY: Final = "<p>⏳</p>"
"""What a new page shows until the files that its body shows are on it; nobody shall see broken images."""

ATTEMPTS: Final = 3

IfExists = Literal["return", "update", "fail"]


@dataclass(frozen=True, slots=True)
class PageSpec:
    """What a page shall be.

    :param parent_id: page to put it under; ``None`` for the top of the space
    :param run: who makes it; a repeat of the same run may find its own finished page under ``if_exists="fail"``
    :param body: makes what it shall say, in storage format; asked only when that matters, and once
    :param origin: what the body was made from; kept in the marker
    :param before: the body that the plan's diff of a new page starts from
    :param message: version comment of an update
    :param audit: who had it made, for the version comment
    :param if_exists: when another page has the title already: ``return`` it as it is, ``update`` it, or ``fail``
    """

    space: str
    title: str
    parent_id: str | None
    run: str
    body: Callable[[], str]
    origin: Mapping[str, Any] = field(default_factory=dict)
    before: str = field(default="", repr=False)
    message: str = ""
    audit: str = ""
    if_exists: IfExists = "return"


@dataclass(frozen=True, slots=True)
class PageContents:
    """What a page has beside its body.

    :param attachments: files of another page, which are copied
    :param files: files of our own; one of the name of an attachment takes its place
    """

    attachments: tuple[Attachment, ...] = ()
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    restrictions: Restrictions = field(default_factory=Restrictions)


class PageAction(StrEnum):
    """What making a page comes to."""

    CREATE = "create"
    FINISH = "finish"
    UPDATE = "update"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class PagePlan:
    """What will be written.

    :param body: the body that the page gets
    :param present: the page that has the title now
    :param diff: what the body changes: against the page to update, else against what it was made from
    """

    action: PageAction
    body: str = field(repr=False)
    present: Page | None
    belongings: PageContents
    diff: str = field(repr=False)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that are copied from another page."""
        return self.belongings.attachments


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The page that has the title now, and whether anything was written."""

    page: Page
    changed: bool


class PageCreator:
    """Makes one page.

    :param client: the site
    :param spec: what the page shall be
    :param belongings: tells what belongs to it beside the body; asked only when something will be written
    :param copy: makes the page with a body by copying another with its files, when the site does that by itself; ``None``
        from it means that this page is not to be made so
    """

    def __init__(
        self,
        client: ConfluenceClient,
        spec: PageSpec,
        belongings: Callable[[], PageContents],
        copy: Callable[[str, PageContents], Page | None] = lambda _body, _has: None,
    ) -> None:
        self._client = client
        self._spec = spec
        self._belongings = belongings
        self._copy = copy

    def plan(self) -> PagePlan:
        """Look at what is there and decide; nothing is written.

        :raises AlreadyExists: when a page that is not ours has the title and may not be taken
        """
        spec = self._spec
        present = self._client.find_page(spec.space, spec.title, body=True)
        action = self._action(present)
        if action is PageAction.RETURN:
            return PagePlan(action, "", present, PageContents(), "")
        before = present.body or "" if present is not None and action is PageAction.UPDATE else spec.before
        has = _with_own_files_first(self._belongings())
        return PagePlan(action, self._body, present, has, body_diff(before, self._body))

    def run(self, plan: PagePlan) -> WriteResult:
        """Write the page.

        :raises AlreadyExists: when somebody else took the title since the plan was made
        """
        spec = self._spec
        for _ in range(ATTEMPTS):
            if plan.present is not None and plan.action is PageAction.UPDATE:
                with keeping_state(self._client, plan.present.id) as state:
                    made = self._written(plan, plan.present, plan.present.body or "")
                return WriteResult(state.after(made.page), made.changed)
            if plan.present is not None:
                return self._written(plan, plan.present, plan.present.body or "")
            # Nor shall anybody see, or get by mail, what the restrictions are about to hide. And a comment that cannot be in
            # the first version is in the one that has the body.
            is_filled_later = (
                plan.belongings.files
                or plan.belongings.restrictions
                or (spec.audit and not self._client.comments_first_version)
            )
            body = PLACEHOLDER_BODY if is_filled_later else plan.body
            comment = "" if is_filled_later else spec.audit
            try:
                copied = self._copy(body, plan.belongings)
                page = copied or self._client.create_page(
                    spec.space, spec.title, body, parent_id=spec.parent_id, message=comment
                )
            except AlreadyExists:
                plan = self.plan()  # another run was faster; its page is looked at like any that was there before
                if plan.present is None:
                    raise
            else:
                self._refuse_other_space(page)
                return self._written(plan, page, body, has_files=copied is not None)
        raise AlreadyExists(f"the title {spec.title!r} comes and goes", system="Confluence", advice="run it again")

    def _refuse_other_space(self, page: Page) -> None:
        """Refuse a page that went to the space of its parent instead of the one that was asked for."""
        spec = self._spec
        if page.space and not same_space(page.space, spec.space):
            self._client.trash_page(page.id)
            raise Invalid(
                f"the parent of {spec.title!r} is in the space {page.space}, not in {spec.space}; the page is in the trash",
                system="Confluence",
                advice="give a parent in the space, or the space of the parent",
            )

    @cached_property
    def _body(self) -> str:
        return self._spec.body()

    def _written(self, plan: PagePlan, page: Page, shown: str, *, has_files: bool = False) -> WriteResult:
        if plan.action is PageAction.RETURN:
            return WriteResult(page, changed=False)
        has = plan.belongings
        changed = plan.action is not PageAction.UPDATE
        fresh = plan.present is None
        self._mark(page, complete=False, absent=fresh)
        if has.restrictions:
            # Before the files that they protect, which nobody else shall see for even a moment.
            self._client.set_restrictions(page.id, has.restrictions.including(self._client.current_user().name))
        # The files come before the body that shows them, the ones to copy before our own: one writer at a time.
        changed |= self._copy_attachments(plan, page, fresh=fresh and not has_files)
        if has.files:
            attacher = Attacher(self._client, page.id)
            done = attacher.run(attacher.plan(has.files))
            changed |= any(each.action in (UploadAction.CREATE, UploadAction.UPDATE) for each in done)
        self._client.add_labels(page.id, has.labels)
        for key, value in has.properties.items():
            self._client.set_property(page.id, key, _always(value), absent=fresh)
        if plan.action is PageAction.UPDATE:
            page, written = self._client.update_page(
                page.id, lambda _: plan.body, message=version_comment(self._spec.message, self._spec.audit)
            )
            changed |= written
        elif not same_content(plan.body, PLACEHOLDER_BODY) and same_content(shown, PLACEHOLDER_BODY):
            page = self._filled(plan, page)
        self._mark(page, complete=True)
        return WriteResult(page, changed)

    def _filled(self, plan: PagePlan, page: Page) -> Page:
        """Replace the stand-in by the body, unless a person has written on the page in the meantime."""
        page, _ = self._client.update_page(
            page.id,
            lambda now: plan.body if same_content(now, PLACEHOLDER_BODY) else now,
            message=self._spec.audit,
            minor=True,
        )
        if not same_content(page.body or "", plan.body):
            log.warning("%s: a person wrote on the page while it was made; their words are kept", page.url)
        return page

    def _action(self, present: Page | None) -> PageAction:
        spec = self._spec
        if present is None:
            return PageAction.CREATE
        if present.status != "current":
            raise _taken(present, f"the title is held by a page that is {present.status}", "restore or rename it")
        marker = self._client.get_property(present.id, MARKER)
        made_by = marker.value if marker and isinstance(marker.value, dict) else {}
        if made_by.get("complete") is False:
            return PageAction.FINISH
        if not made_by and self._is_left_by_create(present):
            # We died, or another run just is, between creating the page and putting the marker on it.
            return PageAction.FINISH
        if not made_by and spec.parent_id is not None and present.parent_id != spec.parent_id:
            raise _taken(present, "a page elsewhere in the space has the title", "rename one of the two")
        if spec.if_exists == "update":
            return PageAction.UPDATE
        if spec.if_exists == "fail" and made_by.get("run") != spec.run:
            raise _taken(present, "a page has the title", "rename it, or let if_exists return or update it")
        return PageAction.RETURN

    def _is_left_by_create(self, present: Page) -> bool:
        author, parent_id = self._client.current_user().name, self._spec.parent_id
        return any(
            is_unfinished_create(present, author=author, body=body, parent_id=parent_id)
            for body in (self._body, PLACEHOLDER_BODY)
        )

    def _mark(self, page: Page, *, complete: bool, absent: bool = False) -> None:
        value = {**self._spec.origin, "run": self._spec.run, "complete": complete}
        self._client.set_property(page.id, MARKER, _always(value), absent=absent)

    def _copy_attachments(self, plan: PagePlan, page: Page, *, fresh: bool) -> bool:
        """Bring the files over; a page that is being finished, or that the site has copied, has them or some of them."""
        if not plan.attachments:
            return False
        there = {} if fresh else {file.name: file for file in self._client.attachments(page.id)}
        attacher = Attacher(self._client, page.id)
        missing = {file.name: 1 for file in plan.attachments if file.name not in there}
        by_site = [] if plan.action is PageAction.UPDATE else list(there.values())
        attacher.reserve(missing, copied=by_site, absent=fresh)
        changed = False
        for file in plan.attachments:
            if file.name in there and plan.action is not PageAction.UPDATE:
                continue
            # It has no name on the disk: a killed worker leaves nothing of a page that only a few may read.
            with tempfile.TemporaryFile() as stored:
                loaded = self._client.download_attachment(file, stored)
                part = FilePart.of(stored, file.name, file.media_type)
                upload = make_upload(part, comment=without_mark(file.comment), sha256=loaded.sha256)
                if file.name in there:
                    (done,) = attacher.run(attacher.plan([upload]))
                    changed |= done.action is UploadAction.UPDATE
                else:
                    attacher.put(upload, None)
                    changed = True
            log.info("attachment %s: %d bytes", file.name, loaded.size)
        return changed


def body_from_template(storage: str, edits: Sequence[Edit]) -> str:
    """A page body of a template: edited, and without what only a template has.

    :raises Invalid: when a variable of a Confluence template was left unfilled
    """
    document = PageDocument(storage).apply(edits)
    if unfilled := [each.get(f"{{{AT}}}name") or "?" for each in document.select("//at:var")]:
        raise Invalid(
            f"the template's variables {', '.join(map(repr, dict.fromkeys(unfilled)))} are not filled",
            system="Confluence",
            advice="fill them with the edit FillText",
        )
    spans = [document.span(each) for each in document.select("//at:declarations")]
    document.replace((span.start, span.end, "") for span in spans)
    return document.storage


def version_comment(*parts: str) -> str:
    """Return the parts of a version comment, empty ones left out, as one line."""
    return " · ".join(filter(None, parts))


def body_diff(old: str, new: str) -> str:
    """What differs between two bodies, readable in a log; what no reader sees is shown as markup."""
    return page_diff(old, new).text or storage_diff(old, new)


def _with_own_files_first(has: PageContents) -> PageContents:
    own = {unicodedata.normalize("NFC", upload.file.name) for upload in has.files}
    kept = tuple(each for each in has.attachments if unicodedata.normalize("NFC", each.name) not in own)
    return PageContents(kept, has.files, tuple(dict.fromkeys(has.labels)), has.properties, has.restrictions)


def _taken(present: Page, what: str, advice: str) -> AlreadyExists:
    return AlreadyExists(
        f"{what}: {present.title!r} ({present.url})", system="Confluence", code="title-exists", advice=advice
    )


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _: value
