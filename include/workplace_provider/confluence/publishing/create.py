"""Create a page exactly once, even when an attempt is killed between two requests.

The page is created with a placeholder body and marked as incomplete. It then gets its restrictions, files, labels,
properties and body, and is marked as complete. A run that finds an incomplete page of its own finishes that page.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from workplace_provider.confluence.client.checks import same_space
from workplace_provider.confluence.client.model import Attachment, Page, Restrictions, is_unfinished_create
from workplace_provider.confluence.client.protocol import CopiesPages
from workplace_provider.confluence.pages import PageDocument, page_diff, same_content, storage_diff
from workplace_provider.confluence.pages.document import AT
from workplace_provider.confluence.publishing.attachments import Attacher, Upload, UploadAction, make_upload, strip_mark
from workplace_provider.confluence.publishing.open_comments import CommentGuard, IfOpenComments
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import AlreadyExists, Invalid
from workplace_provider.http.redaction import get_logger
from workplace_provider.http.spool import spooled_file

if TYPE_CHECKING:
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.document import People
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.position import Place
    from workplace_provider.confluence.publishing.states import WantedStatus

log = get_logger("workplace_provider.confluence")

MARKER: Final = "airflow.copy"
"""Content property of a page that the provider created: its source, its run, and whether it is complete."""

PLACEHOLDER_BODY: Final = "<p>⏳</p>"
"""Body of a new page until its files are uploaded, so that no reader sees broken images."""


IfExists = Literal["return", "update", "fail"]


@dataclass(frozen=True, slots=True)
class PageSpec:
    """The page to create.

    :param parent_id: page to create it under; ``None`` for the top of the space
    :param run: id of the run that creates it. A repeat of the same run accepts its own finished page, even under
        ``if_exists="fail"``
    :param origin: the source of the body; stored in the marker
    :param before: the body that the plan's diff of a new page is compared with
    :param message: version comment of an update
    :param audit: user or schedule that started the run, for the version comment
    :param if_exists: when another page already has the title: ``return`` that page unchanged, ``update`` it, or ``fail``
    :param status: content status of the page
    :param place: place of a new page among its siblings
    :param copy_of: page of which this one is a copy. A site that copies pages on the server then copies its files too
    :param if_open_comments: when an update removes the passage of an open inline comment: ``warn``, ``skip`` the new body,
        or ``fail``
    """

    space: str
    title: str
    parent_id: str | None
    run: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    before: str = field(default="", repr=False)
    message: str = ""
    audit: str = ""
    if_exists: IfExists = "return"
    status: WantedStatus | None = None
    place: Place | None = None
    copy_of: Page | None = None
    if_open_comments: IfOpenComments = "warn"


class ContentSource(Protocol):
    """The source of a page's content, such as a template or another page.

    Both members may send requests, so they are used only when the page has to be written or compared.
    """

    @property
    def body(self) -> str:
        """The body in storage format; the same at each access."""

    def load(self) -> PageContents:
        """Return the body with files, labels, properties and restrictions."""


@dataclass(frozen=True, slots=True)
class PageContents:
    """The content of a page. It is its own :class:`ContentSource`.

    :param body: storage format
    :param attachments: files of another page, which are copied
    :param files: files to upload; one with the name of an attachment replaces it
    """

    body: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = ()
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    restrictions: Restrictions = field(default_factory=Restrictions)

    def load(self) -> PageContents:
        """Return these contents."""
        return self


@dataclass(frozen=True)
class TemplateContents:
    """The content of a page that is created from a template.

    :param storage: the template in storage format
    :param edits: edits that fill the template
    :param people: display names of mentioned users
    :param restrictions: restrictions of the page, as the site identifies users and groups
    """

    storage: str = field(repr=False)
    edits: Sequence[Edit] = ()
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    people: People | None = field(default=None, repr=False)
    restrictions: Restrictions = field(default_factory=Restrictions)

    @cached_property
    def body(self) -> str:
        """The filled template.

        :raises EditError: when an edit does not find its place in the template
        :raises Invalid: when a variable of the template is not filled
        """
        return body_from_template(self.storage, self.edits, self.people)

    def load(self) -> PageContents:
        """Return the filled template with files, labels, properties and restrictions."""
        return PageContents(self.body, (), self.files, self.labels, self.properties, self.restrictions)


class PageAction(StrEnum):
    """The action of :class:`PageCreator` for one page."""

    CREATE = "create"
    FINISH = "finish"
    UPDATE = "update"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class PagePlan:
    """The writes that :meth:`PageCreator.run` will make.

    :param present: the page that has the title now
    :param diff: changes of the body: compared with the page to update, otherwise with the source of the body
    :param is_own: an earlier attempt of this run has created or updated the page that is present
    """

    action: PageAction
    present: Page | None
    contents: PageContents
    diff: str = field(default="", repr=False)
    is_own: bool = False

    @property
    def body(self) -> str:
        """The body that the page gets."""
        return self.contents.body

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that are copied from another page."""
        return self.contents.attachments


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The page that has the title now, and whether anything was written."""

    page: Page
    changed: bool


class PageCreator:
    """Creates one page, exactly once.

    Example::

        spec = PageSpec("TEAM", "Weekly report 2026-12-01", parent_id="4711", run="weekly/2026-12-01")
        creator = PageCreator(client, spec, PageContents("<p>All green</p>", labels=("weekly",)))
        result = creator.run(creator.plan())
        print(result.page.url, result.changed)

    :param client: the site
    :param spec: the page to create
    :param contents: source of its content; loaded only when the page is written
    """

    def __init__(self, client: ConfluenceClient, spec: PageSpec, contents: ContentSource) -> None:
        self._client = client
        self._spec = spec
        self._source = contents

    def plan(self) -> PagePlan:
        """Read the site and decide what to do. Nothing is written.

        :raises AlreadyExists: when a page of someone else has the title, and ``if_exists`` does not allow that
        """
        spec = self._spec
        if spec.status is not None:
            spec.status.check(self._client)
        present = self._client.find_page(spec.space, spec.title, body=True)
        marker = self._read_marker(present)
        action = self._choose_action(present, marker)
        if action is PageAction.RETURN:
            return PagePlan(action, present, PageContents(), is_own=marker.get("run") == spec.run)
        if spec.place is not None and action is not PageAction.UPDATE:
            spec.place.check(self._client, spec.parent_id)
        contents = _prefer_uploads(self._source.load())
        if present is None or action is not PageAction.UPDATE:
            return PagePlan(action, present, contents, body_diff(spec.before, contents.body))
        before = present.body or ""
        return PagePlan(action, present, contents, body_diff(before, self._guard(present).accept(before, contents.body)))

    def run(self, plan: PagePlan) -> WriteResult:
        """Write the page.

        :raises AlreadyExists: when another writer took the title after the plan was made
        """
        if plan.present is None:
            try:
                page, shown, has_files = self._create(plan)
            except AlreadyExists:
                # Another run was faster. Its page is treated like any page that existed before.
                plan = self.plan()
                if plan.present is None:
                    raise
            else:
                self._refuse_other_space(page)
                return self._complete(plan, page, shown, has_files=has_files)
        return self._write_present(plan, plan.present)

    def _write_present(self, plan: PagePlan, present: Page) -> WriteResult:
        """Finish, update or return a page that exists already."""
        if plan.action is PageAction.RETURN:
            # An attempt may have been killed between its last write and the content status, which that write clears.
            page = self._set_status(present, only_missing=True) if plan.is_own else present
            return WriteResult(page, changed=page.version != present.version)
        if plan.action is PageAction.FINISH:
            return self._complete(plan, present, present.body or "")
        with keeping_state(self._client, present.id) as state:
            result = self._complete(plan, present, present.body or "")
        page = state.after(result.page)
        # The status of a copied page belongs to a new copy only; a page that exists has its own.
        if self._spec.status is not None and not self._spec.status.of_page:
            page = self._set_status(page)
        return WriteResult(page, result.changed or page.version != result.page.version)

    def _create(self, plan: PagePlan) -> tuple[Page, str, bool]:
        """Create the page, with its body or with the placeholder.

        :return: the page, the body that it shows, and whether it has its attachments already
        """
        spec, contents = self._spec, plan.contents
        # The placeholder hides the body from readers and from e-mail notifications until files and restrictions are set.
        # Where the first version takes no comment, the comment belongs to the version that has the body.
        needs_placeholder = (
            contents.files or contents.restrictions or (spec.audit and not self._client.comments_first_version)
        )
        body, comment = (PLACEHOLDER_BODY, "") if needs_placeholder else (plan.body, spec.audit)
        # A copy on the server has the files before it has restrictions, so it is not used for a restricted page.
        if (
            spec.copy_of is not None
            and isinstance(self._client, CopiesPages)
            and self._client.content_type == "page"
            and contents.attachments
            and not contents.restrictions
        ):
            page = self._client.copy_page(spec.copy_of, spec.space, spec.title, body, parent_id=spec.parent_id)
            return page, body, True
        page = self._client.create_page(spec.space, spec.title, body, parent_id=spec.parent_id, message=comment)
        return page, body, False

    def _refuse_other_space(self, page: Page) -> None:
        """Refuse a page that the site created in the space of its parent instead of the requested space."""
        spec = self._spec
        if page.space and not same_space(page.space, spec.space):
            self._client.trash_page(page.id)
            raise Invalid(
                f"the parent of {spec.title!r} is in the space {page.space}, not in {spec.space}; the page is in the trash",
                advice="give a parent in the space, or the space of the parent",
            )

    def _complete(self, plan: PagePlan, page: Page, shown: str, *, has_files: bool = False) -> WriteResult:
        """Give the page everything that belongs to it, and mark it as complete.

        :param shown: the body that the page has now
        :param has_files: the site has copied the attachments
        """
        contents = plan.contents
        changed = plan.action is not PageAction.UPDATE
        fresh = plan.present is None
        self._mark(page, complete=False, absent=fresh)
        if contents.restrictions:
            # Set before the files are uploaded, so that they are never visible to other readers.
            allowed = contents.restrictions.including(self._client.current_user().name)
            self._client.set_restrictions(page.id, allowed)
        # Files are uploaded before the body that shows them. One at a time: parallel updates of a page's attachments fail
        # on the server with an optimistic lock.
        changed |= self._copy_attachments(plan, page, fresh=fresh and not has_files)
        if contents.files:
            attacher = Attacher(self._client, page.id)
            uploaded = attacher.run(attacher.plan(contents.files))
            changed |= any(result.action in (UploadAction.CREATE, UploadAction.UPDATE) for result in uploaded)
        self._client.add_labels(page.id, contents.labels)
        for key, value in contents.properties.items():
            self._set_property(page, key, value, absent=fresh)
        if plan.action is PageAction.UPDATE:
            message = version_comment(self._spec.message, self._spec.audit)
            guard = self._guard(page)
            page, written = self._client.update_page(
                page.id, lambda current: guard.accept(current, plan.body), message=message
            )
            changed |= written
        elif not same_content(plan.body, PLACEHOLDER_BODY) and same_content(shown, PLACEHOLDER_BODY):
            page = self._replace_placeholder(plan, page)
        if self._spec.place is not None and plan.action is not PageAction.UPDATE:
            changed |= self._spec.place.put(self._client, page.id, self._spec.parent_id)
        self._mark(page, complete=True)
        if plan.action is not PageAction.UPDATE:
            page = self._set_status(page)
        return WriteResult(page, changed)

    def _set_status(self, page: Page, *, only_missing: bool = False) -> Page:
        """Set the content status. It is the last write, because any other one clears it."""
        status = self._spec.status
        return page if status is None else status.set(self._client, page, only_missing=only_missing)

    def _replace_placeholder(self, plan: PagePlan, page: Page) -> Page:
        """Replace the placeholder by the body, unless a person edited the page in the meantime."""
        page, _ = self._client.update_page(
            page.id,
            lambda current: plan.body if same_content(current, PLACEHOLDER_BODY) else current,
            message=self._spec.audit,
            minor=True,
        )
        if not same_content(page.body or "", plan.body):
            log.warning("%s: a person edited the page while it was created; their text is kept", page.url)
        return page

    def _guard(self, page: Page) -> CommentGuard:
        return CommentGuard(self._client, page, self._spec.if_open_comments)

    def _read_marker(self, present: Page | None) -> Mapping[str, Any]:
        if present is None or present.status != "current":
            return {}
        stored = self._client.get_property(present.id, MARKER)
        return stored.value if stored and isinstance(stored.value, dict) else {}

    def _choose_action(self, present: Page | None, marker: Mapping[str, Any]) -> PageAction:
        spec = self._spec
        if present is None:
            return PageAction.CREATE
        if present.status != "current":
            raise _title_taken(present, f"the title is held by a page that is {present.status}", "restore or rename it")
        if marker.get("complete") is False:
            return PageAction.FINISH
        if not marker and self._is_unfinished(present):
            # An attempt was killed, or another one is, between creating the page and writing the marker.
            return PageAction.FINISH
        if not marker and spec.parent_id is not None and present.parent_id != spec.parent_id:
            raise _title_taken(present, "a page elsewhere in the space has the title", "rename one of the two")
        if spec.if_exists == "update":
            return PageAction.UPDATE
        if spec.if_exists == "fail" and marker.get("run") != spec.run:
            raise _title_taken(present, "a page has the title", "rename it, or let if_exists return or update it")
        return PageAction.RETURN

    def _is_unfinished(self, present: Page) -> bool:
        author, parent_id = self._client.current_user().name, self._spec.parent_id
        return any(
            is_unfinished_create(present, author=author, body=body, parent_id=parent_id)
            for body in (self._source.body, PLACEHOLDER_BODY)
        )

    def _mark(self, page: Page, *, complete: bool, absent: bool = False) -> None:
        marker = {**self._spec.origin, "run": self._spec.run, "complete": complete}
        self._set_property(page, MARKER, marker, absent=absent)

    def _set_property(self, page: Page, key: str, value: Any, *, absent: bool) -> None:
        self._client.set_property(page.id, key, lambda _: value, absent=absent)

    def _copy_attachments(self, plan: PagePlan, page: Page, *, fresh: bool) -> bool:
        """Copy the attachments. A page that is being finished, or that the site has copied, may have some of them.

        :return: whether anything was written
        """
        if not plan.attachments:
            return False
        present = {} if fresh else {file.name: file for file in self._client.attachments(page.id)}
        attacher = Attacher(self._client, page.id)
        missing = {file.name: 1 for file in plan.attachments if file.name not in present}
        copied_by_site = [] if plan.action is PageAction.UPDATE else list(present.values())
        attacher.reserve(missing, copied=copied_by_site, absent=fresh)
        changed = False
        for file in plan.attachments:
            if file.name not in present or plan.action is PageAction.UPDATE:
                changed |= self._copy_attachment(attacher, file, is_present=file.name in present)
        return changed

    def _copy_attachment(self, attacher: Attacher, file: Attachment, *, is_present: bool) -> bool:
        with spooled_file() as stored:
            download = self._client.download_attachment(file, stored)
            part = FilePart.of(stored, file.name, file.media_type)
            upload = make_upload(part, comment=strip_mark(file.comment), sha256=download.sha256)
            changed = True
            if is_present:
                (result,) = attacher.run(attacher.plan([upload]))
                changed = result.action is UploadAction.UPDATE
            else:
                attacher.put(upload, None)
        log.info("attachment %s: %d bytes", file.name, download.size)
        return changed


def body_from_template(storage: str, edits: Sequence[Edit], people: People | None = None) -> str:
    """Return the body of a page from a template: edited, and without the markup that only templates have.

    :param people: display names of mentioned users
    :raises Invalid: when a variable of a Confluence template is not filled
    """
    document = PageDocument(storage, people).apply(edits)
    if unfilled := [variable.get(f"{{{AT}}}name") or "?" for variable in document.select("//at:var")]:
        raise Invalid(
            f"the template's variables {', '.join(map(repr, dict.fromkeys(unfilled)))} are not filled",
            advice="fill them with the edit FillText",
        )
    spans = [document.span(element) for element in document.select("//at:declarations")]
    document.replace((span.start, span.end, "") for span in spans)
    return document.storage


def version_comment(*parts: str) -> str:
    """Join the parts of a version comment into one line, without empty parts."""
    return " · ".join(filter(None, parts))


def body_diff(old: str, new: str) -> str:
    """Return a readable diff of two bodies for the log. Changes that a reader does not see are shown as markup."""
    return page_diff(old, new).text or storage_diff(old, new)


def _prefer_uploads(contents: PageContents) -> PageContents:
    """Drop the attachments that an upload of the same name replaces."""
    uploaded = {unicodedata.normalize("NFC", upload.file.name) for upload in contents.files}
    kept = tuple(file for file in contents.attachments if unicodedata.normalize("NFC", file.name) not in uploaded)
    labels = tuple(dict.fromkeys(contents.labels))
    return PageContents(contents.body, kept, contents.files, labels, contents.properties, contents.restrictions)


def _title_taken(present: Page, cause: str, advice: str) -> AlreadyExists:
    return AlreadyExists(f"{cause}: {present.title!r} ({present.url})", code="title-exists", advice=advice)
