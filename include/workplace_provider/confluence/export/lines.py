"""A page as a line of JSON, and the marks by which a change of it is noticed."""

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

_MODULUS: Final = 2**80

_ID = re.compile(rb'\{"id": "([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Marks:
    """What a listing tells of a page; what is equal in all of them has not changed.

    ``version`` is the page's number and time; ``place`` its space, status and ancestors. ``comments`` is made of the id,
    version, parent and resolution of each; ``attachments`` of the id, name, version, size, type and comment of each.
    """

    version: str
    title: str
    place: str
    labels: str
    comments: str
    attachments: str

    def changed_since(self, earlier: Marks) -> list[str]:
        """The names of the marks that differ."""
        return [name for name in PARTS if getattr(self, name) != getattr(earlier, name)]

    def as_list(self) -> list[str]:
        """For a file."""
        return [getattr(self, name) for name in PARTS]


def in_order(page_id: str) -> tuple[int, str]:
    """What ids are sorted by: as numbers, which they are, without counting on it."""
    return len(page_id), page_id


def line_of(page: Page, comments: Iterable[WikiComment], files: Iterable[tuple[Attachment, str, str]]) -> dict[str, Any]:
    """A page as a line.

    :param files: each with where its bytes are in the export, and why they are not
    """
    return {
        "id": page.id,
        "space": page.space,
        "title": page.title,
        "url": page.url,
        "status": page.status,
        "version": {
            "number": page.version,
            **_stamped(page.updated),
            "message": page.message,
            "minor": page.minor,
        },
        "created": _stamped(page.created),
        "ancestors": [{"id": above, "title": title} for above, title in page.ancestors],
        "labels": list(page.labels),
        "bodies": dict(page.bodies),
        "comments": [_comment(each) for each in sorted(comments, key=lambda each: in_order(each.id))],
        "attachments": [_file(*each) for each in sorted(files, key=lambda each: in_order(each[0].id))],
    }


def marks_of_line(line: Mapping[str, Any]) -> Marks:
    """The marks of a page that was read."""
    version = line["version"]
    return Marks(
        _digest([version["number"], version["at"]]),
        _digest(line["title"]),
        _digest([line["space"], line["status"], [[above["id"], above["title"]] for above in line["ancestors"]]]),
        _digest(line["labels"]),
        set_mark(map(comment_number, line["comments"])),
        set_mark(map(file_number, line["attachments"])),
    )


def marks_of_page(page: Page) -> Marks:
    """The marks of a page of a listing, without those of its comments and files."""
    return Marks(
        _digest([page.version, page.updated.at]),
        _digest(page.title),
        _digest([page.space, page.status, [list(above) for above in page.ancestors]]),
        _digest(list(page.labels)),
        "",
        "",
    )


def set_mark(numbers: Iterable[int]) -> str:
    """The mark of some comments or files, in any order: a sum, so that no listing has to be kept to be sorted."""
    given = list(numbers)
    return f"{len(given)}:{sum(given) % _MODULUS:x}" if given else ""


def comment_number(comment: Mapping[str, Any] | WikiComment) -> int:
    """What a change of a comment shows in."""
    if isinstance(comment, WikiComment):
        return _number([comment.id, comment.version, comment.parent_id, comment.location, comment.resolution])
    return _number([comment[name] for name in ("id", "version", "parent_id", "location", "resolution")])


def file_number(file: Mapping[str, Any] | Attachment) -> int:
    """What a change of a file shows in."""
    if isinstance(file, Attachment):
        it = file
        return _number([it.id, it.name, it.version, it.size, it.media_type, it.comment])
    return _number([file[name] for name in ("id", "name", "version", "size", "media_type", "comment")])


def encoded(value: Mapping[str, Any], indent: int | None = None) -> bytes:
    """JSON as it is written: UTF-8, with a line break at its end."""
    # A lone surrogate, which JSON may hold and UTF-8 may not, stays the escape that it came as.
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent).encode()
    return text + b"\n"


def id_of(line: bytes) -> str:
    """The id of the page of a line, without reading the rest of it."""
    found = _ID.match(line)
    if not found:
        raise BadResponse(
            f"a line of an earlier export begins {line[:40]!r}",
            advice="somebody changed the export; remove its folder, and it is made anew",
        )
    return found[1].decode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:20] if value else ""


def _number(value: Any) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(value).encode()).digest()[:10], "big")


def _stamped(stamp: Authorship) -> dict[str, Any]:
    return {"at": stamp.at, "by": {"name": stamp.by.name, "display_name": stamp.by.display_name}}


def _comment(comment: WikiComment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "location": comment.location,
        "resolution": comment.resolution,
        "version": comment.version,
        "created": _stamped(comment.created),
        "updated": _stamped(comment.updated),
        "selection": comment.selection,
        "marker": comment.marker,
        "bodies": dict(comment.bodies),
    }


def _file(file: Attachment, path: str, left_out: str) -> dict[str, Any]:
    it = file
    return {
        "id": it.id,
        "name": it.name,
        "version": it.version,
        "size": it.size,
        "media_type": it.media_type,
        "comment": it.comment,
        "updated": _stamped(file.updated),
        "file": path or None,
        "left_out": left_out or None,
    }
