"""SCIM 2.0: one service, with the few requests that a sync needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.errors import AlreadyExists, BadResponse, Conflict, NotFound
from workplace_provider.identity.targets.scim_resources import Resource, ScimResources, encode, headers

if TYPE_CHECKING:
    from requests.auth import AuthBase

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
BULK: Final = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def connect(
    base_url: str, *, auth: AuthBase | None = None, settings: HttpSettings | None = None, name: str = "SCIM"
) -> ScimClient:
    """Return a client. It sends nothing yet.

    :param base_url: the URL above ``/Users``, such as ``https://app.example.com/scim/v2``
    :param name: the service's name in messages
    """
    return ScimClient(HttpClient(base_url, system=name, auth=auth, settings=settings, parse_error=_parse_error))


class ScimClient(ScimResources):
    """One service: its users, and its groups.

    client = connect("https://app.example.com/scim/v2", auth=Bearer(token))
    client.patch(user_id, [{"op": "replace", "path": "active", "value": False}])
    analysts = client.groups.find("displayName", "Analysts")

    """

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http, "Users", "users")
        self.groups = ScimResources(http, "Groups", "groups")

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
        """Return all users; see :meth:`all`."""
        return self.all(page_size=page_size)

    def user(self, user_id: str) -> Resource | None:
        """Return a user; ``None`` if it does not exist."""
        return self.get(user_id)

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> list[Resource]:
        """Send several changes in one request (RFC 7644, section 3.7).

        :param operations: each with its own ``bulkId``
        :return: the service's response to each operation, in their order
        :raises BadResponse: a response is missing
        """
        body = {"schemas": [BULK], "Operations": list(operations)}
        response = self._http.request("POST", "Bulk", content=encode(body), headers=headers())
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
