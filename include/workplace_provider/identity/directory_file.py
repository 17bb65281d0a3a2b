"""A directory as lines of JSON: read once, kept as a file, and given to every sync that follows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from workplace_provider.identity.directory import Directory, Identity, MemberKind

FORMAT: Final = "workplace-directory/1"
_USUAL: Final = Identity(key="", external_id="")
_NAMES: Final = tuple(field.name for field in fields(Identity))


class InvalidDirectoryFile(ValueError):
    """What was read is no directory, not all of one, or not the one that was written."""


def directory_lines(directory: Directory) -> Iterator[str]:
    """The directory as lines: what it is about, and every member; what a member has not is left out."""
    yield _json(
        {
            "format": FORMAT,
            "source": directory.source,
            "taken_at": directory.taken_at.isoformat(),
            "complete": directory.complete,
            "emails_known": directory.emails_known,
            "groups": directory.groups,
            "members": len(directory.identities),
            "sha256": directory.sha256,
        }
    )
    for identity in directory.identities:
        values = {name: getattr(identity, name) for name in _NAMES}
        yield _json({name: value for name, value in values.items() if value != getattr(_USUAL, name)})


def read_directory(lines: Iterable[str]) -> Directory:
    """Read the lines of a directory and check them against its digest.

    :raises InvalidDirectoryFile: a line is missing or was changed
    """
    rest = iter(lines)
    try:
        header = json.loads(next(rest, "null"))
        if not isinstance(header, Mapping) or header.get("format") != FORMAT:
            raise InvalidDirectoryFile("this is no directory: its first line does not say so")
        found = Directory.of(
            (_identity(json.loads(line)) for line in rest if line.strip()),
            source=header["source"],
            taken_at=datetime.fromisoformat(header["taken_at"]),
            complete=header["complete"],
            emails_known=header["emails_known"],
            groups=header["groups"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InvalidDirectoryFile):
            raise
        raise InvalidDirectoryFile(f"this is no directory: {error}") from error
    if len(found.identities) != header["members"] or found.sha256 != header["sha256"]:
        raise InvalidDirectoryFile(
            f"the directory was changed after it was written: it has {len(found.identities)} of {header['members']} "
            "members, or what is said of one is another"
        )
    return found


def _identity(written: dict[str, Any]) -> Identity:
    if "kind" in written:
        written["kind"] = MemberKind(written["kind"])
    if "groups" in written:
        written["groups"] = tuple(written["groups"])
    return Identity(**written)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a directory holds plain values only, not {type(value).__name__}")
