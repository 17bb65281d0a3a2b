"""A file of accounts, for a system without an API: somebody reads it in by hand, or a job does."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

from workplace_provider.common.arguments import parse_bool
from workplace_provider.common.private_files import make_private_folder
from workplace_provider.identity import (
    Account,
    AccountExists,
    AccountMissing,
    Capabilities,
    Lookup,
    TargetError,
    Write,
    WriteKind,
)
from workplace_provider.identity.accounts import ACTIVE, EMAIL, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.matching import comparison_key, matches_key

Row = dict[str, str]
WRITES_PER_FILE: Final = 1000
# A spreadsheet takes a cell that begins so for a formula, and runs it (OWASP: CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_OWN: Final = (ID, EXTERNAL_ID, USER_NAME, ACTIVE)


class StoragePath(Protocol):
    """An object in an object store, as Airflow's ``ObjectStoragePath`` is."""

    @property
    def name(self) -> str:
        """Its last part."""

    @property
    def fs(self) -> Any:
        """Its file system."""

    def open(self, mode: str) -> Any:
        """Open it."""


class CsvTarget:
    """The accounts in a CSV file.

    The file is never seen half written, and written only while it is as it was read: processes of one machine wait for each
    other, and what somebody else wrote in between is an error, and not lost. Columns that are not named here stay as they
    are. A cell that a spreadsheet would take for a formula begins with an apostrophe in the file, which is taken off when it
    is read.

    :param path: the file, or an object in an object store; a missing one is an empty one
    :param columns: the attribute of each column, in the order of the file; ``id``, ``externalId``, ``userName`` and
        ``active`` must be among them
    :param name: the system's name
    """

    def __init__(self, path: Path | StoragePath, columns: Mapping[str, str], *, name: str = "") -> None:
        attributes = list(columns.values())
        for needed in _OWN:
            if needed not in attributes:
                raise ValueError(f"{path.name}: there must be a column for {needed}")
        if len(set(attributes)) < len(attributes):
            raise ValueError(f"{path.name}: two columns are for the same attribute")
        self.path = path
        self.name = name or path.name
        self._columns = dict(columns)
        self._column = {attribute: column for column, attribute in columns.items()}
        self._lock = threading.RLock()
        # Digest of the file as it was read last, for the comparison before a write; None when there was none.
        self._seen: bytes | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What a file can do."""
        return Capabilities(lookup=False, bulk=WRITES_PER_FILE)

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """The accounts that are looked up, or all."""
        with self._lock:
            accounts = [self._account(row) for row in self._rows()[1].values()]
        if lookups is None:
            return accounts
        found: dict[str, Account] = {}
        for lookup in lookups:
            for key in lookup:
                hits = {each.id: each for each in accounts if matches_key(each, key)}
                found |= hits
                if hits:
                    break
        return list(found.values())

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Add a row."""
        return self._alone(Write(kind=WriteKind.CREATE, values=values, secrets=secrets))

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        """Change the cells of a row."""
        return self._alone(Write(kind=WriteKind.UPDATE, account_id=account_id, values=values))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        """Enable or disable a row's account."""
        return self._alone(Write(kind=WriteKind.ENABLE if active else WriteKind.DISABLE, account_id=account_id))

    def delete(self, account_id: str, version: str = "") -> None:
        """Take a row out."""
        self._alone(Write(kind=WriteKind.DELETE, account_id=account_id))

    def close(self) -> None:
        """Nothing is held open."""

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Carry out writes, and write the file once."""
        answers: list[Account | TargetError | None] = []
        with self._lock, self._alone_on_this_machine():
            header, rows = self._rows()
            names = {comparison_key(USER_NAME, self._account(row).user_name) for row in rows.values()}
            for write in writes:
                try:
                    answers.append(self._carry_out(write, rows, names))
                except TargetError as error:
                    answers.append(error)
            self._save(header, rows)
        return answers

    def _alone(self, write: Write) -> Account:
        (answer,) = self.bulk([write])
        if isinstance(answer, TargetError):
            raise answer
        return answer or Account(id=write.account_id)

    def _carry_out(self, write: Write, rows: dict[str, Row], names: set[str]) -> Account:
        account_id, values = write.account_id, dict(write.values)
        if write.secrets:
            wanted = ", ".join(write.secrets)
            raise TargetError(f"{self.name} is a file, and keeps no secrets: take {wanted} out of the mapping")
        if write.kind == WriteKind.CREATE:
            name = comparison_key(USER_NAME, str(values.get(USER_NAME, "")))
            if name in names:
                raise AccountExists(f"{self.name} has an account of that name")
            names.add(name)
            account_id = uuid.uuid4().hex[:12]
            values |= {ID: account_id, ACTIVE: True}
        elif account_id not in rows:
            raise AccountMissing(f"{self.name} has no account {account_id}")
        if write.kind == WriteKind.DELETE:
            return self._account(rows.pop(account_id))
        if write.kind in (WriteKind.ENABLE, WriteKind.DISABLE):
            values = {ACTIVE: write.kind == WriteKind.ENABLE}
        unknown = [name for name in values if name not in self._column]
        if unknown:
            raise TargetError(f"{self.name} has no column for {', '.join(unknown)}")
        row = rows.setdefault(account_id, {})
        row |= {self._column[name]: _cell(value) for name, value in values.items()}
        return self._account(row)

    def _account(self, row: Row) -> Account:
        values = {attribute: _plain(row.get(column) or "") for column, attribute in self._columns.items()}
        email = values.get(EMAIL)
        rest = {name: value for name, value in values.items() if name not in _OWN and name != EMAIL and value}
        return Account(
            id=values[ID],
            external_id=values[EXTERNAL_ID],
            user_name=values[USER_NAME],
            emails=(email,) if email else (),
            active=parse_bool(values[ACTIVE] or "true", f"{self.name}: {self._column[ACTIVE]} of {values[ID]}"),
            attributes=rest,
        )

    def _rows(self) -> tuple[list[str], dict[str, Row]]:
        """The columns of the file and its rows by id."""
        content = self._content()
        self._seen = None if content is None else hashlib.sha256(content).digest()
        if content is None:
            return list(self._columns), {}
        # Excel writes a mark at the beginning, and needs it to read Korean.
        with io.StringIO(content.decode("utf-8-sig"), newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            header = list(reader.fieldnames or self._columns)
            missing = [column for column in self._columns if column not in header]
            if missing:
                raise TargetError(f"{self.path.name} has no column {', '.join(missing)}; it has {', '.join(header)}")
            rows: dict[str, Row] = {}
            for row in reader:
                account_id = _plain(row[self._column[ID]])
                if not account_id or account_id in rows or None in row:
                    problem = (
                        "more cells than columns" if None in row else f"the id {account_id!r}, which is empty or twice there"
                    )
                    raise TargetError(f"{self.path.name}, line {reader.line_num}: a row has {problem}")
                rows[account_id] = row
            return header, rows

    def _content(self) -> bytes | None:
        if not isinstance(self.path, Path):
            self.path.fs.invalidate_cache()
        try:
            with self._open("rb") as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    @contextmanager
    def _alone_on_this_machine(self) -> Iterator[None]:
        """Hold the file's lock while it is read and written; between machines the comparison before a write has to do."""
        if not isinstance(self.path, Path):
            yield
            return
        import fcntl

        make_private_folder(self.path.parent)
        # The folder's lock, since the file itself is replaced by another one.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _save(self, header: Sequence[str], rows: Mapping[str, Row]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, header)
        writer.writeheader()
        writer.writerows(rows.values())
        content = self._content()
        if (None if content is None else hashlib.sha256(content).digest()) != self._seen:
            raise TargetError(f"{self.name} was changed by somebody else while it was written: nothing was saved; run again")
        data = text.getvalue().encode("utf-8-sig")
        if isinstance(self.path, Path):
            self._replace(self.path, data)
            return
        with self._open("wb") as stream:
            stream.write(data)

    def _open(self, mode: str) -> IO[bytes]:
        return cast("IO[bytes]", self.path.open(mode))

    def _replace(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _cell(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    # An apostrophe of one's own is doubled by this, so that reading gives back what was written.
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell
