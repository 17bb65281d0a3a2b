"""A CSV file of accounts, for a system without an API: a person or a job imports it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from workplace_provider.identity import TargetError
from workplace_provider.identity.accounts import ID
from workplace_provider.identity.targets.file_target import FileTarget, Record, Records

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP: CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class CsvTarget(FileTarget):
    """The accounts in a CSV file; see :class:`~workplace_provider.identity.targets.file_target.FileTarget`.

    Columns without an attribute are not changed. A cell that a spreadsheet would run as a formula gets an apostrophe in the
    file, which is removed when the file is read::

        columns = {"ID": "id", "Key": "externalId", "User": "userName", "Active": "active", "Mail": "emails.value"}
        target = CsvTarget(Path("accounts.csv"), columns, name="Badge system")

    The order of ``columns`` is that of a new file.
    """

    def _parse(self, content: bytes | None) -> Records:
        if content is None:
            return _CsvRecords(list(self._columns), {})
        # Excel writes a byte order mark, and needs it to read Korean.
        with io.StringIO(content.decode("utf-8-sig"), newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            header = list(reader.fieldnames or self._columns)
            missing = [column for column in self._columns if column not in header]
            if missing:
                raise TargetError(f"{self.path.name} has no column {', '.join(missing)}; it has {', '.join(header)}")
            rows: dict[str, Record] = {}
            for row in reader:
                account_id = self._decode(row[self._column[ID]])
                if not account_id or account_id in rows or None in row:
                    problem = "more cells than columns" if None in row else f"an empty or duplicate id {account_id!r}"
                    raise TargetError(f"{self.path.name}, line {reader.line_num}: a row has {problem}")
                rows[account_id] = row
            return _CsvRecords(header, rows)

    def _encode(self, value: Any) -> str:
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        # A text that itself begins with an apostrophe gets a second one, so that reading returns the original.
        return f"'{text}" if text.startswith((*_FORMULA, "'")) else text

    def _decode(self, value: Any) -> str:
        cell = str(value or "")
        return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


@dataclass
class _CsvRecords:
    """The rows of a CSV file."""

    header: Sequence[str]
    by_id: dict[str, Record]

    def dump(self) -> bytes:
        """Return the file."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.header)
        writer.writeheader()
        writer.writerows(self.by_id.values())
        return text.getvalue().encode("utf-8-sig")
