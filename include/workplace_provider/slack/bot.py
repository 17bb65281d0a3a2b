"""Commands of a bot: parsing questions, checking access, and immediate answers such as help.

This module needs only the standard library, since DAG files import it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from workplace_provider.common.mrkdwn import escape_code
from workplace_provider.github.login import login_of_profile
from workplace_provider.slack.bot_access import Access, EventFacts, PeopleLookup, denial_reason, mark_over_limit
from workplace_provider.slack.events import APP_MENTION, MESSAGE, SLASH_COMMANDS

HELP: Final = "help"
SLOW_DOWN: Final = "You have asked a lot in a short time. I will answer you again in a few minutes."
# No part of these patterns crosses a "<": otherwise a text of unclosed brackets would take quadratic time.
_MENTION: Final = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^<>]*)?>")
# Slack's markup for links and e-mail addresses: <https://github.com/octocat|octocat>.
_MARKUP: Final = re.compile(r"<(?P<target>[^<>|]+)(?:\|(?P<shown>[^<>]*))?>")
_LONGEST: Final = 200
_QUESTIONS: Final = (None, MESSAGE, APP_MENTION, SLASH_COMMANDS)
# Punctuation that people type after the mention and the command: "@bot, commits x", "@bot: x", "help!".
_PUNCTUATION: Final = ",:;.!?…·-–—，、：；。！？"
_WRAPPERS: Final = (("`", "`"), ("*", "*"), ("_", "_"), ("~", "~"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the bot.

    :param command: the first word in lower case, or the slash command without its slash; empty if there is none
    :param argument: the rest of the text, without Slack's markup
    :param user: id of the person
    :param channel: id of the channel
    :param thread_ts: id of the message to answer; ``None`` for a slash command, which is not a message
    :param event_id: unique id of the question
    :param user_team: id of the person's workspace; empty if Slack does not report it
    :param team: id of the workspace in which the app is installed; empty if Slack does not report it
    :param sealed_response_url: response URL of a slash command, encrypted; for ``SlackPostOperator``
    :param over_limit: number of questions above the person's rate limit; 0 within the limit
    """

    command: str
    argument: str
    user: str
    channel: str
    thread_ts: str | None
    event_id: str
    user_team: str = ""
    team: str = ""
    sealed_response_url: str | None = field(default=None, repr=False)
    over_limit: int = 0

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Question:
        """Read the payload of an event of ``SlackSocketModeTrigger``.

        In a message with a mention, the question is the text after the first mention: "hey @bot help". Commas, colons and
        formatting around it are ignored, and a pasted profile URL becomes the name of the profile.
        """
        text = str(event.get("text") or "")
        if event.get("command"):
            word, rest = str(event["command"]).removeprefix("/"), _plain(text)
        else:
            word, rest = _split_command(text)
        channel, ts = str(event.get("channel") or ""), event.get("ts")
        return cls(
            command=_fold(word)[:_LONGEST],
            argument=_argument(rest)[:_LONGEST],
            user=str(event.get("user") or ""),
            channel=channel,
            thread_ts=event.get("thread_ts") or ts,
            # The same id whether the message comes from the socket or from the channel's history.
            event_id=f"{channel}.{ts}" if ts else str(event.get("event_id")),
            user_team=str(event.get("user_team") or ""),
            team=str(event.get("team") or ""),
            sealed_response_url=event.get("sealed_response_url"),
            over_limit=int(event.get("over_limit") or 0),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the question as JSON, for the output of a task."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BotCommand:
    """A command of a bot.

    ::

        BotCommand("uptime", "shows how long the server has been running", answer=lambda question: "3 days")

    :param name: the word that people type; also the name of a slash command
    :param help: short description, for the help text
    :param argument: name of the required argument, such as ``NAME``; empty for none
    :param answer: function that returns an immediate answer. Without it, tasks of the DAG answer; see
        ``SlackCommandOperator``
    :param aliases: other words for the command
    :param access: allowed people and channels; by default the full members of the workspace, in every channel
    :param private: only the person who asks sees the immediate answer, also in a channel
    """

    name: str
    help: str
    argument: str = ""
    answer: Callable[[Question], str] | None = None
    aliases: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)
    private: bool = False

    def __post_init__(self) -> None:
        for name in (self.name, *self.aliases):
            if not name or name != _fold(name) or " " in name or name == HELP:
                raise ValueError(f"the command {name!r} is invalid; it must be one word in lower case, and not {HELP!r}")

    def is_meant_by(self, question: Question) -> bool:
        """Return whether a question is for this command."""
        return question.command in (self.name, *self.aliases)

    def is_complete(self, question: Question) -> bool:
        """Return whether a question has the required argument."""
        return bool(question.argument) or not self.argument

    @property
    def usage(self) -> str:
        """The command with its argument, as people type it."""
        return f"{self.name} {self.argument}".rstrip()


