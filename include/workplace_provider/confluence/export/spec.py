"""The specification of an export."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from workplace_provider.confluence.client.model import BODIES, Attachment, Scope

ATTACHMENTS: Final = ("none", "names", "files")
MODES: Final = ("incremental", "full")

FORMAT: Final = 1
"""Version of the file format. Another number makes the next export a full one."""


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """The specification of an export.

    :param scope: the pages to export
    :param bodies: formats of the bodies of pages and comments, of :data:`~workplace_provider.confluence.client.model.BODIES`
    :param comments: export comments
    :param attachments: ``none``, ``names`` for the description of files, ``files`` for the files as well
    :param media_types: media types of files to export, such as ``image/*``; empty for all
    :param max_file_bytes: larger files are described only; ``None`` for no limit
    :param mode: ``incremental`` reads the changes since the last export, ``full`` reads everything again
    :param workers: requests that run at the same time
    :param pages_per_request: pages with bodies per request
    :param keep: exports to keep, including this one
    :raises ValueError: when a value is not allowed
    """

    scope: Scope
    bodies: Sequence[str] = ("storage",)
    comments: bool = True
    attachments: str = "names"
    media_types: Sequence[str] = ()
    max_file_bytes: int | None = None
    mode: str = "incremental"
    workers: int = 4
    pages_per_request: int = 50
    keep: int = 2

    def __post_init__(self) -> None:
        """Validate the fields."""
        for form in self.bodies:
            if form not in BODIES:
                raise ValueError(f"bodies has {form!r}; it must be of {', '.join(BODIES)}")
        for name, value, allowed in (("attachments", self.attachments, ATTACHMENTS), ("mode", self.mode, MODES)):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
        for name, number, most in (
            ("workers", self.workers, 16),
            ("pages_per_request", self.pages_per_request, 100),
            ("keep", self.keep, 1000),
        ):
            if not 1 <= number <= most:
                raise ValueError(f"{name} is {number}; it must be from 1 to {most}")

    @property
    def content(self) -> dict[str, Any]:
        """The settings that determine the content. An earlier export is reused only when they are equal."""
        return {
            "format": FORMAT,
            "scope": {self.scope.kind: self.scope.value},
            **({} if self.scope.content_type == "page" else {"content_type": self.scope.content_type}),
            "bodies": [form for form in BODIES if form in self.bodies],
            "comments": self.comments,
            "attachments": self.attachments,
            "media_types": sorted(self.media_types),
            "max_file_bytes": self.max_file_bytes,
        }

    def work_name(self, key: str) -> str:
        """Return the name of the folder for pages that were read and are not published yet.

        Pages that an incremental export has read can be reused by any later run, because each page is compared with the
        listing. A full export must not rely on that comparison, so only the same run reuses its pages.

        :param key: id of the run
        """
        basis = json.dumps([self.content, key if self.mode == "full" else ""], sort_keys=True)
        return f"work-{hashlib.sha256(basis.encode()).hexdigest()[:16]}"

    def why_left_out(self, file: Attachment) -> str:
        """Return the reason why the bytes of a file are not exported; empty when they are."""
        if self.attachments != "files":
            return "names only"
        media_type = file.media_type.partition(";")[0].strip().lower()
        if self.media_types and not any(fnmatchcase(media_type, pattern.lower()) for pattern in self.media_types):
            return "media type"
        if self.max_file_bytes is not None and file.size > self.max_file_bytes:
            return "size"
        return ""
