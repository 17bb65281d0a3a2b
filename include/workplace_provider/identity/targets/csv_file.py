"""A CSV file of accounts, for a system without an API: a person or a job imports it."""

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

CsvRow = dict[str, str]
WRITES_PER_FILE: Final = 1000
# A spreadsheet runs a cell that begins with one of these as a formula (OWASP: CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_S3: Final = ("s3", "s3a")
_OWN: Final = (ID, EXTERNAL_ID, USER_NAME, ACTIVE)


class StoragePath(Protocol):
    """An object in an object store, such as Airflow's ``ObjectStoragePath``."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    @property
    def fs(self) -> Any:
        """The file system."""

    @property
    def path(self) -> str:
        """The path in the file system."""

    @property
    def protocol(self) -> str:
        """The scheme of the URL, such as ``s3``."""

    def open(self, mode: str) -> Any:
        """Open the object."""


class CsvTarget:
    """The accounts in a CSV file.

    The file is replaced in one step, so no reader sees half of it. Processes on one machine wait for each other; a change by
    another machine is detected before the write and raises an error. In S3 the write itself has the condition that the
    object is unchanged; for other object stores, it is compared right before. Columns without an attribute are not
    changed. A cell that a spreadsheet would run as a formula gets an apostrophe in the file, which is removed when the file
    is read::

        columns = {"ID": "id", "Key": "externalId", "User": "userName", "Active": "active", "Mail": "emails.value"}
        target = CsvTarget(Path("accounts.csv"), columns, name="Badge system")

    :param path: the file, or an object in an object store; a missing file is treated as empty
    :param columns: the attribute of each column, in the order of the file; ``id``, ``externalId``, ``userName`` and
        ``active`` are required
    :param name: the system's name
    """

    def __init__(self, path: Path | StoragePath, columns: Mapping[str, str], *, name: str = "") -> None:
        attributes = list(columns.values())
        for needed in _OWN:
            if needed not in attributes:
                raise ValueError(f"{path.name}: no column for {needed}. Add it to columns")
        if len(set(attributes)) < len(attributes):
            raise ValueError(f"{path.name}: two columns have the same attribute. Remove one from columns")
        self.path = path
        self.name = name or path.name
        self._columns = dict(columns)
        self._column = {attribute: column for column, attribute in columns.items()}
        self._lock = threading.RLock()
        # Digest of the file when it was read last, compared before a write; None if there was no file.
        self._seen: bytes | None = None
        self._etag = ""

    @property
    def capabilities(self) -> Capabilities:
        """The operations that a file supports."""
        return Capabilities(lookup=False, bulk=WRITES_PER_FILE)

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """Return the accounts that the look-ups find; all accounts for ``None``."""
        with self._lock:
            accounts = [self._account(row) for row in self._rows()[1].values()]
        if lookups is None:
            return accounts
        found: dict[str, Account] = {}
        for lookup in lookups:
            for key in lookup:
                matches = {account.id: account for account in accounts if matches_key(account, key)}
                found |= matches
                if matches:
                    break
        return list(found.values())

    def create(self, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Account:
        """Add a row."""
        return self._write(Write(kind=WriteKind.CREATE, values=values, secrets=secrets))

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        """Change the cells of a row."""
        return self._write(Write(kind=WriteKind.UPDATE, account_id=account_id, values=values))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        """Enable or disable the account of a row."""
        return self._write(Write(kind=WriteKind.ENABLE if active else WriteKind.DISABLE, account_id=account_id))

    def delete(self, account_id: str, version: str = "") -> None:
        """Remove a row."""
        self._write(Write(kind=WriteKind.DELETE, account_id=account_id))

    def close(self) -> None:
        """Do nothing: no file is open."""

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Apply several writes, and save the file once."""
        results: list[Account | TargetError | None] = []
        with self._lock, self._lock_on_this_machine():
            header, rows = self._rows()
            names = {comparison_key(USER_NAME, self._account(row).user_name) for row in rows.values()}
            for write in writes:
                try:
                    results.append(self._apply(write, rows, names))
                except TargetError as error:
                    results.append(error)
            self._save(header, rows)
        return results

    def _write(self, write: Write) -> Account:
        (result,) = self.bulk([write])
        if isinstance(result, TargetError):
            raise result
        return result or Account(id=write.account_id)

    def _apply(self, write: Write, rows: dict[str, CsvRow], names: set[str]) -> Account:
        account_id, values = write.account_id, dict(write.values)
        if write.secrets:
            names_of_secrets = ", ".join(write.secrets)
            raise TargetError(
                f"{self.name} is a file, which must not contain secrets. Remove {names_of_secrets} from the mapping"
            )
        if write.kind == WriteKind.CREATE:
            name = comparison_key(USER_NAME, str(values.get(USER_NAME, "")))
            if name in names:
                raise AccountExists(f"An account with this user name already exists in {self.name}")
            names.add(name)
            account_id = uuid.uuid4().hex[:12]
            values |= {ID: account_id, ACTIVE: True}
        elif account_id not in rows:
            raise AccountMissing(f"The account {account_id} does not exist in {self.name}")
        if write.kind == WriteKind.DELETE:
            return self._account(rows.pop(account_id))
        if write.kind in (WriteKind.ENABLE, WriteKind.DISABLE):
            values = {ACTIVE: write.kind == WriteKind.ENABLE}
        unknown = [name for name in values if name not in self._column]
        if unknown:
            raise TargetError(
                f"{self.name} has no column for {', '.join(unknown)}. Add it to columns or remove it from the mapping"
            )
        row = rows.setdefault(account_id, {})
        row |= {self._column[name]: _to_cell(value) for name, value in values.items()}
        return self._account(row)

    def _account(self, row: CsvRow) -> Account:
        values = {attribute: _from_cell(row.get(column) or "") for column, attribute in self._columns.items()}
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

    def _rows(self) -> tuple[list[str], dict[str, CsvRow]]:
        """Return the columns of the file, and its rows by id."""
        content = self._content()
        self._seen = _digest(content)
        if content is None:
            return list(self._columns), {}
        # Excel writes a byte order mark, and needs it to read Korean.
        with io.StringIO(content.decode("utf-8-sig"), newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            header = list(reader.fieldnames or self._columns)
            missing = [column for column in self._columns if column not in header]
            if missing:
                raise TargetError(f"{self.path.name} has no column {', '.join(missing)}; it has {', '.join(header)}")
            rows: dict[str, CsvRow] = {}
            for row in reader:
                account_id = _from_cell(row[self._column[ID]])
                if not account_id or account_id in rows or None in row:
                    problem = "more cells than columns" if None in row else f"an empty or duplicate id {account_id!r}"
                    raise TargetError(f"{self.path.name}, line {reader.line_num}: a row has {problem}")
                rows[account_id] = row
            return header, rows

    def _content(self) -> bytes | None:
        if not isinstance(self.path, Path):
            self.path.fs.invalidate_cache()
        try:
            with self._open("rb") as stream:
                # s3fs reads with the condition that the object still has this ETag.
                self._etag = str((getattr(stream, "details", None) or {}).get("ETag") or "")
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    @contextmanager
    def _lock_on_this_machine(self) -> Iterator[None]:
        """Lock the file while it is read and written. Other machines are detected by the comparison before a write."""
        if not isinstance(self.path, Path):
            yield
            return
        import fcntl

        make_private_folder(self.path.parent)
        # The lock is on the folder, because the file itself is replaced.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _save(self, header: Sequence[str], rows: Mapping[str, CsvRow]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, header)
        writer.writeheader()
        writer.writerows(rows.values())
        content = self._content()
        if _digest(content) != self._seen:
            raise self._overtaken()
        data = text.getvalue().encode("utf-8-sig")
        if isinstance(self.path, Path):
            self._replace(self.path, data)
            return
        self._replace_object(self.path, data)

    def _replace_object(self, path: StoragePath, data: bytes) -> None:
        """Write the object, in S3 only if it is still the one that was read."""
        if path.protocol not in _S3:
            with self._open("wb") as stream:
                stream.write(data)
            return
        # s3fs passes these to PutObject. S3 checks them since November 2024:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        conditions = {"IfNoneMatch": "*"} if self._seen is None else {"IfMatch": self._etag}
        try:
            path.fs.pipe_file(path.path, data, **conditions)
        except OSError:
            content = self._content()
            # A retry of the store's client fails like this, after a first request whose response was lost.
            if content == data:
                return
            if _digest(content) != self._seen:
                raise self._overtaken() from None
            raise

    def _overtaken(self) -> TargetError:
        return TargetError(f"Nothing was saved: {self.name} was changed by another process in the meantime. Run again")

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


def _digest(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()


def _to_cell(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    # A text that itself begins with an apostrophe gets a second one, so that reading returns the original.
    return f"'{text}" if text.startswith((*_FORMULA, "'")) else text


def _from_cell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell
