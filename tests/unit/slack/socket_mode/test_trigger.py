"""The trigger in Airflow's own trigger runner, against the sandbox."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time.context import AssetStateStoreAccessors
from airflow.serialization.decoders import smart_decode_trigger_kwargs
from airflow.serialization.encoders import encode_trigger
from airflow.triggers.base import BaseEventTrigger

from support.triggerer import AssetState, Triggerer, triggerer
from support.waiting import PATIENCE, until
from unit.slack.socket_mode.conftest import CHANNEL, App, connected, delivered, run
from workplace_provider.http.errors import AuthFailed, Conflict, NotFound
from workplace_provider.slack.client.response_url import unseal
from workplace_provider.slack.events import event_of_callback
from workplace_provider.slack.triggers import SlackSocketModeTrigger
from workplace_provider.slack.triggers import catch_up as slack_catch_up
from workplace_provider.slack.triggers import progress as slack_progress
from workplace_provider.slack.triggers import socket as slack_socket
from workplace_provider.slack.triggers import stream as slack_stream
from workplace_sandbox.faults import Fault

MESSAGES = ("message",)
KEYS = {"type", "event_id", "channel", "user", "text", "ts", "thread_ts", "command", "team", "user_team", "source"}


async def listening(app: App, number: int = 1) -> None:
    """Wait until the app is connected."""
    await until(lambda: app.sandbox.slack.socket_count() == number)


async def stored(runner: Triggerer, count: int, number: int = 1) -> list[Any]:
    """Wait until so many events of a trigger are stored, and for those that are too many."""
    await until(lambda: len(runner.payloads(number)) >= count)
    await asyncio.sleep(0.2)
    return runner.payloads(number)


def texts(payloads: list[Any]) -> list[str]:
    return [payload["text"] for payload in payloads]


# --- one socket for all


def test_the_triggers_of_an_app_share_one_socket(app: App) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            questions = runner.start(
                SlackSocketModeTrigger(events=MESSAGES, match={"channel": f"#{CHANNEL}", "pattern": "어디"})
            )
            mentions = runner.start(SlackSocketModeTrigger(events=["app_mention"]))
            commands = runner.start(SlackSocketModeTrigger(match=[{"command": "report"}, {"command": "/잔디"}]))
            await listening(app)
            await app.say("보고서 어디 있어요?")
            await app.say("그냥 하는 말")
            await app.do(app.sandbox.slack.write, CHANNEL, "jimin", "@bot 안녕")
            for command in ("/report", "/other", "/잔디"):
                await app.command(command, "이번 주")
            assert texts(await stored(runner, 1, questions)) == ["보고서 어디 있어요?"]
            (mention,) = await stored(runner, 1, mentions)
            assert (mention["type"], mention["text"]) == ("app_mention", f"<@{app.bot}> 안녕")
            assert [each["command"] for each in await stored(runner, 2, commands)] == ["/report", "/잔디"]
            assert app.tickets == 1

    run(scenario)


def test_the_payload_is_small_and_has_no_secrets(app: App) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(SlackSocketModeTrigger())
            with_url = runner.start(SlackSocketModeTrigger(response_url=True))
            await listening(app)
            told = await app.command("/report", "이번 주")
            (payload,) = await stored(runner, 1)
            sealed = payload.pop("sealed_response_url")
            assert unseal(sealed, app.sandbox.slack_bot_token) == told.payload["response_url"]
            assert payload.keys() == KEYS
            assert payload | {"type": "slash_commands", "command": "/report", "text": "이번 주", "ts": None} == payload
            assert told.payload["token"] not in str(payload)
            assert told.payload["response_url"] not in f"{payload}{sealed}"
            (more,) = await stored(runner, 1, with_url)
            more.pop("sealed_response_url")
            assert more == payload | {"response_url": told.payload["response_url"]}

    run(scenario)


def test_a_click_fires_for_those_who_wait_for_its_button(app: App) -> None:
    slack = app.sandbox.slack
    button = {"type": "button", "action_id": "review.0", "text": {"type": "plain_text", "text": "승인"}, "value": "v"}

    async def scenario() -> None:
        async with triggerer() as runner:
            block = {"type": "actions", "block_id": "review", "elements": [button]}
            question = await app.do(slack.say, CHANNEL, "report-bot", "발행할까요?", blocks=[block])
            runner.start(SlackSocketModeTrigger(events=["block_actions"], match={"action": "review"}))
            runner.start(SlackSocketModeTrigger(events=["block_actions", "message"], match={"action": "other"}))
            await listening(app)
            for _ in range(2):
                await app.do(slack.click, CHANNEL, "jimin", question.ts, "review.0")
            first, second = await stored(runner, 2)
            assert first["event_id"] != second["event_id"]
            assert (first["ts"], first["action_id"], first["value"]) == (question.ts, "review.0", "v")
            assert first.keys() == KEYS | {"action_id", "value", "sealed_response_url"}
            assert await stored(runner, 0, 2) == []

    run(scenario)


def test_a_reaction_fires_once_for_those_who_wait_for_it(app: App) -> None:
    slack = app.sandbox.slack
    state = AssetState()

    async def scenario() -> None:
        async with triggerer() as runner:
            question = await app.say("승인해 주세요")
            by_app = await app.do(slack.say, CHANNEL, "report-bot", "보고서")
            match = {"reaction": ["white_check_mark", "x"], "channel": f"#{CHANNEL}"}
            kinds = ["reaction_added", "reaction_removed"]
            runner.start(SlackSocketModeTrigger(events=kinds, match=match, backfill_channels=[CHANNEL]), state)
            runner.start(SlackSocketModeTrigger(events=["reaction_added"], match={"item_user": "app"}))
            await listening(app)
            for name, ts, user in (
                ("eyes", question.ts, "jimin"),
                ("white_check_mark", question.ts, "report-bot"),
                ("white_check_mark", question.ts, "jimin"),
                ("x", by_app.ts, "alex"),
            ):
                await app.do(slack.react, CHANNEL, ts, name, user)
            await app.do(slack.remove_reaction, CHANNEL, question.ts, "white_check_mark", "jimin")
            payloads = await stored(runner, 3)
            found = sorted((payload["type"], payload["reaction"], payload["ts"]) for payload in payloads)
            assert found == [
                ("reaction_added", "white_check_mark", question.ts),
                ("reaction_added", "x", by_app.ts),
                ("reaction_removed", "white_check_mark", question.ts),
            ]
            assert payloads[0]["user"] == slack.person("jimin").id
            assert payloads[0].keys() == KEYS | {"reaction", "item_user"}
            assert [payload["reaction"] for payload in await stored(runner, 1, 2)] == ["x"]
            # The position in the channel is that of messages.
            assert all(question.ts not in str(value["told"]) for value in state.values())

    run(scenario)


# --- acknowledging


def test_members_who_join_or_change_fire_but_not_for_a_new_status(app: App) -> None:
    async def scenario() -> None:
        slack = app.sandbox.slack
        slack.behaviour.member_events = True
        async with triggerer() as runner:
            runner.start(SlackSocketModeTrigger(events=["team_join", "user_change"]))
            others = runner.start(SlackSocketModeTrigger(events=MESSAGES))
            await listening(app)
            person = await app.do(slack.add_person, "byul", "문별")
            await app.do(slack.rename, "byul", extra={"profile": {"status_text": "식사 중"}})
            await app.do(slack.rename, "byul", extra={"profile": {"status_text": ""}})
            await app.do(slack.deactivate, "byul")
            joined, left = await stored(runner, 2)
            assert joined.keys() == KEYS
            assert (joined["type"], joined["user"], joined["user_team"]) == ("team_join", person.id, "T0SANDBOX")
            assert (left["type"], left["user"]) == ("user_change", person.id)
            assert not runner.payloads(others)

    run(scenario)


@pytest.mark.parametrize("user", [None, "U1", {"name": "x"}, {"id": 7}, {"id": "U1; DROP"}])
def test_an_event_about_nobody_is_none(user: Any) -> None:
    assert event_of_callback({"event": {"type": "user_change", "user": user}}) is None


def test_a_strange_profile_is_no_error() -> None:
    one, two = (
        event_of_callback({"team_id": "T1", "event": {"type": "user_change", "user": {"id": "U12", "profile": profile}}})
        for profile in (None, ["x"])
    )
    assert one is not None
    assert two is not None
    assert (one.user_team, one.member_digest) == ("T1", two.member_digest)


def test_an_event_is_acknowledged_once_airflow_has_stored_it(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.1, times=100)

    async def scenario() -> None:
        async with triggerer() as runner:
            runner.stores = False
            runner.start(SlackSocketModeTrigger(events=MESSAGES, match={"pattern": "하나"}))
            runner.start(SlackSocketModeTrigger(events=MESSAGES, match={"pattern": "하"}))
            await listening(app)
            await app.say("하나")
            await until(lambda: len(app.told("하나").sent) >= 4)
            assert runner.fired == 2
            assert app.told("하나").acked_at is None
            runner.stores = True
            await until(lambda: runner.sync() or app.told("하나").acked_at)
            assert texts(await stored(runner, 1, 1)) == texts(await stored(runner, 1, 2)) == ["하나"]

    run(scenario)


def test_what_nobody_waits_for_is_acknowledged_at_once(app: App) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            runner.stores = False
            runner.start(SlackSocketModeTrigger(events=MESSAGES, match={"pattern": "하나"}))
            await listening(app)
            await app.say("하나")
            await app.say("둘")
            await until(lambda: app.told("둘").acked_at)
            assert app.told("하나").acked_at is None

    run(scenario)


def test_a_command_is_acknowledged_within_a_second_whatever_airflow_does(app: App) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            runner.stores = False
            runner.start(SlackSocketModeTrigger())
            await listening(app)
            told = await app.command("/report")
            await until(lambda: told.acked_at)
            assert (told.acked_at - told.sent[0].at).total_seconds() < 1

    run(scenario)


def test_each_message_fires_once_through_refreshes_and_breaks(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.4, times=100)
    count = 80
    state = AssetState()

    async def scenario() -> list[Any]:
        async with triggerer() as runner:
            runner.start(SlackSocketModeTrigger(events=MESSAGES, backfill_channels=[CHANNEL]), state)
            await listening(app)
            for number in range(count):
                await app.say(f"{number}")
                if number % 5 == 0:
                    runner.sync()
                if number % 30 == 10:
                    app.sandbox.slack.refuse_sockets(1)
                    app.sandbox.slack.disconnect("refresh_requested", grace=0.1)
                if number % 30 == 25:
                    app.sandbox.slack.drop_sockets()
            found = await stored(runner, count)
            await until(lambda: runner.sync() or all(each.acked_at for each in app.sandbox.slack.deliveries()))
            return found

    found = run(scenario)
    assert sorted(map(int, texts(found))) == list(range(count))


# --- what counts


def test_bots_are_heard_when_asked_for_but_never_the_app_itself(app: App) -> None:
    app.sandbox.slack.add_person("alarm-bot", "Alarm", kind="bot")

    async def scenario() -> None:
        async with triggerer() as runner:
            people = runner.start(SlackSocketModeTrigger(events=MESSAGES))
            everybody = runner.start(SlackSocketModeTrigger(events=MESSAGES, by_bots=True))
            await listening(app)
            await app.do(app.sandbox.slack.say, CHANNEL, "report-bot", "자기가 한 말")
            said = await app.say("사람이 한 말")
            await app.do(app.sandbox.slack.edit, said, "고친 말")
            await app.do(app.sandbox.slack.say, CHANNEL, "alarm-bot", "다른 봇이 한 말")
            await app.do(
                app.sandbox.store.add_message, f"#{CHANNEL}", "웹훅", "웹훅이 한 말", {"text": "웹훅이 한 말"}, "incoming"
            )
            assert texts(await stored(runner, 3, everybody)) == ["사람이 한 말", "다른 봇이 한 말", "웹훅이 한 말"]
            assert texts(await stored(runner, 1, people)) == ["사람이 한 말"]

    run(scenario)


def test_a_message_that_is_a_mention_as_well_fires_once(app: App) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(SlackSocketModeTrigger(events=["message.channels", "app_mention"]))
            await listening(app)
            await app.do(app.sandbox.slack.write, CHANNEL, "jimin", "@bot 안녕")
            await until(lambda: all(each.acked_at for each in app.sandbox.slack.deliveries()) or runner.sync())
            assert len(await stored(runner, 1)) == 1

    run(scenario)


# --- a downtime


def watching(**more: Any) -> SlackSocketModeTrigger:
    return SlackSocketModeTrigger(events=("message", "app_mention"), backfill_channels=[f"#{CHANNEL}"], **more)


async def listen_for(app: App, state: AssetState, text: str) -> None:
    """Let a triggerer run until it has told of a message, and remembered that."""
    async with triggerer() as runner:
        runner.start(watching(), state)
        await listening(app)
        said = await app.say(text)
        await stored(runner, 1)
        await until(lambda: said.ts in str(state))
    await listening(app, 0)


def test_what_was_said_during_a_downtime_is_caught_up_with(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    state = AssetState()

    async def scenario() -> list[Any]:
        parent = await app.say("예전 질문", at=datetime.now(UTC) - timedelta(hours=20))
        await listen_for(app, state, "보통 때")
        await app.say("부재중 메시지")
        await app.say("예전 질문에 답", thread_ts=parent.ts)
        await app.do(app.sandbox.slack.write, CHANNEL, "jimin", "@bot 거기 있나요")
        await app.do(app.sandbox.slack.say, CHANNEL, "report-bot", "자기가 한 말")
        missed = [each for each in app.sandbox.slack.deliveries() if "보통" not in str(each.payload)]
        await until(lambda: all(each.given_up for each in missed))
        async with triggerer() as runner:
            runner.start(watching(), state)
            found = await stored(runner, 3)
            await app.say("다시 보통")
            found = await stored(runner, 4)
            # Another connection finds nothing new.
            app.sandbox.slack.drop_sockets()
            await asyncio.sleep(0.5)
            assert len(await stored(runner, 4)) == 4
        return found

    found = run(scenario)
    assert texts(found) == ["부재중 메시지", "예전 질문에 답", f"<@{app.bot}> 거기 있나요", "다시 보통"]
    assert [each["source"] for each in found] == ["backfill", "backfill", "backfill", "socket"]
    assert [each["type"] for each in found] == ["message", "message", "app_mention", "message"]
    assert found[1]["thread_ts"] is not None
    assert all(each.keys() == KEYS and each["team"] == "T0SANDBOX" for each in found)


def test_the_first_time_there_is_nothing_to_catch_up_with(app: App) -> None:
    state = AssetState()

    async def scenario() -> None:
        await app.say("그전에 한 말")
        app.sandbox.slack.set_redelivery(after=0.05, times=0)
        await app.say("아무도 못 들은 말")
        async with triggerer() as runner:
            runner.start(watching(), state)
            await listening(app)
            await app.say("처음 들은 말")
            assert texts(await stored(runner, 1)) == ["처음 들은 말"]

    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    run(scenario)


def test_what_comes_while_the_trigger_starts_is_remembered(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    heard = threading.Event()
    find_channels = slack_socket._find_channels

    def find_them_late(*arguments: Any) -> Any:
        found = find_channels(*arguments)
        assert heard.wait(PATIENCE)
        return found

    monkeypatch.setattr(slack_socket, "_find_channels", find_them_late)
    state = AssetState()

    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(watching(), state)
            await listening(app)
            said = await app.say("그사이에 한 말")
            await until(lambda: app.told("그사이에 한 말").sent)
            heard.set()
            assert texts(await stored(runner, 1)) == ["그사이에 한 말"]
            await until(lambda: said.ts in str(state))

    run(scenario)


def test_what_airflow_did_not_store_comes_again(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    state = AssetState()

    async def scenario() -> None:
        await listen_for(app, state, "처음")
        async with triggerer() as runner:
            runner.stores = False
            runner.start(watching(), state)
            await listening(app)
            await app.say("잃을 뻔한 말")
            await until(lambda: runner.fired)
            # Later messages must not move the watermark over what is not stored.
            writes = state.writes
            await app.do(app.sandbox.slack.say, CHANNEL, "report-bot", "자기가 한 말")
            await until(lambda: state.writes > writes)
        await listening(app, 0)
        await until(lambda: app.told("잃을 뻔한 말").given_up)
        async with triggerer() as runner:
            runner.start(watching(), state)
            (found,) = await stored(runner, 1)
            assert (found["text"], found["source"]) == ("잃을 뻔한 말", "backfill")

    run(scenario)


def test_what_is_read_and_redelivered_fires_once(app: App) -> None:
    state = AssetState()

    async def scenario() -> None:
        app.sandbox.slack.set_redelivery(after=0.05, times=0)
        await listen_for(app, state, "처음")
        app.sandbox.slack.set_redelivery(after=0.3, times=100)
        for number in range(5):
            await app.say(f"{number}")
        async with triggerer() as runner:
            runner.start(watching(), state)
            found = await stored(runner, 5)
            await until(
                lambda: runner.sync() or all(each.acked_at or each.given_up for each in app.sandbox.slack.deliveries())
            )
            assert sorted(texts(found)) == sorted(texts(await stored(runner, 5))) == list("01234")

    run(scenario)


def test_what_is_too_old_is_left_out(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    state = AssetState()

    async def scenario() -> None:
        long_ago = datetime.now(UTC) - timedelta(days=3)
        trigger = watching(backfill_hours=2)
        key = f"slack_socket.{trigger._digest()}.{app.channel}"
        state[key] = {"watermark": f"{long_ago.timestamp():.6f}", "since": f"{long_ago.timestamp():.6f}", "told": []}
        for hours in (50, 1):
            await app.say(f"{hours}", at=datetime.now(UTC) - timedelta(hours=hours))
        async with triggerer() as runner:
            runner.start(trigger, state)
            assert texts(await stored(runner, 1)) == ["1"]

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert "are skipped" in caplog.text


def test_a_channel_that_cannot_be_read_does_not_stop_the_socket(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_catch_up, "RETRY_SECONDS", 0.2)
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    state = AssetState()

    async def scenario() -> None:
        await listen_for(app, state, "처음")
        await app.say("부재중")
        error = '{"ok":false,"error":"ekm_access_denied"}'
        app.sandbox.add_fault(Fault(r"conversations\.history", "status", times=2, status=200, body=error))
        async with triggerer() as runner:
            runner.start(watching(), state)
            await listening(app)
            await app.say("지금")
            assert sorted(texts(await stored(runner, 2))) == ["부재중", "지금"]

    run(scenario)


def test_a_channel_that_cannot_be_read_yet_is_not_passed_over(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without this, what is heard in the meantime would move the watermark over what has yet to be read.
    monkeypatch.setattr(slack_progress, "OVERLAP", timedelta(0))
    monkeypatch.setattr(slack_catch_up, "RETRY_SECONDS", 0.5)
    app.sandbox.slack.set_redelivery(after=0.05, times=0)
    app.sandbox.slack.add_channel("다른-채널", members=["jimin"])
    state = AssetState()

    def trigger() -> SlackSocketModeTrigger:
        # The bot is not in one of the channels, which must not keep it from the other.
        return SlackSocketModeTrigger(events=MESSAGES, backfill_channels=["다른-채널", CHANNEL])

    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(trigger(), state)
            await listening(app)
            first = await app.say("처음")
            await stored(runner, 1)
            key = f"slack_socket.{trigger()._digest()}.{app.channel}"
            await until(lambda: float(state[key]["watermark"]) >= float(first.ts))
        await listening(app, 0)
        await app.say("부재중")
        app.sandbox.add_fault(
            Fault(r"conversations\.history", "status", times=3, status=200, body='{"ok":false,"error":"x"}')
        )
        async with triggerer() as runner:
            runner.start(trigger(), state)
            await listening(app)
            await app.say("지금")
            assert texts(await stored(runner, 2)) == ["지금", "부재중"]

    run(scenario)


# --- several sockets of one app


@asynccontextmanager
async def two_triggerers() -> AsyncIterator[tuple[Triggerer, Triggerer]]:
    async with triggerer() as one, triggerer() as two:
        yield one, two


def test_two_triggerers_of_one_app_both_fire_for_every_mention(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slack_catch_up, "POLL_SECONDS", 0.3)
    # Slack reports the second connection to the first client only when it connects again.
    monkeypatch.setattr(slack_catch_up, "CHECK_SECONDS", 0.5)
    states = AssetState(), AssetState()

    async def scenario() -> list[list[Any]]:
        async with two_triggerers() as both:
            for runner, state, number in zip(both, states, (1, 2), strict=True):
                trigger = SlackSocketModeTrigger(events=["app_mention"], backfill_channels=[CHANNEL])
                runner.start(trigger, state)
                await listening(app, number)
            for number in range(10):
                await app.do(app.sandbox.slack.write, CHANNEL, "jimin", f"@bot {number}")
            await until(lambda: all(len(runner.payloads()) >= 10 for runner in both))
            await asyncio.sleep(1.0)  # several readings later, nothing has fired twice
            return [runner.payloads() for runner in both]

    fired = run(scenario)
    for payloads in fired:
        assert sorted(texts(payloads)) == [f"<@{app.bot}> {number}" for number in range(10)]
    by_socket = [payload["ts"] for payloads in fired for payload in payloads if payload["source"] == "socket"]
    assert len(by_socket) == len(set(by_socket))  # Slack sent each event to one of them
    assert "receives a part of the events (other connections: 1)" in caplog.text
    assert f"{CHANNEL}: read every 0 s" in caplog.text
    assert "messages in other channels" in caplog.text


def test_a_client_that_came_later_is_found_by_a_message_that_did_not_arrive(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slack_catch_up, "CHECK_SECONDS", 0.3)
    monkeypatch.setattr(slack_catch_up, "DELIVERY_SECONDS", 0.01)

    async def scenario() -> list[Any]:
        async with triggerer() as runner, app.listening() as other:
            runner.start(watching(), AssetState())
            await listening(app)
            await connected(other)
            await asyncio.sleep(0.5)
            for number in range(4):
                await app.say(f"{number}")
            taken = [await delivered(other) for _ in range(2)]
            for delivery in taken:
                await other.ack(delivery)
            return await stored(runner, 4)

    assert sorted(texts(run(scenario))) == ["0", "1", "2", "3"]
    assert "was not delivered" in caplog.text


def test_what_no_channel_has_is_named(app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with app.listening() as other, triggerer() as runner:
            await connected(other)
            runner.start(SlackSocketModeTrigger())
            match = [{"command": "/report"}, {"event": "app_mention", "channel": CHANNEL}]
            runner.start(SlackSocketModeTrigger(match=match, backfill_channels=[CHANNEL]))
            await listening(app, 2)
            await until(lambda: caplog.text.count("Lost if the other") == 2)

    run(scenario)
    lost = [
        record.getMessage().partition("receives them: ")[2] for record in caplog.records if "Lost" in record.getMessage()
    ]
    everywhere = "slash commands, messages in other channels (add these to backfill_channels)"
    assert sorted(lost) == ["slash commands", everywhere]


def test_a_command_that_no_trigger_waits_for_is_reported(app: App, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(SlackSocketModeTrigger(match={"command": "/report"}))
            await listening(app)
            await app.command("/report")
            await app.command("/other")
            await until(lambda: "/other matches no trigger" in caplog.text)

    run(scenario)
    assert "/report matches no trigger" not in caplog.text


def test_several_assets_have_no_store_and_say_so(app: App, caplog: pytest.LogCaptureFixture) -> None:
    both = AssetStateStoreAccessors(inlets=[Asset("하나"), Asset("둘")])

    async def scenario() -> None:
        async with triggerer() as runner:
            runner.start(watching(), both)  # type: ignore[arg-type]
            await listening(app)
            await app.say("들려요")
            assert texts(await stored(runner, 1)) == ["들려요"]

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert caplog.text.count("several assets") == 1


# --- errors


def test_a_token_that_is_refused_ends_every_trigger(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_BROKEN",
        f'{{"conn_type": "slack_app", "password": "xapp-wrong", "extra": {{"base_url": "{app.sandbox.slack_api_url}"}}}}',
    )

    async def scenario() -> None:
        async with triggerer() as runner:
            started = [runner.start(SlackSocketModeTrigger(slack_app_conn_id="broken")) for _ in range(2)]
            assert [type(await runner.ended(each)) for each in started] == [AuthFailed, AuthFailed]

    run(scenario)
    assert app.tickets == 1


def test_who_wants_to_be_alone_fails_beside_another(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as other, triggerer() as runner:
            await other.receive()
            assert isinstance(await runner.ended(runner.start(SlackSocketModeTrigger(exclusive=True))), Conflict)

    run(scenario)


def test_a_channel_that_there_is_not(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_stream, "PAUSE_SECONDS", 0.05)

    async def scenario() -> None:
        async with triggerer() as runner:
            error = await runner.ended(runner.start(SlackSocketModeTrigger(match={"channel": "#없는-채널"})))
            assert isinstance(error, NotFound)
            assert "없는-채널" in str(error)

    run(scenario)


def test_a_connection_that_there_is_not(app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(slack_stream, "PAUSE_SECONDS", 0.05)

    async def scenario() -> None:
        async with triggerer() as runner:
            started = runner.start(SlackSocketModeTrigger(slack_app_conn_id="nowhere"))
            assert isinstance(await runner.ended(started), AirflowNotFoundException)

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert "the Slack triggers of nowhere cannot start" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"events": "app_mention"}, "events is 'app_mention'; it must be a list"),
        ({"events": []}, "events is empty"),
        ({"events": ["pin_added"]}, "events is 'pin_added'; it must be one of message, "),
        ({"backfill_channels": "#general"}, "backfill_channels is '#general'; it must be a list"),
        ({"backfill_hours": 0}, "backfill_hours is 0"),
        ({"match": {"pattern": "("}}, "match: pattern '\\(' is not a valid regular expression"),
        ({"match": ["주간"]}, "match is '주간'; it must be a dictionary"),
        ({"match": "주간"}, "match is '주간'; it must be a dictionary, a list of dictionaries, or JSON"),
        (
            {"match": {"chanel": "#general"}},
            "match has unknown conditions: 'chanel'; known are event, channel",
        ),
        ({"match": {"event": "message", "command": "/x"}}, "command '/x' needs the event slash_commands"),
    ],
)
def test_what_can_never_work_is_refused_in_the_dag_file(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SlackSocketModeTrigger(**arguments)


# --- by itself, and in Airflow's database


def test_without_a_shared_stream_it_runs_by_itself(app: App) -> None:
    async def scenario() -> None:
        events = SlackSocketModeTrigger(events=MESSAGES).run()
        first = asyncio.ensure_future(anext(events))
        await listening(app)
        await app.say("하나")
        await app.say("둘")
        assert [(await first).payload["text"], (await anext(events)).payload["text"]] == ["하나", "둘"]
        await until(lambda: app.told("하나").acked_at)
        assert app.told("둘").acked_at is None
        await events.aclose()  # type: ignore[attr-defined]
        await listening(app, 0)

    run(scenario)


def test_airflow_makes_the_same_trigger_of_what_is_serialized() -> None:
    trigger = SlackSocketModeTrigger(
        slack_app_conn_id="어떤_앱",
        events=("message.im", "slash_commands"),
        match=[{"channel": "#주간-보고", "pattern": "이번 ?주"}, {"command": "/report"}],
        backfill_channels=("C0HO32ZNPPO",),
        backfill_hours=1.5,
        by_bots=True,
        exclusive=True,
        response_url=True,
    )
    encoded = encode_trigger(trigger)
    assert encoded["classpath"] == "workplace_provider.slack.triggers.socket.SlackSocketModeTrigger"
    in_database = Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(encoded["kwargs"]))
    again = SlackSocketModeTrigger(**{name: smart_decode_trigger_kwargs(value) for name, value in in_database.items()})
    assert again.serialize() == trigger.serialize()
    # By this Airflow finds out whether a trigger has changed; one that always has is ended and begun again.
    assert BaseEventTrigger.hash(encoded["classpath"], in_database) == BaseEventTrigger.hash(*trigger.serialize())
    assert again._digest() == trigger._digest() != SlackSocketModeTrigger()._digest()
    assert SlackSocketModeTrigger(exclusive=True, backfill_hours=1)._digest() == SlackSocketModeTrigger()._digest()
    assert again.shared_stream_key() == trigger.shared_stream_key() != SlackSocketModeTrigger().shared_stream_key()
