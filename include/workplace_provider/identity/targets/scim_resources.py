"""SCIM 2.0: the requests for one kind of resource of a service, such as its users or its groups.

Sources: RFC 7643 (schema), RFC 7644 (protocol). Many services implement a part of them, or differ, so responses are parsed
leniently: a missing ``meta``, booleans as text and an empty response after a change all occur.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, Invalid, NotFound

if TYPE_CHECKING:
    from requests import Response

    from workplace_provider.http.client import HttpClient

MEDIA_TYPE: Final = "application/scim+json"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LISTINGS: Final = 3
"""Number of attempts for a list that changes while it is read."""

STALE_PAGES: Final = 2
"""Number of pages in a row without a new resource after which a list ends."""

Resource = dict[str, Any]


class _IncompleteListing(BadResponse):
    """A list that changed while it was read, or is shorter than the service reports."""


class ScimResources:
    """The resources of one kind of a service.

        groups = ScimResources(http, "Groups", "groups")
        analysts = groups.find("displayName", "Analysts")

    :param path: the path below the base URL
    :param plural: the kind in messages
    """

    def __init__(self, http: HttpClient, path: str, plural: str) -> None:
        self._http = http
        self._place = path
        self._plural = plural

    @property
    def name(self) -> str:
        """The service's name in messages."""
        return self._http.system

    def all(self, *, page_size: int = 200, without: str = "") -> list[Resource]:
        """Return all resources.

        :param page_size: resources per request; the service may send fewer
        :param without: an attribute that the service need not send, such as the members of huge groups
        :raises BadResponse: the service sends fewer resources than its total, in every attempt
        """
        for attempt in attempts(LISTINGS, lambda error: isinstance(error, _IncompleteListing), backoff=0.0):
            with attempt:
                resources = self._listing(page_size, without)
        return resources

    def _incomplete(self, problem: str) -> _IncompleteListing:
        return _IncompleteListing(
            problem,
            system=self.name,
            method="GET",
            url=self._http.url(self._place),
            advice=f"for a service that does not list all of its {self._plural}, set read=lookup",
        )

    def _listing(self, page_size: int, without: str) -> list[Resource]:
        """Return all resources.

        Pages are read until one is empty, whatever ``totalResults`` is: some services send the size of the page, others an
        estimate. A page without a new resource may be a repeated one, so one more page is read; a service that ignores
        ``startIndex`` sends the same page forever.
        """
        found: dict[str, Resource] = {}
        start, total, stale = 1, None, 0
        while stale < STALE_PAGES:
            before = total
            try:
                page, total = self._page({"startIndex": start, "count": page_size, **_excluding(without)})
            except (Invalid, NotFound):
                # Some services respond with an error after the last page, also in a retry.
                if total is not None and len(found) >= total:
                    break
                raise
            if before is not None and total is not None and total < before:
                # After a deletion, later resources move up by one place, so the next page would skip one.
                raise self._incomplete(f"the number of {self._plural} went from {before} to {total} while they were read")
            if not page:
                break
            fresh = {str(resource["id"]): resource for resource in page}
            stale = 0 if fresh.keys() - found.keys() else stale + 1
            found |= fresh
            start += len(page)
        if total is not None and len(found) < total:
            raise self._incomplete(f"the list has {len(found)} {self._plural}, but the service's total is {total}")
        return list(found.values())

    def count(self) -> int:
        """Return the service's total number of resources."""
        page, total = self._page({"startIndex": 1, "count": 1})
        return len(page) if total is None else total

    def find(self, attribute: str, value: str, *, without: str = "") -> list[Resource]:
        """Return the resources whose attribute has a value; see :meth:`matching`."""
        return self.matching(f"{attribute} eq {quoted(value)}", without=without)

    def matching(self, condition: str, *, without: str = "") -> list[Resource]:
        """Return the resources of a filter, as far as the service sends them in one response."""
        return self._page({"filter": condition, **_excluding(without)})[0]

    def get(self, resource_id: str, *, without: str = "") -> Resource | None:
        """Return a resource; ``None`` if it does not exist."""
        try:
            params = _excluding(without)
            response = self._http.request("GET", self._path(resource_id), params=params or None, headers=headers())
        except NotFound:
            return None
        return _add_version(self._resource(self._http.json_of(response), "GET", resource_id), response)

    def create(self, resource: Resource) -> Resource:
        """Create a resource.

        :raises AlreadyExists: one with this name exists
        """
        response = self._http.request("POST", self._place, content=encode(resource), headers=headers())
        return _add_version(self._resource(self._http.json_of(response), "POST", ""), response)

    def patch(self, resource_id: str, operations: Sequence[Mapping[str, Any]], version: str = "") -> Resource:
        """Change a resource.

        :param operations: the operations of a PatchOp
        :param version: the version that the resource must have; empty for any
        :return: the resource, or the part that the service sends: at least the id
        :raises Conflict: the resource has another version
        """
        body = {"schemas": [PATCH], "Operations": list(operations)}
        # Replacing a value is idempotent.
        response = self._http.request(
            "PATCH", self._path(resource_id), content=encode(body), headers=headers(version), idempotent=True
        )
        return self._changed(resource_id, response)

    def replace(self, resource_id: str, resource: Resource, version: str = "") -> Resource:
        """Replace a resource; see :meth:`patch`. Missing attributes are deleted."""
        response = self._http.request("PUT", self._path(resource_id), content=encode(resource), headers=headers(version))
        return self._changed(resource_id, response)

    def delete(self, resource_id: str, version: str = "") -> None:
        """Delete a resource.

        :raises NotFound: the resource does not exist
        """
        self._http.request("DELETE", self._path(resource_id), headers=headers(version))

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._http.json_of(self._http.request("GET", path, params=params, headers=headers()))

    def _page(self, params: Mapping[str, Any]) -> tuple[list[Resource], int | None]:
        """Return the resources of a page, and the service's total if it sends one."""
        page = self._get(self._place, params)
        body = page if isinstance(page, dict) else {}
        # Without resources, some services leave out one of the two keys, or send null.
        resources = body.get("Resources") or ([] if "Resources" in body or "totalResults" in body else None)
        if not isinstance(resources, list) or not all(map(_is_resource, resources)):
            raise BadResponse(
                f"the response is not a list of {self._plural}: {str(page)[:60]!r}",
                system=self.name,
                method="GET",
                url=self._http.url(self._place),
                advice="check the base URL: it usually ends with /scim/v2",
                retryable=False,
            )
        total = body.get("totalResults")
        return resources, None if total is None else int(total)

    def _resource(self, found: Any, method: str, resource_id: str) -> Resource:
        if _is_resource(found):
            resource: Resource = found
            return resource
        raise BadResponse(
            f"the response has one of the {self._plural} without an id",
            system=self.name,
            method=method,
            url=self._http.url(self._path(resource_id) if resource_id else self._place),
            outcome_unknown=method != "GET",
        )

    def _changed(self, resource_id: str, response: Response) -> Resource:
        found = self._http.json_of(response)
        return _add_version(found if _is_resource(found) else {"id": resource_id}, response)

    def _path(self, resource_id: str) -> str:
        return f"{self._place}/{quote(resource_id, safe='')}"


