"""A page as a line of JSON, and the fingerprint that shows its changes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workplace_provider.confluence.client.model import Attachment, Authorship, Page, WikiComment
from workplace_provider.http.errors import BadResponse

JSON_LINES: Final = "application/jsonl"
PARTS: Final = ("version", "title", "place", "labels", "comments", "attachments")

MODULUS: Final = 2**80

_ID = re.compile(rb'\{"id": "([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digests of what a listing contains about a page; an unchanged page has the same ones.

    ``version`` covers the number and the time of the version; ``place`` the space, status and ancestors; ``comments`` the
    id, version, parent and resolution of each comment; ``attachments`` the id, name, version, size, type and comment of each
    file.
    """

    version: str
    title: str
    place: str
    labels: str
    comments: str
    attachments: str

    def changed_since(self, earlier: Fingerprint) -> list[str]:
        """Return the names of the parts that differ."""
        return [name for name in PARTS if getattr(self, name) != getattr(earlier, name)]

    def as_list(self) -> list[str]:
        """Return the parts as a list, for a file."""
        return [getattr(self, name) for name in PARTS]


def sort_key(page_id: str) -> tuple[int, str]:
    """Return the key by which ids are sorted: in numeric order, also if an id is not a number."""
    return len(page_id), page_id


def line_of(page: Page, comments: Iterable[WikiComment], files: Iterable[tuple[Attachment, str, str]]) -> dict[str, Any]:
    """Return a page as a line.

    :param files: each file with the path of its bytes in the export, and the reason when they are left out
    """
    return {
        "id": page.id,
        "space": page.space,
        "title": page.title,
        "url": page.url,
        "status": page.status,
        "version": {
            "number": page.version,
            **_authorship(page.updated),
            "message": page.message,
            "minor": page.minor,
        },
        "created": _authorship(page.created),
        "ancestors": [{"id": above, "title": title} for above, title in page.ancestors],
        "labels": list(page.labels),
        "bodies": dict(page.bodies),
        "comments": [_comment(comment) for comment in sorted(comments, key=lambda comment: sort_key(comment.id))],
        "attachments": [_file(*file) for file in sorted(files, key=lambda file: sort_key(file[0].id))],
    }


def fingerprint_of_line(line: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint of a page that was read."""
    version = line["version"]
    return Fingerprint(
        _digest([version["number"], version["at"]]),
        _digest(line["title"]),
        _digest([line["space"], line["status"], [[above["id"], above["title"]] for above in line["ancestors"]]]),
        _digest(line["labels"]),
        set_fingerprint(map(comment_number, line["comments"])),
        set_fingerprint(map(file_number, line["attachments"])),
    )


def fingerprint_of_page(page: Page) -> Fingerprint:
    """Return the fingerprint of a page of a listing, without its comments and files."""
    return Fingerprint(
        _digest([page.version, page.updated.at]),
        _digest(page.title),
        _digest([page.space, page.status, [list(above) for above in page.ancestors]]),
        _digest(list(page.labels)),
        "",
        "",
    )


def set_fingerprint(numbers: Iterable[int]) -> str:
    """Return the fingerprint of comments or files in any order: a sum, so that no listing has to be kept for sorting."""
    values = list(numbers)
    return f"{len(values)}:{sum(values) % MODULUS:x}" if values else ""


def comment_number(comment: Mapping[str, Any] | WikiComment) -> int:
    """Return a number that differs after a change of a comment."""
    if isinstance(comment, WikiComment):
        return _number([comment.id, comment.version, comment.parent_id, comment.location, comment.resolution])
    return _number([comment[name] for name in ("id", "version", "parent_id", "location", "resolution")])


def file_number(file: Mapping[str, Any] | Attachment) -> int:
    """Return a number that differs after a change of a file."""
    if isinstance(file, Attachment):
        return _number([file.id, file.name, file.version, file.size, file.media_type, file.comment])
    return _number([file[name] for name in ("id", "name", "version", "size", "media_type", "comment")])


def encode(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    """Return JSON in UTF-8 with a line break at the end."""
    # A lone surrogate is valid in JSON and not in UTF-8, so such a value is written with escapes.
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent).encode()
    return text + b"\n"


def id_of(line: bytes) -> str:
    """Return the id of a line's page without parsing the rest of the line."""
    match = _ID.match(line)
    if not match:
        raise BadResponse(
            f"a line of an earlier export begins {line[:40]!r}",
            advice="the export was changed; remove its folder, and the next run creates it again",
        )
    return match[1].decode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:20] if value else ""


def _number(value: Any) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(value).encode()).digest()[:10], "big")


def _authorship(authorship: Authorship) -> dict[str, Any]:
    author = authorship.by
    return {"at": authorship.at, "by": {"name": author.name, "display_name": author.display_name}}


def _comment(comment: WikiComment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "location": comment.location,
        "resolution": comment.resolution,
        "version": comment.version,
        "created": _authorship(comment.created),
        "updated": _authorship(comment.updated),
        "selection": comment.selection,
        "marker": comment.marker,
        "bodies": dict(comment.bodies),
    }


def _file(file: Attachment, path: str, left_out: str) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "version": file.version,
        "size": file.size,
        "media_type": file.media_type,
        "comment": file.comment,
        "updated": _authorship(file.updated),
        "file": path or None,
        "left_out": left_out or None,
    }
