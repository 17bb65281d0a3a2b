"""What people ask a bot for: commands by their names, and kind answers to what is none.

It needs nothing but the standard library: DAG files import it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

HELP: Final = "help"
_MENTION: Final = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>")
# A name as Slack writes links and e-mail addresses: <https://github.com/octocat|octocat>.
_MARKUP: Final = re.compile(r"<(?P<target>[^>|]+)(?:\|(?P<shown>[^>]*))?>")
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks.

    :param command: the first word, in lower case, or the slash command without its slash; empty when there is none
    :param argument: the rest, without Slack's markup
    :param user: id of who asks
    :param channel: id of the channel
    :param thread_ts: what to answer; ``None`` for a slash command, which is no message
    :param event_id: tells the question from any other
    """

    command: str
    argument: str
    user: str
    channel: str
    thread_ts: str | None
    event_id: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Question:
        """Read the payload of an event of ``SlackSocketModeTrigger``.

        Of a message that mentions somebody, what stands behind the first mention is the question: "hey @bot help".
        """
        text = str(event.get("text") or "")
        if event.get("command"):
            word, rest = str(event["command"]).removeprefix("/"), _plain(text)
        else:
            mention = _MENTION.search(text)
            word, _, rest = _plain(text[mention.end() :] if mention else text).partition(" ")
        channel, ts = str(event.get("channel") or ""), event.get("ts")
        return cls(
            command=_folded(word),
            argument=rest[:_LONGEST],
            user=str(event.get("user") or ""),
            channel=channel,
            thread_ts=event.get("thread_ts") or ts,
            # A message that comes twice, once by the socket and once from the channel, is one question.
            event_id=f"{channel}.{ts}" if ts else str(event.get("event_id")),
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
    """

    name: str
    help: str
    argument: str = ""
    answer: Callable[[Question], str] | None = None
    aliases: tuple[str, ...] = ()

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


def questions_for(command: BotCommand, events: Iterable[Mapping[str, Any]]) -> list[Question]:
    """What is asked of a command, each question once, in the order of the events; those that lack something are left out."""
    return [each for each in _questions(events) if command.is_meant_by(each) and command.is_complete(each)]


def answers_to(commands: Sequence[BotCommand], events: Iterable[Mapping[str, Any]]) -> list[tuple[Question, str]]:
    """What can be answered at once: help, commands with an answer, unknown ones, and those that lack something."""
    found: list[tuple[Question, str]] = []
    for question in _questions(events):
        command = next((each for each in commands if each.is_meant_by(question)), None)
        if command is None:
            found.append((question, _help(commands, question)))
        elif not command.is_complete(question):
            found.append((question, f"Tell me more: `{command.usage}` {command.help}."))
        elif command.answer is not None:
            found.append((question, command.answer(question)))
    return found


def _questions(events: Iterable[Mapping[str, Any]]) -> list[Question]:
    return list({question.event_id: question for question in map(Question.of, events)}.values())


def _help(commands: Sequence[BotCommand], question: Question) -> str:
    known = "\n".join(f"• `{each.usage}` {each.help}" for each in commands)
    if question.command in ("", HELP):
        return f"I can do this for you:\n{known}"
    return f"I do not know `{_escaped(question.command[:40])}`. I can do this for you:\n{known}"


def _plain(text: str) -> str:
    """A text without Slack's markup and its escapes: what was typed."""
    shown = _MARKUP.sub(lambda found: found["shown"] or found["target"], text)
    for written, meant in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(written, meant)
    return " ".join(shown.split())


def _escaped(text: str) -> str:
    for meant, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(meant, written)
    return text


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip().casefold()
