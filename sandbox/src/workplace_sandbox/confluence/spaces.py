"""Spaces and their content."""

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.call import CallDep, DataCenterCall, respond
from workplace_sandbox.confluence.errors import RestError
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.model import PAGE_KINDS, Page, PageKind

router = APIRouter()


@router.get("/space")
def list_spaces(call: CallDep) -> Response:
    """List the spaces, or those with the given keys."""
    spaces = call.store.spaces() if call.user else []
    if keys := [key.upper() for key in [*call.texts("spaceKey"), *call.texts("spaceKeys")]]:
        spaces = [space for space in spaces if space.key.upper() in keys]
    if call.text("type") not in (None, "global"):
        spaces = []
    represent = DataCenterRepresentation(call)
    expand = call.expand()
    return respond(call.listing(spaces, lambda space: represent.space(space, expand)))


@router.get("/space/{key}")
def get_space(call: CallDep, key: str) -> Response:
    """Return a space by its key."""
    content = DataCenterRepresentation(call).space(call.space(key), call.expand())
    links = content["_links"] | {"collection": "/rest/api/space"} | call.top_links()
    return respond(content | {"_links": links})


@router.get("/space/{key}/content")
def list_space_content(call: CallDep, key: str) -> Response:
    """List the content of a space, by type."""
    represent = DataCenterRepresentation(call)
    expand = call.expand()
    bodies = "body" in expand
    pages = call.listing(_pages(call, key, "page"), lambda page: represent.page(page, expand), with_bodies=bodies)
    blog = _pages(call, key, "blogpost")
    posts = call.listing(blog, lambda page: represent.page(page, expand), with_bodies=bodies)
    return respond({"page": pages, "blogpost": posts, "_links": call.top_links()})


@router.get("/space/{key}/content/{kind}")
def list_space_content_of_type(call: CallDep, key: str, kind: str) -> Response:
    """List the content of one type in a space."""
    if kind not in PAGE_KINDS:
        raise RestError(404, f"No content of type {kind} in a space")
    represent = DataCenterRepresentation(call)
    expand = call.expand()
    return respond(
        call.listing(
            _pages(call, key, PAGE_KINDS[kind]), lambda page: represent.page(page, expand), with_bodies="body" in expand
        )
    )


def _pages(call: DataCenterCall, key: str, kind: PageKind) -> list[Page]:
    pages = call.visible(call.store.pages(call.space(key).key, kind=kind))
    if call.text("depth") == "root":
        return [page for page in pages if page.parent_id is None]
    return pages
