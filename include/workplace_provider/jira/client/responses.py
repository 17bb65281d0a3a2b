"""Error responses of Jira, as typed errors with advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.client import ErrorDetails
from workplace_provider.http.errors import AuthFailed, Forbidden, SourceUnavailable, TooLarge

if TYPE_CHECKING:
    from workplace_provider.http.client import ErrorResponse
    from workplace_provider.http.errors import WorkplaceError

SCOPES: Final = (
    "read:jira-work",
    "read:jira-user",
    "read:sprint:jira-software",
    "read:board-scope:jira-software",
    "read:project:jira",
    "read:issue-details:jira",
)
"""The scopes for all requests of the provider. The first two are for issues; boards and sprints have only granular ones."""

SCOPE: Final = "scope"
"""Code of the error for a token without the scope of a request."""

_KINDS: Final[Mapping[int, type[WorkplaceError]]] = {
    408: SourceUnavailable,  # a search can be repeated after a time-out
    414: TooLarge,  # a long query makes a long URL
}
_ADVICE: Final = {
    400: "check the names in the query: they must exist, and the connection's account must have access",
    401: "check login and password of the connection; with a personal access token, the login must be empty",
    403: "the account has no access to Jira's API",
    404: "check that the connection's host is Jira's base URL, with its context path",
    410: "Jira Cloud has removed this search; only Jira Data Center has it",
    414: "shorten the query: name fewer issues or projects",
}
CLOUD_AUTH: Final = (
    "the login must be the account's e-mail address, the password its API token, which expires after a year at most; a "
    'token with scopes needs the extra "auth": "scoped", an OAuth app "oauth" or "service_account"'
)
_CLOUD_ADVICE: Final = {
    **_ADVICE,
    401: CLOUD_AUTH,
    404: "check that the connection's host is the site, such as https://your-team.atlassian.net, and its cloud_id",
}


def parse_error(response: ErrorResponse) -> ErrorDetails:
    """Return the details of an error response of Jira Data Center."""
    return _details(response, _ADVICE)


def parse_cloud_error(response: ErrorResponse) -> ErrorDetails:
    """Return the details of an error response of Jira Cloud or of Atlassian's gateway."""
    return _details(response, _CLOUD_ADVICE)


def _details(response: ErrorResponse, advice: Mapping[int, str]) -> ErrorDetails:
    if response.headers.get("X-Authentication-Denied-Reason", "").startswith("CAPTCHA_CHALLENGE"):
        return ErrorDetails(AuthFailed, "the account must solve a CAPTCHA", advice="log in once with a browser")
    message = _message(response.json)
    if response.status in (401, 403) and "scope does not match" in message:
        return ErrorDetails(
            Forbidden,
            "the token does not have the scope for this request",
            code=SCOPE,
            advice=f"give the token or the app the scopes {' and '.join(SCOPES[:2])}; boards and sprints also need "
            f"{', '.join(SCOPES[2:])}. Consent again after a change of the app",
        )
    if response.status == 403 and "Basic Authentication has been disabled" in message:
        # The default since Jira 11.
        return ErrorDetails(
            None, message, advice="put a personal access token into the connection's password, and leave the login empty"
        )
    if "Unbounded JQL" in message:
        return ErrorDetails(None, message, advice="Jira Cloud needs a restriction, such as project = ABC or created >= -30d")
    if response.status == 429:
        reason = response.headers.get("RateLimit-Reason", "")
        return ErrorDetails(None, f"too many requests ({reason})" if reason else "too many requests")
    return ErrorDetails(_KINDS.get(response.status), message, advice=advice.get(response.status, ""))


def _message(content: Any) -> str:
    """Return the text of an error: of Jira (``errorMessages`` and ``errors``), or of the gateway (``message``)."""
    if not isinstance(content, Mapping):
        return ""
    messages, fields = content.get("errorMessages"), content.get("errors")
    texts = [text for text in messages if isinstance(text, str)] if isinstance(messages, list) else []
    texts += [f"{name}: {text}" for name, text in fields.items()] if isinstance(fields, Mapping) else []
    message = content.get("message")
    return " ".join([*texts, message] if isinstance(message, str) else texts)
