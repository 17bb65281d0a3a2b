"""Permissions to fetch the bytes of attachments from the media service."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workplace_sandbox.confluence.cloud.clock import CloudClock
    from workplace_sandbox.model import Attachment

LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class MediaPass:
    """Permission to fetch one version of an attachment."""

    file: Attachment
    expires: datetime


class MediaPasses:
    """The valid permissions.

    :param clock: the clock by which they expire.
    """

    def __init__(self, clock: CloudClock) -> None:
        self._clock = clock
        self._passes: dict[str, MediaPass] = {}

    def reset(self) -> None:
        """Remove all permissions."""
        self._passes.clear()

    def give(self, file: Attachment) -> str:
        """Return a token for a file."""
        token = uuid.uuid4().hex
        self._passes[token] = MediaPass(file, self._clock.now() + LIFETIME)
        return token

    def file(self, token: str) -> Attachment | None:
        """Return the file of a valid token, or None."""
        media_pass = self._passes.get(token)
        return media_pass.file if media_pass and media_pass.expires > self._clock.now() else None
