"""Reads of REST v1 that are in its description of July 2026 and that few clients use."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from lxml import etree

from workplace_sandbox.confluence import bodies
from workplace_sandbox.confluence.cloud import tree, v1_represent
from workplace_sandbox.confluence.cloud.accounts import user_by_account
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, requires
from workplace_sandbox.confluence.cloud.errors import v1_error
from workplace_sandbox.confluence.cloud.v1_listing import listing
from workplace_sandbox.confluence.cloud.v1_metadata import group_id as id_of_group
from workplace_sandbox.confluence.cloud.v1_states import space_of
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.wellformed import parse_storage
from workplace_sandbox.model import Page
from workplace_sandbox.store import OPERATIONS

router = APIRouter()

BELOW = requires("read:confluence-content.summary", "read:content-details:confluence")
CONVERT = requires("read:confluence-content.all", "read:content.metadata:confluence")
RESTRICTED = requires("read:confluence-content.all", "read:content.restriction:confluence")
SPACE = requires("read:confluence-space.summary", "read:space.setting:confluence")
LABELS = requires("read:confluence-space.summary", "read:label:confluence")
WATCHES = requires("read:confluence-content.summary", "read:watcher:confluence read:user:confluence")
KINDS = ("page", "attachment", "comment")
AC = "http://www.atlassian.com/schema/confluence/4/ac/"


@router.get("/content/{page_id}/descendant", dependencies=[BELOW])
def descendants(call: CloudCallDep, page_id: str) -> Response:
    """List the descendants of a page, by kind; only the kinds in ``expand`` are listed."""
    page = call.page(page_id)
    expand = Expand.parse(call.request.query_params.getlist("expand"))
    below = call.visible([entry for entry, _, _ in tree.descendants(call.store, page, 100) if isinstance(entry, Page)])
    shown: dict[str, Any] = {}
    if "page" in expand:
        inside = expand.into("page")
        shown["page"] = listing(call, list(below), lambda entry: v1_represent.page(call, entry, inside))
    if "attachment" in expand:
        files = call.store.attachments(page.id)
        shown["attachment"] = listing(
            call, files, lambda file: v1_represent.attachment(call, file, expand.into("attachment"))
        )
    if "comment" in expand:
        comments = call.store.comments(page.id)
        shown["comment"] = listing(call, comments, lambda entry: v1_represent.comment(call, entry, expand.into("comment")))
    hidden = {kind: f"/rest/api/content/{page.id}/descendant/{kind}" for kind in KINDS if kind not in expand}
    return call.respond(shown | {"_expandable": hidden, "_links": v1_represent.top_links(call)})


@router.get("/content/{page_id}/history/{version}/macro/id/{macro_id}", dependencies=[CONVERT])
def get_macro(call: CloudCallDep, page_id: str, version: int, macro_id: str) -> Response:
    """Return a macro of one version of a page, by its id."""
    _, macro = _macro(call, page_id, version, macro_id)
    parameters = {
        element.get(f"{{{AC}}}name", ""): {"value": "".join(str(text) for text in element.itertext())}
        for element in macro.findall(f"{{{AC}}}parameter")
    }
    body = next((element for element in macro if str(element.tag).endswith("-body")), None)
    text = (
        "" if body is None else (body.text or "") + "".join(etree.tostring(element, encoding="unicode") for element in body)
    )
    return call.respond({"name": macro.get(f"{{{AC}}}name", ""), "body": text, "parameters": parameters, "_links": {}})


@router.get("/content/{page_id}/history/{version}/macro/id/{macro_id}/convert/{to}", dependencies=[CONVERT])
def convert_macro(call: CloudCallDep, page_id: str, version: int, macro_id: str, to: str) -> Response:
    """Return a macro, rendered."""
    return call.respond({"value": _render(call, page_id, version, macro_id, to), "representation": to})


@router.get("/content/{page_id}/history/{version}/macro/id/{macro_id}/convert/async/{to}", dependencies=[CONVERT])
def convert_macro_later(call: CloudCallDep, page_id: str, version: int, macro_id: str, to: str) -> Response:
    """Start to render a macro in the background."""
    conversion = call.site.state.begin_conversion(to, _render(call, page_id, version, macro_id, to))
    return call.respond({"asyncId": conversion.id})


@router.get("/contentbody/convert/async/bulk/tasks", dependencies=[CONVERT])
def conversions(call: CloudCallDep) -> Response:
    """Return several bodies that are converted in the background."""
    shown = []
    for number in (call.text("ids") or "").split(","):
        conversion = call.site.state.conversions.get(number.strip())
        if conversion is None:
            raise v1_error(404, f"No conversion found with id: {number}")
        shown.append(
            {
                "representation": conversion.representation,
                "renderTaskId": conversion.id,
                "status": "COMPLETED",
                "value": conversion.value,
            }
        )
    return call.respond({"results": shown, "start": 0, "limit": len(shown), "size": len(shown), "_links": {}})


@router.get("/content/{page_id}/notification/created", dependencies=[WATCHES])
@router.get("/content/{page_id}/notification/child-created", dependencies=[WATCHES])
def watches(call: CloudCallDep, page_id: str) -> Response:
    """List the watchers of a page: none in the sandbox."""
    call.page(page_id)
    return call.respond(listing(call, [], dict, default_limit=200))


@router.get("/content/{page_id}/restriction/byOperation/{operation}/byGroupId/{group_id}", dependencies=[RESTRICTED])
def is_group_in(call: CloudCallDep, page_id: str, operation: str, group_id: str) -> Response:
    """Return 200 when a group is in a restriction, else 404."""
    groups = _restriction(call, page_id, operation)["group"]
    if group_id not in {known for name in groups for known in (name, id_of_group(name))}:
        raise v1_error(404, f"The group {group_id} is not in the restriction {operation}")
    return Response(status_code=200)


@router.get("/content/{page_id}/restriction/byOperation/{operation}/user", dependencies=[RESTRICTED])
def is_user_in(call: CloudCallDep, page_id: str, operation: str) -> Response:
    """Return 200 when a user is in a restriction, else 404."""
    user = user_by_account(call.store, call.text("accountId") or "")
    if user is None or user.username not in _restriction(call, page_id, operation)["user"]:
        raise v1_error(404, f"The user is not in the restriction {operation}")
    return Response(status_code=200)


@router.get("/longtask", dependencies=[requires("read:content.metadata:confluence")])
def list_tasks(call: CloudCallDep) -> Response:
    """List the jobs in the background."""
    return call.respond(listing(call, call.site.state.tasks(), lambda task: _task(call, task), default_limit=100))


@router.get("/space/{space_key}/settings", dependencies=[SPACE])
def space_settings(call: CloudCallDep, space_key: str) -> Response:
    """Return the settings of a space."""
    space = space_of(call, space_key)
    editor = {"page": "v2", "blogpost": "v2", "default": "v2"}
    links = {"self": f"{call.base}/rest/api/space/{space.key}/settings"} | v1_represent.top_links(call)
    return call.respond({"routeOverrideEnabled": False, "editor": editor, "spaceKey": space.key, "_links": links})


@router.get("/space/{space_key}/theme", dependencies=[SPACE])
def space_theme(call: CloudCallDep, space_key: str) -> Response:
    """Return the theme of a space: none is set, which is an error."""
    space_of(call, space_key)
    raise v1_error(404, f"No theme is set for the space {space_key}")


@router.get("/space/{space_key}/watch", dependencies=[requires("read:watcher:confluence read:user:confluence")])
def space_watches(call: CloudCallDep, space_key: str) -> Response:
    """List the watchers of a space: none in the sandbox."""
    space_of(call, space_key)
    return call.respond(listing(call, [], dict, default_limit=200))


@router.get("/space/{space_key}/label", dependencies=[LABELS])
def space_labels(call: CloudCallDep, space_key: str) -> Response:
    """Return the labels of a space itself, which has none in the sandbox."""
    space_of(call, space_key)
    return call.respond(listing(call, [], dict, default_limit=200))


def _restriction(call: CloudCall, page_id: str, operation: str) -> dict[str, list[str]]:
    page = call.page(page_id)
    if operation not in OPERATIONS:
        raise v1_error(404, f"No restrictions found for operation: {operation}")
    return call.store.restrictions(page.id)[operation]


def _macro(call: CloudCall, page_id: str, version: int, macro_id: str) -> tuple[Page, etree._Element]:
    page = call.page(page_id)
    page_version = call.store.page_version(page.id, version)
    body = page.body if version == 0 or page_version is None else page_version.body
    root = parse_storage(body)
    macro = next(
        (
            candidate
            for candidate in root.iter(f"{{{AC}}}structured-macro")
            if candidate.get(f"{{{AC}}}macro-id") == macro_id
        ),
        None,
    )
    if macro is None:
        raise v1_error(404, f"No macro found with id: {macro_id}")
    return page, macro


def _render(call: CloudCall, page_id: str, version: int, macro_id: str, to: str) -> str:
    if to not in bodies.RENDERED:
        raise v1_error(400, f"Cannot convert to {to}: the sandbox converts to {', '.join(bodies.RENDERED)}")
    page, macro = _macro(call, page_id, version, macro_id)
    return bodies.convert(
        call.store, call.site.context_path, page, etree.tostring(macro, encoding="unicode", with_tail=False), to
    )


def _task(call: CloudCall, task: Any) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": {"key": task.name, "args": []},
        "elapsedTime": 0,
        "percentageComplete": 100 if task.looks_left <= 0 else 50,
        "successful": not task.errors,
        "finished": task.looks_left <= 0,
        "messages": [],
        "_links": {"self": f"{call.base}/rest/api/longtask/{task.id}"},
        "_expandable": {},
    }
