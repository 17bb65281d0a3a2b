"""SCIM 2.0: the users of a service, in the few requests that a sync needs.

Sources: RFC 7643 (schema), RFC 7644 (protocol). Services leave much of it out or do it their own way, so answers are read
with patience: a missing ``meta``, truth values as text and an empty answer after a change are all in use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

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
"""How often a listing is begun again that changed while it was read."""

STALE_PAGES: Final = 2
"""Pages in a row with nobody new after which a listing ends."""

Resource = dict[str, Any]


def connect(
    base_url: str, *, auth: AuthBase | None = None, settings: HttpSettings | None = None, name: str = "SCIM"
) -> ScimClient:
    """A client; nothing is sent yet.

    :param base_url: where ``/Users`` is, such as ``https://app.example.com/scim/v2``
    :param name: the service's name in messages
    """
    return ScimClient(HttpClient(base_url, system=name, auth=auth, settings=settings, parse_error=_parse_error))


class ScimClient:
    """The users of one service.

    :param http: sends the requests, below the service's base URL
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def name(self) -> str:
        """The service's name in messages."""
        return self._http.system

    @property
    def base_url(self) -> str:
        """Where ``/Users`` is."""
        return self._http.base_url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def service_provider_config(self) -> Resource:
        """What the service can do (RFC 7643 5); empty when it does not say."""
        try:
            found = self._get("ServiceProviderConfig")
        except NotFound:
            return {}
        return found if isinstance(found, dict) else {}

    def users(self, *, page_size: int = 200) -> list[Resource]:
        """All users.

        :param page_size: how many to ask for at a time; the service may send fewer
        :raises BadResponse: the service sends fewer than it says there are, however often it is asked
        """
        problem = ""
        for _ in range(LISTINGS):
            found, problem = self._listing(page_size)
            if not problem:
                return found
        raise BadResponse(
            problem,
            system=self.name,
            method="GET",
            url=self._http.url("Users"),
            advice="a service that does not list all of its users can be read one by one: read=lookup",
        )

    def _listing(self, page_size: int) -> tuple[list[Resource], str]:
        """All users, or what is wrong with the list.

        Pages are read until one is empty, whatever ``totalResults`` says: with some services it is the size of the page,
        with others an estimate. A page with nobody new may be a repeated one, so the one behind it is read as well; a
        service that does not know ``startIndex`` gives the same page for ever.
        """
        found: dict[str, Resource] = {}
        start, total, stale = 1, None, 0
        while stale < STALE_PAGES:
            before = total
            try:
                page, total = self._page({"startIndex": start, "count": page_size})
            except (Invalid, NotFound):
                # Some services have no page behind the last; asked for it again, they would say the same.
                if total is not None and len(found) >= total:
                    break
                raise
            if before is not None and total is not None and total < before:
                # Those behind one who is gone move up, and the next page begins behind the first of them.
                return [], f"the number of users went from {before} to {total} while they were read"
            if not page:
                break
            fresh = {str(user["id"]): user for user in page}
            stale = 0 if fresh.keys() - found.keys() else stale + 1
            found |= fresh
            start += len(page)
        if total is not None and len(found) < total:
            return [], f"the listing has {len(found)} users, and the service says there are {total}"
        return list(found.values()), ""

    def count(self) -> int:
        """How many users the service says there are."""
        page, total = self._page({"startIndex": 1, "count": 1})
        return len(page) if total is None else total

    def find(self, attribute: str, value: str) -> list[Resource]:
        """The users whose attribute has a value, of those that the service sends in one answer."""
        # A value in a filter is a JSON string (RFC 7644 3.4.2.2).
        written = json.dumps(value, ensure_ascii=False)
        return self._page({"filter": f"{attribute} eq {written}"})[0]

    def user(self, user_id: str) -> Resource | None:
        """A user; ``None`` when there is no such one."""
        try:
            answer = self._http.request("GET", _path(user_id), headers=_headers())
        except NotFound:
            return None
        return _versioned(self._resource(self._http.json_of(answer), "GET", user_id), answer)

    def create(self, resource: Resource) -> Resource:
        """Create a user.

        :raises AlreadyExists: there is one of that name
        """
        answer = self._http.request("POST", "Users", content=_encoded(resource), headers=_headers())
        return _versioned(self._resource(self._http.json_of(answer), "POST", ""), answer)

    def patch(self, user_id: str, operations: Sequence[Mapping[str, Any]], version: str = "") -> Resource:
        """Change a user.

        :param operations: the operations of a PatchOp
        :param version: the version that it must have; empty for any
        :return: the user, or as much of it as the service tells: at least the id
        :raises Conflict: it has another version
        """
        body = {"schemas": [PATCH], "Operations": list(operations)}
        # Operations that replace say what it shall be, so twice is as good as once.
        answer = self._http.request(
            "PATCH", _path(user_id), content=_encoded(body), headers=_headers(version), idempotent=True
        )
        return self._changed(user_id, answer)

    def replace(self, user_id: str, resource: Resource, version: str = "") -> Resource:
        """Put a user in the place of what is there; see :meth:`patch`. What is left out vanishes."""
        answer = self._http.request("PUT", _path(user_id), content=_encoded(resource), headers=_headers(version))
        return self._changed(user_id, answer)

    def delete(self, user_id: str, version: str = "") -> None:
        """Delete a user.

        :raises NotFound: there is no such one
        """
        self._http.request("DELETE", _path(user_id), headers=_headers(version))

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> list[Resource]:
        """Several changes in one request (RFC 7644 3.7).

        :param operations: each with a ``bulkId`` of its own
        :return: what the service says of each, in the order of the operations
        :raises BadResponse: it does not say it of each
        """
        body = {"schemas": [BULK], "Operations": list(operations)}
        response = self._http.request("POST", "Bulk", content=_encoded(body), headers=_headers())
        answer = self._http.json_of(response)
        said = answer.get("Operations") if isinstance(answer, dict) else None
        rows = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
        by_id = {str(each["bulkId"]): each for each in rows if "bulkId" in each}
        wanted = [str(each["bulkId"]) for each in operations]
        if all(each in by_id for each in wanted):
            return [by_id[each] for each in wanted]
        if len(rows) == len(wanted) and not by_id:
            return rows
        raise BadResponse(
            f"{len(wanted)} operations were sent, and {len(rows)} answered",
            system=self.name,
            method="POST",
            url=self._http.url("Bulk"),
            outcome_unknown=True,
        )

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._http.json_of(self._http.request("GET", path, params=params, headers=_headers()))

    def _page(self, params: Mapping[str, Any]) -> tuple[list[Resource], int | None]:
        """The users of a page, and how many the service says there are in all, if it does."""
        page = self._get("Users", params)
        said = page if isinstance(page, dict) else {}
        # Where there is nobody, some leave out one or the other, or say null.
        users = said.get("Resources") or ([] if "Resources" in said or "totalResults" in said else None)
        if not isinstance(users, list) or not all(map(_is_user, users)):
            raise BadResponse(
                f"expected a list of users, found {str(page)[:60]!r}",
                system=self.name,
                method="GET",
                url=self._http.url("Users"),
                advice="is the base URL that of SCIM, usually with /scim/v2 at its end?",
                retryable=False,
            )
        total = said.get("totalResults")
        return users, None if total is None else int(total)

    def _resource(self, found: Any, method: str, user_id: str) -> Resource:
        if _is_user(found):
            user: Resource = found
            return user
        raise BadResponse(
            "expected a user, found one without an id",
            system=self.name,
            method=method,
            url=self._http.url(_path(user_id) if user_id else "Users"),
            outcome_unknown=method != "GET",
        )

    def _changed(self, user_id: str, answer: Response) -> Resource:
        found = self._http.json_of(answer)
        return _versioned(found if _is_user(found) else {"id": user_id}, answer)


