"""Copy a page to a new title, exactly once, whatever breaks on the way.

Data Center has no call that copies a page. So the page is created, marked as ours and incomplete, given its restrictions,
files, labels and properties, and marked complete. A run that finds an incomplete copy finishes it.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from workplace_provider.clients.confluence.attaching import (
    LEDGER,
    Action,
    Attacher,
    make_upload,
    without_mark,
)
from workplace_provider.clients.confluence.protocol import (
    Attachment,
    ConfluenceClient,
    Page,
    Restrictions,
    left_by_create,
)
from workplace_provider.clients.errors import AlreadyExists, NotFound
from workplace_provider.clients.http import FilePart
from workplace_provider.pages import PageDocument, edits, storage_diff

log = logging.getLogger("workplace_provider.confluence")

MARKER: Final = "airflow.copy"
"""Content property of a page that we made: source page, source version, run, complete."""

ATTEMPTS: Final = 3

AttachmentMode = Literal["copy", "reference", "none"]
IfExists = Literal["return", "update", "fail"]


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
        not finish it
    :param if_exists: when another page has the title already: ``return`` it as it is, ``update`` it, or ``fail``
    """

    source: Page
    title: str
    parent_id: str | None
    run: str
    attachments: AttachmentMode = "copy"
    labels: bool = True
    properties: bool | Sequence[str] = True
    restrictions: bool = False
    if_exists: IfExists = "return"


class CopyAction(StrEnum):
    """What a copy comes to."""

    CREATE = "create"
    FINISH = "finish"
    UPDATE = "update"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What will be written.

    :param body: the body that the copy gets
    :param present: the page that has the title now
    :param diff: what the body changes: against the page to update, else against the source
    """

    action: CopyAction
    body: str = field(repr=False)
    present: Page | None
    attachments: tuple[Attachment, ...]
    labels: tuple[str, ...]
    properties: dict[str, Any]
    restrictions: Restrictions
    diff: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Copied:
    """The page that has the title now, and whether anything was written."""

    page: Page
    changed: bool


class PageCopier:
    """Makes one copy.

    :param client: the site
    :param spec: what the copy shall be
    """

    def __init__(self, client: ConfluenceClient, spec: CopySpec) -> None:
        self._client = client
        self._spec = spec

    def plan(self) -> CopyPlan:
        """Look at what is there and decide; nothing is written.

        :raises AlreadyExists: when a page that is not ours has the title and may not be taken
        """
        spec = self._spec
        body = self._body()
        present = self._client.find_page(spec.source.space, spec.title, body=True)
        action = self._action(present, body)
        source_id = spec.source.id
        before = present.body if present is not None and action is CopyAction.UPDATE else spec.source.body
        if action is CopyAction.RETURN:
            return CopyPlan(action, body, present, (), (), {}, Restrictions(), "")
        return CopyPlan(
            action=action,
            body=body,
            present=present,
            attachments=tuple(self._client.attachments(source_id)) if spec.attachments == "copy" else (),
            labels=tuple(self._client.labels(source_id)) if spec.labels else (),
            properties=self._properties(),
            restrictions=self._client.restrictions(source_id) if spec.restrictions else Restrictions(),
            diff=storage_diff(before or "", body),
        )

    def carry_out(self, plan: CopyPlan) -> Copied:
        """Write the copy.

        :raises AlreadyExists: when somebody else took the title since the plan was made
        """
        for _ in range(ATTEMPTS):
            if plan.present is not None:
                return self._written(plan, plan.present)
            spec = self._spec
            try:
                page = self._client.create_page(spec.source.space, spec.title, plan.body, parent_id=spec.parent_id)
            except AlreadyExists:
                plan = self.plan()  # another run was faster; its page is looked at like any that was there before
                if plan.present is None:
                    raise
            else:
                return self._written(plan, page)
        raise AlreadyExists(f"the title {self._spec.title!r} comes and goes", system="Confluence", advice="run it again")

    def _written(self, plan: CopyPlan, page: Page) -> Copied:
        if plan.action is CopyAction.RETURN:
            return Copied(page, changed=False)
        changed = plan.action is not CopyAction.UPDATE
        fresh = plan.present is None
        self._mark(page, complete=False, absent=fresh)
        if plan.action is CopyAction.UPDATE:
            message = f"Copied from {self._spec.source.title}"
            page, changed = self._client.update_page(page.id, lambda _: plan.body, message=message)
        if plan.restrictions:
            # Before the files that they protect, which nobody else shall see for even a moment.
            self._client.set_restrictions(page.id, plan.restrictions.including(self._client.current_user().name))
        changed |= self._copy_attachments(plan, page)
        self._client.add_labels(page.id, plan.labels)
        for key, value in plan.properties.items():
            self._client.set_property(page.id, key, _always(value), absent=fresh)
        self._mark(page, complete=True)
        return Copied(page, changed)

    def _action(self, present: Page | None, body: str) -> CopyAction:
        spec = self._spec
        if present is None:
            return CopyAction.CREATE
        if present.status != "current":
            raise self._taken(present, f"the title is held by a page that is {present.status}", "restore or rename it")
        marker = self._client.get_property(present.id, MARKER)
        made_by = marker.value if marker and isinstance(marker.value, dict) else {}
        if made_by.get("complete") is False:
            return CopyAction.FINISH
        author = self._client.current_user().name
        if not made_by and left_by_create(present, author=author, body=body, parent_id=spec.parent_id):
            # We died, or another run just is, between creating the page and putting the marker on it.
            return CopyAction.FINISH
        if not made_by and spec.parent_id is not None and present.parent_id != spec.parent_id:
            raise self._taken(present, "a page elsewhere in the space has the title", "rename one of the two")
        if spec.if_exists == "update":
            return CopyAction.UPDATE
        if spec.if_exists == "fail" and made_by.get("run") != spec.run:
            raise self._taken(present, "a page has the title", "rename it, or let if_exists return or update it")
        return CopyAction.RETURN

    def _taken(self, present: Page, what: str, advice: str) -> AlreadyExists:
        return AlreadyExists(
            f"{what}: {present.title!r} ({present.url})",
            system="Confluence",
            code="title-exists",
            advice=advice,
        )

    def _body(self) -> str:
        spec = self._spec
        document = PageDocument(spec.source.body or "")
        document.apply([edits.StripCommentMarkers()])
        if spec.attachments == "reference":
            document.apply([edits.ReferenceAttachments(spec.source.title, spec.source.space)])
        return document.storage

    def _properties(self) -> dict[str, Any]:
        wanted = self._spec.properties
        if wanted is False:
            return {}
        return {
            found.key: found.value
            for found in self._client.properties(self._spec.source.id)
            if found.key not in (MARKER, LEDGER) and (wanted is True or found.key in wanted)
        }

    def _mark(self, page: Page, *, complete: bool, absent: bool = False) -> None:
        source = self._spec.source
        value = {
            "source": {"id": source.id, "version": source.version},
            "run": self._spec.run,
            "complete": complete,
        }
        self._client.set_property(page.id, MARKER, _always(value), absent=absent)

    def _copy_attachments(self, plan: CopyPlan, page: Page) -> bool:
        """Bring the files over; a copy that is being finished has some of them already."""
        there = set() if plan.present is None else {file.name for file in self._client.attachments(page.id)}
        attacher = Attacher(self._client, page.id)
        attacher.reserve({file.name: 1 for file in plan.attachments if file.name not in there}, absent=plan.present is None)
        changed = False
        for file in plan.attachments:
            if file.name in there and plan.action is not CopyAction.UPDATE:
                continue
            with tempfile.NamedTemporaryFile() as stored:
                loaded = self._client.download_attachment(file, stored)
                stored.flush()
                part = FilePart.at(stored.name, file.name, file.media_type)
                upload = make_upload(part, comment=without_mark(file.comment), sha256=loaded.sha256)
                if file.name in there:
                    (done,) = attacher.carry_out(attacher.plan([upload]))
                    changed |= done.action is Action.UPDATE
                else:
                    attacher.put(upload, None)
                    changed = True
            log.info("attachment %s: %d bytes", file.name, loaded.size)
        return changed


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


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _title_make(title: str) -> tuple[str, tuple[int, ...]]:
    return re.sub(r"\d+", "0", title), tuple(int(number) for number in re.findall(r"\d+", title))
