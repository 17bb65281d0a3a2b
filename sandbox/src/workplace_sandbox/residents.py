"""The people that every sandbox has, seeded or not."""

from __future__ import annotations

from workplace_sandbox.model import SlackUser
from workplace_sandbox.slack.workspace import BOT_NAME
from workplace_sandbox.state.slack_ids import SLACKBOT_ID, slack_id

USERS = {
    "report-bot": "보고봇",
    "jimin": "김지민",
    "haruka": "佐藤 遥",
    "alex": "Alex Morgan",
    "viewer": "열람자",
}
ZONES = {"haruka": "Asia/Tokyo", "alex": "Europe/London"}
# Day zero of the workspace, in seconds: the same each time.
FOUNDED = 1_700_000_000


def people() -> list[SlackUser]:
    """Return the users as members of the Slack workspace, with Slackbot, which every workspace has."""
    members = [
        SlackUser(
            id=slack_id("U", username),
            name=username,
            real_name=display_name,
            display_name=display_name,
            email="" if username == BOT_NAME else f"{username}@example.com",
            kind="bot" if username == BOT_NAME else "owner" if username == "jimin" else "member",
            tz=ZONES.get(username, "Asia/Seoul"),
            updated=FOUNDED,
        )
        for username, display_name in USERS.items()
    ]
    return [*members, SlackUser(SLACKBOT_ID, "slackbot", "Slackbot", "Slackbot", "", kind="slackbot")]
