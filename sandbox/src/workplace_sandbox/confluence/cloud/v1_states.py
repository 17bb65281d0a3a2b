"""Content states by REST v1, which has no successor in v2."""

import re
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.confluence.cloud.content_states import ContentState
from workplace_sandbox.confluence.cloud.errors import v1_error
from workplace_sandbox.confluence.cloud.v1_listing import listing, parse_int
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.model import Page, Space

router = APIRouter()

READ = requires("read:confluence-content.summary", "read:content-details:confluence")
WRITE = requires("write:confluence-content", "write:content:confluence read:content-details:confluence")
AVAILABLE = requires("write:confluence-content", "write:content:confluence")
OWN = requires("read:user.property:confluence")
SPACE = requires("read:confluence-space.summary", "read:space.setting:confluence")
IN_SPACE = requires("read:confluence-content.all", "read:content:confluence")
MAX_NAME = 20


@router.get("/content/{page_id}/state", dependencies=[READ])
def get_state(call: CloudCallDep, page_id: str) -> Response:
    """Return the state of a page, or null."""
    return call.respond(_state_json(call, call.page(page_id)))


@router.put("/content/{page_id}/state", dependencies=[WRITE])
def set_state(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Set a state, by its number or by name and colour, as the next version of the page."""
    if call.text("status") not in ("current", "draft"):
        raise v1_error(400, "The query parameter 'status' is required: current or draft")
    page = call.editable(page_id, ("current",))
    state = _requested_state(call, body if isinstance(body, dict) else {})
    call.store.update_page(page.id, author=call.user.username, body=page.body)
    now = moment(call.site.state.clock.now())
    call.site.state.content_states.set(_again(call, page), state, now)
    return call.respond(_state_json(call, _again(call, page)))


@router.delete("/content/{page_id}/state", dependencies=[WRITE])
def remove_state(call: CloudCallDep, page_id: str) -> Response:
    """Remove the state of a page, as its next version."""
    page = call.editable(page_id, ("current",))
    call.store.update_page(page.id, author=call.user.username, body=page.body)
    call.site.state.content_states.clear(page.id)
    return call.respond(_state_json(call, _again(call, page)))


@router.get("/content/{page_id}/state/available", dependencies=[AVAILABLE])
def available_states(call: CloudCallDep, page_id: str) -> Response:
    """Return the states that a page may get."""
    call.page(page_id)
    states = call.site.state.content_states
    content = {"spaceContentStates": states.of_spaces, "customContentStates": states.custom()}
    return call.respond({name: [state.as_json() for state in listed] for name, listed in content.items()})


@router.get("/content-states", dependencies=[OWN])
def custom_states(call: CloudCallDep) -> Response:
    """Return the custom states of the caller."""
    return call.respond([state.as_json() for state in call.site.state.content_states.custom()])


@router.get("/space/{space_key}/state", dependencies=[SPACE])
def space_states(call: CloudCallDep, space_key: str) -> Response:
    """Return the states of a space."""
    space_of(call, space_key)
    return call.respond([state.as_json() for state in call.site.state.content_states.of_spaces])


@router.get("/space/{space_key}/state/settings", dependencies=[SPACE])
def state_settings(call: CloudCallDep, space_key: str) -> Response:
    """Return the states that a space allows."""
    space_of(call, space_key)
    return call.respond(
        {
            "contentStatesAllowed": True,
            "customContentStatesAllowed": True,
            "spaceContentStatesAllowed": True,
            "spaceContentStates": [state.as_json() for state in call.site.state.content_states.of_spaces],
        }
    )


@router.get("/space/{space_key}/state/content", dependencies=[IN_SPACE])
def pages_in_state(call: CloudCallDep, space_key: str) -> Response:
    """List the pages of a space that have a state."""
    space = space_of(call, space_key)
    wanted = parse_int(call, "state-id", -1)
    if wanted < 0:
        raise v1_error(400, "The query parameter 'state-id' is required")
    states = call.site.state.content_states
    pages = [
        page for page in call.visible(call.store.pages(space.key)) if (entry := states.get(page)) and entry[0].id == wanted
    ]
    expand = Expand.parse(call.request.query_params.getlist("expand"))
    return call.respond(listing(call, pages, lambda page: v1_represent.page(call, page, expand)), objects=len(pages))


def space_of(call: CloudCall, key: str) -> Space:
    """Return a space by its key.

    :raises CloudError: 404.
    """
    space = call.store.space(key)
    if space is None:
        raise v1_error(404, f"No space found with key: {key}")
    return space


def _requested_state(call: CloudCall, data: dict[str, Any]) -> ContentState:
    states = call.site.state.content_states
    number, name, color = data.get("id"), data.get("name"), data.get("color")
    if number is not None:
        for state in (*states.of_spaces, *states.custom()):
            if state.id == number:
                return state
        raise v1_error(400, f"No content state with id: {number}")
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise v1_error(400, f"A content state needs a name of at most {MAX_NAME} characters")
    if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
        raise v1_error(400, "A content state needs a color such as #FFFFFF")
    return states.find_or_create(name, color)


def _again(call: CloudCall, page: Page) -> Page:
    latest = call.store.page(page.id)
    return latest or page


def _state_json(call: CloudCall, page: Page) -> dict[str, Any]:
    entry = call.site.state.content_states.get(page)
    if entry is None:
        return {"contentState": None}
    state, when = entry
    return {"contentState": state.as_json(), "lastUpdated": when}
