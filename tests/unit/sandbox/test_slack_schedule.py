"""The methods for messages that are posted later."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import requests

CHANNEL = "weekly-report"


def test_a_scheduled_message_is_listed_and_posted(sandbox, slack):
    channel = sandbox.slack.channel(CHANNEL).id
    post_at = int(time.time()) + 3600
    made = slack.call("chat.scheduleMessage", channel=channel, text="나중에", post_at=post_at)
    assert made["post_at"] == str(post_at)
    listed = slack.call("chat.scheduledMessages.list", channel=channel, latest=post_at - 60)["scheduled_messages"]
    assert [set(message) for message in listed] == [{"id", "channel_id", "post_at", "date_created", "text"}]
    assert listed[0]["id"] == made["scheduled_message_id"]
    assert sandbox.messages(CHANNEL) == []
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    control = requests.post(f"{sandbox.url}/_sandbox/slack/post_scheduled", json={"at": at}, timeout=10)
    assert control.json() == {"result": 1}
    assert [message.text for message in sandbox.messages(CHANNEL)] == ["나중에"]
    assert slack.call("chat.scheduledMessages.list")["scheduled_messages"] == []


def test_a_message_with_metadata_is_never_posted(sandbox, slack):
    channel = sandbox.slack.channel(CHANNEL).id
    metadata = '{"event_type": "e", "event_payload": {}}'
    slack.call("chat.scheduleMessage", channel=channel, text="x", post_at=int(time.time()) + 3600, metadata=metadata)
    assert sandbox.slack.post_scheduled(datetime.now(UTC) + timedelta(hours=2)) == 1
    assert sandbox.messages(CHANNEL) == []


def test_refused_times(sandbox, slack):
    channel = sandbox.slack.channel(CHANNEL).id

    def refused(post_at):
        return slack.refused("chat.scheduleMessage", channel=channel, text="x", post_at=post_at)

    assert refused(int(time.time()) - 1) == "time_in_past"
    assert refused(int(time.time()) + 121 * 86_400) == "time_too_far"
    assert refused("99999999999") == "time_too_far"
    assert refused("tomorrow") == "invalid_time"
    assert slack.refused("chat.scheduleMessage", channel=channel, text="x") == "invalid_arguments"
    assert slack.with_token("read-only").refused("chat.scheduleMessage", channel=channel) == "missing_scope"


def test_deleting(sandbox, slack):
    channel = sandbox.slack.channel(CHANNEL).id
    moment = int(time.time())
    ids = [
        slack.call("chat.scheduleMessage", channel=channel, text="x", post_at=moment + later)["scheduled_message_id"]
        for later in (30, 3600)
    ]

    def refused(scheduled):
        return slack.refused("chat.deleteScheduledMessage", channel=channel, scheduled_message_id=scheduled)

    assert refused(ids[0]) == "invalid_scheduled_message_id", "it is posted within a minute"
    slack.call("chat.deleteScheduledMessage", channel=channel, scheduled_message_id=ids[1])
    assert refused(ids[1]) == "invalid_scheduled_message_id"
    assert [message.id for message in sandbox.slack.scheduled(CHANNEL)] == ids[:1]
    assert slack.refused("chat.scheduledMessages.list", channel="C0NOWHERE") == "invalid_channel"
