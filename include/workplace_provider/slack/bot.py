"""What people ask a bot for: commands by their names, who may use them, and kind answers to what is none.

It needs nothing but the standard library: DAG files import it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from workplace_provider.common.mrkdwn import escape_code
from workplace_provider.github.login import login_of_profile
from workplace_provider.slack.bot_access import Access, EventFacts, PeopleLookup, rate_limited, refusal

HELP: Final = "help"
SLOW_DOWN: Final = "You have asked a lot in a short time. I will answer you again in a few minutes."
# No part of these patterns crosses a "<": a text of unclosed brackets would otherwise be read again from each of them.
_MENTION: Final = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^<>]*)?>")
# A name as Slack writes links and e-mail addresses: <https://github.com/octocat|octocat>.
_MARKUP: Final = re.compile(r"<(?P<target>[^<>|]+)(?:\|(?P<shown>[^<>]*))?>")
_LONGEST: Final = 200
# What people put behind the mention and behind the command: "@bot, commits x", "@bot: x", "help!".
_PUNCTUATION: Final = ",:;.!?…·-–—，、：；。！？"
_WRAPPERS: Final = (("`", "`"), ("*", "*"), ("_", "_"), ("~", "~"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks.

    :param command: the first word, in lower case, or the slash command without its slash; empty when there is none
    :param argument: the rest, without Slack's markup
    :param user: id of who asks
    :param channel: id of the channel
    :param thread_ts: what to answer; ``None`` for a slash command, which is no message
    :param event_id: tells the question from any other
    :param user_team: id of the workspace that the person belongs to; empty where Slack does not say
    :param team: id of the workspace that the app is installed in; empty where Slack does not say
    :param sealed_response_url: where a slash command can be answered, encrypted; for ``SlackPostOperator``
    :param over_limit: how many questions this one is above the person's rate limit; 0 for none
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

        Of a message that mentions somebody, what stands behind the first mention is the question: "hey @bot help". Commas,
        colons, code and other formatting around it do not matter, and a pasted profile URL is the name of the profile.
        """
        text = str(event.get("text") or "")
        if event.get("command"):
            word, rest = str(event["command"]).removeprefix("/"), _plain(text)
        else:
            word, rest = _words(text)
        channel, ts = str(event.get("channel") or ""), event.get("ts")
        return cls(
            command=_folded(word)[:_LONGEST],
            argument=_argument(rest)[:_LONGEST],
            user=str(event.get("user") or ""),
            channel=channel,
            thread_ts=event.get("thread_ts") or ts,
            # A message that comes twice, once by the socket and once from the channel, is one question.
            event_id=f"{channel}.{ts}" if ts else str(event.get("event_id")),
            user_team=str(event.get("user_team") or ""),
            team=str(event.get("team") or ""),
            sealed_response_url=event.get("sealed_response_url"),
            over_limit=int(event.get("over_limit") or 0),
        )

    def as_dict(self) -> dict[str, Any]:
        """The question as a task hands it on."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BotCommand:
    """A command of a bot.

    :param name: what people type, in one word; also a slash command of that name
    :param help: what it does, in a few words
    :param argument: what the command needs to know, such as ``NAME``; empty for nothing
    :param answer: says something at once; without it tasks of the DAG answer, see ``SlackCommandOperator``
    :param aliases: other words for it
    :param access: who may use it and where; by default the full members of the workspace, everywhere
    """

    name: str
    help: str
    argument: str = ""
    answer: Callable[[Question], str] | None = None
    aliases: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)

    def __post_init__(self) -> None:
        for name in (self.name, *self.aliases):
            if not name or name != _folded(name) or " " in name or name == HELP:
                raise ValueError(f"a command is one word in lower case, and not {HELP}; this one is {name!r}")

    def is_meant_by(self, question: Question) -> bool:
        """Whether somebody asks for it."""
        return question.command in (self.name, *self.aliases)

    def is_complete(self, question: Question) -> bool:
        """Whether all is said that it needs to know."""
        return bool(question.argument) or not self.argument

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"{self.name} {self.argument}".rstrip()


def questions_for(
    command: BotCommand, events: Iterable[Mapping[str, Any]], people: PeopleLookup | None = None
) -> list[Question]:
    """Return what is asked of a command, each question once, in the order of the events.

    Questions that lack something, and those of people who may not ask, are left out.

    :param people: looks up who asks; without it, only what the events say is known
    """
    return [
        question
        for question in _questions(events)
        if command.is_meant_by(question)
        and command.is_complete(question)
        and not question.over_limit
        and _refusal(command.access, question, people) is None
    ]


def answers_to(
    commands: Sequence[BotCommand], events: Iterable[Mapping[str, Any]], people: PeopleLookup | None = None
) -> list[tuple[Question, str]]:
    """Return what can be answered at once.

    That are help, commands with an answer, unknown commands, those that lack something, and refusals with their reason.

    :param people: looks up who asks; without it, only what the events say is known
    """
    answers = ((question, _answer(commands, question, people)) for question in _questions(events))
    return [(question, text) for question, text in answers if text is not None]


def _answer(commands: Sequence[BotCommand], question: Question, people: PeopleLookup | None) -> str | None:
    if question.over_limit:
        # One reason for each burst: a person who floods the bot must not make it flood the channel.
        return SLOW_DOWN if question.over_limit == 1 else None
    command = next((each for each in commands if each.is_meant_by(question)), None)
    if command is None:
        return _help(commands, question, people)
    if reason := _refusal(command.access, question, people):
        return f"You may not use `{command.name}` here. {reason}"
    if not command.is_complete(question):
        return f"Tell me more: `{command.usage}` {command.help}."
    return command.answer(question) if command.answer is not None else None


def _refusal(access: Access, question: Question, people: PeopleLookup | None) -> str | None:
    known = EventFacts(question.team) if people is None else people
    return refusal(access, known, user=question.user, user_team=question.user_team, channel=question.channel)


def _questions(events: Iterable[Mapping[str, Any]]) -> list[Question]:
    unique = {Question.of(event).event_id: event for event in events}
    return [Question.of(event) for event in rate_limited(unique.values())]


def _help(commands: Sequence[BotCommand], question: Question, people: PeopleLookup | None) -> str:
    reasons = [(each, _refusal(each.access, question, people)) for each in commands]
    allowed = [each for each, reason in reasons if reason is None]
    if not allowed:
        # Of what may not be used, the person learns the reason and nothing else.
        return (reasons[0][1] if reasons else _refusal(Access(), question, people)) or "I have no commands."
    known = "\n".join(f"• `{each.usage}` {each.help}" for each in allowed)
    if question.command in ("", HELP):
        return f"I can do this for you:\n{known}"
    return f"I do not know `{escape_code(question.command[:40])}`. I can do this for you:\n{known}"


def _plain(text: str) -> str:
    """A text without Slack's markup and its escapes: what was typed."""
    shown = _MARKUP.sub(lambda found: found["shown"] or found["target"], text)
    for written, meant in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(written, meant)
    return " ".join(shown.split())


def _words(text: str) -> tuple[str, str]:
    """Return the command and the rest of what is said to the bot."""
    if mention := _MENTION.search(text):
        text = text[mention.end() :]
    while True:
        text = text.lstrip().lstrip(_PUNCTUATION).lstrip()
        if not (mention := _MENTION.match(text)):
            break
        text = text[mention.end() :]
    word, _, rest = _unwrapped(_plain(text)).partition(" ")
    bare = _unwrapped(word)
    return bare.rstrip(_PUNCTUATION) or bare, rest.lstrip(_PUNCTUATION + " ") if rest[:1] in ",:;" else rest


def _argument(text: str) -> str:
    text = _unwrapped(text)
    return login_of_profile(text) or text


def _unwrapped(text: str) -> str:
    """Return a text without the formatting around all of it: ``*bold*``, code, quotes."""
    while True:
        text = text.strip().strip("`").strip()
        for left, right in _WRAPPERS:
            if len(text) > 2 and text.startswith(left) and text.endswith(right):
                text = text[1:-1]
                break
        else:
            return text


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip().casefold()
