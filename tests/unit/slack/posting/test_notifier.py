from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.event_loop import run_apart
from support.slack_workspace import CHANNEL, SlackWorkspace, context
from workplace_provider.slack.notifications import SlackPostNotifier


def tell(text: str = "실패", **arguments: Any) -> None:
    SlackPostNotifier(**{"channel": CHANNEL, "text": text, "key": "weekly", **arguments}).notify(context())


def earlier(workspace: SlackWorkspace, minutes: int, held_back: int) -> None:
    """A notice that was posted some time ago."""
    payload = {"dedupe_key": "x", "throttle_key": "weekly", "held_back": held_back}
    workspace.sandbox.slack.say(
        CHANNEL,
        "report-bot",
        "failed",
        at=datetime.now(UTC) - timedelta(minutes=minutes),
        metadata={"event_type": "airflow_post", "event_payload": payload},
    )


def counted(workspace: SlackWorkspace) -> list[int]:
    return [message.payload["metadata"]["event_payload"]["held_back"] for message in workspace.said]


def test_a_storm_is_one_notice_that_counts_the_others(workspace: SlackWorkspace) -> None:
    for _ in range(5):
        tell()
    assert (workspace.texts, counted(workspace)) == (["실패"], [4])


def test_the_next_notice_tells_how_many_were_held_back(workspace: SlackWorkspace) -> None:
    earlier(workspace, minutes=11, held_back=7)
    tell()
    assert workspace.texts == ["failed", "_7 more of these were held back since the last one._\n실패"]
    tell("again")
    assert counted(workspace) == [7, 1]


def test_blocks_tell_it_as_well(workspace: SlackWorkspace) -> None:
    earlier(workspace, minutes=11, held_back=2)
    tell(blocks=[{"type": "divider"}], held_back_text="{count}건 더")
    assert workspace.said[1].payload["blocks"] == [
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "2건 더"}]},
    ]


def test_other_kinds_are_not_held_back(workspace: SlackWorkspace) -> None:
    tell()
    tell(key="daily")
    tell(throttle_minutes="0")
    assert len(workspace.said) == 3


def test_tasks_that_fail_in_the_same_moment_leave_one_notice(workspace: SlackWorkspace) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tell(), range(4)))
    assert workspace.texts == ["실패"]


def test_the_later_of_two_takes_its_notice_back(workspace: SlackWorkspace) -> None:
    # The look before the post fails, as when the other notice came between the two.
    earlier(workspace, minutes=1, held_back=0)
    workspace.goes_wrong("conversations.history", "status", status=403)
    tell()
    assert (workspace.texts, counted(workspace)) == (["failed"], [1])


@pytest.mark.parametrize("code", ["cant_update_message", "edit_window_closed", "message_not_found", "restricted_action"])
def test_an_alarm_that_cannot_be_counted_is_posted(workspace: SlackWorkspace, code: str) -> None:
    tell("first")
    workspace.goes_wrong("chat.update", "status", status=200, body=json.dumps({"ok": False, "error": code}), times=None)
    tell("second")
    workspace.sandbox.clear_faults()
    assert workspace.texts == ["first", "second"]
    tell("third")
    assert workspace.texts == ["first", "second"]


def test_a_notice_of_another_app_holds_nothing_back(workspace: SlackWorkspace) -> None:
    payload = {"dedupe_key": "post:x", "throttle_key": "weekly", "held_back": 0}
    workspace.sandbox.slack.add_person("staging-bot", kind="bot")
    for author in ("jimin", "staging-bot"):
        workspace.sandbox.slack.say(
            CHANNEL, author, "staging", metadata={"event_type": "airflow_post", "event_payload": payload}
        )
    tell("production")
    tell("production")
    assert workspace.texts == ["staging", "staging", "production"]


def test_a_long_notice_goes_on_in_its_thread_and_can_be_counted_in(workspace: SlackWorkspace) -> None:
    text = "\n".join(f"{number} & 번째 줄" for number in range(600))
    tell(text)
    tell(text)
    first, *rest = workspace.said
    assert "".join(workspace.texts) == text
    assert {message.thread_ts for message in rest} == {first.ts}
    assert first.payload["metadata"]["event_payload"]["held_back"] == 1


def test_a_channel_that_cannot_be_read_is_told_all_the_same(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {
        "conn_type": "slack",
        "password": f"{workspace.sandbox.slack_bot_token}-no-metadata",
        "extra": {"base_url": workspace.sandbox.slack_api_url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    tell()
    tell()
    assert len(workspace.said) == 2


def test_the_triggerer_can_tell_too(workspace: SlackWorkspace) -> None:
    notifier = SlackPostNotifier(channel=CHANNEL, text="실패", key="weekly")
    run_apart(notifier.async_notify(context()))
    assert workspace.texts == ["실패"]
