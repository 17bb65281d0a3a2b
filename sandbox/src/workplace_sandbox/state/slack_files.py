"""Files in Slack: rows here, bytes beside the database. Between an upload and its message there may be a wait."""

from __future__ import annotations

import json
import mimetypes
from typing import TYPE_CHECKING, Any

from workplace_sandbox.files import FileShelf, StagedFile
from workplace_sandbox.model import MessageSource, SlackFile, SlackMessage
from workplace_sandbox.state.database import as_moment, as_text
from workplace_sandbox.state.messages import MessageTables
from workplace_sandbox.state.slack_ids import slack_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from pathlib import Path

_FILE = "SELECT id, user_id, name, title, media_type, size, created FROM slack_file"
# Slack keeps one version of a file; the shelf needs a number.
_VERSION = 1


class SlackFileTables(MessageTables):
    """Files and their shares."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._slack_files = FileShelf(directory / "slack-files")

    def reset(self) -> None:
        """Remove the files as well."""
        super().reset()
        self._slack_files.clear()

    def slack_files(self) -> list[SlackFile]:
        """Return the complete files, the newest first."""
        return [self._slack_file(row) for row in self._rows(f"{_FILE} WHERE complete ORDER BY created DESC, position DESC")]

    def slack_file(self, file_id: str) -> SlackFile | None:
        """Return the file of that id when it is complete, or None."""
        row = self._row(f"{_FILE} WHERE id = ? AND complete", file_id)
        return self._slack_file(row) if row else None

    def files_of_messages(self, channel_id: str, messages: Collection[str]) -> dict[str, list[SlackFile]]:
        """Return the files of messages, by ``ts``; messages without any are left out."""
        files: dict[str, list[SlackFile]] = {}
        for ts, file_id in self._rows(
            "SELECT ts, file_id FROM slack_share"
            " WHERE channel_id = ? AND ts IN (SELECT value FROM json_each(?)) ORDER BY position",
            channel_id,
            json.dumps(list(messages)),
        ):
            if file := self.slack_file(file_id):
                files.setdefault(ts, []).append(file)
        return files

    def announce_file(self, user_id: str, name: str, length: int, at: datetime | None = None) -> str:
        """Announce an upload.

        :param length: the number of bytes.
        :return: the id of the file.
        """
        with self._transaction() as db:
            number = db.execute("SELECT count(*) FROM slack_file").fetchone()[0]
            file_id = slack_id("F", f"{number} {name}")
            media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
            db.execute(
                "INSERT INTO slack_file (id, user_id, name, title, media_type, size, created, arrived, complete)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
                (file_id, user_id, name, name, media_type, length, as_text(at)),
            )
        return file_id

    def announced_length(self, file_id: str) -> int | None:
        """Return the announced length of a file that has not arrived; None for any other id."""
        row = self._row("SELECT size FROM slack_file WHERE id = ? AND NOT arrived", file_id)
        return int(row[0]) if row else None

    def stage_slack_file(self) -> StagedFile:
        """Return a file for the bytes of an upload."""
        return self._slack_files.stage()

    def take_slack_file(self, file_id: str, staged: StagedFile) -> None:
        """Store the bytes of an announced file."""
        with self._transaction() as db:
            self._slack_files.take(staged, file_id, _VERSION)
            db.execute("UPDATE slack_file SET arrived = 1, size = ? WHERE id = ?", (staged.size, file_id))

    def complete_file(self, file_id: str, title: str | None) -> SlackFile | None:
        """Complete a file that has arrived.

        :param title: its title; its file name when None.
        :return: the file; None when it has not arrived.
        """
        with self._transaction() as db:
            sql = "UPDATE slack_file SET complete = 1, title = coalesce(?, title) WHERE id = ? AND arrived"
            db.execute(sql, (title, file_id))
            return self.slack_file(file_id)

    def share_later(
        self, files: Sequence[str], channel_id: str, thread_ts: str | None, text: str, user_id: str, looks: int | None
    ) -> None:
        """Share files in a channel after a number of ``files.info`` calls for one of them.

        :param files: ids.
        :param looks: the number of calls; None for never.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO slack_waiting_share (files, channel_id, thread_ts, text, user_id, looks_left)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (json.dumps(list(files)), channel_id, thread_ts, text, user_id, looks),
            )

    def count_file_call(self, file_id: str) -> None:
        """Count a ``files.info`` call, and share the files that have reached their number."""
        with self._transaction() as db:
            waiting = db.execute(
                "SELECT position, files, channel_id, thread_ts, text, user_id, looks_left FROM slack_waiting_share"
                " WHERE looks_left IS NOT NULL AND ? IN (SELECT value FROM json_each(files)) ORDER BY position",
                (file_id,),
            ).fetchall()
            for position, files, channel_id, thread_ts, text, user_id, left in waiting:
                if left > 0:
                    db.execute("UPDATE slack_waiting_share SET looks_left = ? WHERE position = ?", (left - 1, position))
                else:
                    db.execute("DELETE FROM slack_waiting_share WHERE position = ?", (position,))
                    self.share_files(json.loads(files), channel_id, text, user_id, thread_ts=thread_ts)

    def share_files(
        self,
        files: Sequence[str],
        channel_id: str,
        text: str,
        user_id: str,
        *,
        username: str = "",
        source: MessageSource = "api",
        thread_ts: str | None = None,
        at: datetime | None = None,
    ) -> SlackMessage:
        """Post a message with files.

        :param files: ids.
        :return: the message.
        """
        with self._transaction() as db:
            message = self.post(
                channel_id,
                text,
                username=username,
                payload={},
                source=source,
                user_id=user_id,
                thread_ts=thread_ts,
                at=at,
            )
            sql = "INSERT INTO slack_share (file_id, channel_id, ts) VALUES (?, ?, ?)"
            db.executemany(sql, [(file_id, channel_id, message.ts) for file_id in files])
        return message

    def _slack_file(self, row: tuple[Any, ...]) -> SlackFile:
        file_id, user_id, name, title, media_type, size, created = row
        shares = self._rows("SELECT channel_id, ts FROM slack_share WHERE file_id = ? ORDER BY position", file_id)
        path = self._slack_files.path(file_id, _VERSION)
        return SlackFile(
            file_id, user_id, name, title, media_type, size, as_moment(created), path, tuple((c, ts) for c, ts in shares)
        )
