"""SCIM 2.0: the users of a service, with the few requests that a sync needs.

Sources: RFC 7643 (schema), RFC 7644 (protocol). Many services implement a part of them, or differ, so responses are parsed
leniently: a missing ``meta``, booleans as text and an empty response after a change all occur.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from workplace_provider.http.attempts import attempts
from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.errors import AlreadyExists, BadResponse, Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from requests import Response
    from requests.auth import AuthBase

MEDIA_TYPE: Final = "application/scim+json"
USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
LISTINGS: Final = 3
"""Number of attempts for a list that changes while it is read."""

STALE_PAGES: Final = 2
"""Number of pages in a row without a new user after which a list ends."""

Resource = dict[str, Any]


def connect(
    base_url: str, *, auth: AuthBase | None = None, settings: HttpSettings | None = None, name: str = "SCIM"
) -> ScimClient:
    """Return a client. It sends nothing yet.

    :param base_url: the URL above ``/Users``, such as ``https://app.example.com/scim/v2``
    :param name: the service's name in messages
    """
    return ScimClient(HttpClient(base_url, system=name, auth=auth, settings=settings, parse_error=_parse_error))


class _IncompleteListing(BadResponse):
    """A list of users that changed while it was read, or is shorter than the service reports."""


class ScimClient:
    """The users of one service.

    client = connect("https://app.example.com/scim/v2", auth=Bearer(token))
    client.patch(user_id, [{"op": "replace", "path": "active", "value": False}])

    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def name(self) -> str:
        """The service's name in messages."""
        return self._http.system

    @property
    def base_url(self) -> str:
        """The URL above ``/Users``."""
        return self._http.base_url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def service_provider_config(self) -> Resource:
        """Return the features of the service (RFC 7643, section 5); empty if it does not publish them."""
        try:
            found = self._get("ServiceProviderConfig")
        except NotFound:
            return {}
        return found if isinstance(found, dict) else {}

    def users(self, *, page_size: int = 200) -> list[Resource]:
        """Return all users.

        :param page_size: users per request; the service may send fewer
        :raises BadResponse: the service sends fewer users than its total, in every attempt
        """
        for attempt in attempts(LISTINGS, lambda error: isinstance(error, _IncompleteListing), backoff=0.0):
            with attempt:
                users = self._listing(page_size)
        return users

    def _incomplete(self, problem: str) -> _IncompleteListing:
        return _IncompleteListing(
            problem,
            system=self.name,
            method="GET",
            url=self._http.url("Users"),
            advice="for a service that does not list all of its users, set read=lookup",
        )

    def _listing(self, page_size: int) -> list[Resource]:
        """Return all users.

        Pages are read until one is empty, whatever ``totalResults`` is: some services send the size of the page, others an
        estimate. A page without a new user may be a repeated one, so one more page is read; a service that ignores
        ``startIndex`` sends the same page forever.
        """
        found: dict[str, Resource] = {}
        start, total, stale = 1, None, 0
        while stale < STALE_PAGES:
            before = total
            try:
                page, total = self._page({"startIndex": start, "count": page_size})
            except (Invalid, NotFound):
                # Some services respond with an error after the last page, also in a retry.
                if total is not None and len(found) >= total:
                    break
                raise
            if before is not None and total is not None and total < before:
                # After a deletion, later users move up by one place, so the next page would skip one.
                raise self._incomplete(f"the number of users went from {before} to {total} while they were read")
            if not page:
                break
            fresh = {str(user["id"]): user for user in page}
            stale = 0 if fresh.keys() - found.keys() else stale + 1
            found |= fresh
            start += len(page)
        if total is not None and len(found) < total:
            raise self._incomplete(f"the list has {len(found)} users, but the service's total is {total}")
        return list(found.values())

    def count(self) -> int:
        """Return the service's total number of users."""
        page, total = self._page({"startIndex": 1, "count": 1})
        return len(page) if total is None else total

    def find(self, attribute: str, value: str) -> list[Resource]:
        """Return the users whose attribute has a value, as far as the service sends them in one response."""
        # A value in a filter is a JSON string (RFC 7644, section 3.4.2.2).
        literal = json.dumps(value, ensure_ascii=False)
        return self._page({"filter": f"{attribute} eq {literal}"})[0]

    def user(self, user_id: str) -> Resource | None:
        """Return a user; ``None`` if it does not exist."""
        try:
            response = self._http.request("GET", _path(user_id), headers=_headers())
        except NotFound:
            return None
        return _add_version(self._resource(self._http.json_of(response), "GET", user_id), response)

    def create(self, resource: Resource) -> Resource:
        """Create a user.

        :raises AlreadyExists: a user with this name exists
        """
        response = self._http.request("POST", "Users", content=_encode(resource), headers=_headers())
        return _add_version(self._resource(self._http.json_of(response), "POST", ""), response)

    def patch(self, user_id: str, operations: Sequence[Mapping[str, Any]], version: str = "") -> Resource:
        """Change a user.

        :param operations: the operations of a PatchOp
        :param version: the version that the user must have; empty for any
        :return: the user, or the part that the service sends: at least the id
        :raises Conflict: the user has another version
        """
        body = {"schemas": [PATCH], "Operations": list(operations)}
        # Replacing a value is idempotent.
        response = self._http.request(
            "PATCH", _path(user_id), content=_encode(body), headers=_headers(version), idempotent=True
        )
        return self._changed(user_id, response)

    def replace(self, user_id: str, resource: Resource, version: str = "") -> Resource:
        """Replace a user; see :meth:`patch`. Missing attributes are deleted."""
        response = self._http.request("PUT", _path(user_id), content=_encode(resource), headers=_headers(version))
        return self._changed(user_id, response)

    def delete(self, user_id: str, version: str = "") -> None:
        """Delete a user.

        :raises NotFound: the user does not exist
        """
        self._http.request("DELETE", _path(user_id), headers=_headers(version))

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> list[Resource]:
        """Send several changes in one request (RFC 7644, section 3.7).

        :param operations: each with its own ``bulkId``
        :return: the service's response to each operation, in their order
        :raises BadResponse: a response is missing
        """
        body = {"schemas": [BULK], "Operations": list(operations)}
        response = self._http.request("POST", "Bulk", content=_encode(body), headers=_headers())
        body = self._http.json_of(response)
        responses = body.get("Operations") if isinstance(body, dict) else None
        rows = [row for row in responses if isinstance(row, dict)] if isinstance(responses, list) else []
        by_id = {str(row["bulkId"]): row for row in rows if "bulkId" in row}
        sent_ids = [str(operation["bulkId"]) for operation in operations]
        if all(sent_id in by_id for sent_id in sent_ids):
            return [by_id[sent_id] for sent_id in sent_ids]
        if len(rows) == len(sent_ids) and not by_id:
            return rows
        raise BadResponse(
            f"the response has {len(rows)} results for {len(sent_ids)} operations",
            system=self.name,
            method="POST",
            url=self._http.url("Bulk"),
            outcome_unknown=True,
        )

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._http.json_of(self._http.request("GET", path, params=params, headers=_headers()))

    def _page(self, params: Mapping[str, Any]) -> tuple[list[Resource], int | None]:
        """Return the users of a page, and the service's total if it sends one."""
        page = self._get("Users", params)
        body = page if isinstance(page, dict) else {}
        # Without users, some services leave out one of the two keys, or send null.
        users = body.get("Resources") or ([] if "Resources" in body or "totalResults" in body else None)
        if not isinstance(users, list) or not all(map(_is_user, users)):
            raise BadResponse(
                f"the response is not a list of users: {str(page)[:60]!r}",
                system=self.name,
                method="GET",
                url=self._http.url("Users"),
                advice="check the base URL: it usually ends with /scim/v2",
                retryable=False,
            )
        total = body.get("totalResults")
        return users, None if total is None else int(total)

    def _resource(self, found: Any, method: str, user_id: str) -> Resource:
        if _is_user(found):
            user: Resource = found
            return user
        raise BadResponse(
            "the response has a user without an id",
            system=self.name,
            method=method,
            url=self._http.url(_path(user_id) if user_id else "Users"),
            outcome_unknown=method != "GET",
        )

    def _changed(self, user_id: str, response: Response) -> Resource:
        found = self._http.json_of(response)
        return _add_version(found if _is_user(found) else {"id": user_id}, response)


