"""The methods about people: ``users.*``, ``usergroups.*``, ``auth.test``, ``team.*``, ``emoji.list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError
from workplace_sandbox.slack.paging import cut_page
from workplace_sandbox.slack.representation import member, own_profile, user_group
from workplace_sandbox.slack.workspace import DOMAIN, PROFILE_FIELDS, TEAM, TEAM_NAME
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from workplace_sandbox.model import SlackUser
    from workplace_sandbox.slack.call import SlackCall

CUSTOM_EMOJI = {"분석완료": "alias:white_check_mark", "analysis-done": "alias:white_check_mark"}


def api_test(call: SlackCall) -> dict[str, Any]:
    """Return the arguments, or fail with the requested ``error``."""
    if error := call.text("error"):
        raise SlackError(error, args=dict(call.arguments))
    return {"args": {name: value for name, value in call.arguments.items() if name != "token"}}


def auth_test(call: SlackCall) -> dict[str, Any]:
    """Return the identity of the token."""
    bot = call.bot
    return {
        "url": f"{call.base_url}/slack/",
        "team": TEAM_NAME,
        "user": bot.name,
        "team_id": TEAM,
        "user_id": bot.id,
        "bot_id": bot.bot_id,
        "is_enterprise_install": False,
    }


def team_info(call: SlackCall) -> dict[str, Any]:
    """Describe the workspace."""
    call.require_scope("team:read")
    return {"team": {"id": TEAM, "name": TEAM_NAME, "domain": DOMAIN, "email_domain": "example.com", "icon": {}}}


def emoji_list(call: SlackCall) -> dict[str, Any]:
    """List the workspace's own emoji."""
    call.require_scope("emoji:read")
    return {"emoji": CUSTOM_EMOJI, "cache_ts": "1"}


def users_list(call: SlackCall) -> dict[str, Any]:
    """List the members in pages."""
    call.require_scope("users:read")
    with_email = "users:read.email" in call.scopes

    def fetch(after: str | None, limit: int) -> list[SlackUser]:
        try:
            return call.store.people(after, limit)
        except NotFoundError:
            raise SlackError("invalid_cursor") from None

    people, cursor = cut_page(call, "user", fetch, lambda person: person.id, None)
    return {
        "members": [member(person, with_email=with_email) for person in people],
        "cache_ts": max((person.updated for person in people), default=0),
        "response_metadata": {"next_cursor": cursor},
    }


def users_info(call: SlackCall) -> dict[str, Any]:
    """Describe a member."""
    call.require_scope("users:read")
    return {"user": member(call.person(), with_email="users:read.email" in call.scopes)}


def users_profile_get(call: SlackCall) -> dict[str, Any]:
    """Return the profile of a member, with its custom fields."""
    call.require_scope("users.profile:read")
    return {"profile": own_profile(call.person() if call.has("user") else call.bot, "users:read.email" in call.scopes)}


def team_profile_get(call: SlackCall) -> dict[str, Any]:
    """Describe the custom fields of profiles."""
    call.require_scope("users.profile:read")
    fields = [
        {
            "id": field_id,
            "ordering": number,
            "label": label,
            "hint": "",
            "type": kind,
            "possible_values": None,
            "options": {"is_scim": False, "is_protected": False},
            "is_hidden": False,
            "section_id": "S0SANDBOX",
        }
        for number, (field_id, label, kind) in enumerate(PROFILE_FIELDS)
    ]
    return {"profile": {"fields": fields, "sections": []}}


def users_lookup_by_email(call: SlackCall) -> dict[str, Any]:
    """Find a member by e-mail address; deactivated ones are not found."""
    call.require_scope("users:read.email")
    person = call.store.person_by_email(call.required("email").strip())
    if person is None or person.deleted or person.is_bot:
        raise SlackError("users_not_found")
    return {"user": member(person, with_email=True)}


def usergroups_list(call: SlackCall) -> dict[str, Any]:
    """List the groups that can be mentioned."""
    call.require_scope("usergroups:read")
    shown = [group for group in call.store.user_groups() if call.flag("include_disabled") or not group.disabled]
    users, count = call.flag("include_users"), call.flag("include_count")
    return {"usergroups": [user_group(group, with_users=users, with_count=count) for group in shown]}


def usergroups_users_list(call: SlackCall) -> dict[str, Any]:
    """List the members of a group."""
    call.require_scope("usergroups:read")
    wanted = call.required("usergroup")
    for group in call.store.user_groups():
        if group.id == wanted and (call.flag("include_disabled") or not group.disabled):
            return {"users": list(group.users)}
    raise SlackError("no_such_subteam")
