"""Space permissions, and the groups of a user."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.access import DEFAULT_GROUP, GROUPS, group_names, groups_of, may_write
from workplace_sandbox.confluence.call import CallDep, DataCenterCall, forbidden, respond
from workplace_sandbox.confluence.errors import RestError
from workplace_sandbox.model import User

router = APIRouter()

READ = ({"operationKey": "read", "targetType": "space"},)
WRITE = tuple({"operationKey": "create", "targetType": kind} for kind in ("page", "comment", "attachment"))


@router.get("/space/{key}/permissions/user/{user_key}")
def user_permissions(call: CallDep, key: str, user_key: str) -> Response:
    """Return the permissions that were granted to a user, without those of the user's groups."""
    space = _administered(call, key)
    user = call.store.user_by_key(user_key)
    if user is None:
        raise RestError(404, f"No user found with key: {user_key}")
    granted = WRITE if may_write(user) and not _writing_groups(user) else ()
    subject = {"type": "known", "displayName": user.display_name, "username": user.username, "userKey": user.key}
    return respond([_permission(operation, subject, space) for operation in granted])


@router.get("/space/{key}/permissions/group/{name}")
def group_permissions(call: CallDep, key: str, name: str) -> Response:
    """Return the permissions that were granted to a group."""
    space = _administered(call, key)
    if name not in group_names():
        raise RestError(404, f"No group found with name: {name}")
    granted = READ if name == DEFAULT_GROUP else (*READ, *WRITE)
    return respond([_permission(operation, {"type": "group", "displayName": name}, space) for operation in granted])


@router.get("/user/memberof")
def groups(call: CallDep) -> Response:
    """List the groups of a user, who is named by ``username`` or ``key``."""
    if call.user is None:
        raise forbidden("Not permitted to use Confluence")
    user = call.store.user(call.text("username") or "") or call.store.user_by_key(call.text("key") or "")
    if user is None:
        raise RestError(404, f"No user found with username : {call.text('username')}")
    content = call.listing(groups_of(user), lambda name: {"type": "group", "name": name}, default_limit=200)
    return respond(content | {"totalCount": len(groups_of(user))})


def _administered(call: DataCenterCall, key: str) -> str:
    """Return the key of a space whose permissions the caller may see: that is for administrators of the space."""
    space = call.space(key)
    if not may_write(call.user):
        raise forbidden("You do not have permission to view the permissions of this space")
    return space.key


def _writing_groups(user: User) -> list[str]:
    return [name for name in groups_of(user) if name in GROUPS]


def _permission(operation: dict[str, str], subject: dict[str, str], space: str) -> dict[str, Any]:
    return {"operation": operation, "subject": subject, "spaceKey": space, "spaceId": 1}
