"""Alarms: what a template inserts is text, secrets are masked, and every call renders the template anew."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.log import mask_secret

from support.scripted_server import ScriptedServer, reply
from support.slack_workspace import CHANNEL, SlackWorkspace
from workplace_provider.slack.notifications import SlackAlarmNotifier, SlackPostNotifier

SECRET = "S3CRET-of-a-<connection>"
LOG = "https://airflow.example/dags/d/runs/r/tasks/t?try_number=1&map_index=-1"


def failed(exception: Any = "no", *, native: bool = False) -> Any:
    """Return the context of a task that failed."""
    return {
        "dag": DAG("d", schedule=None, render_template_as_native_obj=native),
        "ti": SimpleNamespace(task_id="t", log_url=LOG),
        "run_id": "manual__<!here>",
        "exception": exception,
    }


@pytest.fixture(autouse=True)
def webhook(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{server.url}/services/T0/B0/path"
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALARM", json.dumps({"conn_type": "slackwebhook", "password": url}))
    server.will(reply(200, b"ok"))
    mask_secret(SECRET)


def texts(server: ScriptedServer) -> list[str]:
    return [json.loads(asked.body)["text"] for asked in server.asked]


@pytest.mark.parametrize("native", [False, True])
def test_the_default_alarm_shows_an_error_as_it_is(server: ScriptedServer, native: bool) -> None:
    error = ValueError(f"<!channel> <@U1> <https://evil.example|Log in> {SECRET} \x1b[2J\u202e {{{{7*7}}}}")
    SlackAlarmNotifier()(failed(error, native=native))
    (shown,) = texts(server)
    assert shown == (
        ":rotating_light: *d* failed in task `t` (run `manual__&lt;!here&gt;`)\n"
        "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|Log in&gt; *** \\x1b[2J\\u202e {{7*7}}\n"
        f"<{LOG.replace('&', '&amp;')}|Open the log>"
    )


def test_the_markup_of_a_template_stays(server: ScriptedServer) -> None:
    text = "<!subteam^S1> *{{ dag.dag_id }}* {{ made | safe }} {{ raw }} <{{ ti.log_url }}|log> {{ exception | slack_text }}"
    SlackAlarmNotifier(text=text)({**failed("<a>"), "made": "<https://a.example|a>", "raw": "<!here> {'a': 1}"})
    assert texts(server) == [
        f"<!subteam^S1> *d* <https://a.example|a> &lt;!here&gt; {{'a': 1}} <{LOG.replace('&', '&amp;')}|log> &lt;a&gt;"
    ]


def test_addresses_with_credentials_are_shown_without(server: ScriptedServer) -> None:
    words = "401 for url: https://u:pw@feeds.example/a.xml?token=abc&no=7"
    for exception in (OSError(words), words):
        SlackAlarmNotifier(text="{{ exception }}")(failed(exception))
    assert texts(server) == [
        "401 for url: https://feeds.example/a.xml?token=***&amp;no=***",
        "401 for url: https://feeds.example/a.xml?no=7",
    ]


@pytest.mark.parametrize("awaited", [False, True])
def test_every_call_renders_the_template(server: ScriptedServer, awaited: bool) -> None:
    notifier = SlackAlarmNotifier(text="{{ exception }}")
    for exception in ("{{7*7}}", "{{ conn.slack_alarm.password }}", "third"):
        if awaited:
            notifier.context = failed(exception)
            asyncio.run(_wait_for(notifier))
        else:
            notifier(failed(exception))
    assert texts(server) == ["{{7*7}}", "{{ conn.slack_alarm.password }}", "third"]
    assert notifier.text == "{{ exception }}"


async def _wait_for(notifier: Any) -> None:
    await notifier


def test_text_is_text_where_a_dag_renders_python_objects(server: ScriptedServer) -> None:
    for exception in ("0x10", "[1, 2]", "None"):
        SlackAlarmNotifier(text="{{ exception }}")(failed(exception, native=True))
    assert texts(server) == ["0x10", "[1, 2]", "None"]


def test_secrets_in_the_text_itself_are_masked(server: ScriptedServer) -> None:
    SlackAlarmNotifier(text=f"login with {SECRET}")(failed())
    assert texts(server) == ["login with ***"]


def test_an_alarm_that_slack_refuses_shows_no_url(server: ScriptedServer) -> None:
    server.will(reply(404, b"no_service"))
    with pytest.raises(Exception, match="no_service") as caught:
        SlackAlarmNotifier()(failed())
    assert "B0" not in str(caught.value)


def test_notices_are_escaped_in_text_and_blocks(workspace: SlackWorkspace) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*{{ exception }}* failed"}}
    notifier = SlackPostNotifier(channel=CHANNEL, blocks=[block], throttle_minutes=0, key="{{ exception }}")
    for exception in (f"<!channel> {SECRET}", "{{7*7}}"):
        notifier(failed(ValueError(exception)))
    first, second = (message.payload for message in workspace.said)
    assert first["blocks"][0]["text"]["text"] == "*&lt;!channel&gt; **** failed"
    assert "<!channel>" not in workspace.texts[0]
    assert second["blocks"][0]["text"]["text"] == "*{{7*7}}* failed"
    assert notifier.blocks == [block]
    assert block["text"] == {"type": "mrkdwn", "text": "*{{ exception }}* failed"}
