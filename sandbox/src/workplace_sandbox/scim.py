"""The SCIM 2.0 face of the member service: its members as users, and groups of them (RFC 7643, RFC 7644).

A bearer token is required. The id of a user is the member's id, and so is ``userName``; neither changes. Filters compare
attributes with ``eq``; pages have ``startIndex`` and ``count``. Resources have versions: ``If-Match`` with another one is
refused.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.members import MembersError, read_json
from workplace_sandbox.model import MemberAccount, MemberGroup
from workplace_sandbox.state.database import now
from workplace_sandbox.state.members import MemberTakenError
from workplace_sandbox.store import Store

SCIM_TOKEN = "sandbox-scim-token"  # noqa: S105 - of the sandbox
ACTOR = "scim"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_MESSAGES = "urn:ietf:params:scim:api:messages:2.0"
_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_MOST_PER_PAGE = 200
_FILTER = re.compile(r'\s*([\w.]+)\s+eq\s+("(?:[^"\\]|\\.)*")\s*', re.IGNORECASE)
_MEMBER_PATH = re.compile(r'members\[\s*value\s+eq\s+("(?:[^"\\]|\\.)*")\s*\]', re.IGNORECASE)
Resource = dict[str, Any]


class ScimError(Exception):
    """A response other than success.

    :param status: HTTP status.
    :param detail: a sentence.
    :param kind: the ``scimType``; empty for none.
    """

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


def build_scim(store: Store) -> FastAPI:
    """Return the service as an application of its own.

    :param store: the members and their groups.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    router = APIRouter()
    router.add_api_route("/ServiceProviderConfig", _config, methods=["GET"])
    for service in (_Users(store), _Groups(store)):
        _add_routes(router, service)
    app.include_router(router)

    @app.exception_handler(ScimError)
    def refused(_: Request, error: ScimError) -> Response:
        kind = {"scimType": error.kind} if error.kind else {}
        body = {"schemas": [f"{_MESSAGES}:Error"], "status": str(error.status), "detail": str(error), **kind}
        return _response(body, error.status)

    @app.exception_handler(MembersError)
    def unreadable(_: Request, error: MembersError) -> Response:
        body = {"schemas": [f"{_MESSAGES}:Error"], "status": str(error.status), "detail": str(error)}
        return _response({**body, "scimType": "invalidSyntax"}, error.status)

    return app


# --- requests


def _add_routes(router: APIRouter, service: "_Users | _Groups") -> None:
    place = service.place

    @router.get(f"/{place}")
    def listed(request: Request) -> Response:
        _authorize(request)
        query = request.query_params
        found = _filtered(service.all(), query.get("filter", ""))
        start, count = _number(query.get("startIndex"), 1), min(_number(query.get("count"), 100), _MOST_PER_PAGE)
        page = [_without(resource, query) for resource in found[max(start, 1) - 1 : max(start, 1) - 1 + count]]
        body = {"schemas": [f"{_MESSAGES}:ListResponse"], "totalResults": len(found), "startIndex": max(start, 1)}
        return _response({**body, "itemsPerPage": len(page), "Resources": page})

    @router.get(f"/{place}/{{resource_id}}")
    def one(request: Request, resource_id: str) -> Response:
        _authorize(request)
        return _response(_without(service.one(resource_id), request.query_params))

    @router.post(f"/{place}")
    async def create(request: Request) -> Response:
        _authorize(request)
        sent = await read_json(request)
        return _response(await run_in_threadpool(service.create, _resource(sent, service.schema)), 201)

    @router.put(f"/{place}/{{resource_id}}")
    async def put(request: Request, resource_id: str) -> Response:
        _authorize(request)
        sent = _resource(await read_json(request), service.schema)
        return _response(await run_in_threadpool(_changed, service, request, resource_id, lambda _: sent))

    @router.patch(f"/{place}/{{resource_id}}")
    async def patch(request: Request, resource_id: str) -> Response:
        _authorize(request)
        sent = _resource(await read_json(request), f"{_MESSAGES}:PatchOp")
        operations = sent.get("Operations")
        if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
            raise ScimError(400, "Operations must be a list", "invalidSyntax")
        return _response(
            await run_in_threadpool(_changed, service, request, resource_id, lambda before: _patched(before, operations))
        )

    @router.delete(f"/{place}/{{resource_id}}")
    def delete(request: Request, resource_id: str) -> Response:
        _authorize(request)
        service.delete(service.one(resource_id)["id"])
        return Response(status_code=204)


