"""A board's answer, before anybody knows what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workplace_provider.http.body import media_type
from workplace_provider.http.errors import BadResponse


@dataclass(frozen=True, slots=True)
class BoardResponse:
    """What a board answered.

    :param system: what the board is called in errors
    :param url: where it was in the end, behind all redirects
    :param content_type: the header
    :param own: whether it came from the board's own host; nothing that another host sent is quoted in errors
    """

    system: str
    url: str
    content_type: str
    body: bytes
    own: bool = True

    def invalid_response(self, message: str, advice: str = "", **more: Any) -> BadResponse:
        """The error for an answer that holds something else than notices.

        :param more: further fields of the error
        """
        return BadResponse(message, system=self.system, method="GET", url=self.url, status=200, advice=advice, **more)

    def quote(self, text: str) -> str:
        """Return text of it for a message; of another host's text nothing but that there is some."""
        return repr(text) if self.own else "a text of another host"

    def described(self) -> str:
        """What it seems to be, for a message."""
        kind = media_type(self.content_type) or "no content type"
        start = " ".join(self.body[:200].decode("utf-8", "replace").split())[:60]
        return f"{kind} that begins {self.quote(start)}" if start else f"{kind} and nothing in it"
