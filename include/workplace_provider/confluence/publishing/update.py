"""Edit a page that is there: what people wrote stays, and what cannot be repeated is done once per run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.pages import PageDocument, same_content
from workplace_provider.confluence.pages.edits import EditError
from workplace_provider.confluence.publishing.attachments import Attacher, PlannedUpload, Upload, UploadAction
from workplace_provider.confluence.publishing.create import body_diff, version_comment
from workplace_provider.confluence.publishing.states import keeping_state
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.edits import Edit

log = get_logger("workplace_provider.confluence")

UPDATES: Final = "airflow.updates"
"""Content property: task -> its latest run that made edits which cannot be repeated, and how far it came."""


@dataclass(frozen=True, slots=True)
class UpdateSpec:
    """What shall become of a page.

    :param edits: the edits, in their order
    :param task: whose update it is
    :param run: which run of the task; its edits are made once when they cannot be repeated
    :param title: new title
    :param message: version comment
    :param minor: send no notification about it
    :param files: files to put on the page before the body that shows them
    :param labels: labels to add
    :param audit: who had it made, for the version comment
    """

    edits: Sequence[Edit]
    task: str
    run: str
    title: str | None = None
    message: str = ""
    minor: bool = False
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    audit: str = ""


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """What will be written.

    :param repeatable: whether making the edits again changes nothing more
    :param made: the version in which an earlier attempt of this run has made the edits
    """

    page: Page
    diff: str = field(repr=False)
    repeatable: bool
    made: int | None
    files: tuple[PlannedUpload, ...]
    labels: tuple[str, ...]


class PageUpdater:
    """Updates one page.

    Edits such as filling a table come to the same however often they are made, so they are made on whatever is there. An
    appended row does not: a content property and the version comment tell a retry that the row is there.

    :param client: the site
    :param spec: what shall become of the page
    """

    def __init__(self, client: ConfluenceClient, spec: UpdateSpec) -> None:
        self._client = client
        self._spec = spec
        self._planned: tuple[str, str] | None = None
        self.diff = ""
        """What was changed; after a conflict, on the fresh body."""

    def plan(self, page: Page) -> UpdatePlan:
        """Look and decide; nothing is written.

        :param page: read with its body
        :raises EditError: when an edit does not find its place
        """
        before = page.body or ""
        made: int | None = None
        try:
            after = self._edited(before)
        except EditError:
            made = self._made(page)
            if made is None:
                raise
            after, repeatable = before, False
        else:
            repeatable = same_content(before, after) or self._is_repeatable(after)
            if not repeatable:
                made = self._made(page)
        self._planned = before, after
        self.diff = "" if made is not None else body_diff(before, after)
        planned = tuple(Attacher(self._client, page.id).plan(self._spec.files)) if self._spec.files else ()
        there = set(self._client.labels(page.id)) if self._spec.labels else set()
        return UpdatePlan(
            page=page,
            diff=self.diff,
            repeatable=repeatable,
            made=made,
            files=planned,
            labels=tuple(label for label in dict.fromkeys(self._spec.labels) if label not in there),
        )

    def run(self, plan: UpdatePlan) -> tuple[Page, bool]:
        """Write what was planned.

        :return: the page, and whether anything was written
        """
        with keeping_state(self._client, plan.page.id) as state:
            page, changed = self._write(plan)
        return state.after(page), changed

    def _write(self, plan: UpdatePlan) -> tuple[Page, bool]:
        page, changed = plan.page, False
        if plan.files:
            done = Attacher(self._client, page.id).run(plan.files)
            changed = any(each.action in (UploadAction.CREATE, UploadAction.UPDATE) for each in done)
        if plan.labels:
            self._client.add_labels(page.id, plan.labels)
            changed = True
        if plan.made is not None:
            return page, changed
        if plan.repeatable:
            page, written = self._sent(page.id)
            return page, changed or written
        base = page.version
        self._note(page.id, version=base, complete=False)
        page, written = self._sent(page.id, since=base)
        self._note(page.id, version=page.version, complete=True)
        return page, changed or written

    def _sent(self, page_id: str, since: int | None = None) -> tuple[Page, bool]:
        """Write the body.

        :param since: for edits that must not be made twice: the version before them
        """
        spec = self._spec
        attempts, found = 0, False

        def edit(storage: str) -> str:
            nonlocal attempts, found
            attempts += 1
            as_planned = self._planned is not None and storage == self._planned[0]
            if since is not None and (attempts > 1 or not as_planned) and self._version_since(page_id, since) is not None:
                # The response to our write was lost and a person has written since, or another attempt of this run, which
                # Airflow took for dead, was faster. The version number guards what comes between this look and the write.
                found = True
                return storage
            if self._planned is not None and as_planned:
                return self._planned[1]
            after = self._edited(storage)
            self.diff = body_diff(storage, after)
            return after

        message = version_comment(spec.message, self._mark if since is not None else "", spec.audit)
        page, written = self._client.update_page(page_id, edit, title=spec.title, message=message, minor=spec.minor)
        return page, written or found

    def _edited(self, storage: str) -> str:
        return PageDocument(storage).apply(self._spec.edits).storage

    def _is_repeatable(self, after: str) -> bool:
        try:
            return same_content(after, self._edited(after))
        except EditError:
            return False

    @property
    def _mark(self) -> str:
        """What tells a version of this run in the page's history."""
        return "run:" + hashlib.sha256(f"{self._spec.task}\n{self._spec.run}".encode()).hexdigest()[:12]

    def _made(self, page: Page) -> int | None:
        """The version in which an earlier attempt of this run has made the edits."""
        found = self._client.get_property(page.id, UPDATES)
        entry = _entries(found.value if found else None).get(self._spec.task)
        if not isinstance(entry, dict) or entry.get("run") != self._spec.run:
            return None
        version = int(entry.get("version", 0))
        return version if entry.get("complete") else self._version_since(page.id, version)

    def _version_since(self, page_id: str, since: int) -> int | None:
        """The version of this run after ``since``: an attempt may have died between the write and noting it."""
        latest = self._client.get_page(page_id).version
        for number in range(since + 1, latest + 1):
            if self._mark in self._client.get_version(page_id, number).message.split(" · "):
                return number
        return None

    def _note(self, page_id: str, *, version: int, complete: bool) -> None:
        entry = {"run": self._spec.run, "version": version, "complete": complete}
        self._client.set_property(page_id, UPDATES, lambda present: {**_entries(present), self._spec.task: entry})


def _entries(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
