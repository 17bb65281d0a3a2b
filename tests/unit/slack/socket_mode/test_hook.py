"""The connection of an app, and the queue of the messaging provider."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.providers_manager import ProvidersManager
from airflow.sdk.exceptions import AirflowOptionalProviderFeatureException

from support.triggerer import triggerer
from support.waiting import until
from unit.slack.socket_mode.conftest import App, run
from workplace_provider.slack.hooks import SlackSocketModeHook
from workplace_provider.slack.queues import SlackMessageQueueProvider
from workplace_provider.slack.triggers import SlackSocketModeTrigger

Connect = Callable[..., None]


@pytest.fixture
def connect(app: App, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Change the app's connection."""

    def changed(password: str = "xapp-sandbox", **extra: Any) -> None:
        whole = {"base_url": app.sandbox.slack_api_url, "slack_conn_id": "slack_api_default"} | extra
        connection = {"conn_type": "slack_app", "password": password, "extra": whole}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_APP_DEFAULT", json.dumps(connection))

    return changed


def test_a_connection_that_works(app: App) -> None:
    passed, said = SlackSocketModeHook().test_connection()
    assert passed, said
    assert "데이터분석팀" in said
    assert app.sandbox.slack.socket_count() == 0


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "slack_app_default: the password must be the app-level token (xapp-…), but it is empty"),
        ("xoxb-sandbox", "it is another kind of token"),
        ("secret-of-something-else", "it has another format"),
        ("xapp-unknown", "invalid_auth"),
        ("xapp-sandbox-no-scope", "connections:write"),
    ],
)
def test_a_token_that_does_not(connect: Connect, password: str, words: str) -> None:
    connect(password)
    passed, said = SlackSocketModeHook().test_connection()
    assert not passed
    assert words in said
    assert not password or password not in said


def test_a_bot_that_does_not(connect: Connect) -> None:
    connect(slack_conn_id="nowhere")
    passed, said = SlackSocketModeHook().test_connection()
    assert not passed
    assert said.startswith("Socket Mode accepts the token; the bot's connection nowhere does not work")


def test_settings_that_cannot_be_read(connect: Connect) -> None:
    connect(read_timeout="soon")
    assert SlackSocketModeHook().test_connection() == (
        False,
        "connection slack_app_default: read_timeout is 'soon'; it must be a number of seconds above 0",
    )


def test_the_client_of_a_connection(app: App, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        for client in (SlackSocketModeHook().get_conn(), await SlackSocketModeHook().aget_client()):
            async with client:
                await client.receive()
                assert app.sandbox.slack.socket_count() == 1
            await until(lambda: app.sandbox.slack.socket_count() == 0)

    with caplog.at_level(logging.DEBUG):
        run(scenario)
    assert "xapp-sandbox" not in caplog.text


def test_airflow_finds_the_queue() -> None:
    manager = ProvidersManager()
    manager.initialize_providers_queues()
    assert "workplace_provider.slack.queues.SlackMessageQueueProvider" in manager.queue_class_names


def test_without_the_messaging_provider_airflow_passes_the_queue_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from workplace_provider.slack import queues as slack

    monkeypatch.setitem(sys.modules, "airflow.providers.common.messaging.providers.base_provider", None)
    spec = importlib.util.spec_from_file_location("queue_alone", slack.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(AirflowOptionalProviderFeatureException, match="'messaging'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_a_message_queue_trigger_takes_the_scheme(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.messaging.triggers import msg_queue

    monkeypatch.setattr(msg_queue, "MESSAGE_QUEUE_PROVIDERS", [SlackMessageQueueProvider()])
    trigger = MessageQueueTrigger(scheme="slack+socket", match={"command": "/report"})
    # In the triggerer it is the trigger itself, with the shared socket.
    assert trigger.serialize() == SlackSocketModeTrigger(match={"command": "/report"}).serialize()

    async def scenario() -> None:
        events = trigger.run()
        coming = asyncio.ensure_future(anext(events))
        await until(lambda: app.sandbox.slack.socket_count() == 1)
        await app.command("/report", "이번 주")
        assert (await coming).payload["text"] == "이번 주"
        await events.aclose()
        await until(lambda: app.sandbox.slack.socket_count() == 0)
        async with triggerer() as runner:
            runner.start(trigger.trigger)
            await until(lambda: app.sandbox.slack.socket_count() == 1)
            await app.command("/report", "다음 주")
            await until(lambda: runner.payloads())

    run(scenario)


def test_a_response_url_that_does_not_lead_to_slack_is_not_passed_on(app: App, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[str | None]:
        hook = SlackSocketModeHook("slack_app_default")
        urls = ["https://evil.example/commands/geheim", f"{app.sandbox.url}/slack/commands/T1/x"]
        return [await hook.aseal(url) for url in urls]

    refused, sealed = run(scenario)
    assert refused is None
    assert sealed is not None
    assert "does not lead to Slack" in caplog.text
    assert "geheim" not in caplog.text
