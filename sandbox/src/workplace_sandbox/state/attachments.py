"""Files attached to pages: rows here, bytes beside the database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, BinaryIO

from workplace_sandbox.files import FileShelf, StagedFile
from workplace_sandbox.model import Attachment
from workplace_sandbox.state.database import as_moment, as_number, as_text
from workplace_sandbox.state.errors import FileNameTakenError, NotFoundError
from workplace_sandbox.state.pages import PageTables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_ATTACHMENT = """
SELECT a.id, a.page_id, a.filename, v.media_type, v.size, v.sha256, v.comment, v.number, v.minor,
       v.at, v.author
FROM attachment a JOIN attachment_version v ON v.attachment_id = a.id
"""


class AttachmentTables(PageTables):
    """Attachments and their versions."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._files = FileShelf(directory / "files")

    def reset(self) -> None:
        """Remove the files as well."""
        super().reset()
        self._files.clear()

    def purge_page(self, page_id: str) -> None:
        """Remove a page for good, with its files."""
        attached = self.attachments(page_id)
        super().purge_page(page_id)
        for attachment in attached:
            self._files.remove(attachment.id)

    def stage_file(self) -> StagedFile:
        """Return a file for the bytes of an upload; pass it to ``add_attachment`` as the source."""
        return self._files.stage()

    def attachments(self, page_id: str) -> list[Attachment]:
        """Return the attachments of a page in their latest versions, by age."""
        rows = self._rows(f"{_ATTACHMENT} WHERE a.page_id = ? AND v.number = a.version ORDER BY a.id", as_number(page_id))
        return [self._attachment(row) for row in rows]

    def all_attachments(self) -> list[Attachment]:
        """Return every attachment of every page in its latest version, by age."""
        return [self._attachment(row) for row in self._rows(f"{_ATTACHMENT} WHERE v.number = a.version ORDER BY a.id")]

    def attachment(self, attachment_id: str) -> Attachment | None:
        """Return the latest version of an attachment (``att123``), or None."""
        row = self._row(f"{_ATTACHMENT} WHERE a.id = ? AND v.number = a.version", as_number(attachment_id))
        return self._attachment(row) if row else None

    def attachment_by_name(self, page_id: str, filename: str) -> Attachment | None:
        """Return the attachment of that name on a page, or None."""
        row = self._row(
            f"{_ATTACHMENT} WHERE a.page_id = ? AND a.filename = ? AND v.number = a.version",
            as_number(page_id),
            filename,
        )
        return self._attachment(row) if row else None

    def attachment_versions(self, attachment_id: str) -> list[Attachment]:
        """Return all versions of an attachment, the newest first."""
        rows = self._rows(
            f"{_ATTACHMENT} WHERE a.id = ? ORDER BY v.number DESC",
            as_number(attachment_id),
        )
        return [self._attachment(row) for row in rows]

    def add_attachment(
        self,
        page_id: str,
        filename: str,
        media_type: str,
        source: BinaryIO | StagedFile,
        comment: str = "",
        author: str = "report-bot",
        minor: bool = False,
        at: datetime | None = None,
    ) -> Attachment:
        """Attach a new file to a page.

        :param page_id: the page.
        :param filename: the name; unique on the page.
        :param media_type: e.g. ``image/png``.
        :param source: the bytes, read a chunk at a time; or a staged file, which is taken over.
        :param comment: comment of the version.
        :param author: user name.
        :param minor: whether no watcher is notified.
        :param at: when; now when None.
        :return: the attachment, at version 1.
        :raises NotFoundError: there is no such page.
        :raises FileNameTakenError: the page has an attachment of that name.
        """
        with self._stage(source) as staged, self._transaction() as db:
            self._require_page(page_id)
            if self.attachment_by_name(page_id, filename) is not None:
                raise FileNameTakenError(filename)
            number = self._next_id()
            db.execute("INSERT INTO attachment VALUES (?, ?, ?, 1)", (number, as_number(page_id), filename))
            self._add_file_version(number, 1, media_type, staged, comment, author, minor, at)
        return self._require_attachment(f"att{number}")

    def add_attachment_version(
        self,
        attachment_id: str,
        source: BinaryIO | StagedFile,
        media_type: str | None = None,
        comment: str = "",
        author: str = "report-bot",
        minor: bool = False,
        at: datetime | None = None,
        filename: str | None = None,
    ) -> Attachment:
        """Upload the next version of an attachment.

        :param attachment_id: the attachment.
        :param source: the bytes, or a staged file.
        :param media_type: of the new version; the old one's when None.
        :param comment: comment of the new version.
        :param author: user name.
        :param minor: whether no watcher is notified.
        :param at: when; now when None.
        :param filename: a new name for the attachment; None keeps it.
        :return: the attachment in its new version.
        :raises NotFoundError: there is no such attachment.
        :raises FileNameTakenError: another attachment of the page has the new name.
        """
        with self._stage(source) as staged, self._transaction() as db:
            current = self._require_attachment(attachment_id)
            self._rename(current, filename)
            version = current.version + 1
            db.execute("UPDATE attachment SET version = ? WHERE id = ?", (version, as_number(attachment_id)))
            self._add_file_version(
                as_number(attachment_id),
                version,
                media_type or current.media_type,
                staged,
                comment,
                author,
                minor,
                at,
            )
        return self._require_attachment(attachment_id)

    def update_attachment(
        self,
        attachment_id: str,
        *,
        filename: str | None = None,
        media_type: str | None = None,
        comment: str | None = None,
        page_id: str | None = None,
    ) -> Attachment:
        """Change the metadata of the latest version, without new bytes; or move it to another page.

        :return: the attachment after the write.
        :raises NotFoundError: the attachment or the page does not exist.
        :raises FileNameTakenError: the page has another attachment of that name.
        """
        with self._transaction() as db:
            current = self._require_attachment(attachment_id)
            if page_id is not None and page_id != current.page_id:
                self._require_page(page_id)
                if self.attachment_by_name(page_id, filename or current.filename) is not None:
                    raise FileNameTakenError(filename or current.filename)
                db.execute(
                    "UPDATE attachment SET page_id = ? WHERE id = ?",
                    (as_number(page_id), as_number(attachment_id)),
                )
                current = self._require_attachment(attachment_id)
            self._rename(current, filename)
            db.execute(
                "UPDATE attachment_version SET media_type = ?, comment = ? WHERE attachment_id = ? AND number = ?",
                (
                    media_type or current.media_type,
                    current.comment if comment is None else comment,
                    as_number(attachment_id),
                    current.version,
                ),
            )
        return self._require_attachment(attachment_id)

    def remove_attachment(self, attachment_id: str) -> None:
        """Remove an attachment with all its versions.

        :raises NotFoundError: there is no such attachment.
        """
        with self._transaction() as db:
            self._require_attachment(attachment_id)
            db.execute("DELETE FROM attachment WHERE id = ?", (as_number(attachment_id),))
        self._files.remove(attachment_id)

    def remove_attachment_version(self, attachment_id: str, number: int) -> None:
        """Remove one version of an attachment; the one before becomes the latest.

        :raises NotFoundError: there is no such version, or it is the only one.
        """
        with self._transaction() as db:
            self._require_attachment(attachment_id)
            left = [version.version for version in self.attachment_versions(attachment_id) if version.version != number]
            if not left or len(left) == len(self.attachment_versions(attachment_id)):
                raise NotFoundError(f"no version {number} of attachment {attachment_id} that can be removed")
            row = as_number(attachment_id)
            db.execute("DELETE FROM attachment_version WHERE attachment_id = ? AND number = ?", (row, number))
            db.execute("UPDATE attachment SET version = ? WHERE id = ?", (max(left), row))

    def _require_attachment(self, attachment_id: str) -> Attachment:
        attachment = self.attachment(attachment_id)
        if attachment is None:
            raise NotFoundError(f"no attachment {attachment_id}")
        return attachment

    @contextlib.contextmanager
    def _stage(self, source: BinaryIO | StagedFile) -> Iterator[StagedFile]:
        """Yield the source as a staged file, read outside the lock; removed again unless it was taken."""
        if isinstance(source, StagedFile):
            yield source
            return
        with self._files.stage() as staged:
            staged.copy_from(source)
            yield staged

    def _add_file_version(
        self,
        number: int,
        version: int,
        media_type: str,
        staged: StagedFile,
        comment: str,
        author: str,
        minor: bool,
        at: datetime | None,
    ) -> None:
        self._db.execute(
            "INSERT INTO attachment_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, version, media_type, staged.size, staged.sha256, comment, minor, author, as_text(at)),
        )
        self._files.take(staged, f"att{number}", version)

    def _rename(self, attachment: Attachment, filename: str | None) -> None:
        if filename is None or filename == attachment.filename:
            return
        if self.attachment_by_name(attachment.page_id, filename) is not None:
            raise FileNameTakenError(filename)
        self._db.execute("UPDATE attachment SET filename = ? WHERE id = ?", (filename, as_number(attachment.id)))

    def _attachment(self, row: tuple[Any, ...]) -> Attachment:
        (number, page_id, filename, media_type, size, sha256, comment, version, minor, at, author) = row
        attachment_id = f"att{number}"
        return Attachment(
            id=attachment_id,
            page_id=str(page_id),
            filename=filename,
            media_type=media_type,
            size=size,
            sha256=sha256,
            comment=comment,
            version=version,
            minor=bool(minor),
            created_at=as_moment(at),
            author=author,
            path=self._files.path(attachment_id, version),
        )
