"""The Slack workspace of the sandbox: its names, its tokens, and its settings where real workspaces differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

TEAM = "T0SANDBOX"
ELSEWHERE = "T0ELSEWHERE"
"""Another workspace, with members in shared channels."""
TEAM_NAME = "데이터분석팀"
DOMAIN = "workplace-sandbox"
APP = "A0SANDBOX"
WEBHOOK_BOT = "B0SANDBOX"
"""Id of the webhooks' bot."""
BOT_NAME = "report-bot"
"""Name of the tokens' bot."""
PROFILE_FIELDS = (("Xf0DEPT", "부서", "text"), ("Xf0BOSS", "관리자", "user"), ("Xf0START", "입사일", "date"))
"""Id, label and type of the custom fields of profiles."""

API_PATH = "/slack/api/"
FILES_PATH = "/slack/files-pri"
UPLOAD_PATH = "/slack/upload/v1"
LINK_PATH = "/slack/link/"
"""The address of Socket Mode's WebSockets."""
RESPONSE_PATH = f"/slack/commands/{TEAM}"
"""The response URLs of slash commands."""

BOT_TOKEN = "xoxb-sandbox"  # noqa: S105 - the sandbox has no secrets
APP_TOKEN = "xapp-sandbox"  # noqa: S105 - as above; for Socket Mode, which takes no other
VERIFICATION_TOKEN = "sandbox-verification"  # noqa: S105 - as above; it is in every payload that an app gets
SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "chat:write.public",
    "emoji:read",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "metadata.message:read",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users.profile:read",
    "users:read",
    "users:read.email",
)
_LACKING = {
    "no-email": ("users:read.email",),
    "no-users": ("users:read", "users:read.email"),
    "no-history": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "no-private": ("groups:history", "groups:read", "im:history", "im:read", "mpim:history", "mpim:read"),
    "no-profile": ("users.profile:read",),
    "no-join": ("channels:join",),
    "no-usergroups": ("usergroups:read",),
    "no-metadata": ("metadata.message:read",),
    "no-public": ("chat:write.public",),
    "no-customize": ("chat:write.customize",),
    "read-only": tuple(scope for scope in SCOPES if ":write" in scope or scope == "channels:join"),
}
TOKENS: dict[str, tuple[str, ...]] = {BOT_TOKEN: SCOPES} | {
    f"{BOT_TOKEN}-{name}": tuple(scope for scope in SCOPES if scope not in lacking) for name, lacking in _LACKING.items()
}
"""Scopes by bot token. All are tokens of the same bot."""
REFUSED = {
    f"{BOT_TOKEN}-inactive": "account_inactive",
    f"{BOT_TOKEN}-revoked": "token_revoked",
    f"{BOT_TOKEN}-expired": "token_expired",
    APP_TOKEN: "not_allowed_token_type",
}
"""The Web API's errors for tokens that it knows but refuses."""

REFUSED_APP_TOKENS: dict[str, dict[str, str]] = {
    f"{APP_TOKEN}-inactive": {"error": "account_inactive"},
    f"{APP_TOKEN}-revoked": {"error": "token_revoked"},
    f"{APP_TOKEN}-no-scope": {"error": "missing_scope", "needed": "connections:write", "provided": "authorizations:read"},
}
"""Socket Mode's errors for app-level tokens that it knows but refuses."""

PageBehaviour = Literal["full", "short", "empty", "capped", "loop", "limit_required", "error"]
PAGE_BEHAVIOURS: tuple[str, ...] = get_args(PageBehaviour)


@dataclass(slots=True)
class SlackBehaviour:
    """The settings of the workspace where Slack's behaviour varies.

    :param pages: the paging of lists.
        ``full``: as many entries as the limit.
        ``short``: half of that, though there are more.
        ``empty``: before each page comes an empty one, which has a cursor.
        ``capped``: never more than 15, as for apps that are sold outside the Marketplace.
        ``loop``: the cursor of the second page leads to the second page again, for ever.
        ``limit_required``: a list of users without a limit is refused.
        ``error``: a list of users without a limit is status 500.
    :param member_events: whether the app is subscribed to ``team_join`` and ``user_change``.
    :param share_after: the number of ``files.info`` calls after an upload until the file is shared; None for never,
        which
        happens on real workspaces too.
    """

    pages: PageBehaviour = "full"
    member_events: bool = False
    share_after: int | None = 0