def _changed(
    service: "_Users | _Groups", request: Request, resource_id: str, change: Callable[[Resource], Resource]
) -> Resource:
    """Change a resource if it has the version that the request names."""
    before = service.one(resource_id)
    expected = request.headers.get("if-match")
    if expected not in (None, "*", before["meta"]["version"]):
        raise ScimError(412, f"The version is {before['meta']['version']}")
    return service.update(before["id"], change(before))


def _authorize(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {SCIM_TOKEN}":
        raise ScimError(401, "The token is missing or wrong")


def _config(request: Request) -> Response:
    _authorize(request)
    supported = {"patch": True, "filter": True, "etag": True, "bulk": False, "sort": False, "changePassword": False}
    features: dict[str, Resource] = {name: {"supported": is_supported} for name, is_supported in supported.items()}
    features["filter"] |= {"maxResults": _MOST_PER_PAGE}
    features["bulk"] |= {"maxOperations": 0, "maxPayloadSize": 0}
    return _response({"schemas": [_CONFIG], **features, "authenticationSchemes": []})


def _resource(sent: Resource, schema: str) -> Resource:
    if schema not in (sent.get("schemas") or []):
        raise ScimError(400, f"schemas must have {schema}", "invalidSyntax")
    return sent


def _filtered(resources: list[Resource], condition: str) -> list[Resource]:
    for part in re.split(r"\s+and\s+", condition) if condition else []:
        match = _FILTER.fullmatch(part)
        if not match:
            raise ScimError(400, f'The filter must be: attribute eq "value", not {condition}', "invalidFilter")
        name, value = match[1].lower(), json.loads(match[2])
        resources = [resource for resource in resources if value.lower() in _values(resource, name)]
    return resources


def _values(resource: Resource, name: str) -> list[str]:
    """Return the values of an attribute, in lower case."""
    found = next((value for key, value in resource.items() if key.lower() == name.removesuffix(".value")), None)
    items = found if isinstance(found, list) else [found]
    return [str(item["value"] if isinstance(item, dict) else item).lower() for item in items if item is not None]


def _without(resource: Resource, query: Mapping[str, str]) -> Resource:
    hidden = {name.strip().lower() for name in query.get("excludedAttributes", "").split(",")}
    return {name: value for name, value in resource.items() if name.lower() not in hidden - {"id", "schemas"}}


def _patched(before: Resource, operations: Sequence[Resource]) -> Resource:
    """Return a resource after the operations of a PATCH (RFC 7644, section 3.5.2)."""
    after: Resource = json.loads(json.dumps(before))
    for operation in operations:
        kind, path, value = str(operation.get("op")).lower(), operation.get("path"), operation.get("value")
        if kind not in ("add", "remove", "replace"):
            raise ScimError(400, f"op is {operation.get('op')}; it must be add, remove or replace", "invalidSyntax")
        if path is None:
            if kind == "remove" or not isinstance(value, dict):
                raise ScimError(400, "path is missing", "noTarget")
            after |= value
        elif match := _MEMBER_PATH.fullmatch(str(path)):
            if kind != "remove":
                raise ScimError(400, f"{path} can only be removed", "invalidPath")
            gone = json.loads(match[1])
            after["members"] = [member for member in after.get("members", []) if member["value"] != gone]
        elif kind == "remove" and value is not None:
            # A value is not part of a removal (section 3.5.2.2); taken as the whole attribute, it would empty a group.
            raise ScimError(400, "A removal must name the value in its path", "invalidValue")
        elif kind == "remove":
            after.pop(str(path), None)
        elif kind == "add" and isinstance(value, list):
            after[str(path)] = [*after.get(str(path), []), *value]
        else:
            after[str(path)] = value
    return after


def _number(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text) else default


def _response(body: Resource, status: int = 200) -> Response:
    meta = body.get("meta")
    etag = {"ETag": meta["version"]} if isinstance(meta, dict) else {}
    return JSONResponse(body, status, headers=etag, media_type="application/scim+json")


# --- users


class _Users:
    """The members as users."""

    place = "Users"
    schema = USER

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Resource]:
        groups = self._store.member_groups()
        return [self._shown(member, groups) for member in self._store.member_accounts()]

    def one(self, user_id: str) -> Resource:
        member = self._store.member_account(user_id)
        # Ids are compared exactly (RFC 7643, section 3.1).
        if member is None or member.user_id != user_id:
            raise ScimError(404, f"There is no user {user_id}")
        return self._shown(member, self._store.member_groups())

    def create(self, sent: Resource) -> Resource:
        name = sent.get("userName")
        if not isinstance(name, str) or not name.strip() or "/" in name:
            raise ScimError(400, "userName must be a text without a slash", "invalidValue")
        created = now()
        member = MemberAccount(
            user_id=name,
            name=name,
            email="",
            role_group_id="MEMBER",
            center_ids=(),
            custom_type="user",
            metadata={},
            enabled=True,
            created=created,
            updated=created,
        )
        try:
            self._store.add_member_account(replace(member, **_fields(sent, member)), ACTOR)
        except MemberTakenError as error:
            raise ScimError(409, str(error), "uniqueness") from error
        return self.one(name)

    def update(self, user_id: str, sent: Resource) -> Resource:
        if sent.get("userName") != user_id:
            raise ScimError(400, "userName never changes", "mutability")
        before = self._store.member_account(user_id)
        if before is not None:
            self._store.change_member_account(user_id, ACTOR, _fields(sent, before))
        return self.one(user_id)

    def delete(self, user_id: str) -> None:
        self._store.remove_member_account(user_id, ACTOR)

    @staticmethod
    def _shown(member: MemberAccount, groups: Sequence[MemberGroup]) -> Resource:
        mark = member.metadata.get("externalId")
        joined = [{"value": group.id, "display": group.name} for group in groups if member.user_id in group.members]
        return {
            "schemas": [USER],
            "id": member.user_id,
            "userName": member.user_id,
            **({"externalId": mark} if mark else {}),
            "displayName": member.name,
            **({"emails": [{"value": member.email, "primary": True}]} if member.email else {}),
            "active": member.enabled,
            "roles": [{"value": member.role_group_id}],
            **({"groups": joined} if joined else {}),
            "meta": {
                "resourceType": "User",
                "created": member.created.isoformat(),
                "lastModified": member.updated.isoformat(),
                "version": f'W/"{member.updated.timestamp()}"',
            },
        }


