"""The API of the member service, modelled on systems that teams keep in step with scripts.

Two headers name the caller and the role; there is no other credential. A new member is ``{userId, name, password,
roleGroupId, centerIds, customType, metadata}``, and ``email``. The id is unique in any case (409 otherwise), and never
changes. A list comes in pages of at most 200, numbered from 1. ``PATCH`` sets the fields that it names; fields of
``metadata`` are set one by one.
"""

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.model import MemberAccount, MemberChange
from workplace_sandbox.state.database import now
from workplace_sandbox.state.members import MemberTakenError
from workplace_sandbox.store import Store

MEMBERS_PATH = "/members"
"""The path of the accounts' pages on the sandbox; the API is below ``/api``."""
ROLE = "manageMember"
ROLES = ("ADMIN", "MANAGER", "AGENT", "MEMBER")
MOST_PER_PAGE = 200
MAX_BODY_BYTES = 256 * 1024

_FIELDS: dict[str, tuple[str, type]] = {
    "name": ("name", str),
    "email": ("email", str),
    "roleGroupId": ("role_group_id", str),
    "centerIds": ("center_ids", list),
    "customType": ("custom_type", str),
    "metadata": ("metadata", dict),
    "enabled": ("enabled", bool),
}


class MembersError(Exception):
    """A response other than success.

    :param status: HTTP status.
    :param code: a word for programs.
    :param message: a sentence.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def build_members(store: Store) -> FastAPI:
    """Return the API as an application of its own.

    :param store: the members.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.include_router(_router(store))

    @app.exception_handler(MembersError)
    def refused(_: Request, error: MembersError) -> Response:
        return JSONResponse({"code": error.code, "message": str(error)}, error.status)

    return app


def _router(store: Store) -> APIRouter:
    router = APIRouter()
    _add_reading_routes(router, store)
    _add_writing_routes(router, store)
    return router


def _add_reading_routes(router: APIRouter, store: Store) -> None:
    @router.get("/members")
    def members(request: Request) -> Response:
        _actor(request)
        query = request.query_params
        number, size = _number("page", query.get("page", "1")), min(_number("size", query.get("size", "50")), MOST_PER_PAGE)
        members = store.member_accounts()
        if (external_id := query.get("externalId")) is not None:
            members = [member for member in members if member.metadata.get("externalId") == external_id]
        page = [_member_json(member) for member in members[(number - 1) * size : number * size]]
        return JSONResponse({"members": page, "page": number, "size": size, "total": len(members)})

    @router.get("/members/{user_id}")
    def member(request: Request, user_id: str) -> Response:
        _actor(request)
        return JSONResponse(_member_json(_member(store, user_id)))

    @router.get("/members/{user_id}/history")
    def history(request: Request, user_id: str) -> Response:
        _actor(request)
        return JSONResponse({"changes": list(map(_change_json, store.member_changes(user_id)))})


def _add_writing_routes(router: APIRouter, store: Store) -> None:
    @router.post("/members")
    async def create(request: Request) -> Response:
        actor, member = _actor(request), _new_member(await read_json(request))
        try:
            await run_in_threadpool(store.add_member_account, member, actor)
        except MemberTakenError as error:
            raise MembersError(409, "duplicate", str(error)) from error
        return JSONResponse(_member_json(member), 201)

    @router.patch("/members/{user_id}")
    async def change(request: Request, user_id: str) -> Response:
        actor, data = _actor(request), await read_json(request)
        before = await run_in_threadpool(_member, store, user_id)
        fields = _fields(data)
        if "metadata" in fields:
            fields["metadata"] = {**before.metadata, **fields["metadata"]}
        after = await run_in_threadpool(store.change_member_account, user_id, actor, fields)
        return JSONResponse(_member_json(after or _member(store, user_id)))

    @router.delete("/members/{user_id}")
    def delete(request: Request, user_id: str) -> Response:
        if not store.remove_member_account(user_id, _actor(request)):
            raise MembersError(404, "not_found", f"There is no member {user_id}")
        return Response(status_code=204)


def _actor(request: Request) -> str:
    """Return the caller."""
    actor = request.headers.get("x-attic-user", "").strip()
    if not actor:
        raise MembersError(401, "unauthorized", "The header X-Attic-User is missing")
    if request.headers.get("x-attic-role") != ROLE:
        raise MembersError(403, "forbidden", f"The header X-Attic-Role must be {ROLE}")
    return actor


def _member(store: Store, user_id: str) -> MemberAccount:
    member = store.member_account(user_id)
    if member is None:
        raise MembersError(404, "not_found", f"There is no member {user_id}")
    return member


def _new_member(data: dict[str, Any]) -> MemberAccount:
    user_id = data.pop("userId", None)
    if not isinstance(user_id, str) or not user_id.strip() or "/" in user_id:
        raise MembersError(400, "invalid", "userId must be a text without a slash")
    password = data.pop("password", None)
    if not isinstance(password, str) or not password:
        raise MembersError(400, "invalid", "password is missing")
    defaults: dict[str, Any] = {"email": "", "role_group_id": "MEMBER", "center_ids": (), "custom_type": "user"}
    fields = {"metadata": {}, "enabled": True, **defaults, **_fields(data)}
    if "name" not in fields:
        raise MembersError(400, "invalid", "name is missing")
    created = now()
    return MemberAccount(user_id=user_id, created=created, updated=created, **fields)


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a member in a request."""
    fields: dict[str, Any] = {}
    for name, value in data.items():
        if name not in _FIELDS:
            raise MembersError(400, "invalid", f"There is no field {name}")
        field, kind = _FIELDS[name]
        if not isinstance(value, kind):
            raise MembersError(400, "invalid", f"{name} has the wrong type")
        fields[field] = tuple(value) if isinstance(value, list) else value
    if (role := fields.get("role_group_id")) is not None and role not in ROLES:
        raise MembersError(400, "invalid", f"roleGroupId must be one of {', '.join(ROLES)}")
    return fields


def _member_json(member: MemberAccount) -> dict[str, Any]:
    return {
        "userId": member.user_id,
        **{name: getattr(member, field) for name, (field, _) in _FIELDS.items()},
        "createdAt": member.created.isoformat(),
        "updatedAt": member.updated.isoformat(),
    }


def _change_json(change: MemberChange) -> dict[str, Any]:
    names = {field: name for name, (field, _) in _FIELDS.items()}
    return {
        "at": change.at.isoformat(),
        "by": change.actor,
        "action": change.action,
        "fields": {names[field]: values for field, values in change.fields.items()},
    }


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 10):
        raise MembersError(400, "invalid", f"{name} must be a number from 1 on: {text}")
    return int(text)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the object in the body of a request.

    :raises MembersError: the body is too large, or not an object.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise MembersError(413, "too_large", f"The request is larger than {MAX_BODY_BYTES} bytes")
    try:
        value = json.loads(received.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MembersError(400, "invalid", f"The body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MembersError(400, "invalid", "A JSON object is expected")
    return value
