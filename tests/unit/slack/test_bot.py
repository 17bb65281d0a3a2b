from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.slack.bot import BotCommand, Question, answers_to, questions_for
from workplace_provider.slack.bot_access import FULL_MEMBER, Person
from workplace_provider.slack.bot_people import WorkspacePeople
from workplace_provider.slack.operators import SlackAnswersOperator, SlackCommandOperator

COMMITS = BotCommand("commits", "tells a streak", argument="NAME", aliases=("커밋",))
LUNCH = BotCommand("점심", "says what there is", answer=lambda question: f"<@{question.user}> 김치찌개")
COMMANDS = [COMMITS, LUNCH]


def said(text: str, ts: str = "1764291600.000100", **more: Any) -> dict[str, Any]:
    return {"type": "app_mention", "event_id": "Ev1", "channel": "C1", "user": "U1", "text": text, "ts": ts, **more}


def typed(command: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "slash_commands", "event_id": "env-1", "channel": "C1", "user": "U1", "text": text, **more} | {
        "command": command,
        "ts": None,
        "thread_ts": None,
    }


def asked(event: dict[str, Any]) -> tuple[str, str]:
    question = Question.of(event)
    return question.command, question.argument


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("<@U0BOT> commits octocat", "commits", "octocat"),
        ("<@U0BOT>commits   octocat ", "commits", "octocat"),
        ("<@U0BOT|bot> Commits Octocat", "commits", "Octocat"),
        ("hey <@U0BOT> commits octocat", "commits", "octocat"),
        ("<@U0BOT> 커밋 octocat", "커밋", "octocat"),
        ("<@U0BOT>", "", ""),
        ("help", "help", ""),
        ("<@U0BOT> commits <https://github.com/octocat|octocat>", "commits", "octocat"),
        ("<@U0BOT> commits <http://a.example>", "commits", "http://a.example"),
        ("<@U0BOT> say a &lt;b&gt; &amp;amp;", "say", "a <b> &amp;"),
        ("<@U0BOT>\ncommits\noctocat", "commits", "octocat"),
        ("<@U0BOT>, commits octocat", "commits", "octocat"),
        ("<@U0BOT>: commits octocat", "commits", "octocat"),
        ("<@U0BOT>， 커밋: octocat", "커밋", "octocat"),
        ("<@U0BOT> - help!", "help", ""),
        ("<@U0BOT> `commits octocat`", "commits", "octocat"),
        ("`<@U0BOT> commits octocat`", "commits", "octocat"),
        ("<@U0BOT> ```commits octocat```", "commits", "octocat"),
        ("<@U0BOT> *`commits`* `octocat`", "commits", "octocat"),
        ("<@U0BOT> “commits octocat”", "commits", "octocat"),
        ("<@U0BOT> commits <https://github.com/octocat>", "commits", "octocat"),
        ("<@U0BOT> commits <http://github.com/octo-cat/|github.com/octo-cat/>", "commits", "octo-cat"),
        ("<@U0BOT> commits <https://github.com/octocat?tab=repositories>", "commits", "octocat"),
        ("<@U0BOT> commits <https://github.com/octocat/hello>", "commits", "https://github.com/octocat/hello"),
    ],
)
def test_what_is_asked(text: str, command: str, argument: str) -> None:
    assert asked(said(text)) == (command, argument)


def test_a_slash_command_is_a_command_and_has_no_thread() -> None:
    question = Question.of(typed("/commits", "octocat"))
    assert (question.command, question.argument, question.thread_ts, question.event_id) == (
        "commits",
        "octocat",
        None,
        "env-1",
    )


def test_the_answer_goes_into_the_thread_of_the_question() -> None:
    assert Question.of(said("<@U0BOT> help")).thread_ts == "1764291600.000100"
    assert Question.of(said("<@U0BOT> help", thread_ts="1764290000.000000")).thread_ts == "1764290000.000000"


def test_a_question_that_comes_twice_is_one() -> None:
    by_socket, by_channel = said("<@U0BOT> commits a"), said("<@U0BOT> commits a", event_id="C1:1764291600.000100")
    assert len(questions_for(COMMITS, [by_socket, by_channel, said("<@U0BOT> commits a", ts="1764291700.000000")])) == 2


