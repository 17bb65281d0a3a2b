"""The Socket Mode client against the sandbox, over real WebSockets."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
import re
from base64 import b64encode
from hashlib import sha1
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from support.certificates import certificates
from support.waiting import until
from unit.slack.socket_mode.conftest import CHANNEL, QUICK, App, connected, delivered, is_quiet, run
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import AuthFailed, Conflict, Forbidden, SourceUnavailable, WorkplaceError
from workplace_provider.slack.socket_mode import Connected, Delivery, SocketUrls
from workplace_sandbox import Sandbox

# --- events


def test_an_event_in_its_small_form(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            assert (await connected(listener)).others == 0
            said = await app.say("주간 보고 주세요")
            delivery = await delivered(listener)
            event = delivery.event
            assert (event.type, event.channel, event.channel_type) == ("message", app.channel, "channel")
            assert (event.text, event.ts, event.user) == (said.text, said.ts, said.user_id)
            assert event.event_id == app.told(said.text).event_id
            assert event.team == "T0SANDBOX"
            assert "sandbox-verification" not in str(event.payload(response_url=True))

    run(scenario)


def test_an_event_is_acknowledged_when_it_is_taken_care_of(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            await app.say("하나")
            delivery = await delivered(listener)
            await asyncio.sleep(0.2)
            assert app.told("하나").acked_at is None
            await listener.ack(delivery)
            await until(lambda: app.told("하나").acked_at)
            await listener.ack(delivery)
            assert await is_quiet(listener)

    run(scenario)


def test_a_copy_is_held_while_the_first_is_open(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.1, times=50)

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            await app.say("하나")
            delivery = await delivered(listener)
            told = app.told("하나")
            await until(lambda: len(told.sent) >= 4)
            assert told.acked_at is None
            assert await is_quiet(listener)
            await listener.ack(delivery)
            await until(lambda: told.acked_at)
            copies = len(told.sent)
            assert await is_quiet(listener)
            assert len(told.sent) == copies

    run(scenario)


def test_what_could_not_be_taken_care_of_comes_out_again(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.1, times=50)

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            await app.say("하나")
            first = await delivered(listener)
            listener.release(first)
            second = await delivered(listener)
            assert second.event.event_id == first.event.event_id
            assert app.told("하나").acked_at is None
            await listener.ack(second)
            await until(lambda: app.told("하나").acked_at)

    run(scenario)


def test_a_copy_that_comes_after_a_reconnect_is_acknowledged_at_once(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.3, times=50)

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            await app.say("하나")
            delivery = await delivered(listener)
            app.sandbox.slack.drop_sockets()
            await connected(listener)
            # The acknowledgement has no socket to go through any more.
            await listener.ack(delivery)
            await until(lambda: app.told("하나").acked_at)
            assert await is_quiet(listener)

    run(scenario)


def test_the_apps_own_messages_are_acknowledged_and_never_come_out(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            await app.do(app.sandbox.slack.say, CHANNEL, "report-bot", "제가 썼어요")
            await until(lambda: app.told("제가 썼어요").acked_at)
            assert await is_quiet(listener)

    run(scenario)


def test_a_command_is_acknowledged_within_a_second(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            told = await app.command("/report", "이번 주")
            event = (await delivered(listener)).event
            await until(lambda: told.acked_at)
            assert (told.acked_at - told.sent[0].at).total_seconds() < 1
            assert (event.type, event.command, event.text) == ("slash_commands", "/report", "이번 주")
            assert event.payload(response_url=True)["response_url"] == told.payload["response_url"]
            assert "response_url" not in event.payload()
            assert told.payload["response_url"] not in repr(event)

    run(scenario)


def test_a_click_is_acknowledged_and_delivered(app: App) -> None:
    buttons = [
        {"type": "button", "action_id": name, "text": {"type": "plain_text", "text": name}, "value": f"{name}!"}
        for name in ("approve", "ask")
    ]
    block = {"type": "actions", "block_id": "buttons", "elements": buttons}

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            question = await app.do(app.sandbox.slack.say, CHANNEL, "report-bot", "발행할까요?", blocks=[block])
            click = await app.do(app.sandbox.slack.click, CHANNEL, "alex", question.ts, "approve")
            event = (await delivered(listener)).event
            await until(lambda: click.acked_at)
            assert (event.type, event.action_id, event.value) == ("block_actions", "approve", "approve!")
            assert (event.channel, event.item_ts, event.ts) == (app.channel, question.ts, "")
            assert event.user == app.sandbox.slack.person("alex").id
            assert event.payload()["ts"] == question.ts
            assert event.response_url == click.payload["response_url"]
            # Nothing in it is for a DAG.
            view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": [], "notify_on_close": True}
            opened = await app.do(app.sandbox.slack.open_view, click.payload["trigger_id"], view)
            await app.do(app.sandbox.slack.close_view, opened.id)
            await until(lambda: app.sandbox.slack.deliveries("interactive")[-1].acked_at)
            assert await is_quiet(listener)

    run(scenario)


# --- staying connected


def test_the_next_socket_is_there_before_the_last_one_ends(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            app.sandbox.slack.disconnect("refresh_requested", grace=1.0)
            assert (await connected(listener)).others == 0
            assert app.sandbox.slack.socket_count() == 2
            await until(lambda: app.sandbox.slack.socket_count() == 1)
            await app.say("다음")
            assert (await delivered(listener)).event.text == "다음"

    run(scenario)


def test_a_refused_upgrade_during_a_refresh_takes_a_new_ticket(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            before = app.tickets
            app.sandbox.slack.refuse_sockets(3)
            app.sandbox.slack.disconnect("refresh_requested", grace=0.1)
            await connected(listener)
            assert app.tickets - before == 4
            await app.say("들려요")
            assert (await delivered(listener)).event.text == "들려요"

    run(scenario)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "html", "truncate", "status"])
def test_what_goes_wrong_on_the_way_to_a_ticket_is_tried_again(app: App, kind: str) -> None:
    from workplace_sandbox.faults import Fault

    app.sandbox.add_fault(Fault(r"apps\.connections\.open", kind, times=2))  # type: ignore[arg-type]

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)

    run(scenario)
    assert app.tickets == 3


def test_a_rate_limit_is_obeyed(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app.sandbox.slack.ratelimit("apps.connections.open", retry_after=1)

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert app.tickets == 2
    assert "in 1.0 s" in caplog.text


def test_a_connection_that_never_lasts_is_not_asked_for_without_end(app: App) -> None:
    async def scenario() -> None:
        async with app.listening(
            socket_settings=dataclasses.replace(QUICK, first_wait=0.2, longest_wait=0.4, settled=60)
        ) as listener:
            for _ in range(4):
                await connected(listener)
                app.sandbox.slack.drop_sockets()
            await asyncio.sleep(0.5)

    run(scenario)
    assert app.tickets <= 7


def test_an_end_that_went_away_without_a_word_is_noticed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    greeted: list[str] = []

    async def greet_and_fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.partition(": ")[2] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = b64encode(sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        upgrade = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*upgrade, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        hello = b'{"type":"hello","num_connections":1}'
        writer.write(bytes([0x81, len(hello)]) + hello)
        greeted.append(key)
        await reader.read()
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(greet_and_fall_silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(SocketUrls, "request", lambda _: f"ws://127.0.0.1:{port}/link?ticket=x")
        async with server, app.listening(socket_settings=dataclasses.replace(QUICK, heartbeat=0.2)) as listener:
            assert [(await connected(listener)).number for _ in range(3)] == [1, 2, 3]

    run(scenario)
    assert len(set(greeted)) >= 3


@pytest.mark.parametrize("hello", [b"[]", b"null", b'"hello"', b"1"])
def test_a_hello_that_is_no_object_is_a_failed_attempt(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hello: bytes
) -> None:
    attempts = 0

    async def greet(request: web.Request) -> web.WebSocketResponse:
        nonlocal attempts
        attempts += 1
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        good = b'{"type":"hello","num_connections":1}'
        await websocket.send_str((hello if attempts == 1 else good).decode())
        await websocket.receive()
        return websocket

    async def scenario() -> None:
        server = web.Application()
        server.router.add_get("/link", greet)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        monkeypatch.setattr(SocketUrls, "request", lambda _: f"ws://127.0.0.1:{port}/link?ticket=secret")
        async with app.listening() as listener:
            assert (await connected(listener)).number == 1
        await runner.cleanup()

    run(scenario)
    assert attempts == 2
    assert "The WebSocket could not be opened: TypeError" in caplog.text
    assert "secret" not in caplog.text


# --- errors that no further attempt cures


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("xapp-wrong", AuthFailed, "invalid_auth.*connections:write"),
        ("xoxb-sandbox", Forbidden, "not_allowed_token_type.*app-level token"),
        ("xapp-sandbox-inactive", AuthFailed, "account_inactive"),
        ("xapp-sandbox-no-scope", Forbidden, "connections:write"),
    ],
)
def test_a_token_that_is_refused_is_an_error(app: App, token: str, kind: type[WorkplaceError], words: str) -> None:
    async def scenario() -> None:
        async with app.listening(token) as listener:
            for _ in range(2):
                with pytest.raises(kind, match=words):
                    await listener.receive()

    run(scenario)
    assert app.tickets == 1


def test_the_pause_before_such_an_error_grows(app: App, caplog: pytest.LogCaptureFixture) -> None:
    socket_settings = dataclasses.replace(QUICK, first_pause=1.0, longest_pause=3.0)

    async def scenario() -> None:
        for number in range(4):
            async with app.listening("xapp-wrong", socket_settings=socket_settings) as listener:
                receiving = asyncio.ensure_future(listener.receive())
                # That long, nobody wants to wait: it is announced first.
                await until(lambda wanted=number + 1: caplog.text.count("invalid_auth") >= wanted)
                receiving.cancel()

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert app.tickets == 4
    pauses = [float(found) for found in re.findall(r"ends in ([0-9.]+) s: .*invalid_auth", caplog.text)]
    assert pauses == [1.0, 2.0, 3.0, 3.0]
    assert "xapp-wrong" not in caplog.text


def test_socket_mode_switched_off(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)
            app.sandbox.slack.disconnect("link_disabled", grace=0.1)
            with pytest.raises(Forbidden, match="Enable it in the app's settings"):
                await listener.receive()

    run(scenario)


def test_the_ticket_is_in_no_message(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app.sandbox.slack.refuse_sockets(2)

    async def scenario() -> None:
        async with app.listening() as listener:
            await connected(listener)

    with caplog.at_level(logging.DEBUG, logger="workplace_provider"):
        run(scenario)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("workplace_provider"))
    assert "403" in said
    assert not re.search("ticket=[0-9a-f]", said)


def test_a_companys_own_authority_and_a_client_certificate(app: App, tmp_path: Path) -> None:
    authority, server, mine = certificates(tmp_path)
    tls = {"ssl_certfile": server[0], "ssl_keyfile": server[1], "ssl_ca_certs": authority}
    known = HttpSettings(ca_bundle=str(authority), client_cert=(str(mine[0]), str(mine[1])))

    async def scenario(sandbox: Sandbox) -> None:
        async with App(sandbox).listening(settings=known) as listener:
            await connected(listener)
            await App(sandbox).say("안전하게")
            assert (await delivered(listener)).event.text == "안전하게"
        async with App(sandbox).listening(settings=HttpSettings(ca_bundle=None)) as listener:
            with pytest.raises(SourceUnavailable, match="ca_bundle"):
                await listener.receive()

    with Sandbox(seed=False, **tls) as sandbox:
        assert sandbox.slack_api_url.startswith("https:")
        run(lambda: scenario(sandbox))


def test_an_old_socket_is_not_kept_for_ever(app: App) -> None:
    async def scenario() -> None:
        async with app.listening(socket_settings=dataclasses.replace(QUICK, drain=0.2)) as listener:
            await connected(listener)
            app.sandbox.slack.disconnect("warning", grace=60)
            await connected(listener)
            await until(lambda: app.sandbox.slack.socket_count() == 1)
            await app.say("다음")
            assert (await delivered(listener)).event.text == "다음"

    run(scenario)


# --- two of them


def test_somebody_else_is_reported_when_that_changes(app: App, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with app.listening() as first, app.listening() as second:
            seen = [[0, (await connected(each)).others] for each in (first, second)]
            assert seen == [[0, 0], [0, 1]]
            for _ in range(3):
                app.sandbox.slack.disconnect("refresh_requested", grace=0.3)
                for values, each in zip(seen, (first, second), strict=True):
                    values.append((await connected(each)).others)
                await until(lambda: app.sandbox.slack.socket_count() == 2)
            changes.extend(new for values in seen for old, new in pairwise(values) if new not in (0, old))

    changes: list[int] = []
    with caplog.at_level(logging.ERROR):
        run(scenario)
    errors = [record for record in caplog.records if "same Slack app" in record.getMessage()]
    assert len(errors) == len(changes) >= 2


def test_who_wants_to_be_alone_leaves_the_events_to_the_other(app: App) -> None:
    async def scenario() -> None:
        async with app.listening() as first, app.listening(exclusive=True) as second:
            await connected(first)
            with pytest.raises(Conflict, match="receives a part of the events"):
                await second.receive()
            await until(lambda: app.sandbox.slack.socket_count() == 1)
            for text in "가나다":
                await app.say(text)
            assert {(await delivered(first)).event.text for _ in range(3)} == set("가나다")

    run(scenario)


def test_the_connections_before_are_no_strangers(app: App) -> None:
    async def scenario() -> None:
        async with app.listening(exclusive=True) as listener:
            for _ in range(3):
                await connected(listener)
                app.sandbox.slack.disconnect("warning", grace=3.0)
            await connected(listener)
            app.sandbox.slack.drop_sockets()
            await connected(listener)

    run(scenario)


# --- under load


def test_each_event_comes_out_once_through_refreshes_and_breaks(app: App) -> None:
    app.sandbox.slack.set_redelivery(after=0.3, times=100)
    count = 150

    async def talk() -> None:
        for number in range(count):
            await app.say(f"{number}")
            if number % 40 == 20:
                app.sandbox.slack.refuse_sockets(1)
                app.sandbox.slack.disconnect("refresh_requested", grace=0.05)
            if number % 40 == 35:
                app.sandbox.slack.drop_sockets()

    async def scenario() -> list[str]:
        got: list[str] = []
        async with app.listening() as listener:
            await connected(listener)
            talking = asyncio.create_task(talk())
            turn = itertools.count()
            while len(got) < count:
                item = await asyncio.wait_for(listener.receive(), 30)
                if isinstance(item, Connected):
                    continue
                assert isinstance(item, Delivery)
                # Some are not taken care of the first time.
                if next(turn) % 7 == 3:
                    listener.release(item)
                else:
                    got.append(item.event.text)
                    await listener.ack(item)
            await talking
            assert await is_quiet(listener, 1.0)
            await until(lambda: all(each.acked_at for each in app.sandbox.slack.deliveries()))
        return got

    got = run(scenario)
    assert sorted(map(int, got)) == list(range(count))
