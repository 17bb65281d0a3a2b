"""The HTTP response of a board, before its content is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workplace_provider.http.body import media_type
from workplace_provider.http.errors import BadResponse


@dataclass(frozen=True, slots=True)
class BoardResponse:
    """A response to the request for a board.

    :param system: name of the board in errors
    :param url: final URL, after all redirects
    :param content_type: the header
    :param own: whether the response came from the board's own host. Text of another host is not quoted in errors
    """

    system: str
    url: str
    content_type: str
    body: bytes
    own: bool = True

    def invalid_response(self, message: str, advice: str = "", **more: Any) -> BadResponse:
        """Return an error for a response without valid notices.

        :param more: further fields of the error
        """
        return BadResponse(message, system=self.system, method="GET", url=self.url, status=200, advice=advice, **more)

    def quote(self, text: str) -> str:
        """Return a text of the response for an error message; text of another host is not shown."""
        return repr(text) if self.own else "a text of another host"

    def summary(self) -> str:
        """Return the content type and the beginning of the body, for an error message."""
        kind = media_type(self.content_type) or "no content type"
        start = " ".join(self.body[:200].decode("utf-8", "replace").split())[:60]
        return f"{kind} that begins {self.quote(start)}" if start else f"{kind} with an empty body"
