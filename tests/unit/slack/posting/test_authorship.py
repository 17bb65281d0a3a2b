from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.slack_workspace import CHANNEL, SlackWorkspace, context
from workplace_provider.slack.authorship import parse_icon
from workplace_provider.slack.notifications import SlackPostNotifier
from workplace_provider.slack.operators import SlackPostOperator
from workplace_sandbox.faults import Fault

WARNING = "the token needs the scope chat:write.customize"


def post(**arguments: Any) -> Any:
    return SlackPostOperator(task_id="post", **{"channel": CHANNEL, "text": "주간 보고", **arguments}).execute(context())


def use_token(workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    token, url = f"{workspace.sandbox.slack_bot_token}-{name}", workspace.sandbox.slack_api_url
    connection = {"conn_type": "slack", "password": token, "extra": {"base_url": url}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))


@pytest.mark.parametrize(
    ("icon", "argument"), [(":memo:", "icon_emoji"), ("https://a.example/x.png", "icon_url"), (":+1::skin-tone-2:", "")]
)
def test_another_name_and_icon(workspace: SlackWorkspace, icon: str, argument: str) -> None:
    result = post(username="주간 보고 로봇", icon=icon)
    (message,) = workspace.said
    assert message.username == "주간 보고 로봇"
    assert message.payload.get(argument or "icon_emoji") == icon
    # A retry finds the message by its key, whatever its name is.
    assert post(username="다른 이름", icon=icon) == result


def test_every_part_of_a_long_message_has_them(workspace: SlackWorkspace) -> None:
    post(text="가" * 9_000, username="로봇")
    assert [message.username for message in workspace.said] == ["로봇"] * 3


def test_without_the_scope_the_app_posts_under_its_own_name(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_token(workspace, monkeypatch, "no-customize")
    post(text="가" * 5_000, username="로봇", icon=":memo:")
    assert {message.username for message in workspace.said} == {workspace.sandbox.slack.person("report-bot").shown_name}
    assert len(workspace.said) == 2
    assert caplog.text.count(WARNING) == 1
    use_token(workspace, monkeypatch, "read-only")
    with pytest.raises(AirflowFailException, match="needs the scope chat:write"):
        post(text="다른 글", username="로봇", dedupe_key="other")


def test_a_name_that_slack_ignores_is_in_the_log(workspace: SlackWorkspace, caplog: pytest.LogCaptureFixture) -> None:
    body = '{"ok":true,"ts":"1796000000.000100","message":{"text":"x"}}'
    workspace.sandbox.add_fault(Fault("chat.postMessage", "status", status=200, body=body))
    poster = workspace.poster
    poster._submit({"channel": workspace.channel, "text": "x", "username": "로봇"})
    assert WARNING in caplog.text


@pytest.mark.parametrize("icon", ["memo", "http://a.example/x.png", ": memo :", "javascript:x"])
def test_an_icon_is_an_emoji_or_an_https_address(icon: str) -> None:
    with pytest.raises(AirflowFailException, match=r"icon is .* must be an emoji such as ':memo:'"):
        post(icon=icon)


def test_an_icon_that_was_parsed_stays() -> None:
    assert parse_icon(parse_icon(":memo:", "icon"), "icon") == {"icon_emoji": ":memo:"}


def test_data_of_a_mapped_message_cannot_take_another_name() -> None:
    with pytest.raises(AirflowFailException, match="unknown key 'username'"):
        post(message={"text": "x", "username": "사장님"})


def test_a_notice_with_another_name(workspace: SlackWorkspace) -> None:
    SlackPostNotifier(channel=CHANNEL, text="실패", username="경보", icon=":rotating_light:", key="k").notify({})
    (message,) = workspace.said
    assert (message.username, message.payload["icon_emoji"]) == ("경보", ":rotating_light:")
