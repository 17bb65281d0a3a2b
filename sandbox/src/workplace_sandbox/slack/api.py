"""The Web API at ``/slack/api/``: one address per method, HTTP 200 and ``"ok"`` for success and failure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from workplace_sandbox.slack import chat, conversations, files, members, schedule, views
from workplace_sandbox.slack.call import SlackCall, SlackError, read_arguments
from workplace_sandbox.slack.interactions import Interactions
from workplace_sandbox.slack.schedule import post_due
from workplace_sandbox.slack.workspace import API_PATH, SlackBehaviour
from workplace_sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the Web API.

    :param respond: makes the response without its ``ok``.
    :param takes_json: whether a JSON body is read.
    :param open: whether it can be called without a token.
    """

    respond: Callable[[SlackCall], dict[str, Any]]
    takes_json: bool = True
    open: bool = False


METHODS: dict[str, Method] = {
    "api.test": Method(members.api_test, open=True),
    "auth.test": Method(members.auth_test),
    "team.info": Method(members.team_info, takes_json=False),
    "emoji.list": Method(members.emoji_list, takes_json=False),
    "users.list": Method(members.users_list, takes_json=False),
    "users.info": Method(members.users_info, takes_json=False),
    "users.profile.get": Method(members.users_profile_get, takes_json=False),
    "team.profile.get": Method(members.team_profile_get, takes_json=False),
    "users.lookupByEmail": Method(members.users_lookup_by_email, takes_json=False),
    "users.conversations": Method(conversations.users_conversations, takes_json=False),
    "usergroups.list": Method(members.usergroups_list, takes_json=False),
    "usergroups.users.list": Method(members.usergroups_users_list, takes_json=False),
    "conversations.list": Method(conversations.conversations_list, takes_json=False),
    "conversations.info": Method(conversations.conversations_info, takes_json=False),
    "conversations.members": Method(conversations.conversations_members, takes_json=False),
    "conversations.join": Method(conversations.conversations_join),
    "conversations.open": Method(conversations.conversations_open),
    "conversations.history": Method(conversations.conversations_history),
    "conversations.replies": Method(conversations.conversations_replies),
    "chat.postMessage": Method(chat.post_message),
    "chat.postEphemeral": Method(chat.post_ephemeral),
    "chat.scheduleMessage": Method(schedule.schedule_message),
    "chat.scheduledMessages.list": Method(schedule.list_scheduled),
    "chat.deleteScheduledMessage": Method(schedule.delete_scheduled),
    "chat.update": Method(chat.update),
    "chat.delete": Method(chat.delete),
    "chat.getPermalink": Method(chat.get_permalink, takes_json=False),
    "reactions.add": Method(chat.reactions_add),
    "reactions.remove": Method(chat.reactions_remove),
    "reactions.get": Method(chat.reactions_get, takes_json=False),
    "files.getUploadURLExternal": Method(files.get_upload_url, takes_json=False),
    "files.completeUploadExternal": Method(files.complete_upload),
    "files.info": Method(files.files_info, takes_json=False),
    "files.list": Method(files.files_list, takes_json=False),
    "views.open": Method(views.open_view),
    "views.push": Method(views.push_view),
    "views.update": Method(views.update_view),
}


def build_api_router(store: Store, behaviour: SlackBehaviour, interactions: Interactions) -> APIRouter:
    """Build the route of all methods.

    :param store: the state.
    :param behaviour: the settings of the workspace, read again in every call.
    :param interactions: the modals that are open.
    :return: the route, to be included at the root.
    """
    router = APIRouter()

    @router.api_route(API_PATH + "{name}", methods=["GET", "POST"])
    async def method(request: Request, name: str) -> Response:
        api_method = METHODS.get(name)
        try:
            if api_method is None:
                raise SlackError("unknown_method", req_method=name)
            arguments = await read_arguments(request, takes_json=api_method.takes_json)
        except SlackError as error:
            return _respond(error.body, error.status)
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        call = SlackCall(store, behaviour, base_url, arguments, request.headers.get("authorization", ""), interactions)
        return await run_in_threadpool(_run, api_method, call)

    return router


def _run(method: Method, call: SlackCall) -> Response:
    try:
        if not method.open:
            # An invalid token is reported before any other error.
            _ = call.bot
        post_due(call.store)
        return _respond({"ok": True} | method.respond(call), scopes=call.scopes)
    except SlackError as error:
        return _respond(error.body, error.status, call.scopes)


def _respond(body: dict[str, Any], status: int = 200, scopes: tuple[str, ...] = ()) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"x-oauth-scopes": ",".join(scopes)} if scopes else {}
    return Response(text.encode(), status, headers, "application/json; charset=utf-8")
