"""Scheduled messages: each exactly once, whatever happens to the task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from support.slack_workspace import CHANNEL, SlackWorkspace, State, context
from workplace_provider.http.errors import SourceUnavailable
from workplace_provider.slack.client.parts import MessagePart
from workplace_provider.slack.client.scheduled import MessageScheduler, _fingerprint
from workplace_provider.slack.operators import SlackCancelScheduledOperator, SlackScheduleOperator
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import ScheduledMessage

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)


def schedule(ctx: Any = None, **arguments: Any) -> Any:
    given = {"channel": CHANNEL, "text": "주간 보고 & 숫자", "post_at": SOON, **arguments}
    return SlackScheduleOperator(task_id="remind", **given).execute(context() if ctx is None else ctx)


def cancel(scheduled: Any) -> bool:
    return SlackCancelScheduledOperator(task_id="cancel", scheduled=scheduled).execute(context())


def pending(workspace: SlackWorkspace) -> list[ScheduledMessage]:
    return workspace.sandbox.slack.scheduled(CHANNEL)


def test_a_message_is_scheduled_and_posted(workspace: SlackWorkspace) -> None:
    result = schedule(blocks=[{"type": "divider"}], unfurl_links=False)
    (message,) = pending(workspace)
    assert result == {
        "channel": workspace.channel,
        "scheduled_message_id": message.id,
        "post_at": SOON.isoformat(),
        "is_posted": False,
    }
    assert "metadata" not in message.payload
    assert workspace.sandbox.slack.post_scheduled(SOON) == 1
    assert workspace.texts == ["주간 보고 & 숫자"]


@pytest.mark.parametrize(
    ("post_at", "expected"),
    [
        (SOON.timestamp(), SOON),
        (str(int(SOON.timestamp())), SOON),
        (SOON.isoformat(), SOON),
        (SOON.replace(tzinfo=None), SOON - timedelta(hours=9)),
        ((SOON + timedelta(days=1)).replace(tzinfo=None).isoformat(), SOON + timedelta(hours=15)),
    ],
    ids=["number", "digits", "ISO 8601", "datetime without offset", "ISO 8601 without offset"],
)
def test_a_time_without_an_offset_is_in_the_zone_of_the_dag(
    workspace: SlackWorkspace, post_at: Any, expected: datetime
) -> None:
    ctx = context()
    ctx["dag"].timezone = ZoneInfo("Asia/Seoul")
    if expected < datetime.now(UTC):
        with pytest.raises(AirflowSkipException):
            schedule(ctx, post_at=post_at)
        return
    schedule(ctx, post_at=post_at)
    assert [message.post_at for message in pending(workspace)] == [int(expected.timestamp())]


@pytest.mark.parametrize("state", [None, State()])
def test_a_retry_finds_its_message(workspace: SlackWorkspace, state: State | None) -> None:
    first = schedule(context(state=state))
    assert schedule(context(state=state)) == first
    assert len(pending(workspace)) == 1


def test_messages_of_other_runs_and_times_do_not_count(workspace: SlackWorkspace) -> None:
    schedule(post_at=SOON + timedelta(seconds=1))
    schedule(text="다른 글")
    # A message that was scheduled long before the run is another run's.
    yesterday = datetime.now(UTC) - timedelta(days=1)
    workspace.sandbox.store.schedule(workspace.channel, int(SOON.timestamp()), "주간 보고 & 숫자", {}, at=yesterday)
    schedule()
    assert len(pending(workspace)) == 4


@pytest.mark.parametrize(
    "change", [{"text": "새 글"}, {"post_at": SOON + timedelta(hours=1)}, {"blocks": [{"type": "divider"}]}]
)
def test_a_changed_message_supersedes_the_old_one(workspace: SlackWorkspace, change: dict[str, Any]) -> None:
    state = State()
    first = schedule(context(state=state))
    second = schedule(context(state=state), **change)
    assert [message.id for message in pending(workspace)] == [second["scheduled_message_id"]]
    assert second["scheduled_message_id"] != first["scheduled_message_id"]


def test_a_message_that_was_posted_is_not_scheduled_again(workspace: SlackWorkspace) -> None:
    state = State()
    schedule(context(state=state), post_at=datetime.now(UTC) + timedelta(seconds=1.5))
    workspace.sandbox.slack.post_scheduled(SOON)
    # Its time passes.
    state["slack_scheduled"]["post_at"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert schedule(context(state=state), text="고친 글")["is_posted"]
    assert schedule(context(state=state), text="고친 글")["is_posted"]
    assert pending(workspace) == []


def test_a_message_that_is_being_posted_is_not_replaced(workspace: SlackWorkspace) -> None:
    state = State()
    first = schedule(context(state=state), post_at=datetime.now(UTC) + timedelta(seconds=30))
    again = schedule(context(state=state), text="새 글")
    assert (again["scheduled_message_id"], again["is_posted"]) == (first["scheduled_message_id"], True)
    assert len(pending(workspace)) == 1


def test_a_message_that_someone_deleted_is_scheduled_again(workspace: SlackWorkspace) -> None:
    state = State()
    first = schedule(context(state=state))
    assert cancel(first)
    assert schedule(context(state=state))["scheduled_message_id"] != first["scheduled_message_id"]
    assert len(pending(workspace)) == 1


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_a_lost_response_schedules_no_second_message(workspace: SlackWorkspace, kind: Any) -> None:
    workspace.goes_wrong("chat.scheduleMessage", kind)
    scheduler = MessageScheduler(workspace.reader)
    post = scheduler.schedule(workspace.channel, MessagePart("글"), post_at=SOON, since=datetime.now(UTC))
    assert [message.id for message in pending(workspace)] == [post.id]
    assert workspace.calls("chat.scheduleMessage") == 1


def test_a_server_that_never_answers_is_an_error(workspace: SlackWorkspace) -> None:
    workspace.goes_wrong("chat.scheduleMessage", "status", status=503, times=None)
    scheduler = MessageScheduler(workspace.reader)
    with pytest.raises(SourceUnavailable):
        scheduler.schedule(workspace.channel, MessagePart("글"), post_at=SOON, since=datetime.now(UTC))
    workspace.sandbox.clear_faults()
    assert pending(workspace) == []


def test_overlapping_attempts_leave_one_message(workspace: SlackWorkspace) -> None:
    scheduler = MessageScheduler(workspace.reader)
    workspace.sandbox.store.schedule(workspace.channel, int(SOON.timestamp()), "글 &amp; :memo:", {})
    workspace.sandbox.store.schedule(workspace.channel, int(SOON.timestamp()), "글 &amp; :memo:", {})
    first = pending(workspace)[0]
    post = scheduler.schedule(workspace.channel, MessagePart("글 & 📝"), post_at=SOON, since=datetime.now(UTC))
    assert len(pending(workspace)) == 1
    assert not post.is_new
    assert first.text == "글 &amp; :memo:"


def test_of_two_messages_that_were_scheduled_at_the_same_moment_the_first_remains(workspace: SlackWorkspace) -> None:
    store, at = workspace.sandbox.store, int(SOON.timestamp())

    class Overlapping(MessageScheduler):
        """Another attempt schedules the message right after this one has looked for it."""

        def pending(self, channel: str) -> Any:
            found = super().pending(channel)
            if not found:
                store.schedule(channel, at, "글", {}, at=datetime.now(UTC) - timedelta(seconds=2))
            return found

    scheduler = Overlapping(workspace.reader)
    post = scheduler.schedule(workspace.channel, MessagePart("글"), post_at=SOON, since=datetime.now(UTC))
    assert [message.id for message in pending(workspace)] == [post.id]
    assert not post.is_new


def test_another_time_in_the_response_is_an_error(workspace: SlackWorkspace) -> None:
    body = '{"ok":true,"scheduled_message_id":"Q1","post_at":1}'
    workspace.goes_wrong("chat.scheduleMessage", "status", status=200, body=body)
    with pytest.raises(Exception, match="Slack scheduled the message for 1 instead of"):
        schedule()


def test_the_past_is_skipped_or_fails(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    past = datetime.now(UTC) - timedelta(minutes=3)
    with pytest.raises(AirflowSkipException, match="is in the past"):
        schedule(post_at=past)
    with pytest.raises(AirflowFailException, match="is in the past"):
        schedule(post_at=past, if_past="fail")
    # Slack has posted it, and Airflow has lost its state.
    bot = workspace.sandbox.slack.person("report-bot")
    workspace.sandbox.slack.say(CHANNEL, "report-bot", "주간 보고 &amp; 숫자", at=past)
    assert bot.is_bot
    assert schedule(post_at=past, if_past="fail")["is_posted"]
    # Without the scope it is unknown, and nothing is scheduled.
    workspace.sandbox.add_fault(
        Fault("conversations.history", "status", status=200, body='{"ok":false,"error":"missing_scope"}', times=None)
    )
    with pytest.raises(AirflowSkipException, match="is in the past"):
        schedule(post_at=past)
    workspace.sandbox.clear_faults()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"post_at": "soon"}, "post_at is 'soon'; it must be a time"),
        ({"post_at": None}, "post_at is None; it must be a time"),
        ({"post_at": "9" * 30}, "it must be a time"),
        ({"text": "가" * 4_001}, "too long to be scheduled"),
        ({"text": None, "blocks": [{"type": "divider"}]}, "text is missing"),
        ({"post_at": SOON + timedelta(days=121)}, "up to 120 days"),
        ({"channel": "#nowhere"}, "channel_not_found|cannot see a channel"),
    ],
)
def test_a_message_that_cannot_be_scheduled(workspace: SlackWorkspace, arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(AirflowFailException, match=reason):
        schedule(**arguments)
    assert pending(workspace) == []


def test_thirty_messages_in_five_minutes(workspace: SlackWorkspace) -> None:
    for number in range(30):
        workspace.sandbox.store.schedule(workspace.channel, int(SOON.timestamp()) + number, f"{number}", {})
    with pytest.raises(AirflowFailException, match="up to 30 messages for a channel in five minutes"):
        schedule()
    schedule(post_at=SOON + timedelta(minutes=10))


def test_a_direct_message_and_a_reply(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    parent = slack.say(CHANNEL, "jimin", "질문")
    schedule(channel="@jimin", text="둘만")
    schedule(thread_ts=parent.ts, reply_broadcast=True)
    (reply,) = pending(workspace)
    assert (reply.thread_ts, reply.broadcast) == (parent.ts, True)
    slack.post_scheduled(SOON)
    assert workspace.said[-1].thread_ts == parent.ts


def test_cancelling(workspace: SlackWorkspace) -> None:
    result = schedule()
    assert [cancel(result), cancel(result)] == [True, False]
    assert not cancel({"channel": workspace.channel, "scheduled_message_id": ""})
    with pytest.raises(AirflowSkipException, match="nothing was scheduled"):
        cancel(None)
    with pytest.raises(AirflowFailException, match="must be the output of a SlackScheduleOperator"):
        cancel({"id": "Q1"})


def test_a_channel_that_does_not_exist_is_an_error_of_cancelling(workspace: SlackWorkspace) -> None:
    with pytest.raises(AirflowFailException, match="channel_not_found"):
        cancel({"channel": "C0NOWHERE", "scheduled_message_id": "Q1"})


def test_a_task_that_is_not_enabled_and_a_dry_run(workspace: SlackWorkspace) -> None:
    with pytest.raises(AirflowSkipException, match="not enabled"):
        schedule(enabled=False)
    assert schedule(dry_run=True) is None
    assert pending(workspace) == []


def test_a_broken_state_is_ignored(workspace: SlackWorkspace) -> None:
    for value in ({"channel": 1}, "x", {"channel": "C", "id": "Q", "text": "", "content": "", "post_at": "x"}):
        schedule(context(state=State(slack_scheduled=value)))
    assert len(pending(workspace)) == 1


def test_texts_that_slack_changes_are_equal() -> None:
    assert _fingerprint("보고 & <https://a.example>") == _fingerprint("보고 &amp; https://a.example :tada:")
    assert _fingerprint("🎉") != _fingerprint("보고")
    assert _fingerprint(None) == ""
