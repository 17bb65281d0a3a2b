"""Files onto a page: each content once, and never over what a person put there by hand."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.digests import digest_of
from workplace_provider.confluence.client.version1 import MARK
from workplace_provider.http.errors import AlreadyExists, BadResponse, Conflict, Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger, has_invisible

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.http.client import FilePart

log = get_logger("workplace_provider.confluence")

LEDGER: Final = "airflow.attachments"
"""Content property: file name -> the version from which on one without our mark is a person's: that which we uploaded
last or were about to, or the one after what the site has copied for us."""

COMMENT_LIMIT: Final = 255
ATTEMPTS: Final = 5
_REFUSED_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]")


class UploadAction(StrEnum):
    """What becomes of one file."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to attach, the SHA-256 of its content, and the comment people see beside it."""

    file: FilePart
    sha256: str
    comment: str = ""

    @property
    def marked_comment(self) -> str:
        """The comment with the content's digest, by which the version is known as ours and its content compared."""
        mark = f"sha256:{self.sha256}"
        room = COMMENT_LIMIT - len(mark) - 3
        return f"{self.comment[:room]} · {mark}" if self.comment else mark


@dataclass(frozen=True, slots=True)
class PlannedUpload:
    """What will be done with one file, and the file of that name that is there now."""

    upload: Upload
    action: UploadAction
    present: Attachment | None


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What was done with one file."""

    name: str
    action: UploadAction
    attachment: Attachment


def make_upload(file: FilePart, *, comment: str = "", sha256: str | None = None) -> Upload:
    """Get a file ready: its name checked, its content hashed.

    :param sha256: the content's digest where it is known already
    :raises Invalid: when the name cannot be a file name in Confluence
    """
    file = replace(file, name=file.name.strip())
    if not file.name or _REFUSED_IN_NAMES.search(file.name) or has_invisible(file.name):
        raise Invalid(
            f"{file.name!r} cannot be the name of an attachment",
            system="Confluence",
            advice="leave out slashes, backslashes and control characters",
        )
    return Upload(file, sha256 or digest_of(file), comment)


class Attacher:
    """Puts files onto one page.

    A content that is there already is not uploaded again. A newer version that a person uploaded after ours is kept. One
    Attacher per page at a time: parallel updates of a page's attachments fail on the server with an optimistic lock.

    :param client: the site
    :param page_id: the page
    :param keep_manual: keep a version that a person uploaded after ours
    :param minor: send no notification about it
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
        """Decide what to do with each file; nothing is written.

        :raises Invalid: when two files have the same name
        """
        names = [unicodedata.normalize("NFC", upload.file.name) for upload in uploads]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Invalid(
                f"several files have the same name: {', '.join(twice)}",
                system="Confluence",
                advice="give each file its own name",
            )
        ledger = self._ledger()
        return [self._planned(upload, ledger) for upload in uploads]

    def run(self, plan: Sequence[PlannedUpload]) -> list[UploadResult]:
        """Do what was planned, one file after the other.

        Doing it again after a crash at any point ends in the same state.
        """
        writes = {
            planned.upload.file.name: 1 if planned.present is None else planned.present.version + 1
            for planned in plan
            if planned.action in (UploadAction.CREATE, UploadAction.UPDATE)
        }
        self.reserve(writes)
        return [self._carried_out(planned) for planned in plan]

    def reserve(self, versions: Mapping[str, int], *, copied: Sequence[Attachment] = (), absent: bool = False) -> None:
        """Write down which versions will be ours, before they are uploaded.

        From then on a version of that number or a later one without our mark is a person's, even if we die in between.

        :param versions: file name to version
        :param copied: files that the site has copied for us, at the version that it gave them
        :param absent: the page is new, so nothing was written down before
        """
        by_site = {file.name: file.version + 1 for file in copied if not MARK.search(file.comment)}
        if versions or by_site:

            def update(present: Any) -> dict[str, int]:
                return {**by_site, **_as_ledger(present), **versions}

            self._client.set_property(self._page_id, LEDGER, update, absent=absent)

    def put(self, upload: Upload, present: Attachment | None) -> Attachment:
        """Upload one file that was reserved, exactly once even if the answer is lost.

        :param present: the file of that name that is there now
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                done = self._sent(upload, present)
            except WorkplaceError as error:
                # Another writer was faster, or the answer is lost: the comment of what is there now tells which.
                again = error.outcome_unknown or isinstance(error, Conflict | AlreadyExists)
                if not again or attempt == ATTEMPTS:
                    raise
                self._client.wait(0.5 * attempt)
                present = self._client.find_attachment(self._page_id, upload.file.name)
                if present is not None and upload.sha256 in present.comment and _is_whole(upload, present):
                    return present
            else:
                _check_size(upload, done)
                return done
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _sent(self, upload: Upload, present: Attachment | None) -> Attachment:
        comment = upload.marked_comment
        if present is None:
            return self._client.create_attachment(self._page_id, upload.file, comment=comment, minor=self._minor)
        return self._client.update_attachment(present, upload.file, comment=comment, minor=self._minor)

    def _planned(self, upload: Upload, ledger: dict[str, int]) -> PlannedUpload:
        present = self._present(upload.file.name)
        # Pages refer to a file by the exact characters of its name. macOS decomposes Korean ones (NFD), people type them
        # composed (NFC): a file that is there keeps its form, a new one is composed.
        name = present.name if present else unicodedata.normalize("NFC", upload.file.name)
        upload = replace(upload, file=replace(upload.file, name=name))
        if present is None:
            return PlannedUpload(upload, UploadAction.CREATE, None)
        mark = MARK.search(present.comment)
        if mark:
            same = mark.group(1) == upload.sha256 and _is_whole(upload, present)
            return PlannedUpload(upload, UploadAction.UNCHANGED if same else UploadAction.UPDATE, present)
        if _is_whole(upload, present) and self._has_bytes_of(present, upload):
            return PlannedUpload(upload, UploadAction.UNCHANGED, present)
        by_hand_after_ours = name in ledger and present.version >= ledger[name]
        return PlannedUpload(
            upload, UploadAction.KEEP if by_hand_after_ours and self._keep_manual else UploadAction.UPDATE, present
        )

    def _has_bytes_of(self, present: Attachment, upload: Upload) -> bool:
        """Whether a file without our mark, as a person uploads it or the site copies it, has the same content."""
        with tempfile.TemporaryFile() as stored:
            return self._client.download_attachment(present, stored).sha256 == upload.sha256

    def _present(self, name: str) -> Attachment | None:
        forms = dict.fromkeys((name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)))
        return next((found for form in forms if (found := self._client.find_attachment(self._page_id, form))), None)

    def _carried_out(self, planned: PlannedUpload) -> UploadResult:
        name = planned.upload.file.name
        if planned.present is not None and planned.action in (UploadAction.UNCHANGED, UploadAction.KEEP):
            if planned.action is UploadAction.KEEP:
                log.warning(
                    "%s: version %d was uploaded by hand after ours and is kept",
                    name,
                    planned.present.version,
                )
            return UploadResult(name, planned.action, planned.present)
        if planned.action is UploadAction.UPDATE and (fresh := self._changed_since(planned)) is not None:
            # An overlapping attempt of this run, or a person, was faster: what is there now decides.
            return self._carried_out(fresh)
        return UploadResult(name, planned.action, self.put(planned.upload, planned.present))

    def _changed_since(self, planned: PlannedUpload) -> PlannedUpload | None:
        """Look again right before the write, since nothing on the server guards a new version of a file."""
        now = self._present(planned.upload.file.name)
        if now is None or planned.present is None or now.version == planned.present.version:
            return None
        log.info("%s: version %d came in between; looking at it", now.name, now.version)
        return self._planned(planned.upload, self._ledger())

    def _ledger(self) -> dict[str, int]:
        found = self._client.get_property(self._page_id, LEDGER)
        return _as_ledger(found.value if found else None)


def without_mark(comment: str) -> str:
    """An attachment's comment as people wrote it."""
    return re.sub(r"(\s*·\s*)?sha256:[0-9a-f]{64}", "", comment).strip()


def _as_ledger(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {name: version for name, version in value.items() if isinstance(version, int)}


def _check_size(upload: Upload, done: Attachment) -> None:
    if done.size and not _is_whole(upload, done):
        raise BadResponse(
            f"{upload.file.name}: {_size(upload)} bytes were sent and {done.size} arrived",
            system="Confluence",
            advice="run it again; when it stays so, look at the proxy in between",
        )


def _is_whole(upload: Upload, present: Attachment) -> bool:
    """Whether all of a file is there; an upload that was answered with 503 may leave an entry without its content."""
    return present.size == _size(upload)


def _size(upload: Upload) -> int:
    if upload.file.size is not None:
        return upload.file.size
    with upload.file.open() as stream:
        return stream.seek(0, 2)
