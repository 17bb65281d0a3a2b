"""The message of a review: its buttons, the task that it is bound to, and its appearance after the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.mrkdwn import escape
from workplace_provider.http.errors import TooLarge
from workplace_provider.slack.client.parts import MessagePart, split_message

if TYPE_CHECKING:
    from workplace_provider.slack.client.posting import MarkedMessage

ACTION: Final = "workplace_review"
"""Beginning of the ``action_id`` of every button, and the ``block_id`` of their block."""
FACT: Final = "review"
"""Name of the metadata field with the task."""
_STYLES: Final[Mapping[str, str]] = {"Approve": "primary", "Reject": "danger"}
_PAST: Final[Mapping[str, str]] = {"Approve": "Approved", "Reject": "Rejected"}
_LONGEST_BUTTON: Final = 75
# chat.update accepts 4,000 bytes of escaped text; a character of Korean or Japanese has three, an entity up to five.
_LONGEST_NOTICE: Final = 500


@dataclass(frozen=True, slots=True)
class ReviewedTask:
    """The task instance and the try that ask for a review.

    A retried or cleared task asks again, and the earlier message must not answer the new question; so the try is part of it.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @property
    def key(self) -> str:
        """Value of the buttons: a digest, which is compared with that of the message's metadata."""
        return hashlib.sha256(self.as_fact().encode()).hexdigest()[:32]

    def as_fact(self) -> str:
        """Return the task as JSON, for the message's metadata."""
        return json.dumps(astuple(self), ensure_ascii=False)

    @classmethod
    def of(cls, fact: Any) -> ReviewedTask | None:
        """Read what :meth:`as_fact` returned; return ``None`` for anything else."""
        try:
            dag_id, run_id, task_id, map_index, try_number = json.loads(fact)
        except (ValueError, TypeError):
            return None
        texts, numbers = (dag_id, run_id, task_id), (map_index, try_number)
        is_valid = all(isinstance(text, str) for text in texts) and all(type(number) is int for number in numbers)
        return cls(dag_id, run_id, task_id, map_index, try_number) if is_valid else None


@dataclass(frozen=True, slots=True)
class ReviewEnd:
    """The end of a review.

    :param option: the answer; ``None`` if the review ended without one
    :param person: name of the person in Airflow; empty without a person
    :param slack_user: id of the person in Slack, if they clicked
    :param at: time of the end; ``None`` if it is not known
    :param reason: reason for an end without a person
    """

    option: str | None = None
    person: str = ""
    slack_user: str = ""
    at: datetime | None = None
    reason: str = ""

    def describe(self) -> str:
        """Return the end as mrkdwn, such as "*Approved* by @Kim Jimin, today 14:02"."""
        if self.option is None:
            line = f"*Closed*: {escape(self.reason)}"
        else:
            line = f"*{escape(_PAST.get(self.option, self.option))}* {self._by()}"
        return f"{line}, {_show_time(self.at)}" if self.at is not None else line

    def _by(self) -> str:
        if self.slack_user:
            return f"by <@{self.slack_user}> ({escape(self.person)})"
        return f"by {escape(self.person)} in Airflow" if self.person else f"by default: {escape(self.reason)}"


def open_message(
    text: str, notice: str, task: ReviewedTask, options: Sequence[str], labels: Mapping[str, str] | None = None
) -> MessagePart:
    """Return a message with a button for each option.

    :param text: content in mrkdwn
    :param notice: plain text of the notification
    :param labels: texts of the buttons by option; the option itself by default
    :raises TooLarge: the text does not fit one message
    """
    buttons = [
        _button(f"{ACTION}.{number}", (labels or {}).get(option, option), task.key, _STYLES.get(option))
        for number, option in enumerate(options)
    ]
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    parts = split_message(
        escape(notice[:_LONGEST_NOTICE]), [section, {"type": "actions", "block_id": ACTION, "elements": buttons}]
    )
    if len(parts) > 1:
        raise TooLarge(
            f"the text of the review has {len(text)} characters, which do not fit one message with buttons",
            advice="shorten it, and link to the rest",
        )
    return parts[0]


def closed_message(message: MarkedMessage, end: ReviewEnd) -> MessagePart:
    """Return the message without its buttons, with a line about the end."""
    line = end.describe()
    shown = [block for block in message.blocks or () if block.get("block_id") != ACTION]
    context = {"type": "context", "elements": [{"type": "mrkdwn", "text": line}]}
    return MessagePart(f"{message.text or ''}\n{line}", (*shown, context))


def is_open(message: MarkedMessage) -> bool:
    """Return whether a message has its buttons."""
    return any(block.get("block_id") == ACTION for block in message.blocks or ())


def option_number(action_id: str) -> int | None:
    """Return the number of the option of a button; ``None`` for another button."""
    name, _, number = action_id.partition(".")
    return int(number) if name == ACTION and number.isascii() and number.isdigit() and len(number) < 3 else None


def _button(action_id: str, text: str, value: str, style: str | None) -> dict[str, Any]:
    label = {"type": "plain_text", "text": text[:_LONGEST_BUTTON], "emoji": True}
    return {"type": "button", "action_id": action_id, "text": label, "value": value, **({"style": style} if style else {})}


def _show_time(at: datetime) -> str:
    """Return a time that Slack shows in each reader's own time zone."""
    fallback = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"