def test_each_command_gets_its_questions_and_the_others_are_answered() -> None:
    events = [
        said("<@U0BOT> commits octocat", ts="1.0"),
        said("<@U0BOT> commits", ts="2.0"),
        said("<@U0BOT> 점심", ts="3.0"),
        said("<@U0BOT> sing `x` <@U2>", ts="4.0"),
        said("<@U0BOT> help", ts="5.0"),
        said("<@U0BOT>", ts="6.0"),
    ]
    assert [each.argument for each in questions_for(COMMITS, events)] == ["octocat"]
    answers = {question.thread_ts: text for question, text in answers_to(COMMANDS, events)}
    assert answers["2.0"] == "The argument is missing: `commits NAME` tells a streak."
    assert answers["3.0"] == "<@U1> 김치찌개"
    assert answers["4.0"].startswith(
        "I do not know `sing`. I can do this for you:\n• `commits NAME` tells a streak\n• `점심`"
    )
    assert answers["5.0"] == answers["6.0"] != answers["4.0"]
    assert "1.0" not in answers


@given(st.text(max_size=60))
def test_whatever_is_said_is_answered_without_markup_of_the_asker(text: str) -> None:
    events = [said(f"<@U0BOT> {text}")]
    found = answers_to(COMMANDS, events)
    assert len(found) + len(questions_for(COMMITS, events)) == 1
    for question, answer in found:
        if question.command != "점심":
            assert "<" not in answer


@pytest.mark.parametrize("name", ["", "Two Words", "UPPER", "help"])
def test_a_command_that_nobody_could_type_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it must be one word in lower case"):
        BotCommand(name, "does something")


@pytest.fixture
def full_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every person be a full member."""
    monkeypatch.setattr(WorkspacePeople, "person", lambda self, user, team: Person(user, FULL_MEMBER))


@pytest.mark.usefixtures("full_members")
def test_tasks_are_given_the_fields_that_they_want() -> None:
    events = [said("<@U0BOT> commits octocat", ts="1764291600.000100"), said("<@U0BOT> sing", ts="1764291700.000100")]
    operator = SlackCommandOperator(
        task_id="read", events=events, command=COMMITS, arguments={"login": "argument", "channel": "channel"}
    )
    assert operator.execute({}) == [{"login": "octocat", "channel": "C1"}]
    whole = SlackCommandOperator(task_id="read", events=events, command=COMMITS)
    assert whole.execute({})[0]["thread_ts"] == "1764291600.000100"
    (answer,) = SlackAnswersOperator(task_id="others", events=events, commands=COMMANDS).execute({})
    assert (answer["channel"], answer["thread_ts"]) == ("C1", "1764291700.000100")
    assert answer["dedupe_key"] == "answer:C1.1764291700.000100"


@pytest.mark.usefixtures("full_members")
def test_a_private_command_is_answered_to_the_person_alone() -> None:
    salary = BotCommand("급여", "shows your days off", answer=lambda question: "3", private=True)
    events = [said("<@U0BOT> 급여"), typed("/급여", event_id="env-2"), said("<@U0BOT> help", "1764291700.000100")]
    answers = SlackAnswersOperator(task_id="answers", events=events, commands=[*COMMANDS, salary]).execute({})
    assert [answer["visible_to"] for answer in answers] == ["U1", "U1", None]


@pytest.mark.usefixtures("full_members")
def test_nothing_to_do_is_skipped() -> None:
    with pytest.raises(AirflowSkipException, match="no question for commits"):
        SlackCommandOperator(task_id="read", events=[said("<@U0BOT> help")], command=COMMITS).execute({})
    with pytest.raises(AirflowSkipException, match="other tasks answer"):
        SlackAnswersOperator(task_id="read", events=[said("<@U0BOT> commits octocat")], commands=COMMANDS).execute({})


@pytest.mark.parametrize("piece", ["<", "<@UAAAA|", "<a|", "`<", "<@U1>"])
def test_a_text_of_unclosed_brackets_is_read_once(piece: str) -> None:
    """A pattern that looked at the rest again from each bracket took minutes for a message of Slack's longest."""
    question = Question.of(said(f"<@U0BOT> {piece * (40_000 // len(piece))} x"))
    assert len(question.command) <= 200
    assert len(question.argument) <= 200


def test_an_unknown_command_is_quoted_without_bidirectional_marks() -> None:
    ((_, text),) = answers_to(COMMANDS, [said("<@U0BOT> sing\u202egnp`<!channel>")])
    assert text.startswith("I do not know `singgnp'!channel`")
