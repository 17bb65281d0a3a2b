"""Attach files to a page: each content once, and never over a version that a person uploaded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.protocol import RemovesFileVersions
from workplace_provider.confluence.client.version1 import MARK, digest_of
from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import AlreadyExists, BadResponse, Conflict, Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger, has_invisible
from workplace_provider.http.spool import spooled_file

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.http.client import FilePart

log = get_logger("workplace_provider.confluence")

LEDGER: Final = "airflow.attachments"
"""Content property: for each file name, the lowest version that a person must have uploaded if it has no mark of ours.

It is the version that the provider uploaded last or was about to upload, or the one after a copy that the site made."""

COMMENT_LIMIT: Final = 255
ATTEMPTS: Final = 5
_REFUSED_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]")


class UploadAction(StrEnum):
    """The action of :class:`Attacher` for one file."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to attach, the SHA-256 of its content, and the comment that the page shows for it."""

    file: FilePart
    sha256: str
    comment: str = ""

    @property
    def marked_comment(self) -> str:
        """The comment with the content's digest, which marks the version as ours and allows to compare its content."""
        mark = f"sha256:{self.sha256}"
        room = COMMENT_LIMIT - len(mark) - 3
        return f"{self.comment[:room]} · {mark}" if self.comment else mark


@dataclass(frozen=True, slots=True)
class PlannedUpload:
    """The action for one file, and the page's present file of that name."""

    upload: Upload
    action: UploadAction
    present: Attachment | None


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The action taken for one file, and the file on the page."""

    name: str
    action: UploadAction
    attachment: Attachment


def make_upload(file: FilePart, *, comment: str = "", sha256: str | None = None) -> Upload:
    """Check a file's name and hash its content.

    :param sha256: digest of the content, when it is known already
    :raises Invalid: when Confluence does not accept the file name
    """
    file = replace(file, name=file.name.strip())
    if not file.name or _REFUSED_IN_NAMES.search(file.name) or has_invisible(file.name):
        raise Invalid(
            f"{file.name!r} cannot be the name of an attachment",
            advice="leave out slashes, backslashes and control characters",
        )
    return Upload(file, sha256 or digest_of(file), comment)


class Attacher:
    """Attaches files to one page.

    Content that the page has already is not uploaded again. A version that a person uploaded after ours is kept. Use one
    Attacher per page at a time: parallel updates of a page's attachments fail on the server with an optimistic lock.

    Example::

        attacher = Attacher(client, "4711")
        attacher.run(attacher.plan([make_upload(FilePart.at("chart.png"), comment="Daily users")]))

    :param client: the site
    :param page_id: the page
    :param keep_manual: keep a version that a person uploaded after ours
    :param minor: send no notification
    """

    def __init__(
        self,
        client: ConfluenceClient,
        page_id: str,
        *,
        keep_manual: bool = True,
        minor: bool = True,
    ) -> None:
        self._client = client
        self._page_id = page_id
        self._keep_manual = keep_manual
        self._minor = minor

    def plan(self, uploads: Sequence[Upload]) -> list[PlannedUpload]:
        """Read the page and decide what to do with each file. Nothing is written.

        :raises Invalid: when two files have the same name
        """
        names = [unicodedata.normalize("NFC", upload.file.name) for upload in uploads]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise Invalid(
                f"several files have the same name: {', '.join(duplicates)}",
                advice="give each file its own name",
            )
        ledger = self._ledger()
        return [self._plan(upload, ledger) for upload in uploads]

    def run(self, plan: Sequence[PlannedUpload]) -> list[UploadResult]:
        """Upload what was planned, one file after the other.

        Idempotent: running it again after a crash at any point ends in the same state.
        """
        writes = {
            planned.upload.file.name: 1 if planned.present is None else planned.present.version + 1
            for planned in plan
            if planned.action in (UploadAction.CREATE, UploadAction.UPDATE)
        }
        self.reserve(writes)
        return [self._apply(planned) for planned in plan]

    def reserve(self, versions: Mapping[str, int], *, copied: Sequence[Attachment] = (), absent: bool = False) -> None:
        """Record the versions that will be ours, before they are uploaded.

        From then on, that version or a later one without our mark is a person's, even if this process is killed in between.

        :param versions: file name to version
        :param copied: files that the site has copied, at the version that it gave them
        :param absent: the page is new, so nothing was recorded before
        """
        by_site = {file.name: file.version + 1 for file in copied if not MARK.search(file.comment)}
        if versions or by_site:

            def update(present: Any) -> dict[str, int]:
                return {**by_site, **_as_ledger(present), **versions}

            self._client.set_property(self._page_id, LEDGER, update, absent=absent)

    def put(self, upload: Upload, present: Attachment | None) -> Attachment:
        """Upload one file that was reserved, exactly once even if the response is lost.

        :param present: the page's present file of that name
        """

        def is_read_again(error: WorkplaceError) -> bool:
            return error.outcome_unknown or isinstance(error, Conflict | AlreadyExists)

        for attempt in attempts(ATTEMPTS, is_read_again, sleep=self._client.wait):
            if attempt.previous is not None:
                # Another writer was faster, or the response was lost. The comment of the present file shows which.
                present = self._client.find_attachment(self._page_id, upload.file.name)
                if present is not None and upload.sha256 in present.comment and _is_complete(upload, present):
                    return present
            with attempt:
                attachment = self._send(upload, present)
        _check_size(upload, attachment)
        return self._without_repetition(upload, attachment, present)

    def _without_repetition(self, upload: Upload, attachment: Attachment, present: Attachment | None) -> Attachment:
        """Remove our version again when an attempt that overlaps with ours uploaded the same content just before it."""
        if present is None or attachment.version <= present.version + 1 or not isinstance(self._client, RemovesFileVersions):
            return attachment
        try:
            before = self._client.remove_repeated_version(attachment, upload.sha256)
        except WorkplaceError as error:
            # The file is complete; a second version of the same content does no harm.
            log.warning(
                "%s: whether version %d repeats the one before is unknown: %s", attachment.name, attachment.version, error
            )
            return attachment
        if before is None:
            return attachment
        log.info("%s: version %d repeated version %d and was removed", attachment.name, attachment.version, before.version)
        return before

    def _send(self, upload: Upload, present: Attachment | None) -> Attachment:
        comment = upload.marked_comment
        if present is None:
            return self._client.create_attachment(self._page_id, upload.file, comment=comment, minor=self._minor)
        return self._client.update_attachment(present, upload.file, comment=comment, minor=self._minor)

    def _plan(self, upload: Upload, ledger: dict[str, int]) -> PlannedUpload:
        present = self._find(upload.file.name)
        # Pages refer to a file by the exact characters of its name. macOS decomposes Korean names (NFD), people type them
        # composed (NFC). A present file keeps its form; a new one gets the composed form.
        name = present.name if present else unicodedata.normalize("NFC", upload.file.name)
        upload = replace(upload, file=replace(upload.file, name=name))
        if present is None:
            return PlannedUpload(upload, UploadAction.CREATE, None)
        mark = MARK.search(present.comment)
        if mark:
            same = mark.group(1) == upload.sha256 and _is_complete(upload, present)
            return PlannedUpload(upload, UploadAction.UNCHANGED if same else UploadAction.UPDATE, present)
        if _is_complete(upload, present) and self._has_bytes_of(present, upload):
            return PlannedUpload(upload, UploadAction.UNCHANGED, present)
        by_hand_after_ours = name in ledger and present.version >= ledger[name]
        return PlannedUpload(
            upload, UploadAction.KEEP if by_hand_after_ours and self._keep_manual else UploadAction.UPDATE, present
        )

    def _has_bytes_of(self, present: Attachment, upload: Upload) -> bool:
        """Return whether a file without our mark, uploaded by a person or copied by the site, has the same content."""
        with spooled_file() as stored:
            return self._client.download_attachment(present, stored).sha256 == upload.sha256

    def _find(self, name: str) -> Attachment | None:
        forms = dict.fromkeys((name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)))
        files = (self._client.find_attachment(self._page_id, form) for form in forms)
        return next((file for file in files if file), None)

    def _apply(self, planned: PlannedUpload) -> UploadResult:
        name = planned.upload.file.name
        if planned.present is not None and planned.action in (UploadAction.UNCHANGED, UploadAction.KEEP):
            if planned.action is UploadAction.KEEP:
                log.warning(
                    "%s: version %d was uploaded by a person after ours and is kept",
                    name,
                    planned.present.version,
                )
            return UploadResult(name, planned.action, planned.present)
        if planned.action is UploadAction.UPDATE and (fresh := self._changed_since(planned)) is not None:
            # An overlapping attempt of this run, or a person, was faster. The present file decides.
            return self._apply(fresh)
        return UploadResult(name, planned.action, self.put(planned.upload, planned.present))

    def _changed_since(self, planned: PlannedUpload) -> PlannedUpload | None:
        """Plan again right before the write: the server does not guard a new version of a file with a version number."""
        now = self._find(planned.upload.file.name)
        if now is None or planned.present is None or now.version == planned.present.version:
            return None
        log.info("%s: another writer uploaded version %d in between; comparing it", now.name, now.version)
        return self._plan(planned.upload, self._ledger())

    def _ledger(self) -> dict[str, int]:
        stored = self._client.get_property(self._page_id, LEDGER)
        return _as_ledger(stored.value if stored else None)


def strip_mark(comment: str) -> str:
    """Return an attachment's comment without the digest."""
    return re.sub(r"(\s*·\s*)?sha256:[0-9a-f]{64}", "", comment).strip()


def _as_ledger(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {name: version for name, version in value.items() if isinstance(version, int)}


def _check_size(upload: Upload, attachment: Attachment) -> None:
    if attachment.size and not _is_complete(upload, attachment):
        raise BadResponse(
            f"{upload.file.name}: {_size(upload)} bytes were sent and {attachment.size} arrived",
            advice="run it again; if it fails again, check the proxy in between",
        )


def _is_complete(upload: Upload, present: Attachment) -> bool:
    """Return whether a file has all of its bytes: a site that fails an upload with 503 may keep an entry without content."""
    return present.size == _size(upload)


def _size(upload: Upload) -> int:
    if upload.file.size is not None:
        return upload.file.size
    with upload.file.open() as stream:
        return stream.seek(0, 2)
