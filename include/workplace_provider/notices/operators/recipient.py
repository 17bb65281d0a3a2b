"""Who gets the new notices of a board."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.notices.operators.text import notice_text

if TYPE_CHECKING:
    from workplace_provider.notices import Board, Notice, PendingNotice
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

HANDED_OVER: Final = "notices"


class NoticeRecipient:
    """Takes new notices for a channel, or for the next task.

    What the run has taken is noted in the task's state, so that a retry returns it as well.

    :param state: Airflow's task state store
    :param board: whose notices they are
    :param text: the message; see :func:`~workplace_provider.notices.operators.text.notice_text`
    :param channel: id or name; ``None`` for the next task
    :param slack_conn_id: connection of type ``slack``
    """

    def __init__(self, state: Any, board: Board, text: str, channel: str | None, slack_conn_id: str) -> None:
        self._state = state
        self._board = board
        self._text = text
        self._channel = channel
        self._slack_conn_id = slack_conn_id
        # As a task hands them on, the oldest first.
        self.taken: list[dict[str, Any]] = state.get(HANDED_OVER) or []

    @cached_property
    def _slack(self) -> SlackDirectoryHook:
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        return SlackDirectoryHook(slack_conn_id=self._slack_conn_id)

    @cached_property
    def _channel_id(self) -> str:
        return self._slack.find_channels([self._channel or ""])[0].id

    def take(self, waiting: PendingNotice) -> None:
        """Post a notice unless it is in the channel, and note it."""
        import msgspec

        plain = msgspec.to_builtins(waiting.notice)
        if plain in self.taken:
            return
        if self._channel is not None:
            self._post(waiting)
        self.taken = [*self.taken, plain]
        self._state.set(HANDED_OVER, self.taken)

    def _post(self, waiting: PendingNotice) -> None:
        from workplace_provider.slack.client import split_message

        notice = waiting.notice
        self._slack.poster.post(
            self._channel_id,
            split_message(redact_outgoing(notice_text(notice, self._board, self._text))),
            dedupe_key=_dedupe_key(self._board, notice),
            since=waiting.since,
        )

    def close(self) -> None:
        """Close the connection to Slack when there is one."""
        if "_slack" in vars(self):
            self._slack.close()


def _dedupe_key(board: Board, notice: Notice) -> str:
    key = f"notice:{board.name}:{notice.key}"
    return f"{key}:{notice.content}" if notice.edited else key
