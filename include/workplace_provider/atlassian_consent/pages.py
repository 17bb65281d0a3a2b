"""The pages, with headers that forbid framing, caching and foreign scripts."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workplace_provider.atlassian_consent.names import NAME
from workplace_provider.common.web import page_templates

if TYPE_CHECKING:
    from jinja2 import Environment

    from workplace_provider.atlassian_consent.refusals import Refusal

# With "no-referrer" browsers would send our own forms without the header Origin.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from a template.

    :param template: name of the file without its extension
    :param values: values for the template; all are escaped
    """
    nonce = secrets.token_urlsafe(16)
    text = _environment().get_template(f"{template}.html").render(name=NAME, nonce=nonce, **values)
    policy = f"default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(text, status, headers=HEADERS | {"Content-Security-Policy": policy})


def refusal_page(refusal: Refusal, home: str, log_in: str = "") -> HTMLResponse:
    """Return the page for a refused request.

    :param home: URL of the page to start again on
    :param log_in: URL of the log-in page, for a user without a session
    """
    return page("refusal", refusal.status, refusal=refusal, home=home, log_in=log_in)


def redirect(url: str) -> Response:
    """Redirect the browser to a URL with GET."""
    return RedirectResponse(url, 303, headers=HEADERS)


@cache
def _environment() -> Environment:
    environment = page_templates("workplace_provider.atlassian_consent")
    environment.filters["moment"] = _moment
    return environment


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
