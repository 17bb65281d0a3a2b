"""Error responses of Jira."""

from __future__ import annotations

from fastapi.responses import JSONResponse, Response


class JiraError(Exception):
    """A response other than success.

    :param status: HTTP status.
    :param messages: ``errorMessages``.
    """

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(*messages)
        self.status = status
        self.messages = messages

    def response(self) -> Response:
        """Return the response."""
        return JSONResponse({"errorMessages": list(self.messages), "errors": {}}, self.status, media_type=MEDIA_TYPE)


# With this charset: clients distinguish Jira's own 401 from one of the container by it.
MEDIA_TYPE = "application/json;charset=UTF-8"
