"""The bot's tasks, run on the sandbox for events as the trigger makes them; the trigger itself runs end to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_sandbox import Sandbox
from workplace_sandbox.model import SlackMessage

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

NOON = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # in Seoul, on the sandbox's day
CHANNEL = "#data-분석"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def dag(repository: Path) -> Any:
    dag = project_dag(repository, "slack_bot")
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


@pytest.fixture
def ask(sandbox: Sandbox) -> Ask:
    """Somebody says something in the channel; returned is the event that becomes of it."""

    def say(text: str, *, command: str | None = None) -> dict[str, Any]:
        channel, person = sandbox.slack.channel(CHANNEL), sandbox.slack.person("minsu")
        message = None if command else sandbox.slack.write(CHANNEL, "minsu", text)
        ts = message.ts if message else None
        return {
            "type": "slash_commands" if command else "app_mention",
            "event_id": f"Ev{len(sandbox.requests())}{command or ts}".replace("/", ""),
            "channel": channel.id,
            "user": person.id,
            "text": message.text if message else text,
            "ts": ts,
            "thread_ts": None,
            "command": command,
        }

    return say


def run(dag: Any, monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]], moment: datetime = NOON) -> Any:
    """A run that was started by these events."""
    task = dag.get_task("events")
    monkeypatch.setattr(type(task), "execute", lambda self, context: events)
    # Nobody would run the DAG that the bot starts.
    return dag.test(logical_date=None, run_after=moment, mark_success_pattern=r"report\.make")


def answers(sandbox: Sandbox, question: dict[str, Any]) -> list[SlackMessage]:
    bot = sandbox.slack.person("report-bot").id
    said = [each for each in sandbox.store.messages(CHANNEL) if each.user_id == bot]
    return [each for each in said if each.thread_ts == question["ts"] and each.ts != question["ts"]]


def test_commits_are_told_in_the_thread_with_a_calendar_and_a_picture(
    sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = ask("@bot commits octocat"), ask("@bot commits nobody-at-all")
    assert run(dag, monkeypatch, [known, unknown]).state == DagRunState.SUCCESS
    text, *rest = (message.text for message in answers(sandbox, known))
    assert "octocat> has contributed for *12 days* in a row" in text
    assert "```    " in text
    assert rest == [""], "the picture"
    (kind,) = answers(sandbox, unknown)
    assert kind.text == "GitHub has no user `nobody-at-all`. Is the user name right?"


def test_the_report_is_made_and_its_link_told(sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other DAG is not run by this one's test, so here it has not made a page; the end-to-end test sees the link."""
    asked = ask("@bot report")
    run(dag, monkeypatch, [asked])
    (answer,) = answers(sandbox, asked)
    assert "The report was not made. Its run in Airflow" in answer.text


def test_what_is_no_command_is_answered_kindly(
    sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [ask("@bot help"), ask("@bot 노래해 줘"), ask("@bot commits")]
    assert run(dag, monkeypatch, asked).state == DagRunState.SUCCESS
    help_text, unknown, incomplete = (answers(sandbox, each)[0].text for each in asked)
    assert help_text.startswith("I can do this for you:\n• `commits NAME`")
    assert unknown.startswith("I do not know `노래해`.")
    assert incomplete.startswith("The argument is missing: `commits NAME`")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("{{7*7}}", "I do not know `{{7*7}}`."),
        ("{{var.value.secret_thing}}", "I do not know `{{var.value.secret_thing}}`."),
        ("{{conn.slack_api_default.password}}", "I do not know `{{conn.slack_api_default.password}}`"),
        ("{%set", "I do not know `{%set`."),
        ("commits {{7*7}}", "GitHub has no user `{{7*7}}`."),
        ("commits {{var.value.secret_thing}}", "GitHub has no user `{{var.value.secret_thing}}`."),
    ],
)
def test_jinja_in_a_question_is_text(
    sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch, typed: str, answer: str
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SECRET_THING", "s3cr3t-variable")
    asked = ask(f"@bot {typed}")
    assert run(dag, monkeypatch, [asked]).state == DagRunState.SUCCESS
    (message,) = answers(sandbox, asked)
    assert message.text.startswith(answer)


def test_jinja_in_a_slash_command_is_text(sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(sandbox.store.messages(CHANNEL))
    questions = [ask("{{7*7}}", command="/commits"), ask("{{7*7}}", command="/nothing")]
    assert run(dag, monkeypatch, questions).state == DagRunState.SUCCESS
    texts = [message.text for message in sandbox.store.messages(CHANNEL)[before:]]
    assert any("`{{7*7}}`" in text for text in texts)
    assert not any("49" in text for text in texts)


def test_a_question_that_two_runs_hear_of_is_answered_once(
    sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask("@bot commits octocat")
    for minute in range(2):
        assert run(dag, monkeypatch, [asked], NOON + timedelta(minutes=minute)).state == DagRunState.SUCCESS
    assert len([each for each in answers(sandbox, asked) if each.text]) == 1


def test_a_slash_command_is_answered_in_the_channel(
    sandbox: Sandbox, dag: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(sandbox.store.messages(CHANNEL))
    assert run(dag, monkeypatch, [ask("octocat", command="/commits")]).state == DagRunState.SUCCESS
    said = [each.text for each in sandbox.store.messages(CHANNEL)[before:]]
    assert any("12 days" in text for text in said)
