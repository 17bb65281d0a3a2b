"""Responses of the Slack Web API: status 200 with ``"ok": true``, or with an error code.

``_ERRORS`` maps each code to an exception and its advice. Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from workplace_provider.http.body import decode_json
from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

SYSTEM: Final = "Slack"
SMALLER_PAGE: Final = frozenset({"limit_required", "request_timeout", "fatal_error"})
"""Error codes that may disappear when fewer items are requested."""

Item = TypeVar("Item")

_RENEW: Final = "create a new token in the app's settings and store it as the connection's password"
_INVITE: Final = "invite the app to the channel: /invite @the-app"
_MOVING: Final = "the workspace is being moved to an Enterprise organization; retry when the move is complete"
_ERRORS: Final[Mapping[str, tuple[type[WorkplaceError], str]]] = {
    "invalid_auth": (AuthFailed, f"the token is wrong, or belongs to another workspace; {_RENEW}"),
    "not_authed": (AuthFailed, "the request arrived without a token; a proxy may have removed it"),
    "account_inactive": (AuthFailed, f"the app was removed, or its user is deactivated; {_RENEW}"),
    "token_revoked": (AuthFailed, _RENEW),
    "token_expired": (AuthFailed, _RENEW),
    "org_login_required": (AuthFailed, _MOVING),
    "missing_scope": (Forbidden, "add the scope to the app and install the app again"),
    "no_permission": (Forbidden, "the token's user does not have this permission"),
    "plan_upgrade_required": (Forbidden, "the workspace's plan does not have this feature"),
    "not_in_channel": (Forbidden, _INVITE),
    "access_denied": (Forbidden, "the token's user does not have access"),
    "ekm_access_denied": (Forbidden, "an administrator has suspended access to the messages"),
    "not_allowed_token_type": (Forbidden, "use a bot token (xoxb-) or a user token (xoxp-)"),
    "team_access_not_granted": (Forbidden, "install the app in that workspace too"),
    "enterprise_is_restricted": (Forbidden, "the method cannot be called from an Enterprise organization"),
    "channel_not_found": (NotFound, f"check the channel's id; if the channel is private, {_INVITE}"),
    "thread_not_found": (NotFound, "the message was deleted"),
    "message_not_found": (NotFound, "the message was deleted"),
    "user_not_found": (NotFound, "the person belongs to another workspace, or the account no longer exists"),
    "user_not_visible": (NotFound, "the person belongs to another workspace"),
    "users_not_found": (NotFound, "no one in the workspace has this e-mail address"),
    "user_disabled": (Invalid, "the account is deactivated"),
    "cannot_dm_bot": (Invalid, "bots receive no direct messages"),
    "messages_tab_disabled": (Forbidden, "switch on the Messages Tab under App Home in the app's settings"),
    "invalid_user_combination": (Invalid, "people of other organizations need a common channel with the app"),
    "file_not_found": (NotFound, "the file was deleted"),
    "file_deleted": (NotFound, "the file was deleted"),
    "is_archived": (Invalid, "unarchive the channel, or post to another one"),
    "restricted_action": (Forbidden, "an administrator restricts posting to this channel"),
    "no_text": (Invalid, "pass text, blocks or attachments"),
    "msg_too_long": (TooLarge, "a message has up to 40,000 characters, an updated message up to 4,000 bytes"),
    "msg_blocks_too_long": (TooLarge, "all blocks of a message together have up to about 13,200 characters"),
    "invalid_blocks": (Invalid, "check the blocks in Slack's Block Kit Builder"),
    "invalid_attachments": (Invalid, "check the attachments; a message has at most one table"),
    "user_not_in_channel": (Invalid, "the person must be a member of the channel"),
    "invalid_time": (Invalid, "check post_at"),
    "time_in_past": (Invalid, "choose a later time"),
    "time_too_far": (Invalid, "Slack schedules messages for up to 120 days"),
    "restricted_too_many": (Invalid, "Slack schedules up to 30 messages for a channel in five minutes; choose another time"),
    "invalid_scheduled_message_id": (NotFound, "the scheduled message was posted or deleted"),
    "too_many_attachments": (TooLarge, "a message has up to 100 attachments"),
    "message_limit_exceeded": (RateLimited, "the workspace's posting limit is reached; post less, or later"),
    "method_deprecated": (Invalid, "Slack has removed this method"),
    "unknown_method": (Invalid, "check the connection's base URL: it must end with /api/"),
    "missing_argument": (Invalid, "a token of an Enterprise organization needs team_id"),
    "invalid_cursor": (Invalid, "the cursor has expired: start the listing again"),
    "limit_required": (Invalid, "the response would be too large; request fewer items at once"),
    "ratelimited": (RateLimited, ""),
    "rate_limited": (RateLimited, ""),
    "internal_error": (SourceUnavailable, ""),
    "fatal_error": (SourceUnavailable, ""),
    "request_timeout": (SourceUnavailable, ""),
    "service_unavailable": (SourceUnavailable, ""),
    "team_added_to_org": (SourceUnavailable, _MOVING),
}


class _Metadata(msgspec.Struct, gc=False):
    next_cursor: str | None = None
    messages: list[str] | None = None


class Envelope(msgspec.Struct, kw_only=True):
    """The fields that every response of the Web API has."""

    ok: bool
    error: str | None = None
    needed: str | None = None
    provided: str | None = None
    has_more: bool | None = None
    response_metadata: _Metadata | None = None


@dataclass(frozen=True, slots=True)
class SlackPage(Generic[Item]):
    """One page of a listing.

    :param items: the items of the page. A page may be short or empty without being the last one
    :param next_cursor: cursor of the next page; ``None`` on the last page
    """

    items: list[Item]
    next_cursor: str | None


def decode_page(http: HttpClient, response: requests.Response, item_key: str, kind: Any) -> SlackPage[Any]:
    """Decode one page of a listing.

    A response without the list, or with ``has_more`` but no cursor, is an error: it must not pass for the last page.

    :param item_key: name of the list in the response
    :param kind: type of the items
    :raises WorkplaceError: the response is an error, or invalid
    """
    data = decode(http, response, _listing(item_key, kind))
    items = getattr(data, item_key)
    if items is None:
        raise http.invalid_response(response, BadResponse, f"the response has no {item_key}")
    cursor = (data.response_metadata and data.response_metadata.next_cursor) or None
    if data.has_more and cursor is None:
        raise http.invalid_response(response, BadResponse, "the response has has_more but no next_cursor")
    return SlackPage(items, cursor)


def decode_field(http: HttpClient, response: requests.Response, key: str, kind: Any) -> Any:
    """Decode a response and return one of its fields.

    :param key: name of the field, such as ``user``
    :param kind: type of the field
    :raises WorkplaceError: the response is an error, or invalid
    """
    value = getattr(decode(http, response, _single(key, kind)), key)
    if value is None:
        raise http.invalid_response(response, BadResponse, f"the response has no {key}")
    return value


def decode(http: HttpClient, response: requests.Response, kind: type[Envelope]) -> Any:
    """Decode a response.

    :raises WorkplaceError: Slack returned an error, or the response is not in Slack's format
    """
    try:
        data = decode_json(response.content, kind)
    except msgspec.ValidationError as error:
        # An error response need not have the fields of `kind`; the error code is more helpful than the missing field.
        if refusal := _parse_refusal(response.content):
            raise error_for(http, response, refusal) from None
        raise http.invalid_response(response, BadResponse, f"the response has an unexpected format: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise http.not_json(response, retryable=True) from error
    if not data.ok:
        raise error_for(http, response, data)
    return data


def error_for(http: HttpClient, response: requests.Response, envelope: Envelope) -> WorkplaceError:
    """Return the error for a response with ``"ok": false``."""
    details = _error_details(envelope)
    return http.invalid_response(
        response,
        details.kind or Invalid,
        details.message,
        code=details.code,
        advice=details.advice,
        retryable=details.retryable,
    )


def parse_error(response: ErrorResponse) -> ErrorDetails:
    """Read Slack's error code from a response with an error status, such as 429."""
    refusal = _parse_refusal(response.text.encode())
    if refusal is None:
        return ErrorDetails()
    details = _error_details(refusal)
    return details if details.code in _ERRORS else ErrorDetails(None, details.message, details.code)


