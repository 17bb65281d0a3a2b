"""A directory as a file of JSON lines, which several syncs can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

from workplace_provider.identity.directory import Directory, Identity, MemberKind, SourceNumbers

FORMAT: Final = "workplace-directory/1"
_DEFAULTS: Final = Identity(key="", external_id="")
_NAMES: Final = tuple(field.name for field in fields(Identity))


class InvalidDirectoryFile(ValueError):
    """A file that is not a directory, is incomplete, or was changed."""


def directory_lines(directory: Directory) -> Iterator[str]:
    """Yield a directory as lines of JSON: a header, and every member without its empty fields."""
    yield _json(
        {
            "format": FORMAT,
            "source": directory.source,
            "taken_at": directory.taken_at.isoformat(),
            "complete": directory.complete,
            "emails_known": directory.emails_known,
            "groups": directory.groups,
            "parts": [asdict(part) for part in directory.parts],
            "members": len(directory.identities),
            "sha256": directory.sha256,
        }
    )
    for identity in directory.identities:
        values = {name: getattr(identity, name) for name in _NAMES}
        yield _json({name: value for name, value in values.items() if value != getattr(_DEFAULTS, name)})


def read_directory(lines: Iterable[str]) -> Directory:
    """Read a directory from its lines and verify the digest.

    :raises InvalidDirectoryFile: a line is missing or was changed
    """
    rest = iter(lines)
    try:
        header = json.loads(next(rest, "null"))
        if not isinstance(header, Mapping) or header.get("format") != FORMAT:
            raise InvalidDirectoryFile("The file is not a directory: its first line is not the header. Take a new snapshot")
        directory = Directory.of(
            (_parse_identity(json.loads(line)) for line in rest if line.strip()),
            source=header["source"],
            taken_at=datetime.fromisoformat(header["taken_at"]),
            complete=header["complete"],
            emails_known=header["emails_known"],
            groups=header["groups"],
            parts=[SourceNumbers(**part) for part in header.get("parts", ())],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InvalidDirectoryFile):
            raise
        raise InvalidDirectoryFile(f"The file is not a directory: {error}. Take a new snapshot") from error
    if len(directory.identities) != header["members"] or directory.sha256 != header["sha256"]:
        raise InvalidDirectoryFile(
            f"The directory was changed after it was written: it has {len(directory.identities)} of {header['members']} "
            "members, or the data of a member differs. Take a new snapshot"
        )
    return directory


def _parse_identity(fields_of_member: dict[str, Any]) -> Identity:
    if "kind" in fields_of_member:
        fields_of_member["kind"] = MemberKind(fields_of_member["kind"])
    if "groups" in fields_of_member:
        fields_of_member["groups"] = tuple(fields_of_member["groups"])
    return Identity(**fields_of_member)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=_to_plain)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a directory can only contain JSON values, not {type(value).__name__}")
