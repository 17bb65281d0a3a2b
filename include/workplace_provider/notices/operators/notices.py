"""Operator that watches a notice board."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from airflow.sdk import Asset

from workplace_provider.common import fields
from workplace_provider.common.arguments import none_if_blank
from workplace_provider.common.dag_files import portable_path, resolve_beside_dag, resolve_in_task
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.notices.operators.recipient import DEFAULT_TEXT, NoticeRecipient

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field
    from workplace_provider.notices import Board
    from workplace_provider.notices.polling import Store

NOTICE_BOARDS: Final = Asset("notice_boards")
"""The asset whose state store has the memory of all boards. Every task that watches a board needs it as an inlet."""


class NoticeBoardResult(TypedDict):
    """The output of a task that watches a board.

    Each of ``notices``, oldest first, has ``key``, ``title``, ``url``, ``published`` (ISO 8601 or ``None``), ``author``,
    ``summary``, ``pinned`` and ``edited``. ``seen`` is the number of remembered notices.
    """

    board: str
    notices: list[dict[str, Any]]
    seen: int
    first_run: bool


class NoticeBoardOperator(WorkplaceOperator):
    """Post the new notices of a board to a Slack channel, or return them for the next task, each exactly once.

    ::

        NoticeBoardOperator(task_id="watch", board="../include/notices/university.yaml", channel="#general")

    A new notice is stored as pending before it is posted. The message has a dedupe key in its metadata, and the operator
    searches the channel for the key before it posts. Therefore retries and killed workers neither duplicate nor lose a
    message. See ``docs/notices.md`` for the description of a board.

    The memory is in the state store of the asset :data:`NOTICE_BOARDS`, under the ids of DAG and task and the board's name.
    The asset is an inlet of the task by default, also of a mapped one.

    :param board: description of the board: a dict, or a YAML file relative to the DAG file. A file that begins with
        ``include/`` may also be in the ``include`` folder of the DAG's project
    :param channel: Slack channel for a board without its own; without any channel, nothing is posted
    :param text: message in mrkdwn, with places such as ``{link}``; see
        :func:`~workplace_provider.notices.operators.recipient.notice_text`
    :param max_new: overrides the board's own ``max_new``
    :param http_conn_id: connection of type ``http`` that overrides the board's own
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True, "inlets": [NOTICE_BOARDS]}
    ui_color = "#ecf6e6"

    board: Field[Mapping[str, Any] | str] = fields.template()
    channel: Field[str | None] = fields.optional_text(default=None)
    text: Field[str] = fields.text(default=DEFAULT_TEXT)
    max_new: Field[int | None] = fields.integer(default=None, least=1)
    http_conn_id: Field[str | None] = fields.optional_text(default=None)
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    @property
    def board_name(self) -> str:
        """Name of the board, for the label of a mapped task: ``map_index_template="{{ task.board_name }}"``."""
        return str(self.board.get("name")) if isinstance(self.board, Mapping) else Path(self.board).stem

    def execute(self, context: Context) -> NoticeBoardResult:
        """Read the board, and post the new notices.

        :return: the new notices of this run; the same after every retry
        :raises AirflowFailException: a permanent error
        """
        with fail_on_permanent_error():
            self.parse_fields()
            board = self._load_board(context)
            from workplace_provider.notices import poll
            from workplace_provider.notices.hooks import NoticeBoardSource

            channel = none_if_blank(board.channel) or self.channel
            with closing(
                NoticeRecipient(context["task_state_store"], board, self.text, channel, self.slack_conn_id)
            ) as recipient:
                result = poll(
                    board,
                    _memory(context),
                    f"{context['dag'].dag_id}/{self.task_id}/{board.name}",
                    source=NoticeBoardSource(board, self.http_conn_id),
                    recipient=recipient,
                    max_new=self.max_new,
                )
        self.log.info("%s: %d new notices, %d remembered", board.name, len(recipient.taken), result.seen)
        if result.first_run:
            self.log.info("first poll of this board: its notices count as known")
        return {"board": board.name, "notices": recipient.taken, "seen": result.seen, "first_run": result.first_run}

    def _load_board(self, context: Context) -> Board:
        try:
            from workplace_provider.notices import describe_board, load_board
        except ImportError as error:
            raise ValueError(f"{error}: pip install 'airflow-provider-workplace[notices]'") from error
        if isinstance(self.board, Mapping):
            return describe_board(self.board)
        return load_board(resolve_beside_dag(self.board, context["dag"].fileloc))


def _memory(context: Context) -> Store:
    try:
        stores: Any = context["asset_state_store"]
        store: Store = stores[NOTICE_BOARDS]
    except KeyError:
        raise ValueError(
            "the task has no state store for the board's memory: pass inlets=[NOTICE_BOARDS], from "
            "workplace_provider.notices.operators.notices"
        ) from None
    return store


def board_files(folder: str) -> list[str]:
    """Return the description files of the boards in a folder, for a mapped task.

    ::

        NoticeBoardOperator.partial(task_id="watch").expand(board=task(board_files)("../include/notices"))

    The task that reads a file may run on another worker, where the project may be in another folder. So the paths of files
    in the project's ``include`` folder are relative to the project. Files elsewhere keep the path that the DAG has.

    :param folder: a folder; in a task also relative to the DAG file
    :return: paths of the YAML files, sorted by name
    :raises FileNotFoundError: the folder does not exist
    """
    files = [file for file in resolve_in_task(folder).iterdir() if file.suffix in (".yaml", ".yml")]
    return sorted(portable_path(Path(folder, file.name)) for file in files)
