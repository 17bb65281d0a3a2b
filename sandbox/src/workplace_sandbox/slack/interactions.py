"""Interactions of people with an app: a click on a button of a message or modal, and the submission of a view.

Each becomes an ``interactive`` envelope, which Slack sends once. The keys of the payloads are those of Slack's reference:
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload and .../view-interactions-payload
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.content import elements_of
from workplace_sandbox.slack.representation import message_of_event
from workplace_sandbox.slack.sockets import ACK_SECONDS
from workplace_sandbox.slack.views import View, read_view, values_of
from workplace_sandbox.slack.workspace import APP, DOMAIN, ELSEWHERE, TEAM, VERIFICATION_TOKEN
from workplace_sandbox.state.database import now
from workplace_sandbox.state.slack_ids import as_ts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workplace_sandbox.model import SlackChannel, SlackUser
    from workplace_sandbox.slack.response_urls import ResponseUrls
    from workplace_sandbox.slack.sockets import Delivery, SocketMode
    from workplace_sandbox.store import Store

TRIGGER_LIFETIME = timedelta(seconds=3)
MAX_VIEWS = 3
"""A modal holds up to three views, one on top of the other."""


@dataclass(slots=True)
class _Trigger:
    user_id: str
    at: datetime = field(default_factory=now)
    is_used: bool = False


class Interactions:
    """Clicks, and the modals that are open.

    :param store: the state.
    :param sockets: receives the envelopes.
    :param responses: creates the response URLs of clicks.
    """

    def __init__(self, store: Store, sockets: SocketMode, responses: ResponseUrls) -> None:
        self._store = store
        self._sockets = sockets
        self._responses = responses
        self._lock = threading.Lock()
        self._triggers: dict[str, _Trigger] = {}
        self._views: dict[str, View] = {}

    def reset(self) -> None:
        """Close the modals."""
        with self._lock:
            self._triggers.clear()
            self._views.clear()

    # --- what people do

    def click(
        self, channel: SlackChannel, person: SlackUser, ts: str, action_id: str, block_id: str = ""
    ) -> Delivery | None:
        """Click a button of a message.

        :param block_id: its block; any when empty.
        :return: the delivery; None when the message has no such button any more.
        """
        message = self._store.message(channel.id, ts)
        shown = message or self._store.ephemeral_message(channel.id, ts)
        button = _find(shown.payload.get("blocks") or [], action_id, block_id) if shown else None
        if shown is None or button is None:
            return None
        container = {"type": "message", "message_ts": ts, "channel_id": channel.id, "is_ephemeral": message is None}
        if shown.thread_ts:
            container["thread_ts"] = shown.thread_ts
        payload = {
            **self._envelope("block_actions", person),
            "container": container,
            "channel": {"id": channel.id, "name": "directmessage" if channel.is_direct else channel.name},
            # An ephemeral message is not part of the payload.
            **({"message": message_of_event(self._store, message)} if message else {}),
            "state": {"values": {}},
            "response_url": self._responses.create(channel.id, person.id, ts),
            "actions": [_action(button)],
        }
        return self._send(payload, channel.id, person.id)

    def click_in_view(self, view_id: str, action_id: str, block_id: str = "") -> Delivery | None:
        """Click a button of a modal; None when it has no such button any more."""
        view = self.view(view_id)
        button = _find(view.content["blocks"], action_id, block_id) if view else None
        if view is None or button is None:
            return None
        payload = {
            **self._envelope("block_actions", self._person(view.user_id)),
            "container": {"type": "view", "view_id": view.id},
            "view": view.to_json(),
            "actions": [_action(button)],
        }
        return self._send(payload, "", view.user_id)

    def submit(self, view_id: str, values: Mapping[tuple[str, str], Sequence[str]]) -> Delivery | None:
        """Submit a modal, and wait for the app's acknowledgement, which may replace the view or report errors.

        :param values: what was typed or chosen, by block id and action id.
        :return: the delivery; None when the view is not open any more.
        """
        view = self.view(view_id)
        if view is None:
            return None
        view.state, view.errors = values_of(view.content["blocks"], values), {}
        payload = {
            **self._envelope("view_submission", self._person(view.user_id)),
            "view": view.to_json(),
            "response_urls": [],
        }
        done = threading.Event()

        def answered(answer: Any) -> None:
            self._respond(view, answer if isinstance(answer, dict) else {})
            done.set()

        def failed(error: str) -> None:
            view.errors = {"": f"We had some trouble connecting. Try again? ({error})"}
            done.set()

        delivery = self._sockets.send_interaction(payload, answered, failed)
        done.wait(ACK_SECONDS + 1)
        return delivery

    def close(self, view_id: str) -> None:
        """Close the upper view of a modal, as with its button *Cancel*; the app hears of it if it asked for that."""
        view = self.view(view_id)
        if view is None:
            return
        if view.content.get("notify_on_close"):
            closed = {"view": view.to_json(), "is_cleared": False}
            payload = {**self._envelope("view_closed", self._person(view.user_id)), **closed}
            self._sockets.send_interaction(payload, lambda _: None, lambda _: None)
        with self._lock:
            self._views.pop(view_id, None)

    def modal(self, user_id: str) -> View | None:
        """Return the upper view of the modal that a person has open."""
        return self._stack(user_id)[-1] if self._stack(user_id) else None

    def view(self, view_id: str) -> View | None:
        """Return the open view of an id, or of an ``external_id``."""
        with self._lock:
            found = (view for view in self._views.values() if view_id and view_id in (view.id, view.external_id))
            return next(found, None)

    # --- what the app does

    def register(self, trigger_id: str, user_id: str) -> str:
        """Make a ``trigger_id`` valid, for three seconds and one use."""
        with self._lock:
            self._triggers[trigger_id] = _Trigger(user_id)
        return trigger_id

    def open(self, trigger_id: str, content: Any, *, push: bool = False) -> View:
        """Open a modal, or put a view on top of the one that is open.

        :raises SlackError: the trigger or the view is not valid.
        """
        checked = read_view(content)
        with self._lock:
            user_id = self._exchange(trigger_id)
            stack = [view for view in self._views.values() if view.user_id == user_id]
            if push and len(stack) >= MAX_VIEWS:
                raise SlackError("push_limit_reached")
            if not push:
                for view in stack:
                    del self._views[view.id]
                stack = []
            opened = View(f"V0{secrets.token_hex(5).upper()}", user_id, checked, [view.id for view in stack])
            self._views[opened.id] = opened
        return opened

    def update(self, view_id: str, content: Any, hash_: str = "") -> View:
        """Replace the content of a view.

        :param hash_: the version that it replaces; empty for any.
        :raises SlackError: it is not open, was changed since, or is not valid.
        """
        checked, view = read_view(content), self.view(view_id)
        if view is None:
            raise SlackError("not_found")
        if hash_ and hash_ != view.hash:
            raise SlackError("hash_conflict")
        view.replace(checked)
        return view

    def _exchange(self, trigger_id: str) -> str:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if now() - trigger.at > TRIGGER_LIFETIME:
            raise SlackError("expired_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        trigger.is_used = True
        return trigger.user_id

    def _respond(self, view: View, answer: Mapping[str, Any]) -> None:
        """Apply the acknowledgement of a submission; without a ``response_action`` it closes the view."""
        action = answer.get("response_action")
        if action == "errors" and isinstance(answer.get("errors"), dict):
            view.errors = {str(block): str(text) for block, text in answer["errors"].items()}
            return
        try:
            if action == "update":
                view.replace(read_view(answer.get("view")))
                return
            if action == "push":
                pushed = read_view(answer.get("view"))
                self.open(self.register(_trigger_id(), view.user_id), pushed, push=True)
                return
        except SlackError as error:
            view.errors = {"": f"We had some trouble connecting. Try again? ({error})"}
            return
        closing = self._stack(view.user_id) if action == "clear" else [view]
        with self._lock:
            for each in closing:
                self._views.pop(each.id, None)

    def _stack(self, user_id: str) -> list[View]:
        with self._lock:
            return [view for view in self._views.values() if view.user_id == user_id]

    def _send(self, payload: dict[str, Any], channel_id: str, user_id: str) -> Delivery:
        def failed(error: str) -> None:
            if channel_id:
                text = f"This app didn't respond to the button ({error})."
                self._store.whisper(channel_id, user_id, text, name="Slackbot")

        return self._sockets.send_interaction(payload, lambda _: None, failed)

    def _envelope(self, kind: str, person: SlackUser) -> dict[str, Any]:
        team = ELSEWHERE if person.kind == "stranger" else TEAM
        return {
            "type": kind,
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": team},
            "api_app_id": APP,
            "token": VERIFICATION_TOKEN,
            "trigger_id": self.register(_trigger_id(), person.id),
            "team": {"id": TEAM, "domain": DOMAIN},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _person(self, user_id: str) -> SlackUser:
        person = self._store.person(user_id)
        if person is None:
            raise SlackError("user_not_found")
        return person


def _find(blocks: Any, action_id: str, block_id: str) -> tuple[str, dict[str, Any]] | None:
    return next(
        (
            (block["block_id"], element)
            for block in blocks
            if isinstance(block, dict) and block_id in ("", block.get("block_id"))
            for element in elements_of(block)
            if element.get("action_id") == action_id
        ),
        None,
    )


def _action(button: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    block_id, element = button
    kept: dict[str, Any] = {
        name: element[name] for name in ("action_id", "text", "value", "style", "url", "type") if name in element
    }
    return {"block_id": block_id, **kept, "action_ts": as_ts(int(now().timestamp() * 1_000_000))}


def _trigger_id() -> str:
    number = int(now().timestamp())
    return f"{number}.{number}.{secrets.token_hex(16)}"