def _fields(sent: Resource, before: MemberAccount) -> dict[str, Any]:
    """Return the fields of a member in a request."""
    emails = sent.get("emails") or []
    active = sent.get("active", True)
    if not isinstance(active, bool) or not isinstance(emails, list):
        raise ScimError(400, "active must be a boolean, and emails a list", "invalidValue")
    primary = next((email for email in emails if email.get("primary")), emails[0] if emails else {})
    mark = sent.get("externalId")
    rest = {name: value for name, value in before.metadata.items() if name != "externalId"}
    return {
        "name": str(sent.get("displayName") or before.user_id),
        "email": str(primary.get("value") or ""),
        "enabled": active,
        "metadata": {**rest, **({"externalId": str(mark)} if mark else {})},
    }


# --- groups


class _Groups:
    """The groups of members."""

    place = "Groups"
    schema = GROUP

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Resource]:
        return [_group_json(group) for group in self._store.member_groups()]

    def one(self, group_id: str) -> Resource:
        group = self._store.member_group(group_id)
        if group is None:
            raise ScimError(404, f"There is no group {group_id}")
        return _group_json(group)

    def create(self, sent: Resource) -> Resource:
        return self._put(uuid.uuid4().hex, sent, 1)

    def update(self, group_id: str, sent: Resource) -> Resource:
        group = self._store.member_group(group_id)
        return self._put(group_id, sent, group.version + 1 if group is not None else 1)

    def delete(self, group_id: str) -> None:
        self._store.remove_member_group(group_id)

    def _put(self, group_id: str, sent: Resource, version: int) -> Resource:
        name = sent.get("displayName")
        if not isinstance(name, str) or not name.strip():
            raise ScimError(400, "displayName must be a text", "invalidValue")
        members = sent.get("members") or []
        if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
            raise ScimError(400, "members must be a list of objects", "invalidValue")
        # A member that is added twice is one member (RFC 7644, section 3.5.2.1).
        ids = tuple(dict.fromkeys(str(member.get("value")) for member in members))
        known = {member.user_id for member in self._store.member_accounts()}
        if unknown := [user_id for user_id in ids if user_id not in known]:
            raise ScimError(400, f"There is no user {unknown[0]}", "invalidValue")
        group = MemberGroup(group_id, name, str(sent.get("externalId") or ""), ids, version)
        try:
            self._store.put_member_group(group)
        except MemberTakenError as error:
            raise ScimError(409, str(error), "uniqueness") from error
        return _group_json(group)


def _group_json(group: MemberGroup) -> Resource:
    return {
        "schemas": [GROUP],
        "id": group.id,
        "displayName": group.name,
        **({"externalId": group.external_id} if group.external_id else {}),
        "members": [{"value": user_id, "type": "User"} for user_id in group.members],
        "meta": {"resourceType": "Group", "version": f'W/"{group.version}"'},
    }
