"""What Slack's answers mean: status 200 with ``ok``, or with an error code that says what is wrong and what to do."""

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
"""Codes that may go away when fewer items are asked for."""

Item = TypeVar("Item")

_RENEW: Final = "make a new token in the app's settings and put it into the connection's password"
_INVITE: Final = "invite the app to the channel: /invite @the-app"
_KINDS: Final[Mapping[str, tuple[type[WorkplaceError], str]]] = {
    "invalid_auth": (AuthFailed, f"the token is wrong, or not from this workspace; {_RENEW}"),
    "not_authed": (AuthFailed, "the request came without a token; a proxy may have taken it out"),
    "account_inactive": (AuthFailed, f"the app was removed, or its user is deactivated; {_RENEW}"),
    "token_revoked": (AuthFailed, _RENEW),
    "token_expired": (AuthFailed, _RENEW),
    "org_login_required": (AuthFailed, "the workspace is being moved to an Enterprise organization; wait until it is done"),
    "missing_scope": (Forbidden, "add the scope to the app and install it again"),
    "no_permission": (Forbidden, "the token's user may not do this"),
    "not_in_channel": (Forbidden, _INVITE),
    "access_denied": (Forbidden, "the token's user may not see this"),
    "ekm_access_denied": (Forbidden, "an administrator has suspended access to the messages"),
    "not_allowed_token_type": (Forbidden, "use a bot token (xoxb-) or a user token (xoxp-)"),
    "team_access_not_granted": (Forbidden, "install the app in that workspace, too"),
    "enterprise_is_restricted": (Forbidden, "the method cannot be called from an Enterprise organization"),
    "channel_not_found": (NotFound, f"check the id; where the channel is private, {_INVITE}"),
    "thread_not_found": (NotFound, "the message was deleted"),
    "message_not_found": (NotFound, "the message was deleted"),
    "user_not_found": (NotFound, "the person is of another workspace, or their account is gone"),
    "user_not_visible": (NotFound, "the person is of another workspace"),
    "users_not_found": (NotFound, "nobody in the workspace has this e-mail address"),
    "file_not_found": (NotFound, "the file was deleted"),
    "file_deleted": (NotFound, "the file was deleted"),
    "is_archived": (Invalid, "unarchive the channel, or post to another one"),
    "restricted_action": (Forbidden, "an administrator restricts posting to this channel"),
    "no_text": (Invalid, "give text, blocks or attachments"),
    "msg_too_long": (TooLarge, "a message has up to 40,000 characters, a changed one 4,000 bytes"),
    "msg_blocks_too_long": (TooLarge, "all blocks of a message have up to about 13,200 characters"),
    "invalid_blocks": (Invalid, "check the blocks in Slack's Block Kit Builder"),
    "too_many_attachments": (TooLarge, "a message has up to 100 attachments"),
    "message_limit_exceeded": (RateLimited, "the workspace's posting limit is reached; post less, or later"),
    "method_deprecated": (Invalid, "Slack has taken this method back"),
    "unknown_method": (Invalid, "check the base URL of the connection: it ends with /api/"),
    "missing_argument": (Invalid, "a token of an Enterprise organization needs team_id"),
    "invalid_cursor": (Invalid, "a cursor does not last: begin the listing anew"),
    "limit_required": (Invalid, "the answer would be too large; ask for less at once"),
    "ratelimited": (RateLimited, ""),
    "rate_limited": (RateLimited, ""),
    "internal_error": (SourceUnavailable, ""),
    "fatal_error": (SourceUnavailable, ""),
    "request_timeout": (SourceUnavailable, ""),
    "service_unavailable": (SourceUnavailable, ""),
    "team_added_to_org": (SourceUnavailable, "the workspace is being moved to an Enterprise organization"),
}


class _Metadata(msgspec.Struct, gc=False):
    next_cursor: str | None = None
    messages: list[str] | None = None


