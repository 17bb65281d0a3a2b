from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from slack_sdk.models.blocks import DividerBlock, SectionBlock

from support.slack_workspace import CHANNEL, SlackWorkspace, State, context
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import Artifact
from workplace_provider.http.errors import SourceUnavailable
from workplace_provider.slack.client.response_url import seal
from workplace_provider.slack.operators import SlackPostOperator
from workplace_provider.slack.operators.post import SlackMessageLink
from workplace_sandbox.faults import Fault

POST_OF_2016: list[dict[str, Any]] = [
    {
        "pretext": "*배포* 알림",
        "title": "주간 보고 <2016>",
        "title_link": "https://wiki.example.com/?a=1&b=2",
        "fallback": "주간 보고",
        "text": "1 < 2 & *굵게*",
        "mrkdwn_in": ["text", "pretext"],
        "fields": [{"title": "사용자", "value": "1,234", "short": True}],
        "color": "#36a64f",
        "footer": "slack-im",
        "ts": 1479513600,
    }
]


def post(ctx: Any = None, **arguments: Any) -> dict[str, Any]:
    operator = SlackPostOperator(task_id="post", **{"channel": CHANNEL, "text": "주간 보고", **arguments})
    result: dict[str, Any] = json.loads(json.dumps(operator.execute(context() if ctx is None else ctx)))
    return result


def test_a_message_is_posted_and_handed_on(workspace: SlackWorkspace) -> None:
    result = post()
    (message,) = workspace.said
    assert result == {
        "channel": workspace.channel,
        "ts": message.ts,
        "permalink": f"{workspace.sandbox.url}/slack/archives/{workspace.channel}/p{message.ts.replace('.', '')}",
        "thread_ts": message.ts,
        "files": [],
        "updated": False,
    }


@pytest.mark.parametrize("channel", ["weekly-report", "#weekly-report", "id"])
def test_a_channel_goes_by_name_or_id(workspace: SlackWorkspace, channel: str) -> None:
    post(channel=workspace.channel if channel == "id" else channel)
    assert workspace.texts == ["주간 보고"]


def test_a_run_posts_once_even_when_airflow_forgot_all(workspace: SlackWorkspace) -> None:
    first = post(context(state=State()))
    assert post(context(state=State())) == first
    post(context(run_id="next week"))
    post(context(map_index=0))
    post(context(map_index=1))
    post(context(map_index=1))
    assert len(workspace.said) == 4


def test_the_payload_of_2016_arrives_unchanged(workspace: SlackWorkspace) -> None:
    post(attachments=POST_OF_2016, as_user=True)
    assert workspace.said[0].payload["attachments"] == POST_OF_2016
    assert "as_user" not in workspace.said[0].payload


def test_the_payload_of_2016_becomes_blocks_in_its_colour(workspace: SlackWorkspace) -> None:
    post(attachments=json.dumps(POST_OF_2016), attachment_style="convert", text=None)
    (attachment,) = workspace.said[0].payload["attachments"]
    assert attachment["color"] == "#36a64f"
    texts = [block.get("text", {}).get("text") for block in attachment["blocks"]]
    assert texts[:3] == [
        "*배포* 알림",
        "*<https://wiki.example.com/?a=1&amp;b=2|주간 보고 &lt;2016&gt;>*",
        "1 < 2 & *굵게*",
    ]
    assert attachment["blocks"][3]["fields"] == [{"type": "mrkdwn", "text": "*사용자*\n1,234"}]
    assert attachment["blocks"][4]["elements"][0]["text"].startswith("slack-im | <!date^1479513600^")


def test_blocks_may_be_models_dicts_or_json(workspace: SlackWorkspace) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}}
    post(context("1"), blocks=[SectionBlock(text="*a*"), DividerBlock()])
    post(context("2"), blocks=[section, {"type": "divider"}])
    post(context("3"), blocks=json.dumps({"blocks": [section, {"type": "divider"}]}))
    post(context("4"), blocks=str([section, {"type": "divider"}]))
    assert [message.payload["blocks"] for message in workspace.said] == [[section, {"type": "divider"}]] * 4


