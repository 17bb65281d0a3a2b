"""Error responses of Confluence Cloud and of the gateway before it: each layer has its own shape."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse, Response

from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.store import now

PERMISSION = "com.atlassian.confluence.api.service.exceptions.PermissionException: "
GONE = "com.atlassian.confluence.api.service.exceptions.GoneException: This deprecated endpoint has been removed."


class CloudError(Exception):
    """A response other than success.

    :param status: HTTP status.
    :param body: JSON; a text is a page of HTML.
    :param headers: headers of the response.
    """

    def __init__(self, status: int, body: dict[str, Any] | str, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the response."""
        if isinstance(self.body, str):
            return HTMLResponse(self.body, self.status, headers=self.headers)
        return JSONResponse(self.body, self.status, headers=self.headers)


def v2_error(status: int, title: str, code: str = "", detail: str | None = None) -> CloudError:
    """Return an error of REST v2.

    :param code: a word for it; made from the status when empty.
    """
    word = code or HTTPStatus(status).phrase.upper().replace(" ", "_")
    return CloudError(status, {"errors": [{"status": status, "code": word, "title": title, "detail": detail}]})


def not_found(kind: str, content_id: str) -> CloudError:
    """Return error 404 of REST v2: the content does not exist, or the caller may not see it."""
    return v2_error(404, f"Cannot find [{kind}] entity with id [{content_id}]")


def anonymous_v2() -> CloudError:
    """Return the response of REST v2 to anonymous callers, and so to wrong credentials: nothing but "Not Found"."""
    return v2_error(404, "Not Found")


def anonymous_v1() -> CloudError:
    """Return the response of REST v1 to anonymous callers, and so to wrong credentials."""
    return v1_error(403, f"{PERMISSION}Current user not permitted to use Confluence")


def v1_error(status: int, message: str, headers: dict[str, str] | None = None) -> CloudError:
    """Return an error of REST v1."""
    data = {
        "authorized": status not in (403, 404),
        "valid": status != 400,
        "allowedInReadOnlyMode": True,
        "errors": [],
        "successful": False,
    }
    return CloudError(status, {"statusCode": status, "data": data, "message": message}, headers)


def gone() -> CloudError:
    """Return the response of the calls of REST v1 that have a successor in v2."""
    link = '<https://developer.atlassian.com/cloud/confluence/changelog/#CHANGE-864>; rel="deprecation"'
    return v1_error(410, GONE, {"Deprecation": "true", "Link": link})


def gateway_error(status: int, message: str, category: str = "") -> CloudError:
    """Return an error of the gateway, which responds before Confluence sees the request.

    :param category: a word for the kind of failure, sent as a header.
    """
    headers = {"X-Failure-Category": category} if category else {}
    return CloudError(status, {"code": status, "message": message}, headers)


def no_such_cloud(path: str) -> CloudError:
    """Return error 404 of the gateway for an unknown cloud id."""
    body = {
        "timestamp": moment(now()),
        "status": 404,
        "error": "Not Found",
        "message": "No message available",
        "path": path,
    }
    return CloudError(404, body)


def scoped_token_at_site() -> CloudError:
    """Return the response of the site to a token with scopes, which only the gateway accepts."""
    page = "<!DOCTYPE html><html><head><title>Unauthorized (401)</title></head><body><h1>Unauthorized</h1></body></html>"
    return CloudError(401, page, {"WWW-Authenticate": 'OAuth realm="https%3A%2F%2Fsandbox"'})
