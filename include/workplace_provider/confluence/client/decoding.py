"""Decode responses of Confluence into typed structures, and check that they describe the requested object.

A status of 200 proves nothing: a log-in page, an empty body or the JSON of a gateway may arrive instead of the response. A
response of another shape is an error of its own, and a write counts only when the response describes the written object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from workplace_provider.confluence.client.checks import same_title
from workplace_provider.confluence.client.model import Comment, ContentProperty, Page, Restrictions, Template
from workplace_provider.confluence.client.responses import (
    OPERATIONS,
    Content,
    PageTemplate,
    Property,
    RestrictionsByOperation,
    RestrictionsResponse,
    Subjects,
)
from workplace_provider.confluence.pages import same_content
from workplace_provider.http.body import convert_json, decode_json
from workplace_provider.http.client import READS
from workplace_provider.http.errors import BadResponse, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from workplace_provider.http.client import HttpClient
    from workplace_provider.http.errors import WorkplaceError

Kind = TypeVar("Kind")

_ADVICE: Final = "a log-in page, a proxy or a gateway may respond instead of Confluence; open the URL in a browser"


def title_of(row: Content) -> str:
    """Return the title of a page.

    :raises BadResponse: when the response has no title
    """
    if row.title is None:
        raise BadResponse(f"the response has no title for the page {row.id}", advice=_ADVICE)
    return row.title


def read(http: HttpClient, path: str, kind: type[Kind], params: Mapping[str, Any] | None = None) -> Kind:
    """Send a GET request and decode the response.

    :raises BadResponse: when the response has another shape
    """
    return http.fetch(path, lambda response: decode(http, response, kind), params=params)


def decode(http: HttpClient, response: requests.Response, kind: type[Kind]) -> Kind:
    """Decode a response.

    :raises BadResponse: when it has another shape; the outcome of a write is then unknown
    """
    try:
        return cast("Kind", decode_json(response.content, kind))
    except msgspec.ValidationError as error:
        raise unexpected(http, response, f"the response does not match Confluence's API: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"\\ud" in response.content.lower():
            return _decode_surrogates(http, response, kind)
        # A retry finds out whether a write was executed, even where a read would get the same page again.
        is_write = response.request.method not in READS
        raise http.not_json(response, retryable=True if is_write else None) from error


def _decode_surrogates(http: HttpClient, response: requests.Response, kind: type[Kind]) -> Kind:
    """Decode JSON with lone UTF-16 surrogates, which people's text may contain and only Python's decoder accepts."""
    try:
        return cast("Kind", convert_json(http.json_of(response), kind, strict=False))
    except msgspec.ValidationError as error:
        raise unexpected(http, response, f"the response does not match Confluence's API: {error}") from error


def read_content(http: HttpClient, path: str, content_id: str, params: Mapping[str, Any] | None = None) -> Content:
    """Read the content with this id, with its version.

    :raises BadResponse: when the response describes something else
    """

    def decode_content(response: requests.Response) -> Content:
        row = decode(http, response, Content)
        if str(row.id) != str(content_id).strip() or row.title is None or row.version is None:
            raise unexpected(http, response, f"the response does not describe the content {content_id}")
        return row

    return http.fetch(path, decode_content, params=params)


def check_has_body(page: Page) -> Page:
    """Return a page that was read with its body.

    A page without a body must never be taken for an empty page: an edit or a copy of it would lose its text.

    :raises BadResponse: when the response had no body
    """
    if page.body is None:
        raise BadResponse(f"the response has no body for the page {page.id}", url=page.url, advice=_ADVICE)
    return page


def read_template(http: HttpClient, path: str, params: Mapping[str, Any], template_id: str) -> Template:
    """Read a page template with its body."""

    def decode_template(response: requests.Response) -> Template:
        row = decode(http, response, PageTemplate)
        if row.body.storage is None or row.body.storage.value is None:
            raise unexpected(http, response, f"the response has no body for the template {template_id}")
        labels = tuple(label.name for label in row.labels or ())
        return Template(str(row.template_id or template_id), row.name or "", row.body.storage.value, labels)

    return http.fetch(path, decode_template, params=params)


def property_of(row: Property) -> ContentProperty:
    """Return a content property."""
    return ContentProperty(row.key, row.value, row.number)


def decode_written_page(
    http: HttpClient, response: requests.Response, *, title: str, version: int, page_id: str | None = None
) -> Content:
    """Decode the response to a write of a page, and check that it describes the written version.

    :param page_id: the page that was written; ``None`` for a new one
    :raises BadResponse: when it describes something else, so that the outcome is unknown
    """
    row = decode(http, response, Content)
    right_id = page_id is None or str(row.id) == page_id
    if not right_id or row.number != version or row.title is None or not same_title(row.title, title):
        raise unexpected(http, response, f"the response does not describe version {version} of the page {title!r}")
    return row


def check_new_comment(http: HttpClient, response: requests.Response, comment: Comment, body: str) -> Comment:
    """Return the comment in the response to its creation, after a check that it is the one that was sent.

    :raises BadResponse: when the response describes something else, so that the outcome is unknown
    """
    # Not every site returns the body of a new comment.
    if comment.location != "footer" or (comment.body and not same_content(comment.body, body)):
        raise unexpected(http, response, "the response does not describe the comment that was sent")
    return comment


def group_missing(name: str) -> NotFound:
    """Return the error for a group that the account does not see."""
    return NotFound(
        f"no group {name!r} on this Confluence site",
        code="group-missing",
        advice="check its name, and that the connection's account may see groups",
    )


def check_written_property(http: HttpClient, response: requests.Response, key: str, value: Any) -> None:
    """Check that the response to a write of a content property describes the written value.

    :raises BadResponse: when it describes something else, so that the outcome is unknown
    """
    row = decode(http, response, Property)
    sent = msgspec.json.decode(msgspec.json.encode(value))
    if row.key != key or row.value != sent:
        raise unexpected(http, response, f"the response does not describe the property {key!r}")


def read_restrictions(http: HttpClient, path: str, params: Mapping[str, Any], *, by_id: bool) -> Restrictions:
    """Read the restrictions of a page.

    :param by_id: the site identifies accounts and groups by id, as Cloud does, and not by name
    :raises BadResponse: when the response has another shape, or only some of the members; neither means "no restrictions"
    """

    def decode_restrictions(response: requests.Response) -> Restrictions:
        row = decode(http, response, RestrictionsResponse)
        both = row.restrictions
        if both is None:
            if row.read is None or row.update is None:
                raise unexpected(http, response, "the response has no restrictions of reading and of updating the page")
            both = RestrictionsByOperation(row.read, row.update)
        try:
            users = {operation: _users(both.of(operation), by_id=by_id) for operation in OPERATIONS}
            groups = {operation: _groups(both.of(operation), by_id=by_id) for operation in OPERATIONS}
        except ValueError as error:
            raise unexpected(http, response, f"the restrictions of the page are incomplete: {error}") from error
        return Restrictions(users, groups)

    return http.fetch(path, decode_restrictions, params=params)


def _users(subjects: Subjects, *, by_id: bool) -> tuple[str, ...]:
    return _complete([user.account_id if by_id else user.username for user in subjects.user.whole])


def _groups(subjects: Subjects, *, by_id: bool) -> tuple[str, ...]:
    return _complete([group.id if by_id else group.name for group in subjects.group.whole])


def _complete(names: list[str | None]) -> tuple[str, ...]:
    if not all(names):
        raise ValueError("an account or a group has no name")
    return tuple(str(name) for name in names)


def unexpected(http: HttpClient, response: requests.Response, message: str) -> WorkplaceError:
    """Return the error for a response of another shape, or about another object than the requested one."""
    is_write = response.request.method not in READS
    return http.invalid_response(response, BadResponse, message, advice=_ADVICE, outcome_unknown=is_write)


def not_confirmed(what: str) -> BadResponse:
    """Return the error for a write that the site does not show when it is read back."""
    return BadResponse(
        f"{what} was sent, and the site does not show it",
        advice=f"run it again; {_ADVICE}",
        outcome_unknown=True,
    )