def test_files_are_shared_from_artifacts_paths_and_manifests(
    workspace: SlackWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    store = ArtifactStore()
    with store.publish(store.run_folder(context(), "export"), "그림.png", "image/png") as sink:
        sink.write(b"png")
    artifact: Artifact = sink.artifact
    (tmp_path / "data.csv").write_bytes(b"a,b")
    result = post(text=None, files=[artifact.as_dict(), str(tmp_path / "data.csv")])
    assert [each["name"] for each in result["files"]] == ["그림.png", "data.csv"]
    assert {file.name: file.path.read_bytes() for file in workspace.sandbox.store.slack_files()} == {
        "그림.png": b"png",
        "data.csv": b"a,b",
    }
    assert workspace.texts[0] == "그림.png\ndata.csv"
    first_only = post(context("another run"), files=[artifact.as_dict(), str(tmp_path / "data.csv")], file_limit="1")
    assert [each["name"] for each in first_only["files"]] == [artifact.name]


def test_an_answer_stays_in_the_thread(workspace: SlackWorkspace) -> None:
    first = post()
    reply = post(context("answer"), text="답", thread_ts=first["thread_ts"], reply_broadcast="true")
    assert reply["thread_ts"] == first["ts"]
    assert workspace.said[1].broadcast


def test_a_status_is_one_message_over_all_runs(workspace: SlackWorkspace) -> None:
    state = State()
    first = post(context("1", state=state), key="status", text="running")
    second = post(context("1", state=state), key="status", text="half")
    third = post(context("2"), key="status", text="done")
    assert first["ts"] == second["ts"] == third["ts"]
    assert (first["updated"], third["updated"]) == (False, True)
    assert workspace.texts == ["done"]


def test_previews_are_switched_as_asked(workspace: SlackWorkspace) -> None:
    post(unfurl_links="False", unfurl_media=True)
    assert workspace.said[0].payload["unfurl_links"] is False
    assert workspace.said[0].payload["unfurl_media"] is True


def test_a_dry_run_sends_nothing(workspace: SlackWorkspace) -> None:
    assert post(dry_run="true") is None
    assert workspace.sandbox.requests("/slack/") == []
    with pytest.raises(AirflowSkipException):
        post(enabled="false")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"text": " "}, "The message is empty"),
        ({"attachment_style": "x"}, "attachment_style is 'x'; it must be one of keep, convert"),
        ({"blocks": "nonsense"}, "blocks is not valid JSON"),
        ({"blocks": "[" * 50_000}, "blocks is not valid JSON"),
        ({"blocks": "-" * 50_000 + "1"}, "blocks is not valid JSON"),
        ({"blocks": "7"}, "it must be a list of dicts"),
        ({"file_limit": "many"}, "file_limit is 'many'"),
        ({"channel": "#nowhere"}, "The app cannot see a channel #nowhere"),
        ({"key": "status", "text": "a\n" * 4000}, "a message with a key cannot be split"),
    ],
)
def test_what_a_retry_cannot_mend_fails_at_once(workspace: SlackWorkspace, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(AirflowFailException, match=problem):
        post(**arguments)
    assert workspace.said == []


def test_a_message_of_another_task_overrides_the_parameters(workspace: SlackWorkspace) -> None:
    first = post()
    message = {"channel": CHANNEL, "text": "*{{ 7 * 7 }}*", "thread_ts": first["ts"], "dedupe_key": "question 1"}
    for run_id in ("one", "two"):
        post(context(run_id=run_id), channel="#elsewhere", text="a default", message=message)
    assert workspace.texts == ["주간 보고", "*{{ 7 * 7 }}*"]
    assert workspace.said[1].thread_ts == first["ts"]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"channel": CHANNEL, "files": "/etc/passwd"}, "message has the unknown key 'files'"),
        ({"channel": CHANNEL, "slack_conn_id": "slack_admin"}, "message has the unknown key 'slack_conn_id'"),
        ({"text": "a"}, "no channel; pass the parameter channel"),
        ("a", "message is 'a'; it must be a dict"),
    ],
)
def test_a_message_chooses_no_file_and_no_connection(workspace: SlackWorkspace, message: Any, problem: str) -> None:
    with pytest.raises(AirflowFailException, match=problem):
        post(channel=None, message=message)
    assert workspace.said == []


def test_a_channel_or_a_message_is_needed() -> None:
    with pytest.raises(TypeError, match="'channel' or 'message'"):
        SlackPostOperator(task_id="post", text="a")


