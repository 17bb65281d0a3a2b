"""Delivery of new notices to a Slack channel or to the next task, and the text of their messages."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from workplace_provider.common.outgoing import redact_outgoing

if TYPE_CHECKING:
    from workplace_provider.notices import Board, Notice, PendingNotice
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

STATE_KEY: Final = "notices"
DEFAULT_TEXT: Final = "{sign}*{board}* {link}\n{details}"
LONGEST_TITLE: Final = 300
LONGEST_URL: Final = 2_000
"""Slack does not render longer URLs as links."""
_PLACE = re.compile(r"\{(\w+)\}")


class NoticeRecipient:
    """Posts new notices to a channel, or collects them for the next task.

    The notices of the run are kept in the task's state, so that a retry returns them too.

    :param state: Airflow's task state store
    :param board: board of the notices
    :param text: message; see :func:`notice_text`
    :param channel: id or name, or a person; ``None`` to only collect the notices
    :param slack_conn_id: connection of type ``slack``
    """

    def __init__(self, state: Any, board: Board, text: str, channel: str | None, slack_conn_id: str) -> None:
        self._state = state
        self._board = board
        self._text = text
        self._channel = channel
        self._slack_conn_id = slack_conn_id
        # As JSON for the output of the task, oldest first.
        self.taken: list[dict[str, Any]] = state.get(STATE_KEY) or []

    @cached_property
    def _slack(self) -> SlackDirectoryHook:
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        return SlackDirectoryHook(slack_conn_id=self._slack_conn_id)

    @cached_property
    def _channel_id(self) -> str:
        return self._slack.find_recipient(self._channel or "").id

    def take(self, pending: PendingNotice) -> None:
        """Post a notice unless it was posted before, and record it."""
        import msgspec

        plain = msgspec.to_builtins(pending.notice)
        if plain in self.taken:
            return
        if self._channel is not None:
            self._post(pending)
        self.taken = [*self.taken, plain]
        self._state.set(STATE_KEY, self.taken)

    def _post(self, pending: PendingNotice) -> None:
        from workplace_provider.slack.client import split_message

        notice = pending.notice
        self._slack.poster.post(
            self._channel_id,
            split_message(redact_outgoing(notice_text(notice, self._board, self._text))),
            dedupe_key=_dedupe_key(self._board, notice),
            since=pending.since,
        )

    def close(self) -> None:
        """Close the connection to Slack, if it was used."""
        if "_slack" in vars(self):
            self._slack.close()


def _dedupe_key(board: Board, notice: Notice) -> str:
    key = f"notice:{board.name}:{notice.key}"
    return f"{key}:{notice.content}" if notice.edited else key


def notice_text(notice: Notice, board: Board, text: str = DEFAULT_TEXT) -> str:
    """Fill the places of a text with the parts of a notice, escaped, so that they cannot be markup or mention anyone.

    ::

        notice_text(notice, board, "*{board}*: {link} ({published})")

    :param text: mrkdwn with ``{link}`` (the title as a link), ``{title}``, ``{url}``, ``{board}``, ``{author}``,
        ``{published}``, ``{summary}``, ``{details}`` (date and author) and ``{sign}`` (for pinned and edited notices)
    :raises ValueError: the text has an unknown place
    """
    from workplace_provider.common.mrkdwn import escape, linked
    from workplace_provider.notices.notice import one_line

    url = notice.url if len(notice.url) <= LONGEST_URL else ""
    title = one_line(notice.title, LONGEST_TITLE)
    published = f"{notice.published.astimezone(ZoneInfo(board.timezone)):%Y-%m-%d}" if notice.published else ""
    values = {
        "link": linked(title, url),
        "title": escape(title),
        "url": escape(url),
        "board": escape(board.label),
        "author": escape(notice.author),
        "published": published,
        "summary": escape(notice.summary),
        "details": escape(" · ".join(filter(None, (published, notice.author)))),
        "sign": ":pencil2: " if notice.edited else ":pushpin: " if notice.pinned else "",
    }
    unknown = [name for name in _PLACE.findall(text) if name not in values]
    if unknown:
        raise ValueError(f"text has the unknown place {{{unknown[0]}}}; known are {', '.join(values)}")
    return _PLACE.sub(lambda place: values[place.group(1)], text).strip()
