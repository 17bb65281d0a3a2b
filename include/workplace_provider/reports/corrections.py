"""Corrections of a published report: apply corrected sources to its page, or withdraw it.

Each correction is recorded in the manifest before anything is written, with an id that the notices in Slack carry. A command
that was interrupted, or whose response was lost, continues the recorded correction when it is repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.common.audit import clean_name
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits import Edit, EditError, SetNote, SetStatus
from workplace_provider.confluence.publishing.attachments import UploadAction
from workplace_provider.confluence.publishing.current import get_current
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.errors import NotFound, WorkplaceError
from workplace_provider.reports.filling import WITHDRAWN
from workplace_provider.reports.manifest import Correction, Manifest, PublishedPage
from workplace_provider.reports.pages import WITHDRAWN_LABEL
from workplace_provider.reports.placing import WITHDRAWN_STATUS

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.confluence.publishing.attachments import Upload
    from workplace_provider.confluence.publishing.update import UpdatePlan
    from workplace_provider.reports.manifest import Action, Announcement, ManifestStore

CORRECTIONS: Final = "airflow.corrections"
"""Content property: who corrected or withdrew the page, when and why."""

LONGEST_REASON: Final = 500
MOST_RECORDED: Final = 50

MESSAGE_DELETED: Final = ("message_not_found", "thread_not_found")
_COMMENTS: Final = {"republish": "republished", "withdraw": "withdrawn"}
_SKEW: Final = timedelta(minutes=5)


class CorrectionError(ValueError):
    """Error: a report cannot be corrected."""


@dataclass(frozen=True)
class NewContent:
    """The content of a republication.

    :param edits: edits that fill the places of the page
    :param rows: rows of each source, for the manifest
    """

    edits: Sequence[Edit]
    files: tuple[Upload, ...] = ()
    labels: tuple[str, ...] = ()
    rows: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    pictures: Mapping[str, list[str]] = field(default_factory=dict)
    kept: Mapping[str, Sequence[Artifact]] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    changes: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """The result of a correction.

    :param diff: changes of the page
    :param is_changed: whether the page was changed, or would be
    :param notices: links to the notices, or why there is none
    """

    page: Page
    diff: str
    is_changed: bool
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class Corrector:
    """Corrects one period of a report.

    ::

        Corrector(manifests, "2026-W47", by="jimin", reason="Wrong exchange rate").withdraw(client)

    :param manifests: manifests of the report
    :param by: user name of the person
    :param post: posts a text in the thread of an announcement, once for each key, and returns the link to it
    """

    manifests: ManifestStore
    period: str
    by: str
    reason: str
    post: Callable[[Announcement, str, str, datetime], str]
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise CorrectionError("there is no reason; it is shown on the page or in the notice. Use --reason TEXT")

    def manifest(self) -> Manifest:
        """Return the manifest of the published report.

        :raises CorrectionError: if the period was not published
        """
        manifest = self.manifests.read(self.period)
        if manifest is None:
            known = ", ".join(self.manifests.periods()[-5:])
            raise CorrectionError(
                f"there is no published report for {self.period}"
                + (f"; the last published periods are {known}" if known else "; no period has been published")
            )
        return manifest

    def withdraw(self, client: ConfluenceClient) -> Outcome:
        """Mark the page as withdrawn. Its content stays."""
        manifest = self.manifest()
        page = _page(client, manifest)
        correction = self._correction(manifest, "withdraw")
        if not correction.lozenge and (lozenge := _only_lozenge(page)) and lozenge[0] != WITHDRAWN_STATUS:
            correction = msgspec.structs.replace(correction, lozenge=lozenge)
        text = f"Withdrawn on {correction.at[:10]} by {correction.by}: {correction.reason}"
        edits: list[Edit] = [SetNote(WITHDRAWN, text)]
        if correction.lozenge:
            edits += _status(page, WITHDRAWN_STATUS, "Red", correction.lozenge[0])
        return self._apply(client, manifest, page, correction, NewContent(edits, labels=(WITHDRAWN_LABEL,)))

    def republish(self, client: ConfluenceClient, content: NewContent) -> Outcome:
        """Fill the places of the page again. What people wrote elsewhere on it stays, and a withdrawal ends."""
        manifest = self.manifest()
        page = _page(client, manifest)
        correction = self._correction(manifest, "republish")
        withdrawal = manifest.withdrawal
        edits = [*content.edits, SetNote(WITHDRAWN, "")]
        if withdrawal and withdrawal.lozenge:
            title, colour = withdrawal.lozenge
            edits += _status(page, title, colour, WITHDRAWN_STATUS)
        return self._apply(client, manifest, page, correction, replace(content, edits=edits))

    def _correction(self, manifest: Manifest, action: Action) -> Correction:
        """Return the correction that an earlier call has begun, or a new one."""
        reason = clean_name(self.reason, LONGEST_REASON)
        last = manifest.corrections[-1] if manifest.corrections else None
        is_same = last is not None and (last.action, last.reason) == (action, reason)
        # A report is withdrawn once for a reason, and may be republished twice for one.
        if last is not None and is_same and (action == "withdraw" or not last.is_complete):
            return last
        if last is not None and not last.is_complete:
            raise CorrectionError(
                f"an earlier correction is not complete: {last.action} by {last.by} at {last.at}. Repeat it first: "
                f"workplace report {last.action} {manifest.report} {manifest.period} --reason {last.reason!r}"
            )
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Correction(id=uuid.uuid4().hex, action=action, by=clean_name(self.by), at=at, reason=reason)

    def _apply(
        self, client: ConfluenceClient, manifest: Manifest, page: Page, correction: Correction, content: NewContent
    ) -> Outcome:
        updater = PageUpdater(client, _spec(manifest, correction, content))
        try:
            plan = updater.plan(page)
        except EditError as error:
            raise CorrectionError(f"{page.title!r} cannot be filled: {error} ({page.url})") from error
        is_withdrawn = WITHDRAWN_LABEL in client.labels(page.id)
        removes_label = is_withdrawn and correction.action == "republish"
        is_changed = removes_label or _has_changes(plan) or _state(manifest, content) != _state(manifest)
        is_begun = any(each.id == correction.id and not each.is_complete for each in manifest.corrections)
        if self.is_dry_run or not (is_changed or is_begun):
            return Outcome(page, plan.diff, is_changed)
        self._record(manifest, correction)
        page, _ = updater.run(plan)
        if removes_label:
            client.remove_label(page.id, WITHDRAWN_LABEL)
        _audit(client, page, correction)
        notices = list(self._notices(correction, page))
        done = msgspec.structs.replace(correction, is_complete=True)
        self._record(self._with(manifest, content, page) if correction.action == "republish" else manifest, done)
        return Outcome(page, plan.diff, is_changed=True, notices=notices)

    def _with(self, manifest: Manifest, content: NewContent, page: Page) -> Manifest:
        """Return a manifest with the new content, and keep the pictures that the next period compares with."""
        return msgspec.structs.replace(
            manifest,
            page=PublishedPage(page.id, page.title, page.url, manifest.page.conn_id),
            rows=dict(content.rows),
            pictures=dict(content.pictures),
            kept=self.manifests.pictures(self.period).keep({name: list(files) for name, files in content.kept.items()}),
            checks=[dict(check) for check in content.checks],
            changes=list(content.changes),
        )

    def _record(self, manifest: Manifest, correction: Correction) -> None:
        others = [each for each in manifest.corrections if each.id != correction.id]
        self.manifests.write(msgspec.structs.replace(manifest, corrections=[*others, correction][-MOST_RECORDED:]))

    def _notices(self, correction: Correction, page: Page) -> Iterator[str]:
        since = datetime.fromisoformat(correction.at) - _SKEW
        for announcement in self.manifests.announcements(self.period):
            try:
                yield self.post(announcement, self._notice(correction, page), correction.id, since)
            except WorkplaceError as error:
                if error.code not in MESSAGE_DELETED:
                    raise
                yield f"no notice for the message {announcement.ts}, which is gone: {error}"

    def _notice(self, correction: Correction, page: Page) -> str:
        from workplace_provider.common.outgoing import slack_link, slack_text

        symbol = {"republish": ":arrows_counterclockwise:", "withdraw": ":no_entry:"}[correction.action]
        verb = _COMMENTS[correction.action].capitalize()
        because = f"{slack_text(correction.reason)} ({slack_text(correction.by)})"
        return f"{symbol} {verb}: {slack_link(page.title, page.url)}\n{because}"


def _page(client: ConfluenceClient, manifest: Manifest) -> Page:
    """Return the page by its id, so that it may have been renamed or moved."""
    try:
        return get_current(client, manifest.page.id)
    except NotFound as error:
        raise CorrectionError(
            f"the page of {manifest.period} is gone: {manifest.page.title!r} ({manifest.page.url}). Restore it from the "
            f"trash, or run the report for this period again to make a new one. {error}"
        ) from error


def _spec(manifest: Manifest, correction: Correction, content: NewContent) -> UpdateSpec:
    return UpdateSpec(
        edits=content.edits,
        task=f"{manifest.report}/{correction.action}",
        run=correction.id,
        message=f"{_COMMENTS[correction.action]}: {correction.reason}",
        files=content.files,
        labels=content.labels,
        audit=f'by "{correction.by}" at {correction.at}',
    )


def _has_changes(plan: UpdatePlan) -> bool:
    files = any(upload.action in (UploadAction.CREATE, UploadAction.UPDATE) for upload in plan.files)
    return bool(plan.diff or plan.labels or files)


def _state(manifest: Manifest, content: NewContent | None = None) -> Any:
    """Return the rows and pictures of a manifest, or those that a republication gives it."""
    if content is None or (not content.rows and not content.pictures):
        return manifest.rows, manifest.pictures
    return dict(content.rows), dict(content.pictures)


def _audit(client: ConfluenceClient, page: Page, correction: Correction) -> None:
    entry = {name: getattr(correction, name) for name in ("id", "action", "by", "at", "reason")}

    def add(present: Any) -> list[Any]:
        others = [each for each in present or () if each.get("id") != correction.id] if isinstance(present, list) else []
        return [*others, entry][-MOST_RECORDED:]

    client.set_property(page.id, CORRECTIONS, add)


def _only_lozenge(page: Page) -> list[str]:
    """Return text and colour of the status lozenge of a page, if it has exactly one."""
    from workplace_provider.confluence.pages.edits.macros import statuses

    lozenges = statuses(PageDocument(page.body or ""))
    return list(lozenges[0]) if len(lozenges) == 1 else []


def _status(page: Page, title: str, colour: str, match: str) -> list[Edit]:
    """Return the edit of the status, unless people have changed or removed it since."""
    from workplace_provider.confluence.pages.edits.macros import statuses

    present = [text for text, _ in statuses(PageDocument(page.body or ""))]
    return [SetStatus(title, colour or None, match=match, expect=None)] if match in present or title in present else []