class Envelope(msgspec.Struct, kw_only=True):
    """What every answer of the Web API has."""

    ok: bool
    error: str | None = None
    needed: str | None = None
    provided: str | None = None
    has_more: bool | None = None
    response_metadata: _Metadata | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a listing.

    :param items: what is on it; it may be few or none, and still not be the last page
    :param next_cursor: where the next page begins; ``None`` when this is the last one
    """

    items: list[Item]
    next_cursor: str | None


def decode_page(http: HttpClient, response: requests.Response, item_key: str, kind: Any) -> Page[Any]:
    """Decode one page of a listing.

    An answer without the list, or one that says there is more and not where, is an error: it must not pass for the end.

    :param item_key: name of the list in the answer
    :param kind: type of its items
    :raises WorkplaceError: the answer is an error, or none that can be used
    """
    data = decode(http, response, _listing(item_key, kind))
    items = getattr(data, item_key)
    if items is None:
        raise http.invalid_response(response, BadResponse, f"the answer has no {item_key}")
    cursor = (data.response_metadata and data.response_metadata.next_cursor) or None
    if data.has_more and cursor is None:
        raise http.invalid_response(response, BadResponse, "the answer says that there is more, and not where it is")
    return Page(items, cursor)


def decode_field(http: HttpClient, response: requests.Response, key: str, kind: Any) -> Any:
    """Decode the one thing that an answer is about.

    :param key: its name in the answer
    :param kind: its type
    :raises WorkplaceError: the answer is an error, or none that can be used
    """
    value = getattr(decode(http, response, _single(key, kind)), key)
    if value is None:
        raise http.invalid_response(response, BadResponse, f"the answer has no {key}")
    return value


def decode(http: HttpClient, response: requests.Response, kind: type[Envelope]) -> Any:
    """Decode an answer.

    :raises WorkplaceError: Slack says that the request failed, or the answer is none of Slack's
    """
    try:
        data = decode_json(response.content, kind)
    except msgspec.ValidationError as error:
        # Slack may refuse, or answer with something that has no such shape; the first is the better news.
        if said := _refusal(response.content):
            raise refused(http, response, said) from None
        raise http.invalid_response(response, BadResponse, f"the answer is not as Slack describes it: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise http.not_json(response, retryable=True) from error
    if not data.ok:
        raise refused(http, response, data)
    return data


def refused(http: HttpClient, response: requests.Response, said: Envelope) -> WorkplaceError:
    """The error for an answer with ``"ok": false``."""
    found = _explained(said)
    return http.invalid_response(
        response, found.kind or Invalid, found.message, code=found.code, advice=found.advice, retryable=found.retryable
    )


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Read the error of an answer whose status is an error, too, such as 429."""
    said = _refusal(answer.text.encode())
    if said is None:
        return ErrorDetails()
    found = _explained(said)
    return found if found.code in _KINDS else ErrorDetails(None, found.message, found.code)


def _explained(said: Envelope) -> ErrorDetails:
    code = said.error or ""
    kind, advice = _KINDS.get(code, (Invalid, ""))
    message = code or "the answer is neither a success nor an error"
    if said.needed:
        message += f": needed is the scope {said.needed}" + (f", there are {said.provided}" if said.provided else "")
    if said.response_metadata and said.response_metadata.messages:
        message += " (" + "; ".join(said.response_metadata.messages)[:300] + ")"
    # With fewer items on a page, the same request may be good.
    return ErrorDetails(kind, message, code, advice, retryable=True if code in SMALLER_PAGE else None)


def _refusal(content: bytes) -> Envelope | None:
    try:
        said: Envelope = decode_json(content, Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if said.ok else said


@cache
def _listing(item_key: str, kind: Any) -> type[Envelope]:
    return _with_field(f"{item_key}_page", item_key, list[kind])


@cache
def _single(key: str, kind: Any) -> type[Envelope]:
    return _with_field(f"{key}_answer", key, kind)


def _with_field(name: str, key: str, kind: Any) -> type[Envelope]:
    made = msgspec.defstruct(name, [(key, kind | None, None)], bases=(Envelope,), kw_only=True)
    return cast("type[Envelope]", made)
