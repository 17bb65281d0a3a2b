"""Accounts in a file with one record for each: what CSV, JSON and YAML files have in common."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from workplace_provider.common.arguments import parse_bool
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
from workplace_provider.identity.targets.stored_file import StoragePath, StoredFile

Record = dict[str, Any]
WRITES_PER_FILE: Final = 1000
_OWN: Final = (ID, EXTERNAL_ID, USER_NAME, ACTIVE)


class Records(Protocol):
    """The records of a file, which can be changed and written."""

    @property
    def by_id(self) -> dict[str, Record]:
        """The records by the ids of their accounts; changes are written by :meth:`dump`."""

    def dump(self) -> bytes:
        """Return the file with the changed records."""


class FileTarget(ABC):
    """The accounts in a file; a subclass has its format.

    The file is replaced in one step, so no reader sees half of it; see
    :class:`~workplace_provider.identity.targets.stored_file.StoredFile`.

    :param path: the file, or an object in an object store; a missing file is treated as empty
    :param columns: the attribute of each column or key; ``id``, ``externalId``, ``userName`` and ``active`` are required.
        Other columns and keys are not changed
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
        self._file = StoredFile(path, self.name)

    @abstractmethod
    def _parse(self, content: bytes | None) -> Records:
        """Return the records of the file; none for ``None``, which is a missing file."""

    @abstractmethod
    def _encode(self, value: Any) -> Any:
        """Return a value as the file has it."""

    @abstractmethod
    def _decode(self, value: Any) -> str:
        """Return a value of the file as text; empty if it is missing."""

    @property
    def capabilities(self) -> Capabilities:
        """The operations that a file supports."""
        return Capabilities(lookup=False, bulk=WRITES_PER_FILE)

    def read(self, lookups: Sequence[Lookup] | None = None) -> Iterable[Account]:
        """Return the accounts that the look-ups find; all accounts for ``None``."""
        with self._lock:
            accounts = [self._account(record) for record in self._parse(self._file.read()).by_id.values()]
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
        """Add a record."""
        return self._write(Write(kind=WriteKind.CREATE, values=values, secrets=secrets))

    def update(self, account_id: str, values: Mapping[str, Any], version: str = "") -> Account:
        """Change the values of a record."""
        return self._write(Write(kind=WriteKind.UPDATE, account_id=account_id, values=values))

    def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
        """Enable or disable the account of a record."""
        return self._write(Write(kind=WriteKind.ENABLE if active else WriteKind.DISABLE, account_id=account_id))

    def delete(self, account_id: str, version: str = "") -> None:
        """Remove a record."""
        self._write(Write(kind=WriteKind.DELETE, account_id=account_id))

    def close(self) -> None:  # noqa: B027 - no format needs it
        """Do nothing: no file is open."""

    def bulk(self, writes: Sequence[Write]) -> list[Account | TargetError | None]:
        """Apply several writes, and save the file once."""
        results: list[Account | TargetError | None] = []
        with self._lock, self._file.lock():
            records = self._parse(self._file.read())
            rows = records.by_id
            names = {comparison_key(USER_NAME, self._account(record).user_name) for record in rows.values()}
            for write in writes:
                try:
                    results.append(self._apply(write, rows, names))
                except TargetError as error:
                    results.append(error)
            self._file.replace(records.dump())
        return results

    def _write(self, write: Write) -> Account:
        (result,) = self.bulk([write])
        if isinstance(result, TargetError):
            raise result
        return result or Account(id=write.account_id)

    def _apply(self, write: Write, rows: dict[str, Record], names: set[str]) -> Account:
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
        row |= {self._column[name]: self._encode(value) for name, value in values.items()}
        return self._account(row)

    def _account(self, row: Mapping[str, Any]) -> Account:
        values = {attribute: self._decode(row.get(column)) for column, attribute in self._columns.items()}
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
