"""Edit an existing page: text that people wrote is kept, and edits that are not idempotent are applied once per run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.pages import PageDocument, same_content
from workplace_provider.confluence.pages.edits import EditError
from workplace_provider.confluence.publishing.attachments import Attacher, PlannedUpload, Upload, UploadAction
from workplace_provider.confluence.publishing.create import body_diff, version_comment
from workplace_provider.confluence.publishing.open_comments import CommentGuard, IfOpenComments
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.edits import Edit
    from workplace_provider.confluence.publishing.states import WantedStatus

log = get_logger("workplace_provider.confluence")

UPDATES: Final = "airflow.updates"
"""Content property: for each task, its latest run with edits that are not idempotent, and the progress of that run."""


@dataclass(frozen=True, slots=True)
class UpdateSpec:
    """The changes to a page.

    :param edits: the edits, in order
    :param task: id of the task that updates the page
    :param run: id of the task's run. Edits that are not idempotent are applied once per run
    :param title: new title
    :param message: version comment
    :param minor: send no notification
    :param files: files to upload before the body that shows them
    :param labels: labels to add
    :param status: content status of the page after the changes
    :param audit: user or schedule that started the run, for the version comment
    :param if_open_comments: if an edit removes the passage of an open inline comment: apply it and ``warn``, ``skip`` that
        edit, or ``fail``
    """

    edits: Sequence[Edit]
    task: str
    run: str
    title: str | None = None
    message: str = ""
    minor: bool = False
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    status: WantedStatus | None = None
    audit: str = ""
    if_open_comments: IfOpenComments = "warn"


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """The writes that :meth:`PageUpdater.run` will make.

    :param idempotent: whether applying the edits again changes nothing more
    :param applied_in: the version in which an earlier attempt of this run applied the edits
    """

    page: Page
    diff: str = field(repr=False)
    idempotent: bool
    applied_in: int | None
    files: tuple[PlannedUpload, ...]
    labels: tuple[str, ...]


class PageUpdater:
    """Updates one page.

    Idempotent edits, such as filling a table, are applied to the current body. For others, such as appending a row, a
    content property and the version comment record that the run has applied them, so that a retry does not repeat them.

    Example::

        spec = UpdateSpec([AppendRow(["2026-12-01", 42])], task="numbers/append", run="2026-12-01")
        updater = PageUpdater(client, spec)
        page, changed = updater.run(updater.plan(client.get_page("4711", body=True)))

    :param client: the site
    :param spec: the changes
    """

    def __init__(self, client: ConfluenceClient, spec: UpdateSpec) -> None:
        self._client = client
        self._spec = spec
        self._guard: CommentGuard
        self._planned: dict[str, str] = {}  # the body of the plan, and what it becomes
        self.diff = ""
        """Changes of the body; after a conflict, those of the current body."""

    def plan(self, page: Page) -> UpdatePlan:
        """Read the site and decide what to do. Nothing is written.

        :param page: read with its body
        :raises EditError: when an edit does not find its place
        :raises Invalid: when an edit orphans an open comment, and ``if_open_comments`` is ``fail``
        """
        if self._spec.status is not None:
            self._spec.status.check(self._client)
        before = page.body or ""
        self._guard = CommentGuard(self._client, page, self._spec.if_open_comments)
        applied_in: int | None = None
        try:
            after = self._edit(before)
        except EditError:
            applied_in = self._find_applied(page)
            if applied_in is None:
                raise
            after, idempotent = before, False
        else:
            idempotent = same_content(before, after) or self._is_idempotent(after)
            if not idempotent:
                applied_in = self._find_applied(page)
        self._planned = {before: after}
        self.diff = "" if applied_in is not None else body_diff(before, after)
        files = tuple(Attacher(self._client, page.id).plan(self._spec.files)) if self._spec.files else ()
        present = set(self._client.labels(page.id)) if self._spec.labels else set()
        return UpdatePlan(
            page=page,
            diff=self.diff,
            idempotent=idempotent,
            applied_in=applied_in,
            files=files,
            labels=tuple(label for label in dict.fromkeys(self._spec.labels) if label not in present),
        )

    def run(self, plan: UpdatePlan) -> tuple[Page, bool]:
        """Write what was planned.

        :return: the page, and whether anything was written
        """
        with keeping_state(self._client, plan.page.id) as state:
            page, changed = self._write(plan)
        page = state.after(page)
        if self._spec.status is None:
            return page, changed
        with_status = self._spec.status.set(self._client, page)
        return with_status, changed or with_status.version != page.version

    def _write(self, plan: UpdatePlan) -> tuple[Page, bool]:
        page, changed = plan.page, False
        if plan.files:
            uploaded = Attacher(self._client, page.id).run(plan.files)
            changed = any(result.action in (UploadAction.CREATE, UploadAction.UPDATE) for result in uploaded)
        if plan.labels:
            self._client.add_labels(page.id, plan.labels)
            changed = True
        if plan.applied_in is not None:
            return page, changed
        once = None if plan.idempotent else _ApplyOnce(self, page.id, page.version)
        if once:
            self._record(page.id, version=page.version, complete=False)
        spec = self._spec
        page, written = self._client.update_page(
            page.id,
            once.apply if once else self.apply,
            title=spec.title,
            message=version_comment(spec.message, self._mark if once else "", spec.audit),
            minor=spec.minor,
        )
        if once:
            self._record(page.id, version=page.version, complete=True)
            written |= once.already_applied
        return page, changed or written

    def apply(self, storage: str) -> str:
        """Return a body after the edits: the planned one when nothing changed since the plan."""
        if storage in self._planned:
            return self._planned[storage]
        after = self._edit(storage)
        self.diff = body_diff(storage, after)
        return after

    def is_planned_for(self, storage: str) -> bool:
        """Return whether the plan was made for this body."""
        return storage in self._planned

    def find_version(self, page_id: str, since: int) -> int | None:
        """Return the version after ``since`` that this run wrote, even if it was killed before it recorded the version."""
        latest = self._client.get_page(page_id).version
        for number in range(since + 1, latest + 1):
            if self._mark in self._client.get_version(page_id, number).message.split(" · "):
                return number
        return None

    def _edit(self, storage: str) -> str:
        return self._guard.apply(PageDocument(storage, self._client), self._spec.edits).storage

    def _is_idempotent(self, after: str) -> bool:
        try:
            return same_content(after, self._edit(after))
        except EditError:
            return False

    @property
    def _mark(self) -> str:
        """The part of a version comment by which this run recognizes its own version in the page's history."""
        return "run:" + hashlib.sha256(f"{self._spec.task}\n{self._spec.run}".encode()).hexdigest()[:12]

    def _find_applied(self, page: Page) -> int | None:
        """Return the version in which an earlier attempt of this run applied the edits."""
        stored = self._client.get_property(page.id, UPDATES)
        entry = _entries(stored.value if stored else None).get(self._spec.task)
        if not isinstance(entry, dict) or entry.get("run") != self._spec.run:
            return None
        version = int(entry.get("version", 0))
        return version if entry.get("complete") else self.find_version(page.id, version)

    def _record(self, page_id: str, *, version: int, complete: bool) -> None:
        entry = {"run": self._spec.run, "version": version, "complete": complete}
        self._client.set_property(page_id, UPDATES, lambda present: {**_entries(present), self._spec.task: entry})


class _ApplyOnce:
    """Edits that must not be applied twice, as the client applies them to the current body.

    :param base: the version before the edits
    """

    def __init__(self, updater: PageUpdater, page_id: str, base: int) -> None:
        self._updater = updater
        self._page_id = page_id
        self._base = base
        self._is_repeat = False
        self.already_applied = False

    def apply(self, storage: str) -> str:
        """Return the body after the edits, or unchanged when this run has applied them already."""
        # An earlier write of this run may be in the history: its response was lost and a person has saved the page since,
        # or another attempt, which Airflow assumed to be dead, was faster. The version number in the request protects
        # the time between this check and the write.
        check = self._is_repeat or not self._updater.is_planned_for(storage)
        self._is_repeat = True
        if check and self._updater.find_version(self._page_id, self._base) is not None:
            self.already_applied = True
            return storage
        return self._updater.apply(storage)


def _entries(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
