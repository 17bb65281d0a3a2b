"""People of REST v1, and jobs in the background."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.access import group_names
from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.accounts import user_by_account
from workplace_sandbox.confluence.cloud.call import CloudCallDep, requires
from workplace_sandbox.confluence.cloud.errors import v1_error
from workplace_sandbox.confluence.cloud.v1_listing import listing
from workplace_sandbox.confluence.cloud.v1_metadata import group

router = APIRouter()

USER = requires("read:confluence-user", "read:content-details:confluence")
GROUP = requires("read:confluence-groups", "read:group:confluence")
TASK = requires("read:confluence-space.summary", "read:content.metadata:confluence")


@router.get("/user/current", dependencies=[USER])
def current_user(call: CloudCallDep) -> Response:
    """Return the caller; on the cloud, a response proves that the credentials are valid."""
    return call.respond(v1_represent.user(call, call.user))


@router.get("/user", dependencies=[USER])
def get_user(call: CloudCallDep) -> Response:
    """Return a user by account id; user names are not known here."""
    wanted = call.text("accountId") or ""
    user = user_by_account(call.store, wanted)
    if user is None:
        raise v1_error(404, f"No user found with accountId: {wanted}")
    return call.respond(v1_represent.user(call, user))


@router.get("/group/picker", dependencies=[GROUP])
def find_groups(call: CloudCallDep) -> Response:
    """List the groups whose name contains ``query``."""
    query = (call.text("query") or "").casefold()
    if not query:
        raise v1_error(400, "query is required")
    names = [name for name in group_names() if query in name.casefold()]
    return call.respond(listing(call, names, lambda name: group(call, name), default_limit=200))


@router.get("/longtask/{task_id}", dependencies=[TASK])
def get_task(call: CloudCallDep, task_id: str) -> Response:
    """Return the progress of a job."""
    polled = call.site.state.poll_task(task_id)
    if polled is None:
        raise v1_error(404, f"No task found with id: {task_id}")
    task, finished = polled
    successful = finished and not task.errors
    shown: dict[str, Any] = {
        "id": task.id,
        "name": {"key": task.name, "args": []},
        "elapsedTime": max(int((call.site.state.clock.now() - task.begun).total_seconds() * 1000), 0),
        "percentageComplete": 100 if finished else 50,
        "successful": successful,
        "finished": finished,
        "messages": [],
        "status": "Finished" if finished else "Running",
        "errors": [{"translation": error, "args": []} for error in task.errors] if finished else [],
        "_links": {"self": f"{call.base}/rest/api/longtask/{task.id}"} | v1_represent.top_links(call),
    }
    if finished and task.details:
        shown["additionalDetails"] = task.details
    return call.respond(shown)