def test_the_button_opens_the_message(workspace: SlackWorkspace) -> None:
    operator = SlackPostOperator(task_id="post", channel=CHANNEL, text="a")
    link: Any = SlackMessageLink()
    assert link.get_link(operator, ti_key=None) == ""
    result = operator.execute(context())
    assert result is not None
    assert link.get_link(operator, ti_key=None) == result["permalink"]


def test_an_answer_to_a_message_that_was_deleted_is_skipped(workspace: SlackWorkspace) -> None:
    question = workspace.sandbox.slack.say(CHANNEL, "alex", "@bot help")
    workspace.sandbox.slack.delete(question)
    for more in ({"dedupe_key": "C.1"}, {}, {"key": "status"}):
        with pytest.raises(AirflowSkipException, match="the message to reply to was deleted"):
            post(thread_ts=question.ts, **more)
    assert workspace.said == []


def test_an_answer_to_a_deleted_message_with_replies_is_posted(workspace: SlackWorkspace) -> None:
    question = workspace.sandbox.slack.say(CHANNEL, "alex", "@bot help")
    workspace.sandbox.slack.say(CHANNEL, "jimin", "me too", thread_ts=question.ts)
    workspace.sandbox.slack.delete(question)
    post(thread_ts=question.ts, dedupe_key="C.1")
    assert workspace.texts[1:] == ["me too", "주간 보고"]


def sealed_url(workspace: SlackWorkspace, channel: str) -> str:
    """Let alex type a command; returned is its address for answers as an event has it."""
    workspace.sandbox.slack.command(channel, "alex", "/commits", "octocat")
    url = workspace.sandbox.slack.deliveries("slash_commands")[-1].payload["response_url"]
    return seal(url, workspace.sandbox.slack_bot_token)


def own_log(caplog: pytest.LogCaptureFixture) -> str:
    """The log of the provider, without the sandbox's server."""
    return "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn"))


@pytest.mark.parametrize("private", [False, True])
def test_a_slash_command_where_the_app_is_not_is_answered_to_the_person(
    workspace: SlackWorkspace, private: bool, caplog: pytest.LogCaptureFixture
) -> None:
    channel = workspace.sandbox.slack.add_channel("elsewhere", private=private)
    sealed = sealed_url(workspace, "elsewhere")
    arguments = {"channel": channel.id, "dedupe_key": "q1"}
    task = SlackPostOperator(task_id="post", text="the answer", sealed_response_url=sealed, **arguments)
    assert task.execute(context()) is None
    whisper = workspace.sandbox.slack.whispers("elsewhere")[-1]
    assert (whisper.text, whisper.user_id) == ("the answer", workspace.sandbox.slack.person("alex").id)
    assert "/slack/commands/" not in own_log(caplog)


@pytest.mark.parametrize("sealed", [None, "", "damaged", "of another token"])
def test_a_slash_command_that_cannot_be_answered_is_skipped(workspace: SlackWorkspace, sealed: str | None) -> None:
    channel = workspace.sandbox.slack.add_channel("elsewhere")
    if sealed == "of another token":
        sealed = seal("http://127.0.0.1:1/", "xoxb-other")
    with pytest.raises(AirflowSkipException, match="no way to answer"):
        post(channel=channel.id, dedupe_key="q1", sealed_response_url=sealed)


def test_an_answer_that_slack_takes_no_more_is_skipped_and_one_that_got_lost_is_tried_again(
    workspace: SlackWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    channel = workspace.sandbox.slack.add_channel("elsewhere")
    arguments = {"channel": channel.id, "dedupe_key": "q1", "sealed_response_url": sealed_url(workspace, "elsewhere")}
    workspace.sandbox.add_fault(Fault("^/slack/commands/", "status", status=503))
    with pytest.raises(SourceUnavailable, match="The reply to the slash command could not be sent") as lost:
        post(**arguments)
    assert "/slack/commands/" not in f"{lost.value}{own_log(caplog)}"
    for _ in range(5):
        SlackPostOperator(task_id="post", text="a", **arguments).execute(context())
    with pytest.raises(AirflowSkipException, match="no way to answer"):
        post(**arguments)


def test_a_channel_that_the_author_named_must_have_the_app(workspace: SlackWorkspace) -> None:
    channel = workspace.sandbox.slack.add_channel("elsewhere")
    for arguments in ({"channel": "#elsewhere", "dedupe_key": "q1"}, {"channel": channel.id}):
        with pytest.raises(AirflowFailException, match="Invite the app"):
            post(**arguments)