def _error_details(envelope: Envelope) -> ErrorDetails:
    code = envelope.error or ""
    kind, advice = _ERRORS.get(code, (Invalid, ""))
    message = code or "the response is neither a success nor an error"
    if envelope.needed:
        message += f": the token needs the scope {envelope.needed}"
        message += f" and has {envelope.provided}" if envelope.provided else ""
    if envelope.response_metadata and envelope.response_metadata.messages:
        message += " (" + "; ".join(envelope.response_metadata.messages)[:300] + ")"
    # The same request may succeed with fewer items per page.
    return ErrorDetails(kind, message, code, advice, retryable=True if code in SMALLER_PAGE else None)


def _parse_refusal(content: bytes) -> Envelope | None:
    try:
        envelope: Envelope = decode_json(content, Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if envelope.ok else envelope


@cache
def _listing(item_key: str, kind: Any) -> type[Envelope]:
    return _with_field(f"{item_key}_page", item_key, list[kind])


@cache
def _single(key: str, kind: Any) -> type[Envelope]:
    return _with_field(f"{key}_response", key, kind)


def _with_field(name: str, key: str, kind: Any) -> type[Envelope]:
    struct = msgspec.defstruct(name, [(key, kind | None, None)], bases=(Envelope,), kw_only=True)
    return cast("type[Envelope]", struct)
