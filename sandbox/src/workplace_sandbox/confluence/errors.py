"""Error responses of Confluence Data Center: a JSON ``RestError``, or a page of HTML from the container."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse, Response


class RestError(Exception):
    """A response other than success, in the shape of the published ``RestError`` schema.

    :param status: HTTP status.
    :param message: Confluence's message.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """Return the response.

        ``data.errors`` is left out: the published schema calls it an object while servers send a list, so no value would
        match both.
        """
        data: dict[str, Any] = {
            "authorized": self.status not in (403, 404),
            "valid": self.status != 400,
            "allowedInReadOnlyMode": True,
            "successful": False,
        }
        body = {
            "statusCode": self.status,
            "data": data,
            "message": self.message,
            "reason": HTTPStatus(self.status).phrase,
        }
        return JSONResponse(body, self.status)


class AuthenticationFailedError(Exception):
    """A wrong token or password: the container responds before Confluence's REST code runs."""

    def response(self) -> Response:
        """Return a page of HTML, as Seraph and Tomcat send it."""
        return HTMLResponse(
            html_page(401, "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED"),
            401,
            headers={
                "WWW-Authenticate": 'OAuth realm="Confluence"',
                "X-Seraph-LoginReason": "AUTHENTICATED_FAILED",
            },
        )


class XsrfError(Exception):
    """A form post without ``X-Atlassian-Token: no-check``."""

    def response(self) -> Response:
        """Return plain text as HTML; this filter sends no JSON error."""
        return HTMLResponse("XSRF check failed", 403)


def bad_request(message: str) -> RestError:
    """Return error 400 with ``message``."""
    return RestError(400, message)


def no_content(content_id: str) -> RestError:
    """Return error 404 for content that is missing or hidden: Confluence does not distinguish the two."""
    return RestError(404, f"No content found with id: ContentId{{id={content_id}}}")


def no_space(key: str) -> RestError:
    """Return error 404 for a space that is missing or hidden."""
    return RestError(404, f"No space with key : {key}")


def title_taken(title: str, space_key: str) -> RestError:
    """Return error 400: a current or archived page of the space has the title."""
    return bad_request(
        "A page with this title already exists: A page already exists with the title "
        f"{title} in the space with key {space_key}"
    )


def stale_version(current: int) -> RestError:
    """Return error 409: ``version.number`` is not the current one plus one."""
    return RestError(409, f"Version must be incremented on update. Current version is: {current}")


def html_page(status: int, message: str) -> str:
    """Return an error page of the web container.

    :param status: HTTP status.
    :param message: the text below the heading; escaped here.
    :return: a whole HTML document.
    """
    heading = f"HTTP Status {status} – {HTTPStatus(status).phrase}"
    return (
        f'<!doctype html><html lang="en"><head><title>{heading}</title></head>'
        f"<body><h1>{heading}</h1><hr><p><b>Message</b> {html.escape(message)}</p></body></html>"
    )