def _is_user(found: Any) -> bool:
    return isinstance(found, dict) and found.get("id") not in (None, "")


def _versioned(resource: Resource, answer: Response) -> Resource:
    """A user with its version, which some services tell in the header alone (RFC 7643 3.1 leaves the attribute optional)."""
    etag = answer.headers.get("ETag")
    if etag and not version_of(resource):
        meta = resource.get("meta")
        return {**resource, "meta": {**(meta if isinstance(meta, dict) else {}), "version": etag}}
    return resource


def version_of(resource: Mapping[str, Any]) -> str:
    """The version of a user; empty when the service has none."""
    meta = resource.get("meta")
    return str(meta.get("version") or "") if isinstance(meta, dict) else ""


def iter_batches(
    operations: Sequence[Mapping[str, Any]], most: int, bytes_: int | None
) -> Iterator[list[Mapping[str, Any]]]:
    """Operations in requests as large as the service takes.

    :param most: operations in one request
    :param bytes_: its size; ``None`` for any
    """
    batch: list[Mapping[str, Any]] = []
    size = 0
    for operation in operations:
        # Twenty bytes for what stands between two of them, a hundred for what stands around all.
        length = len(json.dumps(operation, ensure_ascii=False).encode()) + 20
        if batch and (len(batch) >= most or (bytes_ is not None and size + length + 100 > bytes_)):
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += length
    if batch:
        yield batch


def _path(user_id: str) -> str:
    return f"Users/{quote(user_id, safe='')}"


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _headers(version: str = "") -> dict[str, str]:
    headers = {"Accept": f"{MEDIA_TYPE}, application/json", "Content-Type": MEDIA_TYPE}
    return {**headers, "If-Match": version} if version else headers


def _parse_error(answer: ErrorResponse) -> ErrorDetails:
    """SCIM's error body (RFC 7644 3.12)."""
    said = answer.json if isinstance(answer.json, dict) else {}
    kinds = {409: AlreadyExists, 412: Conflict}
    # RFC 7644, section 3.12, has 409 for it, and several services answer 400.
    taken = 400 <= answer.status < 500 and said.get("scimType") == "uniqueness"
    return ErrorDetails(
        kind=AlreadyExists if taken else kinds.get(answer.status),
        message=str(said.get("detail") or ""),
        code=str(said.get("scimType") or ""),
        advice={
            401: "check the token in the connection's password",
            403: "the token may not do this",
            404: "" if said else "is the base URL that of SCIM, usually with /scim/v2 at its end?",
        }.get(answer.status, ""),
    )
