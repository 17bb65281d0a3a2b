"""JSON and YAML files of accounts, such as seed data in a repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.identity.accounts import ID
from workplace_provider.identity.targets.file_target import FileTarget, Records
from workplace_provider.identity.targets.json_text import JsonSyntax
from workplace_provider.identity.targets.record_text import RecordText, Syntax
from workplace_provider.identity.targets.yaml_text import YamlSyntax

if TYPE_CHECKING:
    from workplace_provider.identity.targets.stored_file import StoragePath


class JsonTarget(FileTarget):
    """The accounts in a JSON file: a list of objects, or an object with such a list.

    Only changed values get new text: order, unknown keys and white space stay, so the difference in a repository is small.
    New accounts are added at the end::

        columns = {"id": "id", "key": "externalId", "login": "userName", "active": "active", "mail": "emails.value"}
        target = JsonTarget(Path("seed/users.json"), columns, records="users")

    :param records: keys to the list, separated by dots; empty if the file is the list
    """

    syntax: ClassVar[Syntax] = JsonSyntax()

    def __init__(self, path: Path | StoragePath, columns: Mapping[str, str], *, name: str = "", records: str = "") -> None:
        super().__init__(path, columns, name=name)
        self._path = [part for part in records.split(".") if part]

    def _parse(self, content: bytes | None) -> Records:
        return RecordText(self.syntax, content, self._path, self._column[ID], self._decode, self.path.name)

    def _encode(self, value: Any) -> Any:
        return "" if value is None else value if isinstance(value, bool) else str(value)

    def _decode(self, value: Any) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class YamlTarget(JsonTarget):
    """The accounts in a YAML file: a list of mappings, or a mapping with such a list; see :class:`JsonTarget`.

    Comments stay as well::

        columns = {"id": "id", "key": "externalId", "login": "userName", "active": "active", "mail": "emails.value"}
        target = YamlTarget(Path("seed/users.yaml"), columns, records="users")

    """

    syntax: ClassVar[Syntax] = YamlSyntax()
