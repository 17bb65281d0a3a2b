"""Operator that watches a notice board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.sdk import Asset

from workplace_provider.common.arguments import none_if_blank, parse_int
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.notices.operators.recipient import NoticeRecipient
from workplace_provider.notices.operators.text import DEFAULT_TEXT

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.notices import Board
    from workplace_provider.notices.polling import Store

NOTICE_BOARDS: Final = Asset("notice_boards")
"""Keeps the memory of all boards: the inlet of every task that watches one."""


class NoticeBoardResult(TypedDict):
    """What a task that watches a board hands on.

    Each of ``notices`` has ``key``, ``title``, ``url``, ``published`` (ISO 8601 or ``None``), ``author``, ``summary``,
    ``pinned`` and ``edited``, the oldest first. ``seen`` is how many are remembered.
    """

    board: str
    notices: list[dict[str, Any]]
    seen: int
    first_run: bool


class NoticeBoardOperator(WorkplaceOperator):
    """Tell what is new on a notice board: each new notice exactly once, in a Slack channel or to the next task.

    A new notice is noted in the memory before it is posted, and crossed out afterwards; the message carries a key in its
    metadata, which is looked for before posting. So neither a retry nor a worker that dies makes a second message, and none
    is lost. See ``docs/notices.md`` for the description of a board.

    The memory is in the state store of the asset :data:`NOTICE_BOARDS`, under the ids of DAG and task and the board's name.
    A mapped task has to name the asset: ``NoticeBoardOperator.partial(task_id="watch", inlets=[NOTICE_BOARDS])``.

    :param board: the board's description: a dict, or a YAML file, relative to the DAG's file
    :param channel: Slack channel for a board that names none; without one nothing is posted
    :param text: the message in mrkdwn, with places such as ``{link}``; see
        :func:`~workplace_provider.notices.operators.text.notice_text`
    :param max_new: takes the place of the board's own, for once
    :param http_conn_id: connection of type ``http`` that takes the place of the board's own
    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    """

    template_fields: Sequence[str] = ("board", "channel", "text", "max_new", "http_conn_id", "slack_conn_id")
    ui_color = "#ecf6e6"

    def __init__(
        self,
        *,
        board: Mapping[str, Any] | str,
        channel: str | None = None,
        text: str = DEFAULT_TEXT,
        max_new: int | str | None = None,
        http_conn_id: str | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        kwargs.setdefault("inlets", [NOTICE_BOARDS])
        super().__init__(**kwargs)
        self.board = board
        self.channel = channel
        self.text = text
        self.max_new = max_new
        self.http_conn_id = http_conn_id
        self.slack_conn_id = slack_conn_id

    @property
    def board_name(self) -> str:
        """The board as a mapped task is labelled: ``map_index_template="{{ task.board_name }}"``."""
        return str(self.board.get("name")) if isinstance(self.board, Mapping) else Path(self.board).stem

    def execute(self, context: Context) -> NoticeBoardResult:
        """Read the board, and post what is new.

        :return: the notices that this run posted, or that the next task is to have; the same after every retry
        :raises AirflowFailException: when a retry cannot help
        """
        with fail_on_permanent_error():
            board = self._described(context)
            from workplace_provider.notices import poll
            from workplace_provider.notices.hooks import read_notice_board

            conn_id = none_if_blank(self.http_conn_id)
            channel = none_if_blank(board.channel) or none_if_blank(self.channel)
            with closing(
                NoticeRecipient(context["task_state_store"], board, self.text, channel, self.slack_conn_id)
            ) as recipient:
                done = poll(
                    board,
                    _memory(context),
                    f"{context['dag'].dag_id}/{self.task_id}/{board.name}",
                    read=lambda etag, modified: read_notice_board(board, conn_id, etag=etag, modified=modified),
                    hand_over=recipient.take,
                    max_new=parse_int(self.max_new, "max_new", least=1),
                )
        self.log.info("%s: %d new, %d remembered", board.name, len(recipient.taken), done.seen)
        if done.first_run:
            self.log.info("the first look at this board: what is on it is taken for known")
        return {"board": board.name, "notices": recipient.taken, "seen": done.seen, "first_run": done.first_run}

    def _described(self, context: Context) -> Board:
        try:
            from workplace_provider.notices import describe_board, load_board
        except ImportError as error:
            raise ValueError(f"{error}: pip install 'airflow-provider-workplace[notices]'") from error
        if isinstance(self.board, Mapping):
            return describe_board(self.board)
        return load_board(Path(context["dag"].fileloc).parent / self.board)


def _memory(context: Context) -> Store:
    try:
        stores: Any = context["asset_state_store"]
        found: Store = stores[NOTICE_BOARDS]
    except KeyError:
        raise ValueError(
            "the task has nowhere to remember what it has seen: give it inlets=[NOTICE_BOARDS], from "
            "workplace_provider.notices.operators.notices"
        ) from None
    return found


def board_files(folder: str) -> list[str]:
    """The descriptions of boards in a folder, to be mapped over when a DAG runs.

    :return: paths of its YAML files, by name
    :raises FileNotFoundError: there is no such folder
    """
    return sorted(str(file) for file in Path(folder).iterdir() if file.suffix in (".yaml", ".yml"))
