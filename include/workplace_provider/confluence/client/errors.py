"""Error responses of Confluence, as typed errors with advice.

Each deployment has a table of rules; the first rule that matches the status and the text of a response decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.auth.scopes import SCOPE
from workplace_provider.http.client import ErrorDetails
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
)

if TYPE_CHECKING:
    from workplace_provider.http.client import ErrorResponse
    from workplace_provider.http.errors import WorkplaceError

UNNAMED: Final = "unnamed"
"""Code of a "not found" that names nothing: API v2 also responds so to a credential that it does not know."""


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A rule for error responses.

    :param statuses: HTTP statuses that it applies to
    :param error: the error to raise
    :param pattern: must be found in the text of the response, ignoring case; empty for any text
    """

    statuses: tuple[int, ...]
    error: type[WorkplaceError]
    advice: str = ""
    code: str = ""
    pattern: str = ""

    def matches(self, status: int, text: str) -> bool:
        """Return whether the rule applies to a response."""
        return status in self.statuses and (not self.pattern or re.search(self.pattern, text, re.I) is not None)


_TITLE_TAKEN = r"title already exists|already exists with the (same )?title"
_FILE_TAKEN = r"same file name as an existing attachment"
_STALE = r"version must be incremented|OptimisticLock|StaleObjectState|stale data|ConflictException"
_CHOOSE_TITLE = "choose another title, or rename the page that has it"
_ADD_VERSION = "add a new version to the file instead"
_RUN_AGAIN = "another writer was faster; run it again"
_PROXY_DROPS_HEADER = "a proxy may drop the header X-Atlassian-Token"
_GIVE_PERMISSION = "give the connection's account the permission in the space or on the page"
_CHECK_ID = "check id and space, and that the connection's account may see the page"
_CHECK_SPACE = "check the space key of the task, and that the connection's account may see the space"

# Confluence prints its Java objects.
_PLAIN_MESSAGES: Final = (
    (re.compile(r"No space with key : (\S+)"), r"no space with key '\1' on this Confluence site"),
    (re.compile(r"No content found with id: ContentId\{id=(\d+)\}"), r"no page or file with id \1 on this Confluence site"),
)

DATACENTER_RULES: Final = (
    ErrorRule((400, 409), AlreadyExists, _CHOOSE_TITLE, "title-exists", _TITLE_TAKEN),
    ErrorRule((400,), AlreadyExists, _ADD_VERSION, "attachment-exists", _FILE_TAKEN),
    ErrorRule((400,), AlreadyExists, "", "property-exists", r"content already has a value|property.*already exists"),
    ErrorRule((400, 409, 500), Conflict, _RUN_AGAIN, "stale", _STALE),
    ErrorRule((401,), Forbidden, "the token has no scope for this; create one that has it", SCOPE, r"scope"),
    ErrorRule(
        (401,),
        AuthFailed,
        "the token or password of the connection is wrong, expired or revoked; make a new one and put it there",
    ),
    ErrorRule((403,), Forbidden, _PROXY_DROPS_HEADER, "xsrf", r"XSRF"),
    ErrorRule((403,), Forbidden, _GIVE_PERMISSION),
    ErrorRule((404,), NotFound, _CHECK_SPACE, "", r"no space with key"),
    ErrorRule((404,), NotFound, _CHECK_ID),
    ErrorRule((413,), TooLarge, "split the page, or attach the data as a file"),
    ErrorRule((405,), Invalid, "the site may be another deployment than Data Center; check the host"),
)

CLOUD_RULES: Final = (
    ErrorRule((400, 409), AlreadyExists, _CHOOSE_TITLE, "title-exists", _TITLE_TAKEN),
    ErrorRule((400, 409), AlreadyExists, _ADD_VERSION, "attachment-exists", _FILE_TAKEN),
    ErrorRule(
        (400, 409),
        AlreadyExists,
        "",
        "property-exists",
        r"(property|key).*(already (exists|has)|duplicate)|already has a value",
    ),
    ErrorRule((409,), Conflict, _RUN_AGAIN, "stale"),
    ErrorRule((400,), Conflict, _RUN_AGAIN, "stale", rf"{_STALE}|incremented version|stale"),
    ErrorRule(
        (400,),
        Invalid,
        "Confluence does not accept the markup; check what was inserted last",
        "",
        r"(?s)convert.*editor|editor.*convert",
    ),
    ErrorRule((401,), Forbidden, "the token does not have the scope for this; see docs/cloud.md", SCOPE, r"scope"),
    ErrorRule(
        (401,),
        AuthFailed,
        "the credential of the connection is wrong, expired or revoked, or of a kind that this URL does not accept "
        "(a token with scopes needs auth = scoped)",
    ),
    ErrorRule(
        (403,),
        AuthFailed,
        "the credential of the connection is wrong, expired or revoked, or of a kind that this URL does not accept "
        "(a token with scopes needs auth = scoped)",
        "",
        r"not permitted to use Confluence",
    ),
    ErrorRule((403,), Forbidden, _PROXY_DROPS_HEADER, "xsrf", r"XSRF"),
    ErrorRule((403,), Forbidden, _GIVE_PERMISSION),
    ErrorRule(
        (404,), TooLarge, "raise the site's limit for attachments, or make the file smaller", "", r"exceeds the maximum"
    ),
    ErrorRule((404,), NotFound, _CHECK_ID, UNNAMED, r"^\s*(not found)?[\s.]*$"),
    ErrorRule((404,), NotFound, _CHECK_SPACE, "", r"no space with key"),
    ErrorRule((404,), NotFound, _CHECK_ID),
    ErrorRule((410,), Invalid, "Atlassian has removed this endpoint; update the provider", "gone"),
    ErrorRule((413,), TooLarge, "a page holds 5 MB: split it, or attach the data as a file"),
)


def parse_datacenter_error(response: ErrorResponse) -> ErrorDetails:
    """Parse an error response of Data Center, ``{"statusCode", "message", "reason", "data"}``."""
    data = response.json if isinstance(response.json, dict) else {}
    return _apply(DATACENTER_RULES, response, str(data.get("message") or ""))


def parse_cloud_error(response: ErrorResponse) -> ErrorDetails:
    """Parse an error response of Cloud: ``{"errors": [{"title"}]}`` of v2, ``{"message"}`` of v1 and of the gateway."""
    return _apply(CLOUD_RULES, response, _cloud_message(response.json))


def _apply(rules: Sequence[ErrorRule], response: ErrorResponse, message: str) -> ErrorDetails:
    text = message or response.text
    for pattern, plain_message in _PLAIN_MESSAGES:
        message = pattern.sub(plain_message, message)
    for rule in rules:
        if rule.matches(response.status, text):
            return ErrorDetails(rule.error, message, rule.code, rule.advice)
    return ErrorDetails(None, message)


def _cloud_message(data: Any) -> str:
    if not isinstance(data, Mapping):
        return ""
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        first = errors[0]
        title, detail = str(first.get("title") or ""), str(first.get("detail") or "")
        return f"{title}: {detail}" if title and detail and detail != title else title or detail
    return str(data.get("message") or data.get("error_description") or "")