def questions_for(
    command: BotCommand, events: Iterable[Mapping[str, Any]], people: PeopleLookup | None = None
) -> list[Question]:
    """Return the questions for a command, each once, in the order of the events.

    Questions without their argument, above the rate limit, or without access are omitted.

    :param people: looks up people and groups; without it, access is decided by the events alone
    """
    return [
        question
        for question in _questions(events)
        if command.is_meant_by(question)
        and command.is_complete(question)
        and not question.over_limit
        and _denial_reason(command.access, question, people) is None
    ]


def answers_to(
    commands: Sequence[BotCommand], events: Iterable[Mapping[str, Any]], people: PeopleLookup | None = None
) -> list[tuple[Question, str]]:
    """Return the immediate answers: help, commands with ``answer``, unknown or incomplete commands, and denied access.

    :param people: looks up people and groups; without it, access is decided by the events alone
    """
    answers = ((question, _answer(commands, question, people)) for question in _questions(events))
    return [(question, text) for question, text in answers if text is not None]


def _answer(commands: Sequence[BotCommand], question: Question, people: PeopleLookup | None) -> str | None:
    if question.over_limit:
        # One reply per burst: a person who floods the bot must not make it flood the channel.
        return SLOW_DOWN if question.over_limit == 1 else None
    command = next((command for command in commands if command.is_meant_by(question)), None)
    if command is None:
        return _help(commands, question, people)
    if reason := _denial_reason(command.access, question, people):
        return f"You may not use `{command.name}` here. {reason}"
    if not command.is_complete(question):
        return f"The argument is missing: `{command.usage}` {command.help}."
    return command.answer(question) if command.answer is not None else None


def _denial_reason(access: Access, question: Question, people: PeopleLookup | None) -> str | None:
    lookup = EventFacts(question.team) if people is None else people
    return denial_reason(access, lookup, user=question.user, user_team=question.user_team, channel=question.channel)


def _questions(events: Iterable[Mapping[str, Any]]) -> list[Question]:
    # A reaction or another event without text is no question.
    unique = {Question.of(event).event_id: event for event in events if event.get("type") in _QUESTIONS}
    return [Question.of(event) for event in mark_over_limit(unique.values())]


def _help(commands: Sequence[BotCommand], question: Question, people: PeopleLookup | None) -> str:
    reasons = [(command, _denial_reason(command.access, question, people)) for command in commands]
    allowed = [command for command, reason in reasons if reason is None]
    if not allowed:
        # Without access to any command, the person gets the reason, and no list of commands.
        return (reasons[0][1] if reasons else _denial_reason(Access(), question, people)) or "I have no commands."
    usages = "\n".join(f"• `{command.usage}` {command.help}" for command in allowed)
    if question.command in ("", HELP):
        return f"I can do this for you:\n{usages}"
    return f"I do not know `{escape_code(question.command[:40])}`. I can do this for you:\n{usages}"


def _plain(text: str) -> str:
    """Return a text as it was typed: without Slack's markup and entities."""
    shown = _MARKUP.sub(lambda match: match["shown"] or match["target"], text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(entity, character)
    return " ".join(shown.split())


def _split_command(text: str) -> tuple[str, str]:
    """Split a message to the bot into the command and the rest."""
    if mention := _MENTION.search(text):
        text = text[mention.end() :]
    while True:
        text = text.lstrip().lstrip(_PUNCTUATION).lstrip()
        if not (mention := _MENTION.match(text)):
            break
        text = text[mention.end() :]
    word, _, rest = _unwrap(_plain(text)).partition(" ")
    bare = _unwrap(word)
    return bare.rstrip(_PUNCTUATION) or bare, rest.lstrip(_PUNCTUATION + " ") if rest[:1] in ",:;" else rest


def _argument(text: str) -> str:
    text = _unwrap(text)
    return login_of_profile(text) or text


def _unwrap(text: str) -> str:
    """Return a text without formatting around the whole of it: ``*bold*``, code, quotes."""
    while True:
        text = text.strip().strip("`").strip()
        for left, right in _WRAPPERS:
            if len(text) > 2 and text.startswith(left) and text.endswith(right):
                text = text[1:-1]
                break
        else:
            return text


def _fold(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip().casefold()
