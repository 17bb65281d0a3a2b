"""Spaces of REST v2, which refers to them by id."""

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.bodies import LIST_FORMATS
from workplace_sandbox.confluence.cloud.call import CloudCallDep, requires
from workplace_sandbox.confluence.cloud.pages import list_of_pages

router = APIRouter()

SPACE = requires("read:space:confluence")
DESCRIPTION_FORMATS = ("plain", "view")
TYPES = ("global", "collaboration", "knowledge_base", "personal", "system", "onboarding", "xflow_sample_space")


@router.get("/spaces", dependencies=[SPACE])
def list_spaces(call: CloudCallDep) -> Response:
    """List the spaces, or those with the given ids or keys."""
    spaces = call.store.spaces()
    if ids := call.ids("ids"):
        spaces = [space for space in spaces if str(space.id) in ids]
    # Keys are compared exactly: the site stores them in upper case.
    if keys := call.texts("keys"):
        spaces = [space for space in spaces if space.key in keys]
    if call.choice("type", TYPES) not in (None, "global") or call.choice("status", ("current", "archived")) == "archived":
        spaces = []
    description = call.choice("description-format", DESCRIPTION_FORMATS)
    ordered = sorting.ordered(call, spaces, sorting.SPACES)
    return call.listing(ordered, lambda space: represent.space(call, space, description))


@router.get("/spaces/{space_id}", dependencies=[SPACE])
def get_space(call: CloudCallDep, space_id: str) -> Response:
    """Return a space."""
    description = call.choice("description-format", DESCRIPTION_FORMATS)
    content = represent.space(call, call.space_by_id(space_id), description)
    content.pop("currentActiveAlias")
    return call.respond(content | {"_links": content["_links"] | {"base": call.base}})


@router.get("/spaces/{space_id}/pages", dependencies=[requires("read:page:confluence")])
def list_space_pages(call: CloudCallDep, space_id: str) -> Response:
    """List the pages of a space."""
    space = call.space_by_id(space_id)
    pages = list_of_pages(call, [space.key])
    if call.choice("depth", ("all", "root")) == "root":
        pages = [page for page in pages if page.parent_id is None and call.store.folder_of(page.id) is None]
    body_format = call.choice("body-format", LIST_FORMATS)
    return call.listing(pages, lambda page: represent.page(call, page, body_format), with_bodies=body_format is not None)
