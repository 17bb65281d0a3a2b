"""Modal views: their limits, their state, and the methods ``views.open``, ``views.push`` and ``views.update``."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.content import assign_ids, problems_of_blocks
from workplace_sandbox.slack.workspace import APP, TEAM
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workplace_sandbox.slack.call import SlackCall

# https://docs.slack.dev/reference/views/modal-views
MAX_VIEW_BYTES = 250_000
MAX_VIEW_BLOCKS = 100
MAX_TITLE = 24
_LENGTHS = {"private_metadata": 3_000, "callback_id": 255, "external_id": 255}
_KEPT = ("callback_id", "private_metadata", "clear_on_close", "notify_on_close", "submit", "close", "external_id")


@dataclass(slots=True)
class View:
    """A view of a modal that is open for a person.

    :param content: the view as the app sent it, with the ids of its blocks and elements.
    :param below: the ids of the views under it.
    :param state: what was submitted last.
    :param errors: the app's errors by block id; that of the whole view without one.
    """

    id: str
    user_id: str
    content: dict[str, Any]
    below: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    hash: str = field(default_factory=lambda: _new_hash())

    @property
    def external_id(self) -> str:
        """The id that the app chose; empty without one."""
        return str(self.content.get("external_id") or "")

    def replace(self, content: dict[str, Any]) -> None:
        """Replace the content; what was typed is dropped."""
        self.content, self.state, self.errors, self.hash = content, {}, {}, _new_hash()

    def to_json(self) -> dict[str, Any]:
        """Return it as payloads and responses contain it."""
        kept = {name: self.content.get(name) for name in ("title", "submit", "close")}
        return {
            "id": self.id,
            "team_id": TEAM,
            "type": "modal",
            "blocks": self.content["blocks"],
            "private_metadata": self.content.get("private_metadata") or "",
            "callback_id": self.content.get("callback_id") or "",
            "state": {"values": self.state},
            "hash": self.hash,
            **kept,
            "clear_on_close": bool(self.content.get("clear_on_close")),
            "notify_on_close": bool(self.content.get("notify_on_close")),
            "previous_view_id": self.below[-1] if self.below else None,
            "root_view_id": self.below[0] if self.below else self.id,
            "app_id": APP,
            "external_id": self.external_id,
            "app_installed_team_id": TEAM,
        }


def open_view(call: SlackCall) -> dict[str, Any]:
    """Open a modal for the person of a ``trigger_id``."""
    call.required("trigger_id", "view")
    view = call.json("view", "invalid_arguments")
    return {"view": call.interactions.open(call.text("trigger_id"), view).to_json()}


def push_view(call: SlackCall) -> dict[str, Any]:
    """Put a view on top of the modal that is open."""
    call.required("trigger_id", "view")
    view = call.json("view", "invalid_arguments")
    return {"view": call.interactions.open(call.text("trigger_id"), view, push=True).to_json()}


def update_view(call: SlackCall) -> dict[str, Any]:
    """Replace the content of a view, named by ``view_id`` or ``external_id``."""
    call.required("view")
    view_id = call.text("view_id") or call.text("external_id")
    view = call.json("view", "invalid_arguments")
    return {"view": call.interactions.update(view_id, view, call.text("hash")).to_json()}


def read_view(content: Any) -> dict[str, Any]:
    """Return a view with the ids of its blocks.

    :raises SlackError: ``invalid_arguments``, with the reasons.
    """
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError:
            content = None
    problems = list(_problems(content))
    if problems:
        messages = [f"[ERROR] {problem} [json-pointer:/view{place}]" for place, problem in problems]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
    if len(json.dumps(content, ensure_ascii=False).encode()) > MAX_VIEW_BYTES:
        raise SlackError("view_too_large")
    kept = {name: content[name] for name in _KEPT if name in content}
    return {"type": "modal", "title": content["title"], "blocks": assign_ids(content["blocks"]), **kept}


def values_of(blocks: Sequence[Any], values: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, Any]:
    """Return the state of a view's inputs.

    :param values: what was typed or chosen, by block id and action id.
    """
    return {
        block["block_id"]: {
            element["action_id"]: _value_of(element, values.get((block["block_id"], element["action_id"]), ()))
        }
        for block in blocks
        if block.get("type") == "input" and isinstance(element := block.get("element"), dict)
    }


def _value_of(element: Mapping[str, Any], values: Sequence[str]) -> dict[str, Any]:
    options = [option for option in element.get("options") or [] if option.get("value") in values]
    kind = str(element.get("type"))
    if kind in ("static_select", "radio_buttons"):
        return {"type": kind, "selected_option": options[0] if options else None}
    if kind in ("checkboxes", "multi_static_select"):
        return {"type": kind, "selected_options": options}
    return {"type": kind, "value": values[0] if values and values[0] else None}


def _problems(content: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(content, dict):
        yield "", "must be an object"
        return
    if content.get("type") != "modal":
        yield "/type", "must be modal"
    title = content.get("title")
    if not isinstance(title, dict) or title.get("type") != "plain_text" or not title.get("text"):
        yield "/title", "missing required field: title"
    elif len(str(title["text"])) > MAX_TITLE:
        yield "/title/text", f"must be less than {MAX_TITLE + 1} characters"
    for name, most in _LENGTHS.items():
        if len(str(content.get(name) or "")) > most:
            yield f"/{name}", f"must be less than {most + 1} characters"
    blocks = content.get("blocks")
    if not isinstance(blocks, list):
        yield "/blocks", "missing required field: blocks"
        return
    for problem in problems_of_blocks(blocks, MAX_VIEW_BLOCKS):
        yield "/blocks", problem
    if not content.get("submit") and any(isinstance(block, dict) and block.get("type") == "input" for block in blocks):
        yield "/submit", "missing required field: submit"


def _new_hash() -> str:
    return f"{int(now().timestamp())}.{secrets.token_hex(4)}"