def _is_user(found: Any) -> bool:
    return isinstance(found, dict) and found.get("id") not in (None, "")


def _add_version(resource: Resource, response: Response) -> Resource:
    """Return a user with its version, which some services only send in the header (RFC 7643, section 3.1)."""
    etag = response.headers.get("ETag")
    if etag and not version_of(resource):
        meta = resource.get("meta")
        return {**resource, "meta": {**(meta if isinstance(meta, dict) else {}), "version": etag}}
    return resource


def version_of(resource: Mapping[str, Any]) -> str:
    """Return the version of a user; empty if the service has no versions."""
    meta = resource.get("meta")
    return str(meta.get("version") or "") if isinstance(meta, dict) else ""


def iter_batches(
    operations: Sequence[Mapping[str, Any]], max_operations: int, max_bytes: int | None
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield operations in batches that are as large as the service accepts.

    :param max_operations: operations per request
    :param max_bytes: size of a request; ``None`` for no limit
    """
    batch: list[Mapping[str, Any]] = []
    size = 0
    for operation in operations:
        # Twenty bytes for the separator of two operations, a hundred for the envelope.
        length = len(json.dumps(operation, ensure_ascii=False).encode()) + 20
        if batch and (len(batch) >= max_operations or (max_bytes is not None and size + length + 100 > max_bytes)):
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += length
    if batch:
        yield batch


def _path(user_id: str) -> str:
    return f"Users/{quote(user_id, safe='')}"


def _encode(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _headers(version: str = "") -> dict[str, str]:
    headers = {"Accept": f"{MEDIA_TYPE}, application/json", "Content-Type": MEDIA_TYPE}
    return {**headers, "If-Match": version} if version else headers


def _parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Parse the body of a SCIM error (RFC 7644, section 3.12)."""
    body = answer.json if isinstance(answer.json, dict) else {}
    kinds = {409: AlreadyExists, 412: Conflict}
    # RFC 7644, section 3.12, has status 409 for a taken name, and several services send 400.
    taken = 400 <= answer.status < 500 and body.get("scimType") == "uniqueness"
    return ErrorDetails(
        kind=AlreadyExists if taken else kinds.get(answer.status),
        message=str(body.get("detail") or ""),
        code=str(body.get("scimType") or ""),
        advice={
            401: "check the token in the connection's password",
            403: "check the token's permissions",
            404: "" if body else "check the base URL: it usually ends with /scim/v2",
        }.get(answer.status, ""),
    )