def _is_resource(found: Any) -> bool:
    return isinstance(found, dict) and found.get("id") not in (None, "")


def _add_version(resource: Resource, response: Response) -> Resource:
    """Return a resource with its version, which some services only send in the header (RFC 7643, section 3.1)."""
    etag = response.headers.get("ETag")
    if etag and not version_of(resource):
        meta = resource.get("meta")
        return {**resource, "meta": {**(meta if isinstance(meta, dict) else {}), "version": etag}}
    return resource


def version_of(resource: Mapping[str, Any]) -> str:
    """Return the version of a resource; empty if the service has no versions."""
    meta = resource.get("meta")
    return str(meta.get("version") or "") if isinstance(meta, dict) else ""


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the body of a request."""
    return json.dumps(body, ensure_ascii=False).encode()


def headers(version: str = "") -> dict[str, str]:
    """Return the headers of a request, with the version that the resource must have."""
    fields = {"Accept": f"{MEDIA_TYPE}, application/json", "Content-Type": MEDIA_TYPE}
    return {**fields, "If-Match": version} if version else fields


def quoted(value: str) -> str:
    """Return a value for a filter: a JSON string (RFC 7644, section 3.4.2.2)."""
    return json.dumps(value, ensure_ascii=False)


def _excluding(attribute: str) -> dict[str, str]:
    """Return the query parameter for a response without an attribute (RFC 7644, section 3.9); services may ignore it."""
    return {"excludedAttributes": attribute} if attribute else {}
