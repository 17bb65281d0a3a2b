"""People, by their account ids."""

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent
from workplace_sandbox.confluence.cloud.accounts import user_by_account
from workplace_sandbox.confluence.cloud.call import CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import v2_error
from workplace_sandbox.confluence.cloud.pages import fields

router = APIRouter()


@router.post("/users-bulk", dependencies=[requires("read:user:confluence")])
def list_users(call: CloudCallDep, body: CloudJson) -> Response:
    """Return the users of account ids; unknown ids are left out."""
    ids = fields(body).get("accountIds")
    if not isinstance(ids, list) or not ids or len(ids) > 250:
        raise v2_error(400, "accountIds has to be a list of 1 to 250 ids", "INVALID_REQUEST_PARAMETER")
    users = [user for entry in ids if (user := user_by_account(call.store, str(entry))) is not None]
    return call.respond({"results": [represent.user(user) for user in users], "_links": {"base": call.base}})
