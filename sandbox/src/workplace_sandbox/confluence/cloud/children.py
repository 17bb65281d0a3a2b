"""Children, descendants and ancestors of pages and folders; and folders themselves."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.cloud import represent, tree
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import v2_error
from workplace_sandbox.confluence.cloud.pages import fields, parent_of_write, read_title
from workplace_sandbox.model import Page
from workplace_sandbox.store import TitleTakenError

router = APIRouter()

TREE = requires("read:hierarchical-content:confluence")
ABOVE = requires("read:content.metadata:confluence")
MAX_DEPTH = 10


@router.get("/pages/{page_id}/children", dependencies=[requires("read:page:confluence")])
def list_child_pages(call: CloudCallDep, page_id: str) -> Response:
    """List the pages directly below a page. Deprecated: it omits folders, and so the pages in them."""
    page = call.page(page_id)
    return call.listing(
        call.visible(call.store.children(page.id)), lambda entry: _without_type(represent.child(call, entry))
    )


@router.get("/pages/{page_id}/direct-children", dependencies=[TREE])
def list_page_children(call: CloudCallDep, page_id: str) -> Response:
    """List the pages and folders directly below a page, in their order."""
    return _children(call, call.page(page_id))


@router.get("/folders/{folder_id}/direct-children", dependencies=[TREE])
def list_folder_children(call: CloudCallDep, folder_id: str) -> Response:
    """List the pages and folders directly below a folder, in their order."""
    return _children(call, call.folder(folder_id))


@router.get("/pages/{page_id}/descendants", dependencies=[TREE])
def list_page_descendants(call: CloudCallDep, page_id: str) -> Response:
    """List the descendants of a page, to a depth of two or of ``depth``."""
    return _descendants(call, call.page(page_id))


@router.get("/folders/{folder_id}/descendants", dependencies=[TREE])
def list_folder_descendants(call: CloudCallDep, folder_id: str) -> Response:
    """List the descendants of a folder, to a depth of two or of ``depth``."""
    return _descendants(call, call.folder(folder_id))


@router.get("/pages/{page_id}/ancestors", dependencies=[ABOVE])
def list_page_ancestors(call: CloudCallDep, page_id: str) -> Response:
    """List the ancestors of a page, from the top down: ids and types only."""
    return _ancestors(call, call.page(page_id))


@router.get("/folders/{folder_id}/ancestors", dependencies=[ABOVE])
def list_folder_ancestors(call: CloudCallDep, folder_id: str) -> Response:
    """List the ancestors of a folder, from the top down: ids and types only."""
    return _ancestors(call, call.folder(folder_id))


@router.post("/folders", dependencies=[requires("write:folder:confluence")])
def create_folder(call: CloudCallDep, body: CloudJson) -> Response:
    """Create a folder."""
    data = fields(body)
    space = call.space_by_id(str(data.get("spaceId")))
    if not access.may_write(call.user):
        raise call.forbidden("User does not have permission to create a folder in this space")
    parent_id = data.get("parentId")
    page, folder = parent_of_write(call, space.key, None if parent_id is None else str(parent_id))
    title = read_title(data.get("title"))
    try:
        made = call.store.add_folder(space.key, title, page or folder, author=call.user.username)
    except TitleTakenError as error:
        raise v2_error(400, "A folder exists with the same title in this space") from error
    return _folder(call, represent.folder(call, made))


@router.get("/folders/{folder_id}", dependencies=[requires("read:folder:confluence")])
def get_folder(call: CloudCallDep, folder_id: str) -> Response:
    """Return a folder."""
    return _folder(call, represent.folder(call, call.folder(folder_id)))


@router.delete("/folders/{folder_id}", dependencies=[requires("delete:folder:confluence")])
def delete_folder(call: CloudCallDep, folder_id: str) -> Response:
    """Remove a folder; the pages in it move to the top of their space."""
    folder = call.folder(folder_id)
    if not access.may_write(call.user):
        raise call.forbidden(f"User does not have permission to delete the folder with id {folder_id}")
    call.store.remove_folder(folder.id)
    return call.no_content()


def _children(call: CloudCall, node: tree.PageOrFolder) -> Response:
    children = [entry for entry in tree.children(call.store, node) if _visible(call, entry)]
    return call.listing(children, lambda entry: represent.child(call, entry))


def _descendants(call: CloudCall, node: tree.PageOrFolder) -> Response:
    depth = call.number("depth") or 2
    if depth > MAX_DEPTH:
        raise v2_error(400, f"depth must be between 1 and {MAX_DEPTH}", "INVALID_REQUEST_PARAMETER")
    descendants = [entry for entry in tree.descendants(call.store, node, depth) if _visible(call, entry[0])]

    def shown(entry: tuple[tree.PageOrFolder, tree.PageOrFolder, int]) -> dict[str, Any]:
        below, over, level = entry
        made = represent.child(call, below) | {"parentId": over.id, "depth": level}
        made.pop("spaceId")
        return made

    return call.listing(descendants, shown, key=lambda entry: str(entry[0].id))


def _ancestors(call: CloudCall, node: tree.PageOrFolder) -> Response:
    limit = call.number("limit") or 25
    nearest = list(tree.above(call.store, node))[:limit]
    results = [{"id": entry.id, "type": tree.kind(entry)} for entry in reversed(nearest)]
    return call.respond({"results": results, "_links": {"base": call.base}}, objects=len(results))


def _visible(call: CloudCall, node: tree.PageOrFolder) -> bool:
    return not isinstance(node, Page) or call.may_view(node)


def _folder(call: CloudCall, folder: dict[str, Any]) -> Response:
    return call.respond(folder | {"_links": folder["_links"] | {"base": call.base}})


def _without_type(child: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in child.items() if name != "type"}
