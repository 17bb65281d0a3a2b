"""Socket Mode, by a plain WebSocket client that knows nothing of Slack."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from support.waiting import wait_until
from unit.sandbox.conftest import Slack
from workplace_sandbox import Sandbox
from workplace_sandbox.slack import response_urls

CHANNEL = "weekly-report"


class App:
    """An app of the workspace."""

    def __init__(self, sandbox: Sandbox, cleanup: ExitStack) -> None:
        self.sandbox = sandbox
        self._web = Slack(sandbox.slack_api_url, sandbox.slack_app_token)
        self._cleanup = cleanup

    def ticket(self) -> str:
        url: str = self._web.call("apps.connections.open")["url"]
        return url

    def connect(self, url: str = "") -> Socket:
        return Socket(self._cleanup.enter_context(connect(url or self.ticket(), proxy=None)))


class Socket:
    """A WebSocket of the app; the first message is read already."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.hello = self.receive()

    def receive(self, timeout: float = 10) -> Any:
        return json.loads(self._connection.recv(timeout))

    def event(self, kind: str) -> Any:
        """The next envelope with an event of that type; the others on the way are acknowledged."""
        while True:
            envelope = self.receive()
            if envelope["payload"].get("event", {}).get("type") == kind:
                return envelope
            self.ack(envelope)

    def ack(self, envelope: Any, payload: Any = None) -> None:
        self._connection.send(
            json.dumps({"envelope_id": envelope["envelope_id"]} | ({"payload": payload} if payload else {}))
        )

    def is_quiet(self, seconds: float = 0.3) -> bool:
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def is_over(self) -> None:
        """Read what still comes, to the end of the connection."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.receive()

    def ends(self) -> bool:
        with pytest.raises(ConnectionClosed):
            self.receive()
        return True


@pytest.fixture
def app(sandbox: Sandbox) -> Iterator[App]:
    with ExitStack() as cleanup:
        yield App(sandbox, cleanup)


# --- connecting


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (None, "not_authed"),
        ("xapp-unknown", "invalid_auth"),
        ("xoxb-sandbox", "not_allowed_token_type"),
        ("xapp-sandbox-inactive", "account_inactive"),
        ("xapp-sandbox-no-scope", "missing_scope"),
    ],
)
def test_a_token_that_is_not_taken(sandbox: Sandbox, token: str | None, error: str) -> None:
    assert Slack(sandbox.slack_api_url, token).refused("apps.connections.open") == error


def test_the_token_is_only_read_from_the_header(sandbox: Sandbox) -> None:
    assert Slack(sandbox.slack_api_url, None).refused("apps.connections.open", token="xapp-sandbox") == "not_authed"


def test_a_rate_limit_says_how_long_to_wait(sandbox: Sandbox, app: App) -> None:
    sandbox.slack.ratelimit("apps.connections.open", retry_after=7)
    answer = Slack(sandbox.slack_api_url, sandbox.slack_app_token).answer("apps.connections.open")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert app.ticket()


def test_a_ticket_is_good_for_one_attempt(sandbox: Sandbox, app: App) -> None:
    used = app.ticket()
    app.connect(used)
    refused = app.ticket()
    sandbox.slack.refuse_sockets()
    for url in (used, refused, refused, used.replace("ticket=", "ticket=x")):
        with pytest.raises(InvalidStatus):
            app.connect(url)


def test_hello_counts_the_connections(app: App) -> None:
    first, second = app.connect(), app.connect()
    assert (first.hello["type"], first.hello["num_connections"], second.hello["num_connections"]) == ("hello", 1, 2)
    assert first.hello["connection_info"] == {"app_id": "A0SANDBOX"}


def test_an_eleventh_connection_is_turned_away(app: App) -> None:
    for _ in range(10):
        assert app.connect().hello["type"] == "hello"
    turned_away = app.connect()
    assert turned_away.hello["reason"] == "too_many_websockets"
    assert turned_away.ends()


# --- events


def test_a_message_of_a_person(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    said = sandbox.slack.say(CHANNEL, "jimin", "이번 주 보고서 어디 있어요?")
    envelope = socket.receive()
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("events_api", False)
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (0, "")
    payload, event = envelope["payload"], envelope["payload"]["event"]
    bot = sandbox.slack.person("report-bot")
    assert (payload["type"], payload["api_app_id"]) == ("event_callback", "A0SANDBOX")
    assert payload["event_id"].startswith("Ev")
    assert payload["authorizations"][0] | {"user_id": bot.id, "is_bot": True} == payload["authorizations"][0]
    assert event | {"type": "message", "text": said.text, "ts": said.ts, "channel_type": "channel"} == event
    assert event["channel"] == sandbox.slack.channel(CHANNEL).id
    assert event["user"] == sandbox.slack.person("jimin").id
    assert "subtype" not in event


def test_a_mention_is_told_of_as_well(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    said = sandbox.slack.write(CHANNEL, "jimin", "@bot 부탁 <해요>")
    message, mention = socket.receive()["payload"], socket.receive()["payload"]
    bot = sandbox.slack.person("report-bot").id
    assert said.text == f"<@{bot}> 부탁 &lt;해요&gt;"
    assert [each["event"]["type"] for each in (message, mention)] == ["message", "app_mention"]
    assert message["event"]["ts"] == mention["event"]["ts"] == said.ts
    assert message["event_id"] != mention["event_id"]


def test_a_reply_knows_its_thread(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    parent = sandbox.slack.say(CHANNEL, "jimin", "질문")
    assert socket.receive()["payload"]["event"]["ts"] == parent.ts
    sandbox.slack.say(CHANNEL, "alex", "answer", parent.ts)
    event = socket.receive()["payload"]["event"]
    assert (event["thread_ts"], event["parent_user_id"]) == (parent.ts, sandbox.slack.person("jimin").id)


def test_the_apps_own_messages_come_back_to_it(sandbox: Sandbox, app: App, slack: Slack) -> None:
    socket = app.connect()
    slack.call("chat.postMessage", channel=sandbox.slack.channel(CHANNEL).id, text="제가 쓴 글")
    event = socket.receive()["payload"]["event"]
    bot = sandbox.slack.person("report-bot")
    assert (event["user"], event["bot_id"], event["app_id"]) == (bot.id, bot.bot_id, "A0SANDBOX")


def test_edits_and_deletions(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    said = sandbox.slack.say(CHANNEL, "jimin", "처음")
    socket.ack(socket.receive())
    edited = sandbox.slack.edit(said, "나중")
    changed = socket.receive()
    socket.ack(changed)
    sandbox.slack.delete(edited)
    deleted = socket.receive()["payload"]["event"]
    event = changed["payload"]["event"]
    assert (event["subtype"], event["message"]["text"], event["previous_message"]["text"]) == (
        "message_changed",
        "나중",
        "처음",
    )
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", said.ts)


def test_nothing_is_told_of_where_the_bot_is_not_nor_of_the_past(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    sandbox.slack.add_channel("without", members=["jimin"])
    sandbox.slack.say("without", "jimin", "모르게")
    before = sandbox.slack.say(CHANNEL, "jimin", "먼저")
    sandbox.slack.say(CHANNEL, "jimin", "어제", at=before.at - timedelta(days=1))
    assert socket.receive()["payload"]["event"]["text"] == "먼저"
    assert len(sandbox.slack.deliveries()) == 1


# --- acknowledging


def test_what_is_not_acknowledged_comes_again_in_a_new_envelope(sandbox: Sandbox, app: App) -> None:
    sandbox.slack.set_redelivery(after=0.1, times=2)
    socket = app.connect()
    sandbox.slack.say(CHANNEL, "jimin", "들려요?")
    copies = [socket.receive() for _ in range(3)]
    assert len({copy["envelope_id"] for copy in copies}) == 3
    assert len({copy["payload"]["event_id"] for copy in copies}) == 1
    assert [(copy["retry_attempt"], copy["retry_reason"]) for copy in copies] == [(0, ""), (1, "timeout"), (2, "timeout")]
    assert socket.is_quiet()
    (delivery,) = sandbox.slack.deliveries()
    assert delivery.given_up
    assert delivery.acked_at is None


def test_what_is_acknowledged_does_not(sandbox: Sandbox, app: App) -> None:
    sandbox.slack.set_redelivery(after=0.1)
    socket = app.connect()
    sandbox.slack.say(CHANNEL, "jimin", "들려요?")
    socket.ack(socket.receive())
    assert socket.is_quiet()
    assert sandbox.slack.deliveries()[0].acked_at is not None


def test_what_is_said_while_nobody_listens_comes_when_somebody_does(sandbox: Sandbox, app: App) -> None:
    sandbox.slack.set_redelivery(after=0.2, times=20)
    said = sandbox.slack.say(CHANNEL, "jimin", "아무도 없나요")
    assert app.connect().receive()["payload"]["event"]["ts"] == said.ts


def test_each_event_goes_to_one_of_the_connections(sandbox: Sandbox, app: App) -> None:
    sockets = [app.connect() for _ in range(3)]
    for number in range(6):
        sandbox.slack.say(CHANNEL, "jimin", f"{number}")
    got = [[socket.receive()["payload"]["event"]["text"] for _ in range(2)] for socket in sockets]
    assert sorted(text for each in got for text in each) == [f"{number}" for number in range(6)]
    assert all(socket.is_quiet(0.05) for socket in sockets)


def test_rubbish_is_passed_over(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    for rubbish in ("", "no json", "[]", '{"envelope_id": 1}', '{"envelope_id": "unknown"}'):
        socket._connection.send(rubbish)
    sandbox.slack.say(CHANNEL, "jimin", "아직")
    assert socket.receive()["payload"]["event"]["text"] == "아직"


# --- the end of a connection


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
def test_an_announced_end(sandbox: Sandbox, app: App, reason: Any) -> None:
    socket = app.connect()
    assert sandbox.slack.disconnect(reason, grace=0.1) == 1
    said = socket.receive()
    assert (said["type"], said["reason"]) == ("disconnect", reason)
    assert socket.ends()
    wait_until(lambda: sandbox.slack.socket_count() == 0)


def test_a_connection_that_is_to_end_is_spared_while_there_is_another(sandbox: Sandbox, app: App) -> None:
    leaving = app.connect()
    sandbox.slack.disconnect(grace=1.0)
    assert leaving.receive()["type"] == "disconnect"
    sandbox.slack.say(CHANNEL, "jimin", "처음")
    assert leaving.receive()["payload"]["event"]["text"] == "처음"
    staying = app.connect()
    sandbox.slack.say(CHANNEL, "jimin", "다음")
    assert staying.receive()["payload"]["event"]["text"] == "다음"


def test_an_end_without_a_word(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    sandbox.slack.drop_sockets()
    assert socket.ends()


def test_a_reason_that_there_is_not(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="link_disabled"):
        sandbox.slack.disconnect("boredom")  # type: ignore[arg-type]


def test_a_reset_ends_everything(sandbox: Sandbox, app: App) -> None:
    unused, socket = app.ticket(), app.connect()
    sandbox.slack.set_redelivery(after=0.1, times=50)
    sandbox.slack.say(CHANNEL, "jimin", "잊어요")
    sandbox.reset(seed=False)
    socket.is_over()
    with pytest.raises(InvalidStatus):
        app.connect(unused)
    assert sandbox.slack.deliveries() == []
    assert app.connect().is_quiet()


# --- slash commands


def respond(url: str, **answer: Any) -> tuple[int, str]:
    got = requests.post(url, json=answer, timeout=10)
    return got.status_code, got.text if got.text == "ok" else got.json()["error"]


def test_a_slash_command(sandbox: Sandbox, app: App) -> None:
    socket = app.connect()
    sandbox.slack.write(CHANNEL, "jimin", "/잔디  이번 달  전체 ")
    envelope = socket.receive()
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    payload = envelope["payload"]
    assert (payload["command"], payload["text"]) == ("/잔디", "이번 달  전체")
    assert (payload["channel_id"], payload["channel_name"]) == (sandbox.slack.channel(CHANNEL).id, CHANNEL)
    assert payload["user_name"] == "jimin"
    # The acknowledgement may bring the answer, which only that person sees.
    socket.ack(envelope, {"text": "잠시만요"})
    wait_until(lambda: sandbox.slack.whispers(CHANNEL))
    (whisper,) = sandbox.slack.whispers(CHANNEL)
    assert (whisper.text, whisper.user_id) == ("잠시만요", payload["user_id"])
    assert sandbox.messages(f"#{CHANNEL}") == []


def test_answers_to_a_command(sandbox: Sandbox, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = app.connect()
    sandbox.slack.command(CHANNEL, "jimin", "/report")
    url = socket.receive()["payload"]["response_url"]
    assert respond(url) == (400, "no_text")
    assert respond(url, text="둘만") == (200, "ok")
    assert respond(url, text="모두", response_type="in_channel") == (200, "ok")
    assert [message.text for message in sandbox.messages(f"#{CHANNEL}")] == ["모두"]
    assert [whisper.text for whisper in sandbox.slack.whispers(CHANNEL)] == ["둘만"]
    assert [respond(url, text="더")[0] for _ in range(4)] == [200, 200, 200, 404]
    assert respond(url + "x", text="더") == (404, "invalid_url")
    sandbox.slack.command(CHANNEL, "jimin", "/report")
    monkeypatch.setattr(response_urls, "RESPONSE_LIFETIME", timedelta(0))
    late = sandbox.slack.deliveries("slash_commands")[-1].payload["response_url"]
    assert respond(late, text="늦었어요") == (404, "expired_url")


def test_a_command_that_nobody_takes(sandbox: Sandbox) -> None:
    sandbox.slack.command(CHANNEL, "jimin", "/report")
    wait_until(lambda: sandbox.slack.whispers(CHANNEL))
    assert "dispatch_failed" in sandbox.slack.whispers(CHANNEL)[0].text


def test_a_command_that_nobody_acknowledges(sandbox: Sandbox, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workplace_sandbox.slack.sockets.ACK_SECONDS", 0.1)
    socket = app.connect()
    sandbox.slack.command(CHANNEL, "jimin", "/report")
    socket.receive()
    wait_until(lambda: sandbox.slack.whispers(CHANNEL))
    assert "operation_timeout" in sandbox.slack.whispers(CHANNEL)[0].text
    assert socket.is_quiet()


def test_the_controls_over_http(sandbox: Sandbox, app: App) -> None:
    def control(action: str, **arguments: Any) -> requests.Response:
        return requests.post(f"{sandbox.url}/_sandbox/slack/{action}", json=arguments, timeout=10)

    socket = app.connect()
    assert control("socket_count").json() == {"result": 1}
    assert control("set_redelivery", after=0.1, times=1).ok
    assert control("command", channel=CHANNEL, user="jimin", command="/report").json()["kind"] == "slash_commands"
    assert socket.receive()["type"] == "slash_commands"
    assert control("write", channel=CHANNEL, user="jimin", typed="안녕").json()["text"] == "안녕"
    assert socket.event("message")["payload"]["event"]["text"] == "안녕"
    assert control("disconnect", reason="boredom").status_code == 400
    assert control("disconnect", grace=0.05).json() == {"result": 1}
